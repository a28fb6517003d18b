"""What there is to say of checks and merges, told once for every view of a run.

Pure. Reports, terminal lines and live lines print what is told here, each in its own way.
"""

from collections.abc import Iterable, Mapping

from wtman.coordinator.outcome import agent_of
from wtman.journal.events import Adapted, CandidateJudged, Excluded, Landed, MergeNote
from wtman.journal.state import Attempt, State
from wtman.merge.test_counts import describe, tallies
from wtman.model.check import CheckResult, Verdict
from wtman.model.ids import Sha, TaskId
from wtman.text.terminal import clean, count
from wtman.text.words import listed
from wtman.ui.document import Line, Words, code, joined, line
from wtman.ui.findings import reviewed_words

_SAID = 400  # columns of what the user has said to a session

VERDICTS = {
    Verdict.GREEN: Words("passed", "good"),
    Verdict.RED: Words("failed", "bad"),
    Verdict.UNCHECKED: Words("not checked", "warn"),
}


# --- checks ---------------------------------------------------------------------------------------


def check_told(result: CheckResult) -> Line:
    """One check: its command, what it says of the tree, and what of its tests."""
    facts = [line("check ", code(result.command), ": ", VERDICTS[result.verdict])]
    if result.cached:
        facts[0] += (Words(" (cached)"),)
    if result.reason:
        facts.append(line(result.reason))
    if result.new_failures:
        facts.append(line(listed(result.new_failures)))
    if result.hint:
        facts.append(line(Words(result.hint, "strong")))
    if result.collected is not None:
        before = result.base_collected
        facts.append(
            line(count(result.collected, "test"), "" if before is None else f" ({before} before)")
        )
        if before is not None and result.collected < before:
            facts.append(line(Words(f"{before - result.collected} fewer", "strong")))
    if result.known_failures:
        facts.append(line(count(result.known_failures, "failure"), " known from the base"))
    for word, names in (
        ("newly skipped", result.newly_skipped),
        ("gone", result.gone),
        ("flaky", result.flaky),
    ):
        if names:
            facts.append(line(Words(word, "strong"), f": {listed(names)}"))
    return joined(facts)


# --- a task ---------------------------------------------------------------------------------------


def task_told(state: State, task: TaskId) -> list[Line]:
    """Its branch, attempts, checks, reviews and notes."""
    view = state.tasks[task]
    told = []
    if view.branch and not view.external:
        where = line(" at ", code(view.head[:10])) if view.head else ()
        agent = code(agent_of(state, view)[:200])
        told.append(line("branch ", code(view.branch), *where, ", by ", agent))
    told += [fact for attempt in view.attempts if (fact := _attempt(attempt))]
    if view.planned.lead:
        told += [line(f'its planner is told "{clean(text, _SAID)}"') for text in view.said]
    elif view.request.told:
        told.append(line(f'the next attempt is told "{clean(view.request.told, _SAID)}"'))
    if view.checked is not None and view.checked.commit == view.head:
        told += map(check_told, view.checked.results)
    told += [line(words)] if (words := reviewed_words(state, task)) else []
    told += [line(f"note: {note}") for note in view.told]
    return told


def _attempt(attempt: Attempt) -> Line:
    reason = attempt.outcome.reason if attempt.outcome is not None else ""
    why = attempt.red.splitlines()[0] if attempt.red else reason
    said = f', told "{clean(attempt.request.told, _SAID)}"' if attempt.request.told else ""
    if not (why or said):
        return ()
    return line(f"attempt {attempt.number}{said}" + (f": {why[:400]}" if why else ""))


# --- a merge --------------------------------------------------------------------------------------


def unchanged(landed: Landed) -> dict[TaskId, Sha]:
    """Of `commits` those that made none: what they change was there already."""
    found: dict[TaskId, Sha] = {}
    tip = landed.before
    for task, commit in landed.commits.items():
        if commit == tip:
            found[TaskId(task)] = commit
        tip = commit
    return found


