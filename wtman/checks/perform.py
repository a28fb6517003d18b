"""Checks: the base before any session, then the tip of each task against its start.

On the base every check proves that it can judge at all: that it is green there,
or says which tests are not, and that it sees the checkout it runs in. What fails
that is a problem of the run, found before a session costs anything.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from wtman.checks import import_probe, protected
from wtman.checks.actions import CheckBase, CheckTask
from wtman.checks.diagnosis import Explained, explain
from wtman.checks.excerpt import excerpt
from wtman.checks.judge import BaseRun, Judged, advised, judge, look
from wtman.checks.reproducers import MENDED, look_at_base, turned
from wtman.checks.verdict import BaseJudged, judge_base, overall
from wtman.context import Context
from wtman.git.objects import history
from wtman.git.patches import apply
from wtman.journal import events as e
from wtman.journal.state import State
from wtman.model.check import CheckCommand, Verdict, below
from wtman.model.ids import Sha
from wtman.model.settings import Settings
from wtman.text.terminal import command, last_lines

_TOLD = 10  # lines of output in an error
_PACKAGE_CAP = 1024 * 1024


async def perform(ctx: Context, state: State, action: CheckBase | CheckTask) -> tuple[e.Event, ...]:
    """Judge the base, or a task's tip."""
    match action:
        case CheckBase():
            return (await _base(ctx, state, action),)
        case CheckTask():
            return await _task(ctx, state, action)


async def _task(ctx: Context, state: State, action: CheckTask) -> tuple[e.Event, ...]:
    commands = state.checks_of(action.task)
    tell = partial(ctx.activity, action.task)
    stem = f"{action.task}-{action.head[:10]}"
    judged = await judge(
        ctx,
        state.settings,
        commands,
        action.head,
        action.start,
        stem=stem,
        given=commands,
        tell=tell,
    )
    notes: tuple[str, ...] = ()
    if judged.verdict is not Verdict.RED:
        judged, notes = await _expected(ctx, state, action, judged)
    judged = await turned(ctx, state, (action.task,), action.head, judged, stem)
    checked = e.Checked(
        task=action.task,
        commit=action.head,
        start=action.start,
        verdict=judged.verdict,
        results=judged.results,
        evidence=judged.evidence,
    )
    return (checked, *(e.Noted(note, action.task) for note in notes))


async def _expected(
    ctx: Context, state: State, action: CheckTask, judged: Judged
) -> tuple[Judged, tuple[str, ...]]:
    """The verdict after a second look, with what judges the work as the task found it."""
    settings, owns = state.settings, state.tasks[action.task].task.owns
    changed = await ctx.git(history.changes, ctx.control, action.start, action.head)
    old = protected.protected(settings.protect, changed)
    if not old or not judged.results:
        return judged, ()
    commit = await ctx.git(apply.restored, ctx.control, action.head, old)
    commands = tuple(result.command for result in judged.results)
    stem = f"{action.task}-{action.head[:10]}-expected"
    given = state.checks_of(action.task)

    def tell(words: str) -> None:
        ctx.activity(action.task, f"{words}, with the tests as they were")

    second = await judge(
        ctx, settings, commands, commit, action.start, stem=stem, given=given, tell=tell
    )
    paths = tuple(item.path for item in old)
    found = protected.compare(judged.results, second.results, paths, owns)
    if found is None:
        return judged, ()
    evidence = second.evidence if found.blocks else judged.evidence
    return Judged(overall(found.results), found.results, evidence), found.notes


