"""The tools that plan, start and stop runs."""

from collections.abc import Sequence
from typing import Annotated, Any

from mcp.server.mcpserver import Context, MCPServer
from mcp.types import CallToolResult
from pydantic import Field

from wtman.mcp.arguments import commands_in, one_of, options
from wtman.mcp.calls import last_object, objects
from wtman.mcp.progress import beating, followed
from wtman.mcp.tools import (
    BUILDS,
    Agent,
    Checks,
    Overlap,
    Planner,
    Request,
    Run,
    ServedRepository,
    Shared,
    Tasks,
    Wait,
    answered,
    named,
    plan_file,
    require_approved,
    teller,
)


def add_run_tools(made: MCPServer[Any], place: ServedRepository) -> None:
    @made.tool(annotations=BUILDS)
    async def plan(
        ctx: Context[Any, Any],
        request: Request = "",
        tasks: Tasks = [],  # noqa: B006 -- pydantic copies it
        context: Shared = "",
        agent: Agent = "",
        planner: Planner = "",
        allow_overlap: Overlap = False,
        base: Annotated[str, Field(description="Where tasks start from.")] = "HEAD",
        findings: Annotated[
            str, Field(description="A run whose confirmed findings are to be mended.")
        ] = "",
    ) -> CallToolResult:
        """Cut a request into tasks, with a forecast of conflicts, time and cost; nothing is built.

        With a request a planner looks at the repository, which costs sessions: its plan is kept
        as a run, that `split` with `run` starts. With tasks only the forecast is made.
        """
        words = options(
            {
                "agent": agent,
                "planner": planner,
                "base": base,
                "findings": findings,
                "allow-overlap": allow_overlap,
            }
        )

        async def work() -> dict[str, Any]:
            words_alone = (
                "" if tasks else request.strip()
            )  # with tasks they only say what these are for
            kind = one_of(request=words_alone, tasks=tasks, findings=findings)
            require_approved(place, commands_in((), (agent, planner), tasks))
            if kind == "tasks":
                with plan_file(request, context, tasks) as path:
                    argv = ["split", f"--plan={path}", "--dry-run", "--json", *words]
                    return await last_object(place.folder, argv)
            argv = ["plan", *(["-"] if request else []), "--json", "--yes", *words]
            going = last_object(place.folder, argv, request, outlives=True)
            return await beating(going, teller(ctx), "planning")

        return await answered(work)

    @made.tool(annotations=BUILDS)
    async def split(
        ctx: Context[Any, Any],
        request: Request = "",
        tasks: Tasks = [],  # noqa: B006
        run: Annotated[
            str, Field(description="A run to start or go on with: planned, stopped or paused.")
        ] = "",
        findings: Annotated[
            str, Field(description="A run whose confirmed findings are to be mended.")
        ] = "",
        context: Shared = "",
        agent: Agent = "",
        planner: Planner = "",
        allow_overlap: Overlap = False,
        check: Checks = [],  # noqa: B006
        base: Annotated[str, Field(description="Where tasks start from.")] = "",
        jobs: Annotated[int, Field(ge=0, description="Most sessions at once; 0: 16.")] = 0,
        reviewers: Annotated[
            int, Field(ge=-1, description="Reviewers of each branch; -1: as configured.")
        ] = -1,
        max_sessions: Annotated[int, Field(ge=0, description="Most sessions of the run.")] = 0,
        budget_usd: Annotated[float, Field(ge=0, description="Most dollars of the run.")] = 0,
        budget_tokens: Annotated[int, Field(ge=0, description="Most tokens of the run.")] = 0,
        model: Annotated[str, Field(description="Model of every session.")] = "",
        effort: Annotated[str, Field(description="low, medium, high, xhigh, max or ultra.")] = "",
        wait_seconds: Wait = 0,
    ) -> CallToolResult:
        """Build a request, tasks or a kept plan on parallel branches, up to ready to merge.

        It costs sessions of coding agents: have your user agree first. The run goes on in the
        background when you stop waiting; the answer is its status, whose `run.next` is what a
        person would type next.
        """
        given = {
            "agent": agent,
            "check": check,
            "jobs": jobs,
            "reviewers": "" if reviewers < 0 else str(reviewers),
            "max-sessions": max_sessions,
            "budget-usd": budget_usd,
            "budget-tokens": budget_tokens,
            "model": model,
            "effort": effort,
            # A run that goes on has its base.
            **(
                {}
                if run
                else {
                    "base": base,
                    "findings": findings,
                    "planner": planner,
                    "allow-overlap": allow_overlap,
                }
            ),
        }

        async def work() -> dict[str, Any]:
            words_alone = "" if tasks else request.strip()
            kind = one_of(request=words_alone, tasks=tasks, run=run, findings=findings)
            require_approved(place, commands_in(check, (agent, planner), tasks))
            words = [*options(given), "--json", "--yes", "--detach"]
            if kind == "tasks":
                with plan_file(request, context, tasks) as path:
                    begun = await _begun(place, ["split", f"--plan={path}", *words], ctx)
            elif kind == "run":
                begun = await _begun(place, ["resume", *words, "--", run], ctx)
            else:
                argv = ["split", *(["-"] if request else []), *words]
                begun = await _begun(place, argv, ctx, request)
            if "error" in begun:
                return begun
            return await followed(place.folder, begun["run"], teller(ctx), wait_seconds)

        return await answered(work)

    @made.tool(annotations=BUILDS)
    async def stop(run: Run = "") -> CallToolResult:
        """Stop a run; nothing is lost, and `split` with `run` goes on with it."""
        return await answered(lambda: last_object(place.folder, ["stop", "--json", *named(run)]))


async def _begun(
    place: ServedRepository, argv: Sequence[str], ctx: Context[Any, Any], stdin: str = ""
) -> dict[str, Any]:
    """A run in the background: its name, or the error that kept it from starting."""
    tell = teller(ctx)
    found: dict[str, Any] = {}
    async for value in objects(place.folder, argv, stdin, outlives=True):
        if "error" in value or "run" in value:
            found = value if "error" in value else {**value, **_only_error(found)}
        if words := _planning_words(value):
            await tell(words)
    return found


def _only_error(found: dict[str, Any]) -> dict[str, Any]:
    return {"error": found["error"]} if "error" in found else {}


def _planning_words(value: dict[str, Any]) -> str:
    """What an event of a start is worth telling."""
    match value.get("event"):
        case "run":
            return f"run {value.get('run')}"
        case "Scouted":
            return f"a scout has looked at {value.get('data', {}).get('part', '')}".rstrip()
        case "TaskAdded":
            return f"task {value.get('data', {}).get('task', {}).get('id', '')}"
        case "Planned":
            return "planned"
    return ""
