"""Setup runs once: its result is carried, kept, given on, and never believed once it changed."""

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import kit
from wtman.sandbox.choice import trouble

# What it makes follows from `deps.txt` alone. Each run leaves a line outside of every checkout.
SETUP = """\
set -e
mkdir -p env/lib ~/.tool
cp deps.txt env/lib/deps
date +%s%N > env/made
ln env/made env/again
ln -s "$PWD/env/lib" env/link
printf '#!/bin/sh\\ncat %s/env/lib/deps\\n' "$PWD" > env/tool
chmod +x env/tool
cp env/made ~/.tool/made
git config tool.made "$(cat env/made)"
echo "echo hook" > "$(git rev-parse --git-common-dir)/hooks/pre-commit"
"""
CHECK = """\
test "$(env/tool)" = "$(cat deps.txt)" && test -e env/again && test ! -e env/lib/planted.pth &&
cmp env/made ~/.tool/made && test "$(git config tool.made)" = "$(cat env/made)" &&
test -f "$(git rev-parse --git-common-dir)/hooks/pre-commit"
"""
FILES = {
    "deps.txt": "1\n",
    "a.txt": "a\n",
    ".gitignore": "env\n",
    "setup.sh": SETUP,
    "check.sh": CHECK,
    "wtman.toml": 'setup = ["sh setup.sh"]\nsetup_inputs = ["deps.txt", "setup.sh"]\n'
    'check = ["sh check.sh"]\ncheck_jobs = 1\n',
}


# The same with what is known to stay in the checkout, whoever wrote it.
KNOWN = {
    "wtman.toml": FILES["wtman.toml"]
    .replace('"sh setup.sh"', "'mkdir -p env && cp deps.txt env/deps'")
    .replace('setup_inputs = ["deps.txt", "setup.sh"]', ""),
    "check.sh": "cmp deps.txt env/deps\n",
}


class Yard:
    """A repository with a setup, and runs in it."""

    def __init__(self, wtman: kit.Program, path: Path, files: dict[str, str]) -> None:
        self.wtman = wtman
        self.repo = kit.create_repo(path / "shop", files)
        self.path = path
        wtman("trust", "--yes", cwd=self.repo)

    def written(self, tasks: dict[str, str]) -> str:
        """The path of a plan with these tasks, each a script."""
        scripts = self.path / "agents"
        lines = ['request = "it"']
        for name, script in tasks.items():
            words, _, needs = name.partition(" after ")
            kit.write_files(scripts, {words: f"#!/bin/sh\n{script}\n"})
            lines += ["[[task]]", f'id = "{words}"', f'prompt = "{words}"']
            lines += [f'agent = "command:sh {scripts}/{words}"']
            lines += [f'needs = ["{needs}"]'] if needs else []
        plan = self.path / "plan.toml"
        plan.write_text("\n".join(lines) + "\n")
        return str(plan)

    def run(self, tasks: dict[str, str], *options: str, status: int = 0) -> dict[str, dict]:
        """Run these tasks; gives what `status` says of each."""
        plan = self.written(tasks)
        words = ("split", "--plan", plan, "--yes", "--sandbox", "bubblewrap", "--allow-overlap")
        self.wtman(*words, *options, cwd=self.repo, check_status=status, timeout=120)
        return self.tasks()

    def tasks(self) -> dict[str, dict]:
        told = self.wtman("status", "--json", cwd=self.repo).json()
        self.id = told["run"]["id"]
        return {task["id"]: task for task in told["tasks"]}

    @property
    def evidence(self) -> Path:
        return self.repo / ".git/wtman/runs" / self.id

    def setups(self) -> list[str]:
        """Who ran setup, in order."""
        folder = self.evidence / "setup"
        logs = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)
        return [path.name.rpartition("-")[0] for path in logs]


@pytest.fixture
def yard(wtman: kit.Program, tmp_path: Path) -> Callable[..., Yard]:
    if problem := trouble("bubblewrap"):
        pytest.skip(f"bubblewrap does not work here: {problem}")
    return lambda **files: Yard(wtman, tmp_path, FILES | files)


WORK = "test -x env/tool && env/tool > $WTMAN_TASK.txt && git config tool.made >> $WTMAN_TASK.txt"


def test_setup_runs_once_for_all_tasks_and_checks(yard: Callable[..., Yard]) -> None:
    place = yard()
    tasks = place.run(dict.fromkeys("abcde", WORK), "--jobs", "2")
    assert {task["state"] for task in tasks.values()} == {"verified"}
    (maker,) = place.setups()
    maker = maker if maker in "abcde" else "a check"
    said = [place.wtman("logs", name, cwd=place.repo).out for name in "abcde"]
    assert sum(f"setup: copied from {maker}" in text for text in said) == 2 - (maker in "abcde")
    assert sum(f"setup: kept from {maker}" in text for text in said) == 3


