"""Text for people: cleaned foreign words, durations, and the table of a run.

Pure: the same state, width and clock give the same lines. Everything that an
agent, a repository or a request said passes `clean` before it becomes part of a
line, so that no text can move a cursor, recolour a screen or reverse a name.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

from wtman.budget.budget import spent
from wtman.coordinator.outcome import (
    FELL_SHORT,
    last_outcome,
    next_command,
    shortfall,
    used_by,
    working_time,
)
from wtman.journal.state import State
from wtman.model.ids import TaskId
from wtman.model.session import Ended, Usage
from wtman.model.states import DONE, RunState, Standing, TaskState
from wtman.tasks.lifecycle import run_state, standings
from wtman.tasks.overlap import coming
from wtman.text.terminal import clean, columns, count, duration, fit, fold, pad, paint, size
from wtman.ui.findings import blind, finding_lines
from wtman.ui.flow import flow_lines
from wtman.ui.flow import progress as steps_done
from wtman.ui.tree import BUSY, MARKS, Node, TreeLine, tree, tree_lines

# Of a run; any other is busy.
RUN_KINDS = {
    RunState.READY: "good",
    RunState.MERGED: "good",
    RunState.FAILED: "bad",
    RunState.PAUSED: "warn",
    RunState.STOPPED: "warn",
}
_GREEN, _RED, _YELLOW, _CYAN, _BOLD, _DIM = "32", "31", "33", "36", "1", "2"
_CODES = {"good": _GREEN, "bad": _RED, "warn": _YELLOW, "busy": _CYAN, "quiet": _DIM}
_NOTABLE = (*FELL_SHORT, TaskState.PAUSED)
_ID_WIDTH = 24
_WIDE = 72  # columns from which on there is room to say what a task used
_PRESSING = 5  # lines of what needs the user
_FINDINGS = 6  # lines of findings in a live table
_FLOW = 40  # lines of a flow's tree in a table that stands still


def table(
    state: State,
    width: int,
    now: float,
    colour: bool,
    live: bool,
    *,
    doing: Mapping[TaskId, str] | None = None,
    used: Mapping[TaskId, Usage] | None = None,
    height: int = 0,
) -> list[str]:
    """The run as lines: what it is, who needs the user, a line a task, the next command.

    `height` (0: no limit) drops the quietest tasks, and says how many. `used` is what live
    sessions have used so far.
    """
    known = standings(state)
    now = now if live else state.updated
    head = _head(state, known, width, now, colour)
    if height:
        head += [_bar(known, width, colour)] if known else []
    pressing = attention(state, known, live)
    # What a live table has no room for is told whole once it stands still.
    needs = [
        line for item in pressing for line in ([fit(item, width)] if live else fold(item, width))
    ]
    ends = [fit(f"next: {next_command(state, live, known)}", width)]
    listed = min(len(state.reviews.findings), _FINDINGS + 1)
    listed += len(flow_lines(state, width, colour))
    room = _FLOW if state.flow is not None else 0
    if height:
        room = max(height - len(head) - len(needs) - len(ends) - listed - 5, 1)
    shown = tree_lines(tree(state, known), room)
    if height and len(shown) > room + 1:
        more = f"… and {count(len(shown) - room, 'line')} more"
        shown = [*shown[:room], TreeLine(0, shown[-1].node, more)]
    rows = [row_of(state, item, known, now, used or {}, doing or {}) for item in shown]
    wide = width >= (_WIDE if state.flow is None else 100)  # names of a flow's tasks are long
    money = max((len(row.used) for row in rows), default=0) if wide else 0
    most = _ID_WIDTH if width >= 100 or not money else 20
    names = [columns(row.name) + 2 * row.depth for row in rows if not row.head]
    name = min(max(names, default=2), most + 2 * max((row.depth for row in rows), default=0))
    lines_of_tree = [
        _line(row, width, colour, min(name, max(width - 18, 8)), money) for row in rows
    ]
    blocks = [head, [paint(line, _YELLOW, colour) for line in needs], lines_of_tree]
    if found := finding_lines(state, _FINDINGS if live else 0):
        blocks.append([fit(f"  {line}", width) for line in found])
    blocks.append(flow_lines(state, width, colour))
    blocks.append([paint(line, _BOLD, colour) for line in ends])
    lines: list[str] = []
    for block in blocks:
        if block:
            lines += ([""] if lines else []) + block
    return lines


def _head(
    state: State,
    known: Mapping[TaskId, Standing],
    width: int,
    now: float,
    colour: bool,
) -> list[str]:
    status = run_state(state, known)
    code = _CODES[RUN_KINDS.get(status, "busy")]
    room = max(width - len(state.run) - len(status) - 4, 0)
    request = clean(state.request, room) if room else ""
    title = f"{state.run}  {paint(status, code, colour)}  {request}".rstrip()
    lines = [title, fit(progress(state, known, now), width)]
    if state.flow is not None and state.flow.plays:
        lines.append(fit(clean(": ".join(steps_done(state.flow))), width))
    return lines


def _bar(known: Mapping[TaskId, Standing], width: int, colour: bool) -> str:
    """How far the whole is: what is done, under way, fell short, and is still to come."""
    room = max(min(width - 12, 60), 8)
    groups = (DONE, FELL_SHORT, BUSY)
    sizes = [sum(item.state in group for item in known.values()) for group in groups]
    ends = [round(room * size / max(len(known), 1)) for size in accumulate(sizes)]
    looks = (("━", _GREEN), ("━", _RED), ("╍", _CYAN), ("─", _DIM))
    bar = "".join(
        paint(letter * (end - start), code, colour)
        for (letter, code), (start, end) in zip(looks, pairwise([0, *ends, room]), strict=True)
        if end > start
    )
    return f"{bar} {sizes[0]} of {len(known)}"


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


def progress(state: State, known: Mapping[TaskId, Standing], now: float) -> str:
    """The whole run on one line: tasks by state, time, tokens, money, rate limits, sandbox."""
    tally = Counter(item.state for item in known.values())
    words = [f"{tally[word]} {word}" for word in TaskState if tally[word]]
    parts = [f"{count(len(known), 'task')}: {', '.join(words)}" if words else "no task yet"]
    if state.created:
        parts.append(duration(now - state.created))
    tokens = state.usage.tokens
    if tokens and not state.settings.budget_tokens:
        parts.append(f"{tokens:,} tokens")
    if state.usage.usd is not None and not state.settings.budget_usd:
        parts.append(f"${state.usage.usd:.2f}")
    if budgets := spent(state):
        parts.append(budgets)
    if state.rate_limit:
        parts.append(f"slowed to {state.rate_limit} by rate limits")
    elif state.backoff:
        parts.append("waits for rate limits")
    sandbox = state.settings.sandbox
    parts.append("no sandbox" if sandbox in ("", "none") else f"sandbox {sandbox}")
    return " · ".join(parts)


def attention(state: State, known: Mapping[TaskId, Standing], live: bool) -> list[str]:
    """What needs the user, the most pressing first; empty where nothing does."""
    lines = ["! " + clean(line) for line in shortfall(state)]
    if live and state.asked_stop:
        busy = sum(view.in_flight is not None for view in state.tasks.values())
        lines.insert(0, f"! stopping: waits for {count(busy, 'session')} to end, nothing is lost")
    if not live and run_state(state, known) in (RunState.RUNNING, RunState.MERGING):
        lines.append("! Run was interrupted")
    for task, item in known.items():
        view = state.tasks[task]
        left = view.excluded
        if item.state in FELL_SHORT and not (left is not None and left.follows):
            why = clean(item.reason, 48) or str(item.state)
            team = view.team
            begun = view.attempts or view.stuck or team.planned or team.failed
            lines.append(f"! {task}: {why}" + f" (wtman logs {state.run}/{task})" * bool(begun))
        if (text := state.tasks[task].outside_git) and not state.tasks[task].cleaned:
            lines.append(f"! {task}: {clean(text)}")
    if not live and (missing := blind(state)):
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        lines.append(f"! {clean(missing[0])}{more} (wtman review {state.run})")
    # Why a stronger sandbox was passed over, with the fix.
    lines += ["! " + clean(note) for note in state.pressing]
    extra = len(lines) - _PRESSING
    return lines if extra <= 0 else [*lines[:_PRESSING], f"! and {extra} more"]


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the tree, in pieces. `kind` is a key of `_CODES`. One with `head` is that text.
    The name of a `part` begins with that of its lead, which is above it."""

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
    head: str = ""
    part: bool = False

    def shown(self, most: int) -> str:
        """Its name on so many columns."""
        most = max(most, 1)
        if self.part and columns(self.name) > most:
            return "…" + self.name[len(self.name) - most + 1 :]  # an id is ASCII
        return fit(self.name, most)


