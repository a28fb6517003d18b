"""The one coordinated report of a run, as Markdown.

Pure. Says what was done, what was checked and, as plainly, what was not: an
unchecked branch, a missing review or an unconfined session is never implied away.
"""

from wtman.budget.budget import overshoot, spent
from wtman.journal.state import Attempt, MergeView, State, TaskView, describe_red
from wtman.merge.test_counts import describe, tallies
from wtman.model.check import CheckResult, Verdict
from wtman.model.ids import TaskId
from wtman.model.session import Usage
from wtman.model.states import Standing
from wtman.review.judgement import judgement
from wtman.tasks.lifecycle import run_state, standings
from wtman.text.terminal import clean, count, duration, size
from wtman.text.words import iso
from wtman.ui.findings import (
    evidence_of,
    problems,
    review_facts,
    reviewed_words,
    shown_by,
    tally,
    unlooked,
)
from wtman.ui.merge_report import adapted_text, landed_before, landed_in_all
from wtman.ui.status_json import agent_of, last_outcome, shortfall, used_by, working_time


def report(state: State) -> str:
    """The report as one Markdown text."""
    known = standings(state)
    blocks = [
        _title(state, known),
        _summary(state, known),
        *(_task(state, state.tasks[task], item) for task, item in known.items()),
    ]
    if state.reviews.findings:
        blocks.append(_findings(state))
    if state.merge is not None:
        blocks.append(_merge(state, state.merge))
    blocks.append(_unsaid(state))
    return "\n".join(line for block in blocks for line in [*block, ""]).rstrip() + "\n"


def _title(state: State, known: dict[TaskId, Standing]) -> list[str]:
    facts = [
        f"run `{state.run}`, **{run_state(state, known)}**",
        f"created {iso(state.created)}",
        f"base `{state.base[:10]}`",
    ]
    if state.target:
        facts.append(f"target `{_code(state.target)}`")
    lines = [f"# {_text(state.request) or state.run}", "", ", ".join(facts)]
    tokens = state.usage.tokens
    money = "cost unknown" if state.usage.usd is None else f"${state.usage.usd:.2f}"
    told = f", {tokens:,} tokens" if tokens else ""
    lines.append(f"{count(state.sessions, 'session')}{told}, {money}")
    if budgets := spent(state):
        lines.append(f"budget: {budgets}{_over(state)}")
    return lines + [f"\n> {_text(reason)}" for reason in shortfall(state)]


def usage_text(usage: Usage) -> str:
    """`12,300 tokens, $0.41`; empty where nothing is known."""
    parts = [f"{usage.tokens:,} tokens"] if usage.tokens else []
    parts += [f"${usage.usd:.2f}"] if usage.usd is not None else []
    return ", ".join(parts)


def _over(state: State) -> str:
    over = overshoot(state)
    parts = [f"${over.usd:.2f}"] if over.usd else []
    parts += [f"{over.tokens:,} tokens"] if over.tokens else []
    return f"; **{' and '.join(parts)} over it**, by last calls of live sessions" if parts else ""