@pytest.mark.slow
def test_without_a_check_the_first_task_makes_it_for_those_who_wait(
    yard: Callable[..., Yard],
) -> None:
    place = yard(**{"wtman.toml": FILES["wtman.toml"].replace('check = ["sh check.sh"]', "")})
    tasks = place.run(dict.fromkeys("abcdef", WORK), "--jobs", "3")
    assert {task["state"] for task in tasks.values()} == {"unchecked"}
    (maker,) = place.setups()
    said = [place.wtman("logs", name, cwd=place.repo).out for name in "abcdef"]
    assert sum(f"setup: copied from {maker}" in text for text in said) == 2
    assert sum("setup: kept from" in text for text in said) == 3


HARM = (
    "echo evil >> env/tool",
    "rm env/made",
    "chmod 777 env/lib",
    "mv env/lib env/lib2; cp -a env/lib2 env/lib",
    "echo evil > env/lib/deps; touch -r deps.txt env/lib/deps",
    "setfattr -n user.a -v b env/lib 2>/dev/null || rm env/link",
)


@pytest.mark.slow
def test_what_a_session_changed_is_made_again(yard: Callable[..., Yard]) -> None:
    """Each does another harm to what the next one would be given."""
    place = yard(**{"wtman.toml": FILES["wtman.toml"].replace("check_jobs = 1", "")})
    scripts = {"a": f"{WORK}; {HARM[0]}"}
    for last, name, harm in zip("abcdef", "bcdefg", (*HARM[1:], "true"), strict=True):
        scripts[f"{name} after {last}"] = f"{WORK}; {harm}"
    tasks = place.run(scripts, "--jobs", "1")
    assert {task["state"] for task in tasks.values()} == {"verified"}
    for name in "bcdefg":
        assert "setup: copied from" in place.wtman("logs", name, cwd=place.repo).out, name


@pytest.mark.slow
def test_what_a_session_added_is_gone(yard: Callable[..., Yard]) -> None:
    place = yard()
    add = (
        "echo 'import evil' > env/lib/planted.pth; mkdir env/lib/.git; mkfifo env/pipe;"
        " ln env/tool env/second; echo x > ~/.tool/new; git config tool.evil x"
    )
    look = (
        "test ! -e env/lib/planted.pth && test ! -e env/pipe && test ! -e env/second"
        " && test ! -e ~/.tool/new && ! git config tool.evil && " + WORK
    )
    tasks = place.run({"a": f"{WORK}; {add}", "b after a": look}, "--jobs", "1")
    assert {task["state"] for task in tasks.values()} == {"verified"}


LOOK = "cmp deps.txt env/deps && cp env/deps $WTMAN_TASK.txt"


@pytest.mark.slow
def test_another_lock_file_is_another_setup_and_serves_only_its_own_line(
    yard: Callable[..., Yard],
) -> None:
    place = yard(**KNOWN)
    change = "echo 2 > deps.txt; echo $WTMAN_TASK > $WTMAN_TASK.txt"
    tasks = place.run({"a": change, "b after a": LOOK, "c after b": LOOK}, "--jobs", "1")
    assert {task["state"] for task in tasks.values()} == {"verified"}
    # The check of a makes it for a, and for b and c, which have a's work.
    assert len(place.setups()) == 2
    assert "setup: copied from a check" in place.wtman("logs", "b", cwd=place.repo).out
    facts = [json.loads(path.read_text()) for path in place.evidence.glob("environments/*/f*.json")]
    assert {item["commit"] for item in facts} == {tasks["a"]["base"], tasks["a"]["head"]}


@pytest.mark.slow
def test_what_an_agent_changed_serves_nobody_without_its_work(yard: Callable[..., Yard]) -> None:
    place = yard(**KNOWN)
    change = "echo 2 > deps.txt; echo $WTMAN_TASK > $WTMAN_TASK.txt"
    tasks = place.run({"a": change, "b": change}, "--jobs", "1")
    assert {task["state"] for task in tasks.values()} == {"verified"}
    facts = [json.loads(path.read_text()) for path in place.evidence.glob("environments/*/f*.json")]
    assert len({item["digest"] for item in facts}) == 2
    assert {item["commit"] for item in facts} == {
        tasks["a"]["base"],
        tasks["a"]["head"],
        tasks["b"]["head"],
    }


