"""Runs checks on trees and judges what they say: one engine for tasks, base and train.

A check runs in a pristine checkout that no agent could write, alone, and its
result follows from tree, command, environment and setup: so it is kept under
these, across runs, and made once however many want it. A tree is judged by its
difference to another one, which is run only where the verdict needs it.

It cannot tell a product that passes from one that forges its own result: what a check
imports from the branch runs in the check's process. Review is for that.

Refuses to believe a failure that another coordinator saw (the user may have
mended the machine since), and a timeout that a longer limit could undo.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import replace
from typing import TypeVar

from wtman.checks import absence, cache, verdict
from wtman.checks.excerpt import excerpt, summary
from wtman.checks.execute import (
    Bench,
    CheckRequest,
    bench_of,
    cache_key,
    result,
    run_anew,
    run_once,
)
from wtman.checks.import_probe import ImportOrigin, own_names
from wtman.checks.rerun import lastfailed, only_failed
from wtman.checks.results import shortened
from wtman.checks.verdict import Alone, confirmed
from wtman.context import Context
from wtman.git.objects import history
from wtman.model.check import CheckResult, Verdict, below
from wtman.model.command import ExitReason
from wtman.model.ids import Sha
from wtman.model.settings import Settings
from wtman.model.values import dataclass
from wtman.provision.command_result import CommandResult, keepable

_EVIDENCE = 3 * 1024

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TrainPart:
    """One branch of a train by itself: `commit` is the base with it and with what it needs.

    `own` is its own tip, whose tree a check of the run may have judged; "" without one.
    """

    name: str
    label: str
    commit: Sha
    own: Sha = Sha("")


# Asked for only where a check needs them, for they have to be assembled first.
TrainParts = Callable[[], Awaitable[tuple[TrainPart, ...]]]


@dataclass(frozen=True, slots=True)
class Judged:
    """What the checks say of a tree. `evidence` is a bounded piece of what the red ones said."""

    verdict: Verdict
    results: tuple[CheckResult, ...] = ()
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class BaseRun:
    """A check on the base: its run, and whether it saw the checkout (None: nobody looked)."""

    command: str
    ran: CommandResult
    sight: ImportOrigin | None


async def judge(
    ctx: Context,
    settings: Settings,
    commands: tuple[str, ...],
    tree_commit: Sha,
    against: Sha | None,
    *,
    stem: str,
    parts: TrainParts | None = None,
    given: Collection[str] = (),
    tell: Callable[[str], None] = lambda words: None,
) -> Judged:
    """Judge a commit's tree by its difference to the tree of `against`.

    `stem` names the logs. No command at all is `unchecked`. Of a train, `parts` are its
    branches: what fails on `against` and passes with one of them has to pass here, too.
    `given` are commands that the user gave or approved: others, a model's, see nothing of
    the programs that they name. `tell` is told what goes on now.
    """
    if not commands:
        return Judged(Verdict.UNCHECKED)
    bench = await bench_of(ctx, settings, stem, tell)
    distinct = tuple(dict.fromkeys(commands))
    pairs = await _together(
        _compare(
            bench,
            CheckRequest(command, tree_commit, f"{bench.stem}-{number}", given=command in given),
            against,
            parts,
        )
        for number, command in enumerate(distinct, 1)
    )
    results = tuple(
        [
            replace(
                one,
                hint=await advised(ctx, settings, (tree_commit, against), one, ran),
                telling=summary(ran.output, one.new_failures) if one.verdict is Verdict.RED else "",
            )
            for one, ran in pairs
        ]
    )
    return Judged(verdict.overall(results), results, _evidence(pairs))


async def look(
    ctx: Context,
    settings: Settings,
    commands: tuple[str, ...],
    commit: Sha,
    named: Callable[[str], tuple[str, ...]],
    *,
    stem: str,
) -> tuple[BaseRun, ...]:
    """Run every command of the user on the base, watching where it finds what is `named`."""
    bench = await bench_of(ctx, settings, stem)
    seen = await _together(
        result(
            bench,
            CheckRequest(
                command,
                commit,
                f"{bench.stem}-{number}",
                given=True,
                unwritten=True,
                names=named(command),
            ),
        )
        for number, command in enumerate(commands, 1)
    )
    return tuple(BaseRun(command, *one) for command, one in zip(commands, seen, strict=True))


async def once(
    ctx: Context, settings: Settings, command: str, commit: Sha, *, stem: str
) -> CommandResult:
    """Run a command on a commit's tree this very time, whatever is known of it."""
    bench = await bench_of(ctx, settings, stem)
    ran, _ = await run_once(bench, CheckRequest(command, commit, stem))
    return ran


async def advised(
    ctx: Context,
    settings: Settings,
    commits: tuple[Sha | None, ...],
    judged: CheckResult,
    ran: CommandResult,
) -> str:
    """What a failed check went without, in words; empty: nothing that is known.

    What `commits` define themselves is no package that anybody could install.
    """
    if judged.verdict is not Verdict.RED or ran.unfit:
        return ""
    online = settings.check_network or ctx.sandbox.name == "none"
    own: set[str] = set()
    if absence.package(ran.output):
        for commit in filter(None, commits):
            own.update(own_names(await ctx.git(history.files, ctx.control, commit)))
    return absence.advice(ran.output, online=online, own=own)


