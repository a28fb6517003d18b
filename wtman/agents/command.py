"""Any program as an agent: `command:ARGV`.

The argument is split like a shell would, and no shell runs it. The program finds
the prompt on stdin and in the file that WTMAN_PROMPT_FILE names, edits the
worktree it is started in, and its exit status is the outcome.
"""

import shlex

from wtman.agents import Activity, Needs, text_of
from wtman.errors import UsageError
from wtman.model.command import Command, Exit
from wtman.model.session import Job, Outcome
from wtman.model.values import dataclass


@dataclass(frozen=True, slots=True)
class CommandAgent:
    """Runs `argv`; what it prints is what it says."""

    argv: tuple[str, ...]
    name: str = "command"
    resumes: bool = False
    priced: bool = False
    metered: bool = False
    structured: bool = False
    needs: Needs = Needs()

    def command(self, job: Job) -> Command:
        return Command(
            argv=self.argv,
            cwd=job.worktree,
            env={**job.env, "WTMAN_PROMPT_FILE": job.prompt_file},
            stdin=job.prompt.encode("utf-8", "surrogateescape"),
        )

    def begin(self) -> None:
        return None

    def step(self, state: None, line: bytes) -> tuple[None, tuple[Activity, ...]]:
        text = text_of(line)
        return None, ((Activity("says", text),) if text else ())

    def end(self, state: None, exit: Exit) -> Outcome:
        reason = exit.problem()
        return Outcome(ok=not reason, reason=reason)


def make(argument: str) -> CommandAgent:
    try:
        argv = tuple(shlex.split(argument))
    except ValueError as error:
        raise UsageError(
            f"agent command:{argument}: {error}", hint="quote it as for a shell"
        ) from error
    if not argv:
        raise UsageError("agent command: without a program", hint='say --agent "command:PROGRAM"')
    return CommandAgent(argv)
