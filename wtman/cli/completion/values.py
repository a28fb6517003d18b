"""The values that fit an option or an argument, here and now."""

import os
import re
from collections.abc import Callable, Iterator
from typing import Any

from wtman import files
from wtman.cli.completion.offer import Choice, Offer
from wtman.model.states import RunKind
from wtman.model.values import dataclass

_PACKAGE = os.path.dirname(files.__file__)
_MOST_RUNS = 20  # whose states are worth the time
_ABOUT = re.compile(r'\A(?:#.*\n|\s)*"""([^\n"]*)')
_TAKE_RUNS = ("diff", "restore")  # where they take a task
_AGENTS = {
    "api": "wtman's own, over the Anthropic Messages API",
    "claude": "Claude Code",
    "codex": "OpenAI Codex",
    "command": "any program: command:ARGV",
    "replay": "a recording: replay:FILE",
}
_SHELLS = ("bash", "zsh", "fish")


@dataclass(frozen=True, slots=True)
class TypedSoFar:
    """The command, what was given for its arguments before, and the folder of -C."""

    command: str
    given: tuple[str, ...]
    folder: str


Source = Callable[[TypedSoFar, str], Iterator[Choice]]


def values(place: TypedSoFar, option: str, metavar: str, typed: str) -> Offer:
    """What fits an option, or for "" the argument of this name."""
    if metavar == "DIR":
        return Offer(else_="dirs")
    if metavar == "FILE":
        return Offer(else_="files")
    if metavar == "FILE|NAME":
        return Offer(tuple(_flows(place, typed)), "files")
    if metavar == "TASK" and not option and place.command in _TAKE_RUNS:
        metavar = "TASK|RUN"
    source = _BY_OPTION.get(option) or _BY_METAVAR.get(metavar.rstrip("."))
    if option and metavar == "TEXT" and option not in _BY_OPTION:
        source = None  # of a person's own
    return Offer(tuple(source(place, typed)) if source is not None else ())


# --- what the journal has -------------------------------------------------------------------------


def _home(place: TypedSoFar) -> Any:
    import contextlib

    from wtman.coordinator.home import Home
    from wtman.git.discovery import discover
    from wtman.git.disk import on_network
    from wtman.journal.store import Store

    @contextlib.contextmanager
    def opened() -> Iterator[Home]:
        repo = discover(os.path.join(files.working_folder(), place.folder))
        if not Store.exists(repo.wtman_dir):
            raise FileNotFoundError
        with Store.open(repo.wtman_dir, network=on_network(repo.common_dir)) as store:
            yield Home(repo, store)

    return opened()


def _runs(place: TypedSoFar, typed: str) -> Iterator[Choice]:
    from wtman.tasks.lifecycle import run_state

    with _home(place) as home:
        fits = [run for run in reversed(home.store.runs()) if run.startswith(typed)]
        for run in fits[:_MOST_RUNS]:
            state = home.state(run)
            if not state.dismissed and state.kind is not RunKind.BASE_CHECK:
                yield Choice(run, f"{run_state(state)}: {state.request}")


def _runs_with_findings(place: TypedSoFar, typed: str) -> Iterator[Choice]:
    from wtman.text.terminal import count

    with _home(place) as home:
        fits = [run for run in reversed(home.store.runs()) if run.startswith(typed)]
        for run in fits[:_MOST_RUNS]:
            state = home.state(run)
            if (found := len(state.reviews.findings)) and not state.dismissed:
                yield Choice(run, f"{count(found, 'finding')}: {state.request}")


def _tasks(place: TypedSoFar, typed: str) -> Iterator[Choice]:
    """The tasks of the run that a bare id means; of others as RUN/id, once that is typed."""
    from wtman.coordinator.home import a_run

    with _home(place) as home:
        run, slash, _ = typed.rpartition("/")
        if slash:
            yield from _tasks_of(home.state(a_run(home, run)), f"{run}/")
            return
        named = place.given[0] if place.command == "merge" and place.given else ""
        own = list(_tasks_of(home.state(a_run(home, named)), ""))
        yield from own
        if typed and not any(item.word.startswith(typed) for item in own):
            for name in [run for run in home.store.runs() if run.startswith(typed)][-_MOST_RUNS:]:
                yield from _tasks_of(home.state(name), f"{name}/")


def _tasks_of(state: Any, prefix: str) -> Iterator[Choice]:
    from wtman.tasks.lifecycle import standings

    for task, standing in standings(state).items():
        title = state.tasks[task].task.title
        about = f"{standing.state}: {title}" if title else str(standing.state)
        yield Choice(prefix + task, about)


def _tasks_and_runs(place: TypedSoFar, typed: str) -> Iterator[Choice]:
    yield from _tasks(place, typed)
    yield from _runs(place, typed)


