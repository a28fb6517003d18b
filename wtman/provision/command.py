"""A command text of the user's run in a checkout."""

import os
from dataclasses import dataclass

from wtman import files
from wtman.context import Context
from wtman.model.command import Command, Exit, ExitReason, Work
from wtman.model.settings import Settings
from wtman.provision.command_result import CommandResult, excerpt
from wtman.provision.command_text import argv
from wtman.sandbox.policy import SandboxPolicy

_TAIL = 16 * 1024  # bytes of each stream that are looked at for an excerpt


_UNITTEST = os.path.join(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
    "checks",
    "probe",
    "unittest_junit.py",
)


@dataclass(frozen=True, slots=True)
class CommandRun:
    """A command text (SPEC section 4) with all that running it needs. `label` names its log."""

    text: str
    folder: str
    env: dict[str, str]
    policy: SandboxPolicy
    label: str
    junit: str = ""


async def run_text(ctx: Context, settings: Settings, spoken: CommandRun) -> CommandResult:
    """Run a command text to its end, in the sandbox, with its output in the run's evidence."""
    log = fresh_folder(ctx, spoken.label)
    try:
        words = argv(spoken.text, spoken.junit, _UNITTEST)
    except ValueError as error:
        return CommandResult(
            Exit(ExitReason.UNSTARTED, detail=f"it cannot be split into words: {error}")
        )
    if not words:
        return CommandResult(Exit(ExitReason.UNSTARTED, detail="it names no program"))
    command = Command(argv=words, cwd=spoken.folder, env=spoken.env)
    work = Work(
        id=f"{ctx.run}/{os.path.relpath(log, ctx.folder)}",
        command=ctx.sandbox.wrap(command, spoken.policy),
        folder=log,
        timeout=settings.check_timeout,
        grace=settings.grace,
    )
    end = await ctx.executor.run(work)
    out, err = (files.tail(os.path.join(log, name), _TAIL) for name in ("stdout", "stderr"))
    return CommandResult(
        exit=end,
        output=excerpt(out, err),
        log=os.path.relpath(log, ctx.folder),
        limit=settings.check_timeout,
    )


def fresh_folder(ctx: Context, label: str) -> str:
    """A new folder for evidence: a Work whose folder holds an end would not run again."""
    parts = [part for part in label.split("/") if part not in ("", ".", "..")]
    number = 1
    while True:
        path = f"{ctx.below(*parts)}-{number}"
        try:
            os.mkdir(path, mode=0o700)
        except FileExistsError:
            number += 1
        else:
            return path
