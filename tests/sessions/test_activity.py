"""What tasks do now, as another process reads it."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from wtman.model.ids import TaskId
from wtman.model.session import Usage
from wtman.sessions.activity import ActivityLog, load_activity

A, B = TaskId("a"), TaskId("b")


class Loop:
    """An event loop's clock and timers, moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.due: list[tuple[float, Callable[[], None]]] = []
        self.cancelled = 0

    def call_later(self, seconds: float, call: Callable[[], None]) -> "Loop":
        self.due.append((self.now + seconds, call))
        return self

    def cancel(self) -> None:
        self.cancelled += 1

    def time(self) -> float:
        return self.now

    def pass_(self, seconds: float) -> int:
        """Let time go by; how many timers fired."""
        self.now += seconds
        ready = [item for item in self.due if item[0] <= self.now]
        self.due = [item for item in self.due if item[0] > self.now]
        for _, call in ready:
            call()
        return len(ready)


@pytest.fixture
def loop() -> Loop:
    return Loop()


def test_it_is_written_at_once_and_then_once_a_second(tmp_path: Path, loop: Loop) -> None:
    doing = ActivityLog(str(tmp_path), loop.call_later, loop.time)
    doing.tell(A, "reads")
    assert loop.pass_(0) == 1
    assert load_activity(str(tmp_path)).said == {"a": "reads"}
    for number in range(50):
        doing.tell(A, f"edits {number}")
        doing.tell(B, "thinks")
    assert loop.pass_(0.9) == 0
    assert load_activity(str(tmp_path)).said == {"a": "reads"}
    assert loop.pass_(0.1) == 1
    assert load_activity(str(tmp_path)).said == {"a": "edits 49", "b": "thinks"}
    assert sorted(os.listdir(tmp_path)) == ["activity.json"]
    assert (tmp_path / "activity.json").stat().st_mode & 0o777 == 0o600


def test_it_stays_small_and_goes_with_its_coordinator(tmp_path: Path, loop: Loop) -> None:
    doing = ActivityLog(str(tmp_path), loop.call_later, loop.time)
    for number in range(400):
        doing.tell(TaskId(f"t{number}"), "x" * 10_000)
    loop.pass_(0)
    said = load_activity(str(tmp_path)).said
    assert len(said) == 256 and "t399" in said and "t0" not in said
    assert {len(words) for words in said.values()} == {200}
    doing.tell(A, "more")
    doing.close()
    assert loop.cancelled == 1
    assert load_activity(str(tmp_path)).said == {}
    doing.close()


def test_words_of_any_kind_come_through(tmp_path: Path, loop: Loop) -> None:
    doing = ActivityLog(str(tmp_path), loop.call_later, loop.time)
    doing.tell(A, "odd \udcff \x1b[2J 日本\n")
    loop.pass_(0)
    assert load_activity(str(tmp_path)).said == {"a": "odd \udcff \x1b[2J 日本\n"}


def test_a_folder_that_cannot_be_written_ends_nothing(tmp_path: Path, loop: Loop) -> None:
    doing = ActivityLog(str(tmp_path / "absent"), loop.call_later, loop.time)
    doing.tell(A, "reads")
    assert loop.pass_(0) == 1
    doing.close()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"7", b"\xff", b"[" * 100_000])
def test_nonsense_is_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "activity.json").write_bytes(content)
    assert load_activity(str(tmp_path)).said == {}


def test_only_words_and_only_a_file(tmp_path: Path) -> None:
    path = tmp_path / "activity.json"
    path.write_text(json.dumps({"said": {"a": 1, "b": "well"}}))
    assert load_activity(str(tmp_path)).said == {"b": "well"}
    path.unlink()
    os.mkfifo(path)
    assert load_activity(str(tmp_path)).said == {}
    path.unlink()
    path.symlink_to("/etc/hostname")
    assert load_activity(str(tmp_path)).said == {}


def test_what_live_sessions_use_is_told_with_it(tmp_path: Path, loop: Loop) -> None:
    used = {"run/a/2": Usage(1200, 30, 0.5), "run/b/1": Usage(7, 1), "run/planning/1/x": Usage(1)}
    doing = ActivityLog(str(tmp_path), loop.call_later, loop.time, lambda: used)
    doing.tell(A, "thinks")
    loop.pass_(0)
    assert load_activity(str(tmp_path)).used == {"a": Usage(1200, 30, 0.5), "b": Usage(7, 1)}
    path = tmp_path / "activity.json"
    path.write_text(json.dumps({"used": {"a": [1, "2", None], "b": 3, "c": [1, 2, None]}}))
    assert load_activity(str(tmp_path)).used == {"c": Usage(1, 2)}
