"""Where the tasks of a plan will work: what a planner left open, filled in from scouts. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from wtman.formats.gitignore import matches
from wtman.model.places import in_gap, place
from wtman.model.plan import Task
from wtman.model.scout import ScoutReport
from wtman.plan.known_places import KnownPlaces, sound_places
from wtman.text.words import quoted

_MOST = 60  # places of a task
_NAMED = 8  # places in doubt


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


def doubtful_touches(tasks: Sequence[Task], known: KnownPlaces) -> tuple[str, ...]:
    """What a plan that a person wrote says of places and cannot be so, a line each."""
    odd = [
        f"{task.id} touches {quoted(text)}: {what}"
        for task in tasks
        for text in task.touches
        if (what := known.doubt(text) or _not_owned(task, text))
    ]
    more = len(odd) - _NAMED
    return (*odd[:_NAMED], *([f"and {more} more places that are in doubt"] if more > 0 else ()))


def _not_owned(task: Task, text: str) -> str:
    path = place(text).path
    return "" if not task.owns or matches(task.owns, path) else "the task does not own that path"


def in_gaps(tasks: Sequence[Task], known: KnownPlaces) -> tuple[Task, ...]:
    """The tasks, of which all that put new code into one gap name it alike."""
    return tuple(
        replace(task, touches=tuple(dict.fromkeys(_in_gap(it, known) for it in task.touches)))
        if task.touches
        else task
        for task in tasks
    )


def _in_gap(text: str, known: KnownPlaces) -> str:
    if "::before " not in text:
        return text
    try:
        wanted = place(text)
    except ValueError:
        return text
    if wanted.path not in known.paths:
        return text
    found = in_gap(wanted, known.defined_in(wanted.path))
    return text if found == wanted else str(found)


def known_touches(tasks: Sequence[Task], known: KnownPlaces) -> tuple[Task, ...]:
    """The tasks with those places that there are."""
    return tuple(
        replace(task, touches=_few(sound_places(task.touches, known, new_files=True)[0]))
        for task in tasks
    )
