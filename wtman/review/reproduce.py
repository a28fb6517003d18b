"""Reproducers run: the matrix of one finding, on base, on each branch and on several together.

A reviewer's words play no part here. Its patch may only add tests; its command runs like
a check: sandboxed, without a network, in checkouts that nobody else has touched, and again
where it flickers. Nothing in such a checkout says which branch it is.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from wtman.checks.judge import Judged, once
from wtman.checks.judge import judge as judge_tree
from wtman.checks.reproducers import counterpart
from wtman.context import Context
from wtman.git.patches import series
from wtman.git.patches.apply import Patched, overlaid, patched
from wtman.integration import candidate_refs
from wtman.integration.assemble import Assembled, Train, assemble
from wtman.integration.conflicts import Part
from wtman.journal.events import Reproduced
from wtman.journal.state import Finding, State
from wtman.model.check import Verdict
from wtman.model.command import ExitReason
from wtman.model.finding import BASE, MEANT, Cell, Reproducer, files_of
from wtman.model.graph import closure
from wtman.model.ids import Sha, TaskId
from wtman.model.settings import Settings
from wtman.model.values import dataclass
from wtman.provision.command_text import by_hand
from wtman.review.combinations import wanted
from wtman.review.intent import promised, purpose_of
from wtman.review.judgement import once_confirmed
from wtman.review.matrix import (
    WITHOUT,
    Below,
    MatrixResult,
    again,
    combined,
    judge,
    result_of,
    trespass,
    uncompared,
)
from wtman.text.words import listed

_EVIDENCE = 2000  # characters of what it said where it failed
_WAYS = 3  # to join texts that clash, as many as a merge tries
_LONGEST = 300.0  # seconds for one run: it is one test, not a suite
_ENDED = (ExitReason.EXITED, ExitReason.TIMEOUT, ExitReason.OUTPUT, ExitReason.UNSTARTED)


@dataclass(frozen=True, slots=True)
class _Bench:
    """`donor` is a commit on which the patch applied earlier, or empty; `path` is where the
    finding says that the defect is, or empty."""

    ctx: Context
    state: State
    settings: Settings
    proof: Reproducer
    stem: str
    donor: Sha = Sha("")
    path: str = ""


async def reproduce(
    ctx: Context, state: State, finding: Finding, tips: dict[TaskId, Sha]
) -> Reproduced:
    """Run the proof wherever it says something about the branches, and judge what it shows."""
    bench = bench_of(ctx, state, finding)
    members = tuple(tips)
    names = _with_needs(state, members)
    below = _below(state, names)
    cells, problem = await _singly(bench, names, many=len(members) > 1)
    if problem:
        shown = MatrixResult("unproven", (), f"it was not run: {problem}")
    else:
        asked = finding.kind == "completeness" or promised(cells, _asked(state, names))
        cells = await _certain(bench, cells, members, below, asked=asked)
        shown = judge(cells, names, below, asked=asked)
    meant = ""
    if shown.kind == "regression":
        shown, meant = await _unless_meant(bench, shown)
    failing = next((c for c in cells if c.bad and c.tree in _blamed(shown)), None)
    real = (c for c in reversed(cells) if not c.tree.startswith(WITHOUT))
    failing = failing or next((c for c in real if c.bad), None)
    if failing is not None and failing.commit:
        await ctx.git(candidate_refs.keep, ctx.repo, state.run, Sha(failing.commit))
    return Reproduced(
        finding=finding.id,
        proof=bench.proof.key,
        members=members,
        tips=dict(tips),
        cells=tuple(replace(cell, detail=cell.detail[-_EVIDENCE:]) for cell in cells),
        kind=shown.kind,
        culprits=shown.culprits,
        reason=shown.reason,
        evidence=failing.detail[-_EVIDENCE:] if failing is not None else "",
        by_hand=by_hand(Sha(failing.commit), bench.proof.command) if failing is not None else "",
        meant=meant,
    )


async def _certain(
    bench: _Bench,
    cells: list[Cell],
    members: tuple[TaskId, ...],
    below: Below,
    *,
    asked: bool,
) -> list[Cell]:
    """Run it on every set of branches that the verdict needs, until it is certain there."""
    # What applied on one tree helps where the patch does not apply on another.
    donor = next((Sha(cell.commit) for cell in cells if cell.commit), Sha(""))
    if bench.proof.patch and not bench.donor:
        bench = replace(bench, donor=donor)
    while True:
        if sets := wanted(cells, members, below):
            more = await asyncio.gather(*(_combination(bench, names) for names in sets))
            cells = [*cells, *more]
        elif doubted := again(cells, below, asked=asked):
            cells = await _once_more(bench, cells, doubted)
        elif (alone := uncompared(cells)) is not None:
            cells = [*cells, await _without(bench, alone)]
        else:
            return cells


def bench_of(ctx: Context, state: State, finding: Finding) -> _Bench:
    """Where a proof is run; what it was applied to before helps where it does not apply now."""
    proof = finding.reproducer
    assert proof is not None
    settings = replace(state.settings, check_timeout=min(state.settings.check_timeout, _LONGEST))
    donors = (
        Sha(cell.commit)
        for item in reversed(finding.proofs)
        for cell in item.cells
        if item.proof == proof.key and cell.bad and cell.commit
    )
    donor = next(donors, Sha("")) if proof.patch else Sha("")
    stem = f"{finding.id}-{proof.key[:6]}"
    return _Bench(ctx, state, settings, proof, stem, donor, finding.claim.path)


def _alone(ctx: Context, state: State, name: TaskId) -> Sha:
    """The tree of one branch, comparable to the base: one that began elsewhere is put there."""
    view = state.tasks[name]
    if not (view.external or view.onto) or view.start == state.base:
        return view.head
    made = assemble(ctx.control, together(state, (name,)))
    return view.head if made.conflict is not None else made.commit


def _with_needs(state: State, members: Sequence[TaskId]) -> tuple[TaskId, ...]:
    """The members and what they were built on: a defect may come from there."""
    wanted = set(closure([view.task for view in state.tasks.values()], members))
    return tuple(name for name in state.tasks if name in wanted and state.tasks[name].head)


def _needs(state: State, name: TaskId) -> frozenset[TaskId]:
    return frozenset(_with_needs(state, (name,))) - {name}


def _below(state: State, names: Sequence[TaskId]) -> dict[TaskId, frozenset[TaskId]]:
    """What each of them was built on; only those that were built on something."""
    return {name: needs for name in names if (needs := _needs(state, name))}


def _blamed(shown: MatrixResult) -> tuple[str, ...]:
    return (*shown.culprits, combined(shown.culprits))


# --- trees --------------------------------------------------------------------------------------


async def _singly(
    bench: _Bench, names: tuple[TaskId, ...], *, many: bool
) -> tuple[list[Cell], str]:
    """The base and each branch by itself."""
    ctx, state = bench.ctx, bench.state
    if all(state.tasks[name].head == state.base for name in names):
        return await _cells(bench, dict.fromkeys(names, state.base))
    trees: dict[str, Sha] = {BASE: state.base}
    for name in names:
        trees[name] = await ctx.git(_alone, ctx, state, name)
    return await _cells(bench, trees, many=many)


async def _cells(
    bench: _Bench, trees: dict[str, Sha], *, many: bool = False
) -> tuple[list[Cell], str]:
    """One run on each tree; a problem of the patch itself ends it before anything runs."""
    made: dict[str, Patched] = {}
    donor = bench.donor
    for name, commit in trees.items():
        done = await bench.ctx.git(patched, bench.ctx.control, commit, bench.proof.patch)
        problem = trespass(
            [(item.path, item.kind, item.mode, item.removed) for item in done.touched]
        )
        if problem:
            return [], problem
        made[name] = done
        if done.commit and done.touched:
            donor = donor or done.commit
    for name, done in made.items():
        if not done.commit and donor:
            # Most of all where the author has taken the test over, as it was or changed.
            commit = await bench.ctx.git(overlaid, bench.ctx.control, trees[name], donor)
            made[name] = Patched(commit)
    cells: list[Cell] = []
    if BASE in made:
        # First, and alone: nothing can be learned from one branch where it hangs here.
        done = made.pop(BASE)
        cells.append(await _cell(bench, BASE, done.commit, done.reason))
        if cells[0].detail == _HANGS and not many:
            return [*cells, *(Cell(name, "unrun", 0, 0, _SPARED) for name in made)], ""
    runs = (_cell(bench, name, done.commit, done.reason) for name, done in made.items())
    return [*cells, *await asyncio.gather(*runs)], ""


_HANGS = "it did not come to an end"
_SPARED = "it does not even come to an end on the base"


async def _cell(bench: _Bench, name: str, commit: Sha, reason: str = "") -> Cell:
    if not commit:
        return Cell(name, "unrun", 0, 0, reason)
    stem = f"{bench.stem}-{commit[:10]}"
    for _ in range(2):
        ran = await once(bench.ctx, bench.settings, bench.proof.command, commit, stem=stem)
        if ran.exit.reason in _ENDED:
            break
    else:
        return Cell(name, "unrun", 0, 0, f"its run was lost: {ran.exit.reason.value}", commit)
    if ran.unfit and (name == BASE or name.startswith(WITHOUT)):
        # The machine or the base is at fault, and not what the test looks for.
        return Cell(name, "unrun", 0, 0, f"{ran.unfit}\n{ran.output}".strip(), commit)
    code = ran.exit.code if ran.exit.reason is ExitReason.EXITED else None
    result = result_of(ran.passed, code, ran.tests, ran.output, files_of(bench.proof.patch))
    detail = "" if ran.passed else (ran.unfit or ran.output or ran.exit.reason.value)
    if ran.exit.reason is ExitReason.TIMEOUT:
        detail = _HANGS if name == BASE else f"{detail}\n{_HANGS}".strip()
    return Cell(name, result, 1, int(not ran.passed), detail, commit, ran.seconds, ran.log)


async def _combination(bench: _Bench, members: tuple[TaskId, ...]) -> Cell:
    """Run it on these together. Where their texts clash and can be joined in several ways it
    fails only if it does in each: what a merge would not take says nothing of the branches."""
    name = combined(members)
    failed: dict[Sha, Cell] = {}
    for way in range(_WAYS):
        made = await bench.ctx.git(_together, bench.ctx, bench.state, members, way)
        if made.conflict is not None and not failed:
            reason = f"they do not merge: conflict in {listed(made.conflict.paths)}"
            return Cell(name, "unrun", 0, 0, reason)
        if made.conflict is not None or made.commit in failed:
            break
        found, problem = await _cells(bench, {name: made.commit})
        cell = found[0] if found else Cell(name, "unrun", 0, 0, problem)
        if not (cell.bad and made.adapted):
            return cell
        failed[made.commit] = cell
    return next(iter(failed.values()))


async def _without(bench: _Bench, alone: Cell) -> Cell:
    """Run it on the tree of an audit without the files that the finding is about."""
    ctx, base = bench.ctx, bench.state.base
    paths = (bench.path.removeprefix("./"),)
    tree, words = await ctx.git(counterpart, ctx.control, base, Sha(alone.commit), paths)
    return await _cell(bench, f"{WITHOUT}{words}", tree, "there is nothing to compare with")


def _together(ctx: Context, state: State, members: tuple[TaskId, ...], way: int) -> Assembled:
    """The members, with what they need, on the run's base."""
    made = assemble(ctx.control, together(state, members, way))
    if made.conflict is None and made.commit != state.base:
        candidate_refs.keep(ctx.repo, state.run, made.commit)
    return made


