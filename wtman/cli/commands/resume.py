"""`wtman resume`."""

from typing import Annotated

import typer

from wtman.cli import options, run_options, target
from wtman.coordinator.home import resumable


@run_options.with_keys(*run_options.RESUMABLE)
def resume(
    ctx: typer.Context,
    run: options.Run = "",
    plan: Annotated[str, typer.Option(metavar="FILE", help="Edited plan to continue with.")] = "",
    *,
    flags: run_options.Flags,
    planner: run_options.Planner = "",
    role: run_options.Role = None,
    allow_overlap: run_options.AllowOverlap = False,
    detach: run_options.Detach = False,
    yes: run_options.Yes = False,
    as_json: options.Json = False,
    directory: options.Directory = "",
) -> int:
    """Resume an interrupted run. Says first what is reused and what runs again."""
    from wtman.cli.start import Console
    from wtman.config import judged_flags
    from wtman.coordinator.checks import typed
    from wtman.coordinator.start.resumption import ResumeRequest

    with target.journal(ctx, directory) as home:
        check = typed(home.repo, flags.get("check", ()))
        roles = run_options.roles_of(role, planner)
        changed = {**flags, "check": check, "roles": roles}
        change = ResumeRequest(
            target.run_of(home, run, resumable, as_json),
            plan=target.path_of(plan),
            flags=judged_flags(changed),
            allow_overlap=allow_overlap,
        )
        state = home.state(change.run)
        if state.planning is not None and state.planning.wanted.code:
            from wtman.cli.written_flow import go_on

            return go_on(home, state, change, as_json)
        return Console(as_json, yes, detach).resume(home, change)