async def _base(ctx: Context, state: State, action: CheckBase) -> e.BaseChecked:
    files = await ctx.git(history.files, ctx.control, action.commit)
    names = import_probe.own_names(files)

    def named(check: str) -> tuple[str, ...]:
        folder = CheckCommand.of(check).folder
        inner = import_probe.own_names(below(files, folder)) if folder else ()
        return tuple(dict.fromkeys((*inner, *names)))

    package = await ctx.git(history.blob, ctx.control, action.commit, "package.json", _PACKAGE_CAP)
    commands = tuple(dict.fromkeys((*state.checks, *state.offered)))
    looked = await look(ctx, state.settings, commands, action.commit, named, stem="base")
    judged = [await _judge_base(ctx, state.settings, action.commit, one) for one in looked]
    settings = state.settings
    reasons = [
        await ctx.git(explain, ctx, settings, frozenset(files), one.command, one.ran)
        if verdict.problem and not one.ran.no_folder
        else None
        for one, verdict in zip(looked, judged, strict=True)
    ]
    seen = list(zip(looked, judged, reasons, strict=True))
    own = [item for item in seen if item[0].command in state.checks]
    problem, hint = _problem(own, files)
    unfit = {
        item[0].command: found.partition("\n")[0]
        for item in seen
        if item not in own and (found := _problem([item], files)[0])
    }
    warnings: tuple[str, ...] = ()
    if not problem and state.proofs:
        problem, warnings = await look_at_base(ctx, state, action.commit)
        if problem == MENDED:
            hint = 'look again at the code as it is now: wtman review --audit "REQUEST"'
        elif problem:
            hint = "leave that finding out of the plan: wtman plan --findings"
    shown = bool(names) or import_probe.own_workspaces(files, package)
    return e.BaseChecked(
        commit=action.commit,
        results=tuple(one.result for one in judged if one.result.command not in unfit),
        problem=problem,
        hint=hint,
        warnings=(*_warnings(looked, judged, shown), *warnings),
        proofs=tuple(proof.key for proof in state.proofs),
        unfit=unfit,
    )


async def _judge_base(ctx: Context, settings: Settings, commit: Sha, seen: BaseRun) -> BaseJudged:
    """The verdict on the base, with what a check that fails there went without."""
    found = judge_base(seen.command, seen.ran, settings.allow_failing_base)
    if seen.ran.passed:
        return found
    failed = replace(found.result, verdict=Verdict.RED)
    hint = await advised(ctx, settings, (commit,), failed, seen.ran)
    return replace(found, result=replace(found.result, hint=hint))


def _problem(
    looked: Sequence[tuple[BaseRun, BaseJudged, Explained | None]], files: tuple[str, ...]
) -> tuple[str, str]:
    """What keeps these checks from judging anything, and what to do about it."""
    for seen, one, why in looked:
        if why is not None:
            continue
        # Before what is red: through an editable install a run can fail for just that reason.
        kind = seen.sight.kind if seen.sight is not None else ""
        if seen.sight is not None and (kind == "outside" or (kind == "mixed" and one.problem)):
            text = (
                f"check `{seen.command}` does not see the checkout it runs in "
                f"({seen.sight.detail}): it would pass whatever a branch does"
            )
            return text, import_probe.blind_hint(files, seen.command)
    red = [item for item in looked if item[1].problem]
    if not red:
        return "", ""
    seen, first, why = red[0]
    others = "".join(f"; so does `{command(more.command)}`" for more, *_ in red[1:])
    name = f"check `{command(seen.command)}`"
    lines = last_lines(seen.ran.output, _TOLD + 1)
    lines = lines if len(lines) <= _TOLD else [*excerpt(seen.ran.output, _TOLD)]
    said = "".join(f"\n{line}" for line in lines)
    if why is not None and seen.ran.unfit:
        return f"{seen.ran.unfit}, on the base: {why.reason}{said}", why.hint
    if why is not None:
        return f"{name} cannot run: {why.reason}{others}{said}", why.hint
    hint = "fix the base, or use --allow-failing-base (results will not be verified)"
    folder = CheckCommand.of(seen.command).folder
    if seen.ran.no_folder:
        hint = f"commit {folder} first, or name a folder that the base has: -C DIR, or its `in`"
        return f"{name} cannot run on the base: {first.problem}", hint
    if seen.ran.unfit:
        hint = "fix `setup`, or what it needs on the base; checks have the same setup as sessions"
        return f"{seen.ran.unfit}, on the base{said}", hint
    return f"{name} fails on the base: {first.problem}{others}{said}", hint


def _warnings(looked: tuple[BaseRun, ...], judged: list[BaseJudged], own: bool) -> tuple[str, ...]:
    """What the user should know of checks that can judge; `own`: there is code to be blind to."""
    lines = [
        one.warning + (f"; {one.result.hint}" if one.result.hint else "")
        for one in judged
        if one.warning
    ]
    for seen, one in zip(looked, judged, strict=True):
        kind = seen.sight.kind if seen.sight is not None else "unknown"
        if kind == "mixed" and seen.sight is not None:
            lines.append(
                f"check `{seen.command}` also finds code of this repository outside the checkout "
                f"it runs in: {seen.sight.detail}"
            )
        elif kind == "unknown" and own and not one.problem:
            lines.append(f"nothing shows whether check `{seen.command}` sees the checkout")
    return tuple(lines)