def together(state: State, members: Sequence[TaskId], way: int = 0) -> Train:
    """What reviewers and reproducers see of several branches: these, assembled on the base."""
    parts = []
    for name in _with_needs(state, members):
        view = state.tasks[name]
        parts.append(Part(name, view.start, view.head, view.task.needs, f"{name}\n", None))
    return Train(state.base, tuple(parts), state.identity, state.created, way=way)


# --- certainty ----------------------------------------------------------------------------------


async def _once_more(bench: _Bench, cells: list[Cell], trees: Sequence[str]) -> list[Cell]:
    chosen = [cell for cell in cells if cell.tree in trees]
    more = await asyncio.gather(*(_cell(bench, cell.tree, Sha(cell.commit)) for cell in chosen))
    news = {
        cell.tree: replace(
            cell,
            runs=cell.runs + 1,
            failures=cell.failures + run.failures,
            detail=cell.detail or run.detail,
            seconds=cell.seconds + run.seconds,
        )
        for cell, run in zip(chosen, more, strict=True)
    }
    return [news.get(cell.tree, cell) for cell in cells]


# --- what was asked for -------------------------------------------------------------------------


def _asked(state: State, names: Sequence[TaskId]) -> str:
    """What the authors of these branches were asked; of others' branches what these say."""
    views = [state.tasks[name] for name in names]
    words = ((v.task.title, v.task.prompt, v.task.expect, v.message) for v in views)
    return "\n".join(text for texts in words for text in texts if text)


