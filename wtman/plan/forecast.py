"""What a plan will cost and where it will collide, said before a session starts.

Pure arithmetic over the plan, the settings and the list of tracked files; it
estimates neither tokens nor money. Times are counted in waves: rounds in which
every task takes equally long and at most `jobs` run at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from wtman.formats.gitignore import matches, owned
from wtman.model.graph import critical, critical_path, dependents
from wtman.model.ids import TaskId
from wtman.model.plan import Plan, Task
from wtman.model.settings import Settings
from wtman.plan.rules import least_sessions, overlaps

_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class PredictedOverlap:
    """Two tasks that can own one path; `tracked` if the example is a file that exists."""

    tasks: tuple[TaskId, TaskId]
    example: str
    tracked: bool


@dataclass(frozen=True, slots=True)
class Forecast:
    """`write_sets` counts the existing files that each task owns, in plan order."""

    branches: int
    sessions_least: int
    sessions_most: int
    waves: tuple[tuple[TaskId, ...], ...]
    critical_path: tuple[TaskId, ...]
    write_sets: dict[TaskId, int]
    overlaps: tuple[PredictedOverlap, ...]
    worth_splitting: bool
    advice: tuple[str, ...]


def forecast(
    plan: Plan,
    settings: Settings,
    files: Sequence[str],
    *,
    reviewers: int = 0,
    rounds: int = 0,
) -> Forecast:
    """Foretell a run of a sound plan over a repository with these tracked files."""
    write_sets = _write_sets(plan.tasks, sorted(files))
    pairs = tuple(
        _overlap(one, other, example, write_sets) for one, other, example in overlaps(plan.tasks)
    )
    rounds_of_waves = waves(plan.tasks, settings.jobs)
    against = _reasons_against(plan.tasks, rounds_of_waves, pairs)
    return Forecast(
        branches=len(plan.tasks),
        sessions_least=least_sessions(plan, reviewers),
        sessions_most=_most_sessions(plan, settings, reviewers, rounds),
        waves=rounds_of_waves,
        critical_path=critical_path(plan.tasks),
        write_sets={task: len(paths) for task, paths in write_sets.items()},
        overlaps=pairs,
        worth_splitting=not against,
        advice=(*against, *_remarks(plan.tasks, pairs, files)),
    )


def waves(tasks: Sequence[Task], jobs: int) -> tuple[tuple[TaskId, ...], ...]:
    """Who runs together if every task takes equally long; the longest chains go first."""
    rank, users = critical(tasks), dependents(tasks)
    place = {task.id: number for number, task in enumerate(tasks)}
    missing = {task.id: len({need for need in task.needs if need in place}) for task in tasks}
    ready: list[tuple[int, int]] = []
    for task, count in missing.items():
        if not count:
            heappush(ready, (-rank[task], place[task]))
    found = []
    while ready:
        wave = [tasks[heappop(ready)[1]].id for _ in range(min(max(jobs, 1), len(ready)))]
        for task in wave:
            for user in users[task]:
                missing[user] -= 1
                if not missing[user]:
                    heappush(ready, (-rank[user], place[user]))
        found.append(tuple(wave))
    return tuple(found)


def _write_sets(tasks: Sequence[Task], files: list[str]) -> dict[TaskId, frozenset[str]]:
    """The existing files of each task; `files` are sorted."""
    known: dict[tuple[str, ...], frozenset[str]] = {}
    for task in tasks:
        if task.owns not in known:
            known[task.owns] = owned(task.owns, files)
    return {task.id: known[task.owns] for task in tasks}


def _overlap(
    one: Task, other: Task, example: str, write_sets: dict[TaskId, frozenset[str]]
) -> PredictedOverlap:
    """Prefer a file that exists as the example."""
    small, large = sorted((write_sets[one.id], write_sets[other.id]), key=len)
    real = next((path for path in small if path in large), None) if small else None
    return PredictedOverlap((one.id, other.id), example if real is None else real, real is not None)


def _most_sessions(plan: Plan, settings: Settings, reviewers: int, rounds: int) -> int:
    """Every attempt used, and every round of reviews ending in one more fix of each task."""
    tasks = len(plan.tasks)
    most = tasks * settings.attempts
    if reviewers:
        most += max(rounds, 1) * (tasks * (reviewers + 1) + 1)
    return min(most, settings.max_sessions)


def _reasons_against(
    tasks: Sequence[Task],
    rounds: tuple[tuple[TaskId, ...], ...],
    pairs: tuple[PredictedOverlap, ...],
) -> tuple[str, ...]:
    """Why this request is better not split, if it is."""
    count = len(tasks)
    if count == 1:
        return ("One task: nothing runs in parallel, a single session would do.",)
    if len(critical_path(tasks)) == count:
        return (
            "Every task waits for the one before it: nothing runs in parallel, and one session"
            " would keep what it learned.",
        )
    free = count * (count - 1) // 2
    if len(pairs) == free:
        return (
            "Every task can write what every other one writes: expect conflicts; give them"
            " narrower `owns`, or do it in one session.",
        )
    return ()


def _remarks(
    tasks: Sequence[Task],
    pairs: tuple[PredictedOverlap, ...],
    files: Sequence[str],
) -> tuple[str, ...]:
    """What else is worth knowing before saying yes."""
    said = []
    chain = critical_path(tasks)
    if 2 < len(chain) < len(tasks) and 2 * len(chain) > len(tasks):
        said.append(
            f"{len(chain)} of {len(tasks)} tasks wait for each other: {' -> '.join(chain)}."
        )
    shared = [pair for pair in pairs if pair.tracked]
    if shared:
        named = ", ".join(f"{a} and {b} ({c})" for a, b, c in _shown(shared))
        said.append(f"Existing files have two owners: {named}.")
    for task in tasks:
        for pattern in task.owns:
            if _meant_literally(pattern, files):
                said.append(
                    f"{task.id} owns {pattern}, which as a pattern matches no file; for the folder"
                    f" of that name write {_escaped(pattern)}."
                )
    return tuple(said)


def _shown(pairs: Sequence[PredictedOverlap]) -> list[tuple[TaskId, TaskId, str]]:
    return [(*pair.tasks, pair.example) for pair in pairs[:_MOST_NAMED]]


def _meant_literally(pattern: str, files: Sequence[str]) -> bool:
    """Whether "app/[slug]/**" was meant as the folder `[slug]`, which web frameworks like."""
    if "[" not in pattern or "\\" in pattern or pattern.startswith("!"):
        return False
    literal = (_escaped(pattern),)
    return any(matches(literal, path) for path in files) and not any(
        matches((pattern,), path) for path in files
    )


def _escaped(pattern: str) -> str:
    return pattern.replace("[", "\\[").replace("]", "\\]")
