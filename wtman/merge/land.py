"""Landing: the target moves to the very commit that passed, or not at all.

Promises: only a `Verified` lands, and only a passed candidate makes one; the target moves by
compare-and-swap from where the train was built, a checked-out one by `merge --ff-only`
and never over uncommitted changes; the patches are complete before anything moves, and
refs/wtman/landed/ holds the commit first. Done again after a crash it finishes what is
left. A target that moved is an outcome, not an error: the train is built again.
"""

import os
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from wtman.context import Context
from wtman.errors import OutsideError, RaceError, WtmanError
from wtman.formats.codec import to_plain
from wtman.git import refs, signature
from wtman.git.discovery import Repository
from wtman.git.objects import history
from wtman.git.operations import holding
from wtman.git.refs import RefChange
from wtman.git.repo import Checkout, checkouts, is_dirty
from wtman.integration import candidate_refs
from wtman.integration.assemble import assemble, require_same, train_of
from wtman.journal import events as e
from wtman.journal.events import CandidateJudged
from wtman.journal.state import MergeView, State
from wtman.journal.units import landed_units, leads_of_all
from wtman.merge.actions import LandTrain
from wtman.merge.changed_tests import changed_expectations
from wtman.merge.checkout_move import mend, move_forward
from wtman.merge.manifest import SeriesStep, manifest, series
from wtman.merge.patchset import PatchsetDraft, require_free, write
from wtman.merge.proof.proof import Proof, summary
from wtman.merge.proof.prove import prove
from wtman.merge.proof.violations import Violation, violation_text
from wtman.merge.search import passed
from wtman.model.ids import Sha, TaskId
from wtman.model.values import dataclass
from wtman.text.words import listed
from wtman.worktrees.retire import retire


@dataclass(frozen=True, slots=True)
class Verified:
    """The commit of a candidate that passed. It cannot be made of one that did not."""

    candidate: CandidateJudged
    unchecked: bool = False
    signed: Sha = Sha("")  # the same commit with the user's signature

    def __post_init__(self) -> None:
        if not passed(self.candidate, unchecked=self.unchecked):
            raise WtmanError(
                f"a train of {', '.join(self.candidate.members)} did not pass its checks",
                hint="nothing was landed; run the same merge again",
            )

    @property
    def commit(self) -> Sha:
        return self.signed or self.candidate.commit


async def perform(ctx: Context, state: State, action: LandTrain) -> tuple[e.Event, ...]:
    """Land the action's members, or say why that was not possible."""
    merge = state.merge
    assert merge is not None
    if action.members:
        candidate = merge.candidates[action.on, action.members]
        ticket = Verified(candidate, merge.asked.unchecked)
        # Tasks of a run were looked at one by one, when they were checked.
        notes = await changed_expectations(ctx, state, candidate) if state.kind.external else ()
        try:
            done: tuple[e.Event, ...] = await ctx.git(_land, ctx, state, action, ticket)
        except OutsideError:
            raise
        except WtmanError as error:
            done = (e.MergeFailed(error.message, error.hint),)
        events = tuple(
            replace(event, notes=notes) if isinstance(event, e.Landed) else event for event in done
        )
    else:
        events = (_landed(state, action),)
    for event in events:
        if isinstance(event, e.Landed | e.MergeFailed):
            # Before the journal says that it is over: a kill here does it once more.
            left = event.excluded if isinstance(event, e.Landed) else ()
            named = [commit for item in left for commit in item.commits]
            await ctx.git(candidate_refs.drop, ctx.control, state.run, action.on, named)
    return events


def _land(ctx: Context, state: State, action: LandTrain, ticket: Verified) -> tuple[e.Event, ...]:
    """Assemble the train again, prove it, write the patches, move the target, retire branches."""
    merge = state.merge
    assert merge is not None
    train = train_of(state, action.on, action.members, way=ticket.candidate.way)
    made = assemble(ctx.control, train)
    commits = require_same(made, ticket.commit)
    signs = signature.wanted(ctx.control)
    with Drafting() as drafting:
        if not (merge.asked.dry_run or signs):
            drafting.begin(_drafted, ctx, state, action, ticket, commits)
        proof = prove(ctx.control, train, made)  # while git writes the patches
        if not proof.proven:
            return (_disproved(proof),)
        if merge.asked.dry_run:
            return (_landed(state, action, commits, proof),)
        if signs:
            commits, ticket = _signed(ctx, state, action.on, commits, ticket)
            drafting.begin(_drafted, ctx, state, action, ticket, commits)
        landed = _landed(state, action, commits, proof)
        if merge.asked.patch_only:
            return (replace(landed, patches=drafting.publish(state, ticket, landed, proof)),)
        # What a kill in the midst of this very landing has left is no change of the user's.
        told = tuple(e.Noted(text) for text in mend(ctx.repo))
        outcome = target_outcome(ctx, merge, action.on, ticket)
        if isinstance(outcome, e.TargetMoved):
            return (*told, outcome)
        drafting.require()
        try:
            keep_landed(ctx, state, ticket)
            outcome()
        except WtmanError as error:
            return (*told, _overtaken(ctx, merge, action.on, error))
        landed = replace(landed, after=ticket.commit, moved=True)
        landed = replace(landed, patches=drafting.publish(state, ticket, landed, proof))
    stayed = retire(ctx, state, (*commits, *leads_of_all(state, commits)))
    return (*told, landed, *(e.Noted(reason, task) for task, reason in stayed.items()))


