"""A check run in a checkout that no agent can write, once for the same tree."""

import os
import re
import secrets
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace

from wtman.checks import cache, import_probe
from wtman.checks.diagnosis import absent_in
from wtman.checks.fingerprint import fingerprint
from wtman.checks.import_probe import ImportOrigin
from wtman.checks.rerun import CACHE, only_failed
from wtman.checks.results import import_records, with_telling_lines, with_tests
from wtman.checks.runners import UNITTEST, form_of, with_results
from wtman.context import Context
from wtman.errors import SPACE_HINT, DiskFullError
from wtman.formats.junit import NO_FILE
from wtman.formats.shell_words import mentions
from wtman.git.checkouts.pool import CheckCheckout
from wtman.git.objects import history
from wtman.git.trees import remove_tree
from wtman.journal.state import digest
from wtman.model.check import CheckCommand
from wtman.model.command import Exit, ExitReason
from wtman.model.ids import Sha, TaskId
from wtman.model.settings import Settings
from wtman.model.values import dataclass
from wtman.provision import packages
from wtman.provision.command import CommandRun, fresh_folder, run_command
from wtman.provision.command_result import CommandResult, believable, keepable
from wtman.provision.command_text import JUNIT
from wtman.provision.files import linked
from wtman.provision.outfit import Spot, checks_folder, fit, keys_for
from wtman.provision.ports import check_port
from wtman.provision.programs import NamedPrograms, link_programs, named_programs
from wtman.provision.setup import git_folders, make_home
from wtman.provision.stamps import marks_of
from wtman.sandbox.environment import SCRATCH, surroundings
from wtman.sandbox.policy import USUAL, SandboxPolicy
from wtman.sandbox.system import is_below
from wtman.text.terminal import command

_PROBE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "probe")

# Without a network nothing comes of trying again, but minutes of waiting.
_OFFLINE = {"NPM_CONFIG_FETCH_RETRIES": "0", "PIP_RETRIES": "0"}

Seen = tuple[CommandResult, ImportOrigin | None]  # and whether it saw its checkout, if asked


@dataclass(frozen=True, slots=True)
class Bench:
    """What all checks of one judgement share. `place` is what their results follow from, too;
    `tell` is told what goes on now."""

    ctx: Context
    settings: Settings
    stem: str
    folder: str  # where the check checkouts are
    env: dict[str, str]
    place: str
    read: tuple[str, ...]  # what lies outside and is there for every check
    tell: Callable[[str], None] = lambda words: None


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """A command to be run on a commit's tree. `label` names its log.

    `given`: the user gave or approved the command, so that the programs that it names are
    shown to it. `unwritten`: no agent wrote the commit, and its setup may fill the package cache.
    `names` is what the import probe looks for. `only` is what pytest is to know
    of what failed last: nothing else is run then.
    """

    command: str
    commit: Sha
    label: str
    given: bool = False
    unwritten: bool = False
    names: tuple[str, ...] = ()
    only: str = ""

    @property
    def check(self) -> CheckCommand:
        """The command, apart from the folder it runs in."""
        return CheckCommand.of(self.command)


async def bench_of(
    ctx: Context,
    settings: Settings,
    stem: str,
    tell: Callable[[str], None] = lambda words: None,
) -> Bench:
    """The bench of a judgement whose logs are called `stem`."""
    # PYTHONPATH is present though empty: a shell exports what a command then assigns to it, so
    # that the run under the import probe and the runs that count take the same path.
    online = settings.check_network
    given = surroundings(ctx.sandbox.name, ctx.environ, "", settings.env, online=online)
    cache = packages.variables(ctx, offline=not online)
    env = {**cache, **given.env, "WTMAN_RUN": ctx.run, "PYTHONPATH": ""}
    if not online and ctx.sandbox.name != "none":
        env.update(_OFFLINE)
    folder = checks_folder(ctx, settings)
    place = await ctx.git(fingerprint, ctx, settings, env)
    shown = (*await ctx.git(git_folders, ctx), *await ctx.git(linked, ctx, settings))
    read = (_PROBE, *given.read, *shown)
    return Bench(ctx, settings, re.sub(r"[^\w.-]+", "-", stem), folder, env, place, read, tell)


async def result(bench: Bench, asked: CheckRequest) -> Seen:
    """The result of a check: a kept one, or it is run.

    With `names`, a kept result counts only if it says where they were found.
    """
    ctx = bench.ctx
    key = await cache_key(bench, asked)
    async with ctx.checkouts.alone(key):
        found = _kept(bench, key)
        if found is not None and (found[1] is not None or not asked.names):
            return found
        ran, sight = await run_anew(bench, asked)
        if keepable(ran):
            ctx.store.cache(key, cache.pack(ran, sight))
            ctx.checkouts.made(key)
        return ran, sight


