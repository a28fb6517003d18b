"""The merge of a run, ordered: what lands where. Refuses what cannot lead to one."""

from collections.abc import Sequence
from dataclasses import replace

from wtman.coordinator.checks import typed
from wtman.coordinator.home import Home
from wtman.coordinator.outcome import next_command
from wtman.coordinator.start.requirements import require_repository
from wtman.errors import MissingError, UsageError, WtmanError
from wtman.git import refs
from wtman.git.control_dir import prepare
from wtman.git.discovery import Repository
from wtman.git.objects.history import is_ancestor
from wtman.git.operations import underway
from wtman.git.repo import resolve
from wtman.git.trees import remove_tree
from wtman.journal.events import Event, Landed, MergeAsked, Resumed
from wtman.journal.state import State
from wtman.journal.units import units, wanted_of, whole
from wtman.merge.checkout_move import mend
from wtman.merge.land import require_movable
from wtman.model.ids import TaskId
from wtman.model.states import SETTLED, RunState, TaskState
from wtman.tasks.lifecycle import judged_by_none, landable, run_state, standings
from wtman.text.terminal import count
from wtman.text.words import did_you_mean, quoted
from wtman.worktrees.clean import remove_traces


def put_in_order(repo: Repository, wanted: MergeAsked) -> tuple[str, ...]:
    """Finish or take back what a merge that was cut off left in a checkout; what was done."""
    return () if wanted.dry_run or wanted.patch_only else mend(repo)


def merge_of_run(repo: Repository, state: State, wanted: MergeAsked, again: bool) -> MergeAsked:
    """The merge that is `wanted`, of where the target is. `again`: of what was excluded before."""
    known = {**state.tasks, **units(state)}
    for task in (*wanted.members, *wanted.exclude):
        if task not in known:
            near = did_you_mean(task, known)
            raise UsageError(f"run {state.run} has no task {quoted(task)}{near}")
    _require_ready(state, again)
    wanted = replace(wanted, check=typed(repo, wanted.check))
    asked = on_target(
        repo,
        replace(wanted, target=wanted.target or state.target),
        state.base,
        " when the run began",
    )
    aboard = (state.tasks[task].head for task in wanted_of(state, wanted))
    require_repository(repo, asked.before, filter(None, aboard))
    return asked


def told_of_units(state: State, wanted: MergeAsked) -> tuple[str, ...]:
    """That a part which is named stands for its whole unit."""
    told = []
    for names, what in ((wanted.members, "merged"), (wanted.exclude, "excluded")):
        for name in names:
            unit = next(iter(whole(state, [name]).values()), name)
            if unit != name:
                told.append(f"{name} is a part of {unit}, which is {what} as a whole")
    return tuple(told)


def merged_already(repo: Repository, state: State, wanted: MergeAsked) -> Landed | None:
    """What has landed, where the merge that is wanted was made before and nothing is left to do.

    WtmanError where the target no longer has it.
    """
    merge = state.merge
    landed = merge.landed if merge is not None else None
    if landed is None or not landed.moved or run_state(state) is not RunState.MERGED:
        return None
    if wanted.patch_only or wanted.dry_run or wanted.target not in ("", landed.target):
        return None
    now = refs.read_one(repo, f"refs/heads/{landed.target}")
    if now is None:
        return None
    if not is_ancestor(prepare(repo), landed.after, now):
        raise WtmanError(
            f"run {state.run} was merged into {landed.target}, which no longer has that commit",
            hint=f"to have it there again: git merge {landed.after}",
            code="gone",
        )
    return landed


