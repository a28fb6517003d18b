"""`wtman review`: the reviews of a run, of any branches, or of a repository as it stands."""

import json
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wtman.cli import options, run_options, target
from wtman.coordinator.home import Home, a_run, require_idle
from wtman.errors import UsageError
from wtman.journal.events import Event
from wtman.journal.state import State

if TYPE_CHECKING:
    from wtman.coordinator.review import BranchReview
    from wtman.git.discovery import Repository


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
    --branches for any branches, and with --audit for the repository as it stands, by the flow
    `audit`: there nothing is changed. Exit status 1 where a confirmed finding is open, and where
    every reviewer failed to look at a branch.
    """
    from wtman.coordinator.create import open_store
    from wtman.coordinator.review import review_of_branches, review_of_run, reviewable

    flags = {**flags, "roles": run_options.roles_of(role)}
    if bool(run) + bool(branches) + bool(audit) > 1:
        raise UsageError("name a RUN, --branches or --audit, only one of them")
    if not (branches or audit):
        with target.journal(ctx, directory) as home:
            state = home.state(a_run(home, run, reviewable))
            require_idle(home, state.run)
            return _carried(home, state, review_of_run(home.repo, state, flags), as_json)
    repo = target.repository(ctx, directory)
    if audit:
        return _audit(repo, audit, base, flags, as_json)
    order = review_of_branches(repo, branches or (), base, flags)
    if not order.branches:
        return _nothing_there(order, as_json)
    with open_store(repo) as store:
        home = Home(repo, store)
        return _carried(home, order.state(home), order.events, as_json, apart=order.apart)


def _audit(repo: "Repository", wanted: str, base: str, flags: dict[str, Any], as_json: bool) -> int:
    """Run the flow `audit`, as `wtman run` does, and tell what it found."""
    from wtman.coordinator.create import open_store
    from wtman.coordinator.start.approval import unapproved
    from wtman.coordinator.start.flow import create_flow, find, flow_order
    from wtman.coordinator.start.flow_proposal import FlowRequest
    from wtman.flow.options import arguments
    from wtman.journal.events import Approved

    script = find(repo, "audit")
    named = [(name, flags.pop(name)) for name in ("reviewers", "rounds") if name in flags]
    words = [word for name, value in named for word in (f"--{name}", str(value))]
    args = arguments(script.outline.inputs, ["--request", wanted, *words])
    prepared = flow_order(repo, FlowRequest(script, args, base, flags), os.environ)
    if prepared.commands:
        raise unapproved(prepared.commands, "approve what you read: wtman trust")
    with open_store(repo) as store:
        home = Home(repo, store)
        state = home.state(create_flow(store, prepared))
        return _carried(home, state, [Approved()], as_json)


def _nothing_there(order: "BranchReview", as_json: bool) -> int:
    """No branch that was named can be reviewed, or has anything that the base has not."""
    from wtman.model.states import SCHEMA
    from wtman.text.terminal import clean

    status, notes = int(order.apart), [note.text for note in order.notes]
    if as_json:
        told: dict[str, Any] = {
            "schema": SCHEMA,
            "run": None,
            "base": order.base,
            "branches": [],
            "findings": [],
            "notes": notes,
            "exit": status,
        }
        print(json.dumps(told, ensure_ascii=True))
        return status
    print("there is nothing to review")
    for text in notes:
        print(f"! {clean(text, 400)}")
    return status


def _carried(
    home: Home, state: State, events: Sequence[Event], as_json: bool, *, apart: bool = False
) -> int:
    """Drive the reviews and tell what they came to. `apart`: some branches cannot be reviewed."""
    from wtman.cli import progress
    from wtman.cli.drive import driven

    if not as_json:
        print(f"run {state.run}", flush=True)
    with progress.told(sys.stdout, quiet=as_json) as watch:
        after = driven(home, state.run, events, watch, after=state.seq)
    status = _status(after) or int(apart)
    _tell(after, status, as_json, apart=apart)
    return status


def _status(state: State) -> int:
    from wtman.review.judgement import CONFIRMED, NO_VERDICT
    from wtman.ui.findings import outcome

    if state.paused is not None:
        return 4
    if state.stopped is not None:
        return 130
    return int(outcome(state) in (CONFIRMED, NO_VERDICT) or state.failed is not None)


def _tell(state: State, status: int, as_json: bool, *, apart: bool) -> None:
    from wtman.coordinator.outcome import shortfall
    from wtman.model.states import SCHEMA
    from wtman.review.audit import audit_findings, fix_command
    from wtman.review.judgement import is_audit
    from wtman.ui.findings import (
        blind,
        finding_lines,
        findings_json,
        problems,
        reviews_json,
        unlooked,
    )

    if as_json:
        told = {
            "schema": SCHEMA,
            "run": state.run,
            "base": state.base,
            "branches": [view.label for view in state.tasks.values()],
            "findings": findings_json(state),
            "reviews": reviews_json(state),
            "notes": list(state.notes),
            "exit": status,
        }
        print(json.dumps(told, ensure_ascii=True))
        return
    from wtman.text.terminal import clean

    print()
    missing = unlooked(state)
    print("\n".join(finding_lines(state)) or _nothing(state, whole=not (missing or apart)))
    for line in (*missing, *problems(state), *state.pressing, *shortfall(state)):
        print(f"! {clean(line, 400)}")
    again = (
        "resume" if state.failed is not None else "review" if status == 1 and blind(state) else ""
    )
    if is_audit(state) and not again and audit_findings(state).confirmed:
        print(f"all that was found: {target.here(f'wtman report {state.run}')}")
        print(target.here(f"next: {fix_command(state)}"))
        return
    print(target.here(f"next: wtman {again or 'report'} {state.run}"))


def _nothing(state: State, *, whole: bool) -> str:
    """That nothing was found says only so much as there was looked at."""
    if not any(item.ok and not item.apart for item in state.reviews.units.values()):
        return "no verdict: no reviewer looked at anything"
    return "nothing was found" if whole else "nothing was found, but not everything was looked at"
