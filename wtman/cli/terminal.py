"""The terminal that a command writes to and asks on."""

import os
import sys
from collections.abc import Callable
from typing import TextIO

_POLL = 0.25  # seconds


def colour() -> bool:
    """Whether stdout is a terminal that wants colours."""
    return on_terminal() and not os.environ.get("NO_COLOR")


def on_terminal() -> bool:
    """Whether stdout is a terminal that can be drawn on."""
    return is_drawable(sys.stdout)


def is_drawable(out: TextIO) -> bool:
    """Whether a stream is a terminal that can be drawn on."""
    return out.isatty() and os.environ.get("TERM", "") not in ("", "dumb")


def width() -> int:
    """Columns to fill: of the terminal, or COLUMNS, else 80; at least 40."""
    import shutil

    return max(shutil.get_terminal_size().columns, 40)


def say(text: str) -> None:
    """Print cleaned words as people read them: in a terminal no line is torn within a word."""
    from wtman.text.terminal import columns, fold

    room = width() if sys.stdout.isatty() else 0
    indent = text[: len(text) - len(text.lstrip())]
    if not room or columns(text) <= room:
        print(text)
        return
    for part in fold(text.lstrip(), room - len(indent)):
        print(indent + part)


def height() -> int:
    """Lines of the terminal on stdout less that of the prompt; 0: there is none to fit."""
    import shutil

    return max(shutil.get_terminal_size().lines - 1, 10) if sys.stdout.isatty() else 0


def may_ask() -> bool:
    """Whether there is a terminal to ask on."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def ask(question: str, default: bool = False) -> bool | None:
    """Ask until it is yes or no; an empty line is `default`, the end of the input is no.

    None: there is no terminal.
    """
    found = choice(question, default=default)
    return None if found is None else found == "yes"


def choice(question: str, *others: str, default: bool = False) -> str | None:
    """Ask until it is `yes`, `no` or one of the `others`; as `ask` does."""
    shown = "/".join(("Y" if default else "y", "n" if default else "N", *others))
    while may_ask():
        sys.stdout.write(f"{question} [{shown}] ")
        sys.stdout.flush()
        line = sys.stdin.readline()
        word = line.strip().lower()
        if word in ("y", "yes"):
            return "yes"
        if word in others:
            return word
        if not line:
            sys.stdout.write("\n")
            return "no"
        if word in ("", "n", "no"):
            return "yes" if default and not word else "no"
    return None


def forget_typed() -> None:
    """What was typed before a question is no answer to it."""
    import termios

    termios.tcflush(sys.stdin, termios.TCIFLUSH)


def line_of(question: str, is_over: Callable[[], bool]) -> str | None:
    """A line of the user; empty as well once `is_over`, which is asked all the while. None where
    the input ends or is interrupted."""
    import select

    sys.stdout.write(question)
    sys.stdout.flush()
    try:
        while not select.select([sys.stdin], [], [], _POLL)[0]:
            if is_over():
                sys.stdout.write("\n")
                return ""
        line = sys.stdin.readline()
    except KeyboardInterrupt:
        line = ""
    if not line:
        sys.stdout.write("\n")
        return None
    return line
