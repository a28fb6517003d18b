"""What two tasks have in common, told from their words alone and the names that the repository
knows: where each will probably work, and how near that is to the other's place. Pure."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from math import log, log1p, sqrt

from wtman.model.places import Definition
from wtman.model.values import dataclass
from wtman.text.search import ManyTexts

_MOST_TEXT = 20_000  # characters of a brief that are read
_MOST_WORDS = 2_000
_MOST_NAMES = 200
_AMBIGUOUS = 6  # a name with more definitions says nothing
_FEW = 100  # words that are searched for one by one
_FILES = 5  # of a task, that count
_WORD = re.compile(r"[A-Za-z][a-z]+|[A-Z]{2,}(?![a-z])|[a-z]+|\d{2,}")
_WORD_OR_END = re.compile(_WORD.pattern + r"|\0")
# Not from within a name: of a very long one each letter would be tried.
_PATH = re.compile(r"(?<![\w@.+-])(?<![\w@.+-][/\\])[\w@.+-]*(?:[/\\][\w@.+-]+)*\.\w{1,6}\b")
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


class _Said:
    """What a brief may name: words, each once, names of code, and what looks like a path."""

    def __init__(self, text: str) -> None:
        text = text[:_MOST_TEXT]
        self.words = tuple(dict.fromkeys(_words(text)[:_MOST_WORDS]))
        self.names = sorted(_names(text))[:_MOST_NAMES]
        self.paths = [found[0].replace("\\", "/").strip("./") for found in _PATH.finditer(text)]


class Lexicon:
    """The names of a repository, to look up in them what these briefs say, and no other."""

    def __init__(
        self,
        files: Iterable[str],
        definitions: Mapping[str, Sequence[Definition]],
        briefs: Iterable[str],
    ) -> None:
        self._said = {text: _Said(text) for text in briefs}
        self.definitions = definitions
        self.paths = dict.fromkeys((*files, *definitions))
        ordered = sorted(self.paths)
        words = {word for said in self._said.values() for word in said.words}
        ends = {_end(path) for said in self._said.values() for path in said.paths}
        self.path_words, self.ends = _found_in(ordered, words, ends)
        self.by_name: dict[str, list[tuple[str, Definition]]] = {}
        for path, defined in definitions.items():
            for item in defined:
                for name in {item.name, item.name.rsplit(".", 1)[-1]}:
                    self.by_name.setdefault(name, []).append((path, item))

    def _spelled(self, said: _Said) -> frozenset[str]:
        """The paths that a brief spells out, whole or by an end that only one has."""
        found = set()
        for token in said.paths:
            if token in self.paths:
                found.add(token)
                continue
            ends = self.ends.get(_end(token), ())
            ends = [path for path in ends if path.lower().endswith("/" + token.lower())] or (
                list(ends) if "/" not in token else []
            )
            if len(ends) == 1:
                found.add(ends[0])
        return frozenset(found)

    def read(self, brief: str, within: Sequence[str] = ()) -> BriefWords:
        """What one of the briefs says; `within` are files that are known of the task, if any."""
        said = self._said[brief]
        named = self._spelled(said)
        scores: dict[str, float] = defaultdict(float)
        defined: dict[tuple[str, str], float] = defaultdict(float)
        for name in said.names:
            hits = self._looked_up(name, named)
            for path, item in hits:
                scores[path] += 1 / len(hits)
                defined[path, item.name] += 1 / len(hits)
        total = len(self.paths) or 1
        for word in said.words:
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
            frozenset(word for word in said.words if word not in _STOP),
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


def _end(path: str) -> str:
    return path.rpartition("/")[2].lower()


def _found_in(
    paths: Sequence[str], words: Collection[str], ends: Collection[str]
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """The paths that have each of these words, and each of these last parts, in their order.

    There may be very many: where few things are asked for, only paths with them are taken apart,
    and each folder once.
    """
    if len(words) + len(ends) <= _FEW:
        near = ManyTexts.in_small_letters(paths).having({*words, *ends})
        paths = [paths[number] for number in sorted(near)]
    in_folder: dict[str, list[list[str]]] = {}
    having: dict[str, list[str]] = {word: [] for word in words}
    ending: dict[str, list[str]] = {end: [] for end in ends}
    split = [path.rpartition("/") for path in paths]
    said = iter(_WORD_OR_END.findall("".join(f"{name}\0" for _, _, name in split)))
    for path, (folder, _, name) in zip(paths, split, strict=True):
        if folder not in in_folder:
            in_folder[folder] = [having[word] for word in {*_words(folder)} if word in having]
        for found in in_folder[folder]:
            found.append(path)
        while (word := next(said)) != "\0":
            if len(word) > 2 and (word := word.lower()) in having:
                found = having[word]
                if not found or found[-1] != path:
                    found.append(path)
        if name.lower() in ending:
            ending[name.lower()].append(path)
    return having, ending


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
