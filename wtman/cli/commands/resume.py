"""`wtman resume`."""

from typing import Annotated

import typer

from wtman.cli import options, run_options, target
from wtman.coordinator.home import a_run


@run_options.with_keys(*run_options.RESUMABLE)
def resume(
    ctx: typer.Context,
    run: options.Run = "",
    plan: Annotated[str, typer.Option(metavar="FILE", help="Edited plan to continue with.")] = "",
    *,
    flags: run_options.Flags,
    allow_overlap: run_options.AllowOverlap = False,
    detach: run_options.Detach = False,
    yes: run_options.Yes = False,
    as_json: options.Json = False,
    directory: options.Directory = "",
) -> int:
    """Resume an interrupted run. Says first what is reused and what runs again."""
    from wtman.cli.start import Console
    from wtman.config import judged_flags
    from wtman.coordinator.start.resumption import ResumeRequest
    from wtman.journal.events import LimitsChanged

    with target.journal(ctx, directory) as home:
        change = ResumeRequest(
            a_run(home, run),
            plan=target.path_of(plan),
            limits=LimitsChanged(judged_flags(flags)),
            allow_overlap=allow_overlap,
        )
        state = home.state(change.run)
        if state.planning is not None and state.planning.wanted.code:
            from wtman.cli.written_flow import go_on

            return go_on(home, state, change, as_json)
        return Console(as_json, yes, detach).resume(home, change)
