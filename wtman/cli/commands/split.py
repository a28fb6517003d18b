"""Commands that start and go on: split and resume. Flags become a plan and settings;
one screen says what they mean, one question starts them."""

import os
import sys
from typing import Annotated

import typer

from wtman.cli import target
from wtman.cli.options import FLAGGED, Flags, with_keys
from wtman.cli.start import request as request_module
from wtman.model.ids import RunId

Detach = Annotated[
    bool, typer.Option("--detach", help="Go on in the background after the question.")
]


Yes = Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing. Approves no command.")]


@with_keys(*FLAGGED)
def split(
    ctx: typer.Context,
    request: Annotated[
        str, typer.Argument(metavar="REQUEST", show_default=False, help="In words; - is stdin.")
    ] = "",
    plan: Annotated[str, typer.Option(metavar="FILE", help="A plan file.")] = "",
    task: Annotated[
        list[str] | None, typer.Option(metavar="'ID: PROMPT'", help="A task; repeatable.")
    ] = None,
    role: Annotated[
        list[str] | None, typer.Option(metavar="ROLE=AGENT", help="Who plays a role; repeatable.")
    ] = None,
    planner: Annotated[
        str, typer.Option(metavar="NAME", help="Who plans; `static` cuts without a model.")
    ] = "",
    parts: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Tasks of `--planner static`.")
    ] = None,
    base: Annotated[str, typer.Option(metavar="REF", help="Where tasks start from.")] = "HEAD",
    *,
    flags: Flags,
    edit: Annotated[bool, typer.Option("--edit", help="Edit the plan first.")] = False,
    allow_overlap: Annotated[
        bool, typer.Option("--allow-overlap", help="Tasks may own the same path.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show it and stop.")] = False,
    detach: Detach = False,
    yes: Yes = False,
    as_json: target.Json = False,
    directory: target.Directory = "",
) -> int:
    """Build a request on parallel branches: plan, worktrees, sessions, checks, up to ready.

    One screen shows the plan, what it may cost and what needs approval, and asks once.
    """
    from wtman.cli.start import order as ordering
    from wtman.cli.start.roles import parsed_roles
    from wtman.cli.start.static_plan import cut
    from wtman.config.trust import approve
    from wtman.coordinator.create import create, open_store

    repo = target.repository(ctx, directory)
    wanted = request_module.StartRequest(
        request=sys.stdin.read().strip() if request == "-" else request,
        plan=os.path.join(os.getcwd(), plan) if plan else "",
        tasks=tuple(task or ()),
        base=base,
        edit=edit,
        allow_overlap=allow_overlap,
        allow_failing_base="allow_failing_base" in flags,
        flags={**flags, "roles": parsed_roles(role or (), planner)},
        may_ask=not (yes or as_json) and _on_terminal(),
        aside=dry_run,
    )
    wanted = cut(repo, wanted, os.environ, parts or 0)
    if wanted.unplanned:
        from wtman.cli.start import propose

        manner = propose.Manner(yes=yes, as_json=as_json, only=dry_run, edit=edit, detach=detach)
        return propose.split(repo, wanted, manner)
    order = ordering.order(repo, wanted, os.environ)
    if dry_run:
        ordering.show(order, as_json)
        return 0
    if order.proposal.commands and yes:
        raise ordering.unapproved(order.proposal.commands)
    asking = not yes and not as_json and _on_terminal()
    if not as_json:
        ordering.show(order, False)
    if asking:
        from wtman.ui.confirm import answer

        if not answer("\nStart?", sys.stdin, sys.stdout):
            print("nothing was started")
            return 0
        approve(order.proposal.commands, os.environ, repo.common_dir)
    with open_store(repo) as store:
        home = target.Home(repo, store)
        run = create(
            store,
            order.proposal.plan,
            order.proposal.settings,
            base=order.proposal.base,
            target=order.proposal.target,
            identity=order.identity,
            given=order.given,
            notes=order.notes,
            begin=order.begin,
        )
        if not (yes or asking):
            return _saved(home, run, order.proposal.commands, as_json)
        return _start(home, run, as_json, detach)


def _start(home: target.Home, run: RunId, as_json: bool, detached: bool) -> int:
    from wtman.cli.drive import carry
    from wtman.journal.events import Approved

    if detached:
        from wtman.cli.detach import detach

        return detach(home, run, [Approved()], as_json)
    if not as_json:
        print(f"\nrun {run}", flush=True)
    return carry(home, run, [Approved()], as_json=as_json)


def _saved(home: target.Home, run: RunId, commands: tuple[str, ...], as_json: bool) -> int:
    """Nobody can be asked: the plan waits in the journal."""
    if as_json:
        from wtman.ui.jsonl import JsonLines

        stream = JsonLines(sys.stdout)
        stream.begin(home.state(run))
        stream.end(home.state(run), 3)
        return 3
    first = "wtman trust --yes && " if commands else ""
    print(f"\nrun {run} is saved and not started: nobody was there to ask")
    print(f"next: {first}wtman resume {run} --yes")
    return 3


def _on_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()
