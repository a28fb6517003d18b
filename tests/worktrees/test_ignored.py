"""Files at ignored paths: told apart from caches, told with their paths, and not believed gone."""

from pathlib import Path

import pytest

from tests import kit
from tests.worktrees.test_collect import Site, played
from wtman.coordinator.next_session import next_session
from wtman.model.ids import TaskId
from wtman.model.session import Ended

HIDES = "*.log\nbuild/\n__pycache__/\nvendor/\n"
CACHES = "mkdir -p __pycache__ pkg/__pycache__; echo > __pycache__/a.pyc; echo > pkg/__pycache__/b"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    repo = kit.create_repo(tmp_path / "repo", {"a.txt": "a\n", ".gitignore": HIDES})
    kit.write_files(repo, {"build/scripts/old.py": "1\n"})
    kit.run_git(repo, "add", "-f", "build")
    kit.run_git(repo, "commit", "-qm", "a folder that is ignored and tracked")
    kit.write_files(repo, {".git/info/exclude": "notes.md\n"})
    return repo


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("echo 1 > build/scripts/new.py", ("build/scripts/new.py",)),
        ("echo 1 > notes.md; mkdir sub; echo 'gen*' > .git/../sub/.x; rm -r sub", ("notes.md",)),
        ("mkdir vendor; for i in 1 2 3 4 5; do echo > vendor/$i; done", ("vendor/ (5 files)",)),
        ("echo 1 > out.log", ("out.log",)),  # there is nothing else
        ("mkdir .vscode; echo 1 > .vscode/out.log", (".vscode/out.log",)),
        (CACHES, ()),
    ],
)
def test_a_session_that_wrote_only_what_git_ignores_is_told_so(
    path: Path, script: str, told: tuple[str, ...]
) -> None:
    site, found = played(path, {"one": script})
    one = found["one"]
    assert (one.ended, one.ignored) == (Ended.FAILED, told)
    assert ("git ignores" in one.reason) == bool(told)
    assert all(name in one.reason for name in told)

    async def look() -> None:
        prompt = next_session(site.state, site.state.tasks[TaskId("one")]).prompt
        assert all(name in prompt for name in told)
        assert ("git add -f" in prompt) == bool(told)

    site.within(look)


def test_what_was_added_by_force_is_collected_as_if_it_were_committed(path: Path) -> None:
    script = (
        "mkdir -p build/new vendor; echo 1 > build/new/x.py; echo 2 > vendor/y; echo 3 > notes.md; "
        "ln -s /etc vendor/etc; git add -f build/new vendor/y notes.md; echo 4 > vendor/z"
    )
    site, found = played(path, {"one": script})
    one = found["one"]
    assert (one.ended, one.files, one.ignored) == (Ended.OK, 3, ("vendor/etc", "vendor/z"))
    assert site.file(one.head, "build/new/x.py") == "1" and site.file(one.head, "notes.md") == "3"


def test_beside_other_work_it_is_a_note_and_output_is_none(path: Path) -> None:
    script = f"{CACHES}; echo 2 > a.txt; echo 1 > build/scripts/new.py; echo 1 > out.log"
    _, found = played(path, {"one": script})
    one = found["one"]
    assert (one.ended, one.files, one.ignored) == (Ended.OK, 1, ("build/scripts/new.py",))
    assert one.outside_git.endswith("build/scripts/new.py")


def test_what_was_there_before_is_not_told_and_what_an_earlier_one_wrote_is(path: Path) -> None:
    setup = ("mkdir vendor; echo 1 > vendor/lib",)
    _, found = played(path, {"one": "true"}, setup=setup)
    assert found["one"].ignored == ()
    site = Site(path, {"two": "[ $WTMAN_ATTEMPT = 2 ] || echo 1 > notes.md"})

    async def work() -> None:
        await site.play("two")
        assert (await site.play("two"))["two"].ignored == ("notes.md",)

    site.within(work)