def _overtaken(ctx: Context, merge: MergeView, on: Sha, error: WtmanError) -> e.TargetMoved:
    """The target that somebody moved meanwhile; raises what else was in the way."""
    if isinstance(error, RaceError):
        now = refs.read_one(ctx.repo, _target(merge))
        if now is None:
            raise _deleted(merge) from error
        if now != on:
            return e.TargetMoved(now)
    raise error


def _disproved(proof: Proof) -> e.Disproved | e.MergeFailed:
    """Who stays behind: whoever a violation happened with. The rest is tried again."""
    first: dict[TaskId, Violation] = {}
    for violation in proof.violations:
        first.setdefault(violation.task, violation)
    first.pop(TaskId(""), None)
    if not first:
        why = violation_text(proof.violations[0]) if proof.violations else "it says nothing"
        return e.MergeFailed(
            f"the integrity check of the merged branches failed: {why}",
            "nothing was landed; run the same merge again",
        )
    return e.Disproved(
        tuple(
            e.Excluded(
                task,
                "proof",
                others=(TaskId(item.owner),) if item.owner else (),
                paths=(item.path,),
                evidence=violation_text(item),
            )
            for task, item in first.items()
        )
    )


def _signed(
    ctx: Context, state: State, on: Sha, commits: dict[TaskId, Sha], ticket: Verified
) -> tuple[dict[TaskId, Sha], Verified]:
    """The same commits, signed: what was judged is the tree, and that stays."""
    line = tuple(sha for sha in dict.fromkeys(commits.values()) if sha != on)
    if not line:
        return commits, ticket
    known = refs.read(ctx.repo, f"refs/wtman/landed/{state.run}").values()
    made = signature.signed(ctx.control, on, line, known)
    tip = made[line[-1]]
    if history.tree_of(ctx.control, tip) != ticket.candidate.tree:
        raise WtmanError(
            "the signed commits do not hold the tree that was checked",
            hint="run the same merge again",
        )
    return {task: made.get(sha, sha) for task, sha in commits.items()}, replace(ticket, signed=tip)


# --- the target -------------------------------------------------------------------------------


def target_outcome(
    ctx: Context, merge: MergeView, on: Sha, ticket: Verified
) -> e.TargetMoved | Callable[[], None]:
    """Look first: what is left to do to have the target at the commit.

    Raises WtmanError where the user has to do something before.
    """
    if not merge.asked.target:
        raise WtmanError(
            "there is no branch to land on: HEAD is detached",
            hint="name one: wtman merge --into BRANCH",
        )
    ref, commit = _target(merge), ticket.commit
    now = refs.read_one(ctx.repo, ref)
    if now is None:
        raise _deleted(merge)  # making it again could bring back what somebody gave up
    if history.is_ancestor(ctx.control, commit, now):
        return lambda: None  # landed already, before a crash
    if now != on:
        return e.TargetMoved(now)
    stands = require_movable(ctx.repo, merge.asked.target)
    if not stands:
        return lambda: refs.update(ctx.repo, [RefChange(ref, commit, now)])
    return lambda: move_forward(ctx.control, stands[0].path, merge.asked.target, on, commit)


def _deleted(merge: MergeView) -> WtmanError:
    return WtmanError(
        f"the target was deleted meanwhile: there is no branch {merge.asked.target}",
        hint="nothing was landed; make it again, or land elsewhere: wtman merge --into BRANCH",
    )


_MERGE_AGAIN = "run the same merge again; or do not touch it: --into BRANCH, or --patch-only"


def require_movable(repo: Repository, target: str, again: str = _MERGE_AGAIN) -> list[Checkout]:
    """Where the target is checked out: nowhere, or at one place without a change.

    Refuses a branch that an operation of git holds, in whatever checkout, as git does. `again`
    is what to do once that is mended.
    """
    operation = holding(repo, target)
    if operation is not None:
        raise WtmanError(
            f"{operation.what} that holds {target} is in progress in {operation.path}",
            hint=f"{operation.ways_out}, then {again}",
            code="busy",
        )
    stands = [item for item in checkouts(repo) if item.branch == target and item.head]
    if any(not item.path for item in stands):
        raise WtmanError(
            f"{target} is checked out in a folder that git does not record "
            f"(its git directory is {repo.common_dir})",
            hint=f"go to that folder, then {again}",
        )
    stands = [item for item in stands if os.path.isdir(item.path)]
    if not stands:
        return stands
    if len(stands) > 1:
        where = " and ".join(item.path for item in stands)
        raise WtmanError(
            f"{target} is checked out twice, in {where}",
            hint=f"switch one of them to another branch, then {again}",
        )
    dirty = is_dirty(repo, stands[0].path)
    if dirty:
        raise WtmanError(
            f"{stands[0].path}, where {target} is checked out, has uncommitted changes: "
            f"{listed(dirty, 5)}",
            hint=f"commit or stash them there, then {again}",
            code="dirty",
        )
    return stands


