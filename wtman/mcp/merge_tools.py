"""The tools that review and merge."""

import shlex
from collections.abc import Sequence
from typing import Annotated, Any

from mcp.server.mcpserver import Context, MCPServer
from mcp.types import CallToolResult, ToolAnnotations
from pydantic import Field

from wtman.mcp.arguments import commands_in, options
from wtman.mcp.calls import last_object
from wtman.mcp.progress import beating
from wtman.mcp.tools import (
    BUILDS,
    Checks,
    Run,
    ServedRepository,
    answered,
    named,
    require_approved,
    teller,
)


def add_merge_tools(made: MCPServer[Any], place: ServedRepository) -> None:
    @made.tool(annotations=BUILDS)
    async def review(
        ctx: Context[Any, Any],
        run: Run = "",
        branches: Annotated[
            list[str], Field(description="Any branches, in place of a run's.")
        ] = [],  # noqa: B006
        base: Annotated[str, Field(description="What the branches are held against.")] = "",
        agent: Annotated[str, Field(description="Who reviews.")] = "",
        reviewers: Annotated[int, Field(ge=0, description="Reviewers of each branch.")] = 0,
    ) -> CallToolResult:
        """Review a run or any branches; a finding counts once its reproducer has been run."""
        given = {"base": base, "reviewers": reviewers, "reviewer": agent}

        async def work() -> dict[str, Any]:
            require_approved(place, commands_in((), (agent,)))
            words = ["review", "--json", *options(given), *_branches(branches), *named(run)]
            going = last_object(place.folder, words)
            return await beating(going, teller(ctx), "reviewing")

        return await answered(work)

    @made.tool(annotations=ToolAnnotations(read_only_hint=False, destructive_hint=place.may_land))
    async def merge(
        ctx: Context[Any, Any],
        run: Run = "",
        branches: Annotated[
            list[str], Field(description="Any branches, in place of a run's.")
        ] = [],  # noqa: B006
        into: Annotated[str, Field(description="The target; empty: the current branch.")] = "",
        check: Checks = [],  # noqa: B006
        only: Annotated[list[str], Field(description="Only these tasks.")] = [],  # noqa: B006
        exclude: Annotated[list[str], Field(description="Not these tasks.")] = [],  # noqa: B006
        unchecked: Annotated[
            bool, Field(description="Branches that no check has judged, too.")
        ] = False,
        dry_run: Annotated[bool, Field(description="Only try it.")] = False,
    ) -> CallToolResult:
        """Combine the verified branches, check them as one tree, and land them as one change.

        It is only tried, unless your user has allowed more (`mcp_merge` in their configuration):
        `dry_run` of the answer says which it was.
        """
        given = {
            "into": into,
            "check": check,
            "only": only,
            "exclude": exclude,
            "unchecked": unchecked,
            "dry-run": dry_run or not place.may_land,
        }

        async def work() -> dict[str, Any]:
            require_approved(place, commands_in(check, ()))
            words = ["merge", "--json", *options(given), *_branches(branches), *named(run)]
            told = await beating(last_object(place.folder, words), teller(ctx), "merging")
            if "error" in told or dry_run or place.may_land:
                return told
            return {**told, "your_user_types": _landing(words)}

        return await answered(work)


def _landing(words: Sequence[str]) -> str:
    """The command that does for real what was tried."""
    return shlex.join(["wtman", *(word for word in words if word not in ("--json", "--dry-run"))])


def _branches(names: Sequence[str]) -> list[str]:
    return [word for name in names for word in ("--branches", name)]
