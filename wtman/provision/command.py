"""A command text of the user (SPEC section 4) run in a checkout: a check, a setup, a cleanup."""

import os
from collections.abc import Mapping
from dataclasses import field

from wtman import files
from wtman.execution import Executor
from wtman.model.command import Command, Exit, ExitReason, Work
from wtman.model.settings import Settings
from wtman.model.values import dataclass
from wtman.provision.command_result import CommandResult, excerpt
from wtman.provision.command_text import argv
from wtman.sandbox.policy import Sandbox, SandboxPolicy

_TAIL = 16 * 1024  # bytes of each stream that are looked at for an excerpt


@dataclass(frozen=True, slots=True)
class CommandRun:
    """A command text, where it runs, and what it may reach there.

    `folder` and `env` are what it sees, `policy` says where that is.
    `label` names its log in the run's evidence, `fill` says what marks in the text stand for.
    """

    text: str
    folder: str
    env: dict[str, str]
    policy: SandboxPolicy
    label: str
    fill: Mapping[str, str] = field(default_factory=dict)


async def run_command(
    executor: Executor, sandbox: Sandbox, settings: Settings, evidence: str, asked: CommandRun
) -> CommandResult:
    """Run it to its end; its output is kept in `evidence`, the folder of its wtman run."""
    log = fresh_folder(evidence, asked.label)
    try:
        words = argv(asked.text, asked.fill, asked.env.get("HOME", ""))
    except ValueError as error:
        return CommandResult(
            Exit(ExitReason.UNSTARTED, detail=f"it cannot be split into words: {error}")
        )
    if not words:
        return CommandResult(Exit(ExitReason.UNSTARTED, detail="it names no program"))
    work = Work(
        id=os.path.relpath(log, os.path.dirname(evidence)),
        command=sandbox.wrap(Command(words, asked.folder, asked.env), asked.policy),
        folder=log,
        timeout=settings.check_timeout,
        grace=settings.grace,
    )
    end = await executor.run(work)
    out, err = (files.tail(os.path.join(log, name), _TAIL) for name in ("stdout", "stderr"))
    log = os.path.relpath(log, evidence)
    said = asked.policy.view.told(excerpt(out, err))
    return CommandResult(end, output=said, log=log, limit=settings.check_timeout)


def fresh_folder(evidence: str, label: str) -> str:
    """A new folder for evidence: a Work whose folder holds an end would not run again."""
    parts = [part for part in label.split("/") if part not in ("", ".", "..")]
    stem, number = os.path.join(evidence, *parts), 1
    os.makedirs(os.path.dirname(stem), mode=0o700, exist_ok=True)
    while True:
        path = f"{stem}-{number}"
        try:
            os.mkdir(path, mode=0o700)
        except FileExistsError:
            number += 1
        else:
            return path


def variables(
    run: str, task: str, branch: str, worktree: str, port: int, root: str
) -> dict[str, str]:
    """How setup and cleanup are told where they are."""
    return {
        "WTMAN_RUN": run,
        "WTMAN_TASK": task,
        "WTMAN_BRANCH": branch,
        "WTMAN_WORKTREE": worktree,
        "WTMAN_PORT": str(port),
        "WTMAN_ROOT": root,
    }
