"""What a plan will cost and where it will collide, said before a session starts.

Pure arithmetic over the plan, the settings and the list of tracked files; it
estimates neither tokens nor money. Times are counted in waves: rounds in which
every task takes equally long and at most `jobs` run at once.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from heapq import heappop, heappush
from itertools import islice

from wtman.formats.gitignore import matches, owned
from wtman.model.graph import critical, critical_path, dependents
from wtman.model.ids import TaskId
from wtman.model.plan import Plan, Task
from wtman.model.settings import Settings
from wtman.plan.rules import least_sessions, overlaps

_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a run will be like, and what to know before saying yes to it."""

    sessions_least: int
    sessions_most: int
    waves: tuple[tuple[TaskId, ...], ...]
    critical_path: tuple[TaskId, ...]
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
    chain, pairs = critical_path(plan.tasks), tuple(overlaps(plan.tasks))
    return Forecast(
        sessions_least=least_sessions(plan, reviewers),
        sessions_most=_most_sessions(plan, settings, reviewers, rounds),
        waves=waves(plan.tasks, settings.jobs),
        critical_path=chain,
        advice=(
            *_reasons_against(plan.tasks, chain, len(pairs)),
            *_remarks(plan.tasks, chain, pairs, sorted(files)),
        ),
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


def _most_sessions(plan: Plan, settings: Settings, reviewers: int, rounds: int) -> int:
    """Every attempt used, and every round of reviews ending in one more fix of each task."""
    tasks = len(plan.tasks)
    if any(task.lead for task in plan.tasks):
        return settings.max_sessions  # nobody knows yet what these are cut into
    most = tasks * settings.attempts
    if reviewers:
        most += max(rounds, 1) * (tasks * (reviewers + 1) + 1)
    return min(most, settings.max_sessions)


def _reasons_against(tasks: Sequence[Task], chain: Sequence[TaskId], pairs: int) -> Iterator[str]:
    """Why this request is better not split, if it is."""
    count = len(tasks)
    if any(task.lead for task in tasks):
        return
    if count == 1:
        yield "One task: nothing runs in parallel, a single session would do."
    elif len(chain) == count:
        yield (
            "Every task waits for the one before it: nothing runs in parallel, and one session"
            " would keep what it learned."
        )
    elif pairs == count * (count - 1) // 2:
        yield (
            "Every task can write what every other one writes: expect conflicts; give them"
            " narrower `owns`, or do it in one session."
        )


def _remarks(
    tasks: Sequence[Task],
    chain: Sequence[TaskId],
    pairs: Sequence[tuple[Task, Task, str]],
    files: Sequence[str],
) -> Iterator[str]:
    """What else is worth knowing before saying yes; `files` are sorted."""
    if 2 < len(chain) < len(tasks) < 2 * len(chain):
        yield f"{len(chain)} of {len(tasks)} tasks wait for each other: {' -> '.join(chain)}."
    shared = ", ".join(islice(_shared(pairs, files), _MOST_NAMED))
    if shared:
        yield f"Existing files have two owners: {shared}."
    for task in tasks:
        for pattern in task.owns:
            if _meant_literally(pattern, files):
                yield (
                    f"{task.id} owns {pattern}, which as a pattern matches no file; for the folder"
                    f" of that name write {_escaped(pattern)}."
                )


def _shared(pairs: Iterable[tuple[Task, Task, str]], files: Sequence[str]) -> Iterator[str]:
    """The pairs of tasks that own one and the same existing file, with the first such file."""
    held = cache(lambda owns: owned(owns, files))
    for one, other, _ in pairs:
        if not (one.owns or other.owns):
            continue  # every file there is
        if both := held(one.owns) & held(other.owns):
            yield f"{one.id} and {other.id} ({min(both)})"


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
