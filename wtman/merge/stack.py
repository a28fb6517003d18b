"""Landed tasks as stacks of pull requests, each on the target or on the one below it. Pure."""

from collections.abc import Collection, Mapping, Sequence

from wtman.model.ids import TaskId

Chain = tuple[TaskId, ...]


def stacks(
    order: Sequence[TaskId], needs: Mapping[TaskId, Collection[TaskId]]
) -> dict[TaskId, Chain]:
    """For each task what its branch holds, itself last: all that it needs, in order of landing.

    A branch stands on one other at most: of what a task needs together, the later stands on
    the earlier, though neither needs the other.
    """
    place = {task: number for number, task in enumerate(order)}
    below = {
        task: {need for need in needs.get(task, ()) if place.get(need, len(order)) < place[task]}
        for task in order
    }
    while True:
        found: dict[TaskId, Chain] = {}
        for task in order:
            last = max(below[task], key=place.__getitem__, default=None)
            if last is None:
                found[task] = (task,)
                continue
            missing = below[task] - {*found[last]}
            if missing:
                below[last] |= missing
                break
            found[task] = (*found[last], task)
        else:
            return found
