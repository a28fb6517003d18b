"""`wtman split`."""

from typing import Annotated

import typer

from wtman.cli import options, run_options, streams, target, terminal


@run_options.with_keys(*run_options.FLAGGED)
def split(
    ctx: typer.Context,
    request: Annotated[
        str,
        typer.Argument(metavar="REQUEST", show_default=False, help="What to build; - is stdin."),
    ] = "",
    plan: Annotated[str, typer.Option(metavar="FILE", help="Plan file to run.")] = "",
    task: Annotated[
        list[str] | None, typer.Option(metavar="'ID: PROMPT'", help="Task to run; repeatable.")
    ] = None,
    *,
    findings: run_options.Findings = "",
    issue: run_options.IssueNumber = "",
    flags: run_options.Flags,
    role: run_options.Role = None,
    planner: run_options.Planner = "",
    parts: run_options.Parts = None,
    base: run_options.Base = "HEAD",
    edit: Annotated[bool, typer.Option("--edit", help="Edit the plan before it starts.")] = False,
    allow_overlap: run_options.AllowOverlap = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would run, and stop.")
    ] = False,
    detach: run_options.Detach = False,
    yes: run_options.Yes = False,
    as_json: options.Json = False,
    directory: options.Directory = "",
) -> int:
    """Build a request on parallel branches: plan, worktrees, sessions, checks, up to ready.

    One screen shows the plan, what it may cost and what needs approval, and asks once.
    """
    from wtman.cli.editor import edited_by_hand
    from wtman.cli.issue import with_issue
    from wtman.cli.start import Console
    from wtman.coordinator.start.findings import plan_of_findings
    from wtman.coordinator.start.proposal import StartRequest
    from wtman.model.ids import RunId
    from wtman.model.states import RunKind

    repo = target.repository(ctx, directory)
    ways = {"plan": plan, "task": task, "issue": issue, "planner": planner, "parts": parts}
    run_options.require_alone(findings, request=request, **ways)
    found = plan_of_findings(repo, findings, base) if findings else None
    wanted, named = with_issue(repo, issue, streams.requested(request))
    order = StartRequest(
        request=wanted,
        made=found.plan if found is not None else None,
        findings_of=found.run if found is not None else RunId(""),
        reserved=run_options.reserved_in(ctx),
        remarks=found.remarks if found is not None else (),
        issue=named,
        plan=target.path_of(plan),
        tasks=tuple(task or ()),
        base=base,
        parts=parts or 0,
        allow_overlap=allow_overlap,
        flags={**flags, "roles": run_options.roles_of(role, planner)},
        kind=RunKind.PLAN if dry_run else RunKind.SPLIT,
        may_ask=not (yes or as_json) and terminal.may_ask(),
        edit=edited_by_hand if edit else None,
    )
    return Console(as_json, yes, detach).start(repo, order)
