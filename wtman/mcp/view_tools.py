"""The tools that change nothing."""

from typing import Annotated, Any

from mcp.server.mcpserver import Context, MCPServer
from mcp.types import CallToolResult
from pydantic import Field

from wtman.mcp.arguments import options
from wtman.mcp.calls import last_object, printed
from wtman.mcp.progress import followed
from wtman.mcp.tools import READS, Run, ServedRepository, answered, named, teller

_LINES = 200


def add_view_tools(made: MCPServer[Any], place: ServedRepository) -> None:
    @made.tool(annotations=READS)
    async def status(
        ctx: Context[Any, Any],
        run: Run = "",
        wait_seconds: Annotated[
            int, Field(ge=0, description="Seconds to wait for its end, where it goes on.")
        ] = 0,
    ) -> CallToolResult:
        """How a run stands: its tasks, checks and findings, what it used, and what comes next."""

        async def work() -> dict[str, Any]:
            told = await last_object(place.folder, ["status", "--json", *named(run)])
            if "error" in told or not wait_seconds or not told["run"]["live"]:
                return told
            return await followed(place.folder, told["run"]["id"], teller(ctx), wait_seconds)

        return await answered(work)

    @made.tool(annotations=READS)
    async def logs(
        task: Annotated[str, Field(description="The task, as `id` or `RUN/id`; or a run.")],
        attempt: Annotated[int, Field(ge=0, description="Only this one; 0: all.")] = 0,
        failed: Annotated[bool, Field(description="Only why it failed.")] = False,
        lines: Annotated[int, Field(ge=1, le=2000, description="Of the end.")] = _LINES,
    ) -> CallToolResult:
        """What the sessions of a task said and did, and what its checks printed."""
        words = ["logs", *options({"attempt": attempt, "failed": failed}), "--", task]

        async def work() -> dict[str, Any]:
            text = await printed(place.folder, words)
            kept = text.splitlines()
            left = max(len(kept) - lines, 0)
            return {"task": task, "lines": "\n".join(kept[left:]), "left_out": left}

        return await answered(work)

    @made.tool(annotations=READS)
    async def report(run: Run = "") -> CallToolResult:
        """The one report of a run: what was done, checked and landed, and what was not."""

        async def work() -> dict[str, Any]:
            return {"report": await printed(place.folder, ["report", *named(run)])}

        return await answered(work)

    @made.tool(annotations=READS)
    async def answer(run: Run = "") -> CallToolResult:
        """The question that a run waits with, and what your user has to type to answer it.

        You cannot answer it: show it to your user.
        """

        async def work() -> dict[str, Any]:
            told = await last_object(place.folder, ["answer", "--json", *named(run)])
            if "error" in told:
                return told
            return {**told, "your_user_types": told["commands"]}

        return await answered(work)
