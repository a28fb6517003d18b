"""Seeded runs in which a task falls short by its plan, with scripted authors and repairers.

Shared by the tests and by `scripts/bench/repairs.py`. An author writes what its prompt says in the
lines `write PATH WORDS`, as long as it can: it fails where there are more lines than it can do,
where a file that a `read PATH` names is missing, or where a `not WORDS` is not heeded.
"""

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests import kit

AUTHOR = """\
import os, pathlib, re, sys
told = sys.stdin.read()
here = pathlib.Path(__file__).parent
with (here / "built").open("a") as file:
    file.write(os.environ["WTMAN_TASK"] + "\\n")
own = told.partition("Your task:\\n")[2] or told
own = own.partition("An earlier attempt")[0] + told.partition("Advice from")[2]
lines = re.findall(r"^ *(write|read|alter|avoid) (\\S+) ?(.*)$", own, re.MULTILINE)
avoid = {path for word, path, _ in lines if word == "avoid"}
todo = [it for it in lines if it[0] in ("write", "alter") and it[1] not in avoid]
if len(todo) > 2:
    path = pathlib.Path(todo[0][1])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("half of it\\n")
    sys.exit("this is too much for me")
for word, path, words in lines:
    if word == "read" and not pathlib.Path(path).exists():
        sys.exit(f"there is no {path}")
for word, path, words in todo:
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if word == "alter":
        name, _, body = words.partition(" ")
        text = path.read_text()
        path.write_text(re.sub(rf"def {name}\\(.*?\\n(?=def |$)", body + "\\n", text, flags=re.S))
    else:
        path.write_text(words + "\\n")
"""

# Answers what `decisions.json` has for a task: an answer, or a list of one for each time.
REPAIRER = """\
import json, os, pathlib, sys, time
here = pathlib.Path(__file__).parent
said = sys.stdin.read()
request = json.loads(said)
assert request["role"] == "repairer", request
task = request["task"]["id"]
with (here / "asked").open("a") as file:
    file.write(json.dumps([task, request]) + "\\n")
answers = json.loads((here / "decisions.json").read_text())
answer = answers.get(task, answers.get("*", {"decision": "give_up", "reason": "nothing is known"}))
if isinstance(answer, list):
    tries = sum(json.loads(line)[0] == task for line in (here / "asked").read_text().splitlines())
    answer = answer[min(tries, len(answer)) - 1]
if answer == "crash":
    os.abort()
if answer == "slow":
    time.sleep(600)
print(answer if isinstance(answer, str) else json.dumps(answer))
"""

CHECK = """\
import pathlib, sys
bad = [str(path) for path in pathlib.Path(".").rglob("*.txt") if "wrong" in path.read_text()]
sys.exit(f"wrong: {bad}" if bad else 0)
"""


@dataclass(frozen=True)
class Case:
    """One seeded run: its tasks, what a good repairer decides, and how many land at least."""

    tasks: list[dict[str, Any]]
    decisions: dict[str, Any]
    landed: int
    files: dict[str, str] = field(default_factory=dict)
    merges_twice: bool = False


def _task(name: str, prompt: str, *owns: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "prompt": prompt, "owns": list(owns), **more}


_SMALL = _task("small", "write small.txt good", "small.txt")

