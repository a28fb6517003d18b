"""What a planner knows of a repository: what it defines, who uses it, what changes together.

A value, made by `map_store` from one commit and its history. `map_text` is what a planner reads
of it: folders first, then what a request is about, the most relevant first, within a budget of
characters; what does not fit is counted. Names come from the repository: they are data.
"""

import heapq
import math
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import field, replace
from functools import lru_cache
from posixpath import dirname
from types import MappingProxyType

from wtman.formats.outline import UNIT, imported
from wtman.formats.source_languages import language_of
from wtman.formats.test_paths import is_test
from wtman.model.places import Definition
from wtman.model.scout import ScoutPart
from wtman.model.values import dataclass
from wtman.plan.map.file_list import quoted
from wtman.plan.map.import_edges import called, import_edges, stands_for_folder
from wtman.plan.part_names import part_names, untested
from wtman.plan.partition import partition
from wtman.text.search import ManyTexts

MOST_CHARS = 24_000
MOST_READ = 60  # files whose definitions are read because a request seems to be about them
_MOST_RANKED = 600
_RELEVANT = 40  # files that are told of
_OF_PART = 60
_SMALL = 25  # files of source: no part of such a repository is worth a look of its own
_HOT, _HOT_TIMES, _MOST_HOT = 0.08, 5, 12
_TIMES = 4  # commits that changed both of two files; fewer are chance
_NEAR_SHARE, _PAIR_SHARE, _MOST_PAIRS = 0.3, 0.5, 15
_SHOWN, _USERS, _TESTS, _NEIGHBOURS = 40, 6, 5, 4
_K, _B = 1.2, 0.75  # of BM25
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
# Not from within a name: of a very long one each letter would be tried.
_PATHS = re.compile(
    r"(?<![\w@.+-])[\w@.+-]*[\w@+-](?:/[\w@.+-]+)+|(?<![\w-])[\w-]+\.[A-Za-z]{1,5}\b"
)
_COMMON = frozenset(
    "the and for with that this from into when what which where who how all any are was were has "
    "have had not but its their then than there here will would should could can must may might "
    "add adds added make makes made use uses used using new each every some more most one two "
    "also only just like them they our your you out off over under about after before between "
    "does done doing get gets set sets put give given take change changes changed update support "
    "implement improve fix write file files code function class method test tests please want "
    "need needs way work works everywhere".split()
)


@dataclass(frozen=True, slots=True)
class History:
    """What the last commits changed: of so many commits, how often each path and each pair."""

    commits: int = 0
    times: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    pairs: Mapping[tuple[str, str], int] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, eq=False)
