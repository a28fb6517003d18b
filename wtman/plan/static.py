"""A plan without a model: the repository cut along its packages and imports.

For work that is the same everywhere: a codemod, a formatter, one prompt for each part.
Pure and deterministic. It promises that the tasks own disjoint paths that cover every
tracked file, that what imports each other stays together where balance allows it, and
that tests go with what they test.
"""

import re
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from posixpath import basename, commonpath, commonprefix, dirname, splitext

from wtman.formats.gitignore import matches, owned
from wtman.formats.imports import SCRIPTS, uses
from wtman.formats.test_paths import TESTS
from wtman.model.changes import TrackedFile
from wtman.model.ids import TaskId
from wtman.model.plan import Plan, Task

PARSED = 4000  # files whose imports are read; a larger repository is cut by its folders
_FILES = 4  # of a part, at least, unless the user says how many parts there should be
_HEAVY, _BASIC = 64_000, 200  # bytes: what a file weighs at most, and what any file does
_SLACK = 1.25  # how far over its share a part may grow to keep together what belongs together
_LONGEST_ID = 40
_TITLE = 100
PATHS, FILES = "{paths}", "{files}"  # in the command of an agent


@dataclass(slots=True)
class _Part:
    """Paths that one task will own, and what they weigh."""

    paths: list[str]
    weight: int


def wants_text(path: str) -> bool:
    """Whether the imports of this file say what belongs together."""
    return path.endswith((".py", *SCRIPTS))


