"""What the panes say of a chosen line: why it failed, its diff, its findings, its facts. Pure."""

from collections.abc import Iterator, Mapping

from wtman.coordinator.outcome import FELL_SHORT, working_time
from wtman.journal.state import State, TaskView
from wtman.model.ids import TaskId
from wtman.model.states import Standing, TaskState
from wtman.review.judgement import about
from wtman.text.terminal import clean, duration
from wtman.ui.dashboard.said import Said, said
from wtman.ui.document import plain
from wtman.ui.facts import task_told
from wtman.ui.failures import FailedTask
from wtman.ui.findings import evidence_of, finding_told, shown_by
from wtman.ui.patch import patch_lines
from wtman.ui.rows import amount
from wtman.ui.tree import Node, counted, place_words

DIFF_LINES = 20_000
_DIFF_KINDS = {"+": "good", "-": "bad", "@": "busy", "h": "bold", " ": ""}


def failure(
    standing: Standing, failed: FailedTask | None, telling: tuple[str, ...]
) -> Iterator[Said]:
    """Why a task fell short, the lines that tell it first; nothing of any other."""
    if standing.state not in FELL_SHORT:
        return
    what = failed.what if failed is not None else clean(standing.reason)
    state = "" if standing.state is TaskState.FAILED and what else f"{standing.state}: "
    yield Said(f"{state}{what or 'no reason is recorded'}", "title")
    if not telling and failed is not None and failed.telling:
        telling = (failed.telling,)
    for line in telling:
        yield Said(f"  {clean(line.expandtabs(4))}", "bad")
    yield Said("")


def diff_lines(patch: bytes) -> Iterator[Said]:
    """A patch with its colours; the beginning of a long one."""
    if not patch:
        yield Said("nothing is committed yet", "quiet")
        return
    for number, (line, side) in enumerate(patch_lines(patch)):
        if number == DIFF_LINES:
            yield Said("… the rest is not shown here: wtman diff shows all", "quiet")
            return
        yield Said(clean(line.expandtabs(4)), _DIFF_KINDS[side])


def findings_lines(state: State, task: TaskId) -> Iterator[Said]:
    """The findings that concern a task, each with its evidence."""
    none = True
    for finding, judged in about(state, task):
        none = False
        yield Said(clean(finding.claim.title), "bold")
        yield from said(f"  {clean(text)}" for text in finding_told(state, finding, judged))
        proof = shown_by(finding, judged)
        if proof is not None:
            yield from said(f"    {clean(cell.tree)}: {cell.result}" for cell in proof.cells)
            yield from said(f"    | {clean(line)}" for line in evidence_of(proof).splitlines())
            if proof.by_hand:
                yield Said(f"    $ {clean(proof.by_hand)}")
        yield Said("")
    if none:
        yield Said("no finding concerns this task", "quiet")


def findings_of(state: State, task: TaskId) -> int:
    """How many findings concern a task."""
    return len(tuple(about(state, task)))


def task_lines(
    state: State, known: Mapping[TaskId, Standing], task: TaskId, doing: str, now: float
) -> Iterator[Said]:
    """Its facts, then its prompt."""
    view, standing = state.tasks[task], known[task]
    yield Said(f"{task}  {standing.state}  {clean(view.task.title)}", "bold")
    if standing.reason:
        yield Said(clean(standing.reason))
    if doing:
        yield Said(f"now: {doing}", "busy")
    yield from said(f"{name:<9} {text}" for name, text in _facts(view, now) if text)
    yield from said(clean(plain(item)) for item in task_told(state, task))
    yield Said("")
    yield from said(clean(line.expandtabs(4)) for line in view.task.prompt.splitlines())
    if view.task.expect:
        yield Said("")
        yield Said("Expected:", "bold")
        yield from said(clean(line) for line in view.task.expect.splitlines())


def _facts(view: TaskView, now: float) -> Iterator[tuple[str, str]]:
    from wtman.coordinator.outcome import used_by

    yield "worktree", clean(view.worktree)
    yield "owns", clean(", ".join(view.task.owns))
    yield "needs", clean(", ".join(view.task.needs))
    yield "time", duration(working_time(view, now)) if view.attempts else ""
    yield "used", amount(used_by(view))


def node_lines(state: State, node: Node) -> Iterator[Said]:
    """A head of a group, or a step that no task does."""
    if node.step is None:
        yield Said(clean(node.title), "bold")
        yield Said(counted(node.tally) or node.state)
        if node.note:
            yield Said(clean(node.note))
        return
    step = node.step
    yield Said(clean(f"{node.title}  {node.state}"), "bold")
    if place := place_words(step):
        yield Said(clean(f"in {place}"))
    yield Said(clean(step.title))
    if step.asks_person:
        yield Said("")
        yield Said(clean(f"? {step.spec.get('question', '')}"), "warn")
        yield from said(
            f"  {clean(line)}" for line in str(step.spec.get("show") or "").splitlines()
        )
        if step.open:
            yield Said(clean(f"options: {', '.join(step.options)}"))
    if step.error is not None:
        yield Said(clean(step.error.message), "bad")
    elif step.answered:
        yield Said("")
        yield from said(clean(line) for line in str(step.value).splitlines()[:200])