def on_target(repo: Repository, asked: MergeAsked, aside: str, when: str = "") -> MergeAsked:
    """The merge with where its target is now; `aside` is the commit that a merge without a
    target and a moved branch begins on."""
    if not asked.target:
        if asked.patch_only or asked.dry_run:
            return replace(asked, before=resolve(repo, aside))
        operation = None if when else underway(repo)
        if operation is not None:
            raise WtmanError(
                f"HEAD is detached: {operation.what} is in progress in {operation.path}",
                hint=f"{operation.ways_out}, then run the same merge again; "
                "or do not touch it: --into BRANCH, or --patch-only",
                code="busy",
            )
        was = "was" if when else "is"
        raise UsageError(
            f"there is no branch to land on: HEAD {was} detached{when}",
            hint="name one with --into BRANCH, or take --patch-only",
        )
    before = refs.read_one(repo, f"refs/heads/{asked.target}")
    if before is None:
        resolve(repo, "HEAD")  # says so where there is no commit at all
        known = refs.read(repo, "refs/heads")
        near = did_you_mean(asked.target, (ref.removeprefix("refs/heads/") for ref in known))
        raise UsageError(
            f"there is no branch {quoted(asked.target)} to land on{near}",
            hint=f"--into takes a local branch; to make it: git branch {asked.target}",
        )
    return replace(asked, before=before)


def _require_ready(state: State, again: bool) -> None:
    known = standings(state)
    status = run_state(state, known)
    some_excluded = any(item.state is TaskState.EXCLUDED for item in known.values())
    if status is RunState.MERGED and not (again and some_excluded):
        raise WtmanError(
            f"run {state.run} is merged already", hint=f"next: {next_command(state, False, known)}"
        )
    if state.flow is not None and state.flow.ended is None:
        raise MissingError(
            f"run {state.run} is not ready: its flow has not ended",
            hint=f"next: {next_command(state, False, known)}",
            code="unready",
        )
    if state.flow is not None and not state.flow.wanted and state.failed is None:
        raise WtmanError(
            f"run {state.run} has nothing to merge: its flow returned no work",
            hint=f"return it from main, then: {state.flow.added.resume_command(state.run)}"
            if state.flow.works
            else f"see wtman report {state.run}",
            code="nothing",
        )
    unfinished = sum(item.state not in SETTLED for item in known.values())
    if unfinished:
        raise MissingError(
            f"run {state.run} is not ready: {count(unfinished, 'task')} of {len(known)} unfinished",
            hint=f"answer it first: {next_command(state, False, known)}"
            if status is RunState.WAITING
            else f"go on with it first: wtman resume {state.run}",
            code="unready",
        )
    if not landable(state, known) and not some_excluded:
        raise WtmanError(
            f"run {state.run} has no verified branch to land",
            hint=f"see wtman report {state.run}",
            code="nothing",
        )


def unchecked(state: State, asked: MergeAsked) -> list[TaskId]:
    """The tasks that no check judged, where somebody still has to say that they may land."""
    wanted = () if asked.unchecked else wanted_of(state, asked)
    known = standings(state)
    return [
        task
        for task in known
        if judged_by_none(state, task, known) and task in wanted and not state.tasks[task].external
    ]


def begin(repo: Repository, state: State, asked: MergeAsked) -> Sequence[Event]:
    """The events that the merge begins with. One whose train is on the target already was killed
    before it could say so: that one is finished, and nothing else is asked for."""
    if _has_landed(repo, state):
        return [Resumed("merge")]
    require_clean_target(repo, asked)
    return [Resumed("merge"), asked]


def require_clean_target(repo: Repository, asked: MergeAsked) -> None:
    """Refuse a dirty checkout of the target now: the checks may take long, and then it would be."""
    if not (asked.dry_run or asked.patch_only):
        require_movable(repo, asked.target)


def _has_landed(repo: Repository, state: State) -> bool:
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


def take_back(home: Home, state: State, before: int) -> None:
    """A dry run leaves nothing that a later command would tell of; only verdicts stay."""
    with home.store.lock(state.run):
        home.store.forget(state.run, 0 if state.kind.external else before, state.seq)
        if state.kind.external:
            remove_traces(state)
    if state.kind.external:
        remove_tree(home.folder(state.run))
