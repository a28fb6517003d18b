"""A recorded session, played again: `replay:FILE`, or a folder with one for each task.

For tests, demos and bug reports. The player (`wtman/agents/player.py`, which documents
the format) writes the recorded output and makes the recorded edits; it is a
process like any agent's, so everything around it is the real thing.
"""

import posixpath
import sys

from wtman.agents.command import CommandAgent
from wtman.errors import UsageError
from wtman.model.command import Command
from wtman.model.session import Job

_PLAYER = posixpath.join(posixpath.dirname(__file__), "player.py")


class ReplayAgent(CommandAgent):
    """The player; it needs to know which recording is meant."""

    __slots__ = ()

    def command(self, job: Job) -> Command:
        told = {"WTMAN_TASK": str(job.task), "WTMAN_ATTEMPT": str(job.attempt)}
        return Command(argv=self.argv, cwd=job.worktree, env={**job.env, **told})


def make(argument: str) -> ReplayAgent:
    if not argument:
        raise UsageError("agent replay: without a recording", hint="say --agent replay:FILE")
    return ReplayAgent((sys.executable, "-I", "-S", _PLAYER, argument), name="replay")