def keep_landed(ctx: Context, state: State, ticket: Verified) -> str:
    """The ref that keeps the landed commit, made before the target moves."""
    prefix = f"refs/wtman/landed/{state.run}"
    known = refs.read(ctx.repo, prefix)
    for ref, commit in known.items():
        if commit == ticket.commit:
            return ref
    numbers = [int(tail) for ref in known if (tail := ref.rpartition("/")[2]).isdigit()]
    ref = f"{prefix}/{max(numbers, default=0) + 1}"
    refs.update(ctx.repo, [RefChange(ref, ticket.commit, None)])
    return ref


def _target(merge: MergeView) -> str:
    return f"refs/heads/{merge.asked.target}"


# --- what comes out --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DraftedTrain:
    """The patches of a train, beside their place, and what the manifest says of them."""

    draft: PatchsetDraft
    steps: tuple[SeriesStep, ...]
    before_tree: Sha


class Drafting:
    """Patches that are written meanwhile. What was not published when this ends is discarded."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._made: Future[DraftedTrain] | None = None

    def __enter__(self) -> "Drafting":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()
        if self._made is not None and self._made.exception() is None:
            self._made.result().draft.discard()

    def begin(self, make: Callable[..., DraftedTrain], *args: Any) -> None:
        self._made = self._pool.submit(make, *args)

    def require(self) -> DraftedTrain:
        """What was drafted; raises what was in the way."""
        assert self._made is not None
        return self._made.result()

    def publish(self, state: State, ticket: Verified, landed: e.Landed, proof: Proof) -> str:
        """Put the patches in their place, with their manifest; gives the folder."""
        made = self.require()
        told = to_plain(proof)
        draft, candidate = made.draft, ticket.candidate
        return draft.publish(
            manifest(state, candidate, landed, made.steps, made.before_tree, told, draft.sums)
        )


def _drafted(
    ctx: Context,
    state: State,
    action: LandTrain,
    ticket: Verified,
    commits: Mapping[TaskId, Sha],
) -> DraftedTrain:
    """The patches, written beside their place."""
    merge = state.merge
    assert merge is not None
    ctl, on = ctx.control, action.on
    out = os.path.join(ctx.repo.toplevel or ctx.folder, merge.asked.out)
    folder = os.path.normpath(out) if merge.asked.out else ctx.below("patches")
    require_free(folder)
    linear = commits
    if merge.asked.strategy != "squash":
        # A merge commit is no mail: the series is the same trees, one plain commit a task.
        way = ticket.candidate.way
        linear = assemble(ctl, train_of(state, on, action.members, "squash", way)).commits
    before_tree, *trees = history.trees_of(ctl, (on, *linear.values()))
    steps = series(on, linear, trees, {str(task): commit for task, commit in commits.items()})
    return DraftedTrain(write(ctl, folder, state.run, on, steps), steps, before_tree)


def _landed(
    state: State,
    action: LandTrain,
    commits: Mapping[TaskId, Sha] | None = None,
    proof: Proof | None = None,
) -> e.Landed:
    """What to journal, as long as nothing has moved."""
    merge = state.merge
    assert merge is not None
    candidate = merge.candidates.get((action.on, action.members))
    adapted = [*candidate.adapted] if candidate is not None else []
    if proof is not None:
        told = {(item.task, item.path) for item in adapted}
        adapted += [
            e.Adapted(item.task, item.path, item.how)
            for item in proof.adaptations
            if (item.task, item.path) not in told
        ]
    judged = merge.candidates.values()
    # What failed in one of two runs of the same tree, anywhere in the search.
    flaky = (name for item in judged for result in item.results for name in result.flaky)
    return e.Landed(
        target=merge.asked.target,
        before=action.on,
        after=action.on,
        commits={str(task): commit for task, commit in (commits or {}).items()},
        excluded=action.excluded,
        checks=sum(
            item.tries for item in judged if any(not result.cached for result in item.results)
        ),
        flaky=tuple(dict.fromkeys(flaky)),
        adapted=tuple(dict.fromkeys(adapted)),
        needs=action.needs or None,
        proof=summary(proof) if proof is not None else "",
        moved=False,
        units=landed_units(state, commits or ()) or None,
    )
