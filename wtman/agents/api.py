"""wtman's own agent over the Messages API: `api`, or `api:MODEL`.

The program is `wtman/apiagent`, started by its path and isolated (`-I`), because the
folder that it starts in is a repository whose files must not be taken for modules. Its
events have the shapes of Claude Code's (`stream_json`); its figures are of one session alone,
also in a conversation that goes on.
"""

import json
import posixpath
import sys
from dataclasses import dataclass

from wtman.agents import Needs
from wtman.agents.stream_json import ReadsStreamJson
from wtman.model.command import Command
from wtman.model.session import Job

_PROGRAM = posixpath.join(posixpath.dirname(posixpath.dirname(__file__)), "apiagent", "__main__.py")
_NEEDS = Needs(
    secrets=("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"),
    env=("ANTHROPIC_BASE_URL", "ANTHROPIC_MODEL", "ANTHROPIC_CUSTOM_HEADERS"),
    endpoints=("ANTHROPIC_BASE_URL",),
    hosts=("api.anthropic.com",),
    sign_in="set ANTHROPIC_API_KEY, or ANTHROPIC_BASE_URL of a server that needs none",
)


@dataclass(frozen=True, slots=True)
class ApiAgent(ReadsStreamJson):
    """Runs the program; `model` is for jobs that name none."""

    model: str = ""
    name: str = "api"
    resumes: bool = True
    priced: bool = True
    structured: bool = True
    needs: Needs = _NEEDS

    def command(self, job: Job) -> Command:
        request = {"prompt": job.prompt, "system": job.system, "schema": job.schema}
        return Command(
            argv=(sys.executable, "-I", "-X", "utf8", _PROGRAM, "--request", *self._flags(job)),
            cwd=job.worktree,
            env={**job.env, "HOME": job.home} if job.home else {**job.env},
            stdin=json.dumps(request).encode(),
        )

    def _flags(self, job: Job) -> tuple[str, ...]:
        values: dict[str, str] = {
            "model": job.model or self.model,
            "effort": job.effort,
            "resume": job.resume,
            "tools": ",".join(job.tools),
            "max-usd": repr(job.max_usd) if job.max_usd else "",
            "max-tokens": str(job.max_tokens) if job.max_tokens else "",
            "max-turns": str(job.max_turns) if job.max_turns else "",
        }
        flags = tuple(f"--{name}={value}" for name, value in values.items() if value)
        return flags if job.writes else (*flags, "--read-only")


def make(argument: str) -> ApiAgent:
    return ApiAgent(argument)
