"""`wtman review`: the reviews of a run, of any branches, or of a repository as it stands.

For a run it carries on what is missing and shows what was found. Branches that wtman did
not make, and an audit, are journalled as runs without a name of their own: nothing is
mended there, for nobody's session is theirs. The same command again asks nobody twice.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

import typer

from wtman.cli import target
from wtman.cli.options import Flags, with_keys
from wtman.errors import UsageError
from wtman.git.discovery import Repository
from wtman.journal.events import Noted
from wtman.journal.state import State
from wtman.model.ids import RunId, Sha, TaskId
from wtman.model.settings import Settings
from wtman.model.states import RunKind

_REVIEWERS = 2
_OF_RUN = ("jobs", "max_sessions", "budget_usd", "reviewers", "rounds")


@with_keys(
    *("agent", "reviewed_by", "reviewers", "rounds", "jobs"),
    *("max_sessions", "budget_usd", "timeout", "sandbox"),
)
def review(
    ctx: typer.Context,
    run: target.Run = "",
    branches: Annotated[
        list[str] | None,
        typer.Option("--branches", metavar="NAME...", help="Review these instead of a run."),
    ] = None,
    base: Annotated[
        str, typer.Option(metavar="REF", help="What --branches are held against, or is audited.")
    ] = "HEAD",
    audit: Annotated[
        str, typer.Option(metavar="REQUEST", help="Look through the repository as it stands.")
    ] = "",
    role: Annotated[
        list[str] | None, typer.Option(metavar="ROLE=AGENT", help="Who plays a role; repeatable.")
    ] = None,
    *,
    flags: Flags,
    as_json: target.Json = False,
    directory: target.Directory = "",
) -> int:
    """Run reviews and show what they found, with the evidence.

    For a run, what is missing is reviewed, and what is proven goes back to its author. With
    --branches for any branches, and with --audit for the repository as it stands: there
    nothing is changed. Exit status 1 where a confirmed finding is open.
    """
    from wtman.cli.start.roles import parsed_roles

    wanted = {**flags, "roles": parsed_roles(role or (), "")}
    if bool(run) + bool(branches) + bool(audit) > 1:
        raise UsageError("name a RUN, --branches or --audit, only one of them")
    if branches or audit:
        return _apart(
            target.repository(ctx, directory), branches or (), base, audit, wanted, as_json
        )
    with target.journal(ctx, directory) as home:
        return _of_run(home, home.state(target.a_run(home, run, _reviewable)), wanted, as_json)


# --- of a run -----------------------------------------------------------------------------------


def _reviewable(state: State) -> bool:
    from wtman.model.states import RunState
    from wtman.tasks.lifecycle import run_state

    return state.approved and run_state(state) not in (RunState.MERGED, RunState.FAILED)


def _of_run(home: target.Home, state: State, wanted: Flags, as_json: bool) -> int:
    from wtman.config import judged_flags
    from wtman.journal.events import Event, LimitsChanged, Resumed
    from wtman.review.judgement import reviewers

    target.require_idle(home, state.run)
    if not state.approved:
        raise UsageError(
            f"run {state.run} has not been started", hint=f"start it: wtman resume {state.run}"
        )
    here = os.getcwd()
    named = tuple(_placed(home.repo, item, here) for item in wanted.get("reviewed_by", ()))
    roles = {name: _placed(home.repo, item, here) for name, item in wanted["roles"].items()}
    changed = {
        **{key: wanted[key] for key in _OF_RUN if key in wanted},
        **({"reviewed_by": named} if named else {}),
        **({"roles": {**state.settings.roles, **roles}} if roles else {}),
    }
    if "reviewers" not in wanted and len(named) > state.settings.reviewers:
        changed["reviewers"] = max(len(named), _REVIEWERS)
    limits = LimitsChanged(judged_flags(changed))
    events: list[Event] = [Resumed("review")]
    if limits != LimitsChanged():
        events.append(limits)
    after = _after(state, events)
    if not reviewers(after):
        raise _nobody()
    _require(home.repo, after, after.base)
    return _carried(home, state, events, as_json)


def _after(state: State, events: Sequence[Any]) -> State:
    from wtman.journal.record import Recorded
    from wtman.journal.replay import replay

    return replay([Recorded(state.seq, state.updated, event) for event in events], state)


def _placed(repo: Repository, spec: str, here: str) -> str:
    from wtman.cli.start.agents import anchored

    return anchored(spec, here, repo.toplevel, frozenset())


def _nobody() -> UsageError:
    return UsageError(
        "nobody is named to review",
        hint="say who: --reviewer NAME; a program too: --reviewer 'command:ARGV'",
    )


def _require(repo: Repository, state: State, base: Sha) -> None:
    """Whoever reviews and refutes must be there."""
    from wtman.cli.start.requirements import require_agents
    from wtman.git.control_dir import prepare
    from wtman.git.objects.history import files
    from wtman.review.judgement import refuter, reviewers

    named = {*reviewers(state), refuter(state)} - {""}
    require_agents(named, state.settings, os.environ, frozenset(files(prepare(repo), base)))


# --- of branches, or of none --------------------------------------------------------------------


def _apart(
    repo: Repository,
    names: Sequence[str],
    base: str,
    audit: str,
    wanted: Flags,
    as_json: bool,
) -> int:
    from wtman.cli.land.branches import heads_of
    from wtman.config.roles import load_roles
    from wtman.coordinator.create import branch_added, branch_task, create, open_store
    from wtman.git.control_dir import prepare
    from wtman.git.repo import head_branch, identity, resolve
    from wtman.integration.external import ExternalBranch, take
    from wtman.journal.events import Approved, Resumed, RolesAssigned
    from wtman.journal.state import digest
    from wtman.model.plan import Plan
    from wtman.review.judgement import LENSES, reviewers

    commit = resolve(repo, base)
    roles = load_roles(repo.toplevel)
    assigned = tuple(roles.named(name) for name in ("reviewer", "refuter"))
    settings, notes = _settings(repo, wanted, len(LENSES) if audit else _REVIEWERS)
    if not reviewers(State(settings=settings, roles={item.name: item for item in assigned})):
        raise _nobody()
    control = prepare(repo)
    external: tuple[ExternalBranch, ...]
    if audit:
        name = head_branch(repo) if base == "HEAD" else base
        external = (
            ExternalBranch(TaskId("head"), name or "HEAD", commit, commit, (), audit, None),
        )
    else:
        external_branches = take(control, commit, heads_of(repo, names), {})
        external = tuple(
            item for item in external_branches.branches if item.task not in external_branches.apart
        )
        notes = (
            *notes,
            *(
                Noted(f"{name} has nothing that {base} has not")
                for name in external_branches.present
            ),
        )
        if not external:
            print(json.dumps({"findings": []}) if as_json else "there is nothing to review")
            return 0
    told = [f"{item.name} {item.start} {item.head}" for item in external]
    words = (repr(settings.reviewers), repr(settings.reviewed_by), repr(settings.roles))
    key = digest("review", commit, audit, settings.agent, *words, *told)
    request = audit or "review " + ", ".join(item.name for item in external)
    with open_store(repo) as store:
        home = target.Home(repo, store)
        known = _known(home, key)
        if known is None:
            named = (settings.agent, *settings.reviewed_by)
            known = create(
                store,
                Plan(request, tuple(branch_task(item) for item in external)),
                settings,
                base=commit,
                target="",
                identity=identity(repo),
                kind=RunKind.AUDIT if audit else RunKind.REVIEW,
                key=key,
                given=tuple(text for text in named if text),
                notes=notes,
                begin=(RolesAssigned(assigned),),
                then=(*(branch_added(item) for item in external), Approved()),
            )
        state = home.state(known)
        target.require_idle(home, known)
        _require(repo, state, commit)
        return _carried(home, state, [Resumed("review")], as_json)


def _settings(repo: Repository, wanted: Flags, default: int) -> tuple[Settings, tuple[Noted, ...]]:
    """What the reviews run under: no check judges here, and no author is asked."""
    from wtman.agents.installed import first_agent
    from wtman.cli.start import order
    from wtman.cli.start.agents import anchored_agents
    from wtman.cli.start.requirements import in_sandbox
    from wtman.config import default_worktrees, load, repository_commands
    from wtman.config.trust import approved
    from wtman.model.plan import Plan

    loaded = load(repo.toplevel, os.environ, wanted)
    theirs = repository_commands(loaded)
    missing = approved(
        [text for text in theirs if text not in loaded.settings.check], os.environ, repo.common_dir
    )
    if missing:
        raise order.unapproved(missing)
    settings, notes = in_sandbox(loaded.settings)
    many = settings.reviewers
    if "reviewers" not in loaded.origin:
        many = max(default, len(settings.reviewed_by))
    settings = replace(
        settings,
        agent=settings.agent or ("" if settings.reviewed_by else first_agent(os.environ)),
        check=(),
        reviewers=many,
        worktrees=settings.worktrees or default_worktrees(repo.main or repo.common_dir, os.environ),
    )
    _, settings = anchored_agents(
        Plan("", ()), settings, repo.toplevel, frozenset(), frozenset(theirs)
    )
    return settings, notes


def _known(home: target.Home, key: str) -> RunId | None:
    """The journal of these very reviews."""
    for run in reversed(home.store.runs()):
        state = home.state(run)
        if state.kind in (RunKind.REVIEW, RunKind.AUDIT) and state.key == key:
            return run
    return None


# --- what came of it ----------------------------------------------------------------------------


def _carried(home: target.Home, state: State, events: Sequence[Any], as_json: bool) -> int:
    import sys

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
    from wtman.model.states import SCHEMA
    from wtman.ui.findings import finding_lines, findings_json, problems, unlooked
    from wtman.ui.outcome import shortfall

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