@pytest.mark.slow
def test_what_is_kept_is_not_told_whom_it_serves(yard: Callable[..., Yard]) -> None:
    script = SETUP + "env | grep -c 'WTMAN_[TPBR][AOU][SRNA]' > env/told || true\n"
    place = yard(**{"setup.sh": script, "check.sh": 'test "$(cat env/told)" = 0\n'})
    assert place.run({"a": WORK}, "--jobs", "1")["a"]["state"] == "verified"


@pytest.mark.slow
def test_commands_of_a_task_run_for_every_task_after_what_is_kept(
    yard: Callable[..., Yard],
) -> None:
    toml = FILES["wtman.toml"].replace(
        '["sh setup.sh"]', "['sh setup.sh', 'echo $WTMAN_TASK $WTMAN_PORT > env/task']"
    )
    place = yard(**{"wtman.toml": toml})
    work = "set -- $(cat env/task); test $1 = $WTMAN_TASK && test $2 = $WTMAN_PORT && " + WORK
    tasks = place.run(dict.fromkeys("abc", work), "--jobs", "1")
    assert {task["state"] for task in tasks.values()} == {"verified"}
    assert place.setups().count("b") == place.setups().count("c") == 1
    assert "setup: kept from" in place.wtman("logs", "c", cwd=place.repo).out


@pytest.mark.slow
def test_what_needs_the_main_checkout_serves_tasks_alone(yard: Callable[..., Yard]) -> None:
    script = 'cat "$(sed -n 1p main.txt)/local" > env/local\n'
    place = yard(**{"setup.sh": SETUP + script, "main.txt": "", "check.sh": "true\n"})
    (place.repo / "local").write_text("local\n")
    kit.commit_files(place.repo, {"main.txt": f"{place.repo}\n"})
    work = "test $(cat env/local) = local && " + WORK
    tasks = place.run(dict.fromkeys("abc", work), "--jobs", "1", "--allow-failing-base")
    told = [place.wtman("logs", name, cwd=place.repo).out for name in "abc"]
    assert "setup: kept from" in told[1] and "setup: kept from" in told[2]
    assert {task["state"] for task in tasks.values()} == {"unchecked"}


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["while setup runs", "when it is kept", "when a task works"])
def test_a_kill_leaves_nothing_that_is_half_believed(
    yard: Callable[..., Yard], moment: str
) -> None:
    place = yard(**{"setup.sh": SETUP + "head -c 50000000 /dev/zero > env/big\n"})
    signs = {
        "while setup runs": "shop.worktrees/*/*/env/lib",
        "when it is kept": "shop/.git/wtman/runs/*/environments/*/facts.json",
        "when a task works": "shop/.git/wtman/runs/*/tasks/*/1/stdout",
    }
    plan = place.written(dict.fromkeys("abcd", f"{WORK}; test $(wc -c < env/big) = 50000000"))
    words = ("split", "--plan", plan, "--yes", "--sandbox", "bubblewrap", "--allow-overlap")
    running = place.wtman.start(*words, "--jobs", "3", cwd=place.repo)
    while not list(place.path.glob(signs[moment])):
        assert running.poll() is None, running.communicate()
        time.sleep(0.01)
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate()
    place.wtman("resume", "--yes", cwd=place.repo, timeout=120)
    assert {task["state"] for task in place.tasks().values()} == {"verified"}
    assert not list(place.evidence.glob("environments/*.*"))  # no half-made one
    keys = {path.name for path in place.evidence.glob("environments/*")}
    assert keys and all((place.evidence / "environments" / key / "home").is_dir() for key in keys)


@pytest.mark.slow
def test_what_a_check_left_in_its_environment_reaches_no_other(yard: Callable[..., Yard]) -> None:
    hostile = (
        "test ! -e env/lib/evil.pth && test ! -e ~/.tool/evil && ! git config tool.evil\n"
        'test "$(cat env/tool | tail -n1)" = "cat $PWD/env/lib/deps" || exit 1\n'
        "echo x > env/lib/evil.pth; echo x > ~/.tool/evil; git config tool.evil x\n"
        "echo x > env/lib/.hidden; mkdir -p env/lib/.git/hooks; ln -s / env/root\n"
        "case $(ls) in *c.txt*) echo evil >> env/tool; ln env/made env/third; esac\n"
    )
    place = yard(**{"check.sh": CHECK.replace("\n&& ", " && ") + hostile})
    tasks = place.run(dict.fromkeys("abcde", WORK), "--jobs", "1")
    assert {task["state"] for task in tasks.values()} == {"verified"}