async def _compare(
    bench: Bench, asked: CheckRequest, against: Sha | None, parts: TrainParts | None
) -> tuple[CheckResult, CommandResult]:
    allow_red = bench.settings.allow_failing_base
    now, _ = await result(bench, asked)
    base: CommandResult | None = None
    if against is not None and (allow_red or now.tests is not None or not now.passed):
        before = replace(asked, commit=against, label=f"{asked.label}-before")
        base, _ = await result(bench, before)
    first = verdict.judge(asked.command, now, base, allow_red=allow_red)
    alone: tuple[Alone, ...] = ()
    if first.verdict is not Verdict.RED and parts is not None:
        alone = await _alone(bench, asked, verdict.open_failures(now, base), parts)

    def judged(ran: CommandResult) -> CheckResult:
        found = verdict.judge(asked.command, ran, base, allow_red=allow_red)
        if found.verdict is Verdict.RED or base is None or not alone:
            return found
        return verdict.judge_fixes(found, ran, base, alone)

    first = judged(now)
    if first.verdict is Verdict.RED and now.exit.reason is ExitReason.EXITED and not now.unfit:
        return await _confirmed(bench, asked, first, now, judged)
    return first, now


async def _alone(
    bench: Bench, asked: CheckRequest, failures: frozenset[str], parts: TrainParts
) -> tuple[Alone, ...]:
    """What each branch of a train does by itself to these failures of the base.

    A branch whose own check ran before, on the same tree, is not run again, and none whose own
    check passes nothing of it.
    """
    if not failures:
        return ()
    found: list[Alone] = []
    waiting: list[TrainPart] = []
    for part in await parts():
        known = await _known(bench, replace(asked, commit=part.commit))
        if known is not None:
            found.append(Alone(part.name, part.label, known))
            continue
        own = await _known(bench, replace(asked, commit=part.own)) if part.own else None
        if own is None or verdict.fixes(own, failures):
            waiting.append(part)
    requests = [
        replace(asked, commit=part.commit, label=f"{asked.label}-with-{part.name}")
        for part in waiting
    ]
    seen = await _together(result(bench, request) for request in requests)
    new = (Alone(part.name, part.label, ran) for part, (ran, _) in zip(waiting, seen, strict=True))
    return (*found, *new)


async def _known(bench: Bench, asked: CheckRequest) -> CommandResult | None:
    """A kept run of this very tree, whoever made it: it may say that a test passes there."""
    body = bench.ctx.store.cached(await cache_key(bench, asked))
    try:
        ran = cache.unpack(body)[0] if body is not None else None
    except (ValueError, TypeError, KeyError):
        return None
    return ran if ran is not None and ran.exit.reason is ExitReason.EXITED else None


async def _confirmed(
    bench: Bench,
    asked: CheckRequest,
    first: CheckResult,
    now: CommandResult,
    judged: Callable[[CommandResult], CheckResult],
) -> tuple[CheckResult, CommandResult]:
    """Run what is red a second time, once for each tree, before anybody is blamed for it."""
    ctx = bench.ctx
    key = await cache_key(bench, asked)
    async with ctx.checkouts.alone(f"{key}/again"):
        if ctx.checkouts.is_mine(f"{key}/again"):
            return first, now
        if await _fails_again(bench, asked, first, now):
            ctx.checkouts.made(f"{key}/again")
            return first, now
        again, _ = await run_anew(bench, replace(asked, label=f"{asked.label}-again"))
        ctx.checkouts.made(f"{key}/again")
        second = judged(again)
        if second.verdict is not Verdict.RED and keepable(again):
            ctx.store.cache(key, cache.pack(again, None))
    return confirmed(first, second), now if second.verdict is Verdict.RED else again


async def _fails_again(
    bench: Bench, asked: CheckRequest, first: CheckResult, now: CommandResult
) -> bool:
    """Whether the failing tests fail when they alone run again.

    Where one passes nothing is said: it may fail only together with the others.
    """
    if now.tests is None or not first.new_failures or not only_failed(asked.check.run, "cache"):
        return False
    files = await bench.ctx.git(history.files, bench.ctx.control, asked.commit)
    # pytest calls a test by its path from the root, or from the folder it runs in.
    known = frozenset((*files, *below(files, asked.check.folder)))
    only = lastfailed(sorted(now.tests.failing), known)
    if not only:
        return False
    again, _ = await run_anew(bench, replace(asked, label=f"{asked.label}-failed", only=only))
    return again.tests is not None and set(first.new_failures) <= again.tests.failing


def _evidence(pairs: tuple[tuple[CheckResult, CommandResult], ...]) -> str:
    """The last of what the red ones said, in equal shares."""
    red = [(result.command, ran) for result, ran in pairs if result.verdict is Verdict.RED]
    if not red:
        return ""
    share = _EVIDENCE // len(red)
    return "\n\n".join(f"$ {command}\n{_said(ran, share)}".rstrip() for command, ran in red)


def _said(ran: CommandResult, share: int) -> str:
    return (
        ran.output
        if len(ran.output) <= share
        else shortened(ran.output, excerpt(ran.output), share)
    )


async def _together(works: Iterable[Awaitable[T]]) -> tuple[T, ...]:
    """Await all; when one raises, the others are cancelled and awaited before that goes up."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        return tuple(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
