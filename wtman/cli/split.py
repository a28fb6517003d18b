"""Commands that start and go on: split and resume. Flags become a plan and settings;
one screen says what they mean, one question starts them."""

import os
import sys
from typing import Annotated

import typer

from wtman.cli import where
from wtman.core.model import RunId

Duration = Annotated[str, typer.Option(metavar="TIME", help="Of one session: 90s, 15m, 2h.")]
Usd = Annotated[float | None, typer.Option(metavar="N", help="Dollars of the run, all roles.")]
Tokens = Annotated[int | None, typer.Option(metavar="N", min=1, help="Tokens of the run.")]
Detach = Annotated[
    bool, typer.Option("--detach", help="Go on in the background after the question.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing. Approves no command.")]


def split(
    ctx: typer.Context,
    request: Annotated[
        str, typer.Argument(metavar="[REQUEST]", show_default=False, help="In words; - is stdin.")
    ] = "",
    plan: Annotated[str, typer.Option(metavar="FILE", help="A plan file.")] = "",
    task: Annotated[
        list[str] | None, typer.Option(metavar="'ID: PROMPT'", help="A task; repeatable.")
    ] = None,
    agent: Annotated[str, typer.Option(metavar="NAME", help="NAME, or command:ARGV.")] = "",
    role: Annotated[
        list[str] | None, typer.Option(metavar="ROLE=AGENT", help="Who plays a role; repeatable.")
    ] = None,
    planner: Annotated[
        str, typer.Option(metavar="NAME", help="Who plans; `static` cuts without a model.")
    ] = "",
    parts: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Tasks of `--planner static`.")
    ] = None,
    reviewer: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Who reviews; repeatable.")
    ] = None,
    reviewers: Annotated[
        int | None, typer.Option(min=0, help="Reviewers of each branch; 0: no reviews.")
    ] = None,
    rounds: Annotated[int | None, typer.Option(min=1, help="Rounds of reviews.")] = None,
    base: Annotated[str, typer.Option(metavar="REF", help="Where tasks start from.")] = "HEAD",
    check: Annotated[
        list[str] | None, typer.Option(metavar="CMD", help="Judges a tree; repeatable.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option("-j", "--jobs", min=1, help="Sessions at once.")
    ] = None,
    check_jobs: Annotated[int | None, typer.Option(min=1, help="Checks at once.")] = None,
    max_sessions: Annotated[int | None, typer.Option(min=1, help="Sessions in all.")] = None,
    attempts: Annotated[int | None, typer.Option(min=1, help="Sessions a task.")] = None,
    budget_usd: Usd = None,
    budget_tokens: Tokens = None,
    plan_budget_usd: Annotated[
        float | None, typer.Option(metavar="N", help="Dollars of the planning.")
    ] = None,
    timeout: Duration = "",
    check_timeout: Annotated[
        str, typer.Option(metavar="TIME", help="Of one check: 90s, 15m, 2h.")
    ] = "",
    model: Annotated[str, typer.Option(metavar="NAME", help="For every session.")] = "",
    effort: Annotated[str, typer.Option(metavar="LEVEL", help="From low to max.")] = "",
    sandbox: Annotated[str, typer.Option(metavar="TIER", help="What sessions may reach.")] = "",
    edit: Annotated[bool, typer.Option("--edit", help="Edit the plan first.")] = False,
    allow_overlap: Annotated[
        bool, typer.Option("--allow-overlap", help="Tasks may own the same path.")
    ] = False,
    allow_red_base: Annotated[
        bool, typer.Option("--allow-red-base", help="Go on where a check fails on the base.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show it and stop.")] = False,
    detach: Detach = False,
    yes: Yes = False,
    as_json: where.Json = False,
    directory: where.Directory = "",
) -> int:
    """Build a request on parallel branches: plan, worktrees, sessions, checks, up to ready.

    One screen shows the plan, what it may cost and what needs approval, and asks once.
    """
    from wtman.cli import ordering
    from wtman.cli.casting import spoken_roles
    from wtman.cli.cutting import cut
    from wtman.opening import create_run, open_store
    from wtman.trust import approve

    repo = where.repository(ctx, directory)
    wanted = ordering.Wanted(
        request=sys.stdin.read().strip() if request == "-" else request,
        plan=os.path.join(os.getcwd(), plan) if plan else "",
        tasks=tuple(task or ()),
        base=base,
        edit=edit,
        allow_overlap=allow_overlap,
        allow_red_base=allow_red_base,
        flags={
            "agent": agent,
            "roles": spoken_roles(role or (), planner) or None,
            "reviewed_by": tuple(reviewer or ()),
            "reviewers": reviewers,
            "rounds": rounds,
            "check": tuple(check or ()),
            "jobs": jobs,
            "check_jobs": check_jobs,
            "max_sessions": max_sessions,
            "attempts": attempts,
            "budget_usd": budget_usd,
            "budget_tokens": budget_tokens,
            "plan_budget_usd": plan_budget_usd,
            "timeout": timeout,
            "check_timeout": check_timeout,
            "model": model,
            "effort": effort,
            "sandbox": sandbox,
        },
        may_ask=not (yes or as_json) and _on_terminal(),
        aside=dry_run,
    )
    wanted = cut(repo, wanted, os.environ, parts or 0)
    if wanted.unplanned:
        from wtman.cli import planning

        manner = planning.Manner(yes=yes, as_json=as_json, only=dry_run, edit=edit, detach=detach)
        return planning.split(repo, wanted, manner)
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
        from wtman.ui.ask import answer

        if not answer("\nStart?", sys.stdin, sys.stdout):
            print("nothing was started")
            return 0
        approve(order.proposal.commands, os.environ, repo.common_dir)
    with open_store(repo) as store:
        home = where.Home(repo, store)
        run = create_run(
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


def _start(home: where.Home, run: RunId, as_json: bool, detached: bool) -> int:
    from wtman.cli.driving import carry
    from wtman.core.events import Approved

    if detached:
        from wtman.cli.detaching import detach

        return detach(home, run, [Approved()], as_json)
    if not as_json:
        print(f"\nrun {run}", flush=True)
    return carry(home, run, [Approved()], as_json=as_json)


def _saved(home: where.Home, run: RunId, commands: tuple[str, ...], as_json: bool) -> int:
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


def resume(
    ctx: typer.Context,
    run: where.Run = "",
    plan: Annotated[str, typer.Option(metavar="FILE", help="Go on with this edited plan.")] = "",
    jobs: Annotated[
        int | None, typer.Option("-j", "--jobs", min=1, help="Sessions at once, from now on.")
    ] = None,
    check_jobs: Annotated[
        int | None, typer.Option(min=1, help="Checks at once, from now on.")
    ] = None,
    max_sessions: Annotated[
        int | None, typer.Option(min=1, help="Sessions in all, those so far included.")
    ] = None,
    attempts: Annotated[int | None, typer.Option(min=1, help="Sessions a task.")] = None,
    budget_usd: Usd = None,
    budget_tokens: Tokens = None,
    allow_overlap: Annotated[
        bool, typer.Option("--allow-overlap", help="Tasks may own the same path.")
    ] = False,
    detach: Detach = False,
    yes: Yes = False,
    as_json: where.Json = False,
    allow_red_base: Annotated[
        bool, typer.Option("--allow-red-base", help="Go on where a check fails on the base.")
    ] = False,
    directory: where.Directory = "",
) -> int:
    """Go on where the journal ends. Says first what is reused and what runs again."""
    from wtman.cli import ordering
    from wtman.cli.driving import carry
    from wtman.core.events import Approved, Event, Resumed
    from wtman.core.events_brakes import LimitsChanged
    from wtman.trust import approve

    with where.journal(ctx, directory) as home:
        state = home.state(where.a_run(home, run))
        where.require_idle(home, state.run)
        limits = LimitsChanged(
            jobs,
            check_jobs,
            max_sessions,
            attempts,
            True if allow_red_base else None,
            budget_usd,
            budget_tokens,
        )
        ordering.require_budget(state, limits)
        edited: tuple[Event, ...] = ()
        if plan:
            path = os.path.join(os.getcwd(), plan)
            edited = ordering.edited(home.repo, state, path, allow_overlap)
        if state.planning is not None and not state.approved:
            from wtman.cli import planning

            if not plan:
                limited = [limits] if limits != LimitsChanged() else []
                manner = planning.Manner(yes=yes, as_json=as_json, detach=detach)
                return planning.go_on(home, state.run, [Resumed(), *limited], manner)
            if state.planning.made is None:
                edited = (*edited, planning.by_hand())
        missing = ordering.unapproved_of(state, edited, os.environ, home.repo.common_dir)
        if missing and yes:
            raise ordering.unapproved(missing)
        if not as_json:
            print("\n".join(ordering.resumption(state, edited, missing, where.width())))
        if (edited or missing or not state.approved) and not yes:
            if as_json or not _on_terminal():
                return _unasked(state.run, plan, missing)
            from wtman.ui.ask import answer

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
            from wtman.cli import detaching

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


def _on_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()
