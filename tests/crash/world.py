"""A small run to be killed in, and what must hold afterwards."""

import json
import os
import random
import shutil
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests import kit

HOOK = Path(__file__).parent / "hook"

# Every n-th effect; WTMAN_CRASH_STRIDE=1 tries them all, which takes hours.
STRIDE = int(os.environ.get("WTMAN_CRASH_STRIDE", "75"))

PLAN = """
request = "three things"
check = ["test -f base.txt && ! grep -rq BROKEN . --include=*.txt"]

[[task]]
id = "alpha"
prompt = "write alpha"
owns = ["*alpha*"]

[[task]]
id = "beta"
prompt = "write beta"
owns = ["*beta*"]
needs = ["alpha"]

[[task]]
id = "gamma"
prompt = "write gamma"
owns = ["*gamma*"]
"""

# Logs each start outside of the worktree, so that a session that ran twice is seen.
AGENT = """\
#!/bin/sh
set -eu
(echo "$WTMAN_TASK" >> "$1") 2>/dev/null || true
ls > "left-$WTMAN_TASK"
echo "by $WTMAN_TASK" > "$WTMAN_TASK.txt"
echo "$WTMAN_TASK" >> shared-$WTMAN_TASK.txt
# One line that each has in turn: landed twice, it would conflict with itself.
case $WTMAN_TASK in alpha | beta) echo "$WTMAN_TASK" > line-alpha-beta ;; esac
"""


@dataclass(frozen=True)
class World:
    """A repository, its plan, and the log of agent starts."""

    repo: Path
    plan: Path
    agent: Path
    log: Path
    wtman: kit.Program
    shared: bool = False  # one worktree serves all tasks

    @property
    def split(self) -> list[str]:
        agent = f"command:{self.agent} {self.log}"
        how = "-j 1 --sandbox bubblewrap" if self.shared else "-j 2"
        words = f"split --plan {self.plan} --yes {how} --allow-overlap --agent"
        return [*words.split(), agent]

    @property
    def starts(self) -> Counter[str]:
        if self.shared:  # walls keep the agent from its log
            begun = (self.repo / ".git/wtman/runs").glob("*/tasks/*/*/spec.json")
            return Counter(path.parent.parent.name for path in begun)
        return Counter(self.log.read_text().split()) if self.log.exists() else Counter()

    @property
    def run(self) -> str | None:
        """The run's name, or None where it was not journalled before the end."""
        runs = self.wtman("status", "--all", "--json", cwd=self.repo, check_status=None)
        if runs.code != 0:
            return None
        listed = json.loads(runs.out)["runs"]
        return listed[-1]["id"] if listed else None

    def killed(self, args: list[str], at: int) -> bool:
        """Run with a kill at the n-th effect; whether it came to that."""
        env = {"PYTHONPATH": f"{HOOK}:{kit.ROOT}", "WTMAN_KILL_AT": str(at)}
        done = self.wtman(*args, cwd=self.repo, env=env, check_status=None)
        return done.code == -signal.SIGKILL

    def effects(self, args: list[str]) -> int:
        """How many effects a whole run has."""
        tally = self.repo.parent / "tally"
        env = {"PYTHONPATH": f"{HOOK}:{kit.ROOT}", "WTMAN_KILL_TALLY": str(tally)}
        self.wtman(*args, cwd=self.repo, env=env)
        return int(tally.read_text())

    def completed(self) -> set[str]:
        """Tasks with a session whose exit marker is on disk."""
        markers = (self.repo / ".git/wtman/runs").glob("*/tasks/*/*/exit.json")
        return {
            path.parent.parent.name
            for path in markers
            if json.loads(path.read_text()).get("reason") == "exited"
        }


def points(effects: int, share: str = "1/1", stride: int = STRIDE) -> list[int]:
    """Which effects to be killed at: the first, the last, and each `stride`-th from a random one
    on; of them a share.

    `share` "2/3" is the second of three that together have them all.
    """
    offset = random.randrange(stride)
    print(f"{effects} effects, stride {stride}, offset {offset}, share {share}")
    number, _, shares = share.partition("/")
    tried = sorted({1, *range(1 + offset, effects + 1, stride), effects})
    return tried[int(number) - 1 :: int(shares)]


def kept(folder: Path) -> Callable[[], None]:
    """Keeps what is in the folder now; call the value to have it so again, at the same path."""
    beside = folder.with_name(f"{folder.name}.kept")
    shutil.copytree(folder, beside, symlinks=True)

    def restore() -> None:
        shutil.rmtree(folder)
        shutil.copytree(beside, folder, symlinks=True)

    return restore


def make(folder: Path, wtman: kit.Program, shared: bool = False) -> World:
    repo = kit.create_repo(folder / "repo", {"base.txt": "base\n", "line-alpha-beta": "base\n"})
    kit.write_files(folder, {"plan.toml": PLAN, "agent.sh": AGENT})
    log = folder / "starts.log"
    return World(repo, folder / "plan.toml", folder / "agent.sh", log, wtman, shared)


def assert_whole(world: World, main: str) -> None:
    """The run is ready, every tip is what the journal says, the user's things are untouched."""
    repo = world.repo
    status = world.wtman("status", "--json", cwd=repo).json()
    assert status["run"]["state"] == "ready", status
    for task in status["tasks"]:
        assert task["state"] == "verified", task
        tip = kit.run_git(repo, "rev-parse", f"refs/heads/{task['branch']}")
        assert tip == task["head"], f"{task['id']}: journal and branch differ"
        assert kit.run_git(repo, "show", f"{tip}:{task['id']}.txt") == f"by {task['id']}"
        found = set(kit.run_git(repo, "show", f"{tip}:left-{task['id']}").split())
        others = {"alpha", "beta", "gamma"} - {task["id"], *task["needs"]}
        assert not found & {f"{name}.txt" for name in others}, "it found what another had left"
        if not world.shared or task["worktree"]:
            assert kit.run_git(task["worktree"], "status", "--porcelain") == ""
    untouched(world, main)


def untouched(world: World, main: str) -> None:
    repo = world.repo
    assert kit.run_git(repo, "rev-parse", "main") == main
    assert kit.run_git(repo, "status", "--porcelain") == ""
    assert kit.run_git(repo, "stash", "list") == ""
    assert kit.run_git(repo, "fsck", "--strict", "--connectivity-only", "--no-dangling") == ""
    assert not [path for path in repo.glob(".git/**/*.lock") if os.path.isfile(path)]
    kit.assert_no_leftover_processes(repo.parent)