def row_of(
    state: State,
    item: TreeLine,
    known: Mapping[TaskId, Standing],
    now: float,
    used: Mapping[TaskId, Usage],
    doing: Mapping[TaskId, str],
) -> Row:
    """A line of the tree with what its task took; times run up to `now`."""
    node = item.node
    glyph, kind = MARKS[node.state]
    task = node.tasks[0] if node.tasks and node.single else TaskId("")
    if item.text or not task:
        note = node.name if node.kind == "step" else node.note
        row = Row(item.depth, task, clean(node.title), glyph, node.state, kind, note=clean(note))
        return replace(row, head=clean(item.text)) if item.text else row
    view, standing = state.tasks[task], known[task]
    number = len(view.current)
    total, live = used_by(view), used.get(task)
    if live is not None and view.in_flight is not None:
        total += live
    spent = working_time(view, now if standing.state in BUSY else 0.0)
    return Row(
        depth=item.depth,
        task=task,
        name=task,
        part=bool(view.planned.part_of),
        glyph=glyph,
        state=node.state,
        kind=kind,
        attempt=f"#{number}" if number else "",
        time=duration(spent) if view.attempts else "",
        used=amount(total),
        note=_noted(state, node, task, standing, clean(doing.get(task, ""))),
    )


def rows_of(state: State, now: float, used: Mapping[TaskId, Usage], room: int) -> list[Row]:
    """The tree as lines, about `room` of them."""
    known = standings(state)
    return [
        row_of(state, item, known, now, used, {}) for item in tree_lines(tree(state, known), room)
    ]


