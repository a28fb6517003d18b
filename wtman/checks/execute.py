"""A check run in a checkout that no agent can write, once for the same tree."""

import asyncio
import glob
import os
import re
import secrets
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from wtman import files
from wtman.checks import cache as kept
from wtman.checks import import_probe
from wtman.checks.import_probe import ImportOrigin
from wtman.checks.rerun import CACHE, only_failed
from wtman.checks.runners import form_of, with_results
from wtman.context import Context
from wtman.formats.junit import TestRun, read_junit
from wtman.formats.test_output import read_cargo, read_go, read_jest
from wtman.git.checkouts.pool import CheckCheckout
from wtman.git.objects import history
from wtman.git.trees import remove_tree
from wtman.journal.state import digest
from wtman.model.command import Exit, ExitReason
from wtman.model.ids import Sha, TaskId
from wtman.model.settings import Settings
from wtman.provision.command import CommandRun, fresh_folder, run_text
from wtman.provision.command_result import CommandResult, believable, excerpt, keepable
from wtman.provision.command_text import JUNIT
from wtman.provision.files import linked, stamp
from wtman.provision.ports import check_port
from wtman.provision.setup import git_folders, make_home, provision
from wtman.sandbox.environment import SCRATCH, surroundings
from wtman.sandbox.policy import USUAL, SandboxPolicy

T = TypeVar("T")


_RESULTS_CAP = 64 * 1024 * 1024


_RECORDS_CAP = 1000


_IMPORT_PROBE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "probe")


# What changes from terminal to terminal and no check should judge by.
# What differs from one terminal to the next and decides no check.
_VOLATILE = frozenset(
    "TERM NO_COLOR TMPDIR WTMAN_RUN SHELL COLUMNS LINES COLORTERM TERM_PROGRAM "
    "TERM_PROGRAM_VERSION TERM_SESSION_ID TMUX TMUX_PANE STY WINDOW WINDOWID DISPLAY "
    "WAYLAND_DISPLAY SSH_CLIENT SSH_CONNECTION SSH_TTY XDG_SESSION_ID VTE_VERSION "
    "PYTEST_CURRENT_TEST PYTEST_XDIST_WORKER".split()
)


@dataclass(frozen=True, slots=True)
class _Bench:
    """What all checks of one judgement share. `place` is what their results follow from, too."""

    ctx: Context
    settings: Settings
    stem: str
    folder: str  # where the check checkouts are
    env: dict[str, str]
    place: str
    read: tuple[str, ...]  # what lies outside and is there for every check
    only: str = ""  # what pytest is to know of what failed last: nothing else is run then


async def _bench(ctx: Context, settings: Settings, stem: str) -> _Bench:
    # Present though empty: a shell exports what a command then assigns to it, so that the run
    # under the import probe and the runs that count take the same path.
    online = settings.check_network
    given = surroundings(ctx.sandbox.name, ctx.environ, "", settings.env, online=online)
    env = {**given.env, "WTMAN_RUN": ctx.run, "PYTHONPATH": ""}
    folder = os.path.join(settings.worktrees, f"{ctx.run}-checks")
    place = await ctx.git(_fingerprint, ctx, settings, env)
    read = (_IMPORT_PROBE, *given.read, *await ctx.git(_shown, ctx, settings))
    return _Bench(ctx, settings, re.sub(r"[^\w.-]+", "-", stem), folder, env, place, read)


async def _result(
    bench: _Bench, command: str, label: str, commit: Sha, names: tuple[str, ...] = ()
) -> tuple[CommandResult, ImportOrigin | None]:
    """The result of a command on a commit's tree: a kept one, or it is run.

    With `names`, a kept result counts only if it says where they were found.
    """
    ctx = bench.ctx
    key = await _key(bench, command, commit)
    async with ctx.checkouts.alone(key):
        found = _kept(bench, key)
        if found is not None and (found[1] is not None or not names):
            return found
        ran, sight = await _made(bench, command, label, commit, names)
        if keepable(ran):
            ctx.store.cache(key, kept.pack(ran, sight))
            ctx.checkouts.made(key)
        return ran, sight


async def _key(bench: _Bench, command: str, commit: Sha) -> str:
    """The content key of a command's result on a commit's tree."""
    tree = await bench.ctx.git(history.tree_of, bench.ctx.control, commit)
    return digest("check", tree, with_results(command), bench.place)