CASES = {
    "too-big": Case(
        [
            _SMALL,
            _task(
                "big",
                "write big/a.txt good\nwrite big/b.txt good\nwrite big/c.txt good",
                "big/**",
            ),
            _task("after", "read big/c.txt\nwrite after.txt good", "after.txt", needs=["big"]),
        ],
        {
            "big": {
                "decision": "split",
                "reason": "every attempt did the first of three files",
                "tasks": [
                    {
                        "id": "first",
                        "prompt": "write big/a.txt good\nwrite big/b.txt good",
                        "owns": ["big/a.txt", "big/b.txt"],
                    },
                    {
                        "id": "second",
                        "prompt": "write big/c.txt good",
                        "owns": ["big/c.txt"],
                        "needs": ["first"],
                    },
                ],
            }
        },
        4,
    ),
    "missing-need": Case(
        [
            _task("maker", "write made.txt good", "made.txt"),
            _task("user", "read made.txt\nwrite used.txt good", "used.txt"),
        ],
        {"user": {"decision": "chain", "reason": "it reads what maker makes", "other": "maker"}},
        2,
    ),
    "wrong-prompt": Case(
        [_SMALL, _task("misled", "write told.txt wrong", "told.txt", "right.txt")],
        {
            "misled": {
                "decision": "again",
                "reason": "the check refuses the word that it was told to write",
                "advice": "The word is another:\nwrite told.txt good",
            }
        },
        2,
    ),
    "wrong-paths": Case(
        [
            _task("shared", "write lib/shared.txt good", "lib/shared.txt", "lib/new.txt"),
            _task("narrow", "write lib/new.txt good", "lib/old.txt"),
        ],
        {
            "narrow": {
                "decision": "owns",
                "reason": "the file that it has to write is not its own",
                "owns": ["lib/old.txt", "lib/new.txt"],
                "other": "shared",
            }
        },
        2,
        {"lib/old.txt": "good\n"},
    ),
    "two-in-one-function": Case(
        [
            _task("one", "alter code.py work def work(a):\\n    return a", "code.py"),
            _task("two", "alter code.py work def work(b):\\n    return b", "code.py"),
        ],
        {
            name: {"decision": "chain", "reason": "both write one function", "other": other}
            for name, other in (("one", "two"), ("two", "one"))
        },
        2,
        {"code.py": "def work():\n    return 0\n"},
        merges_twice=True,
    ),
}


class Seeded:
    """A repository with a case in it, and who builds and repairs."""

    def __init__(self, folder: Path, repo: Path, wtman: kit.Program, case: Case) -> None:
        self.folder, self.repo, self._wtman, self.case = folder, repo, wtman, case
        scripts = {"author.py": AUTHOR, "repairer.py": REPAIRER, "check.py": CHECK}
        kit.write_files(folder, scripts)
        if case.files:
            kit.commit_files(repo, case.files, "what is there")
        self.decide(case.decisions)
        self.write_plan(case.tasks)

    def write_plan(self, tasks: list[dict[str, Any]], **more: Any) -> None:
        lines = ['request = "all of it"', f'check = ["{sys.executable} {self.folder}/check.py"]']
        for task in tasks:
            lines.append("[[task]]")
            lines += [f"{name} = {json.dumps(value)}" for name, value in task.items()]
        (self.folder / "plan.toml").write_text("\n".join(lines) + "\n")

    def decide(self, decisions: dict[str, Any]) -> None:
        (self.folder / "decisions.json").write_text(json.dumps(decisions))

    def agent(self, name: str) -> str:
        return f"command:{sys.executable} {self.folder}/{name}.py"

    @property
    def words(self) -> list[str]:
        plan = str(self.folder / "plan.toml")
        roles = ["--role", f"repairer={self.agent('repairer')}"]
        words = ["split", "--plan", plan, "--agent", self.agent("author"), *roles]
        return [*words, "--attempts", "2", "--allow-overlap", "--reviewers", "0", "--yes"]

    def split(self, *more: str, code: int | None = 0) -> kit.Result:
        return self(*self.words, *more, code=code)

    def __call__(self, *words: str, code: int | None = 0) -> kit.Result:
        return self._wtman(*words, cwd=self.repo, check_status=code)

    @property
    def asked(self) -> list[tuple[str, dict[str, Any]]]:
        path = self.folder / "asked"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(task, request) for task, request in map(json.loads, lines)]

    @property
    def built(self) -> list[str]:
        path = self.folder / "built"
        return path.read_text().split() if path.exists() else []

    @property
    def status(self) -> Any:
        return self("status", "--json").json()

    @property
    def tasks(self) -> dict[str, dict[str, Any]]:
        return {item["id"]: item for item in self.status["tasks"]}

    def whole(self, *more: str) -> tuple[int, int]:
        """Split, merge, and where a merge left something for a repair go on and merge again: the
        tasks that landed, without leads, and the sessions that it took."""
        self.split(*more, code=None)
        self("merge", code=None)
        told = self.status
        if str(told["run"]["next"]).startswith("wtman resume"):
            self("resume", "--yes", code=None)
            self("merge", code=None)
            told = self.status
        landed = sum(it["state"] == "merged" and not it["lead"] for it in told["tasks"])
        return landed, int(told["run"]["sessions"])
