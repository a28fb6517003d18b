"""`wtman resume`."""

import os
import sys
from typing import Annotated

import typer

from wtman.cli import target
from wtman.cli.commands.split import Detach, Yes, _on_terminal
from wtman.cli.options import RESUMABLE, Flags, with_keys
from wtman.model.ids import RunId


@with_keys(*RESUMABLE)
def resume(
    ctx: typer.Context,
    run: target.Run = "",
    plan: Annotated[str, typer.Option(metavar="FILE", help="Go on with this edited plan.")] = "",
    *,
    flags: Flags,
    allow_overlap: Annotated[
        bool, typer.Option("--allow-overlap", help="Tasks may own the same path.")
    ] = False,
    detach: Detach = False,
    yes: Yes = False,
    as_json: target.Json = False,
    directory: target.Directory = "",
) -> int:
    """Go on where the journal ends. Says first what is reused and what runs again."""
    from wtman.cli.drive import carry
    from wtman.cli.start import order
    from wtman.config import judged_flags
    from wtman.config.trust import approve
    from wtman.journal.events import Approved, Event, LimitsChanged, Resumed

    with target.journal(ctx, directory) as home:
        state = home.state(target.a_run(home, run))
        target.require_idle(home, state.run)
        limits = LimitsChanged(judged_flags(flags))
        order.require_budget(state, limits)
        edited: tuple[Event, ...] = ()
        if plan:
            path = os.path.join(os.getcwd(), plan)
            edited = order.edited(home.repo, state, path, allow_overlap)
        if state.planning is not None and not state.approved:
            from wtman.cli.start import propose

            if not plan:
                limited = [limits] if limits != LimitsChanged() else []
                manner = propose.Manner(yes=yes, as_json=as_json, detach=detach)
                return propose.go_on(home, state.run, [Resumed(), *limited], manner)
            if state.planning.made is None:
                edited = (*edited, propose.by_hand())
        missing = order.unapproved_of(state, edited, os.environ, home.repo.common_dir)
        if missing and yes:
            raise order.unapproved(missing)
        if not as_json:
            print("\n".join(order.resumption(state, edited, missing, target.width())))
        if (edited or missing or not state.approved) and not yes:
            if as_json or not _on_terminal():
                return _unasked(state.run, plan, missing)
            from wtman.ui.confirm import answer

            if not answer("\nGo on?", sys.stdin, sys.stdout):
                print("nothing was started")
                return 0
            approve(missing, os.environ, home.repo.common_dir)
        begin: list[Event] = [Resumed(), *edited]
        if limits != LimitsChanged():
            begin.append(limits)
        if not state.approved:
            begin.append(Approved())
        if detach:
            from wtman.cli import detach as detaching

            return detaching.detach(home, state.run, begin, as_json)
        return carry(home, state.run, begin, as_json=as_json)


def _unasked(run: RunId, plan: str, missing: tuple[str, ...]) -> int:
    from wtman.errors import MissingError

    first = "wtman trust --yes && " if missing else ""
    again = f" --plan {plan}" if plan else ""
    raise MissingError(
        f"run {run} needs a yes, and there is no terminal to ask on",
        hint=f"{first}wtman resume {run}{again} --yes",
        code="approval",
    )