async def cache_key(bench: Bench, asked: CheckRequest) -> str:
    """What the result of a check is kept under."""
    ctx = bench.ctx
    tree = await ctx.git(history.tree_of, ctx.control, asked.commit)
    key = ("check", tree, with_results(asked.check.run), bench.place)
    named = await _named(bench, asked)
    marks = await ctx.git(marks_of, named.read) if named.read else ()
    return digest(*key, *((f"in {asked.check.folder}",) if asked.check.folder else ()), *marks)


async def _named(bench: Bench, asked: CheckRequest) -> NamedPrograms:
    """The programs that the words of the user show to a command.

    A model's command, a reproducer, sees those of the run's checks: it is to run like them.
    """
    ctx = bench.ctx
    if ctx.sandbox.name == "none":
        return NamedPrograms()
    given = (asked.command,) if asked.given else bench.settings.check
    texts = tuple(CheckCommand.of(text).run for text in given)
    found: NamedPrograms = await ctx.git(named_programs, ctx.repo, ctx.environ, texts)
    return found


def _kept(bench: Bench, key: str) -> Seen | None:
    body = bench.ctx.store.cached(key)
    if body is None:
        return None
    try:
        ran, sight = cache.unpack(body)
    except (ValueError, TypeError, KeyError):
        return None  # another version's; it is made anew
    mine = bench.ctx.checkouts.is_mine(key)
    return (ran, sight) if believable(ran, bench.settings.check_timeout, mine) else None


async def run_anew(bench: Bench, asked: CheckRequest) -> Seen:
    """Run a check, with the import probe where there are names to look for."""
    ran, sight = await run_once(bench, asked)
    if ran.exit.reason is ExitReason.LOST:
        ran, sight = await run_once(bench, asked)
    if asked.names and not ran.unfit and not ran.passed and ran.exit.reason is ExitReason.EXITED:
        # Whether the import probe disturbed it can only be told without the import probe.
        ran, _ = await run_once(bench, replace(asked, names=()))
    elif ran.passed and sight is not None and await _leans_on_main(bench, asked, sight):
        # It was shown the main checkout, as no other run is: a branch would be blamed for that.
        ran, _ = await run_once(bench, replace(asked, names=()))
    return ran, sight


async def _leans_on_main(bench: Bench, asked: CheckRequest, sight: ImportOrigin) -> bool:
    """Whether a run under the import probe may have passed because it saw the main checkout."""
    ctx = bench.ctx
    if ctx.sandbox.name == "none" or not ctx.repo.main:
        return False
    named = (item.path for item in mentions(asked.check.run, ctx.environ))
    real = os.path.realpath(ctx.repo.main)
    return sight.kind == "mixed" or any(
        is_below(path, ctx.repo.main) or is_below(os.path.realpath(path), real)
        for path in named
        if os.path.isabs(path)
    )


async def run_once(bench: Bench, asked: CheckRequest) -> Seen:
    """Run a check in a checkout of its own."""
    ctx = bench.ctx
    handouts = ctx.handouts if ctx.view(bench.folder).moved else None
    keys = frozenset[str]()
    if handouts is not None:
        keys = await ctx.git(keys_for, ctx, bench.settings, asked.commit, False)
    leased = ctx.checkouts.lease(ctx.git, ctx.control, bench.folder, asked.commit, handouts, keys)
    bench.tell("checking: waits for a free checkout")
    async with leased as checkout:
        bench.tell(f"checking: {command(asked.command)}")
        # A HOME for this one run: what a branch left there would be the next one's.
        home = ctx.below("homes", f"check-{checkout.slot}-{secrets.token_hex(4)}")
        began = ctx.clock()
        try:
            ran, sight = await _provisioned(bench, asked, checkout, home)
            if not ran.passed and (lack := await ctx.git(ctx.space.lacked, began, ran.output)):
                # What it says of the tree is worth nothing.
                raise DiskFullError(f"{lack} while `{asked.command}` ran", hint=SPACE_HINT)
            return ran, sight
        finally:
            if os.path.lexists(home):
                await ctx.git(remove_tree, home)


async def _provisioned(
    bench: Bench, asked: CheckRequest, checkout: CheckCheckout, home: str
) -> Seen:
    ctx = bench.ctx
    await ctx.git(make_home, ctx, home)
    async with AsyncExitStack() as stack:
        if not asked.unwritten:
            # What its setup fetches is there for the check.
            await stack.enter_async_context(packages.shown(ctx, home))
        spot = Spot(
            folder=checkout.path,
            commit=asked.commit,
            task=TaskId(f"check-{checkout.slot}"),
            branch="",
            home=home,
            handouts=ctx.handouts if ctx.view(checkout.path).moved else None,
            git_dir=os.path.join(checkout.path, ".git"),
            clean=True,
            held=checkout.held,
            port=check_port(ctx.run, checkout.slot),
            unwritten=asked.unwritten,
        )
        fitted = await fit(ctx, bench.settings, spot, lambda text: None)
        problem, made = fitted.problem, fitted.environment
        ctx.checkouts.holds(checkout, made.key if made is not None else "")
        if problem:
            # The setup of this tree failed: nothing was checked, and that is the result.
            reason, _, output = problem.partition("\n")
            end = Exit(ExitReason.UNSTARTED)
            return CommandResult(end, unfit=f"setup failed: {reason}", output=output), None
        cache = await stack.enter_async_context(packages.shown(ctx, home))
        return await _run(bench, asked, checkout, home, cache.binds)


