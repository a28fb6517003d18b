"""`wtman answer`: a person's answer to what a flow asks."""

import json
import time
from typing import Annotated

import typer

from wtman.cli import options, target, terminal
from wtman.coordinator.home import a_run
from wtman.errors import MissingError, UsageError
from wtman.journal.events import Answered
from wtman.journal.replay_flow import options_of
from wtman.model.states import SCHEMA
from wtman.text.words import quoted
from wtman.ui.flow import question_lines


def answer(
    ctx: typer.Context,
    run: options.Run = "",
    text: Annotated[
        str, typer.Argument(metavar="TEXT", show_default=False, help="One of its options.")
    ] = "",
    question: Annotated[
        str, typer.Option(metavar="ID", help="Which question, where a run waits with several.")
    ] = "",
    as_json: options.Json = False,
    directory: options.Directory = "",
) -> int:
    """Answer the question that a run waits with; without TEXT show it.

    The answer is kept at once. A run that nobody drives goes on with `wtman resume`.
    """
    with target.journal(ctx, directory) as home:
        name = a_run(home, run, lambda state: state.flow is not None and bool(state.flow.questions))
        state = home.state(name)
        asked = state.flow.questions if state.flow is not None else ()
        if question:
            asked = tuple(step for step in asked if step.key.startswith(question))
        if not asked:
            raise MissingError(
                f"run {name} waits for no answer", hint=f"see wtman status {name}", code="nothing"
            )
        step = asked[0]
        if not text:
            if not as_json:
                width = terminal.width()
                print("\n".join(line for it in asked for line in question_lines(state, it, width)))
                return 4
            told = {
                "id": step.key[:12],
                "text": step.spec.get("question", ""),
                "options": options_of(step),
            }
            print(json.dumps({"schema": SCHEMA, "run": name, "question": told}))
            return 4
        if text not in options_of(step):
            raise UsageError(
                f"{quoted(text)} is no answer to this question",
                hint=f"one of: {', '.join(options_of(step))}",
            )
        home.store.append(name, [Answered(step.key, text)], time.time())
        live = bool(home.store.live(name))
        if as_json:
            print(json.dumps({"schema": SCHEMA, "run": name, "answered": text, "live": live}))
        elif live:
            print(f"run {name} goes on")
        else:
            others = [it for it in state.flow.questions if it.key != step.key] if state.flow else []
            again = f"wtman {'answer' if others else 'resume'} {name}"
            print(target.here(f"answered: {text}\nnext: {again}"))
    return 0
