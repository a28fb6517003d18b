"""When which session worked, as a picture in the page: one row a task, one bar an attempt.

The rows stand as in the tree of the run, below the heads of their groups; a line marks where a
round of a loop begins.
"""

from collections.abc import Iterator

from wtman.journal.state import Attempt, State
from wtman.model.session import Ended
from wtman.model.values import dataclass
from wtman.tasks.lifecycle import standings
from wtman.text.terminal import clean, count, duration, fit
from wtman.ui.markup import text
from wtman.ui.tree import Node, tree, tree_lines

_WIDTH, _LEFT, _ROW, _TOP = 960, 190, 22, 26
_KEY = (("good", "done"), ("bad", "failed, or refused by its checks"), ("warn", "interrupted"))
_MOST = 300  # rows
_LABEL = 50  # room that a time on the axis may take


def timeline(state: State, now: float) -> str:
    """The picture with its key; empty where no session has started."""
    rows = _rows(state)
    sessions = [item for row in rows for item in row.attempts]
    if not sessions:
        return ""
    begin = min(item.started for item in sessions)
    end = max(_end(item, now) for item in sessions)
    scale = (_WIDTH - _LEFT - 10) / max(end - begin, 0.1)
    height = _TOP + _ROW * len(rows) + 6
    parts = list(_axis(end - begin, scale, height))
    for at, row in enumerate(rows):
        y = _TOP + at * _ROW
        style = ' class="head"' if row.head else ""
        words = text(fit(row.name, 120 if row.head else 26 - 2 * row.depth))
        parts.append(f'<text{style} x="{12 * row.depth}" y="{y + 14}">{words}</text>')
        parts += [_bar(item, y, begin, scale, now) for item in row.attempts]
        parts += [_mark(name, y, _LEFT + (since - begin) * scale) for name, since in row.rounds]
    key = "".join(f'<span><i class="{kind}"></i>{word}</span>' for kind, word in _KEY)
    tasks = count(sum(not row.head for row in rows), "task")
    label = f"Timeline of the sessions of {tasks} over {duration(end - begin)}"
    return (
        f'<div class="card"><div class="wide"><svg viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="{text(label)}" style="min-width:36rem">{"".join(parts)}</svg></div>'
        f'<div class="key">{key}</div></div>'
    )


@dataclass(frozen=True, slots=True)
class _Row:
    """A task, or the head of a group. `rounds` have their names, and when they began."""

    depth: int
    name: str
    head: bool
    attempts: tuple[Attempt, ...] = ()
    rounds: tuple[tuple[str, float], ...] = ()


def _rows(state: State) -> list[_Row]:
    """The lines of the tree that sessions worked at, and the heads above them."""
    rows: list[_Row] = []
    for item in tree_lines(tree(state, standings(state)), _MOST):
        while rows and rows[-1].head and rows[-1].depth >= item.depth:
            rows.pop()  # nothing in it has had a session
        if item.text:
            rows.append(_Row(item.depth, clean(item.text), True))
        elif item.node.tasks and (attempts := state.tasks[item.node.tasks[0]].attempts):
            rounds = tuple(_rounds(item.node))
            rows.append(_Row(item.depth, clean(item.node.tasks[0]), False, attempts, rounds))
    while rows and rows[-1].head:
        rows.pop()
    return rows


def _rounds(node: Node) -> Iterator[tuple[str, float]]:
    for child in node.children:
        if child.kind == "round" and (since := _since(child)):
            yield child.title, since
        yield from _rounds(child)


def _since(node: Node) -> float:
    """When the first step of a node was asked for."""
    if node.step is not None:
        return node.step.since
    return next(filter(None, map(_since, node.children)), 0.0)


def _mark(name: str, y: int, x: float) -> str:
    """The line where a round begins."""
    return (
        f'<line class="round" x1="{x:.1f}" x2="{x:.1f}" y1="{y + 1}" y2="{y + 19}">'
        f"<title>{text(name)}</title></line>"
    )


def _end(item: Attempt, now: float) -> float:
    return item.finished or max(now, item.started)


def _bar(item: Attempt, y: int, begin: float, scale: float, now: float) -> str:
    x = _LEFT + (item.started - begin) * scale
    wide = max((_end(item, now) - item.started) * scale, 3)
    kind, word = _kind(item)
    said = f"attempt {item.number}: {word}, {duration(_end(item, now) - item.started)}"
    return (
        f'<rect class="{kind}" x="{x:.1f}" y="{y + 3}" width="{wide:.1f}" height="14" rx="3">'
        f"<title>{text(said)}</title></rect>"
    )


def _kind(item: Attempt) -> tuple[str, str]:
    if item.ended is None:
        return "live", "running"
    if item.ended is Ended.INTERRUPTED:
        return "cut", "interrupted"
    if item.ended is Ended.FAILED:
        return "failed", "failed"
    return ("failed", "refused by its checks") if item.red else ("ok", "done")


def _axis(seconds: float, scale: float, height: int) -> Iterator[str]:
    steps = (0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400)
    step = next((item for item in steps if seconds / item <= 6), steps[-1])
    at = 0.0
    while at <= seconds:
        x = _LEFT + at * scale
        yield f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="16" y2="{height}"/>'
        side = ' text-anchor="end"' if x > _WIDTH - _LABEL else ""
        yield f'<text class="axis" x="{x:.1f}" y="11"{side}>{duration(at)}</text>'
        at += step
