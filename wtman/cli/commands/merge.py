"""`wtman merge`."""

from typing import Annotated

import typer

from wtman.cli import options, target
from wtman.coordinator.home import ready, require_idle
from wtman.errors import UsageError
from wtman.journal.events import MergeAsked
from wtman.model.ids import Branch, Sha, TaskId
from wtman.text.words import quoted


def merge(
    ctx: typer.Context,
    run: options.ReadyRun = "",
    branches: Annotated[
        list[str] | None,
        typer.Option(
            "--branches",
            metavar="NAME...",
            help="Merge these branches instead of a run's: local, remote-tracking or commits.",
        ),
    ] = None,
    into: Annotated[str, typer.Option(metavar="BRANCH", help="Branch to merge into.")] = "",
    check: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CMD", help="Command that must pass on the merged result; repeatable."
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="TASK", help="Merge only this task and what it needs; repeatable."),
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="TASK", help="Exclude this task; repeatable.")
    ] = None,
    strategy: Annotated[
        str,
        typer.Option(
            metavar="squash|merge", help="Make one commit for each task, or merge commits."
        ),
    ] = "squash",
    patch_only: Annotated[
        bool, typer.Option("--patch-only", help="Write the patches; move no branch.")
    ] = False,
    out: Annotated[str, typer.Option("-o", metavar="DIR", help="Folder for the patches.")] = "",
    pr: Annotated[
        bool, typer.Option("--pr", help="Push the result and open one pull request with gh.")
    ] = False,
    pr_per_task: Annotated[
        bool,
        typer.Option("--pr-per-task", help="Open a pull request for each task, stacked by needs."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the merge; change nothing.")
    ] = False,
    unchecked: Annotated[
        bool, typer.Option("--unchecked", help="Merge branches that no check has judged, too.")
    ] = False,
    allow_failing_base: Annotated[
        bool,
        typer.Option("--allow-failing-base", help="With --branches: continue where a check fails."),
    ] = False,
    resolve: Annotated[
        bool,
        typer.Option("--resolve", help="Give conflicting branches to a resolver session."),
    ] = False,
    resolver: Annotated[
        str, typer.Option(metavar="AGENT", help="Agent of the resolver; implies --resolve.")
    ] = "",
    as_json: options.Json = False,
    directory: options.Directory = "",
) -> int:
    """Merge the verified branches together, as one verified change, and as patches.

    The branches are combined aside and checked as one tree; the target moves only to the
    commit that passed. A branch that fails or conflicts is named and excluded. With a
    resolver (--resolve, or for the run: split --role resolver=AGENT), a session updates
    each excluded branch to what has landed; it is then checked and merged in turn. With
    --branches any branches are merged, without a run or configuration:
    wtman merge --branches a b c --check CMD. They land on the current branch, or
    --into BRANCH, and are not changed themselves.
    """
    from wtman.cli.merge import PER_TASK, WHOLE, merge_branches, merge_run, put_in_order

    if strategy not in ("squash", "merge"):
        raise UsageError(f"--strategy is squash or merge, not {quoted(strategy)}")
    if out and dry_run:
        raise UsageError(
            "-o and --dry-run do not go together: a dry run writes nothing",
            hint="--patch-only writes the patches and moves nothing",
        )
    opens = PER_TASK if pr_per_task else WHOLE if pr else ""
    if opens and dry_run:
        option = "--pr-per-task" if pr_per_task else "--pr"
        raise UsageError(f"{option} and --dry-run do not go together")
    wanted = MergeAsked(
        target=Branch(into),
        before=Sha(""),  # where the target is then
        members=tuple(TaskId(name) for name in only or ()),
        exclude=tuple(TaskId(name) for name in exclude or ()),
        strategy=strategy,
        check=tuple(check or ()),
        unchecked=unchecked,
        patch_only=patch_only or bool(opens),
        dry_run=dry_run,
        out=target.path_of(out),
    )
    resolves = resolve or bool(resolver)
    repo = target.repository(ctx, directory)
    if branches:
        if run:
            raise UsageError("name a RUN or --branches, not both")
        if resolves:
            raise UsageError("--resolve is for a run: wtman has no task of a branch to resolve for")
        put_in_order(repo, wanted, as_json)
        return merge_branches(repo, branches, wanted, allow_failing_base, opens, as_json)
    if allow_failing_base:
        raise UsageError("--allow-failing-base goes with --branches; a run was given it by split")
    put_in_order(repo, wanted, as_json)
    with target.journal(ctx, directory) as home:
        state = home.state(target.run_of(home, run, ready, as_json))
        require_idle(home, state.run)
        return merge_run(home, state, wanted, opens, resolver if resolves else None, as_json)