def static_plan(
    request: str,
    entries: Sequence[TrackedFile],
    texts: Mapping[str, str],
    most: int,
    *,
    exactly: bool = False,
) -> Plan:
    """The plan with at most `most` tasks. `texts` hold the files whose imports are read.

    `exactly`: the user wants that many, however small the parts get.
    """
    # A name that no plan can hold is owned by nobody.
    weights = {item.path: _weight(item) for item in entries if _nameable(item.path)}
    if not weights:
        return Plan(request, ())
    wanted = most if exactly else min(most, max(len(weights) // _FILES, 2))
    wanted = max(min(wanted, len(weights)), 1)
    share = sum(weights.values()) / wanted
    links = _links(texts, weights)
    parts = _cut(weights, share, links)
    parts = _joined(parts, wanted, share, links)
    parts.sort(key=lambda part: min(part.paths))
    owner = {path: at for at, part in enumerate(parts) for path in part.paths}
    names = _names(parts, owner, weights)
    tasks = [_task(request, names[at], _patterns(owner, at)) for at in range(len(parts))]
    return Plan(request, tuple(tasks))


def _nameable(path: str) -> bool:
    return path.isprintable() and "\\" not in path


def _weight(entry: TrackedFile) -> int:
    return _BASIC if entry.opaque else _BASIC + min(entry.size, _HEAVY)


def _task(request: str, name: str, owns: tuple[str, ...]) -> Task:
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
        title=f"{name}: {first[:_TITLE]}" if first else "",
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


def _cut(
    weights: Mapping[str, int], share: float, links: Mapping[tuple[str, str], int]
) -> list[_Part]:
    """Folders that are no heavier than a share, and their tests with them."""
    tests = {path for path in weights if matches(TESTS, path)}
    built = {path: weight for path, weight in weights.items() if path not in tests}
    parts = _folders(built, share)
    home = {path: at for at, part in enumerate(parts) for path in part.paths}
    by_name = _by_name(parts)
    left: dict[str, int] = {}
    for path in sorted(tests):
        at = _tested(path, home, by_name, links)
        if at is None:
            left[path] = weights[path]
        else:
            parts[at].paths.append(path)
            parts[at].weight += weights[path]
    return parts + _folders(left, share)


def _tested(
    path: str,
    home: Mapping[str, int],
    by_name: Mapping[str, int],
    links: Mapping[tuple[str, str], int],
) -> int | None:
    """The part that a test file is about, if anything says so."""
    name = re.sub(r"^(test|spec)[_-]|([._-](test|tests|spec))+$", "", basename(path).split(".")[0])
    for word in (name, *reversed(dirname(path).split("/"))):
        if word in by_name:
            return by_name[word]
    used: Counter[int] = Counter()
    for (user, other), times in links.items():
        if user == path and other in home:
            used[home[other]] += times
    if used:
        return min(used, key=lambda at: (-used[at], at))
    return next((at for other, at in home.items() if dirname(other) == dirname(path)), None)


def _by_name(parts: Sequence[_Part]) -> dict[str, int]:
    """Names of modules and folders that only one part has."""
    found: dict[str, set[int]] = {}
    for at, part in enumerate(parts):
        for path in part.paths:
            words = {splitext(basename(path))[0], *dirname(path).split("/")} - {"", "__init__"}
            for word in words:
                found.setdefault(word, set()).add(at)
    return {word: min(places) for word, places in found.items() if len(places) == 1}


def _folders(weights: Mapping[str, int], share: float) -> list[_Part]:
    """The tree of these paths cut where a folder is heavier than a share."""
    parts: list[_Part] = []
    stack = [(0, sorted(weights))]
    while stack:
        depth, paths = stack.pop()
        weight = sum(weights[path] for path in paths)
        if not paths:
            continue
        if weight <= share or len(paths) == 1:
            parts.append(_Part(paths, weight))
            continue
        below: dict[str, list[str]] = {}
        for path in paths:
            head, slash, _ = path[depth:].partition("/")
            below.setdefault(head + slash if slash else "", []).append(path)
        loose = below.pop("", [])
        parts += _chunks(loose, weights, share)
        stack += [(depth + len(head), held) for head, held in below.items()]
    return parts


def _chunks(paths: Sequence[str], weights: Mapping[str, int], share: float) -> list[_Part]:
    """The files of one folder, in their order, in parts of about half a share."""
    parts: list[_Part] = []
    for path in paths:
        weight = weights[path]
        if parts and parts[-1].weight + weight <= share / 2:
            parts[-1].paths.append(path)
            parts[-1].weight += weight
        else:
            parts.append(_Part([path], weight))
    return parts


def _joined(
    parts: list[_Part], wanted: int, share: float, links: Mapping[tuple[str, str], int]
) -> list[_Part]:
    """Join the lightest part with what it has most to do with, until there are few enough."""
    parts = list(parts)
    home = {path: at for at, part in enumerate(parts) for path in part.paths}
    bound: list[Counter[int]] = [Counter() for _ in parts]
    for (user, used), times in links.items():
        one, other = home[user], home[used]
        if one != other:
            bound[one][other] += times
            bound[other][one] += times
    folders = [_folder(part.paths) for part in parts]
    alive = set(range(len(parts)))
    while len(alive) > wanted:
        light = min(alive, key=lambda at: (parts[at].weight, at))
        rest = alive - {light}
        room = [at for at in rest if parts[at].weight + parts[light].weight <= share * _SLACK] or [
            min(rest, key=lambda at: (parts[at].weight, at))
        ]
        near = {at: len(commonprefix([folders[light], folders[at]])) for at in room}
        best = min(room, key=lambda at: (-bound[light][at], -near[at], parts[at].weight, at))
        parts[best].paths += parts[light].paths
        parts[best].weight += parts[light].weight
        folders[best] = _folder(parts[best].paths)
        for other, times in bound[light].items():
            if other != best:
                bound[best][other] += times
                bound[other][best] += times
            bound[other].pop(light, None)
        alive.discard(light)
    return [parts[at] for at in sorted(alive)]


def _folder(paths: Sequence[str]) -> list[str]:
    found = commonpath([f"/{dirname(path)}" for path in paths]).strip("/")
    return found.split("/") if found else []


def _names(
    parts: Sequence[_Part], owner: Mapping[str, int], weights: Mapping[str, int]
) -> list[str]:
    """An id for each part, after what weighs most in it: tests only where there is nothing else."""
    built = {path: who for path, who in owner.items() if not matches(TESTS, path)}
    names: list[str] = []
    for at in range(len(parts)):
        base = _name(at, built, weights) or _name(at, owner, weights) or "part"
        name, number = base, 1
        while name in names:
            number += 1
            tail = f"-{number}"
            name = base[: _LONGEST_ID - len(tail)] + tail
        names.append(name)
    return names


def _name(part: int, owner: Mapping[str, int], weights: Mapping[str, int]) -> str:
    heavy: Counter[str] = Counter()
    tops = condensed(owner, part)
    for path, folder in tops:
        word = basename(path) if folder else basename(path).lstrip("._").split(".")[0]
        held = (name for name in owner if name.startswith(f"{path}/")) if folder else (path,)
        heavy[word.strip("_")] += sum(weights[name] for name in held)
    name = "-".join(word for word, _ in heavy.most_common(2))
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:_LONGEST_ID].strip("-")


def _patterns(owner: Mapping[str, int], part: int) -> tuple[str, ...]:
    """The paths of a part as patterns: whole folders where it has all of one."""
    return tuple(
        _escaped(path) + "/**" if folder else ("" if "/" in path else "/") + _escaped(path)
        for path, folder in condensed(owner, part)
    ) or ("**",)


def condensed(owner: Mapping[str, int], part: int) -> list[tuple[str, bool]]:
    """The paths of a part with whole folders in place of what is in them: path, is a folder."""
    whose: dict[str, set[int]] = {}
    for path, who in owner.items():
        while path := dirname(path):
            whose.setdefault(path, set()).add(who)
    found: dict[tuple[str, bool], None] = {}
    for path in sorted(path for path, who in owner.items() if who == part):
        folders = path.split("/")[:-1]
        tops = ("/".join(folders[:depth]) for depth in range(1, len(folders) + 1))
        top = next((name for name in tops if whose[name] == {part}), "")
        found[(top, True) if top else (path, False)] = None
    return list(found)


def _escaped(path: str) -> str:
    text = re.sub(r"([\\*?\[\]])", r"\\\1", path)
    if text.startswith(("!", "#")):
        text = "\\" + text
    return re.sub(r" $", r"\\ ", text)


def with_paths(plan: Plan, agent: str, files: Sequence[str]) -> Plan:
    """The plan with the paths of each task put into the command that does it.

    They stand for `{paths}` (whole folders) or `{files}` (each file), else for a lone `.`, else
    at the end, as xargs has it. Agents that are no command are told in their prompt.
    """
    kind, _, argument = agent.partition(":")
    if kind != "command" or not any(task.may_be_empty for task in plan.tasks):
        return plan
    try:
        words = shlex.split(argument)
    except ValueError:
        return plan  # refused, with its reason, when the agent is loaded
    ordered = sorted(files)
    owner = {path: at for at, task in enumerate(plan.tasks) for path in owned(task.owns, ordered)}
    for path in ordered:
        owner.setdefault(path, -1)
    tasks = [
        replace(task, agent=f"command:{shlex.join(_filled(words, owner, at))}")
        if task.may_be_empty and not task.agent
        else task
        for at, task in enumerate(plan.tasks)
    ]
    return replace(plan, tasks=tuple(tasks))


def _filled(words: Sequence[str], owner: Mapping[str, int], part: int) -> list[str]:
    # In front of each `./`, so that no name can be read as an option.
    paths = [f"./{path}" for path, _ in condensed(owner, part)]
    files = [f"./{path}" for path in sorted(owner) if owner[path] == part]
    given = words[1:]
    if PATHS in given or FILES in given:
        marks = {PATHS: paths, FILES: files}
        filled = [item for word in given for item in marks.get(word, [word])]
    elif "." in given:
        filled = [item for word in given for item in (paths if word == "." else [word])]
    else:
        filled = [*given, *paths]
    return [words[0], *filled]