def headline(state: State, landed: Landed) -> str:
    """`2 tasks landed on main: 1111111111..2222222222 (3 check runs)`."""
    made = len(landed.commits) - len(unchanged(landed))
    tasks = count(made, "branch" if state.kind.external else "task")
    where = f" on {landed.target}" if landed.target else ""
    words = f"{landed.before[:10]}..{landed.after[:10]}"
    checks = count(landed.checks, "check run")
    if not landed.commits:
        return f"nothing landed{where} ({checks})"
    if not made:
        return f"nothing to merge{where}: every change is there already ({checks})"
    if landed.moved:
        return f"{tasks} landed{where}: {words} ({checks})"
    merge = state.merge
    if merge is not None and merge.asked.dry_run:
        return f"{tasks} would land{where} ({checks})"
    return f"{tasks} written as patches, nothing moved ({checks})"


def landed_before(state: State, landed: Landed) -> dict[TaskId, Sha]:
    """What earlier merges of the run landed: each task with its commit. A lead is its parts."""
    return {
        task: view.merged
        for task, view in state.tasks.items()
        if view.merged and task not in landed.commits and not state.parts_of(task)
    }


def landed_in_all(before: Mapping[TaskId, Sha], landed: Landed) -> str:
    """`5 tasks landed, 1 of them in the last merge`: the sum over all merges of a run."""
    last = len(landed.commits) if landed.moved else 0
    tasks = count(len(before) + last, "task")
    return f"{tasks} landed, {last or 'none'} of them in the last merge"


def excluded_told(state: State, item: Excluded) -> str:
    """Why a branch was not merged, on one line."""
    why = item.why(state.label)
    first = next((text for text in why.splitlines() if text.strip()), "")
    if item.reason == "interaction":
        told = f": {first}" if first else ""
        return f"fails only together with {labels(state, item.others)}{told}"
    if item.reason == "proof":
        return f"integrity check failed: {first}"
    return first or item.reason


def unresolved(state: State, task: TaskId) -> str:
    """Why a resolver gave it up, or nothing."""
    view = state.tasks.get(task)
    return view.unresolved if view is not None else ""


def merge_told(state: State, landed: Landed) -> list[Line]:
    """What else there is to say of a merge; a warning begins with words of that style."""
    told = [
        line(f"{state.label(TaskId(task))} works only with {labels(state, needs)}")
        for task, needs in (landed.needs or {}).items()
    ]
    left = state.merge.asked.uncommitted if state.merge is not None else ()
    told += [line(Words(item.text, "warn")) for item in left]
    told += [line(f"resolved: {state.label(task)}") for task in landed.resolved]
    told += [line("flaky, failed only once: ", code(name)) for name in landed.flaky]
    told += [line(f"adapted: {adapted_text(state, item)}") for item in landed.adapted]
    told += [line(Words(note_text(state, note), "warn")) for note in landed.notes]
    candidate = candidate_of(state, landed)
    for result in candidate.results if candidate is not None else ():
        # Told, and not judged: they may be meant to go.
        for word, names in (("gone", result.gone), ("newly skipped", result.newly_skipped)):
            if names:
                text = f"tests that are {word} ({len(names)}): {listed(names, 5)}"
                told.append(line(Words(text, "warn")))
    if landed.proof:
        told.append(line(landed.proof))
    if landed.patches:
        told.append(line("patches: ", code(landed.patches)))
    return told


def evidence_told(state: State, landed: Landed) -> list[Line]:
    """What ran on the very tree that landed."""
    candidate = candidate_of(state, landed)
    if candidate is None:
        return []
    told = [line("on the tree that landed: ", *check_told(item)) for item in candidate.results]
    return told + [line("tests: ", describe(item)) for item in tallies(state, candidate)]


def candidate_of(state: State, landed: Landed) -> CandidateJudged | None:
    """The candidate that landed."""
    if state.merge is None:
        return None
    key = (landed.before, tuple(TaskId(task) for task in landed.commits))
    return state.merge.candidates.get(key)


def adapted_text(state: State, item: Adapted) -> str:
    return f"{state.label(item.task)}: {item.path} ({item.how})"


def note_text(state: State, note: MergeNote) -> str:
    return f"{labels(state, note.tasks)}: {note.text}"


def labels(state: State, tasks: Iterable[TaskId]) -> str:
    return ", ".join(map(state.label, tasks))
