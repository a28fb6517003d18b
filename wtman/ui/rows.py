"""The lines of the tree of a run, in pieces: what every table of tasks shows of each.

Pure. A task that fell short is told below the table (`ui/failures`); here is its state alone.
"""

from collections.abc import Mapping
from dataclasses import field, replace

from wtman.coordinator.outcome import FELL_SHORT, last_outcome, used_by, working_time
from wtman.journal.state import State, TaskView
from wtman.model.actions import ActionKey, ActionKind
from wtman.model.ids import TaskId
from wtman.model.session import Ended, Usage
from wtman.model.states import DONE, Standing, TaskState
from wtman.model.values import dataclass
from wtman.tasks.lifecycle import standings
from wtman.tasks.overlap import coming
from wtman.tasks.queue import queue
from wtman.text.terminal import clean, columns, duration, elapsed, fit, size
from wtman.ui.failures import follows
from wtman.ui.tree import BUSY, MARKS, Node, TreeLine, tree, tree_lines

# Words for a task of a live run that is `pending`, which says too little there.
QUEUED, SETUP = "queued", "setup"
_CLOCKED = ("checking", SETUP)  # what is told as `setup: npm ci` has a clock of its own


@dataclass(frozen=True, slots=True)
class Moment:
    """What there is to know of a run beside its journal: the time, whether somebody drives it,
    what its sessions do, since when, and what they have used so far."""

    now: float
    live: bool = False
    doing: Mapping[TaskId, str] = field(default_factory=dict)
    since: Mapping[TaskId, float] = field(default_factory=dict)
    used: Mapping[TaskId, Usage] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the tree, in pieces. `kind` is good, bad, warn, busy or quiet. One with `head` is
    that text. `clock` follows the note, and is never cut. The name of a `part` begins with that
    of its lead, which is above it."""

    depth: int
    task: TaskId
    name: str
    glyph: str
    state: str
    kind: str
    attempt: str = ""
    time: str = ""
    used: str = ""
    note: str = ""
    clock: str = ""
    head: str = ""
    part: bool = False

    def said(self, room: int) -> str:
        """Its note on so many columns, with the clock behind it."""
        clock = self.clock if columns(self.clock) <= room else ""
        note = fit(self.note, max(room - columns(clock) - bool(clock), 0))
        return " ".join(part for part in (note, clock) if part)

    def shown(self, most: int) -> str:
        """Its name on so many columns: what tells it from others is at both of its ends."""
        most = max(most, 1)
        if columns(self.name) <= most or not self.name.isascii() or most < 8:
            return fit(self.name, most)
        first = 0 if self.part else most // 2
        return self.name[:first] + "…" + self.name[len(self.name) - most + first + 1 :]


def rows_of(state: State, now: float, used: Mapping[TaskId, Usage], room: int) -> list[Row]:
    """The tree as lines, about `room` of them."""
    known = standings(state)
    shown = tree_lines(tree(state, known), room)
    return rows(state, shown, known, Moment(now, used=used))


def rows(
    state: State, shown: list[TreeLine], known: Mapping[TaskId, Standing], at: Moment
) -> list[Row]:
    """The lines of a tree with what their tasks took."""
    places = places_of(state, known) if at.live else {}
    return [row_of(state, item, known, at, places) for item in shown]


def places_of(state: State, known: Mapping[TaskId, Standing]) -> dict[TaskId, int]:
    """The tasks that wait for a session, each with its place in the queue, from 1."""
    return {task: place for place, task in enumerate(queue(state, known), 1)}


def row_of(
    state: State,
    item: TreeLine,
    known: Mapping[TaskId, Standing],
    at: Moment,
    places: Mapping[TaskId, int],
) -> Row:
    """One line of a tree; `places` is the queue of a live run."""
    node = item.node
    glyph, kind = MARKS[node.state]
    task = node.tasks[0] if node.tasks and node.single else TaskId("")
    if item.text or not task:
        note = node.name if node.kind == "step" else node.note
        row = Row(item.depth, task, clean(node.title), glyph, node.state, kind, note=clean(note))
        return replace(row, head=clean(item.text)) if item.text else row
    view, standing = state.tasks[task], known[task]
    number = view.last
    total, live = used_by(view), at.used.get(task)
    if live is not None and view.in_flight is not None:
        total += live
    word = node.state
    if at.live and word == standing.state:
        if ActionKey(ActionKind.WORKTREE, task) in state.intents and state.settings.setup:
            word, glyph, kind = SETUP, MARKS[TaskState.RUNNING][0], "busy"
        elif task in places:
            word, glyph, kind = QUEUED, *MARKS[TaskState.PENDING]
    spent = _time(state, view, standing, at)
    note = clean(_noted(state, node, task, word, known, at, places.get(task, 0)))
    return Row(
        depth=item.depth,
        task=task,
        name=task,
        part=bool(view.planned.part_of),
        glyph=glyph,
        state=word,
        kind=kind,
        attempt=f"#{number}" if number else "",
        time=duration(spent) if view.attempts or spent else "",
        used=amount(total),
        note=note,
        clock=_clock(state, task, word, at),
    )


def amount(usage: Usage) -> str:
    """`12.3k $0.41`, short enough for a column; empty where nothing is known."""
    tokens = usage.tokens
    parts = []
    if tokens:
        short = f"{tokens / 1e6:.1f}M" if tokens >= 999_950 else f"{tokens / 1e3:.1f}k"
        parts.append(short if tokens >= 1000 else str(tokens))
    if usage.usd is not None:
        parts.append(f"${usage.usd:.2f}")
    return " ".join(parts)


def _time(state: State, view: TaskView, standing: Standing, at: Moment) -> float:
    """Seconds of its setup, sessions and checks; what goes on counts up to now."""
    spent = working_time(view, at.now if standing.state in BUSY else 0.0)
    if at.live:
        for kind in (ActionKind.WORKTREE, ActionKind.CHECK):
            since = state.intents.get(ActionKey(kind, view.planned.id))
            spent += max(at.now - since, 0.0) if since is not None else 0.0
    return spent


def _noted(
    state: State,
    node: Node,
    task: TaskId,
    word: str,
    known: Mapping[TaskId, Standing],
    at: Moment,
    place: int,
) -> str:
    """What there is to say of a task, and of what goes on around it."""
    standing = known[task]
    own = said = ""
    if node.state == standing.state:
        own = _note(state, task, word, known, at, place)
    if node.note not in (own, standing.reason):
        said = node.note
    told = _told(state.tasks[task])
    return "  ".join(part for part in (said, own, told) if part)


def _told(view: TaskView) -> str:
    """What the user has said to the session at work, or will to the one after it."""
    if text := view.request.told:
        return f'next attempt told "{text}"'
    flight = view.in_flight
    text = flight.request.told if flight is not None else ""
    return f'told "{text}"' if text else ""


def _note(
    state: State,
    task: TaskId,
    word: str,
    known: Mapping[TaskId, Standing],
    at: Moment,
    place: int,
) -> str:
    view, item = state.tasks[task], known[task]
    collides = _collision(state, task) if item.state in (*BUSY, *DONE) else ""
    if word == QUEUED:
        why = item.reason if item.state is TaskState.FIXING else ""
        return "  ".join(part for part in (_queued(state, place), why) if part)
    if item.waiting_for:
        return "waits for " + ", ".join(item.waiting_for)
    if item.state in BUSY or word == SETUP:
        doing = "" if view.team.planned is not None else _doing(task, word, at)
        far = item.reason if item.state is TaskState.REVIEWING or not doing else ""
        return "  ".join(part for part in (collides, far, doing) if part)
    if item.state in FELL_SHORT:
        return _changed(view) if not follows(state, task, item, known) else item.reason
    if item.state is TaskState.PAUSED and item.reason:
        return item.reason
    return "  ".join(part for part in (collides, _changed(view), item.reason) if part)


def _changed(view: TaskView) -> str:
    last = last_outcome(view)
    if last is None:
        return ""
    changed = size(last.files, last.insertions, last.deletions) if last.files else ""
    return changed or (last.reason if last.ended is Ended.OK else "")


def _doing(task: TaskId, word: str, at: Moment) -> str:
    """What goes on in a task; nothing where what was told last is of what went on before."""
    said = clean(at.doing.get(task, ""))
    told, colon, what = said.partition(": ")
    clocked = told if colon and told in _CLOCKED else ""
    if word in _CLOCKED:
        return what if clocked == word else ""
    return "" if clocked else said


def _clock(state: State, task: TaskId, word: str, at: Moment) -> str:
    """For how long what the note says has gone on, where that is no session's."""
    since = None
    if at.live and word in _CLOCKED:
        kind = ActionKind.CHECK if word == "checking" else ActionKind.WORKTREE
        told = at.since.get(task) if _doing(task, word, at) else None
        since = told or state.intents.get(ActionKey(kind, task))
    elif at.live and word == TaskState.REVIEWING:
        kinds = (ActionKind.REVIEW, ActionKind.REFUTE, ActionKind.REPRODUCE)
        since = min((at for key, at in state.intents.items() if key.kind in kinds), default=None)
    return f"({elapsed(at.now - since)})" if since and at.now >= since + 1 else ""


def _queued(state: State, place: int) -> str:
    """What a task in the queue waits for."""
    if ActionKey(ActionKind.BASE) in state.intents:
        return "waits for the base check"
    if state.backoff:
        return "waits for the rate limit"
    ahead = place - 1
    return f"waits for a free session, {ahead} before it" if ahead else "waits for a free session"


def _collision(state: State, task: TaskId) -> str:
    """The first conflict that is coming, and how many more there are."""
    found = coming(state, task)
    if not found:
        return ""
    other, paths = found[0]
    places = (paths[0] if paths else "") + (f" +{len(paths) - 1}" if len(paths) > 1 else "")
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return f"conflicts with {other}{more}: {places}"
