"""Plays a recorded session: a stand-alone program, standard library only.

    python -I -S player.py RECORDING          a file
    python -I -S player.py FOLDER             TASK.ATTEMPT.jsonl in it, else TASK.jsonl

TASK and ATTEMPT come from WTMAN_TASK and WTMAN_ATTEMPT; the worktree is the current
folder. A recording is JSON lines:

    {"wtman_recording": 1, "task": "billing", "agent": "command:..."}     first
    {"t": 0.5, "out": "a line for stdout"}      {"t": 0.5, "err": "one for stderr"}
    {"t": 1.0, "edit": {"path": "src/a.py", "content": "text", "mode": "100644"}}
    {"t": 1.0, "edit": {"path": "logo.png", "base64": "iVBORw0K"}}
    {"t": 1.5, "delete": "src/old.py"}
    {"t": 2.0, "exit": 0}                                                 last

`t` is seconds since the start, never decreasing, 0 where absent. `mode` is 100644
(the default), 100755 or 120000, whose content is the target of a symbolic link.
WTMAN_REPLAY_SPEED plays at so many times the recorded speed; without it, at once.

It promises that a recording changes nothing outside the current folder and no
`.git` in it, through links neither. A recording that is not wholly well-formed is
refused before its first line is played: exit 2, one line on stderr.
"""

import base64
import binascii
import json
import os
import re
import signal
import sys
import time
from typing import Any

MODES = {"100644": 0o644, "100755": 0o755, "120000": 0o120000}
_STEPS = ("out", "err", "edit", "delete", "exit")


class PlaybackError(Exception):
    """The recording cannot be played; one line says why."""


def main() -> int:
    # The session is stopped like any other program's, without a word.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        if len(sys.argv) != 2:
            raise PlaybackError("usage: player.py RECORDING")
        path = find(sys.argv[1], os.environ)
        speed = speed_of(os.environ.get("WTMAN_REPLAY_SPEED", ""))
        return play(load(path), speed)
    except PlaybackError as error:
        sys.stderr.write(f"replay: {error}\n")
    except OSError as error:
        sys.stderr.write(f"replay: {error.filename or sys.argv[1]}: {error.strerror}\n")
    return 2


def find(given: str, environ: Any) -> str:
    """The recording meant by a file, or by a folder and the task."""
    if not os.path.isdir(given):
        return given
    task, attempt = environ.get("WTMAN_TASK", ""), environ.get("WTMAN_ATTEMPT", "1")
    if not re.fullmatch("[A-Za-z0-9_-]+", task) or not attempt.isdecimal():
        raise PlaybackError(f"{given} is a folder, and WTMAN_TASK names no task")
    for name in (f"{task}.{attempt}.jsonl", f"{task}.jsonl"):
        path = os.path.join(given, name)
        if os.path.exists(path):
            return path
    raise PlaybackError(f"{given} has no recording of task {task}, attempt {attempt}")


def speed_of(text: str) -> float:
    """How many times faster than recorded; 0 is at once."""
    try:
        speed = float(text or 0)
    except ValueError:
        speed = -1.0
    if not 0 <= speed < float("inf"):
        raise PlaybackError(f"WTMAN_REPLAY_SPEED is no speed: {text}")
    return speed


# --- reading ------------------------------------------------------------------------------------


