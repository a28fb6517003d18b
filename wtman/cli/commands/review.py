"""`wtman review`: the reviews of a run, of any branches, or of a repository as it stands."""

import json
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from wtman.cli import options, run_options, target
from wtman.coordinator.home import Home, a_run, require_idle
from wtman.errors import UsageError
from wtman.journal.events import Event
from wtman.journal.state import State


@run_options.with_keys(
    *("agent", "reviewed_by", "reviewers", "rounds", "jobs"),
    *("max_sessions", "budget_usd", "timeout", "sandbox"),
)
def review(
    ctx: typer.Context,
    run: options.Run = "",
    branches: Annotated[
        list[str] | None,
        typer.Option("--branches", metavar="NAME...", help="Review these branches, not a run."),
    ] = None,
    base: Annotated[
        str, typer.Option(metavar="REF", help="Base ref for --branches, or ref to audit.")
    ] = "HEAD",
    audit: Annotated[
        str, typer.Option(metavar="REQUEST", help="Review the repository as it stands.")
    ] = "",
    *,
    flags: run_options.Flags,
    role: run_options.Role = None,
    as_json: options.Json = False,
    directory: options.Directory = "",
) -> int:
    """Run reviews and show what they found, with the evidence.

    For a run, what is missing is reviewed, and what is proven goes back to its author. With
    --branches for any branches, and with --audit for the repository as it stands: there
    nothing is changed. Exit status 1 where a confirmed finding is open.
    """
    from wtman.coordinator.create import open_store
    from wtman.coordinator.review import review_of_branches, review_of_run, reviewable
    from wtman.journal.events import Resumed

    flags = {**flags, "roles": run_options.roles_of(role)}
    if bool(run) + bool(branches) + bool(audit) > 1:
        raise UsageError("name a RUN, --branches or --audit, only one of them")
    if not (branches or audit):
        with target.journal(ctx, directory) as home:
            state = home.state(a_run(home, run, reviewable))
            require_idle(home, state.run)
            return _carried(home, state, review_of_run(home.repo, state, flags), as_json)
    repo = target.repository(ctx, directory)
    order = review_of_branches(repo, branches or (), base, audit, flags)
    if not order.branches:
        print(json.dumps({"findings": []}) if as_json else "there is nothing to review")
        return 0
    with open_store(repo) as store:
        home = Home(repo, store)
        return _carried(home, order.state(home), [Resumed("review")], as_json)


def _carried(home: Home, state: State, events: Sequence[Event], as_json: bool) -> int:
    from wtman.cli.drive import driven
    from wtman.ui.lines import RunLines

    out = sys.stderr if as_json else sys.stdout
    if not as_json:
        print(f"run {state.run}", flush=True)
    watch = RunLines(out).watch if not as_json else lambda state, news: None
    after = driven(home, state.run, events, watch, after=state.seq)
    status = _status(after)
    _tell(after, status, as_json)
    return status


def _status(state: State) -> int:
    from wtman.review.judgement import CONFIRMED, judgement

    if state.paused is not None:
        return 4
    if state.stopped is not None:
        return 130
    found = (judgement(state, item) for item in state.reviews.findings.values())
    is_open = any(item.verdict == CONFIRMED and item.open for item in found)
    return int(is_open or state.failed is not None)


def _tell(state: State, status: int, as_json: bool) -> None:
    from wtman.coordinator.outcome import shortfall
    from wtman.model.states import SCHEMA
    from wtman.ui.findings import finding_lines, findings_json, problems, unlooked

    if as_json:
        told = {
            "schema": SCHEMA,
            "run": state.run,
            "base": state.base,
            "branches": [view.label for view in state.tasks.values()],
            "findings": findings_json(state),
            "reviews": {"unlooked": unlooked(state), "problems": problems(state)},
            "exit": status,
        }
        print(json.dumps(told, ensure_ascii=True))
        return
    from wtman.text.terminal import clean

    print()
    print("\n".join(finding_lines(state)) or "nothing was found")
    for line in (*unlooked(state), *problems(state), *shortfall(state)):
        print(f"! {clean(line, 400)}")
    print(f"next: wtman report {state.run}")