def _kept(bench: _Bench, key: str) -> tuple[CommandResult, ImportOrigin | None] | None:
    body = bench.ctx.store.cached(key)
    if body is None:
        return None
    try:
        ran, sight = kept.unpack(body)
    except (ValueError, TypeError, KeyError):
        return None  # another version's; it is made anew
    mine = bench.ctx.checkouts.is_mine(key)
    return (ran, sight) if believable(ran, bench.settings.check_timeout, mine) else None


async def _made(
    bench: _Bench, command: str, label: str, commit: Sha, names: tuple[str, ...]
) -> tuple[CommandResult, ImportOrigin | None]:
    """Run a command on a commit's tree, with the import probe where there are names to look for."""
    ran, sight = await _in_checkout(bench, command, label, commit, names)
    if ran.exit.reason is ExitReason.LOST:
        ran, sight = await _in_checkout(bench, command, label, commit, names)
    if names and not ran.unfit and not ran.passed and ran.exit.reason is ExitReason.EXITED:
        # Whether the import probe disturbed it can only be told without the import probe.
        ran, _ = await _in_checkout(bench, command, label, commit, ())
    return ran, sight


async def _in_checkout(
    bench: _Bench, command: str, label: str, commit: Sha, names: tuple[str, ...]
) -> tuple[CommandResult, ImportOrigin | None]:
    """Run a command in a checkout of its own."""
    ctx = bench.ctx
    async with ctx.checkouts.lease(ctx.git, ctx.control, bench.folder, commit) as checkout:
        # A HOME for this one run: what a branch left there would be the next one's.
        home = ctx.below("homes", f"check-{checkout.slot}-{secrets.token_hex(4)}")
        try:
            return await _at_home(bench, command, label, checkout, names, home)
        finally:
            if os.path.lexists(home):
                await ctx.git(remove_tree, home)


async def _at_home(
    bench: _Bench,
    command: str,
    label: str,
    checkout: CheckCheckout,
    names: tuple[str, ...],
    home: str,
) -> tuple[CommandResult, ImportOrigin | None]:
    ctx = bench.ctx
    await ctx.git(make_home, ctx, home)
    problem = await provision(
        ctx,
        bench.settings,
        checkout.path,
        task=TaskId(f"check-{checkout.slot}"),
        branch="",
        home=home,
        port=check_port(ctx.run, checkout.slot),
    )
    if problem:
        # The setup of this tree failed: nothing was checked, and that is the result.
        reason, _, output = problem.partition("\n")
        end = Exit(ExitReason.UNSTARTED)
        return CommandResult(end, unfit=f"setup failed: {reason}", output=output), None
    return await _spoken(bench, command, label, checkout, names, home)


async def _spoken(
    bench: _Bench,
    command: str,
    label: str,
    checkout: CheckCheckout,
    names: tuple[str, ...],
    home: str,
) -> tuple[CommandResult, ImportOrigin | None]:
    ctx = bench.ctx
    text = with_results(command)
    form, asked = form_of(text), JUNIT in text
    env = {
        **bench.env,
        "WTMAN_WORKTREE": checkout.path,
        "WTMAN_PORT": str(check_port(ctx.run, checkout.slot)),
    }
    if ctx.sandbox.name != "none":
        env["HOME"] = home
    # Results lie outside the checkout, where no branch can have put one beforehand.
    results = fresh_folder(ctx, f"checks/{label}-results") if asked or names else ""
    if bench.only:
        cache = os.path.join(results, "cache")
        text = only_failed(command, cache) or text
        await ctx.git(_remember, os.path.join(cache, CACHE), bench.only)
    if names:
        text = _import_origin(text, env, results, names)
    spoken = CommandRun(
        text=text,
        folder=checkout.path,
        env=env,
        policy=_policy(bench, checkout, results, home, names),
        label=f"checks/{label}",
        junit=os.path.join(results, "junit.xml"),
    )
    ran = await run_text(ctx, bench.settings, spoken)
    if form and ran.exit.reason is ExitReason.EXITED:
        stdout = ctx.below(ran.log, "stdout")
        ran = await ctx.git(_told, ran, form, spoken, stdout)
    if not names:
        return ran, None
    records = import_probe.read_records(await ctx.git(_records, results))
    return ran, import_probe.seen(records, checkout.path, names)


