"""Commands of the landing: merge and verify."""

import os
import sys
from typing import Annotated

import typer

from wtman.cli import where
from wtman.core.model import TaskId


def merge(
    ctx: typer.Context,
    run: where.Run = "",
    into: Annotated[str, typer.Option(metavar="BRANCH", help="Land there instead.")] = "",
    check: Annotated[
        list[str] | None, typer.Option(metavar="CMD", help="Judges the train; repeatable.")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="TASK", help="Only these and what they need; repeatable."),
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="TASK", help="Not these; repeatable.")
    ] = None,
    strategy: Annotated[
        str, typer.Option(metavar="squash|merge", help="One commit a task, or merge commits.")
    ] = "squash",
    patch_only: Annotated[
        bool, typer.Option("--patch-only", help="Write the patches, move nothing.")
    ] = False,
    out: Annotated[str, typer.Option("-o", metavar="DIR", help="Where the patches go.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check it, change nothing.")] = False,
    unchecked: Annotated[
        bool, typer.Option("--unchecked", help="Branches that no check judged may land too.")
    ] = False,
    as_json: where.Json = False,
    directory: where.Directory = "",
) -> int:
    """Land the verified branches together, as one verified change, and as patches.

    The train is assembled aside and checked as one tree; the target moves only to the
    very commit that passed.
    """
    from wtman.cli import landing

    with where.journal(ctx, directory) as home:
        state = home.state(where.a_run(home, run, where.ready))
        where.require_idle(home, state.run)
        asked = landing.ask(
            home.repo,
            state,
            landing.Wanted(
                into=into,
                check=tuple(check or ()),
                only=tuple(TaskId(name) for name in only or ()),
                exclude=tuple(TaskId(name) for name in exclude or ()),
                strategy=strategy,
                patch_only=patch_only,
                dry_run=dry_run,
                unchecked=unchecked,
                out=os.path.join(os.getcwd(), out) if out else "",
            ),
        )
        if landing.needs_yes(state, asked):
            if as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
                raise landing.unchecked_error(state)
            asked = landing.ask_unchecked(state, asked)
        return landing.land(home, state, asked, as_json)


def verify(
    ctx: typer.Context,
    folder: Annotated[str, typer.Argument(metavar="DIR", help="With manifest.json.")],
    as_json: where.Json = False,
    directory: where.Directory = "",
) -> int:
    """Re-check a manifest and its patches against this repository."""
    from wtman.cli import landing

    return landing.verify(
        where.repository(ctx, directory), os.path.join(os.getcwd(), folder), as_json
    )
