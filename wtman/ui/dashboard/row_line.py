"""A line of the list of tasks as pieces with styles, as far as there is room. Pure."""

from collections.abc import Iterable

from wtman.model.values import dataclass
from wtman.text.terminal import columns, fit, pad
from wtman.ui.dashboard.choice import Item
from wtman.ui.dashboard.said import STYLES
from wtman.ui.rows import Row

_STATE, _NUMBER, _TIME, _USED = 9, 3, 9, 13  # columns
_NAME, _NOTE = 40, 10  # most columns of a name; fewest of a note that is worth showing
_HEADS = {"plan": "task", "attention": "state", "time": "time", "cost": "used"}

Pieces = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Columns:
    """What a line has room for: columns of a name with what it is indented by, whether what a
    task took and used is shown, and columns of the note (0: none)."""

    name: int
    time: bool
    used: bool
    note: int


def columns_for(items: Iterable[Item], width: int, order: str, paid: bool) -> Columns:
    """How a list of these lines is divided; what it is sorted by is seen first.
    What was used is shown where anything is known of it (`paid`)."""
    names = (
        columns(item.task or item.line.node.title) + 2 * item.line.depth
        for item in items
        if not item.line.text
    )
    longest = min(max(names, default=4), _NAME)
    room = width - 2 - (1 + _STATE)
    time = room - (2 + _NUMBER + _TIME) >= (4 if order == "time" else 12)
    room -= (2 + _NUMBER + _TIME) if time else 0
    least = 4 if order == "cost" else min(longest, 24)
    used = (paid or order == "cost") and room - (1 + _USED) >= least
    room -= (1 + _USED) if used else 0
    name = max(min(longest, room), 4)
    note = room - name - 1
    return Columns(name, time, used, note if note >= _NOTE else 0)


def header(shape: Columns, order: str) -> str:
    """The names of the columns, with a mark at what they are sorted by."""
    marked = {word: word + ("▾" if word == _HEADS[order] else "") for word in _HEADS.values()}
    line = "  " + pad(marked["task"], shape.name) + " " + pad(marked["state"], _STATE)
    if shape.time:
        line += f" {'#':>{_NUMBER}} {marked['time']:>{_TIME}}"
    if shape.used:
        line += f" {marked['used']:>{_USED}}"
    return line + ("  what" if shape.note else "")


def pieces(row: Row, shape: Columns, width: int) -> Pieces:
    """The line of a task, or the head of a group."""
    indent = "  " * row.depth
    if row.head:
        style = "dim" if row.head[0] == "…" else "bold"
        return [(fit(f"  {indent}{row.head}", width), style)]
    style = STYLES[row.kind]
    name = pad(indent + row.shown(shape.name - len(indent)), shape.name)
    found = [(f"{row.glyph} ", style), (f"{name} ", ""), (f"{row.state:<{_STATE}}", style)]
    if shape.time:
        found.append((f" {row.attempt:>{_NUMBER}} {row.time:>{_TIME}}", ""))
    if shape.used:
        found.append((f" {fit(row.used, _USED):>{_USED}}", ""))
    if shape.note:
        note = "dim" if row.kind in ("busy", "quiet") else style if row.kind != "good" else ""
        found.append((f" {row.said(shape.note)}", note))
    return found
