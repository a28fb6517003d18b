"""The call of a merge, and of the check of what one wrote."""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from wtman.cli import terminal
from wtman.cli.drive import Watch, driven
from wtman.coordinator.home import Home
from wtman.coordinator.outcome import exit_status, next_command
from wtman.errors import MissingError, UsageError, WtmanError
from wtman.git import refs
from wtman.git.discovery import Repository
from wtman.journal.events import Event, Landed, MergeAsked, MergeFailed, Resumed
from wtman.journal.record import Recorded
from wtman.journal.state import State
from wtman.model.ids import Branch, Sha, TaskId
from wtman.model.states import SCHEMA, SETTLED, RunState, TaskState
from wtman.tasks.lifecycle import landable, run_state, standings
from wtman.text.terminal import clean, count
from wtman.text.words import did_you_mean, quoted
from wtman.ui.lines import RunLines
from wtman.ui.merge_report import answer, lines


@dataclass(frozen=True, slots=True)
class MergeOptions:
    """What the command line of `merge` says."""

    into: str = ""
    check: tuple[str, ...] = ()
    only: tuple[TaskId, ...] = ()
    exclude: tuple[TaskId, ...] = ()
    strategy: str = "squash"
    patch_only: bool = False
    dry_run: bool = False
    unchecked: bool = False
    out: str = ""
    resolve: bool = False


def ask(repo: Repository, state: State, wanted: MergeOptions) -> MergeAsked:
    """The merge that the command line means. Refuses what cannot lead to one."""
    require_strategy(wanted)
    for task in (*wanted.only, *wanted.exclude):
        if task not in state.tasks:
            near = did_you_mean(task, state.tasks)
            raise UsageError(f"run {state.run} has no task {quoted(task)}{near}")
    _require_ready(state, wanted.resolve)
    target = Branch(wanted.into or state.target)
    return MergeAsked(
        target=target,
        before=_before(repo, state, target, wanted.patch_only or wanted.dry_run),
        members=wanted.only,
        exclude=wanted.exclude,
        strategy=wanted.strategy,
        check=wanted.check,
        unchecked=wanted.unchecked,
        patch_only=wanted.patch_only,
        dry_run=wanted.dry_run,
        out=wanted.out,
    )


def require_strategy(wanted: MergeOptions) -> None:
    """Refuse a strategy that there is not."""
    if wanted.strategy not in ("squash", "merge"):
        raise UsageError(f"--strategy is squash or merge, not {quoted(wanted.strategy)}")


def _require_ready(state: State, resolve: bool = False) -> None:
    known = standings(state)
    status = run_state(state, known)
    left_out = any(item.state is TaskState.EXCLUDED for item in known.values())
    if status is RunState.MERGED and not (resolve and left_out):
        raise WtmanError(
            f"run {state.run} is merged already", hint=f"next: {next_command(state, False, known)}"
        )
    unfinished = sum(item.state not in SETTLED for item in known.values())
    if unfinished:
        raise MissingError(
            f"run {state.run} is not ready: {count(unfinished, 'task')} of {len(known)} unfinished",
            hint=f"go on with it first: wtman resume {state.run}",
            code="unready",
        )
    if not landable(state, known) and not left_out:
        raise WtmanError(
            f"run {state.run} has no verified branch to land",
            hint=f"see wtman report {state.run}",
            code="nothing",
        )


def _before(repo: Repository, state: State, target: Branch, aside: bool) -> Sha:
    if not target:
        if aside:
            return state.base
        raise UsageError(
            "there is no branch to land on: HEAD was detached when the run began",
            hint="name one with --into BRANCH, or take --patch-only",
        )
    before = refs.read_one(repo, f"refs/heads/{target}")
    if before is None:
        raise UsageError(
            f"there is no branch {quoted(target)}",
            hint=f"make it first, for instance: git branch {target} {state.base[:10]}",
        )
    return before


