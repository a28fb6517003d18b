"""Faults of the machine, at random moments: nobody is blamed, nothing is done twice or stuck.

Kills of coordinator, keeper, git and session in split, resume, review and merge; file
systems that fill up; two coordinators at once. What these hold is held cheaply elsewhere,
too: each mutation here takes one promise away, and the named tests have to notice.
"""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import kit
from tests.crash.world import World, make, untouched

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

# It takes its time, so that a kill finds it; each end that it comes to by itself is logged.
AGENT = """\
#!/bin/sh
echo "by $WTMAN_TASK" > "$WTMAN_TASK.txt"
sleep 0.4
case $WTMAN_TASK in gamma) git add -A && git commit -qm mine ;; esac
echo "$WTMAN_TASK" >> "$1"
"""
REVIEWER = """\
#!/usr/bin/env python3
import json, sys, time
json.load(sys.stdin)
time.sleep(0.4)
print(json.dumps({"findings": []}))
"""


@pytest.fixture
def world(tmp_path: Path, wtman: kit.Program) -> World:
    made = make(tmp_path, wtman)
    kit.write_files(tmp_path, {"agent.sh": AGENT, "reviewer.py": REVIEWER})
    return made


# --- kills ----------------------------------------------------------------------------------


def family(pid: int) -> dict[str, list[int]]:
    """The processes of a coordinator by what they are."""
    below: dict[int, list[int]] = {}
    words: dict[int, list[str]] = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            fields = Path("/proc", name, "stat").read_text().rpartition(")")[2].split()
            said = Path("/proc", name, "cmdline").read_bytes().decode("utf-8", "replace")
        except OSError:
            continue
        below.setdefault(int(fields[1]), []).append(int(name))
        words[int(name)] = said.split("\0")
    found: dict[str, list[int]] = {"coordinator": [pid], "keeper": [], "git": [], "session": []}
    waiting = [pid]
    while waiting:
        for child in below.get(waiting.pop(), []):
            waiting.append(child)
            said = words.get(child, [""])
            if any(map(kit.is_keeper, said)):
                found["keeper"].append(child)
            elif os.path.basename(said[0]) == "git":
                found["git"].append(child)
            elif any(word.endswith(("agent.sh", "reviewer.py")) for word in said):
                found["session"].append(child)
    return found


def strike(process: subprocess.Popen[str], kind: str, choose: random.Random) -> bool:
    """Kill one process of the kind as soon as there is one; whether it came to that."""
    until = time.monotonic() + 2
    while process.poll() is None and time.monotonic() < until:
        if victims := family(process.pid)[kind]:
            try:
                os.kill(choose.choice(victims), signal.SIGKILL)
            except ProcessLookupError:
                continue
            return True
    return False


def carried_on(world: World, args: list[str], kind: str, choose: random.Random) -> int:
    """Run with kills of this kind, and go on until it is over; how many there were."""
    kills = 0
    for _ in range(8):
        process = world.wtman.start(*args, cwd=world.repo)
        if kills < 3:
            time.sleep(choose.uniform(0.0, 1.2))
            kills += strike(process, kind, choose)
        out, err = process.communicate(timeout=60)
        assert "Traceback" not in err and "internal error" not in err, err
        if process.returncode == 0 or "is merged already" in err:
            return kills
        assert process.returncode in (-signal.SIGKILL, 4), f"{args}\n{out}{err}"
        if args[0] != "merge" and (run := world.run):
            args = ["resume", run, "--yes"]
    pytest.fail(f"{args} does not come to an end")


@pytest.mark.parametrize("kind", ["coordinator", "keeper", "git", "session"])
@pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")
def test_kills_at_random_moments_cost_no_completed_session(world: World, kind: str) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    choose, repo = random.Random(seed), world.repo
    reviewer = f"command:{world.repo.parent}/reviewer.py"
    # A session that is killed itself has failed, as often as it is.
    more = ["--reviewers", "1", "--reviewer", reviewer, "--attempts", "5"]
    kills = carried_on(world, [*world.split, *more], kind, choose)
    assert world.starts == {"alpha": 1, "beta": 1, "gamma": 1}, f"{kills} kills"
    status = world.wtman("status", "--json", cwd=repo).json()
    assert {task["state"] for task in status["tasks"]} == {"verified"}, status
    if kind in ("coordinator", "git"):
        carried_on(world, ["merge"], kind, choose)
    else:
        world.wtman("merge", cwd=repo)
    log = kit.run_git(repo, "log", "--first-parent", "--format=%(trailers:key=Wtman-Task)")
    assert sorted(line.split()[1] for line in log.splitlines() if line) == [
        *("alpha", "beta", "gamma")
    ]
    untouched(world, kit.run_git(repo, "rev-parse", "main"))