async def _run(
    bench: Bench,
    asked: CheckRequest,
    checkout: CheckCheckout,
    home: str,
    binds: tuple[tuple[str, str, bool], ...],
) -> Seen:
    ctx = bench.ctx
    check = asked.check
    text = with_results(check.run)
    form = form_of(text)
    folder = await ctx.git(_folder, checkout.path, check.folder)
    if not folder:
        end = Exit(ExitReason.UNSTARTED)
        why = f"there is no folder {check.folder} to run it in"
        return CommandResult(end, unfit=why, no_folder=True), None
    absent = await ctx.git(absent_in, checkout.path, check, bench.env) if asked.given else ()
    named = await _named(bench, asked)
    await ctx.git(link_programs, home, named)
    await ctx.git(packages.lead_there, ctx, home)
    port = str(check_port(ctx.run, checkout.slot))
    view = ctx.view(checkout.path, home)
    seen = view.seen(checkout.path)
    env = {**bench.env, "WTMAN_WORKTREE": seen, "WTMAN_PORT": port}
    if ctx.sandbox.name != "none":
        env["HOME"] = view.seen(home)
    # Results lie outside the checkout, where no branch can have put one beforehand.
    results = ""
    if JUNIT in text or asked.names:
        results = fresh_folder(ctx.folder, f"checks/{asked.label}-results")
    if asked.only:
        lasting = os.path.join(results, "cache")
        text = only_failed(check.run, lasting) or text
        await ctx.git(_remember, os.path.join(lasting, CACHE), asked.only)
    if asked.names:
        text = _with_probe(text, env, results, asked.names)
    junit = os.path.join(results, "junit.xml")
    command = CommandRun(
        text=text,
        folder=view.seen(folder),
        env=env,
        policy=replace(_policy(bench, asked, checkout, results, home, named.read), binds=binds),
        label=f"checks/{asked.label}",
        fill={JUNIT: junit, UNITTEST: os.path.join(_PROBE, "unittest_junit.py")},
    )
    ran = await run_command(ctx.executor, ctx.sandbox, bench.settings, ctx.folder, command)
    ran = replace(ran, absent=absent)
    if form and ran.exit.reason is ExitReason.EXITED:
        stdout = ctx.below(ran.log, "stdout")
        ran = await ctx.git(with_tests, ran, form, stdout, junit, seen)
        unwritten = ran.tests is not None and ran.tests.problem == NO_FILE
        ran = replace(ran, silent=unwritten and ran.passed and JUNIT not in check.run)
    if not ran.passed and ran.log:
        ran = await ctx.git(with_telling_lines, ran, ctx.below(ran.log), view.told)
    if not asked.names:
        return ran, None
    records = import_probe.read_records(await ctx.git(import_records, results))
    return ran, import_probe.seen(records, seen, asked.names)


def _policy(
    bench: Bench,
    asked: CheckRequest,
    checkout: CheckCheckout,
    results: str,
    home: str,
    named: tuple[str, ...],
) -> SandboxPolicy:
    ctx, first = bench.ctx, check_port(bench.ctx.run, checkout.slot)
    # Who looks whether a check sees another checkout than its own has to let it see one.
    main = (ctx.repo.main,) if asked.names and ctx.repo.main else ()
    return SandboxPolicy(
        read=(*bench.read, *main, *named),
        write=tuple(path for path in (checkout.path, results) if path),
        home=home,
        view=ctx.view(checkout.path, home),
        scratch=os.path.join(home, SCRATCH),
        network="on" if bench.settings.check_network else "off",
        serves=tuple(range(first, first + 10)),
        limits=USUAL,
    )


def _folder(checkout: str, below: str) -> str:
    """Where in a checkout a check starts; empty where the tree has no such folder."""
    path = os.path.join(checkout, below) if below else checkout
    # A branch may have put a link there that leads elsewhere.
    inside = is_below(os.path.realpath(path), os.path.realpath(checkout))
    return path if inside and os.path.isdir(path) else ""


def _remember(path: str, content: str) -> None:
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(content)


def _with_probe(text: str, env: dict[str, str], folder: str, names: tuple[str, ...]) -> str:
    """Put the import probe first on the path of every Python program that the command starts."""
    env["PYTHONPATH"] = _PROBE
    env["WTMAN_IMPORT_PROBE"] = folder
    env["WTMAN_IMPORT_PROBE_NAMES"] = ",".join(names)
    if re.fullmatch(r"[\w./+-]+", _PROBE):
        # A command that sets the path itself would leave the import probe out.
        text = re.sub(r"\bPYTHONPATH=(?=[^\s;&|])", f"PYTHONPATH={_PROBE}{os.pathsep}", text)
    return text
