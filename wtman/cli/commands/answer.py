"""`wtman answer`: a person's answer to what a run asks."""

import json
from typing import Annotated

import typer

from wtman.cli import options, target, terminal
from wtman.coordinator.answers import give_answer
from wtman.coordinator.home import a_run
from wtman.coordinator.outcome import answer_command
from wtman.errors import MissingError, UsageError
from wtman.model.states import SCHEMA
from wtman.text.words import quoted
from wtman.ui.questions import question_json, question_lines


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
        name = a_run(home, run, lambda state: bool(state.questions))
        state = home.state(name)
        asked = state.questions
        if question:
            asked = tuple(item for item in asked if item.key.startswith(question))
        if not asked:
            raise MissingError(
                f"run {name} waits for no answer", hint=f"see wtman status {name}", code="nothing"
            )
        first = asked[0]
        if not text:
            if not as_json:
                width = terminal.width()
                print("\n".join(line for it in asked for line in question_lines(state, it, width)))
                return 4
            told = question_json(first)
            ways = [answer_command(state, first, option) for option in first.options]
            shown = {"schema": SCHEMA, "run": name, "question": told, "commands": ways}
            print(json.dumps(shown))
            return 4
        if text not in first.options:
            raise UsageError(
                f"{quoted(text)} is no answer to this question",
                hint=f"one of: {', '.join(first.options)}",
            )
        give_answer(home.repo, home.store, name, first, text)
        live = bool(home.store.live(name))
        if as_json:
            print(json.dumps({"schema": SCHEMA, "run": name, "answered": text, "live": live}))
        elif live:
            print(f"run {name} goes on")
        else:
            others = [item for item in state.questions if item.key != first.key]
            again = f"wtman {'answer' if others else 'resume'} {name}"
            print(target.here(f"answered: {text}\nnext: {again}"))
    return 0
