"""The server: what wtman is for, its tools, and what becomes of arguments that are none."""

import json
import sys
from collections.abc import AsyncIterator
from io import TextIOWrapper
from typing import Any, cast

import anyio
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.stdio import stdio_server
from mcp.types import CallToolResult, InputRequiredResult
from mcp.types import Tool as ListedTool
from pydantic import ValidationError

from wtman import __version__
from wtman.errors import MissingError, UsageError, WtmanError
from wtman.mcp.answer_schemas import answer_schemas
from wtman.mcp.merge_tools import add_merge_tools
from wtman.mcp.refusals import for_client, require_text, wrong_argument
from wtman.mcp.run_tools import add_run_tools
from wtman.mcp.tools import ServedRepository, refused, result
from wtman.mcp.view_tools import add_view_tools

INSTRUCTIONS = """\
wtman turns one request into many branches that coding agents build at the same time, each in a
git worktree of its own, checks and reviews them, and lands what is verified as one change.

Use it for work that falls into parts: a feature across modules, a port of many files, the same
change in many places. For one small change do it yourself.

The way through: `plan` shows the tasks and a forecast; `split` starts a run and waits for its
end; `status`, `logs` and `report` tell how it went; `merge` tries the merge, and lands it where
your user has allowed that. A run goes on without you: look again with `status`.

Commands that you name (checks, agents that are programs) need the approval of your user, and so
do the commands of the repository: the error says what your user has to type. Never work around
it. A question that a run waits with is for your user, too: `answer` shows it.
"""


def server(place: ServedRepository, refusal: WtmanError | None = None) -> MCPServer[Any]:
    """The tools for a repository; `refusal`: there is none, and every tool says so."""
    made = _Server("wtman", instructions=INSTRUCTIONS, version=__version__)
    made.place, made.refusal = place, refusal
    add_run_tools(made, place)
    add_view_tools(made, place)
    add_merge_tools(made, place)
    return made


class _Server(MCPServer[Any]):
    """Answers what is wrong with a call as the tools answer: by an `error`."""

    place: ServedRepository
    refusal: WtmanError | None = None

    async def list_tools(self) -> list[ListedTool]:
        schemas = answer_schemas()
        listed = await super().list_tools()
        return [it.model_copy(update={"output_schema": schemas[it.name]}) for it in listed]

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        known = {tool.name: tool for tool in await super().list_tools()}
        arguments_of = [*known[name].input_schema["properties"]] if name in known else []
        try:
            if name not in known:
                listed = ", ".join(f"`{tool}`" for tool in known)
                raise UsageError("there is no such tool", hint=f"the tools: {listed}")
            if self.refusal is not None:
                raise self.refusal
            require_text(name, arguments, arguments_of)
            made = await super().call_tool(name, arguments, context)
            told = made.structured_content if isinstance(made, CallToolResult) else None
            if told is None or "error" not in told:
                return made
            error = for_client(name, arguments_of, self.place.folder, told["error"])
            return result({**told, "error": error})
        except ToolError as failure:
            cause = failure.__cause__
            if isinstance(cause, ValidationError):
                first = cause.errors(include_url=False)[0]
                return refused(wrong_argument(name, first))
            print(f"wtman mcp: {name}: {cause!r}", file=sys.stderr, flush=True)
            what = f"internal error: {type(cause).__name__}: {cause}"
            return refused(MissingError(what, hint="tell your user", code="bug"))
        except WtmanError as refusal:
            return refused(refusal)

    async def run_stdio_async(self) -> None:
        lines = TextIOWrapper(sys.stdin.buffer, encoding="utf-8", errors="replace")
        stdin = cast("anyio.AsyncFile[str]", _messages(anyio.wrap_file(lines)))
        served = self._lowlevel_server
        async with stdio_server(stdin) as (read, write):
            await served.run(read, write, served.create_initialization_options())


async def _messages(lines: "anyio.AsyncFile[str]") -> AsyncIterator[str]:
    """The messages of a client. Half a character, which the protocol's parser would refuse without
    an answer, becomes the mark for what is none."""
    async for line in lines:
        if "\\ud" in line.lower():
            try:
                whole = json.dumps(json.loads(line), ensure_ascii=False)
                line = whole.encode("utf-16", "surrogatepass").decode("utf-16", "replace") + "\n"
            except (ValueError, RecursionError):
                pass
        yield line