def _answers(place: TypedSoFar, typed: str) -> Iterator[Choice]:
    from wtman.coordinator.home import a_run

    with _home(place) as home:
        state = home.state(a_run(home, place.given[0]))
        for question in state.questions:
            for word in question.options:
                yield Choice(word, question.text)


# --- what git, the configuration and the package have ---------------------------------------------


def _branches(place: TypedSoFar, typed: str) -> Iterator[Choice]:
    from wtman.git.run import git

    form = "--format=%(refname:short)%09%(contents:subject)"
    where = os.path.join(os.getcwd(), place.folder)
    kinds = ["refs/heads", "refs/remotes", *(["refs/tags"] if place.command != "merge" else [])]
    out = git(["for-each-ref", "--sort=-committerdate", form, *kinds], git_dir="", cwd=where).out
    for line in out.decode("utf-8", "replace").splitlines():
        name, _, about = line.partition("\t")
        yield Choice(name, about)


def _configured(place: TypedSoFar) -> Iterator[tuple[str, str]]:
    """The agents of the configuration files, with where they are."""
    import tomllib

    from wtman.config.folders import xdg_folder

    own = xdg_folder("CONFIG", os.environ)
    for path, table in (
        (os.path.join(place.folder, "wtman.toml"), ()),
        (os.path.join(place.folder, "pyproject.toml"), ("tool", "wtman")),
        (os.path.join(own, "config.toml"), ()),
    ):
        try:
            with open(path, "rb") as file:
                found: Any = tomllib.load(file)
        except (OSError, ValueError):
            continue
        for key in (*table, "agents"):
            found = found.get(key) or {}
        yield from ((str(name), f"of {path}") for name in found)


def _agents(place: TypedSoFar, typed: str) -> Iterator[Choice]:
    from wtman.agents.load import known

    for name, about in _configured(place):
        yield Choice(name, about)
    for name in known():
        takes = name in ("command", "replay")
        yield Choice(f"{name}:" if takes else name, _AGENTS.get(name, ""), takes)


def _planners(place: TypedSoFar, typed: str) -> Iterator[Choice]:
    yield Choice("static", "without a model: along packages and imports")
    yield from _agents(place, typed)


def _roles(place: TypedSoFar, typed: str) -> Iterator[Choice]:
    role, equals, agent = typed.partition("=")
    if equals:
        for item in _agents(place, agent):
            yield Choice(f"{role}={item.word}", item.about, item.goes_on)
        return
    package = os.path.join(_PACKAGE, "roles")
    names = set()
    for folder in (package, *(os.path.join(place.folder, it, "agents") for it in _ROLE_FOLDERS)):
        if os.path.isdir(folder):
            names |= {it[:-3] for it in os.listdir(folder) if it.endswith(".md")}
    for name in sorted(names):
        yield Choice(f"{name}=", "its agent", True)


_ROLE_FOLDERS = (".wtman", ".claude")


def _flows(place: TypedSoFar, typed: str) -> Iterator[Choice]:
    shipped = os.path.join(_PACKAGE, "flow", "shipped")
    for folder in (os.path.join(place.folder, ".wtman", "flows"), shipped):
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
            if name.endswith(".py"):
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    about = _ABOUT.match(file.read(4096))
                yield Choice(name[:-3], about[1] if about else "")


def _topics(place: TypedSoFar, typed: str) -> Iterator[Choice]:
    from wtman.cli.catalog import COMMANDS
    from wtman.cli.commands.help import schemas, topics

    known = topics()
    yield from (Choice(name, about) for name, about in known.items())
    yield from (Choice(name, "JSON schema") for name in schemas())
    yield from (Choice(name, text) for name, text in COMMANDS.items() if name not in known)


def _words(*words: str) -> Source:
    def fixed(place: TypedSoFar, typed: str) -> Iterator[Choice]:
        return (Choice(word) for word in words)

    return fixed


def _sandboxes(place: TypedSoFar, typed: str) -> Iterator[Choice]:
    from wtman.sandbox.choice import NAMES

    return (Choice(name) for name in ("auto", *NAMES))


def _efforts(place: TypedSoFar, typed: str) -> Iterator[Choice]:
    from wtman.model.settings import EFFORTS, ULTRA

    return (Choice(name) for name in (*EFFORTS, ULTRA))


_BY_OPTION: dict[str, Source] = {
    "--agent": _agents,
    "--reviewer": _agents,
    "--resolver": _agents,
    "--planner": _planners,
    "--role": _roles,
    "--sandbox": _sandboxes,
    "--effort": _efforts,
    "--strategy": _words("squash", "merge"),
    "--branches": _branches,
    "--findings": _runs_with_findings,
}
_BY_METAVAR: dict[str, Source] = {
    "RUN": _runs,
    "TASK": _tasks,
    "TASK|RUN": _tasks_and_runs,
    "TEXT": _answers,
    "TOPIC": _topics,
    "BRANCH": _branches,
    "REF": _branches,
    "SHELL": _words(*_SHELLS),
}