def _policy(
    bench: _Bench, checkout: CheckCheckout, results: str, home: str, names: tuple[str, ...]
) -> SandboxPolicy:
    ctx, first = bench.ctx, check_port(bench.ctx.run, checkout.slot)
    # Who looks whether a check sees another checkout than its own has to let it see one.
    main = (ctx.repo.main,) if names and ctx.repo.main else ()
    return SandboxPolicy(
        read=(*bench.read, *main),
        write=tuple(path for path in (checkout.path, results) if path),
        home=home,
        scratch=os.path.join(home, SCRATCH),
        network="on" if bench.settings.check_network else "off",
        serves=tuple(range(first, first + 10)),
        limits=USUAL,
    )


def _shown(ctx: Context, settings: Settings) -> tuple[str, ...]:
    return (*git_folders(ctx), *linked(ctx, settings))


def _told(ran: CommandResult, form: str, spoken: CommandRun, stdout: str) -> CommandResult:
    """The run with its results test by test; what the check wrote may be anything."""
    try:
        raw = files.read(stdout if form in ("go", "cargo") else spoken.junit, _RESULTS_CAP)[0]
    except FileNotFoundError:
        raw = None
    except OSError as error:
        problem = f"the check's result file cannot be read: {error.strerror}"
        return replace(ran, tests=TestRun(problem=problem))
    match form:
        case "go":
            tests, said = read_go(raw or b"")
            return replace(ran, tests=tests, output=excerpt(said.encode(), ran.output.encode()))
        case "cargo":
            return replace(ran, tests=read_cargo(raw or b""))
        case "jest":
            return replace(ran, tests=read_jest(raw, os.path.realpath(spoken.folder)))
        case _:
            return replace(ran, tests=read_junit(raw))


def _remember(path: str, content: str) -> None:
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(content)


def _records(folder: str) -> list[bytes]:
    found = []
    for path in sorted(glob.glob(os.path.join(glob.escape(folder), "*.json")))[:_RECORDS_CAP]:
        try:
            found.append(files.read(path, _RESULTS_CAP)[0])
        except OSError:
            continue
    return found


def _import_origin(text: str, env: dict[str, str], folder: str, names: tuple[str, ...]) -> str:
    """Put the import probe first on the path of every Python program that the command starts."""
    env["PYTHONPATH"] = _IMPORT_PROBE
    env["WTMAN_IMPORT_PROBE"] = folder
    env["WTMAN_IMPORT_PROBE_NAMES"] = ",".join(names)
    if re.fullmatch(r"[\w./+-]+", _IMPORT_PROBE):
        # A command that sets the path itself would leave the import probe out.
        text = re.sub(r"\bPYTHONPATH=(?=[^\s;&|])", f"PYTHONPATH={_IMPORT_PROBE}{os.pathsep}", text)
    return text


def _fingerprint(ctx: Context, settings: Settings, env: dict[str, str]) -> str:
    """What a result follows from besides tree and command: environment and setup.

    Installing a package changes the folder that it goes to, so that is in it.
    """
    source = ctx.repo.main or ctx.repo.toplevel
    prefixes = [os.path.dirname(part.rstrip("/")) for part in env["PATH"].split(os.pathsep)]
    home = ctx.environ.get("HOME", "")
    prefixes += [env.get("VIRTUAL_ENV", ""), os.path.join(home, ".local") if home else ""]
    if source:
        # An environment in the main checkout reaches the checks by `copy` or `symlink`.
        prefixes += [os.path.join(source, name.strip("/")) for name in settings.symlink]
    marks = [
        f"{folder} {os.stat(folder).st_mtime_ns}"
        for prefix in dict.fromkeys(prefixes)
        if os.path.isabs(prefix)
        for folder in sorted(
            glob.glob(os.path.join(glob.escape(prefix), "lib/python3*/*-packages"))
        )
    ]
    stable = [f"{name}={value}" for name, value in sorted(env.items()) if name not in _VOLATILE]
    online = "online" if settings.check_network else ""
    tier = (ctx.sandbox.name, online)
    parts = [stable, marks, settings.setup, settings.copy, settings.symlink, tier]
    if source and (settings.copy or settings.symlink):
        parts.append(stamp(source, (*settings.copy, *settings.symlink)))
    return digest(*("\n".join(part) for part in parts))


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
