"""What the parts of a repository are called: an id, and words for a title, after their paths."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from posixpath import basename, dirname, splitext

from wtman.formats.gitignore import matches
from wtman.formats.test_paths import TESTS
from wtman.model.values import dataclass
from wtman.plan.partition import words_of

_LONGEST_ID, _LONGEST_WORDS = 40, 50
_NAMED = 2  # paths that a title names, where there are more
# Folders and files that say nothing of what is in them: the folder above does.
_FOLDERS = frozenset(
    "src lib libs source sources main java kotlin python js ts pkg internal".split()
)
FRONT = frozenset("__init__ __main__ index mod main lib init doc".split())


@dataclass(frozen=True, slots=True)
class PartName:
    """An id of a task, unique among the parts, and words that say where in the repository."""

    id: str
    words: str


def part_names(owner: Mapping[str, int], weights: Mapping[str, int]) -> list[PartName]:
    """A name for each part, in order. `owner` has the part of every path; parts are 0, 1, …"""
    parts = 1 + max(owner.values(), default=-1)
    built = {path: at for path, at in owner.items() if not matches(TESTS, path)}
    of_built, of_all = tops_of(built), tops_of(owner)
    total = sum(weights[path] for path in owner)
    taken: set[str] = set()
    names = []
    for at in range(parts):
        # After its tests only where there is nothing else.
        tops = of_built.get(at) or of_all.get(at, [])
        held = built if at in of_built else owner
        heavy = _weighed(tops, held, at, weights)
        # Files of one folder are called after it too, unless nearly everything is in there.
        folders = {dirname(path) for path, _ in tops}
        folder = folders.pop() if len(folders) == 1 and len(tops) > 1 else ""
        inside = sum(weights[path] for path in owner if path.startswith(f"{folder}/"))
        within = "" if inside > total / 2 else folder
        within = within or ("" if at in of_built else "tests")
        name = next(word for word in _ids(heavy, within) if word and word not in taken)
        taken.add(name)
        names.append(PartName(name, _words([path for path, _ in tops], name)))
    return names


def tops_of(owner: Mapping[str, int]) -> dict[int, list[tuple[str, bool]]]:
    """The paths of each part with whole folders in place of what is in them: path, is a folder."""
    whose: dict[str, set[int]] = {}
    for path, who in owner.items():
        while path := dirname(path):
            whose.setdefault(path, set()).add(who)
    found: dict[int, dict[tuple[str, bool], None]] = {}
    for path in sorted(owner):
        folders = path.split("/")[:-1]
        tops = ("/".join(folders[:depth]) for depth in range(1, len(folders) + 1))
        top = next((name for name in tops if len(whose[name]) == 1), "")
        found.setdefault(owner[path], {})[(top, True) if top else (path, False)] = None
    return {part: list(tops) for part, tops in found.items()}


def untested(path: str) -> str:
    """The name of a file without its ending and what says that it is a test, in small letters."""
    stem = basename(path).split(".")[0]
    return re.sub(r"^(test|spec)[_-]|([_-]?(tests?|spec)|Tests?|Spec)$", "", stem).lower() or stem


def _weighed(
    tops: Sequence[tuple[str, bool]], held: Mapping[str, int], part: int, weights: Mapping[str, int]
) -> list[str]:
    """The tops, the heaviest first."""
    heavy: Counter[str] = Counter({path: 0 for path, _ in tops})
    for path, who in held.items():
        if who != part:
            continue
        top = path
        while top not in heavy:
            top = dirname(top)
        heavy[top] += weights[path]
    return [path for path, _ in heavy.most_common()]


def _ids(tops: Sequence[str], within: str) -> Iterator[str]:
    """Ids for a part with these tops, the best first, without an end."""
    short, longer = [[_label(path, many) for path in tops] for many in (1, 2)]
    head = _label(within, 1) if within else ""
    common = _common(tops)
    if len(tops) > 1 and common:
        yield _id(common)
        yield _id(f"{head}-{common}")
    for labels in (short, longer):
        for many in (2, 3):
            yield _id("-".join([head, *labels[:many]]))
    base = _id("-".join([head, *longer])) or "part"
    number = 1
    while number := number + 1:
        tail = f"-{number}"
        yield base[: _LONGEST_ID - len(tail)].rstrip("-") + tail


def _label(path: str, many: int) -> str:
    """The last telling components of a path, joined."""
    words = path.split("/")
    if matches(TESTS, words[-1]):
        words[-1] = untested(words[-1])
    words[-1] = splitext(words[-1].lstrip("."))[0] or words[-1]
    if words[-1] in FRONT and len(words) > 1:
        words.pop()
    while len(words) > 1 and (words[-1] in _FOLDERS or not re.search("[A-Za-z]", words[-1])):
        if not re.search("[A-Za-z]", words[-1]):
            many += 1  # a number or a date says little alone
            break
        words.pop()
    telling = [word for word in words[:-1] if word not in _FOLDERS]
    return "-".join([*telling, words[-1]][-many:])


def _common(tops: Sequence[str]) -> str:
    """The word that all their names have, as it is written in the shortest of them."""
    shared = set.intersection(*(set(words_of(path)) for path in tops))
    shared = {word for word in shared if len(word) > 2 and word not in ("test", "spec")}
    if not shared:
        return ""
    shortest = min((basename(path) for path in tops), key=len)
    word = next(word for word in words_of(shortest) if word in shared)
    return word + "s" if re.search(rf"(?i){word}s(?![a-z])", shortest) else word


def _id(name: str) -> str:
    """The name as an id, each word once."""
    words = dict.fromkeys(re.findall("[a-z0-9]+", name.lower()))
    return "-".join(words)[:_LONGEST_ID].rstrip("-")


def _words(tops: Sequence[str], name: str) -> str:
    """`_compat.py, utils.py and 2 more in src/click`; the id, where that gets too long."""
    folders = {dirname(path) for path in tops}
    folder = folders.pop() if len(folders) == 1 and len(tops) > 1 else ""
    named = [basename(path) if folder else path for path in tops]
    shown = ", ".join(named[:_NAMED])
    more = f" and {len(tops) - _NAMED} more" if len(tops) > _NAMED else ""
    words = f"{shown}{more}" + (f" in {folder}" if folder else "")
    return words if len(words) <= _LONGEST_WORDS else name
