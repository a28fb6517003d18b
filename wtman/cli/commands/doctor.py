"""`wtman doctor`: what works here, and the exact fix for the rest, before a run needs it.

It promises to change nothing and to spend nothing, and to go on after whatever it finds:
a topic that cannot be looked at is a line too.
"""

import errno
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from typing import Annotated, Literal

import typer

from wtman import __version__
from wtman.cli import options, target, terminal
from wtman.config import Kind, Loaded, load, repository_commands, worktrees_folder
from wtman.errors import MissingError, WtmanError, no_access
from wtman.git.discovery import Repository, discover, require_git
from wtman.model.check import Verdict
from wtman.model.settings import Settings
from wtman.model.states import SCHEMA, RunKind, RunState
from wtman.model.values import dataclass
from wtman.text.terminal import clean, count, fold, paint, storage

_COLOURS = {"ok": "32", "warn": "33", "missing": "31"}
_LEFT = 20  # columns of level and name
_LITTLE, _ENOUGH = 1 << 30, 5 << 30  # bytes free at the worktrees
_MANY = 5  # unfinished runs that are named
_VERDICTS = {Verdict.GREEN: "passed", Verdict.RED: "failed", Verdict.UNCHECKED: "unchecked"}

Level = Literal["ok", "warn", "missing"]


@dataclass(frozen=True, slots=True)
class Line:
    """One fact. `missing` keeps every run from starting; `fix` is what to type or change."""

    name: str
    level: Level
    text: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class DoctorScope:
    """Where it is asked: the repository, if there is one, and its configuration, if it is sound."""

    environ: Mapping[str, str]
    repo: Repository | None = None
    loaded: Loaded | None = None

    @property
    def settings(self) -> Settings:
        return self.loaded.settings if self.loaded is not None else Settings(sandbox="auto")


def doctor(
    ctx: typer.Context,
    checks: Annotated[
        bool, typer.Option("--checks", help="Also run the checks, on HEAD, in a fresh checkout.")
    ] = False,
    as_json: options.Json = False,
    directory: options.Directory = "",
) -> int:
    """Check what works here, and print the fix for the rest. Exit status 3: nothing can run."""
    from wtman.cli.progress import Progress

    words = "running the checks on HEAD, in a fresh checkout" if checks else "looking around"
    with Progress(words, quiet=as_json):
        lines = diagnose(target.folder(ctx, directory), os.environ, checks)
    missing = any(line.level == "missing" for line in lines)
    if as_json:
        told = {"schema": SCHEMA, "ok": not missing, "lines": [asdict(line) for line in lines]}
        print(json.dumps(told, ensure_ascii=True))
        return 3 if missing else 0
    colour, width = terminal.colour(), terminal.width()
    for line in lines:
        left = f"{line.level:<8} {line.name:<11}"
        text = _beside(clean(line.text), width)
        print(paint(left[:8], _COLOURS[line.level], colour) + left[8:] + text[0])
        for more in (*text[1:], *_next(line, width)):
            print(" " * _LEFT + more)
    return 3 if missing else 0


def _next(line: Line, width: int) -> list[str]:
    """What to do. A command is not folded: it is to be copied."""
    word = "next" if line.level == "ok" else "fix"
    told = []
    for item in target.here(line.fix).splitlines():
        text = clean(f"{word}: {item}")
        told += _beside(text, width) if "; " in text else [text]
    return told


def _beside(text: str, width: int) -> list[str]:
    return fold(text, max(width - _LEFT, 30)) or [""]


# --- what is looked at --------------------------------------------------------------------------


