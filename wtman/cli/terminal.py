"""The terminal that a command writes to and asks on."""

import os
import sys


def colour() -> bool:
    """Whether stdout is a terminal that wants colours."""
    return on_terminal() and not os.environ.get("NO_COLOR")


def on_terminal() -> bool:
    """Whether stdout is a terminal that can be drawn on."""
    return sys.stdout.isatty() and os.environ.get("TERM", "") not in ("", "dumb")


def width() -> int:
    """Columns to fill: of the terminal, or COLUMNS, else 80; at least 40."""
    import shutil

    return max(shutil.get_terminal_size().columns, 40)


def may_ask() -> bool:
    """Whether there is a terminal to ask on."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def ask(question: str) -> bool | None:
    """Ask until it is yes or no; the end of the input is no. None: there is no terminal."""
    while may_ask():
        sys.stdout.write(f"{question} [y/N] ")
        sys.stdout.flush()
        line = sys.stdin.readline()
        word = line.strip().lower()
        if word in ("y", "yes"):
            return True
        if word in ("", "n", "no"):
            if not line:
                sys.stdout.write("\n")
            return False
    return None
