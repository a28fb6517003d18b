"""The question that a run waits with, asked where its user sits.

The answer is the same event as that of `wtman answer`, so it does not matter who gives it: while
this terminal waits, one that comes from elsewhere is taken as well, and the first counts. Who
leaves without an answer leaves the run waiting.
"""

import time

from wtman.cli import target, terminal
from wtman.coordinator.home import Home
from wtman.coordinator.outcome import answer_command
from wtman.journal.events import Answered
from wtman.journal.replay_flow import options_of
from wtman.journal.state import FlowStep, State
from wtman.model.ids import RunId
from wtman.model.states import RunState
from wtman.tasks.lifecycle import run_state
from wtman.text.terminal import clean


def answered(home: Home, state: State) -> State | None:
    """The run with its oldest question answered. None: it goes on waiting, or elsewhere."""
    if run_state(state) is not RunState.WAITING or not terminal.may_ask():
        return None
    step = _open(state)[0]
    options = options_of(step)
    terminal.forget_typed()
    while True:
        said = terminal.line_of(
            f"{'/'.join(map(clean, options))}: ", lambda: _is_over(home, state.run, step)
        )
        if said is None:
            print(target.here(f"left waiting; next: {answer_command(state, step)}"))
            return None
        if said.strip() == "" and not _is_over(home, state.run, step):
            continue
        if word := _meant(said.strip(), options):
            home.store.append(state.run, [Answered(step.key, word)], time.time())
        elif not _is_over(home, state.run, step):
            print(f"{clean(said.strip(), 40)!r} is no answer to this question")
            continue
        break
    if pid := home.store.live(state.run):
        print(f"run {state.run} goes on in another process ({pid})")
        return None
    now = home.state(state.run)
    known = now.flow.steps[step.key] if now.flow is not None else step
    took = "no" if known.error is not None else str(known.value)
    if took != word:
        print(f"answered from elsewhere: {clean(took)}")
    return now


def _open(state: State) -> tuple[FlowStep, ...]:
    return state.flow.questions if state.flow is not None else ()


def _is_over(home: Home, run: RunId, step: FlowStep) -> bool:
    """Whether somebody else has answered, or drives the run."""
    waits = any(item.key == step.key for item in _open(home.state(run)))
    return not waits or bool(home.store.live(run))


def _meant(said: str, options: tuple[str, ...]) -> str:
    """The option that was typed, or the only one that begins so; empty where there is none."""
    if said in options:
        return said
    found = [option for option in options if said and option.startswith(said.lower())]
    return found[0] if len(found) == 1 else ""
