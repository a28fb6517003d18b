"""wtman's own agent over the Messages API: `api`, or `api:MODEL`.

The program is `wtman/apiagent`, started by its path and isolated (`-I`), because the
folder that it starts in is a repository whose files must not be taken for modules. Its
events have the shapes of Claude Code's (`stream_json`); its figures are of one session alone,
also in a conversation that goes on.
"""

import json
import posixpath
import sys

from wtman.agents import Needs
from wtman.agents.stream_json import ReadsStreamJson
from wtman.model.command import Command
from wtman.model.session import Job
from wtman.model.values import dataclass

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
        request = {
            "prompt": job.prompt,
            "system": job.system,
            "answer_schema": json.loads(job.schema) if job.schema else None,
            "model": job.model or self.model,
            "effort": job.effort,
            "resume": job.resume,
            "tools": job.tools,
            "read_only": not job.writes,
            "max_usd": job.cap.usd,
            "max_tokens": job.cap.tokens,
            "max_turns": job.max_turns,
        }
        return Command(
            argv=(sys.executable, "-I", "-X", "utf8", _PROGRAM),
            cwd=job.worktree,
            env={**job.env, "HOME": job.home} if job.home else {**job.env},
            stdin=_encoded(json.dumps(request, ensure_ascii=False)),
        )


def _encoded(text: str) -> bytes:
    """UTF-8 of any text: file names in it go out as the bytes that they are."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a surrogate that stands for no byte, as JSON may spell one
        return text.encode("utf-8", "replace")


def make(argument: str) -> ApiAgent:
    return ApiAgent(argument)
