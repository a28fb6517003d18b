"""How likely it is that the branches of two tasks conflict in text, said before either exists.

Where both tasks say which places they will change, their chance comes from these (and from their
lines, where both give some); else from their words and from the names that the repository knows.
Both are logistic models fitted on real pairs (conflict_model.py), and shifted by what was foreseen
and came in this repository before.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from itertools import combinations
from math import exp, log
from types import MappingProxyType

from wtman.formats.gitignore import can_both_match
from wtman.model.graph import order
from wtman.model.ids import TaskId
from wtman.model.places import Definition
from wtman.model.plan import Task
from wtman.model.values import dataclass
from wtman.plan.conflicts.briefs import BriefWords, Lexicon, likeness
from wtman.plan.conflicts.model import APART, BRIEFS, LINES, PLACES, STRANGERS
from wtman.plan.conflicts.places import DefinitionIndex, Site, common, respelled, spots_of, touched
from wtman.text.terminal import clean

# From this chance on a conflict counts as predicted.
PREDICTED = 0.5
# A plan with more pairs than this lists only those that share something, and at most so many:
# first those that name one place.
MOST_LISTED = 20_000
# Pairs that are looked at closely (one of many places counts as several); what more share a file
# get the chance of such pairs.
MOST_WEIGHED = 6_000
_PLACES = 2  # pairs of places that count as one more pair of tasks
_PRIOR = 20  # pairs that the model's own experience counts for, against this repository's
_LEAST, _MOST = 0.01, 0.98
_WIDE = 200  # columns of a reason
_FAR = 2.0  # how much a repository's past can shift a chance, in log-odds


def _nothing() -> Mapping[str, Sequence[Definition]]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class RepositoryFacts:
    """What is known of the base. Everything may be empty: then the tasks' words are all."""

    files: Sequence[str] = ()  # every tracked path
    definitions: Mapping[str, Sequence[Definition]] = field(default_factory=_nothing)  # by path


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was foreseen here before and what came: of so many pairs, the sum of their chances
    and how many conflicted."""

    pairs: int = 0
    expected: float = 0.0
    conflicts: int = 0

    def shift(self) -> float:
        """By how much to move a chance, in log-odds: little after few pairs."""
        if self.pairs <= 0:
            return 0.0
        foreseen = min(max(self.expected / self.pairs, 0.005), 0.995)
        came = (min(max(self.conflicts, 0), self.pairs) + _PRIOR * foreseen) / (self.pairs + _PRIOR)
        return min(max(_logit(came) - _logit(foreseen), -_FAR), _FAR)


@dataclass(frozen=True, slots=True)
class PairChance:
    """The chance that two tasks conflict, on how many real pairs that rests, and why."""

    tasks: tuple[TaskId, TaskId]
    chance: float
    samples: int
    because: str

    @property
    def predicted(self) -> bool:
        """Whether this counts as a conflict foreseen."""
        return self.chance >= PREDICTED


def conflict_chances(
    tasks: Sequence[Task],
    facts: RepositoryFacts = RepositoryFacts(),
    calibration: Calibration = Calibration(),
) -> tuple[PairChance, ...]:
    """Every pair of the tasks with its chance of a textual conflict, in the tasks' order.

    Of a plan with more than `MOST_LISTED` pairs, at most so many of those that share something.
    """
    return tuple(_Pairs(tasks, facts, calibration).chances())


class _Pairs:
    """The tasks of one plan, read once."""

    def __init__(
        self, tasks: Sequence[Task], facts: RepositoryFacts, calibration: Calibration
    ) -> None:
        self.tasks = tasks
        self.shift = calibration.shift()
        self.above = _above(tasks)
        said = {at.path for task in tasks for at in touched(task.touches)}
        meant = respelled(said, frozenset(facts.files) or said) if said else {}
        names: dict[str, DefinitionIndex] = {}
        self.places: list[Mapping[str, tuple[Site, ...]]] = [
            spots_of(task.touches, facts.definitions, meant, names) for task in tasks
        ]
        self.sizes = [sum(map(len, places.values())) for places in self.places]
        self.briefs: list[BriefWords | None] = [None] * len(tasks)
        self.apart: dict[tuple[tuple[str, ...], tuple[str, ...]], bool] = {}
        self.rarity: dict[str, float] = {}
        if not all(self.places):
            self._read(facts)

    def _read(self, facts: RepositoryFacts) -> None:
        said = [f"{task.title}\n{task.prompt}\n{task.expect}" for task in self.tasks]
        lexicon = Lexicon(facts.files, facts.definitions, said)
        counts: Counter[str] = Counter()
        for number, task in enumerate(self.tasks):
            known = tuple(self.places[number]) or tuple(o for o in task.owns if o in lexicon.paths)
            brief = lexicon.read(said[number], known)
            self.briefs[number] = brief
            counts.update(brief.words)
        self.rarity = {word: log(1 + len(self.tasks) / count) for word, count in counts.items()}

    def chances(self) -> Iterator[PairChance]:
        count = len(self.tasks)
        near = self._sharing(MOST_LISTED)
        if count * (count - 1) // 2 <= MOST_LISTED:
            numbers: Iterator[tuple[int, int]] | list[tuple[int, int]] = combinations(
                range(count), 2
            )
        else:
            numbers = sorted(near)
        weighed = 0
        rate, samples = PLACES.cell("")
        crowded = self._shifted(rate)
        for one, other in numbers:
            ids = self.tasks[one].id, self.tasks[other].id
            if self.above[one] >> other & 1 or self.above[other] >> one & 1:
                yield PairChance(ids, 0.0, 0, "one starts from the work of the other")
            elif (one, other) not in near:
                yield self._strangers(one, other)
            elif self._owned_apart(one, other):
                yield PairChance(ids, _LEAST, APART[0], "they own different files")
            elif weighed < MOST_WEIGHED:
                weighed += 1 + self.sizes[one] * self.sizes[other] // _PLACES
                yield self._weigh(one, other)
            else:
                yield PairChance(ids, crowded, samples, "both change the same file")

    def _sharing(self, most: int) -> set[tuple[int, int]]:
        """The pairs that have a file in common, as numbers of tasks; of more than `most`, first
        those that name one place in it."""
        by_path: dict[str, list[int]] = {}
        by_place: dict[tuple[str, str], dict[int, None]] = {}
        for number, places in enumerate(self.places):
            brief = self.briefs[number]
            for path in places or (brief.files if brief else ()):
                by_path.setdefault(path, []).append(number)
                for site in places.get(path, ()):
                    by_place.setdefault((path, site.name), {})[number] = None
        found: set[tuple[int, int]] = set()
        for numbers in (*by_place.values(), *by_path.values()):
            for pair in combinations(numbers, 2):
                if len(found) == most:
                    return found
                found.add(pair)
        return found

    def _owned_apart(self, one: int, other: int) -> bool:
        owns = self.tasks[one].owns, self.tasks[other].owns
        if not all(owns):
            return False
        if owns not in self.apart:
            self.apart[owns] = can_both_match(*owns) is None
        return self.apart[owns]

    def _strangers(self, one: int, other: int) -> PairChance:
        """Two tasks that are known to share no file, or of which nothing shared is known."""
        ids = self.tasks[one].id, self.tasks[other].id
        if (self.places[one] and self.places[other]) or self._owned_apart(one, other):
            return PairChance(ids, _LEAST, APART[0], "they change different files")
        chance = self._shifted(of_strangers())
        return PairChance(ids, chance, STRANGERS[0], "their words name nothing in common")

    def _weigh(self, one: int, other: int) -> PairChance:
        ids = self.tasks[one].id, self.tasks[other].id
        if shared := common(self.places[one], self.places[other]):
            model = LINES if shared.lines else PLACES
            chance = model.chance((*shared.facts, *shared.lines))
            if shared.unsure:  # then it is not held for far apart, but for any that share a file
                chance = max(chance, PLACES.cell("")[0])
            chance = self._shifted(chance)
            return PairChance(ids, chance, model.cell(shared.cell)[1], clean(shared.because, _WIDE))
        first, second = self.briefs[one], self.briefs[other]
        assert first is not None and second is not None
        alike = likeness(first, second, self.rarity)
        # What shares a file is likelier to conflict than what shares nothing.
        chance = self._shifted(max(BRIEFS.chance(alike.facts), 1.1 * of_strangers()))
        return PairChance(ids, chance, BRIEFS.cell(alike.cell)[1], clean(alike.because, _WIDE))

    def _shifted(self, chance: float) -> float:
        moved = 1 / (1 + exp(-(_logit(chance) + self.shift)))
        return round(min(max(moved, _LEAST), _MOST), 4)


def _above(tasks: Sequence[Task]) -> list[int]:
    """For each task, as bits, which others it starts from, directly or not."""
    by_id = {task.id: number for number, task in enumerate(tasks)}
    above = [0] * len(tasks)
    for number in (by_id[task] for task in order(tasks)):
        for need in tasks[number].needs:
            if need in by_id:
                above[number] |= above[by_id[need]] | 1 << by_id[need]
    return above


def of_strangers() -> float:
    """The chance of tasks whose words name nothing in common."""
    return (STRANGERS[1] + 1) / (STRANGERS[0] + 2)


def _logit(chance: float) -> float:
    chance = min(max(chance, 1e-6), 1 - 1e-6)
    return log(chance / (1 - chance))