def diagnose(start: str, environ: Mapping[str, str], run_checks: bool) -> list[Line]:
    """Every line about the folder `start` and this machine."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    lines = [Line("wtman", "ok", f"{__version__}, Python {version}")]
    repo = loaded = None
    with _guarded("git", lines):
        lines += _git()
    with _guarded("repository", lines):
        repo = discover(start)
    if repo is not None:
        with _guarded("repository", lines):
            lines += _head(repo)
        lines += _oddities(repo)
        with _guarded("identity", lines):
            lines += _identity(repo)
        with _guarded("config", lines):
            loaded, told = _configuration(repo, environ)
            lines += told
    place = DoctorScope(environ, repo, loaded)
    checked = [_base] if run_checks else []
    topics = [_writable, _sandbox, _agents, _checks, _programs, *checked, _disk, _runs]
    for topic in topics:
        with _guarded(topic.__name__.strip("_"), lines, "warn"):
            lines += topic(place)
    return lines


@contextmanager
def _guarded(name: str, lines: list[Line], level: Level = "missing") -> Iterator[None]:
    """An error is a line too, and what was found by then stays."""
    try:
        yield
    except (WtmanError, PermissionError) as error:
        told = no_access(error) if isinstance(error, PermissionError) else error
        worst = "missing" if isinstance(told, MissingError) else level
        lines.append(Line(name, worst, told.message, told.hint))


# --- git and the repository -------------------------------------------------------------------


def _git() -> Iterator[Line]:
    from wtman.git.run import git

    require_git()
    said = git(["version"], git_dir="").out.decode("ascii", "replace").strip()
    yield Line("git", "ok", said.removeprefix("git version "))


def _head(repo: Repository) -> Iterator[Line]:
    from wtman.git.repo import head_branch, is_dirty, resolve

    base = resolve(repo, "HEAD")
    where = head_branch(repo) or "a detached HEAD: merge will need --into"
    yield Line("repository", "ok", f"{repo.main or repo.common_dir}, on {where}")
    if repo.toplevel and (dirty := is_dirty(repo, repo.toplevel)):
        said = f"{count(len(dirty), 'uncommitted change')}: tasks start from {base[:10]}"
        yield Line("repository", "warn", said, "commit what the tasks need")


def _oddities(repo: Repository) -> Iterator[Line]:
    from wtman.git.unusual import oddities
    from wtman.merge.checkout_note import cut_off_text

    for text in cut_off_text(repo):
        yield Line("repository", "warn", text)
    for odd in oddities(repo):
        yield Line("repository", "warn" if odd.fix else "ok", odd.text, odd.fix)


def _identity(repo: Repository) -> Iterator[Line]:
    from wtman.git.repo import identity

    who = identity(repo)
    yield Line("identity", "ok", f"{who.name} <{who.email}>")


def _configuration(repo: Repository, environ: Mapping[str, str]) -> tuple[Loaded, list[Line]]:
    from wtman.config.trust import approved
    from wtman.git.config import entries, filter_texts

    loaded = load(repo.toplevel or repo.common_dir, environ, {}, None)
    texts = (*repository_commands(loaded), *filter_texts(entries(repo.git_dir)))
    missing = approved(texts, environ, repo.common_dir)
    files = sorted({source.name for source in loaded.origin.values() if source.name})
    empty = os.path.exists(os.path.join(repo.toplevel, "wtman.toml"))
    none = "wtman.toml, which sets nothing" if empty else "none: `wtman init` writes one"
    lines = [Line("config", "ok", ", ".join(files) or none)]
    lines += [Line("config", "warn", text) for text in loaded.warnings]
    if missing:
        said = f"{count(len(missing), 'command')} of this repository not approved"
        lines.append(Line("config", "warn", said, "wtman trust"))
    return loaded, lines


def _writable(place: DoctorScope) -> Iterator[Line]:
    """The first of the folders that every run writes which this user may not write."""
    if place.repo is None:
        return
    home = place.repo.common_dir
    below = (os.path.join(home, name) for name in ("objects", "refs", "refs/heads"))
    for path in (home, *below, place.repo.wtman_dir):
        if os.path.isdir(path) and not os.access(path, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
    yield from ()


# --- what sessions need -------------------------------------------------------------------------


def _sandbox(place: DoctorScope) -> Iterator[Line]:
    from wtman.sandbox import choice

    wanted = place.settings.sandbox
    if wanted == "none":
        said = (
            "none, as configured: agents and checks run with all of your rights; each task keeps "
            "its worktree, and setup runs for every one"
        )
        yield Line("sandbox", "warn", said, "sandbox = auto")
        return
    try:
        found, passed = choice.choose(wanted)
    except MissingError as error:
        if wanted not in ("", "auto"):
            yield Line("sandbox", "missing", error.message, error.hint)
            return
        yield from _passed((name, choice.trouble(name)) for name in choice.NAMES[:-1])
        fix = "one of those above; or --sandbox none, with all of your rights"
        yield Line("sandbox", "missing", "no sandbox works here", fix)
        return
    yield from _passed((name, text) for name, _, text in (item.partition(": ") for item in passed))
    alone = "" if found.mounts else "; each task keeps its worktree, and setup runs for every one"
    network = f"network of agents: {place.settings.network}"
    yield Line("sandbox", "ok", f"{found.name}; {network}{alone}")


def _passed(sandboxes: Iterable[tuple[str, str]]) -> Iterator[Line]:
    """Stronger sandboxes that do not work here; those of other systems have no fix: no news."""
    for name, problem in sandboxes:
        why, semicolon, fix = problem.partition("; ")
        if semicolon:
            yield Line("sandbox", "warn", f"not {name}: {why}", fix)


def _agents(place: DoctorScope) -> Iterator[Line]:
    from wtman.agents import installed, lacks
    from wtman.agents.load import load

    defined = place.settings.agents
    here = installed.found(place.environ, defined)
    wanted = place.settings.agent
    for one in here:
        told = installed.version(one) if one.path else ""
        words = f"{one.name} {told}".strip() if one.name not in told else told
        if one.signed_in:
            by = f", signed in by {one.how}" if one.how else ""
            less = ", ".join(lacks(load(one.name, defined)))
            yield Line("agent", "ok", f"{words}{by}" + (f"; cannot {less}" if less else ""))
        elif one.signed_in is None:
            said = f"{words}: signed in only if {one.how} does it"
            yield Line("agent", "warn", said, one.needs.sign_in)
        elif one.path:
            yield Line("agent", "warn", f"{words}: not signed in", one.needs.sign_in)
    if wanted and wanted.partition(":")[0] not in {one.name for one in here}:
        # A program with a slash is a file of the repository.
        if ":" not in wanted and (wanted not in defined or "/" not in defined[wanted].command[0]):
            installed.require_installed(wanted, place.environ, defined)
        yield Line("agent", "ok", f"{wanted}, as configured")
    elif not wanted and not installed.first_agent(place.environ):
        error = installed.no_agent(place.environ, defined)
        yield Line("agent", "missing", error.message, error.hint)


# --- checks -------------------------------------------------------------------------------------


def _checks(place: DoctorScope) -> Iterator[Line]:
    settings = place.settings
    if place.repo is None:
        return
    if settings.check:
        for command in settings.check:
            yield Line("check", "ok", f"`{command}`; wtman doctor --checks runs it")
        if settings.setup:
            yield Line("setup", "ok", "; ".join(settings.setup))
            return
    if not place.repo.toplevel:
        return
    from wtman.coordinator.detected import of_repository

    found = of_repository(place.repo)
    if not settings.check:
        if found.check:
            said = f"none configured; the tests here are probably `{found.check[0]}`"
            yield Line("check", "warn", said, "`wtman init` writes it down")
        else:
            said = "none configured, and no tests found: branches end unchecked"
            yield Line("check", "warn", said, 'check = ["..."] in wtman.toml, or --check CMD')
    if found.proposed_setup and not settings.setup:
        said = "a fresh worktree has nothing installed, and no setup is configured"
        lines = ", ".join(json.dumps(text, ensure_ascii=False) for text in found.proposed_setup)
        sources = place.loaded.origin.values() if place.loaded is not None else ()
        written = any(source.kind is Kind.REPOSITORY for source in sources)
        fix = f"setup = [{lines}]" if written else "`wtman init` writes it down"
        yield Line("setup", "warn", said, fix)
    for note in found.notes:
        yield Line("setup", "warn", note)


def _programs(place: DoctorScope) -> Iterator[Line]:
    """What checks and setup need on this machine."""
    from wtman.coordinator.detected import of_repository
    from wtman.coordinator.toolchain import lacks

    if place.repo is None:
        return
    found = of_repository(place.repo) if place.repo.toplevel else None
    settings = place.settings
    texts = (*settings.check, *settings.setup)
    for lack in lacks(texts, found, place.environ):
        yield Line("program", "missing" if lack.fatal else "warn", lack.text, lack.fix)


def _base(place: DoctorScope) -> Iterator[Line]:
    """The checks, run on HEAD."""
    from wtman.config.trust import approved
    from wtman.coordinator.base_check import base_checked
    from wtman.git.repo import resolve
    from wtman.sandbox.choice import choose

    repo, loaded = place.repo, place.loaded
    if repo is None or loaded is None or not loaded.settings.check:
        return
    if approved(repository_commands(loaded), place.environ, repo.common_dir):
        yield Line("base", "warn", "the checks were not run: not approved yet", "wtman trust")
        return
    settings = replace(
        loaded.settings,
        sandbox=choose(loaded.settings.sandbox)[0].name,
        worktrees=worktrees_folder(loaded.settings.worktrees, repo, place.environ),
    )
    began = time.monotonic()
    told = base_checked(repo, settings, resolve(repo, "HEAD"), place.environ)
    whole = f"; {time.monotonic() - began:.0f} s with setup" if settings.setup else ""
    for result in told.results:
        tests = f", {count(result.collected, 'test')}" if result.collected is not None else ""
        known = f", {result.known_failures} failed before" if result.known_failures else ""
        verdict = _VERDICTS[result.verdict]
        said = f"`{result.command}`: {verdict}{tests}{known} ({result.seconds:.1f} s{whole})"
        yield Line("base", "warn" if known else "ok", said)
    for text in told.warnings:
        yield Line("base", "warn", text)
    if told.problem:
        yield Line("base", "missing", told.problem, told.hint)


# --- the place and what is under way ------------------------------------------------------------


def _disk(place: DoctorScope) -> Iterator[Line]:
    from wtman.coordinator.start.disk import disk_forecast
    from wtman.coordinator.start.disk_forecast import disk_words
    from wtman.git.control_dir import Control
    from wtman.git.disk import free_bytes, on_network
    from wtman.git.repo import resolve
    from wtman.model.plan import Identity, Plan

    if place.repo is None:
        return
    folder = worktrees_folder(place.settings.worktrees, place.repo, place.environ)
    free = free_bytes(folder)
    said = f"{storage(free)} free for worktrees in {folder}"
    if free < _LITTLE:
        yield Line("disk", "warn", said, "free some, or set worktrees to another folder")
    else:
        note = "" if free >= _ENOUGH else ", little for many checkouts with dependencies"
        yield Line("disk", "ok", said + note)
    with suppress(MissingError):  # no commit yet: that is a line already
        base = resolve(place.repo, "HEAD")
        # Asks the repository itself: what is only looked at gets no folder of wtman's.
        asking = Control(place.repo, place.repo.git_dir, Identity("", ""))
        settings = replace(place.settings, worktrees=folder)
        told = disk_forecast(asking, Plan("", ()), settings, base)
        words = f"a run of {count(settings.jobs, 'task')}: {disk_words(told)}"
        fix = "" if told.fits else "wtman clean; or set worktrees to another folder"
        yield Line("disk", "ok" if told.fits else "warn", words, fix)
    if on_network(folder):
        yield Line(
            "disk",
            "warn",
            "worktrees are on a network file system",
            "set `worktrees` to a local folder",
        )


def _runs(place: DoctorScope) -> Iterator[Line]:
    from wtman.coordinator.home import Home
    from wtman.coordinator.outcome import FINISHED, next_step
    from wtman.git.disk import on_network
    from wtman.journal.store import Store
    from wtman.tasks.lifecycle import run_state

    repo = place.repo
    if repo is None or not Store.exists(repo.wtman_dir):
        return
    with Store.open(repo.wtman_dir, network=on_network(repo.common_dir)) as store:
        home = Home(repo, store)
        states = [home.state(run) for run in store.runs()]
        states = [state for state in states if state.kind is RunKind.SPLIT]
        states = [state for state in states if not state.dismissed]
        open_ = [state for state in states if run_state(state) not in FINISHED]
        for state in open_[-_MANY:]:
            live = bool(store.live(state.run))
            status = run_state(state)
            stalled = status in (RunState.RUNNING, RunState.MERGING) and not live
            said = f"{state.run}: {status}" + (" (live)" if live else "")
            said += ", interrupted" if stalled else ""
            yield Line("run", "warn" if stalled else "ok", said, next_step(state, live))
        if len(open_) > _MANY:
            yield Line("run", "ok", f"and {len(open_) - _MANY} more", "wtman status --all")
