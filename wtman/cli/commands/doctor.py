"""`wtman doctor`: what works here, and how to fix the rest, before a run needs it."""

import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from wtman.cli import options, terminal
from wtman.model.states import SCHEMA
from wtman.text.terminal import clean, fold, paint

if TYPE_CHECKING:
    from wtman.cli.commands.doctor_checks import Line

_COLOURS = {"ok": "32", "warn": "33", "missing": "31"}
_LEFT = 20  # columns of level and name


def doctor(
    ctx: typer.Context,
    checks: Annotated[
        bool, typer.Option("--checks", help="Also run the checks, on HEAD, in a fresh checkout.")
    ] = False,
    as_json: options.Json = False,
    directory: options.Directory = "",
) -> int:
    """Check what works here, and print the fix for the rest. Exit status 3: nothing can run."""
    from wtman.cli.commands.doctor_checks import diagnose

    outer = ctx.find_root().obj or {}
    start = os.path.join(os.getcwd(), outer.get("directory", ""), directory)
    lines = diagnose(start, os.environ, checks)
    missing = any(line.level == "missing" for line in lines)
    if as_json:
        told = {"schema": SCHEMA, "ok": not missing, "lines": [asdict(line) for line in lines]}
        print(json.dumps(told, ensure_ascii=True))
        return 3 if missing else 0
    colour, width = terminal.colour(), terminal.width()
    for line in lines:
        left = f"{line.level:<8} {line.name:<11}"
        text = _beside(clean(line.text), width)
        print(paint(left[:8], _COLOURS[line.level], colour) + left[8:] + text[0])
        for more in (*text[1:], *_next(line, width)):
            print(" " * _LEFT + more)
    return 3 if missing else 0


def _next(line: "Line", width: int) -> list[str]:
    """What to do. A command is not folded: it is to be copied."""
    word = "next" if line.level == "ok" else "fix"
    told = []
    for item in line.fix.splitlines():
        text = clean(f"{word}: {item}")
        told += _beside(text, width) if "; " in text else [text]
    return told


def _beside(text: str, width: int) -> list[str]:
    return fold(text, max(width - _LEFT, 30)) or [""]