def load(path: str) -> list[dict[str, Any]]:
    """The steps of a recording, every one of them fit to be played."""
    with open(path, "rb") as file:
        lines = file.read().splitlines()
    steps = [_object(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not steps or steps[0].get("wtman_recording") != 1:
        raise PlaybackError(f"{path} is no recording of version 1")
    del steps[0]
    before = 0.0
    for number, step in enumerate(steps, 2):
        _check(path, number, step, before)
        before = step.get("t", before)
    if not steps or "exit" not in steps[-1]:
        raise PlaybackError(f"{path} ends without an exit")
    return steps


def _object(path: str, number: int, line: bytes) -> dict[str, Any]:
    try:
        step = json.loads(line)
    except ValueError as error:
        raise PlaybackError(f"{path}, line {number}: {error}") from error
    if not isinstance(step, dict):
        raise PlaybackError(f"{path}, line {number}: no object")
    return step


def _check(path: str, number: int, step: dict[str, Any], before: float) -> None:
    try:
        time_of = step.get("t", before)
        if type(time_of) not in (int, float) or not before <= time_of < float("inf"):
            raise PlaybackError(f"unusable time {time_of!r}")
        (kind,) = [key for key in step if key in _STEPS] or [""]
        value = step.get(kind)
        if kind in ("out", "err") and not isinstance(value, str):
            raise PlaybackError(f"{kind} is no text")
        if kind == "exit" and (type(value) is not int or not 0 <= value <= 255):
            raise PlaybackError(f"unusable exit {value!r}")
        if kind == "delete":
            parts_of(value)
        if kind == "edit":
            _check_edit(value)
        if not kind:
            raise PlaybackError("none of " + ", ".join(_STEPS))
    except PlaybackError as error:
        raise PlaybackError(f"{path}, line {number}: {error}") from error
    except ValueError as error:
        raise PlaybackError(
            f"{path}, line {number}: more than one of {', '.join(_STEPS)}"
        ) from error


def _check_edit(edit: Any) -> None:
    if not isinstance(edit, dict):
        raise PlaybackError("edit is no object")
    parts_of(edit.get("path"))
    if edit.get("mode", "100644") not in MODES:
        raise PlaybackError(f"unknown mode {edit['mode']!r}")
    content_of(edit)


def parts_of(path: Any) -> list[str]:
    """The names along a path that stays in the worktree and out of `.git`."""
    if not isinstance(path, str) or not path or "\0" in path:
        raise PlaybackError(f"unusable path {path!r}")
    parts = path.split("/")
    for part in parts:
        # On file systems that fold names, ".GIT", ".git." and "git~1" are .git too.
        folded = part.casefold().rstrip(". ")
        if not folded or folded in (".git", "git~1"):
            raise PlaybackError(f"path {path!r} leaves the worktree")
    return parts


def content_of(edit: dict[str, Any]) -> bytes:
    text, coded = edit.get("content"), edit.get("base64")
    try:
        if isinstance(text, str) and coded is None:
            return text.encode("utf-8", "surrogateescape")
        if isinstance(coded, str) and text is None:
            return base64.b64decode(coded, validate=True)
    except (UnicodeError, binascii.Error) as error:
        raise PlaybackError(f"content of {edit['path']}: {error}") from error
    raise PlaybackError(f"{edit['path']} needs either content or base64")


# --- playing --------------------------------------------------------------------------------------


def play(steps: list[dict[str, Any]], speed: float) -> int:
    """Do the steps; the recorded exit status."""
    begin = time.monotonic()
    for step in steps:
        if speed:
            time.sleep(max(0.0, begin + step.get("t", 0) / speed - time.monotonic()))
        if "exit" in step:
            return int(step["exit"])
        for kind, stream in (("out", sys.stdout.buffer), ("err", sys.stderr.buffer)):
            if kind in step:
                stream.write(step[kind].encode("utf-8", "surrogateescape") + b"\n")
                stream.flush()
        if "edit" in step:
            edit = step["edit"]
            put(parts_of(edit["path"]), content_of(edit), edit.get("mode", "100644"))
        if "delete" in step:
            remove(parts_of(step["delete"]))
    return 0


def put(parts: list[str], content: bytes, mode: str) -> None:
    """Make the path be this file or link, whatever it was before."""
    folder = _enter(parts[:-1], make=True)
    try:
        _unlink(parts[-1], folder)
        if mode == "120000":
            os.symlink(os.fsdecode(content), parts[-1], dir_fd=folder)
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with open(os.open(parts[-1], flags, MODES[mode], dir_fd=folder), "wb") as file:
            file.write(content)
    finally:
        os.close(folder)


def remove(parts: list[str]) -> None:
    """Make the path not be there."""
    try:
        folder = _enter(parts[:-1], make=False)
    except FileNotFoundError:
        return
    try:
        _unlink(parts[-1], folder)
    finally:
        os.close(folder)


def _unlink(name: str, folder: int) -> None:
    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        return
    except (IsADirectoryError, PermissionError):
        os.rmdir(name, dir_fd=folder)  # git knows no empty folders; a full one is an error


def _enter(parts: list[str], *, make: bool) -> int:
    """A descriptor of a folder below the current one, reached without following a link."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    folder = os.open(".", flags)
    for part in parts:
        try:
            if make:
                _make_folder(part, folder)
            below = os.open(part, flags, dir_fd=folder)
        finally:
            os.close(folder)
        folder = below
    return folder


def _make_folder(name: str, folder: int) -> None:
    try:
        os.mkdir(name, dir_fd=folder)
    except FileExistsError:
        return


if __name__ == "__main__":
    sys.exit(main())
