"""What a run asks a person, for tables and JSON. Pure."""

from dataclasses import replace
from typing import Any

from wtman.coordinator.outcome import answer_command, short_key
from wtman.journal.state import NO, PersonQuestion, State
from wtman.text.terminal import clean, count, fold, paint
from wtman.text.words import exact

_YELLOW = "33"
_SHOWN = 40  # lines of what a question shows


def asked_lines(state: State, width: int, colour: bool) -> list[str]:
    """What is asked, below the table of tasks."""
    return [
        paint(line, _YELLOW, colour)
        for item in state.questions
        for line in question_lines(state, item, width)
    ]


def question_lines(state: State, question: PersonQuestion, width: int) -> list[str]:
    """A question with what it shows, and how it is answered."""
    ways = [answer_command(state, question, option) for option in question.options]
    told = [f"  answer: {ways[0]}", *(f"      or: {way}" for way in ways[1:])]
    return [*shown_lines(question, width), *told]


def shown_lines(question: PersonQuestion, width: int) -> list[str]:
    """A question with what it shows."""
    lines = fold(clean(f"? {question.text}"), width)
    if question.asked is not None:  # what a yes allows is shown whole
        for line in question.show:
            lines += [f"  {part}" for part in fold(exact(line), max(width - 2, 20))]
    else:
        lines += [f"  {clean(line, width - 2)}" for line in question.show[:_SHOWN]]
    if question.asked is None and len(question.show) > _SHOWN:
        lines.append(f"  … and {count(len(question.show) - _SHOWN, 'line')} more")
    return lines


def all_asked(state: State) -> tuple[PersonQuestion, ...]:
    """Everything that a person was asked in the run, those of tasks first; answered ones have
    their answer."""
    steps = state.flow.steps.values() if state.flow is not None else ()
    of_flow = [
        replace(step.question, answer="" if step.open else str(step.value or NO))
        for step in steps
        if step.asks_person
    ]
    return (*state.settled, *state.asked, *of_flow)


def answer_words(state: State, question: PersonQuestion) -> str:
    """What somebody said to a question, as people read it."""
    if question.answer:
        return f"answered {question.answer}"
    waits = any(item.key == question.key for item in state.questions)
    return "waits for your answer" if waits else "no longer asked"


def asked_json(state: State) -> list[dict[str, Any]]:
    """All that a person was asked, with the answers; null: there is none."""
    return [{**question_json(it), "answer": it.answer or None} for it in all_asked(state)]


def question_json(question: PersonQuestion) -> dict[str, Any]:
    """A question as JSON has it."""
    told = {"id": short_key(question), "text": question.text, "options": list(question.options)}
    if question.asked is None:
        return told
    return {**told, "task": question.asked.task, "allows": list(question.show)}
