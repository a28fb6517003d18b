"""The question that a run waits with, asked where its user sits.

The answer is the same event as that of `wtman answer`, so it does not matter who gives it: while
this terminal waits, one that comes from elsewhere is taken as well, and the first counts. Who
leaves without an answer leaves the run waiting.
"""

from wtman.cli import target, terminal
from wtman.coordinator.answers import give_answer
from wtman.coordinator.home import Home
from wtman.coordinator.outcome import answer_command
from wtman.journal.events import Answered
from wtman.journal.state import PersonQuestion, State
from wtman.model.ids import RunId
from wtman.model.states import RunState
from wtman.tasks.lifecycle import run_state
from wtman.text.terminal import clean


def answered(home: Home, state: State) -> State | None:
    """The run with its oldest question answered. None: it goes on waiting, or elsewhere."""
    if run_state(state) is not RunState.WAITING or not terminal.may_ask():
        return None
    step = state.questions[0]
    options = step.options
    seen = state.seq
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
            give_answer(home.repo, home.store, state.run, step, word)
        elif not _is_over(home, state.run, step):
            print(f"{clean(said.strip(), 40)!r} is no answer to this question")
            continue
        break
    if pid := home.store.live(state.run):
        print(f"run {state.run} goes on in another process ({pid})")
        return None
    now = home.state(state.run)
    took = next(
        (
            item.event.text
            for item in home.store.events(state.run, seen)
            if isinstance(item.event, Answered) and item.event.key == step.key
        ),
        word,
    )
    if took != word:
        print(f"answered from elsewhere: {clean(took)}")
    return now


def _is_over(home: Home, run: RunId, step: PersonQuestion) -> bool:
    """Whether somebody else has answered, or drives the run."""
    waits = any(item.key == step.key for item in home.state(run).questions)
    return not waits or bool(home.store.live(run))


def _meant(said: str, options: tuple[str, ...]) -> str:
    """The option that was typed, or the only one that begins so; empty where there is none."""
    if said in options:
        return said
    found = [option for option in options if said and option.startswith(said.lower())]
    return found[0] if len(found) == 1 else ""
