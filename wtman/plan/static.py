"""A plan without a model: the repository cut along its packages and imports.

For work that is the same everywhere: a codemod, a formatter, one prompt for each part.
Pure and deterministic. It promises that the tasks own disjoint paths that cover every
tracked file that the work is about (`scope`), that what imports each other stays together
where balance allows it, and that tests go with what they test.
"""

import re
import shlex
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from posixpath import basename, dirname, splitext

from wtman.formats.gitignore import matches, owned
from wtman.formats.imports import SCRIPTS, uses
from wtman.formats.test_paths import TESTS
from wtman.model.changes import TrackedFile
from wtman.model.ids import TaskId
from wtman.model.plan import Plan, Task
from wtman.model.values import dataclass
from wtman.plan.part_names import FRONT, part_names, tops_of, untested
from wtman.plan.partition import partition
from wtman.plan.scope import aims_of, endings_of, scope

PARSED = 4000  # files whose imports are read; a larger repository is cut by its folders
_FILES = 4  # of a part, at least, unless the user says how many parts there should be
_HEAVY, _BASIC = 64_000, 200  # bytes: what a file weighs at most, and what any file does
_TITLE = 100
_ASIDE = frozenset("examples example docs doc demo demos benchmarks bench tools scripts".split())
PATHS, FILES = "{paths}", "{files}"  # in the command of an agent


def wants_text(path: str) -> bool:
    """Whether the imports of this file say what belongs together."""
    return path.endswith((".py", *SCRIPTS))


@dataclass(frozen=True, slots=True)
class StaticPlan:
    """A plan, and the words on what of the repository it leaves alone."""

    plan: Plan
    note: str


