"""The user's pager, for what may be longer than the screen: as git has it."""

import io
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import typer

from wtman.cli import terminal
from wtman.errors import WtmanError

_NOT_STARTED = (126, 127)  # what a shell ends with where it cannot start a program
_PAINT = re.compile(rb"\x1b\[[\d;]*m")
# As git sets it up: a short page stays on the screen, colours are kept.
_SETTINGS = {"LESS": "FRX", "LV": "-c"}


class _Page(io.BytesIO):
    """What a command prints before it is shown; it is painted as for the terminal."""

    def isatty(self) -> bool:
        return True


@contextmanager
def paged(ctx: typer.Context, *, wanted: bool = True, always: bool = False) -> Iterator[None]:
    """What is printed inside goes through the pager, if stdout is a terminal and it is longer
    than that; `always`: a short one, too, for pagers that paint. No error is a pager that ends
    early or cannot be started."""
    root = ctx.find_root().obj or {}
    may = wanted and root.get("pager", True) and terminal.on_terminal()
    program = pager() if may else ""
    if not program:
        yield
        return
    page, screen = _Page(), sys.stdout
    # Kept by a name: it closes the page when it goes.
    sys.stdout = text = io.TextIOWrapper(page, encoding="utf-8", write_through=True)
    try:
        yield
    except KeyboardInterrupt:
        page.truncate(0)
        raise
    finally:
        sys.stdout = screen
        text.flush()
        _show(page.getvalue(), program, always)


def pager() -> str:
    """The command that git would page with, empty for none: GIT_PAGER, the user's core.pager,
    PAGER, less. A repository's own configuration names no program here."""
    chosen = os.environ.get("GIT_PAGER")
    if chosen is None:
        chosen = _core_pager() or os.environ.get("PAGER")
    if chosen is None:
        chosen = "less" if shutil.which("less") else ""
    return "" if chosen.strip() == "cat" else chosen.strip()


def _core_pager() -> str:
    from wtman.git.config import entries, value_of

    with suppress(WtmanError):
        return value_of(entries(""), "core.pager", trusted=True)
    return ""


def _show(page: bytes, program: str, always: bool) -> None:
    if page and (always or _rows(page) >= shutil.get_terminal_size().lines):
        from wtman.execution.spawn import run_in_terminal

        sys.stdout.flush()
        if run_in_terminal(("sh", "-c", program), page, {**_SETTINGS, **os.environ}) not in (
            _NOT_STARTED
        ):
            return
    sys.stdout.flush()
    sys.stdout.buffer.write(page)
    sys.stdout.flush()


def _rows(page: bytes) -> int:
    """About how many rows of the terminal it takes."""
    width = terminal.width()
    lines = _PAINT.sub(b"", page).splitlines()
    return sum(max(1, -(-len(line.decode("utf-8", "replace")) // width)) for line in lines)
