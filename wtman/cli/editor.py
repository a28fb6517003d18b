"""The user's editor."""

import os
import tempfile

from wtman.coordinator.start.order import read_plan
from wtman.errors import ExternalError, MissingError, UsageError
from wtman.execution.spawn import run_in_terminal
from wtman.model.plan import Plan
from wtman.plan.file import dump, parse
from wtman.text.terminal import clean

_NO_PROGRAM = (126, 127)  # what a shell says of what it cannot run


def chosen_editor() -> str:
    """The editor that the user's environment names, as the text of a command; else nothing."""
    named = (os.environ.get(name, "").strip() for name in ("VISUAL", "EDITOR"))
    return next(filter(None, named), "")


def edit_folder(editor: str, folder: str) -> None:
    """Open a folder in an editor that stands in it, until the editor ends."""
    status = _edited(f'cd -- "$1" && {editor} "$@"', editor, folder)
    if status:
        raise ExternalError(f"the editor ended with status {status}", hint=f"it had {folder}")


def edited_by_hand(plan: Plan) -> Plan:
    """The plan as the user leaves it in their editor; the file stays where it was wrong."""
    editor = chosen_editor() or "vi"
    descriptor, path = tempfile.mkstemp(prefix="wtman-plan-", suffix=".toml")
    with open(descriptor, "w", encoding="utf-8") as draft:
        draft.write(dump(plan))
    status = _edited(f'{editor} "$@"', editor, path)
    if status:
        raise UsageError(f"the editor ended with status {status}", hint=f"the plan is in {path}")
    edited = parse(read_plan(path), path)
    os.unlink(path)
    return edited


def _edited(script: str, editor: str, path: str) -> int:
    """The exit status of an editor, which is called as git calls one: by a shell, with the path
    as its argument. Raises MissingError where there is no such program."""
    status = run_in_terminal(("sh", "-c", script, "editor", path))
    if status in _NO_PROGRAM:
        raise MissingError(
            f"cannot run the editor `{clean(editor, 200)}`",
            hint=f"set VISUAL or EDITOR to a program that is there; it was to open {path}",
            code="editor",
        )
    return status
