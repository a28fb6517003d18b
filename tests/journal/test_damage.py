"""A journal that is damaged, gone or not to be written: what is whole is said, with the way on."""

import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import kit
from tests.journal.test_store import RUN, created
from wtman.errors import MissingError
from wtman.journal import events as e
from wtman.journal.store import Store
from wtman.model.ids import TaskId
from wtman.model.plan import Task


def _sql(*texts: str) -> Callable[[Path], None]:
    def run(path: Path) -> None:
        with sqlite3.connect(path) as database:
            for text in texts:
                database.execute(text)
        database.close()

    return run


def _bytes(start: int, end: int) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        held = bytearray(path.read_bytes())
        held[start:end] = b"\xa5" * (min(end, len(held)) - start)
        path.write_bytes(held)

    return change


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:6000])


def _foreign(path: Path) -> None:
    path.unlink()
    _sql("CREATE TABLE notes (text)")(path)


WAYS = {
    "header": _bytes(0, 100),
    "first page": _bytes(100, 4096),
    "events": _bytes(4096, 8192),
    "indexes": _bytes(12288, 20480),
    "cut": _cut,
    "foreign": _foreign,
    "no table": _sql("DROP TABLE events"),
    "no JSON": _sql("UPDATE events SET body = '{x'"),
    "other JSON": _sql("UPDATE events SET body = '[1]'"),
    "no kind": _sql("UPDATE events SET body = '{}'"),
}


def _read(folder: str) -> None:
    with Store.open(folder) as store:
        store.runs()
        store.events(RUN)


@pytest.mark.parametrize("way", WAYS)
def test_damage_is_an_error_with_a_way_on(way: str, tmp_path: Path) -> None:
    with Store.open(str(tmp_path)) as store:
        store.append(RUN, [created(), *(e.TaskAdded(Task(TaskId("a"), "x")),) * 9], 1.0)
    WAYS[way](tmp_path / "state.db")
    with pytest.raises(MissingError) as caught:
        _read(str(tmp_path))
    assert caught.value.code == "journal"
    assert f"the run journal {tmp_path}/state.db is " in caught.value.message
    assert "set it aside: mkdir -p" in caught.value.hint


@pytest.mark.slow
def test_what_the_hint_says_works(
    wtman: kit.Program, repo: Path, git: Callable[..., str], commit: Callable[..., str]
) -> None:
    split = ("split", "x", "--task", "a: do", "--agent", "command:touch a", "--check", "true")
    wtman(*split, "--reviewers", 0, "--yes", cwd=repo)
    _bytes(4096, 8192)(repo / ".git/wtman/state.db")
    for words in (["status"], ["merge"], ["resume"], ["report"], ["clean"], ["doctor"]):
        done = wtman(*words, cwd=repo, check_status=3)
        assert "state.db is damaged" in " ".join((done.err + done.out).split())
    branch = git(repo, "for-each-ref", "--format=%(refname:short)", "refs/heads/wtman").strip()
    done = wtman("status", cwd=repo, check_status=3)
    assert f"1 branch of runs ({branch})" in done.err
    aside = next(line for line in done.err.splitlines() if "aside: " in line)
    subprocess.run(["sh", "-c", aside.partition("aside: ")[2]], cwd=repo, check=True)
    assert "state.db is missing, but" in wtman("status", cwd=repo, check_status=3).err
    wtman("merge", "--branches", branch, "--check", "true", cwd=repo)
    assert (repo / "a").exists()
    assert wtman("status", "--all", cwd=repo).out


def test_a_journal_that_was_emptied_is_not_no_run(wtman: kit.Program, repo: Path) -> None:
    place = repo / ".git/wtman"
    (place / "runs/x-1234/tasks").mkdir(parents=True)
    for make in (lambda: None, lambda: (place / "state.db").write_bytes(b"")):
        make()
        assert "runs has x-1234" in wtman("status", cwd=repo, check_status=3).err


def test_a_journal_that_cannot_be_written_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store.open(str(tmp_path)) as store:
        store.append(RUN, [created()], 1.0)
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with Store.open(str(tmp_path)) as store:
        assert store.runs() == (RUN,)
        with pytest.raises(MissingError, match="cannot use the run journal"):
            store.append(RUN, [e.Approved()], 1.0)
    # What its writer has not moved over yet is seen, too.
    monkeypatch.undo()
    with Store.open(str(tmp_path)) as writer:
        writer.append(RUN, [e.Approved()], 2.0)
        monkeypatch.setattr("os.access", lambda path, mode: False)
        with Store.open(str(tmp_path)) as store:
            assert [item.at for item in store.events(RUN)] == [1.0, 2.0]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["state.db"]
