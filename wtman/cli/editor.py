"""The user's editor."""

import os
import tempfile

from wtman.coordinator.start.order import read_plan
from wtman.errors import ExternalError, UsageError
from wtman.execution.spawn import run_in_terminal
from wtman.model.plan import Plan
from wtman.plan.file import dump, parse


def chosen_editor() -> str:
    """The editor that the user's environment names, as the text of a command; else nothing."""
    return os.environ.get("VISUAL") or os.environ.get("EDITOR") or ""


def edit_folder(editor: str, folder: str) -> None:
    """Open a folder in an editor that stands in it, until the editor ends."""
    script = f'cd -- "$1" && {editor} "$@"'
    status = run_in_terminal(("sh", "-c", script, editor, folder))
    if status:
        raise ExternalError(f"the editor ended with status {status}", hint=f"it had {folder}")


def edited_by_hand(plan: Plan) -> Plan:
    """The plan as the user leaves it in their editor; the file stays where it was wrong."""
    editor = chosen_editor() or "vi"
    descriptor, path = tempfile.mkstemp(prefix="wtman-plan-", suffix=".toml")
    with open(descriptor, "w", encoding="utf-8") as draft:
        draft.write(dump(plan))
    # As git calls an editor: by a shell, with the file as its argument.
    status = run_in_terminal(("sh", "-c", f'{editor} "$@"', editor, path))
    if status:
        raise UsageError(f"the editor ended with status {status}", hint=f"the plan is in {path}")
    edited = parse(read_plan(path), path)
    os.unlink(path)
    return edited
