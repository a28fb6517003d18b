"""The tree of a run, which every output shows: of a plan file leads and their parts; of a flow
phases, fan-outs, items, scopes and rounds, with the steps and tasks in them.

Pure, and the only place that makes it. A *node* that holds no task or one is a line of its own;
what else there is in it (rounds, questions to agents, reviews) is told in its note.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field

from wtman.journal.replay_flow import is_of
from wtman.journal.state import FlowStep, FlowView, State
from wtman.model.actions import ActionKey, ActionKind
from wtman.model.ids import ScopePath, TaskId
from wtman.model.states import Standing, TaskState
from wtman.model.values import dataclass

DONE, WAITING = "done", "waiting"  # states that no task has: of a step, and of a question
# A state's glyph, and what it means, for colours.
MARKS: Mapping[str, tuple[str, str]] = {
    TaskState.PENDING: ("·", "quiet"),
    TaskState.RUNNING: ("●", "busy"),
    TaskState.CHECKING: ("◐", "busy"),
    TaskState.REVIEWING: ("◑", "busy"),
    TaskState.FIXING: ("●", "busy"),
    TaskState.VERIFIED: ("✓", "good"),
    TaskState.UNCHECKED: ("○", "warn"),
    TaskState.REJECTED: ("✗", "bad"),
    TaskState.FAILED: ("✗", "bad"),
    TaskState.PAUSED: ("‖", "warn"),
    TaskState.MERGED: ("✔", "good"),
    TaskState.EXCLUDED: ("✗", "bad"),
    WAITING: ("?", "warn"),
    DONE: ("✓", "good"),
}
# Colours of a terminal for what a state means.
CODES = {"good": "32", "bad": "31", "warn": "33", "busy": "36", "quiet": "2"}
BUSY = (TaskState.RUNNING, TaskState.CHECKING, TaskState.REVIEWING, TaskState.FIXING)
_ORDER = {word: place for place, word in enumerate((*TaskState, WAITING, DONE))}
_INTENTS = {"ask": ActionKind.ASK, "command": ActionKind.COMMAND}
_SAID = ("phase", "flow", "round")  # kinds that stand before their names
_LOUD = 20  # lines of a group that fell short or wait; more are counted


@dataclass(frozen=True, slots=True)
class Node:
    """A part of a run. `kind`: run, task, step, phase, map, item, scope, flow, round or unused.

    `state` is that of its task or step, of a group what goes on in it. `tasks` are all below,
    each once. `items` is the size of a fan-out, with those that have not begun.
    """

    kind: str
    name: str
    state: str
    note: str = ""
    tasks: tuple[TaskId, ...] = ()
    step: FlowStep | None = None
    children: tuple["Node", ...] = ()
    items: int = 0

    @property
    def title(self) -> str:
        """The words for it: `phase port`, `120 items of one`, `src/a.py`, `command`."""
        if self.kind == "map":
            of = f" of {self.name}" if self.name not in ("map", "pipeline") else ""
            return f"{self.items:,} item{'s' * (self.items != 1)}{of}"
        if self.kind == "step" and self.step is not None:
            return "question" if self.step.asks_person else self.step.kind
        return f"{self.kind} {self.name}" if self.kind in _SAID else self.name

    @property
    def single(self) -> bool:
        """Whether it is one line: nothing in it has a task or place of its own to show."""
        if self.kind in ("task", "step"):
            return True
        return self.kind in ("item", "scope", "round") and len(self.tasks) <= 1 and self._plain

    @property
    def _plain(self) -> bool:
        return all(
            child.kind in ("task", "step") or (child.kind in ("round", "phase") and child._plain)
            for child in self.children
        )

    @property
    def tally(self) -> Counter[str]:
        """Its lines by state, those of items that have not begun too."""
        found = Counter(child.state for child in self.children)
        if self.kind == "map" and self.items > len(self.children):
            found[TaskState.PENDING] += self.items - len(self.children)
        return found


@dataclass(frozen=True, slots=True)
class TreeLine:
    """A line of the tree. One with `text` is a head, or says how many are not shown."""

    depth: int
    node: Node
    text: str = ""


def tree(state: State, known: Mapping[TaskId, Standing]) -> Node:
    """The tree of a run; its root is the run."""
    parts: dict[TaskId, list[TaskId]] = {}
    for task, view in state.tasks.items():
        of = view.planned.part_of
        parts.setdefault(of if of in state.tasks else TaskId(""), []).append(task)

    def of_task(task: TaskId, step: FlowStep | None = None) -> Node:
        below = tuple(of_task(part) for part in parts.get(task, ()))
        tasks = (task, *(name for node in below for name in node.tasks))
        standing = known[task]
        return Node("task", task, standing.state, standing.reason, tasks, step, below)

    if state.flow is None:
        return _group("run", state.run, [of_task(task) for task in parts.get(TaskId(""), ())])
    return _of_flow(state, state.flow, known, {task: of_task(task) for task in state.tasks})


# --- a flow ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Branch:
    below: dict[object, "_Branch | FlowStep"] = field(default_factory=dict)


def _of_flow(
    state: State, flow: FlowView, known: Mapping[TaskId, Standing], tasks: Mapping[TaskId, Node]
) -> Node:
    root = _Branch()
    for step in flow.steps.values():
        if step.play != flow.plays or (step.kind == "announce" and not step.open):
            continue
        branch = root
        for segment in path_of(step):
            inner = branch.below.get(segment)
            if not isinstance(inner, _Branch):
                inner = branch.below[segment] = _Branch()
            branch = inner
        branch.below[step.key] = step

    def of_branch(branch: _Branch, path: ScopePath) -> Node:
        children: dict[object, Node] = {}
        for key, inner in branch.below.items():
            if isinstance(inner, _Branch):
                assert isinstance(key, tuple)
                children[key] = of_branch(inner, (*path, key))
            else:
                node = _of_step(state, inner, known, tasks)
                # Sessions that go on with a branch are one line, the last of them.
                name = node.tasks or inner.key
                children.pop(name, None)
                children[name] = node
        kind, name = path[-1] if path else ("run", state.run)
        told = flow.fan_outs.get(path) if kind == "map" else None
        items = max(len(children), told.items if told is not None else 0)
        return _group(kind, name, children.values(), flow.lost.get(path), items)

    found = of_branch(root, ())
    shown = set(found.tasks)
    left = [node for task, node in tasks.items() if task not in shown]
    left = [node for node in left if state.tasks[node.tasks[0]].planned.part_of not in tasks]
    if not left:
        return found
    unused = _group("unused", "no longer asked for", left)
    return _group("run", state.run, (*found.children, unused))


def path_of(step: FlowStep) -> ScopePath:
    """What a step stands in."""
    return step.path or tuple(("scope", name) for name in step.scope)


def place_words(step: FlowStep) -> str:
    """What a step stands in, in words: `phase port / src/a.py / round 2 of 3`."""
    named = (f"{kind} {name}" if kind in _SAID else name for kind, name in path_of(step))
    return " / ".join(
        words for words, (kind, _) in zip(named, path_of(step), strict=True) if kind != "map"
    )


def _of_step(
    state: State,
    step: FlowStep,
    known: Mapping[TaskId, Standing],
    tasks: Mapping[TaskId, Node],
) -> Node:
    task = tasks.get(step.task)
    if step.error is not None:
        below = task.children if task is not None else ()
        named = step.task if task is not None else step.title
        kind = "task" if task is not None else "step"
        within = task.tasks if task is not None else ()
        return Node(kind, named, TaskState.FAILED, step.error.message, within, step, below)
    if task is not None:
        mine = is_of(state.tasks[step.task], step)
        word = task.state if mine or not step.answered else DONE
        return Node("task", task.name, word, task.note, task.tasks, step, task.children)
    return Node("step", step.title, state_of(state, step), "", (), step)


def state_of(state: State, step: FlowStep) -> str:
    """The state of a step that no task does."""
    if step.error is not None:
        return TaskState.FAILED
    if step.answered:
        return DONE
    if step.asks_person:
        return WAITING
    if step.kind == "review":
        return TaskState.REVIEWING
    intent = _INTENTS.get(step.kind)
    begun = intent is None or ActionKey(intent, step.key) in state.intents
    return TaskState.RUNNING if begun else TaskState.PENDING


def _group(
    kind: str, name: str, below: Iterable[Node], lost: str | None = None, items: int = 0
) -> Node:
    children = tuple(below)
    tasks = tuple(dict.fromkeys(task for node in children for task in node.tasks))
    word, note = _summed(children, lost, len(tasks))
    if kind == "round" and note is not None:
        note = "  ".join(part for part in (f"round {name}", note) if part)
    return Node(kind, name, word, note, tasks, None, children, items)


def _summed(children: tuple[Node, ...], lost: str | None, tasks: int) -> tuple[str, str]:
    """What goes on in a group, and the words on that beside those of its task."""
    for words in ((WAITING,), BUSY, (TaskState.PAUSED,), (TaskState.PENDING,)):
        for child in reversed(children):
            if child.state in words:
                return child.state, _named(child)
    if lost is not None:
        return TaskState.FAILED, lost
    bad = [child for child in children if MARKS[child.state][1] == "bad"]
    if bad and (len(bad) == len(children) or (tasks <= 1 and bad[-1] is children[-1])):
        return bad[-1].state, bad[-1].note
    done = [child for child in children if child.tasks and child not in bad] or children[-1:]
    return (done[-1].state, _named(children[-1])) if done and tasks <= 1 else (DONE, "")


def _named(node: Node) -> str:
    """What goes on in a node, for the line of the group that it is in."""
    if node.kind == "task":
        return ""
    if node.kind == "step" and node.step is not None:
        return "" if node.state in (WAITING, DONE) else node.step.kind
    return node.note


# --- what is shown of it --------------------------------------------------------------------------


def tree_lines(root: Node, room: int = 0) -> list[TreeLine]:
    """The tree as lines, in order. Where they are more than `room` (0: no limit) what is alike is
    counted: of a group of many only what falls short, waits or goes on is a line."""
    lines = _below(root, -1, 0)
    for most in (room, room - 1, room - 3, room * 2 // 3, room // 2, 12, 8, 5, 3, 2, 1):
        if not room or len(lines) <= room:
            break
        lines = _below(root, -1, max(most, 1))
    return lines


def counted(tally: Mapping[str, int]) -> str:
    """`96 verified, 20 running, 4 failed`."""
    words = sorted((word for word, number in tally.items() if number > 0), key=_ORDER.__getitem__)
    return ", ".join(f"{tally[word]:,} {word}" for word in words)


def _lines(node: Node, depth: int, most: int) -> list[TreeLine]:
    """Its lines; `most` (0: all) of each group that are neither short nor waiting."""
    if node.single:
        return [TreeLine(depth, node), *_team(node, depth, most)]
    if node.kind == "map":
        head = f"{node.title}: {counted(node.tally)}"
    elif most and (node.kind == "unused" or _quiet(node)):
        return [TreeLine(depth, node, f"{node.title}: {counted(node.tally)}")]
    else:
        head = node.title
    return [TreeLine(depth, node, head), *_below(node, depth, most)]


def _team(node: Node, depth: int, most: int) -> list[TreeLine]:
    """The parts of a lead, of many those that `_loud` chooses."""
    parts = _parts(node)
    shown = _loud(parts, most) if most else parts
    lines = [line for part in shown for line in _lines(part, depth + 1, most)]
    hidden = Counter(part.state for part in parts) - Counter(part.state for part in shown)
    return [*lines, *_hidden(node, depth + 1, hidden)]


def _below(node: Node, depth: int, most: int) -> list[TreeLine]:
    shown = _loud(node.children, most, node.kind == "map") if most else node.children
    lines = [line for child in shown for line in _lines(child, depth + 1, most)]
    if node.kind == "map":  # its head counts all
        return lines
    return [*lines, *_hidden(node, depth + 1, node.tally - Counter(it.state for it in shown))]


def _hidden(node: Node, depth: int, hidden: Counter[str]) -> list[TreeLine]:
    """The line of what is counted and not shown: `✓ 52 verified` where all of it is well."""
    if not hidden:
        return []
    kinds = {MARKS[word] for word in hidden}
    glyph, kind = next(iter(kinds))
    if len(kinds) == 1 and kind == "good":
        return [TreeLine(depth, node, f"{glyph} {counted(hidden)}")]
    return [TreeLine(depth, node, f"… and {hidden.total():,} more: {counted(hidden)}")]


def _loud(children: Sequence[Node], most: int, told: bool = False) -> Sequence[Node]:
    """Of many `most` that go on or come next, and as many that fell short or wait for somebody;
    none that is done. Where what rests is `told` elsewhere, that is left out too."""
    if len(children) <= most:
        return children
    places: dict[int, list[int]] = {0: [], 1: [], 2: [], 3: []}
    for place, child in enumerate(children):
        places[_rank(child)].append(place)
    at_work = places[1] if told else [*places[1], *places[2]]
    chosen = [*places[0][: min(most, _LOUD)], *at_work[:most]]
    return [children[place] for place in sorted(chosen)]


def _rank(node: Node) -> int:
    kind = MARKS[node.state][1]
    if not node.single or kind == "busy":
        return 1
    if kind == "bad" or node.state in (WAITING, TaskState.PAUSED):
        return 0
    return 2 if node.state == TaskState.PENDING else 3


def _parts(node: Node) -> tuple[Node, ...]:
    """The parts of a lead that are lines below its own."""
    if node.kind == "task":
        return node.children
    return next((found for child in node.children if (found := _parts(child))), ())


def _quiet(node: Node) -> bool:
    return all(MARKS[child.state][1] == "good" and child.single for child in node.children)
