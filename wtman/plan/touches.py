"""Where the tasks of a plan will work: what a planner left open, filled in from scouts. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from wtman.formats.gitignore import matches
from wtman.model.places import place
from wtman.model.plan import Task
from wtman.model.scout import ScoutReport
from wtman.plan.scouts.known_places import KnownPlaces, sound_places

_MOST = 60  # places of a task


def filled(tasks: Sequence[Task], reports: Iterable[ScoutReport]) -> tuple[Task, ...]:
    """The tasks with places that scouts saw, where they have none: each that just one task owns."""
    found: dict[str, list[str]] = {}
    for report in reports:
        for item in (*report.changes, *report.adds):
            path = place(item.place).path
            owners = [task.id for task in tasks if not task.owns or matches(task.owns, path)]
            if len(owners) == 1:
                found.setdefault(owners[0], []).append(item.place)
    return tuple(
        task if task.touches else replace(task, touches=_few(found.get(task.id, ())))
        for task in tasks
    )


def _few(places: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(places))[:_MOST]


def unknown_touches(tasks: Sequence[Task], known: KnownPlaces) -> tuple[str, ...]:
    """What tasks say that they will touch and there is not, a line each."""
    return tuple(
        f"task {task.id}: touches: {what}"
        for task in tasks
        for what in sound_places(task.touches, known, new_files=True)[1]
    )


def known_touches(tasks: Sequence[Task], known: KnownPlaces) -> tuple[Task, ...]:
    """The tasks with those places that there are."""
    return tuple(
        replace(task, touches=_few(sound_places(task.touches, known, new_files=True)[0]))
        for task in tasks
    )