# --- branches that no check judged --------------------------------------------------------------


def needs_yes(state: State, asked: MergeAsked) -> bool:
    """Whether somebody has to say that unchecked branches may land."""
    return not asked.unchecked and bool(_unchecked(state, asked))


def _unchecked(state: State, asked: MergeAsked) -> list[TaskId]:
    return [
        task
        for task, item in standings(state).items()
        if item.state is TaskState.UNCHECKED
        and not state.tasks[task].external
        and task not in asked.exclude
        and (not asked.members or task in asked.members)
    ]


def unchecked_error(state: State) -> MissingError:
    """Nobody can be asked."""
    return MissingError(
        f"branches of run {state.run} were judged by no check, and there is no terminal to ask on",
        hint=f"give it one: wtman merge {state.run} --check CMD; or say --unchecked",
        code="unchecked",
    )


def ask_unchecked(state: State, asked: MergeAsked) -> MergeAsked:
    """Ask on the terminal; a no leaves them out."""
    tasks = _unchecked(state, asked)
    print(f"judged by no check: {', '.join(tasks)}")
    question = f"Land {'it' if len(tasks) == 1 else 'them'} unchecked?"
    return replace(asked, unchecked=bool(terminal.ask(question)))


# --- the merge itself ---------------------------------------------------------------------------


Publish = Callable[[State, Landed], str]


@dataclass(frozen=True, slots=True)
class Resolver:
    """Who is asked for what a merge leaves out. No agent: nobody. `afresh`: the user just said so,
    so that what was given up before is tried again."""

    agent: str = ""
    afresh: bool = False


def land(
    home: Home,
    state: State,
    asked: MergeAsked,
    as_json: bool,
    publish: Publish | None = None,
    resolver: Resolver | None = None,
) -> int:
    """Merge the branches of a run, and say what came of it.

    A merge whose train is on the target already was killed before it could say so: that
    one is finished, and nothing else is asked for.
    """
    events: list[Event] = [Resumed("merge")]
    if not _has_landed(home.repo, state):
        require_clean(home.repo, asked)
        events.append(asked)
    return finish(home, state, events, as_json, publish=publish, resolver=resolver)


def require_clean(repo: Repository, asked: MergeAsked) -> None:
    """Refuse a dirty checkout of the target now: the checks may take long, and then it would be."""
    from wtman.merge import land as landing

    if not (asked.dry_run or asked.patch_only):
        landing.require_clean(repo, asked.target)


def _has_landed(repo: Repository, state: State) -> bool:
    from wtman.git.control_dir import prepare
    from wtman.git.objects.history import is_ancestor

    merge = state.merge
    if merge is None or merge.over:
        return False
    trains = {candidate.commit for candidate in merge.candidates.values()}
    kept = set(refs.read(repo, f"refs/wtman/landed/{state.run}").values()) & trains
    target = refs.read_one(repo, f"refs/heads/{merge.asked.target}")
    if target is None or not kept:
        return False
    control = prepare(repo)
    return any(is_ancestor(control, commit, target) for commit in kept)