def _summary(state: State, known: dict[TaskId, Standing]) -> list[str]:
    lines = [
        "| task | state | attempts | change | time | used |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for task, item in known.items():
        view = state.tasks[task]
        last = last_outcome(view)
        changed = size(last.files, last.insertions, last.deletions) if last else ""
        time = duration(working_time(view, 0.0)) if view.attempts else ""
        cells = (task, item.state, len(view.attempts), changed, time, usage_text(used_by(view)))
        lines.append(f"| {' | '.join(str(cell) for cell in cells)} |")
    return lines


def _task(state: State, view: TaskView, item: Standing) -> list[str]:
    title = _text(view.task.title)
    lines = [f"## {view.task.id}" + (f": {title}" if title else ""), ""]
    lines.append(f"**{item.state}**" + (f": {_text(item.reason)}" if item.reason else ""))
    if view.branch:
        where = f" at `{view.head[:10]}`" if view.head else ""
        lines.append(f"branch `{_code(view.branch)}`{where}, by `{_code(agent_of(state, view))}`")
    if item.waiting_for:
        lines.append("waits for " + ", ".join(item.waiting_for))
    facts = [fact for attempt in view.attempts if (fact := _attempt(attempt))]
    if view.checked is not None and view.checked.commit == view.head:
        facts += [_check(result) for result in view.checked.results]
    if words := reviewed_words(state, view.task.id):
        facts.append(words)
    facts += [f"note: {_text(note)}" for note in view.notes]
    return lines + ([""] if facts else []) + [f"- {fact}" for fact in facts]


def _attempt(attempt: Attempt) -> str:
    reason = attempt.outcome.reason if attempt.outcome is not None else ""
    why = attempt.red.splitlines()[0] if attempt.red else reason
    return f"attempt {attempt.number}: {_text(why)}" if why else ""


def _check(result: CheckResult) -> str:
    if result.verdict is Verdict.RED:
        return _text(describe_red(result))
    facts = [f"check `{_code(result.command)}`: {result.verdict}"]
    if result.reason:
        facts.append(_text(result.reason))
    if result.collected is not None:
        facts.append(count(result.collected, "test"))
    if result.base_collected is not None and (result.collected or 0) < result.base_collected:
        facts.append(f"**{result.base_collected - (result.collected or 0)} fewer than its start**")
    if result.known_failures:
        facts.append(f"{count(result.known_failures, 'failure')} known from the base")
    for word, names in (
        ("newly skipped", result.newly_skipped),
        ("gone", result.gone),
        ("flaky", result.flaky),
    ):
        if names:
            facts.append(f"**{word}**: {_text(', '.join(names[:10]))}")
    return ", ".join(facts)


def _findings(state: State) -> list[str]:
    """Each finding with all that became of it."""
    lines = ["## Findings", "", tally(state)]
    for finding in state.reviews.findings.values():
        lines += ["", f"### {finding.id}: {_text(finding.claim.title)}", ""]
        lines += [f"- {_text(text)}" for _, text in review_facts(state, finding)]
        proof = shown_by(finding, judgement(state, finding))
        if proof is None:
            continue
        lines += ["", "| tree | result | runs | failed |", "| --- | --- | --- | --- |"]
        lines += [
            f"| {_text(cell.tree)} | {cell.result} | {cell.runs} | {cell.failures} |"
            for cell in proof.cells
        ]
        if evidence := evidence_of(proof):
            lines += ["", *(f"    {_code(line)}" for line in evidence)]
        if proof.by_hand:
            lines += ["", f"reproduce: `{_code(proof.by_hand)}`"]
    return lines


def _merge(state: State, merge: MergeView) -> list[str]:
    lines = ["## Merge", ""]
    if merge.failed is not None:
        hint = f" ({_text(merge.failed.hint)})" if merge.failed.hint else ""
        return [*lines, f"failed: {_text(merge.failed.reason)}{hint}; the target is untouched"]
    landed = merge.landed
    if landed is None:
        return [*lines, f"not over yet; {count(len(merge.candidates), 'train')} checked so far"]
    verb = "landed on" if landed.moved else "assembled (nothing moved) on"
    before = landed_before(state, landed)
    if before:
        lines += [landed_in_all(before, landed), "", "The last merge:", ""]
    lines.append(
        f"{count(len(landed.commits), 'task')} {verb} `{_code(landed.target)}`, "
        f"`{landed.before[:10]}..{landed.after[:10]}`, {count(landed.checks, 'check run')}"
    )
    lines.append("")
    lines += [f"- {task}: `{commit[:10]}`, in an earlier merge" for task, commit in before.items()]
    lines += [f"- {task}: `{commit[:10]}`" for task, commit in landed.commits.items()]
    for item in landed.excluded:
        others = f" with {', '.join(item.others)}" if item.others else ""
        paths = f" in {_text(', '.join(item.paths))}" if item.paths else ""
        lines.append(f"- {item.task}: **left out**, {item.reason}{others}{paths}")
        if item.reproduce:
            lines.append(f"  - reproduce: `{_code(item.reproduce)}`")
    for task, needs in (landed.needs or {}).items():
        lines.append(f"- {task} works only with {', '.join(needs)}")
    lines += [f"- flaky: `{_code(name)}`" for name in landed.flaky]
    lines += [f"- adapted: {_text(adapted_text(state, item))}" for item in landed.adapted]
    candidate = merge.candidates.get(
        (landed.before, tuple(TaskId(task) for task in landed.commits))
    )
    if candidate is not None:
        lines += [f"- tests: {_text(describe(item))}" for item in tallies(state, candidate)]
    if landed.proof:
        lines.append(f"- {_text(landed.proof)}")
    if landed.patches:
        lines.append(f"- patches: `{_code(landed.patches)}`")
    return lines


def _unsaid(state: State) -> list[str]:
    """What nobody looked at."""
    return ["## Not covered", "", *(f"- {_text(line)}" for line in not_covered(state))]


def not_covered(state: State) -> list[str]:
    """What nobody looked at, and what else a reader has to know, as foreign text."""
    lines = [*unlooked(state), *problems(state)]
    if not state.checks:
        lines.append("no check judged any branch")
    if state.settings.allow_failing_base:
        lines.append("a check that is red on the base was allowed to be so")
    if state.settings.sandbox in ("", "none"):
        lines.append("sessions and checks ran without a sandbox, with the user's own rights")
    base = state.base_checked
    return [*lines, *(base.warnings if base is not None else ()), *state.notes]


def _text(text: str) -> str:
    """Foreign words on one line that Markdown and HTML leave as words."""
    escaped = clean(text.strip(), 400)
    for letter in "\\`*_[]|#":
        escaped = escaped.replace(letter, "\\" + letter)
    return escaped.replace("<", "&lt;")


def _code(text: str) -> str:
    return clean(text, 400).replace("`", "'")