async def _unless_meant(bench: _Bench, shown: MatrixResult) -> tuple[MatrixResult, str]:
    """A regression, without the branches that seem to have been asked for the change; of the
    others, what speaks for that too."""
    ctx, state = bench.ctx, bench.state
    found = {}
    for name in shown.culprits:
        view = state.tasks[name]
        raw = await ctx.git(series.diff, ctx.control, view.start, view.head)
        text = raw.decode("utf-8", "replace")
        found[name] = purpose_of(bench.proof, text, _asked(state, (name,)))
    meant = tuple(name for name in found if found[name].clear)
    words = "; ".join(f"{name} {found[name].words}" for name in found if found[name].words)
    left = tuple(name for name in shown.culprits if name not in meant)
    if not left:
        reason = f"{shown.reason}, and may be meant: {words}"
        return replace(shown, kind=MEANT, reason=reason), words
    if meant:
        reason = f"{shown.reason}; not meant on {listed(left)}"
        return replace(shown, culprits=left, reason=reason), ""
    if words:
        return replace(shown, reason=f"{shown.reason} ({words})"), words
    return shown, ""


# --- on the train -------------------------------------------------------------------------------


async def still_fixed(
    ctx: Context, state: State, commit: Sha, members: Sequence[TaskId], judged: Judged
) -> Judged:
    """What the checks said of a train, and what the proofs say that its branches once failed.

    Each is run on the train's tree; one that fails there makes the train red. Proofs that
    pass leave no trace: they are no checks of the user's.
    """
    results, evidence = list(judged.results), [judged.evidence]
    for finding in once_confirmed(state, members):
        bench = bench_of(ctx, state, finding)
        done = await ctx.git(patched, ctx.control, commit, bench.proof.patch)
        tree = done.commit
        if not tree and bench.donor:
            tree = await ctx.git(overlaid, ctx.control, commit, bench.donor)
        if not tree:
            continue
        commands = (bench.proof.command,)
        seen = await judge_tree(ctx, bench.settings, commands, tree, None, stem=bench.stem)
        if seen.verdict is not Verdict.RED:
            continue
        await ctx.git(candidate_refs.keep, ctx.repo, state.run, tree)
        reason = f"finding {finding.id} is back: {finding.claim.title}"
        results.append(replace(seen.results[0], reason=reason, commit=tree))
        evidence.append(seen.evidence)
    if len(results) == len(judged.results):
        return judged
    text = "\n\n".join(part for part in evidence if part)
    return Judged(Verdict.RED, tuple(results), text)
