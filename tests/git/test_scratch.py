"""Scratch folders and drafts: those of the dead go, those of the living stay."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from wtman import files
from wtman.git import scratch


@pytest.fixture
def dead() -> int:
    """The number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def test_what_a_killed_process_left_goes_and_nothing_else(tmp_path: Path, dead: int) -> None:
    place = str(tmp_path)
    with scratch.scratch(place, "s-") as mine:
        locked = tmp_path / f"s-{dead}-held"
        for path in (locked, tmp_path / f"s-{dead}-left/in", tmp_path / f"t-{dead}-other"):
            path.mkdir(parents=True)
        (tmp_path / f"s-{os.getpid()}-young").mkdir()
        held = os.open(locked, os.O_RDONLY)
        fcntl.flock(held, fcntl.LOCK_EX)
        scratch.sweep(place, "s-")
        os.close(held)
        assert os.path.isdir(mine)
        left = {path.name for path in tmp_path.iterdir()} - {os.path.basename(mine)}
        assert left == {locked.name, f"t-{dead}-other", f"s-{os.getpid()}-young"}
    assert not os.path.exists(mine)


def test_drafts_say_whose_they_are(tmp_path: Path, dead: int) -> None:
    draft = files.beside(str(tmp_path / "state.json"))
    theirs = draft.replace(str(os.getpid()), str(dead), 1)
    for path in (draft, theirs, str(tmp_path / "state.json"), str(tmp_path / "v1.12-aa")):
        Path(path).touch()
    Path(theirs + ".old").mkdir()
    scratch.sweep_drafts(str(tmp_path))
    assert {str(path) for path in tmp_path.iterdir()} == {
        draft,
        str(tmp_path / "state.json"),
        str(tmp_path / "v1.12-aa"),
    }
