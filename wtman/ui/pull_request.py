"""What a pull request of one task says. Pure: foreign words are only ever words in it."""

from collections.abc import Mapping

from wtman.journal.events import Landed
from wtman.journal.state import State
from wtman.model.ids import TaskId
from wtman.review.judgement import judgements
from wtman.text.terminal import clean
from wtman.ui.document import Facts, Section, code, line
from wtman.ui.facts import evidence_told, task_told
from wtman.ui.findings import standing_words
from wtman.ui.markdown import markdown

_TITLE = 120


def title_of(state: State, task: TaskId) -> str:
    """Its title, else how its prompt begins."""
    view = state.tasks[task]
    if view.external and view.message:
        return clean(view.message.partition("\n")[0], _TITLE) or view.label
    first = next(iter(view.task.prompt.strip().splitlines()), "")
    return clean(view.task.title or first, _TITLE) or view.label


def body_of(state: State, landed: Landed, task: TaskId, below: Mapping[TaskId, str]) -> str:
    """Task, evidence, checks and findings. `below` are the pull requests that it stands on, the
    nearest last."""
    view = state.tasks[task]
    asked = [line(text) for text in view.task.prompt.strip().splitlines() if text.strip()]
    expected = [line(f"expected: {view.task.expect}")] if view.task.expect else []
    found = [
        line(f"{finding.id}: {finding.claim.title} ({standing_words(finding, judged)})")
        for finding, judged in judgements(state)
        if task in finding.subjects
    ]
    stands = [line(f"{state.label(name)}: {where}") for name, where in below.items()]
    sections = [
        Section("task", "Task", [Facts([*asked, *expected])]),
        Section("stands", "Stands on", [Facts(stands)]),
        Section("evidence", "Evidence", [Facts(task_told(state, task))]),
        Section("findings", "Findings", [Facts(found)]),
        Section("together", "Checked together", [Facts(evidence_told(state, landed))]),
    ]
    head = [line("task ", code(state.label(task)), " of run ", code(state.run))]
    return markdown(line(title_of(state, task)), head, (), sections)


def with_issue(text: str, closes: str) -> str:
    """The text with the words that close an issue."""
    return f"{text.rstrip()}\n\nCloses {closes}\n" if closes else text
