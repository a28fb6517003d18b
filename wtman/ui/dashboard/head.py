"""The lines above the tasks: which run, how far it is, what needs attention. Pure."""

from collections.abc import Mapping

from wtman.coordinator.estimate import Durations, left
from wtman.coordinator.outcome import next_step
from wtman.journal.state import State
from wtman.model.ids import TaskId
from wtman.model.states import Standing
from wtman.text.terminal import clean, columns, fit
from wtman.ui.activity import under_way
from wtman.ui.dashboard.row_line import Pieces
from wtman.ui.dashboard.said import STYLES
from wtman.ui.flow import progress as steps_done
from wtman.ui.table import attention, bar, progress, run_words


def title(
    state: State, known: Mapping[TaskId, Standing], live: bool, follows: bool, width: int
) -> Pieces:
    """The run, its state and request on one line."""
    words, kind = run_words(state, known)
    told = words + (" (live)" if live else "")
    ends = "  follows new runs" if follows else ""
    room = width - columns(state.run) - columns(told) - 4 - columns(ends)
    request = clean(state.request, room) if room > 3 else ""
    return [(f"{state.run}  ", "bold"), (told, STYLES[kind]), (f"  {request}", ""), (ends, "dim")]


def facts(
    state: State,
    known: Mapping[TaskId, Standing],
    durations: Durations | None,
    now: float,
    width: int,
) -> list[str]:
    """How far it is, in words. `durations` are those of past work where the run is live."""
    live = durations is not None
    guess = left(state, known, durations, now) if durations is not None else None
    lines = [fit(progress(state, known, now, guess), width)]
    if state.flow is not None and state.flow.plays:
        lines.append(fit(clean(": ".join(steps_done(state.flow))), width))
    if live and (doing := under_way(state, now)):
        lines.append(fit(f"now: {doing}", width))
    return lines


def bar_line(known: Mapping[TaskId, Standing], width: int) -> str:
    """How far it is as a bar, with the colours of a terminal in it."""
    return bar(known, width, True) if known else ""


def pressing(
    state: State, known: Mapping[TaskId, Standing], live: bool, width: int, most: int
) -> list[str]:
    """What needs attention, one line each, questions first."""
    lines = attention(state, known, live)
    for question in state.questions[:1]:
        lines.insert(0, f"? {clean(question.text)} (press a to answer)")
    extra = len(lines) - most
    lines = lines if extra <= 0 else [*lines[: most - 1], f"! and {extra + 1} more"]
    return [fit(line, width) for line in lines]


def next_line(state: State, known: Mapping[TaskId, Standing], live: bool) -> str:
    """What to type next, where nothing goes on."""
    return "" if live else f"next: {next_step(state, live, known)}"