def static_plan(
    request: str,
    entries: Sequence[TrackedFile],
    texts: Mapping[str, str],
    most: int,
    *,
    agent: str = "",
    exactly: bool = False,
) -> StaticPlan:
    """The plan with at most `most` tasks, for `agent` where it is known who does them. `texts`
    hold the files whose imports are read.

    `exactly`: the user wants that many, however small the parts get.
    """
    # A name that no plan can hold is owned by nobody.
    weights = {item.path: _weight(item) for item in entries if _nameable(item.path)}
    about = scope(request, agent, weights)
    weights = {path: weights[path] for path in about.paths}
    if not weights:
        return StaticPlan(Plan(request, ()), "")
    links = _links(texts, weights)
    # A test goes where what it tests goes.
    hosts = _hosts(weights, links)
    heavy = {path: weight for path, weight in weights.items() if path not in hosts}
    for test, host in hosts.items():
        heavy[host] += weights[test]
    wanted = most if exactly else min(most, max(len(weights) // _FILES, 2))
    cut = partition(heavy, _moved(links, hosts), min(wanted, len(heavy)), crumbs=exactly)
    owner = {path: at for at, paths in enumerate(sorted(cut)) for path in paths}
    owner |= {test: owner[host] for test, host in hosts.items()}
    names = part_names(owner, weights)
    tops = tops_of(owner)
    tasks = [
        _task(request, name.id, name.words, _patterns(tops[at])) for at, name in enumerate(names)
    ]
    return StaticPlan(Plan(request, tuple(tasks)), about.note)


def _nameable(path: str) -> bool:
    return path.isprintable() and "\\" not in path


def _weight(entry: TrackedFile) -> int:
    return _BASIC if entry.opaque else _BASIC + min(entry.size, _HEAVY)


def _task(request: str, name: str, words: str, owns: tuple[str, ...]) -> Task:
    first = " ".join(request.strip().partition("\n")[0].split())
    listed = "\n".join(f"- {pattern}" for pattern in owns)
    prompt = (
        f"{request.strip()}\n\nThis task is one part of the repository, and others do the same in "
        f"theirs at the same time. Change only these paths:\n{listed}\n\n"
        "Where there is nothing to change, change nothing."
    )
    return Task(
        id=TaskId(name),
        prompt=prompt,
        title=f"{words}: {first[:_TITLE]}" if first else "",
        owns=owns,
        may_be_empty=True,
    )


def _links(texts: Mapping[str, str], known: Mapping[str, int]) -> Counter[tuple[str, str]]:
    """How often one path uses another; both are in the repository."""
    python = _python_names(path for path in known if path.endswith(".py"))
    stems: dict[str, str] = {}
    for path in sorted(known):
        if path.endswith(SCRIPTS):
            stem = splitext(path)[0]
            stems.setdefault(stem, path)
            stems.setdefault(stem.removesuffix("/index"), path)
    found: Counter[tuple[str, str]] = Counter()
    for path, text in texts.items():
        table = python if path.endswith(".py") else stems
        for name in uses({path: text}):
            other = table.get(name)
            if other is not None and other != path:
                found[path, other] += 1
    return found


def _python_names(paths: Iterable[str]) -> dict[str, str]:
    """Dotted name -> path. Seen from the root, and from above the topmost package."""
    listed = sorted(paths)
    packages = {dirname(path) for path in listed if basename(path) == "__init__.py"}
    names: dict[str, str] = {}
    for path in listed:
        parts = path.removesuffix(".py").removesuffix("/__init__").split("/")
        top = dirname(path)
        while top in packages and dirname(top) in packages:
            top = dirname(top)
        above = dirname(top) if top in packages else top
        names.setdefault(".".join(parts), path)
        if above:
            names.setdefault(".".join(parts[above.count("/") + 1 :]), path)
    return names


def _hosts(weights: Mapping[str, int], links: Mapping[tuple[str, str], int]) -> dict[str, str]:
    """Of each test that is about one file or folder, if anything says so, the file it goes with."""
    built = [path for path in weights if not matches(TESTS, path)]
    by_name: dict[str, set[str]] = {}
    folders: dict[str, set[str]] = {}
    for path in built:
        by_name.setdefault(untested(path), set()).add(path)
        above = dirname(path).split("/")
        for depth, word in enumerate(above, 1) if above[0] else ():
            folders.setdefault(word, set()).add("/".join(above[:depth]))
    largest: dict[str, str] = {}
    for path in sorted(built, key=lambda path: (-weights[path], path)):
        folder = dirname(path)
        while folder and folder not in largest:
            largest[folder] = path
            folder = dirname(folder)
    used: dict[str, Counter[str]] = {}
    known = set(built)
    for (user, other), times in links.items():
        if other in known and user not in known:
            used.setdefault(user, Counter())[other] += times

    def host(test: str) -> str:
        same = {path for path in by_name.get(untested(test), ()) if _alike(path, test)}
        beside = [path for path in same if dirname(path) == dirname(test)]
        if len(same) == 1 or beside:
            return min(beside or same)
        for word in reversed(dirname(test).split("/")):
            if len(places := folders.get(word, ())) == 1:
                return largest[min(places)]
        # The front door of a package is used by every test, and tested by none.
        of = used.get(test, Counter())
        if any(untested(path) in FRONT for path in of):
            return ""
        return min(of, key=lambda path: (-of[path], path), default="")

    found = {test: host(test) for test in weights if test not in known}
    return {test: path for test, path in found.items() if path}


def _alike(path: str, test: str) -> bool:
    """Whether a test may be about a file of this folder: an example is tested beside it."""
    top = path.partition("/")[0]
    return top not in _ASIDE or test.startswith(f"{top}/")


def _moved(
    links: Mapping[tuple[str, str], int], hosts: Mapping[str, str]
) -> Counter[tuple[str, str]]:
    """The links with each test taken as what it goes with."""
    found: Counter[tuple[str, str]] = Counter()
    for (user, used), times in links.items():
        one, other = hosts.get(user, user), hosts.get(used, used)
        if one != other:
            found[one, other] += times
    return found


def _patterns(tops: Sequence[tuple[str, bool]]) -> tuple[str, ...]:
    """Paths as patterns: whole folders where a part has all of one."""
    return tuple(
        _escaped(path) + "/**" if folder else ("" if "/" in path else "/") + _escaped(path)
        for path, folder in tops
    )


def _escaped(path: str) -> str:
    text = re.sub(r"([\\*?\[\]])", r"\\\1", path)
    if text.startswith(("!", "#")):
        text = "\\" + text
    return re.sub(r" $", r"\\ ", text)


def with_paths(plan: Plan, agent: str, files: Sequence[str]) -> Plan:
    """The plan with the paths of each task put into the command that does it.

    They stand for `{paths}` (whole folders) or `{files}` (each file that the command reads), else
    for a lone `.` or the folders that a known tool is to work on, else at the end, as xargs has
    it. Agents that are no command are told in their prompt.
    """
    kind, _, argument = agent.partition(":")
    if kind != "command" or not any(task.may_be_empty for task in plan.tasks):
        return plan
    try:
        words = shlex.split(argument)
    except ValueError:
        return plan  # refused, with its reason, when the agent is loaded
    ordered, endings = sorted(files), endings_of(agent)
    owner = {path: at for at, task in enumerate(plan.tasks) for path in owned(task.owns, ordered)}
    tops = tops_of({path: owner.get(path, -1) for path in ordered})
    aims = {".", *aims_of(agent, ordered)}
    read = [path for path in ordered if not endings or path.endswith(endings)]
    tasks = []
    for at, task in enumerate(plan.tasks):
        if task.may_be_empty and not task.agent:
            # In front of each `./`, so that no name can be read as an option.
            paths = [f"./{path}" for path, _ in tops.get(at, ())]
            of_part = [f"./{path}" for path in read if owner.get(path) == at]
            task = replace(
                task, agent=f"command:{shlex.join(_filled(words, aims, paths, of_part))}"
            )
        tasks.append(task)
    return replace(plan, tasks=tuple(tasks))


def _filled(
    words: Sequence[str], aims: Collection[str], paths: Sequence[str], files: Sequence[str]
) -> list[str]:
    """A command with what it is to work on in its place: once, or at its end."""
    given = words[1:]
    if PATHS in given or FILES in given:
        marks = {PATHS: paths, FILES: files}
        return [words[0], *(item for word in given for item in marks.get(word, [word]))]
    place = next((at for at, word in enumerate(given) if word in aims), len(given))
    kept = [word for word in given if word not in aims]
    before = sum(word not in aims for word in given[:place])
    return [words[0], *kept[:before], *paths, *kept[before:]]