def _noted(state: State, node: Node, task: TaskId, standing: Standing, doing: str) -> str:
    """What there is to say of a task, and of what goes on around it."""
    own = _note(state, task, standing, doing) if node.state == standing.state else ""
    said = node.note if node.note not in (own, standing.reason) else ""
    return "  ".join(part for part in (said, own) if part)


def _line(row: Row, width: int, colour: bool, name: int, money: int) -> str:
    """The row as far as there is room; `name` (with what it is indented by) and `money` (0: not
    shown) are columns wide."""
    indent = "  " * (row.depth + 1)
    if row.head:
        return paint(fit(f"{indent}{row.head}", width), _DIM if row.head[0] == "…" else "", colour)
    glyph = paint(row.glyph, _CODES[row.kind], colour)
    word = paint(f"{row.state:<9}", _CODES[row.kind], colour)
    at_most = max(name - 2 * row.depth, 1)
    left = f"{indent}{glyph} {pad(row.shown(at_most), at_most)}  {word}  "
    room = width - (4 + name + 2 + 9 + 2)
    if room >= 3 + 2 + 9:
        left += f"{row.attempt:>3}  {row.time:>9}  "
        room -= 3 + 2 + 9 + 2
    if money and room > money:
        left += f"{row.used:>{money}}  "
        room -= money + 2
    return (left + (clean(row.note, room) if room > 0 else "")).rstrip()


def _note(state: State, task: TaskId, item: Standing, doing: str) -> str:
    view = state.tasks[task]
    collides = _collision(state, task) if item.state in (*BUSY, *DONE) else ""
    if item.state in BUSY and doing and view.team.planned is None:
        far = item.reason if item.state is TaskState.REVIEWING else ""
        return "  ".join(part for part in (collides, far, doing) if part)
    if item.waiting_for:
        return "waits for " + ", ".join(item.waiting_for)
    if item.state in _NOTABLE and item.reason:
        return item.reason
    last = last_outcome(view)
    changed = size(last.files, last.insertions, last.deletions) if last and last.files else ""
    if last is not None and last.ended is Ended.OK and not changed:
        changed = last.reason
    return "  ".join(part for part in (collides, changed, item.reason) if part)


def _collision(state: State, task: TaskId) -> str:
    """The first conflict that is coming, and how many more there are."""
    found = coming(state, task)
    if not found:
        return ""
    other, paths = found[0]
    places = (paths[0] if paths else "") + (f" +{len(paths) - 1}" if len(paths) > 1 else "")
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return f"conflicts with {other}{more}: {places}"
