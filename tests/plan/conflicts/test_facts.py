"""What of a repository is read before the chances of conflicts are told."""

from collections.abc import Callable
from pathlib import Path

from wtman.git.control_dir import prepare
from wtman.git.discovery import discover
from wtman.git.objects.history import files
from wtman.git.repo import resolve
from wtman.model.ids import TaskId
from wtman.model.plan import Task
from wtman.plan.conflicts.chance import RepositoryFacts, conflict_chances
from wtman.plan.conflicts.facts import conflict_facts

APP = "class App:\n    def run(self):\n        return 1\n\n    def stop(self):\n        return 2\n"


def facts(repo: Path, *tasks: Task) -> RepositoryFacts:
    found = discover(str(repo))
    ctl, base = prepare(found), resolve(found, "HEAD")
    return conflict_facts(ctl, base, files(ctl, base), tasks)


def task(name: str, prompt: str = "x", *touches: str) -> Task:
    return Task(TaskId(name), prompt, touches=touches)


def test_the_definitions_of_touched_files_alone_are_read(make_repo: Callable[..., Path]) -> None:
    repo = make_repo({"app.py": APP, "other.py": "def other():\n    pass\n", "notes.txt": "x\n"})
    one, two = task("a", "x", "app.py::App.run"), task("b", "y", "app.py::App.stop", "gone.py")
    known = facts(repo, one, two)
    assert {*known.definitions} == {"app.py"}
    assert {item.name for item in known.definitions["app.py"]} >= {"App.run", "App.stop"}
    apart = conflict_chances([one, two], known)[0].chance
    same = conflict_chances([one, task("b", "y", "app.py::App.run")], known)[0].chance
    assert apart < same
    # A path in another case is that of the file.
    assert facts(repo, one, task("b", "y", "App.py::App.run")) == known
    # One without places: the names of a small repository are all there for its words.
    assert {*facts(repo, one, task("b", "call other")).definitions} == {"app.py", "other.py"}


def test_nothing_is_read_for_tasks_that_cannot_meet(make_repo: Callable[..., Path]) -> None:
    repo = make_repo({"app.py": APP})
    assert facts(repo, task("a", "app.py")) == RepositoryFacts()
    assert facts(repo) == RepositoryFacts()


def test_of_a_larger_repository_what_the_words_are_about_is_read(
    make_repo: Callable[..., Path],
) -> None:
    many = {f"pkg/m{at}.py": f"def thing_{at}():\n    return {at}\n" for at in range(130)}
    repo = make_repo({**many, "pkg/billing.py": "def invoice():\n    return 0\n"})
    known = facts(repo, task("a", "change the invoice of billing"), task("b", "see pkg/m7.py"))
    assert "pkg/billing.py" in known.definitions and "pkg/m7.py" in known.definitions
    assert len(known.definitions) < 120 and len(known.files) == 131