def finish(
    home: Home,
    state: State,
    events: Sequence[Event],
    as_json: bool,
    present: Mapping[str, Sha] | None = None,
    publish: Publish | None = None,
    resolver: Resolver | None = None,
) -> int:
    """Drive a merge to its end, telling what happens, and say what came of it.

    `present` are branches that need no merge because the target has them; `publish`
    makes a pull request of it and gives its address.
    """
    asks = resolver is not None and bool(resolver.agent)
    watch = _silent if as_json else RunLines(sys.stdout).watch if asks else _told_by_error
    for name in () if as_json else present or ():
        print(f"{clean(name)}  is in {clean(state.target) or 'HEAD'} already")
    before = state.seq
    state = driven(home, state.run, events, watch, after=before)
    landed = state.merge.landed if state.merge is not None else None
    if landed is not None and resolver is not None and resolver.agent:
        state = _resolved(home, state, resolver, watch)
        # Whatever has become of what was left out, this much has landed.
        landed = (state.merge.landed or state.merge.so_far) if state.merge is not None else None
    if state.merge is not None and state.merge.asked.dry_run:
        # Stopped on the way, too: nobody is to go on with a rehearsal.
        _forget(home, state, before)
    if landed is None:
        return _unfinished(state)
    address = publish(state, landed) if publish is not None else ""
    if as_json:
        told = answer(state, landed, present)
        print(json.dumps({**told, "pr": address} if publish else told, ensure_ascii=True))
    else:
        print("\n" + "\n".join(lines(state, landed)))
        if address:
            print(f"\npull request: {clean(address, 200)}")
        elif advice := _next(state):
            print(f"\nnext: {advice}")
    if state.paused is not None:
        return 4
    if state.stopped is not None:
        return 130
    return int(bool(landed.excluded) or not (landed.commits or present))


def _resolved(home: Home, state: State, resolver: Resolver, watch: Watch) -> State:
    from wtman.cli.land.resolve import resolve

    assert state.merge is not None
    return resolve(home, state, state.merge.asked, resolver.agent, watch, afresh=resolver.afresh)


def _forget(home: Home, state: State, before: int) -> None:
    """A rehearsal leaves nothing that a later command would tell of; only verdicts stay."""
    from wtman.git.trees import remove_tree
    from wtman.worktrees.clean import remove_traces

    with home.store.lock(state.run):
        home.store.forget(state.run, 0 if state.kind.external else before, state.seq)
        if state.kind.external:
            remove_traces(state)
    if state.kind.external:
        remove_tree(os.path.join(home.store.folder, "runs", state.run))


def _unfinished(state: State) -> int:
    """The exit status of a merge that did not come to its end, or the error that it met."""
    merge, base = state.merge, state.base_checked
    if merge is not None and merge.failed is not None:
        raise WtmanError(merge.failed.reason, hint=merge.failed.hint, code="merge")
    if state.kind.external and base is not None and base.problem:
        raise MissingError(base.problem, hint=base.hint, code="base")
    if state.failed is not None:
        raise WtmanError(state.failed.reason, hint=state.failed.hint, code="merge")
    if state.paused is not None:
        return 4
    return 130 if state.stopped is not None else exit_status(state)


def _silent(state: State, news: Sequence[Recorded]) -> None:
    """JSON is one answer at the end."""


def _told_by_error(state: State, news: Sequence[Recorded]) -> None:
    """Lines, but for the failure of the merge: `_unfinished` raises that, with its hint."""
    told = [record for record in news if not isinstance(record.event, MergeFailed)]
    RunLines(sys.stdout).watch(state, told)


def _next(state: State) -> str:
    merge = state.merge
    if state.kind.external and not (merge is not None and merge.asked.patch_only):
        return ""  # its own command, or nothing
    if merge is not None and merge.asked.dry_run:
        return f"wtman merge {state.run}"
    if merge is not None and merge.landed is not None and merge.landed.patches:
        if merge.asked.patch_only:
            return f"wtman verify {os.path.relpath(merge.landed.patches)}"
    return next_command(state, False)


def verify(repo: Repository, folder: str, as_json: bool) -> int:
    """Re-check a folder of patches; 1 where something does not hold."""
    from wtman.git.control_dir import prepare
    from wtman.merge.verify import verify as problems_of

    started = time.monotonic()
    problems = problems_of(prepare(repo), folder)
    if as_json:
        told = {"schema": SCHEMA, "folder": folder, "ok": not problems, "problems": list(problems)}
        print(json.dumps(told, ensure_ascii=True))
    elif problems:
        print("\n".join(f"! {clean(problem, 400)}" for problem in problems))
    else:
        spent = time.monotonic() - started
        print(f"the patches say what the manifest says ({spent:.1f} s)")
    return int(bool(problems))
