"""How likely it is that the branches of two tasks conflict in text, said before either exists."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from types import MappingProxyType

from wtman.model.graph import unordered
from wtman.model.ids import TaskId
from wtman.model.places import Definition, Place, place
from wtman.model.plan import Task

# From this chance on a conflict counts as predicted.
PREDICTED = 0.5
# A plan with more pairs than this lists only those that share something.
MOST_LISTED = 20_000


@dataclass(frozen=True, slots=True)
class RepositoryFacts:
    """What is known of the base. Everything may be empty: then the tasks' words are all."""

    files: Sequence[str] = ()  # every tracked path
    definitions: Mapping[str, Sequence[Definition]] = field(
        default_factory=lambda: MappingProxyType({})
    )  # by path
    # Pairs of paths (in order), and the share of the commits of the rarer that changed both.
    together: Mapping[tuple[str, str], float] = field(default_factory=lambda: MappingProxyType({}))
    hot: Mapping[str, float] = field(
        default_factory=lambda: MappingProxyType({})
    )  # share of commits


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was foreseen here before and what came: of so many pairs, the sum of their chances
    and how many conflicted."""

    pairs: int = 0
    expected: float = 0.0
    conflicts: int = 0


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

    Of a plan with more than `MOST_LISTED` pairs, only those that share something.
    """
    free = {frozenset((one.id, other.id)) for one, other in unordered(tasks)}
    places = {task.id: _places(task) for task in tasks}
    found = []
    for one, other in combinations(tasks, 2):
        if frozenset((one.id, other.id)) not in free:
            found.append(PairChance((one.id, other.id), 0.0, 0, "one waits for the other"))
            continue
        common = {p.path for p in places[one.id]} & {p.path for p in places[other.id]}
        same = {p for p in places[one.id] if p.definition} & set(places[other.id])
        chance, samples, because = 0.05, 0, "nothing in common is known"
        if same:
            chance, because = 0.85, f"both change {min(map(str, same))}"
        elif common:
            chance, because = 0.5, f"both change {min(common)}"
        found.append(PairChance((one.id, other.id), chance, samples, because))
    return tuple(found)


def _places(task: Task) -> tuple[Place, ...]:
    found = []
    for text in task.touches:
        try:
            found.append(place(text))
        except ValueError:
            continue
    return tuple(found)
