"""Which lines the list of tasks has, and in which order. Pure."""

from collections.abc import Mapping, Sequence

from wtman.coordinator.outcome import agent_of, used_by, working_time
from wtman.journal.state import State
from wtman.model.ids import TaskId
from wtman.model.states import Standing
from wtman.model.values import dataclass
from wtman.text.terminal import count
from wtman.ui.tree import MARKS, WAITING, TreeLine, tree, tree_lines

ORDERS = ("plan", "attention", "time", "cost")


@dataclass(frozen=True, slots=True)
class Item:
    """A line of the list, by a key that stays its own; `task` is empty for a head or a step."""

    key: str
    task: TaskId
    line: TreeLine


def items_of(
    state: State, known: Mapping[TaskId, Standing], words: str, order: str, now: float
) -> list[Item]:
    """The lines: the tree of the run as planned, or the tasks alone, sorted or filtered."""
    everything = keyed(tree_lines(tree(state, known)))
    if not words.strip() and order == "plan":
        return everything
    wanted = words.casefold().split()
    found: dict[TaskId, Item] = {}
    for item in everything:
        if item.task and fits(state, item.task, known[item.task], wanted):
            flat = TreeLine(0, item.line.node)
            found.setdefault(item.task, Item(item.key, item.task, flat))
    items = list(found.values())
    if order == "attention":
        items.sort(key=lambda item: _urgency(item.line.node.state))
    if order == "time":
        items.sort(key=lambda item: -working_time(state.tasks[item.task], now))
    if order == "cost":
        items.sort(key=lambda item: _cost(state, item.task))
    return items


def fits(state: State, task: TaskId, standing: Standing, wanted: Sequence[str]) -> bool:
    """Whether each word is in the id, the title, the state, its reason or the agent of a task."""
    view = state.tasks[task]
    texts = (task, view.task.title, standing.state, standing.reason, agent_of(state, view))
    told = "\n".join(texts).casefold()
    return all(word in told for word in wanted)


def keyed(lines: Sequence[TreeLine]) -> list[Item]:
    """The lines by their keys; a task that stands in two places has two."""
    found: dict[str, Item] = {}
    for line in lines:
        node = line.node
        task = node.tasks[0] if not line.text and node.tasks and node.single else TaskId("")
        key = task or f"{line.depth} {node.kind} {node.name} {line.text[:1]}"
        number = 1
        while (name := key if number == 1 else f"{key} #{number}") in found:
            number += 1
        found[name] = Item(name, task, line)
    return list(found.values())


def told_of(items: Sequence[Item], words: str, total: int) -> str:
    """How many tasks a filter leaves: `3 of 12 tasks`."""
    if not words.strip():
        return ""
    return f"{len({item.task for item in items if item.task}):,} of {count(total, 'task')}"


def _urgency(word: str) -> int:
    """What needs attention first, then what goes on, what waits, and what is done."""
    kind = MARKS[word][1]
    if word == WAITING or kind == "bad":
        return 0
    return {"warn": 1, "busy": 2, "quiet": 3}.get(kind, 4)


def _cost(state: State, task: TaskId) -> tuple[float, int]:
    used = used_by(state.tasks[task])
    return (-(used.usd or 0.0), -used.tokens)
