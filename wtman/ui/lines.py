"""Plain lines for a pipe or a log: one line an event worth telling.

Promises that each line stands alone (it begins with the task or `run`), carries no
escape, and that events which only wtman itself cares about are not told.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TextIO

from wtman.budget.budget import wait_of
from wtman.checks.excerpt import summary
from wtman.coordinator.outcome import answer_command, with_hint
from wtman.flow.announcement import announcement_words
from wtman.journal import events as e
from wtman.journal.record import Recorded
from wtman.journal.state import State, describe_red
from wtman.model.actions import ActionKey, ActionKind
from wtman.model.check import CheckResult, Verdict
from wtman.model.finding import SHOWS
from wtman.model.session import Ended
from wtman.plan.planning_sessions import chosen_words, sighted_words
from wtman.text.terminal import clean, command, count, duration, fold, size
from wtman.text.words import exact, listed
from wtman.ui.facts import VERDICTS, excluded_told, headline
from wtman.ui.flow import error_lines
from wtman.ui.repairs import decision_words

_FITTED = ("MakeWorktree", "BringBack")  # actions that make a worktree fit for work
_SAID = 400  # columns of what the user has said
_LONG = 10.0  # seconds of the checks on the base from which on their start is told of each task

Told = list[tuple[str, str]]  # subjects, and what there is to say of them
_LINE = 400  # columns of foreign text on one line


class RunLines:
    """Writes the lines of a run as its events arrive; `watch` fits `drive`."""

    def __init__(self, out: TextIO, width: int = 0) -> None:
        """With `width` long lines are folded, as people read them; without, each stays whole."""
        self._out = out
        self._width = width
        self._begun: dict[ActionKey, float] = {}  # setups that go on, since when

    def watch(self, state: State, news: Sequence[Recorded]) -> None:
        """Tell what is new."""
        for record in news:
            for line in (*self._setup(state, record), *told(state, record.event)):
                folded = fold(line, self._width) if self._width else [line]
                self._out.writelines(f"{part}\n" for part in folded)
        self._out.flush()

    def _setup(self, state: State, record: Recorded) -> list[str]:
        """The line of a setup that begins or is over, with the time it took."""
        event = record.event
        if isinstance(event, e.Intended):
            if event.action in _FITTED and state.settings.setup:
                self._begun[event.key] = record.at
                return [f"{clean(event.key.subject, 80)}  setup started"]
        elif isinstance(event, e.WorktreeMade | e.WorktreeBack | e.StartFailed):
            since = self._begun.pop(ActionKey(ActionKind.WORKTREE, event.task), None)
            word = "failed" if isinstance(event, e.StartFailed) else "finished"
            if since is not None:
                return [f"{clean(event.task, 80)}  setup {word} ({duration(record.at - since)})"]
        return []


def told(state: State, event: e.Event) -> list[str]:
    """The lines that an event is worth, maybe none."""
    teller = _TELLERS.get(type(event))
    lines = teller(state, event) if teller is not None else ()
    return [f"{clean(subject, 80) or 'run'}  {clean(text, _LINE)}" for subject, text in lines]


def _intended(state: State, event: e.Intended) -> Told:
    attempt = event.attempt
    if event.key.kind is ActionKind.REPAIR:
        return [(event.key.subject, "fell short: the repairer is asked")]
    if event.key.kind is ActionKind.BASE and state.checks:
        first = "setup, then " if state.settings.setup else ""
        return [("base", f"{first}checking: {'; '.join(map(command, state.checks))}")]
    if event.key.kind is ActionKind.CHECK and state.base_checked is not None:
        usual = sum(item.seconds for item in state.base_checked.results)
        told = f"checks started (they took {duration(usual)} on the base)"
        return [(event.key.subject, told)] if usual >= _LONG else []
    if attempt is None:
        return []
    agent = clean(attempt.agent.split()[0] if attempt.agent else "agent", 40)
    return [(event.key.subject, f"session {attempt.number} started ({agent})")]


def _planned(state: State, event: e.Planned) -> Told:
    if not event.agent:
        return []
    made = f"flow {event.flow}" if event.source else count(len(state.tasks), "task")
    return [("run", f"planned: {made} ({duration(event.seconds)})")]


def _mapped(state: State, event: e.MapMade) -> Told:
    if not event.parts:
        return []
    parts = listed([part.name for part in event.parts], 8)
    return [("run", f"scouts look at {count(len(event.parts), 'part')}: {parts}")]


def _scouted(state: State, event: e.Scouted) -> Told:
    report, lines = event.report, list[tuple[str, str]]()
    how = "cached" if event.cached else duration(event.seconds)
    lines.append((f"scout {event.part}", f"{sighted_words(report)} ({how})"))
    if report.dropped:
        named = f"{len(report.dropped)} named and not there: {report.dropped[0]}"
        lines.append((f"scout {event.part}", f"note: {named}"))
    return lines


def _scout_failed(state: State, event: e.ScoutFailed) -> Told:
    if event.fatal or event.limited:
        return [(f"scout {event.part}", f"no answer yet: {event.fatal or event.reason}")]
    return [(f"scout {event.part}", f"no answer: {event.reason}; planning goes on without it")]


def _drafted(state: State, event: e.PlanDrafted) -> Told:
    tasks = count(len(event.tasks), "task") if event.shape != "flow" else "a flow"
    return [(f"plan {event.number}", f"{tasks} ({duration(event.seconds)})")]


def _judged_plans(state: State, event: e.PlansJudged) -> Told:
    words = chosen_words(state.planning) if state.planning is not None else ""
    return [("run", f"taken: {words}")] if words else []


def _flow_chosen(state: State, event: e.FlowChosen) -> Told:
    return [("run", f"a flow is written for this, not a plan: {event.reason}")]


def _team_planned(state: State, event: e.TeamPlanned) -> Told:
    parts = listed([task.id for task in event.parts], 6)
    cut = f"cut into {count(len(event.parts), 'part')}: {parts} ({duration(event.seconds)})"
    repaired = any(it.decided and it.decided.reason == event.reason for it in state.repairs)
    why = [(event.lead, f"its planner: {event.reason}")] if event.reason and not repaired else []
    return [(event.lead, cut), *why]


def _repair(state: State, event: e.RepairDecided) -> Told:
    lines: Told = [(event.task, f"repair: {decision_words(event)}")]
    lines += [(event.task, f"because: {event.reason}")] if event.reason else []
    return lines


def _asked(state: State, event: e.QuestionAsked) -> Told:
    question = next((it for it in state.questions if it.key == event.key), None)
    how = f" ({answer_command(state, question)})" if question is not None else ""
    return [
        (event.task, f"? {event.text}{how}"),
        *((event.task, f"  {exact(it)}") for it in event.show),
    ]


def _applied(state: State, event: e.RepairApplied) -> Told:
    return [(event.task, f"repair not done: {event.refused}")] if event.refused else []


def _person_said(state: State, event: e.Answered) -> Told:
    about = next((it.asked for it in state.asked if it.key == event.key), None)
    return [(about.task if about is not None else "flow", f"answered: {event.text}")]


def _team_torn(state: State, event: e.TeamTorn) -> Told:
    again = ": it gets one more attempt" if event.again else ""
    return [
        (item.task, f"does not fit with its team: {excluded_told(state, item)}{again}")
        for item in event.excluded
    ]


def _team_made(state: State, event: e.TeamMade) -> Told:
    parts = count(len(event.heads), "part")
    return [(event.lead, f"combined check of its {parts}: {VERDICTS[event.verdict].text}")]


def _finished(state: State, event: e.SessionFinished) -> Told:
    spent = f"({duration(event.seconds)})"
    session = f"session {event.attempt}"
    if event.ended is Ended.OK:
        changed = event.reason or size(event.files, event.insertions, event.deletions)
        lines: Told = [(event.task, f"{session} finished: {changed} {spent}")]
    else:
        word = "failed" if event.ended is Ended.FAILED else "interrupted"
        lines = [(event.task, f"{session} {word}: {event.reason or 'no reason given'} {spent}")]
    if event.limited:
        lines.append(("run", f"waits {duration(wait_of(state))} for its provider"))
    deviating = (f"deviates from what was agreed: {item.words}" for item in event.deviations)
    notes = filter(None, (*event.notes, event.outside_git, event.unread, *deviating))
    return lines + [(event.task, f"note: {note}") for note in notes]


def _checked(state: State, event: e.Checked) -> Told:
    if event.verdict is not Verdict.RED:
        return [(event.task, f"checks {VERDICTS[event.verdict].text}{_seconds(event.results)}")]
    red = [item for item in event.results if item.verdict is Verdict.RED]
    lines: Told = [
        (event.task, describe_red(item) + (f"; {item.telling}" if item.telling else ""))
        for item in red
    ]
    return lines or [(event.task, "checks failed")]


def _start_failed(state: State, event: e.StartFailed) -> Told:
    what, _, output = event.reason.partition("\n")
    first = f"; {said}" if (said := summary(output)) else ""
    return [(event.task, f"cannot start: {what}{first}")]


def _seconds(results: tuple[CheckResult, ...]) -> str:
    if results and all(item.cached for item in results):
        return " (cached)"
    return f" ({duration(sum(item.seconds for item in results))})" if results else ""


def _base(state: State, event: e.BaseChecked) -> Told:
    lines = [("base", f"warning: {text}") for text in event.warnings]
    if event.problem:
        first, *said = event.problem.splitlines()
        more = [("base", f"  {line}") for line in said]
        return [*lines, ("base", with_hint(first, event.hint)), *more]
    if not event.results:
        return lines
    checks = count(len(event.results), "check")
    return [*lines, ("base", f"{checks} ran{_seconds(event.results)}")]


def _followed(state: State, event: e.Followed) -> Told:
    # Without needs it is a retry that comes up to where the target is now.
    base = ", ".join(event.needs) or "the target"
    if event.conflicts:
        paths = ", ".join(event.conflicts)
        return [(event.task, f"starts over: conflicts with {base} in {paths}")]
    return [(event.task, f"follows {'the new work of ' if event.needs else ''}{base}")]


def _overlapped(state: State, event: e.Overlapped) -> Told:
    return [
        (item.task, f"conflicts with {item.other} as it stands: {', '.join(item.paths)}")
        for item in event.pairs
        if item.looks == 1
    ]


def _chained(state: State, event: e.Chained) -> Told:
    where = f": both change {', '.join(event.paths)}" if event.paths else ""
    return [(event.task, f"will start from the work of {event.need}{where}")]


def _unchained(state: State, event: e.Unchained) -> Told:
    why = f": {event.reason}" if event.reason else ""
    return [(event.task, f"no longer waits for {event.need}{why}")]


def _judged(state: State, event: e.CandidateJudged) -> Told:
    who = listed([state.label(task) for task in event.members], 4)
    if event.conflict is not None:
        others = ", ".join(state.label(task) for task in event.conflict.others) or "the target"
        paths = ", ".join(event.conflict.paths)
        task = state.label(event.conflict.task)
        return [(task, f"conflicts with {others} in {paths}")]
    verdict = VERDICTS[event.verdict].text
    return [("train", f"combined check of {who}: {verdict}{_seconds(event.results)}")]


def _landed(state: State, event: e.Landed) -> Told:
    lines = [
        (state.label(item.task), f"Not merged: {excluded_told(state, item)}")
        for item in event.excluded
    ]
    if event.moved and event.commits:
        lines.append(("train", headline(state, event)))
    return lines


def _reviewed(state: State, event: e.Reviewed) -> Told:
    if event.stopped:
        return []
    who = "+".join(state.label(task) for task in event.members)
    what = f"{event.lens or event.kind} review"
    if not event.ok:
        return [(who, f"{what}: no verdict ({event.reason or 'it did not answer'})")]
    if event.apart:
        return [(who, f"{what}: not possible ({event.reason})")]
    found = count(len(event.claims), "claim") if event.claims else "nothing found"
    return [(who, f"{what}: {found}")]


def _reproduced(state: State, event: e.Reproduced) -> Told:
    title = _title(state, event.finding)
    shown = f"confirmed ({event.kind})" if event.kind in SHOWS else event.kind
    return [(event.finding, f"{shown}: {title} ({event.reason})")]


def _refuted(state: State, event: e.Refuted) -> Told:
    if event.stopped:
        return []
    said = event.answer or f"no verdict ({event.reason})"
    return [(event.finding, f"refuter says {said}: {_title(state, event.finding)}")]


def _title(state: State, finding: str) -> str:
    known = state.reviews.findings.get(finding)
    return known.claim.title if known is not None else ""


# --- a flow ---------------------------------------------------------------------------------------


def _step_asked(state: State, event: e.StepAsked) -> Told:
    if state.flow is None or not (step := state.flow.steps[event.key]).asks_person:
        return []
    question = step.spec.get("question", "")
    return [("flow", f"? {question} ({answer_command(state, step.question)})")]


def _step_ended(state: State, event: e.StepAnswered | e.StepFailed) -> Told:
    """What no task tells: questions to agents, commands, reviews, trains."""
    step = state.flow.steps.get(event.key) if state.flow is not None else None
    if step is None or step.task or step.asks_person:
        return []
    spent = f" ({duration(event.seconds)})" if event.seconds else ""
    how = f"failed: {event.message}" if isinstance(event, e.StepFailed) else "done"
    where = step.scope[-1] if step.scope else "flow"
    told = step.title if step.title != where else ""
    said = told if told.startswith(step.kind) else f"{step.kind} {told}".rstrip()
    return [(where, f"{said}: {how}{spent}")]


def _script_ended(state: State, event: e.ScriptEnded) -> Told:
    if not event.error:
        return [("flow", "the script has ended")]
    return [("flow", line.strip()) for line in error_lines(state.flow)] if state.flow else []


def _stopping(state: State, event: e.Paused | e.RunFailed | e.MergeFailed) -> Told:
    word = {e.Paused: "paused", e.RunFailed: "failed", e.MergeFailed: "merge failed"}[type(event)]
    return [("run", f"{word}: {with_hint(event.reason, event.hint)}")]


def _rate_limited(state: State, event: e.RateLimited) -> Told:
    if not event.jobs:
        return [("run", "goes at full speed again")]
    return [("run", f"slowed to {count(event.jobs, 'session')} in parallel: {event.reason}")]


def _requested(state: State, event: e.Requested) -> Told:
    view = state.tasks.get(event.task)
    if event.repair:
        return []  # the decision is told
    said = f": {clean(event.told, _SAID)}" if event.told else ""
    if event.what == "retry" and view is not None and view.planned.lead:
        return [(event.task, f"is cut into parts anew{said}")]
    return [(event.task, _ASKED.get(event.what, "asked") + said)]


_ASKED = {
    "stop": "stopping: ending sessions, no work is lost (Ctrl-C again ends immediately)",
    "retry": "gets one more attempt",
    "attach": "is handed to a terminal",
    "open": "gets its worktree again, to be looked at",
}

_TELLERS: Mapping[type, Callable[[State, Any], Told]] = {
    e.Intended: _intended,
    e.MapMade: _mapped,
    e.PlanDrafted: _drafted,
    e.DraftFailed: lambda _, event: [(f"plan {event.number}", f"none: {event.reason}")],
    e.PlansJudged: _judged_plans,
    e.FlowChosen: _flow_chosen,
    e.Scouted: _scouted,
    e.ScoutFailed: _scout_failed,
    e.Planned: _planned,
    e.ScriptTold: lambda _, event: [
        ("flow", f"phase {event.text}" if event.what == "phase" else event.text)
    ],
    e.FanOutAnnounced: lambda _, event: [("flow", announcement_words(event))],
    e.ItemFailed: lambda _, event: [
        (event.path[-1][1] if event.path else "flow", f"came to nothing: {event.reason}")
    ],
    e.StepAsked: _step_asked,
    e.StepAnswered: _step_ended,
    e.StepFailed: _step_ended,
    e.Answered: _person_said,
    e.RepairDecided: _repair,
    e.RepairFailed: lambda _, event: [(event.task, f"repair: {event.reason}")],
    e.RepairApplied: _applied,
    e.QuestionAsked: _asked,
    e.ScriptEnded: _script_ended,
    e.PlanFailed: lambda _, event: [("run", f"{event.reason} ({event.hint})")],
    e.TeamPlanned: _team_planned,
    e.TeamPlanFailed: lambda _, event: [(event.lead, event.reason)],
    e.TeamTorn: _team_torn,
    e.TeamMade: _team_made,
    e.WorktreeMade: lambda _, event: [(event.task, f"note: {text}") for text in event.lacks],
    e.SessionFinished: _finished,
    e.Checked: _checked,
    e.BaseChecked: _base,
    e.Followed: _followed,
    e.Resolving: lambda _, event: [(event.task, "goes to a resolver")],
    e.Unresolved: lambda _, event: [(event.task, f"not resolved: {event.reason}")],
    e.RetryReverted: lambda _, event: [
        (event.task, f"the retry did no better ({event.reason}): the work of before is kept")
    ],
    e.Overlapped: _overlapped,
    e.Chained: _chained,
    e.Unchained: _unchained,
    e.CandidateJudged: _judged,
    e.Landed: _landed,
    e.Paused: _stopping,
    e.RunFailed: _stopping,
    e.MergeFailed: _stopping,
    e.RateLimited: _rate_limited,
    e.Reviewed: _reviewed,
    e.Reproduced: _reproduced,
    e.Refuted: _refuted,
    e.StartFailed: _start_failed,
    e.Noted: lambda _, event: [(event.task, event.text)],
    e.Stopped: lambda _, event: [("run", "stopped" + (event.reason and f": {event.reason}"))],
    e.Resumed: lambda _, event: (
        [("run", "goes on")] if event.reason in ("", "add", "retry") else []
    ),
    e.TargetMoved: lambda _, event: [("train", f"the target moved to {event.now[:10]}")],
    e.TaskAdded: lambda _, event: [(event.task.id, "added to the run")] if event.key else [],
    e.TasksRefused: lambda _, event: [
        (", ".join(event.tasks), f"not added: {with_hint(event.reason, event.hint)}")
    ],
    e.TaskDropped: lambda _, event: [
        (event.task, event.reason if event.reason.startswith("joined") else "dropped from the plan")
    ],
    e.Requested: _requested,
    e.Cleaned: lambda _, event: [(event.task, "worktree and branch removed: wtman restore")],
    e.Restored: lambda _, event: [(event.task, "brought back from the trash")],
}