def test_a_second_coordinator_is_sent_away_and_changes_nothing(world: World) -> None:
    first = world.wtman.start(*world.split, cwd=world.repo)
    until = time.monotonic() + 60
    while not (run := world.run) and time.monotonic() < until:
        time.sleep(0.05)
    others = [
        world.wtman.start(*words, cwd=world.repo)
        for words in (["resume", run, "--yes"], ["resume", run, "--yes"], ["merge", run])
    ]
    told = [(process.communicate(timeout=60), process.returncode) for process in others]
    first.communicate(timeout=60)
    assert first.returncode == 0
    for (_, err), code in told:
        # Who came when all was over had nothing to do.
        assert (code == 3 and "is running" in err) or code == 0, (code, err)
    assert world.starts == {"alpha": 1, "beta": 1, "gamma": 1}
    assert world.wtman("status", "--json", cwd=world.repo).json()["run"]["state"] != "running"


# --- full disks -----------------------------------------------------------------------------

FULL = """\
set -eu
mkdir -p "$PLACE"
mount -t tmpfs -o size=300m tmpfs "$PLACE"
git init -q -b main "$REPO"; cd "$REPO"
git config user.name Ada; git config user.email ada@example.com
echo base > base.txt; git add -A; git commit -qm base
code=0
$WTMAN split x --task "one: do it" --agent "command:$FLAGS/agent.sh" --check "sh $FLAGS/check.sh" \\
  --reviewers 0 -y > "$FLAGS/split" 2>&1 || code=$?
echo "split $code"
code=0; $WTMAN resume -y > "$FLAGS/again" 2>&1 || code=$?
echo "still $code"
rm -f "$PLACE"/filler*
code=0; $WTMAN resume -y > "$FLAGS/resume" 2>&1 || code=$?
echo "resume $code"
$WTMAN status --json
"""
FILL = """\
if [ ! -e {flags}/full ]; then
  : > {flags}/full
  dd if=/dev/zero of={place}/filler bs=1M 2>/dev/null || :
  dd if=/dev/zero of={place}/filler2 bs=512 2>/dev/null || :
fi
"""
WRITES = "head -c 200000 /dev/zero > $1/out.bin && [ -s $1/out.bin ]; code=$?; rm -f $1/out.bin"


