"""The list of a repository's runs, for people. Pure."""

from collections.abc import Collection, Sequence

from wtman.journal.state import State
from wtman.model.ids import RunId
from wtman.tasks.lifecycle import standings
from wtman.text.terminal import clean, columns, fit, pad, paint
from wtman.text.words import local_time
from wtman.ui.table import run_words
from wtman.ui.tree import CODES

_NAME = 44  # columns


def run_lines(
    states: Sequence[State], live: Collection[RunId], width: int, colour: bool
) -> list[str]:
    """A line a run below a header: its id, its state, when it was made (local time), and its
    request; `live` are those that somebody drives now."""
    told = [run_words(state, standings(state)) for state in states]
    words = [
        text + " (live)" * (state.run in live) + " (dismissed)" * bool(state.dismissed)
        for state, (text, _) in zip(states, told, strict=True)
    ]
    name = min(max([3, *(columns(state.run) for state in states)]), max(width // 2, 16), _NAME)
    most = max([5, *map(len, words)])
    lines = [
        paint(
            fit(f"{'run':<{name}}  {'state':<{most}}  {'created':<16}  request", width), "2", colour
        )
    ]
    for state, (_, kind), text in zip(states, told, words, strict=True):
        left = f"{pad(state.run, name)}  "
        right = f"{' ' * (most - len(text))}  {local_time(state.created)}  "
        room = width - len(left) - most - 20
        request = clean(state.request, room) if room > 0 else ""
        lines.append(f"{left}{paint(text, CODES[kind], colour)}{right}{request}".rstrip())
    return lines if states else []
