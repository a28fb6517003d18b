"""What two tasks have in common, told from their words alone and the names that the repository
knows: where each will probably work, and how near that is to the other's place. Pure."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import log, log1p, sqrt

from wtman.model.places import Definition

_MOST_TEXT = 20_000  # characters of a brief that are read
_MOST_WORDS = 2_000
_MOST_NAMES = 200
_AMBIGUOUS = 6  # a name with more definitions says nothing
_FILES = 5  # of a task, that count
_WORD = re.compile(r"[A-Za-z][a-z]+|[A-Z]{2,}(?![a-z])|[a-z]+|\d{2,}")
_PATH = re.compile(r"[\w@.+-]*(?:[/\\][\w@.+-]+)*\.\w{1,6}\b")
_NAME = re.compile(r"[A-Za-z_]\w*(?:(?:\.|::|#)[A-Za-z_]\w*)*")
_TICKED = re.compile(r"`([^`\n]{2,80})`")
_STOP = frozenset(
    "the and for that this with from are was will not can should must has have its into when "
    "which all any new add use used using more than then also only each other such been were "
    "they them their there where what who how but one two make made does code file files test "
    "tests feature title description pull request details background solution modified technical "
    "problem support implementation existing".split()
)

FACTS = (
    "same file named",
    "other files named",
    "file likeness",
    "words in common",
    "likeness",
    "shared definitions",
    "names in the file",
    "definition likeness",
)


@dataclass(frozen=True, slots=True)
class BriefWords:
    """What the words of a task say: of files (with weights that add up to 1), of definitions
    by path and name, and the words themselves."""

    files: Mapping[str, float]
    named: frozenset[str]  # paths spelled out
    definitions: Mapping[tuple[str, str], float]
    words: frozenset[str]


class Lexicon:
    """The names of a repository, to look words up in."""

    def __init__(
        self, files: Iterable[str], definitions: Mapping[str, Sequence[Definition]]
    ) -> None:
        self.definitions = definitions
        self.paths = frozenset(files) | definitions.keys()
        self.ends: dict[str, list[str]] = {}
        self.path_words: dict[str, list[str]] = {}
        for path in sorted(self.paths):
            self.ends.setdefault(path.rsplit("/", 1)[-1].lower(), []).append(path)
            for word in set(_words(path)):
                self.path_words.setdefault(word, []).append(path)
        self.by_name: dict[str, list[tuple[str, Definition]]] = {}
        for path, defined in definitions.items():
            for item in defined:
                for name in {item.name, item.name.rsplit(".", 1)[-1]}:
                    self.by_name.setdefault(name, []).append((path, item))

    def spelled(self, text: str) -> frozenset[str]:
        """The paths that a text spells out, whole or by an end that only one has."""
        found = set()
        for match in _PATH.finditer(text):
            token = match[0].replace("\\", "/").strip("./")
            if token in self.paths:
                found.add(token)
                continue
            ends = self.ends.get(token.rsplit("/", 1)[-1].lower(), ())
            ends = [path for path in ends if path.lower().endswith("/" + token.lower())] or (
                list(ends) if "/" not in token else []
            )
            if len(ends) == 1:
                found.add(ends[0])
        return frozenset(found)

    def read(self, text: str, within: Sequence[str] = ()) -> BriefWords:
        """What a brief says; `within` are files that are known of the task, if any are."""
        text = text[:_MOST_TEXT]
        named = self.spelled(text)
        names = _names(text)
        words = Counter(_words(text)[:_MOST_WORDS])
        scores: dict[str, float] = defaultdict(float)
        defined: dict[tuple[str, str], float] = defaultdict(float)
        for name in sorted(names)[:_MOST_NAMES]:
            hits = self._looked_up(name, named)
            for path, item in hits:
                scores[path] += 1 / len(hits)
                defined[path, item.name] += 1 / len(hits)
        total = len(self.paths) or 1
        for word in words:
            having = self.path_words.get(word, ())
            if having and len(having) < max(4, total // 10):
                weight = log(1 + total / len(having)) / log(1 + total) / 2
                for path in having[:200]:
                    scores[path] += weight * min(1.0, 2 / len(having) + 0.3)
        for path in named:
            scores[path] += 6
        for path in within:
            scores[path] += 20
        best = sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))[:_FILES]
        weight = sum(score for _, score in best) or 1.0
        return BriefWords(
            {path: score / weight for path, score in best},
            named | frozenset(within),
            dict(defined),
            frozenset(word for word in words if word not in _STOP),
        )

    def _looked_up(self, name: str, named: frozenset[str]) -> list[tuple[str, Definition]]:
        parts = name.split(".")
        for start in range(len(parts)):
            hits = self.by_name.get(".".join(parts[start:]), [])
            if hits:
                inside = [hit for hit in hits if hit[0] in named]
                hits = inside or hits
                return hits if len(hits) <= _AMBIGUOUS else []
        if len(parts) > 1:  # a member that is not there yet, of something that is
            hits = self.by_name.get(parts[-2], [])
            return hits if len(hits) <= 2 else []
        return []


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text) if len(word) > 2]


def _names(text: str) -> set[str]:
    """What looks like a name of code: in back-ticks, or spelled as no English word is."""
    found: set[str] = set()
    for ticked in _TICKED.findall(text):
        found.update(match for match in _NAME.findall(ticked) if len(match) > 2)
    for name in _NAME.findall(text):
        inner = name[1:]
        if "_" in name or any(sign in name for sign in ".#:") or inner != inner.lower():
            found.add(name)
    return {name.replace("::", ".").replace("#", ".") for name in found if len(name) > 2}


@dataclass(frozen=True, slots=True)
class Likeness:
    """What a pair of briefs shares: facts in the order of `FACTS`, the strongest of them."""

    facts: tuple[float, ...]
    cell: str
    because: str


def likeness(one: BriefWords, other: BriefWords, rarity: Mapping[str, float]) -> Likeness:
    """What two briefs share. `rarity` weighs words by how few of the plan's briefs have them."""
    same = sorted(one.named & other.named)
    common = {
        path: sqrt(one.files[path] * other.files[path])
        for path in one.files.keys() & other.files.keys()
    }
    both = one.definitions.keys() & other.definitions.keys()
    strength = {key: min(one.definitions[key], other.definitions[key]) for key in both}
    named = {
        key: max(one.definitions.get(key, 0.0), other.definitions.get(key, 0.0))
        for key in one.definitions.keys() | other.definitions.keys()
    }
    path = same[0] if len(same) == 1 else max(common, key=lambda p: (common[p], p), default="")
    in_file = sum(1 for p, _ in one.definitions if p == path) + sum(
        1 for p, _ in other.definitions if p == path
    )
    shared = one.words & other.words
    words = len(shared) / (len(one.words | other.words) or 1)
    weight = sum(rarity.get(word, 1.0) ** 2 for word in shared)
    norm = sqrt(
        sum(rarity.get(word, 1.0) ** 2 for word in one.words)
        * sum(rarity.get(word, 1.0) ** 2 for word in other.words)
    )
    facts = (
        float(bool(same)),
        float(bool(one.named and other.named and not same)),
        sum(common.values()),
        words,
        weight / (norm or 1.0),
        log1p(sum(strength.values())),
        log1p(in_file),
        sum(strength.values()) / (sum(named.values()) or 1.0),
    )
    if both:
        where, name = max(both, key=lambda key: (strength[key], key))
        return Likeness(facts, "same definition named", f"both name `{name}` in {where}")
    if same:
        return Likeness(facts, "same file named", f"both name {same[0]}")
    if common:
        return Likeness(facts, "same file likely", f"both will probably change {path}")
    return Likeness(facts, "nothing in common", "their words name nothing in common")