def can_mount() -> bool:
    words = [*NAMESPACE, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


NAMESPACE = ["unshare", "--mount", *(["--map-root-user"] if os.geteuid() else [])]


@pytest.mark.parametrize(
    "place, when, starts",
    [
        ("repo.worktrees", "session", 2),
        ("repo", "collect", 1),
        ("repo.worktrees", "check", 1),
        ("tmp", "check", 1),
    ],
)
def test_a_full_disk_pauses_and_blames_nobody(
    tmp_path: Path, program_environment: dict[str, str], place: str, when: str, starts: int
) -> None:
    if not shutil.which("unshare") or not can_mount():
        pytest.skip("no tmpfs can be mounted here")
    flags, where = tmp_path / "flags", tmp_path / place
    fill = FILL.format(flags=flags, place=where)
    writes = WRITES.replace("$1", str(where) if place == "tmp" else ".")
    kit.write_files(
        flags,
        {
            "agent.sh": f"#!/bin/sh\necho x >> {flags}/starts\necho one > one.txt\n"
            + (f"{fill}{writes}; exit $code\n" if when == "session" else "")
            + (f"head -c 3000000 /dev/urandom > two.bin\n{fill}" if when == "collect" else ""),
            "check.sh": f"[ -e one.txt ] || exit 0\n{fill}{writes}; exit $code\n"
            if when == "check"
            else "test -f base.txt\n",
        },
    )
    done = subprocess.run(
        [*NAMESPACE, "sh", "-c", FULL],
        env={
            **os.environ,
            **program_environment,
            "PLACE": str(where),
            "REPO": str(tmp_path / "repo"),
            "FLAGS": str(flags),
            "TMPDIR": str(tmp_path / "tmp" if place == "tmp" else tmp_path),
            "WTMAN": f"{sys.executable} -m wtman",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    said = f"{done.stdout}{done.stderr}\n{(flags / 'split').read_text()}"
    assert done.stdout.splitlines()[:3] == ["split 4", "still 4", "resume 0"], said
    assert str(where) in (flags / "split").read_text().replace("\n  ", ""), said
    (task,) = json.loads(done.stdout.split("\n", 3)[3])["tasks"]
    assert task["state"] == "verified"
    assert (flags / "starts").read_text().count("x") == starts


# --- mutations ------------------------------------------------------------------------------

COLLECT, DECIDE = "tests/worktrees/test_collect.py", "tests/coordinator/test_decide.py"
RUN, LOCKS = "tests/git/test_run.py", "tests/git/test_locks.py"
SUPERVISOR, LOOP = "tests/execution/test_supervisor.py", "tests/coordinator/test_loop.py"
MUTATIONS = {
    "a failure to collect counts as the session's": (
        "worktrees/collect.py",
        r"if not git_snapshot.works\(ctx.control\):",
        "if False:",
        [COLLECT, "-k", "goes_on_failing"],
    ),
    "collecting is not done again": (
        "worktrees/collect.py",
        r"if not last:\n",
        "if False:\n",
        [COLLECT, "-k", "is_done_again and exit and write"],
    ),
    "the end marker is not looked at": (
        "execution/output.py",
        r'folder, "exit.json"',
        'folder, "exit.none"',
        [SUPERVISOR],
    ),
    "refs move whatever they were": (
        "git/refs.py",
        r"\(ref, new, old\)",
        '(ref, new, b"")',
        ["tests/git/test_refs.py"],
    ),
    "a dead lock stays": ("git/run.py", r"if lock and locks\.", "if not lock and locks.", [LOCKS]),
    "a lock of the user's goes": ("locks.py", r"\(\?:heads/\)\?wtman/", "", [LOCKS]),
    "a live lock goes": ("locks.py", r" or _may_be_held\(git_dir, made\)", "", [LOCKS]),
    "a killed git is like any other failure": ("git/run.py", "number in _KILLS", "False", [RUN]),
    "what is held is begun again": ("coordinator/decide.py", "if state.held:", "if 0:", [DECIDE]),
    "a paused run judges again": (
        "coordinator/decide.py",
        r" or not is_unjudged\(state, view\)",
        "",
        [DECIDE, "-k", "amid_its_reviews"],
    ),
    "one task's trouble ends the run": (
        "coordinator/loop.py",
        r"WtmanError\(\) if key.kind in ON_TASK",
        "WtmanError() if not key",
        [LOOP],
    ),
    "the disk may fill before the end is recorded": (
        "execution/keeper.py",
        r"    _reserve\(folder\)\n    stdin",
        "    stdin",
        [SUPERVISOR, "-k", "space"],
    ),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_promise_that_is_taken_away_is_missed(tmp_path: Path, name: str) -> None:
    file, before, after, tests = MUTATIONS[name]
    for folder in ("wtman", "tests"):  # with the byte code, which is known by time and size
        shutil.copytree(kit.ROOT / folder, tmp_path / folder, symlinks=True)
    shutil.copy(kit.ROOT / "pyproject.toml", tmp_path)
    mutant = tmp_path / "wtman" / file
    text, count = re.subn(before, lambda match: after, mutant.read_text())
    assert count == 1, f"{file} has changed: write the mutation anew"
    mutant.write_text(text)
    words = ["-m", "pytest", "-n0", "-x", "-q", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(
        [sys.executable, *words],
        cwd=tmp_path,
        env={
            **os.environ,
            "TMPDIR": str(tmp_path),
            "PYTHONPATH": str(tmp_path),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 1, f"nobody missed it\n{done.stdout}{done.stderr}"
