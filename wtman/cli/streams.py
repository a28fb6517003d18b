"""The three streams that a program has, made fit for use whatever its caller did to them.

Promises: a stream that the caller closed is the null device, so that no file of ours takes
its number; an output that cannot be written (its reader is gone, its disk is full) ends
nothing that has begun and leaves no noise of the interpreter. What was lost is told once,
at the end. Commands that only print, without an end of their own, may ask to be ended by it.
"""

import errno
import io
import os
import select
import sys
from typing import TextIO

from wtman import files
from wtman.errors import UsageError

_MOST_REQUEST = 1 << 20  # bytes


class Output(io.FileIO):
    """The file under stdout or stderr; the first failure is kept, and the rest goes nowhere."""

    failed: OSError | None = None
    ends = False  # whether a failure is raised, once

    def write(self, data) -> int:  # type: ignore[no-untyped-def]
        """Write `data`, as far as anybody can have it."""
        while self.failed is None:
            try:
                if (written := super().write(data)) is not None:
                    return written
                # Whoever shares the terminal or pipe has made it one that does not wait.
                select.select([], [self], [])
            except OSError as error:
                self.failed = error
                if self.ends:
                    raise
        return memoryview(data).nbytes


def settle() -> None:
    """Give the program its three streams."""
    _open_missing()
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = _output(1, sys.stdout)
    sys.stderr = _output(2, sys.stderr)


def requested(word: str, what: str = "request") -> str:
    """The text that the user means: what was typed, or for `-` what comes on stdin."""
    if word != "-":
        if word and not word.strip():
            raise UsageError(f"the {what} is empty", hint="say what is wanted, or - for stdin")
        return word.strip()
    try:
        text = files.within(sys.stdin.buffer, _MOST_REQUEST).decode("utf-8").strip()
    except UnicodeDecodeError:
        raise UsageError(f"the {what} on stdin is not valid UTF-8") from None
    except OSError as error:
        raise UsageError(f"cannot read the {what} from stdin: {error.strerror}") from None
    if not text:
        raise UsageError(
            f"the {what} on stdin is empty", hint="pipe it in, or type it in place of -"
        )
    return text


def end_when_unread() -> None:
    """End the command when nobody can have what it prints any more."""
    if (output := _below(sys.stdout)) is not None:
        output.ends = True


def is_unread() -> bool:
    """Whether the reader of stdout is gone."""
    output = _below(sys.stdout)
    failed = None if output is None else output.failed
    return failed is not None and failed.errno == errno.EPIPE


def loss() -> OSError | None:
    """Why a part of the output did not arrive; a reader that is gone wanted no more of it."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    output = _below(sys.stdout)
    failed = None if output is None else output.failed
    return None if failed is None or failed.errno == errno.EPIPE else failed


def _open_missing() -> None:
    """The lowest free number is always the next: in this order each gets its own."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(number, True)


def _output(number: int, was: TextIO | None) -> io.TextIOWrapper:
    raw = Output(number, "wb", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=(was.encoding if was is not None else "") or "utf-8",
        # A terminal that cannot show a glyph must not end the program.
        errors="backslashreplace",
        line_buffering=number == 2 or raw.isatty(),
    )


def _below(stream: object) -> Output | None:
    raw = getattr(getattr(stream, "buffer", None), "raw", None)
    return raw if isinstance(raw, Output) else None
