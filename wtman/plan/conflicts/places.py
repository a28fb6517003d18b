"""What two tasks have in common, told from the places that both will change: the facts of a
pair on which its chance of a conflict rests, and the words for them. Pure."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from math import log, log1p
from types import MappingProxyType

from wtman.model.places import Definition, Place, in_gap, place
from wtman.model.values import dataclass

_FAMILIAR = 30  # lines of a definition that nobody has measured
_FEW, _MANY = 8, 100
_MOST_SPOTS = 200  # of a task in one file
_NOISE = frozenset(
    "async pub export static public private def class function func fn struct enum trait impl "
    "interface type method module the a an property constructor".split()
)
_PARENTHESES = re.compile(r"\(.*$")
_HOLDERS = frozenset("class struct enum impl interface trait module namespace".split())
_OWNERS = frozenset(("self", "cls", "this"))
_JOINTS = re.compile(r"::|#|->|/")

# The facts, in the order of the model's weights.
FACTS = (
    "same definition",
    "closeness",  # how little room there is in the definitions that both change
    "lines",  # of the smallest of these
    "of few lines",
    "of many lines",
    "with members",
    "more same definitions",
    "same insertion point",
    "both into one definition",
    "nested",
    "adjacent",
    "near",
    "both somewhere",
    "one somewhere",
    "one unknown",
    "more files",
    "places",
    "shared",
    "both at start",
    "both at end",
    "places of both",
    "places of the smaller",
)
# Those of lines, where both sides say some.
LINE_FACTS = ("lines touch", "lines within 3", "lines within 10")


@dataclass(frozen=True, slots=True)
class Site:
    """A place as its file bears it out. Without `name`: somewhere in the file."""

    name: str  # of a definition, `start`, `end`, or ""
    insert: str
    found: Definition | None
    first: int = 0  # lines that are meant, if they are narrower than the definition
    last: int = 0
    maybe: tuple[Definition, ...] = ()  # which of these is meant is not said
    unknown: bool = False  # it says a name of which nobody knows where it stands
    closes: str = ""  # the definition whose last member it is


@dataclass(frozen=True, slots=True)
class Common:
    """What a pair shares: the facts in the order of `FACTS`, those of `LINE_FACTS` if both say
    lines, and the strongest relation of two places, in words."""

    facts: tuple[float, ...]
    lines: tuple[float, ...]
    cell: str
    because: str
    unsure: bool = False  # how near one place is to another is not known


class DefinitionIndex:
    """The definitions of a file, to look names up in."""

    def __init__(self, defined: Sequence[Definition]) -> None:
        self.ends: dict[str, list[Definition]] = {}
        self.lowered: dict[str, list[Definition]] = {}
        self.tails: dict[str, Definition] = {}  # the last member of each that has some
        for item in defined:
            name = item.name
            owner = name.rpartition(".")[0]
            if owner not in self.tails or self.tails[owner].last < item.last:
                self.tails[owner] = item
            while name:
                self.ends.setdefault(name, []).append(item)
                self.lowered.setdefault(name.lower(), []).append(item)
                name = name.partition(".")[2]

    def of(self, name: str) -> tuple[Definition, ...]:
        """The definition of this name, else those whose last part it is; in another case if
        none."""
        found = self.ends.get(name, ())
        exact = next((item for item in found if item.name == name), None)
        if exact is not None:
            return (exact,)
        if found:
            return tuple(found)
        found = self.lowered.get(name.lower(), ())
        exact = next((item for item in found if len(item.name) == len(name)), None)
        return tuple(found) if exact is None else (exact,)


def respelled(paths: Iterable[str], files: Collection[str]) -> dict[str, str]:
    """Those of the paths that no file has, but one file has in another case, with that file."""
    lost = {path for path in paths if path not in files}
    if not lost:
        return {}
    wanted = {path.lower() for path in lost}
    found: dict[str, list[str]] = {}
    for path in files:
        if path.lower() in wanted:
            found.setdefault(path.lower(), []).append(path)
    meant = {path: found.get(path.lower(), ()) for path in lost}
    return {path: several[0] for path, several in meant.items() if len(several) == 1}


def touched(touches: Iterable[str]) -> Iterator[Place]:
    """The places of a task; what is none says nothing."""
    for text in touches:
        try:
            yield place(text)
        except ValueError:
            continue  # a plan that is not sound is refused elsewhere


def spots_of(
    touches: Iterable[str],
    definitions: Mapping[str, Sequence[Definition]],
    meant: Mapping[str, str] = MappingProxyType({}),
    names: dict[str, "DefinitionIndex"] | None = None,
) -> dict[str, tuple[Site, ...]]:
    """The places of a task by their file; `meant` are the files of misspelled paths, `names` keeps
    what is looked up in them for the next task."""
    names = {} if names is None else names
    found: dict[str, list[Site]] = {}
    for at in touched(touches):
        path = meant.get(at.path, at.path)
        defined = definitions.get(path, ())
        at = in_gap(_at_first(_at_last(at, defined), defined), defined)
        spots = found.setdefault(path, [])
        if path not in names:
            names[path] = DefinitionIndex(definitions.get(path, ()))
        spot = _spot(at, names[path])
        if spot not in spots and len(spots) < _MOST_SPOTS:
            spots.append(spot)
    return {path: tuple(spots) for path, spots in found.items()}


def _at_last(at: Place, defined: Sequence[Definition]) -> Place:
    """The end of a file as the place behind its last definition, which mostly ends it."""
    if (at.insert, at.definition) != ("at", "end") or not defined or at.first:
        return at
    last = max(defined, key=lambda item: (item.last, -item.first))
    return Place(at.path, last.name, "after")


def _at_first(at: Place, defined: Sequence[Definition]) -> Place:
    """The start of a file as the place in front of its first definition, where that begins it."""
    if (at.insert, at.definition) != ("at", "start") or not defined or at.first:
        return at
    top = min(defined, key=lambda item: (item.first, -item.last))
    return Place(at.path, top.name, "before") if top.first == 1 else at


def _spot(at: Place, defined: DefinitionIndex) -> Site:
    if at.insert == "at":
        return Site(at.definition, "at", None, at.first, at.last)
    first, last, insert = at.first, at.last, at.insert
    if not at.definition:
        return Site("", "", None, first, last)
    name = ""
    several: tuple[Definition, ...] = ()
    for name in _spelled(at):
        several = defined.of(name)
        if several:
            break
    if not several and "." in name:
        # Not there yet: a new member of something that is.
        owners = defined.of(name.rpartition(".")[0])
        if len(owners) == 1 and not insert:
            several, insert = owners, "in"
    if len(several) > 1:
        return Site(name, insert, None, first, last, several, True)
    if several:
        found = several[0]
        if not insert and first <= found.first + 1 and last >= found.last - 1:
            first = last = 0  # the lines of the whole definition narrow nothing
        owner = found.name.rpartition(".")[0]
        closes = owner if defined.tails.get(owner) == found else ""
        return Site(found.name, insert, found, first, last, closes=closes)
    return Site(name, insert, None, first, last, unknown=not first)


def _spelled(at: Place) -> Iterator[str]:
    """The names that may be meant, the likeliest first: models write "def close(self)",
    "Session::close", "core.Session.close" or "the method close" for one and the same."""
    said = _PARENTHESES.sub("", at.definition).replace("`", " ").split()
    words = [word for word in said if word.lower() not in _NOISE] or said
    names = [_JOINTS.sub(".", word).strip(".,:;") for word in words]
    names = [name for name in names if name]
    yield from names
    above = {*_OWNERS, *at.path.split("/"), at.path.rpartition("/")[2].partition(".")[0]}
    for name in names:
        parts = name.split(".")
        while len(parts) > 1 and parts[0] in above:
            del parts[0]
        if len(parts) < name.count(".") + 1:
            yield ".".join(parts)
    if names:
        yield names[0]


def _settled(some: Sequence[Site], others: Sequence[Site]) -> list[Site]:
    """Of several definitions that may be meant, the one that the other task changes too."""
    found = []
    for site in some:
        if site.maybe:
            known = {other.found for other in others}
            both = [item for item in site.maybe if item in known]
            if not both:
                both = [it for other in others for it in other.maybe if it in site.maybe]
            if both:
                site = Site(both[0].name, site.insert, both[0], site.first, site.last)
        found.append(site)
    return found


def common(one: Mapping[str, Sequence[Site]], other: Mapping[str, Sequence[Site]]) -> Common | None:
    """What the places of two tasks share; None if that is not even a file."""
    paths = sorted(one.keys() & other.keys())
    if not paths:
        return None
    tally = _Tally()
    for path in paths:
        ones, others = one[path], other[path]
        if any(site.maybe for site in (*ones, *others)):
            ones, others = _settled(ones, others), _settled(others, ones)
        tally.file(path, ones, others)
    sizes = sum(map(len, one.values())), sum(map(len, other.values()))
    return tally.result(len(paths), sizes)


class _Tally:
    """Counts relations of places over the files that two tasks share."""

    def __init__(self) -> None:
        self.flags = dict.fromkeys(FACTS, 0.0)
        self.room = self.same = 0.0
        self.pairs = self.shared = self.places = 0
        self.least = 0
        self.gap: int | None = None
        self.lined = True
        self.best: tuple[float, str, str] = (0.0, "", "")

    def file(self, path: str, ones: Sequence[Site], others: Sequence[Site]) -> None:
        ones, others = _as_members(ones, others), _as_members(others, ones)
        self.pairs += len(ones) * len(others)
        known = {(spot.name, spot.insert) for spot in ones}
        shared = len(known & {(spot.name, spot.insert) for spot in others})
        self.shared += shared
        self.places += len(ones) + len(others) - shared
        for one in ones:
            for other in others:
                self._pair(path, one, other)

    def _note(self, fact: str, strength: float, because: str) -> None:
        self.flags[fact] = 1.0
        if strength > self.best[0]:
            self.best = (strength, fact, because)

    def _pair(self, path: str, one: Site, other: Site) -> None:
        gap = _gap(one, other)
        if gap is None:
            self.lined = False
        elif self.gap is None or gap < self.gap:
            self.gap = gap
        if (one.unknown or other.unknown) and one.name != other.name:
            self._unknown(path, one, other)
        elif not one.name or not other.name:
            somewhere = "both somewhere" if one.name == other.name else "one somewhere"
            self._note(somewhere, 0.2, f"both change {path}")
        elif one.insert == "at" or other.insert == "at":
            if one.insert == other.insert and one.name == other.name:
                self._note(f"both at {one.name}", 0.6, f"both add code at the {one.name} of {path}")
            else:
                self._note("one somewhere", 0.1, f"both change {path}")
        elif one.insert and other.insert:
            self._inserts(path, one, other)
        elif one.insert or other.insert:
            self._edit_and_insert(path, *((other, one) if one.insert else (one, other)))
        else:
            self._edits(path, one, other)

    def _inserts(self, path: str, one: Site, other: Site) -> None:
        if one.insert == other.insert and one.name == other.name:
            if one.insert == "in":
                because = f"both add code in `{one.name}` in {path}"
                self._note("both into one definition", 0.7, because)
            else:
                because = f"both add code {one.insert} `{one.name}` in {path}"
                self._note("same insertion point", 0.9, because)
        elif one.found and other.found:
            between = abs(_point(one) - _point(other))
            self._near(between, f"both add code near `{one.name}` in {path}")
        else:
            self._unknown(path, one, other)

    def _edits(self, path: str, one: Site, other: Site) -> None:
        if one.name == other.name:
            size = one.found.last - one.found.first + 1 if one.found else _FAMILIAR
            self.room += 10 / max(size, 1)
            self.least = min(self.least or size, size)
            if one.found and one.found.kind in _HOLDERS:
                self.flags["with members"] = 1.0
            self.same += 1
            because = f"both change `{one.name}` in {path}"
            self._note("same definition", 0.8 + 0.1 / max(size, 1), because)
        elif one.found and other.found:
            if _inside(one.found, other.found) or _inside(other.found, one.found):
                inner, outer = sorted((one.found, other.found), key=lambda it: it.last - it.first)
                because = f"one changes `{outer.name}`, the other `{inner.name}` in it, in {path}"
                self._note("nested", 0.5, because)
            else:
                between = max(
                    one.found.first - other.found.last, other.found.first - one.found.last
                )
                self._near(between, f"one changes `{one.name}`, the other `{other.name}` in {path}")
        else:
            self._unknown(path, one, other)

    def _edit_and_insert(self, path: str, edit: Site, new: Site) -> None:
        if edit.found is None or new.found is None:
            self._unknown(path, edit, new)
            return
        because = (
            f"one changes `{edit.name}`, the other adds code {new.insert} `{new.name}` in {path}"
        )
        if new.insert == "in":
            if edit.found == new.found:
                self._note("nested", 0.5, because)
            else:
                self._near(20 if _inside(edit.found, new.found) else 100, because)
            return
        at = new.found.last if new.insert == "after" else new.found.first - 1
        if edit.found.first <= at < edit.found.last:
            self._note("nested", 0.5, because)
        between = min(abs(at - edit.found.last), abs(edit.found.first - 1 - at))
        if between <= 2:
            self._note("adjacent", 0.4, because)
        self._near(between, because)

    def _unknown(self, path: str, one: Site, other: Site) -> None:
        lost = next((site.name for site in (one, other) if site.unknown), "")
        because = f"both change {path}, where `{lost}` stands in it is not known"
        self._note("one unknown", 0.2, because if lost else f"both change {path}")

    def _near(self, between: int, because: str) -> None:
        near = 1 / (1 + between / 5)
        self.flags["near"] = max(self.flags["near"], near)
        if 0.1 + near / 10 > self.best[0]:
            self.best = (0.1 + near / 10, "near", because)

    def result(self, files: int, sizes: tuple[int, int]) -> Common:
        flags = self.flags
        flags["closeness"] = log1p(self.room)
        flags["lines"] = log(self.least or 1)
        flags["of few lines"] = float(0 < self.least <= _FEW)
        flags["of many lines"] = float(self.least > _MANY)
        flags["more same definitions"] = log1p(max(0.0, self.same - 1))
        flags["more files"] = log(files)
        flags["places"] = log(max(1, self.pairs))
        flags["shared"] = self.shared / self.places if self.places else 0.0
        flags["places of both"] = log(sizes[0] * sizes[1])
        flags["places of the smaller"] = log(min(sizes))
        lines: tuple[float, ...] = ()
        if self.lined and self.gap is not None:
            gap = self.gap
            lines = (
                float(gap <= 0),
                float(0 < gap <= 3),
                float(3 < gap <= 10),
            )
        unsure = bool(flags["one unknown"]) and not lines
        return Common(tuple(flags.values()), lines, self.best[1], self.best[2], unsure)


def _as_members(some: Sequence[Site], others: Sequence[Site]) -> Sequence[Site]:
    """The sites; code behind what the other task adds a member to, or behind the last member of
    that, goes behind the same line and is named alike."""
    added = {
        other.name: other
        for other in others
        if other.insert == "in" and other.found is not None and other.found.kind in _HOLDERS
    }
    if not added:
        return some
    return [
        (added.get(site.closes) or added.get(site.name) or site)
        if site.insert == "after" and not site.first
        else site
        for site in some
    ]


def _gap(one: Site, other: Site) -> int | None:
    """Unchanged lines between what both change; None if one does not say its lines."""
    if not one.first or not other.first:
        return None
    (a, b), (c, d) = _cut(one), _cut(other)
    return max(a - d, c - b)


def _cut(spot: Site) -> tuple[int, int]:
    """The gaps between lines that a change spans: gap n is behind line n."""
    if spot.insert:
        return spot.first, spot.first
    return spot.first - 1, spot.last


def _point(spot: Site) -> int:
    assert spot.found is not None
    return spot.found.first - 1 if spot.insert == "before" else spot.found.last


def _inside(inner: Definition, outer: Definition) -> bool:
    return outer.first <= inner.first and inner.last <= outer.last
