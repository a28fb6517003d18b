"""What a session leaves at the place of its notes is hostile: it is read, or told, never obeyed."""

import json
import os
from pathlib import Path

import pytest

from wtman.formats.deviations import MOST_BYTES
from wtman.model.session import Deviation
from wtman.sessions.notes import path_of, read


def test_notes_are_of_one_attempt(tmp_path: Path) -> None:
    Path(path_of(str(tmp_path), 1)).write_text(json.dumps({"name": "a", "instead": "b"}))
    assert read(str(tmp_path), 1).deviations == (Deviation("a", "", "b"),)
    assert not read(str(tmp_path), 2).written


def test_an_empty_list_takes_notes_back_and_nonsense_does_not(tmp_path: Path) -> None:
    path = Path(path_of(str(tmp_path), 1))
    path.write_text("[]")
    assert read(str(tmp_path), 1).written
    path.write_text("never mind")
    nonsense = read(str(tmp_path), 1)
    assert not nonsense.written and "WTMAN_NOTES" in nonsense.unread


@pytest.mark.parametrize("kind", ["link", "fifo", "folder", "large"])
def test_what_is_no_small_regular_file_is_not_read(tmp_path: Path, kind: str) -> None:
    path = Path(path_of(str(tmp_path), 1))
    secret = tmp_path / "secret"
    secret.write_text(json.dumps({"name": "secret", "instead": "told"}))
    match kind:
        case "link":
            path.symlink_to(secret)
        case "fifo":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case _:
            path.write_bytes(b" " * (MOST_BYTES + 1))
    found = read(str(tmp_path), 1)
    assert not found.written and not found.deviations
    assert ("larger than 64 KiB" if kind == "large" else "no regular file") in found.unread
