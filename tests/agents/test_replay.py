"""Recordings: played as a session, and kept inside the worktree."""

import asyncio
import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

from wtman.agents import load
from wtman.execution.supervisor import run_kept
from wtman.model.command import Exit, ExitReason, Work
from wtman.model.ids import TaskId
from wtman.model.session import Job

HEADER = {"wtman_recording": 1, "task": "billing", "agent": "command:x"}
OK = {"t": 9, "exit": 0}


class Stage:
    """A worktree and a place for recordings."""

    def __init__(self, folder: Path) -> None:
        self.tree = folder / "tree"
        self.recordings = folder / "recordings"
        self.evidence = folder / "evidence"
        self.tree.mkdir()
        self.recordings.mkdir()

    def record(self, *steps: Any, name: str = "billing.jsonl") -> Path:
        path = self.recordings / name
        path.write_text("".join(json.dumps(step) + "\n" for step in (HEADER, *steps)))
        return path

    def play(self, recording: Path, attempt: int = 1, **env: str) -> Exit:
        job = Job(
            TaskId("billing"), attempt, "p", "/p", str(self.tree), "/h",
            {"PATH": os.environ["PATH"], **env},
        )  # fmt: skip
        command = load.load(f"replay:{recording}").command(job)
        folder = self.evidence / str(len(list(self.evidence.glob("*"))))
        self.folder = folder
        return asyncio.run(run_kept(Work(f"replay-{folder.name}", command, str(folder), 60)))

    def said(self, stream: str = "stdout") -> str:
        return (self.folder / stream).read_bytes().decode()

    def files(self) -> dict[str, str]:
        return {
            str(path.relative_to(self.tree)): path.read_text()
            for path in self.tree.rglob("*")
            if path.is_file()
        }


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def edit(path: str, content: str = "x", **more: str) -> dict[str, Any]:
    return {"edit": {"path": path, "content": content, **more}}


def test_output_edits_and_exit_are_played(stage: Stage) -> None:
    (stage.tree / "old.py").write_text("old")
    (stage.tree / "kept.py").write_text("before")
    recording = stage.record(
        {"t": 0, "out": "one é"},
        {"t": 0.5, "err": "two"},
        {"t": 1, **edit("src/deep/new.py", "new\n")},
        {"t": 1, **edit("kept.py", "after")},
        {"t": 1, **edit("run.sh", "#!/bin/sh\n", mode="100755")},
        {"t": 1, **edit("link", "kept.py", mode="120000")},
        {"t": 1, "edit": {"path": "raw", "base64": base64.b64encode(b"\0\xff").decode()}},
        {"t": 1, "delete": "old.py"},
        {"t": 1, "delete": "never/there"},
        {"t": 3600, "exit": 7},
    )
    ended = stage.play(recording)
    assert (ended.reason, ended.code) == (ExitReason.EXITED, 7)
    assert ended.ended - ended.started < 30
    assert (stage.said(), stage.said("stderr")) == ("one é\n", "two\n")
    assert (stage.tree / "raw").read_bytes() == b"\0\xff"
    assert os.readlink(stage.tree / "link") == "kept.py"
    assert (stage.tree / "run.sh").stat().st_mode & 0o111
    assert not (stage.tree / "kept.py").stat().st_mode & 0o111
    (stage.tree / "raw").unlink()
    assert stage.files() == {
        "src/deep/new.py": "new\n", "kept.py": "after", "link": "after", "run.sh": "#!/bin/sh\n",
    }  # fmt: skip


def test_folder_gives_the_recording_of_task_and_attempt(stage: Stage) -> None:
    stage.record({"out": "any attempt"}, OK)
    stage.record({"out": "the second"}, OK, name="billing.2.jsonl")
    for attempt, text in ((1, "any attempt\n"), (2, "the second\n"), (3, "any attempt\n")):
        assert stage.play(stage.recordings, attempt).code == 0
        assert stage.said() == text


def test_speed_is_a_factor_of_the_recorded_time(stage: Stage) -> None:
    recording = stage.record({"t": 0, "out": "a"}, {"t": 2, "out": "b"}, {"t": 4, "exit": 0})
    ended = stage.play(recording, WTMAN_REPLAY_SPEED="10")
    assert ended.ended - ended.started >= 0.4
    assert stage.play(recording, WTMAN_REPLAY_SPEED="fast").code == 2
    assert stage.said("stderr") == "replay: WTMAN_REPLAY_SPEED is no speed: fast\n"


BAD_PATHS = [
    "", "/etc/passwd", "../out", "a/../../out", "a//b", "./a", ".git/hooks/x", ".GIT/config",
    "sub/.git/config", ".git", "git~1/config", ".git./x", "a\0b", "a/",
]  # fmt: skip


