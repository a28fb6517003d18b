"""What the tools share: their arguments, approvals, progress, and the form of an answer."""

import json
import os
import re
import shlex
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult, TextContent, ToolAnnotations
from pydantic import Field

from wtman.config.trust import approved
from wtman.errors import MissingError, WtmanError
from wtman.mcp.arguments import RequestedTask, plan_text
from wtman.model.states import SCHEMA
from wtman.model.values import dataclass
from wtman.text.words import quoted

_PLAN = re.compile(r"\S*/wtman-\w+/plan\.toml(:\d+)?: ")
READS = ToolAnnotations(read_only_hint=True)
BUILDS = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=True)

Request = Annotated[
    str,
    Field(
        description="What is wanted, in words; a planner cuts it. With tasks: what they are for."
    ),
]
Tasks = Annotated[
    list[RequestedTask],
    Field(description="The tasks themselves, where you have cut the work: no planner is asked."),
]
Run = Annotated[str, Field(description="The run, by its id; empty: the newest unfinished one.")]
Shared = Annotated[
    str,
    Field(description="With tasks: what several of them rely on, names and signatures; each is "
          "told."),
]  # fmt: skip
Agent = Annotated[
    str, Field(description="Who does the work (claude, codex, ...); empty: as it is configured.")
]
Planner = Annotated[
    str, Field(description="Who cuts a request, where that is another; `static` needs no model.")
]
Overlap = Annotated[
    bool, Field(description="Two tasks may own the same path though neither needs the other.")
]
Checks = Annotated[
    list[str],
    Field(description="Commands that must pass on every branch; each needs the approval of your "
          "user. Empty: as it is configured."),
]  # fmt: skip
Wait = Annotated[
    int,
    Field(ge=0, description="Seconds to wait at most, where you cannot wait for long; the run "
          "goes on meanwhile. 0: until it ends or needs somebody."),
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class ServedRepository:
    """The repository that is served: where commands run, and what approvals are kept by."""

    folder: str
    key: str
    may_land: bool  # its user has allowed merges


def named(run: str) -> list[str]:
    """The words that name a run, none for the newest."""
    return ["--", run] if run else []


def teller(ctx: Context[Any, Any]) -> Callable[[str], Awaitable[None]]:
    """Progress with a message: it has to grow each time, whatever the work comes to."""
    told = 0

    async def tell(words: str) -> None:
        nonlocal told
        told += 1
        await ctx.report_progress(told, None, words)

    return tell


@contextmanager
def plan_file(request: str, context: str, tasks: Sequence[RequestedTask]) -> Iterator[str]:
    """The path of a plan file of these tasks, as long as it is read."""
    text = plan_text(request, context, tasks)
    with tempfile.TemporaryDirectory(prefix="wtman-") as folder:
        path = os.path.join(folder, "plan.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        yield path


def require_approved(place: ServedRepository, texts: Sequence[str]) -> None:
    """Raise MissingError for commands in the arguments of a tool that nobody has approved."""
    missing = approved(texts, os.environ, place.key)
    if missing:
        shown = ", ".join(quoted(text) for text in missing)
        typed = " ".join(f"--command {shlex.quote(text)}" for text in missing)
        raise MissingError(
            f"commands in a tool's arguments need the approval of your user: {shown}",
            hint=f"your user reads them, and types in {shlex.quote(place.folder)}: "
            f"wtman trust {typed}",
            code="approval",
        )


async def answered(work: Callable[[], Awaitable[dict[str, Any]]]) -> CallToolResult:
    """The result of a tool: what its command says, or its error, both as JSON."""
    try:
        return result({"schema": SCHEMA, **await work()})
    except WtmanError as error:
        return refused(error)


def refused(error: WtmanError) -> CallToolResult:
    """The result of a call that comes to nothing."""
    held = {"code": error.code, "message": error.message, "hint": error.hint}
    return result({"schema": SCHEMA, "error": held})


def result(told: dict[str, Any]) -> CallToolResult:
    """An answer, or an error, as words and as structure."""
    if "error" in told:
        # A plan file that only the call knew of says nothing to anybody.
        told["error"]["message"] = _PLAN.sub("", told["error"]["message"])
    text = json.dumps(told, ensure_ascii=False)
    return CallToolResult(
        content=[TextContent(type="text", text=text)],
        structured_content=told,
        is_error="error" in told,
    )
