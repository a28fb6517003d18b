"""Which branches meet: in the same paths, or where one uses what another changes.

Pure. Two branches that merge without a conflict can still be wrong together; whoever
meets gets a reviewer for the two. Imports are read from the text of changed files, for
Python and for JavaScript's relative ones; other languages meet by path only.
"""

import ast
import posixpath
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from wtman.core.events_reviews import Coupling
from wtman.core.model import TaskId

_CLUSTER = 4  # branches that one reviewer can hold together
_MOST = 40  # couplings; a thousand branches in one file are told by the first of them
_NAMED = 3
_SCRIPT = re.compile(r"""(?:from|import|require\()\s*["'](\.[^"']+)["']""")
_SCRIPTS = (".js", ".jsx", ".ts", ".tsx", ".mjs", ".cjs", ".mts", ".cts")


@dataclass(frozen=True, slots=True)
class Work:
    """What a branch does: the paths that it changes, and the text of those it has now."""

    paths: frozenset[str]
    texts: Mapping[str, str]


def couplings(
    works: Mapping[TaskId, Work], bound: Collection[frozenset[TaskId]]
) -> tuple[Coupling, ...]:
    """The branches that meet, each pair or small cluster once; `bound` are pairs of which one
    was built on the other."""
    pairs = {
        frozenset((one, two)): why
        for one, two, why in _pairs(works)
        if frozenset((one, two)) not in bound
    }
    found: list[Coupling] = []
    order = {task: at for at, task in enumerate(works)}
    for group in _clusters(pairs):
        inside = [pair for pair in pairs if pair <= group]
        names = [group] if len(group) <= _CLUSTER else inside
        for name in names:
            members = tuple(sorted(name, key=order.__getitem__))
            why = "; ".join(dict.fromkeys(pairs[pair] for pair in inside if pair <= name))
            found.append(Coupling(members, why))
    found.sort(key=lambda item: [order[task] for task in item.members])
    return tuple(found[:_MOST])


def _pairs(works: Mapping[TaskId, Work]) -> Iterator[tuple[TaskId, TaskId, str]]:
    names = list(works)
    used = {task: uses(work.texts) for task, work in works.items()}
    for at, one in enumerate(names):
        for two in names[at + 1 :]:
            why = _why(one, two, works, used)
            if why:
                yield one, two, why


def _why(
    one: TaskId, two: TaskId, works: Mapping[TaskId, Work], used: Mapping[TaskId, frozenset[str]]
) -> str:
    both = sorted(works[one].paths & works[two].paths)
    if both:
        return f"both change {_listed(both)}"
    for user, other in ((one, two), (two, one)):
        met = sorted(path for path in works[other].paths if _is_used(path, used[user]))
        if met:
            return f"{user} uses {_listed(met)}, which {other} changes"
    return ""


def _listed(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
    return ", ".join(paths[:_NAMED]) + more


def _clusters(pairs: Collection[frozenset[TaskId]]) -> list[frozenset[TaskId]]:
    groups: list[set[TaskId]] = []
    for pair in pairs:
        meeting = [group for group in groups if group & pair]
        groups = [group for group in groups if not group & pair]
        groups.append(set(pair).union(*meeting))
    return [frozenset(group) for group in groups]


# --- what a file uses -----------------------------------------------------------------------------


def uses(texts: Mapping[str, str]) -> frozenset[str]:
    """The modules that these files import: dotted for Python, paths without end for scripts."""
    found: set[str] = set()
    for path, text in texts.items():
        if path.endswith(".py"):
            found |= _python(path, text)
        elif path.endswith(_SCRIPTS):
            folder = posixpath.dirname(path)
            for name in _SCRIPT.findall(text):
                found.add(_stem(posixpath.normpath(posixpath.join(folder, name))))
    return frozenset(found)


def _python(path: str, text: str) -> set[str]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return set()
    package = path.split("/")[:-1]
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            parts = [*base, *(node.module.split(".") if node.module else [])]
            name = ".".join(parts)
            found |= {name, *(f"{name}.{alias.name}" for alias in node.names)} if name else set()
    return found


def _is_used(path: str, used: frozenset[str]) -> bool:
    if path.endswith(_SCRIPTS):
        stem = _stem(path)
        return stem in used or stem.removesuffix("/index") in used
    if not path.endswith(".py"):
        return False
    dotted = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    # `src/shop/cart.py` is imported as shop.cart: any folder above may be on the path.
    return any(dotted == name or dotted.endswith(f".{name}") for name in used)


def _stem(path: str) -> str:
    for end in _SCRIPTS:
        if path.endswith(end):
            return path.removesuffix(end)
    return path