@pytest.mark.parametrize("path", BAD_PATHS)
@pytest.mark.parametrize("kind", ["edit", "delete"])
def test_paths_out_of_the_worktree_are_refused(stage: Stage, path: str, kind: str) -> None:
    (stage.tree / "kept").write_text("kept")
    step = edit(path) if kind == "edit" else {"delete": path}
    ended = stage.play(stage.record(edit("first"), step, OK))
    assert ended.code == 2
    assert stage.said("stderr").count("\n") == 1
    assert "line 3" in stage.said("stderr")
    assert stage.files() == {"kept": "kept"}, "nothing of it is played"


@pytest.mark.parametrize("step", [edit("link/x"), {"delete": "link/x"}])
def test_links_are_not_followed(stage: Stage, step: dict[str, Any]) -> None:
    outside = stage.tree.parent / "outside"
    outside.mkdir()
    (outside / "x").write_text("safe")
    (stage.tree / "link").symlink_to(outside)
    ended = stage.play(stage.record(step, OK))
    assert ended.code == 2
    assert stage.said("stderr").count("\n") == 1
    assert [path.name for path in outside.iterdir()] == ["x"]
    assert (outside / "x").read_text() == "safe"


def test_a_link_made_by_the_recording_is_no_way_out_either(stage: Stage) -> None:
    outside = stage.tree.parent / "outside"
    outside.mkdir()
    steps = (edit("link", str(outside), mode="120000"), edit("link/x"), OK)
    assert stage.play(stage.record(*steps)).code == 2
    assert list(outside.iterdir()) == []


def test_a_link_in_place_of_the_file_is_replaced_not_followed(stage: Stage) -> None:
    outside = stage.tree.parent / "outside"
    outside.write_text("safe")
    (stage.tree / "file").symlink_to(outside)
    assert stage.play(stage.record(edit("file", "new"), OK)).code == 0
    assert outside.read_text() == "safe"
    assert (stage.tree / "file").read_text() == "new"
    assert not (stage.tree / "file").is_symlink()


def test_a_full_folder_is_not_replaced(stage: Stage) -> None:
    (stage.tree / "dir").mkdir()
    (stage.tree / "dir" / "x").write_text("kept")
    ended = stage.play(stage.record(edit("dir"), OK))
    assert ended.code == 2
    assert stage.files() == {"dir/x": "kept"}


@pytest.mark.parametrize("lines", [
    b"",
    b"not json\n",
    b"[]\n",
    b'{"wtman_recording": 2}\n{"exit": 0}\n',
    b'{"wtman_recording": 1}\n',
    b'{"wtman_recording": 1}\n{"out": "x"}\n',
    b'{"wtman_recording": 1}\n{"exit": 0}\n{"out": "x"}\n',
    b'{"wtman_recording": 1}\n{"exit": 256}\n',
    b'{"wtman_recording": 1}\n{"exit": true}\n',
    b'{"wtman_recording": 1}\n{"out": 1}\n{"exit": 0}\n',
    b'{"wtman_recording": 1}\n{"out": "a", "err": "b"}\n{"exit": 0}\n',
    b'{"wtman_recording": 1}\n{"t": 2, "out": "a"}\n{"t": 1, "exit": 0}\n',
    b'{"wtman_recording": 1}\n{"t": NaN, "exit": 0}\n',
    b'{"wtman_recording": 1}\n{"t": -1, "exit": 0}\n',
    b'{"wtman_recording": 1}\n{"nothing": 1}\n{"exit": 0}\n',
    b'{"wtman_recording": 1}\n{"edit": {"path": "x"}}\n{"exit": 0}\n',
    b'{"wtman_recording": 1}\n{"edit": {"path": "x", "base64": "*"}}\n{"exit": 0}\n',
    b'{"wtman_recording": 1}\n{"edit": {"path": "x", "content": "", "mode": "100600"}}\n'
    b'{"exit": 0}\n',
    b'\xff\xfe\n',
    b'{"wtman_recording": 1}\n\xff\n',
])  # fmt: skip
def test_bad_recordings_are_refused_in_one_line(stage: Stage, lines: bytes) -> None:
    recording = stage.recordings / "bad.jsonl"
    recording.write_bytes(lines)
    assert stage.play(recording).code == 2
    assert stage.said("stderr").count("\n") == 1
    assert stage.said("stderr").startswith("replay: ")
    assert stage.said() == ""


def test_missing_recording_is_refused_in_one_line(stage: Stage) -> None:
    assert stage.play(stage.recordings / "none.jsonl").code == 2
    assert "No such file or directory" in stage.said("stderr")
    assert stage.play(stage.recordings).code == 2
    assert "no recording of task billing, attempt 1" in stage.said("stderr")
