"""Commands of wtman run for a tool, in a process of their own, and what they print.

What is printed goes to a file: a client that is gone ends nothing. A command that is
cancelled is stopped as by Ctrl-C; one that begins a run outlives whoever asked for it.
"""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Any

from wtman.errors import WtmanError
from wtman.text.terminal import last_lines

_POLL = 0.1  # seconds between two looks at what was printed
_PATIENCE = 20.0  # seconds for a command that is stopped
_READ = 1 << 20


async def objects(
    folder: str, words: Sequence[str], stdin: str = "", *, outlives: bool = False
) -> AsyncGenerator[dict[str, Any], None]:
    """What `wtman WORDS` prints in this folder, an object a line, each as soon as it is there.

    One that ends without having printed any gives an `error` object. One that `outlives` goes
    on where nobody reads any further.
    """
    with (
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
        tempfile.TemporaryFile() as fed,
    ):
        fed.write(stdin.encode("utf-8", "replace"))
        fed.seek(0)
        # -P: a folder that it stands in is no place to import from.
        argv = (sys.executable, "-P", "-m", "wtman", *words)
        # Not asyncio's: that kills what still runs as soon as nobody holds on to it.
        process = subprocess.Popen(
            argv, cwd=folder, stdin=fed, stdout=out, stderr=err, start_new_session=True
        )
        said = False
        try:
            async for value in _lines(out.fileno(), process):
                said = True
                yield value
        finally:
            if not outlives:
                await _ended(process)
        if not said:
            err.seek(0)
            yield _unexplained(err.read(_READ).decode("utf-8", "replace"), process.returncode)


async def _lines(out: int, process: subprocess.Popen[bytes]) -> AsyncIterator[dict[str, Any]]:
    at, rest = 0, b""
    while True:
        ended = process.poll() is not None  # asked before reading: the last line is seen
        while data := os.pread(out, _READ, at):
            at += len(data)
            *lines, rest = (rest + data).split(b"\n")
            for value in map(_object, lines):
                if value is not None:
                    yield value
        if ended:
            if (value := _object(rest)) is not None:
                yield value
            return
        await asyncio.sleep(_POLL)


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


async def _ended(process: subprocess.Popen[bytes]) -> None:
    """Nothing goes on once nobody wants it: stopped politely first."""
    for way in (signal.SIGINT, signal.SIGKILL):
        if process.poll() is not None:
            return
        process.send_signal(way)
        until = time.monotonic() + _PATIENCE
        while process.poll() is None and time.monotonic() < until:
            await asyncio.sleep(_POLL)


async def printed(folder: str, words: Sequence[str]) -> str:
    """What a command that only shows prints for people. Raises WtmanError where that is nothing
    but an error."""
    argv = (sys.executable, "-P", "-m", "wtman", *words)
    done = await asyncio.to_thread(
        subprocess.run, argv, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    if done.returncode and not done.stdout.strip():
        # Once more, for the code of the error: for people there is none in it.
        command, *more = words
        told = await last_object(folder, [command, "--json", *more])
        error = told.get("error", {"message": "it said nothing"})
        raise WtmanError(error["message"], hint=error.get("hint", ""), code=error.get("code", ""))
    return done.stdout.decode("utf-8", "replace")


def _unexplained(err: str, status: int | None) -> dict[str, Any]:
    said = " ".join(last_lines(err, 3)) or f"it ended with {status} and said nothing"
    return {"error": {"code": "failed", "message": said, "hint": ""}}


async def last_object(
    folder: str, words: Sequence[str], stdin: str = "", *, outlives: bool = False
) -> dict[str, Any]:
    """The last of them: a command's answer, or its error."""
    found: dict[str, Any] = {}
    printing = objects(folder, words, stdin, outlives=outlives)
    async with contextlib.aclosing(printing) as stream:
        async for value in stream:
            found = value
    return found
