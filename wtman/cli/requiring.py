"""What must be there before a run is worth making: agents, sandbox, a place, kept promises."""

import os
import shlex
import shutil
from collections.abc import Iterable, Mapping, Set

from wtman import agents, sandbox
from wtman.core.model import Plan, Settings
from wtman.core.wording import did_you_mean, quoted
from wtman.errors import MissingError, UsageError

EFFORTS = ("low", "medium", "high", "xhigh", "max")
# Keys that promise safety: accepting them without keeping them would be a lie.
_UNKEPT = ("network", "budget")


def require(plan: Plan, settings: Settings, environ: Mapping[str, str], tracked: Set[str]) -> None:
    """Raise MissingError or UsageError for what would only come to light in the run."""
    named = {task.agent or settings.agent for task in plan.tasks}
    if "" in named:
        raise MissingError(
            "no agent is named, and none is configured",
            hint='name one: --agent "command:PROGRAM", or agent = ... in wtman.toml',
        )
    for spec in sorted(named):
        agents.load(spec)
        _require_program(spec, environ, tracked)
    for effort in sorted({settings.effort, *(task.effort for task in plan.tasks)} - {""}):
        if effort not in EFFORTS:
            near = did_you_mean(effort, EFFORTS)
            hint = f"one of {', '.join(EFFORTS)}"
            raise UsageError(f"there is no effort {quoted(effort)}{near}", hint=hint)
    sandbox.load(settings.sandbox)
    _require_place(settings.worktrees)


def unkept(extra: Iterable[str]) -> tuple[str, ...]:
    """Warnings for configured keys that nothing reads yet. Refuses those that promise safety."""
    for key in _UNKEPT:
        if key in extra:
            raise UsageError(
                f"this version of wtman cannot keep `{key}`, so it does not start with it",
                hint="take it out of the configuration",
            )
    return tuple(f"`{key}` is configured and not used by this version" for key in sorted(extra))


def _require_program(spec: str, environ: Mapping[str, str], tracked: Set[str]) -> None:
    name, _, argument = spec.partition(":")
    if name == "replay" and not os.path.exists(argument):
        raise MissingError(f"there is no recording {argument}", hint="name a file or folder")
    if name != "command":
        return
    program = shlex.split(argument)[0]
    if "/" not in program:
        found = shutil.which(program, path=environ.get("PATH", os.defpath)) is not None
    elif os.path.isabs(program):
        found = os.access(program, os.X_OK) and os.path.isfile(program)
    else:
        found = os.path.normpath(program) in tracked
    if not found:
        raise MissingError(
            f"the agent's program {quoted(program)} is not there, or cannot be executed",
            hint="name a program on PATH, or a file that is executable",
        )


def _require_place(folder: str) -> None:
    """The folder of worktrees, or the nearest that is there, must take folders."""
    if "\n" in folder:
        raise MissingError(
            "git cannot keep worktrees in a folder whose name holds a newline",
            hint="set worktrees to another folder in wtman.toml",
        )
    place = folder
    while not os.path.isdir(place) and os.path.dirname(place) != place:
        place = os.path.dirname(place)
    if not os.access(place, os.W_OK | os.X_OK) or place.startswith("/proc"):
        raise MissingError(
            f"worktrees cannot be made in {folder}", hint="set worktrees to another folder"
        )
