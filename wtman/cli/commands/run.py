"""`wtman run`: a flow, or a plan file."""

from typing import Annotated

import typer

from wtman.cli import options, run_options, target, terminal
from wtman.errors import UsageError

# `--help` is an option of its own, for it tells the inputs of the flow, too.
SETTINGS = {
    "allow_extra_args": True,
    "ignore_unknown_options": True,
    "help_option_names": [],
}


@run_options.with_keys(*run_options.FLAGGED)
def run(
    ctx: typer.Context,
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE|NAME", show_default=False, help="A flow by path or name, or a plan file."
        ),
    ] = "",
    *,
    issue: run_options.IssueNumber = "",
    flags: run_options.Flags,
    role: run_options.Role = None,
    base: run_options.Base = "HEAD",
    confirm_above: Annotated[
        int, typer.Option(metavar="N", min=0, help="Ask before a fan-out of more sessions.")
    ] = 25,
    resume: Annotated[
        str, typer.Option(metavar="RUN", help="Resume this run with the file as it is now.")
    ] = "",
    replay_check: Annotated[
        str,
        typer.Option(metavar="RUN", help="Show the first step where the file and a run differ."),
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what the flow asks for, and stop.")
    ] = False,
    detach: run_options.Detach = False,
    yes: run_options.Yes = False,
    as_json: options.Json = False,
    directory: options.Directory = "",
    wants_help: Annotated[
        bool, typer.Option("--help", "-h", help="Show this message, or the inputs of the flow.")
    ] = False,
) -> int:
    """Run a flow: a plan in code, whose costly calls are steps that a resume reuses.

    NAME is a flow of .wtman/flows/, or one that comes with wtman. Other options are inputs of
    the flow: `wtman run port --folder src`. See `wtman help flows`.
    """
    from wtman.cli import flow as flows
    from wtman.cli.issue import with_issue
    from wtman.cli.start import Console
    from wtman.coordinator.start.flow_proposal import FlowRequest
    from wtman.coordinator.start.proposal import StartRequest
    from wtman.flow.options import arguments
    from wtman.model.states import RunKind

    words = list(ctx.args)
    if wants_help and not source:
        print(ctx.get_help())
        return 0
    if not source:
        raise UsageError("name a flow or a file", hint="see `wtman run --help`")
    repo = target.repository(ctx, directory)
    flags = {**flags, "roles": run_options.roles_of(role)}
    console = Console(as_json, yes, detach)
    if source.endswith(".toml"):
        if words or resume or replay_check:
            raise UsageError("a plan file takes none of these options")
        asked, named = with_issue(repo, issue, "")
        order = StartRequest(
            request=asked,
            issue=named,
            plan=target.path_of(source),
            base=base,
            flags=flags,
            kind=RunKind.PLAN if dry_run else RunKind.SPLIT,
            may_ask=not (yes or as_json) and terminal.may_ask(),
        )
        return console.start(repo, order)
    if issue:
        raise UsageError(
            "--issue is for a plan file: a flow has its inputs",
            hint="or let a planner cut it: wtman split --issue N",
        )
    script = flows.script_of(ctx, repo, source)
    words += flows.theirs(script, flags)
    if wants_help:
        print("\n".join(flows.help_lines(script)))
        return 0
    if dry_run:
        given = arguments(script.outline.inputs, words) if words else {}
        return flows.dry_run(repo, script, given, base, as_json)
    going_on = bool(resume or replay_check) and not words
    args = {} if going_on else arguments(script.outline.inputs, words)
    request = FlowRequest(script, args, base, flags, confirm_above)
    if replay_check:
        return flows.replay_check(ctx, directory, request, replay_check, as_json)
    if resume:
        with target.journal(ctx, directory) as home:
            changed = flows.resumed_with(home, request, resume)
            return console.resume_flow(home, *changed, target.command(ctx))
    return console.start_flow(repo, request)