class RepositoryMap:
    """A tree and its history.

    `names` has, in small letters, what each file defines and says of itself; `imports` the lines
    that import something, `UNIT` between them: which files they mean is found out of those that
    somebody asks about. `blobs` has the names of their contents ("" for what is no file),
    `definitions` what those define that were read for it; `without` is the map before. `folders`
    tells of the files by folder, where somebody is to read it.
    """

    paths: tuple[str, ...] = ()
    sizes: tuple[int, ...] = ()
    names: Sequence[str] = ()
    imports: Sequence[str] = ()
    history: History = History()
    blobs: tuple[str, ...] = ()
    definitions: Mapping[str, tuple[Definition, ...]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    folders: str = ""
    without: "RepositoryMap | None" = None

    def uses_of(self, numbers: Collection[int]) -> dict[int, tuple[int, ...]]:
        """The numbers of the files that each of these imports."""
        if not self.imports:
            return {}
        said = {number: self._imported(number) for number in numbers if self.imports[number]}
        return import_edges(self.paths, said)

    def users_of(self, paths: Collection[str]) -> dict[str, tuple[str, ...]]:
        """Who imports each of these files."""
        wanted = {path for path in paths if language_of(path)}
        needles = {word for path in wanted for word in called(path) if word}
        users = ManyTexts.of(self.imports).having(needles)
        folders = tuple(
            f"{dirname(path)}/" if "/" in path else "" for path in wanted if stands_for_folder(path)
        )
        if folders:
            users |= {
                number
                for number, path in enumerate(self.paths)
                if path.startswith(folders) and self.imports[number]
            }
        found: dict[str, list[str]] = {}
        for user, used in sorted(self.uses_of(users).items()):
            for number in used:
                if self.paths[number] in wanted:
                    found.setdefault(self.paths[number], []).append(self.paths[user])
        return {path: tuple(users) for path, users in found.items()}

    def _imported(self, number: int) -> list[str]:
        language = language_of(self.paths[number])
        assert language is not None
        lines = self.imports[number].split(UNIT)
        return [*dict.fromkeys(name for line in lines for name in imported(language.name, line))]

    def tests_of(
        self, paths: Collection[str], users: Mapping[str, tuple[str, ...]] | None = None
    ) -> dict[str, tuple[str, ...]]:
        """The tests of each of these files: those called like it, then those that import it."""
        named: dict[str, list[str]] = {}
        for path in paths:
            if not is_test(path):
                named.setdefault(untested(path), []).append(path)
        found: dict[str, dict[str, None]] = {}
        for path in self.paths:
            # The first is for speed: most files of a large repository are no tests.
            if ("est" in path or "pec" in path) and is_test(path) and language_of(path):
                for tested in named.get(untested(path), ()):
                    found.setdefault(tested, {})[path] = None
        for path, others in (self.users_of(paths) if users is None else users).items():
            if not is_test(path):
                found.setdefault(path, {}).update(dict.fromkeys(filter(is_test, others)))
        return {path: tuple(tests) for path, tests in found.items()}

    def hot(self) -> dict[str, float]:
        """The files that many of the last commits changed, with their share of them."""
        held = set(self.paths)
        count = self.history.commits
        found = [
            (times / count, path)
            for path, times in self.history.times.items()
            if times >= _HOT_TIMES and times >= _HOT * count and path in held
        ]
        return {path: share for share, path in sorted(found, reverse=True)}

    def together(self, paths: Collection[str] | None = None) -> dict[tuple[str, str], float]:
        """Pairs of files that change together, and the share of the commits of the rarer one.

        Of files that changed a few times only the share says nothing: such pairs are left out.
        """
        held = set(self.paths) if paths is None else paths
        times = self.history.times
        return {
            pair: count / min(times[pair[0]], times[pair[1]])
            for pair, count in self.history.pairs.items()
            if count >= _TIMES and pair[0] in held and pair[1] in held
        }


# --- what a request is about --------------------------------------------------------------------


def relevance(map: RepositoryMap, request: str) -> tuple[tuple[str, float], ...]:
    """The files that a request seems to be about, the most relevant first, with a score."""
    return _ranked(map.without or map, request)


@lru_cache(maxsize=4)  # asked for the files to read, for the text and for the parts
def _ranked(map: RepositoryMap, request: str) -> tuple[tuple[str, float], ...]:
    lowered, names = ManyTexts.in_small_letters(map.paths), ManyTexts.of(map.names)
    scores = _Scores(map, _said(lowered, names, _terms(request)))
    best = max(scores.values(), default=1)
    for path in _paths_in(request):
        for number in lowered.having((path.lower(),)):
            if f"/{map.paths[number]}".endswith(f"/{path}"):
                scores[number] += best * 2
    _spread(map, scores)
    ranked = heapq.nlargest(_MOST_RANKED, scores, key=lambda number: (scores[number], -number))
    return tuple((map.paths[number], scores[number]) for number in ranked)


def _said(paths: ManyTexts, names: ManyTexts, terms: Mapping[str, float]) -> dict[int, float]:
    """How much of the terms is in each path and its names (BM25), by number."""
    found: defaultdict[int, float] = defaultdict(float)
    count = len(paths)
    sizes = [a + b + 1 for a, b in zip(paths.sizes(), names.sizes(), strict=True)]
    # A long file says every word some day.
    short, long = _K * (1 - _B), _K * _B * count / (sum(sizes) + 1)
    for term, weight in terms.items():
        hits = Counter(names.counts(term))
        for number, times in paths.counts(term).items():
            hits[number] += 3 * times
        rarity = weight * math.log(1 + (count - len(hits) + 0.5) / (len(hits) + 0.5)) * (_K + 1)
        for number, times in hits.items():
            found[number] += rarity * times / (times + short + long * sizes[number])
    return found


class _Scores(dict[int, float]):
    """The scores of those files that can be among the first, by number: tests and what is no
    source stand behind. That of another is told when somebody asks."""

    def __init__(self, map: RepositoryMap, said: Mapping[int, float]) -> None:
        super().__init__()
        self._map, self._said, left = map, said, _MOST_RANKED
        for number in sorted(said, key=lambda number: (-said[number], number)):
            self[number] = score = self[number]
            left -= score == said[number]
            if not left:  # none of the others has more than these
                break

    def __missing__(self, number: int) -> float:
        path, said = self._map.paths[number], self._said.get(number, 0.0)
        return said * 0.4 if is_test(path) or language_of(path) is None else said


def _spread(map: RepositoryMap, scores: dict[int, float]) -> None:
    """What changes with, uses or is used by what the request is about may be about it too."""
    top = heapq.nlargest(20, scores, key=lambda number: (scores[number], -number))
    if not top:
        return
    own = {number: scores[number] for number in top}
    numbers = {path: number for number, path in enumerate(map.paths)}
    place = {map.paths[number]: number for number in top}
    more: defaultdict[int, float] = defaultdict(float)
    for (one, other), share in map.together(numbers).items():
        if share < _NEAR_SHARE:
            continue
        for near, far in ((one, other), (other, one)):
            if near in place:
                gain = 0.3 * share * own[place[near]]
                more[numbers[far]] = max(more[numbers[far]], gain)
    links = [(user, number) for user, used in map.uses_of(top).items() for number in used]
    links += [
        (numbers[user], place[path])
        for path, users in map.users_of(place).items()
        for user in users
    ]
    for user, number in dict.fromkeys(links):
        if number in own:
            more[user] = max(more[user], 0.15 * own[number])
        if user in own:
            more[number] = max(more[number], 0.15 * own[user])
    for number, gain in more.items():
        scores[number] += gain


def _terms(request: str) -> dict[str, float]:
    """Words of the request by weight: names of code count most, common words nothing."""
    found: dict[str, float] = {}
    for word in _WORD.findall(request):
        lowered = word.lower()
        parts = [part.lower() for part in _PART.findall(word)]
        if len(parts) > 1 and len(word) > 4:
            found[lowered] = 3.0
        for part in parts:
            # A short word is in many longer ones.
            if (len(part) > 3 or word.isupper()) and part not in _COMMON:
                found.setdefault(_stem(part), 1.0)
    return dict(list(found.items())[:40])


def _stem(word: str) -> str:
    for ending in ("ations", "ation", "ings", "ing", "ies", "ied", "ers", "er", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word


def _paths_in(request: str) -> set[str]:
    return {found.removeprefix("./").strip(".") for found in _PATHS.findall(request)}


def relevant_paths(map: RepositoryMap, request: str, most: int = MOST_READ) -> tuple[str, ...]:
    """The files of source that a request seems to be about, the most relevant first."""
    ranked = (path for path, _ in relevance(map, request) if language_of(path))
    return tuple(path for path, _ in zip(ranked, range(most), strict=False))


def relevant_parts(map: RepositoryMap, request: str, most: int) -> tuple[ScoutPart, ...]:
    """The parts of the repository that a request is about, cut along its packages.

    None where it is small, or all of it is one part.
    """
    sources = sum(language_of(path) is not None for path in map.paths)
    ranked = [(path, score) for path, score in relevance(map, request) if language_of(path)]
    if sources < _SMALL or most < 2 or not ranked:
        return ()
    least = ranked[0][1] * 0.15
    held = [path for path, score in ranked[: most * _OF_PART] if score >= least]
    parts = min(most, max(len(held) // 6, 1))
    if parts < 2:
        return ()
    size = dict(zip(map.paths, map.sizes, strict=True))
    weights = {path: 200 + min(size[path], 64_000) for path in held}
    numbers = [number for number, path in enumerate(map.paths) if path in weights]
    links = {
        (map.paths[user], map.paths[number]): 1
        for user, used in map.uses_of(numbers).items()
        for number in used
        if map.paths[number] in weights
    }
    cut = [part[:_OF_PART] for part in partition(weights, links, parts)]
    if len(cut) < 2:
        return ()
    owner = {path: at for at, paths in enumerate(cut) for path in paths}
    score = dict(ranked)
    made = [
        ScoutPart(name.id, tuple(sorted(paths)))
        for name, paths in zip(part_names(owner, weights), cut, strict=True)
    ]
    made.sort(key=lambda part: (-max(score[path] for path in part.paths), part.name))
    return tuple(made)


def whole_part(map: RepositoryMap, request: str) -> tuple[ScoutPart, ...]:
    """What a request is about as one part; none where there is no source at all."""
    paths = relevant_paths(map, request, _OF_PART)
    paths = paths or tuple(path for path in map.paths if language_of(path))[:_OF_PART]
    return (ScoutPart("all", tuple(sorted(paths))),) if paths else ()


# --- the text -----------------------------------------------------------------------------------


def map_text(map: RepositoryMap, request: str, most_chars: int = MOST_CHARS) -> str:
    """What a planner reads of the repository, in at most so many characters."""
    shared = _hot_lines(map)
    pairs = _pair_lines(map)
    left = most_chars - sum(len(line) + 1 for line in (*shared, *pairs))
    relevant = _fitting(list(_relevant(map, request)), int(left * 0.65))
    left -= sum(len(line) + 1 for line in relevant)
    text = "\n".join([_cut(map.folders, max(left - 1, 200)), *relevant, *shared, *pairs])
    return text[:most_chars]


def _cut(text: str, most: int) -> str:
    """The first lines of a text, and how many there are in all."""
    if len(text) <= most:
        return text
    lines = text[: most - 30].split("\n")[:-1]
    return "\n".join([*lines, f"… {len(lines):,} of {text.count(chr(10)) + 1:,} lines"])


def _fitting(blocks: Sequence[str], most: int) -> list[str]:
    """As many of the blocks as fit, and how many did not."""
    if not blocks:
        return []
    head = (
        "What the request seems to be about, most relevant first (a-b are lines; names as the"
        " repository has them):"
    )
    out, size = [head], len(head) + 60
    for number, block in enumerate(blocks):
        if size + len(block) + 1 > most:
            out.append(f"… and {len(blocks) - number} more files that may matter")
            break
        out.append(block)
        size += len(block) + 1
    return ["", *out] if len(out) > 1 else []


def _relevant(map: RepositoryMap, request: str) -> Iterator[str]:
    ranked = relevance(map, request)
    if not ranked:
        return
    least = ranked[0][1] * 0.08
    shown = [path for path, score in ranked[:_RELEVANT] if score >= least]
    users = map.users_of(shown)
    tests = map.tests_of(shown, users)
    terms = tuple(_terms(request))
    count = map.history.commits
    neighbours: dict[str, list[tuple[float, int, str]]] = {}
    for (one, other), share in map.together().items():
        times = map.history.pairs[one, other]
        if share >= _NEAR_SHARE:
            neighbours.setdefault(one, []).append((share, times, other))
            neighbours.setdefault(other, []).append((share, times, one))
    for path in shown:
        found = map.definitions.get(path, ())
        facts = []
        if changed := map.history.times.get(path, 0):
            facts.append(f"changed by {changed} of the last {count:,} commits")
        lines = [f"{quoted(path)}{': ' + ', '.join(facts) if facts else ''}"]
        if found:
            lines.append(f"  defines {_defined(found, terms)}")
        own_tests = tests.get(path, ())
        others = [user for user in users.get(path, ()) if user not in own_tests]
        if others:
            lines.append(f"  used by {_some(others, _USERS)}")
        if own_tests:
            lines.append(f"  tests: {_some(own_tests, _TESTS)}")
        if near := sorted(neighbours.get(path, ()), reverse=True)[:_NEIGHBOURS]:
            told = ", ".join(f"{quoted(other)} ({share:.0%})" for share, _, other in near)
            lines.append(f"  changes with {told}")
        yield "\n".join(lines)


def _defined(found: Sequence[Definition], terms: Sequence[str]) -> str:
    """Definitions with their lines; of very many those that the request names, and the outer."""
    named = [any(term in item.name.lower() for term in terms) for item in found]
    order = sorted(
        range(len(found)),
        key=lambda at: (
            not named[at],
            found[at].kind == "constant",
            found[at].name.count("."),
            found[at].first,
        ),
    )
    kept = sorted(order[:_SHOWN])
    words: list[str] = []
    above = ""
    for at in kept:
        item = found[at]
        name = item.name
        if above and name.startswith(f"{above}."):
            name = name[len(above) :]
        elif item.kind not in ("function", "constant", "macro"):
            above = item.name
            name = f"{item.kind} {name}"
        lines = str(item.first) if item.first == item.last else f"{item.first}-{item.last}"
        words.append(f"{quoted(name)} {lines}" if name == item.name else f"{_plain(name)} {lines}")
    more = len(found) - len(kept)
    return ", ".join(words) + (f", and {more} more" if more else "")


def _plain(name: str) -> str:
    head, space, rest = name.rpartition(" ")
    return f"{head}{space}{quoted(rest)}"


def _some(paths: Sequence[str], most: int) -> str:
    told = ", ".join(quoted(path) for path in paths[:most])
    more = len(paths) - most
    return told + (f", and {more} more" if more > 0 else "")


def _hot_lines(map: RepositoryMap) -> list[str]:
    hot = list(map.hot().items())[:_MOST_HOT]
    if not hot:
        return []
    told = ", ".join(f"{quoted(path)} ({share:.0%} of commits)" for path, share in hot)
    return ["", f"Many changes meet in these files; give what they need there to one task: {told}"]


def _pair_lines(map: RepositoryMap) -> list[str]:
    hot = map.hot()
    found = [
        (share, map.history.pairs[pair], pair)
        for pair, share in map.together().items()
        if share >= _PAIR_SHARE
        if not (pair[0] in hot or pair[1] in hot)
    ]
    found.sort(key=lambda item: (-item[0] * math.log(1 + item[1]), item[2]))
    if not found:
        return []
    told = ", ".join(f"{quoted(a)} + {quoted(b)} ({n}x)" for _, n, (a, b) in found[:_MOST_PAIRS])
    return ["", f"These change together: {told}"]


def with_definitions(
    map: RepositoryMap, found: Mapping[str, tuple[Definition, ...]]
) -> RepositoryMap:
    """The map with the definitions of some more files."""
    return replace(map, definitions={**map.definitions, **found}, without=map.without or map)
