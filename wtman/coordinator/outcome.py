"""What became of a run and its tasks so far: what every view asks, and what to type next.

Pure.
"""

import math
import re
import shlex
from collections.abc import Mapping

from wtman.checks.excerpt import summary
from wtman.formats.reset_time import reset_of
from wtman.journal.events import SETUP_FAILED, FlowKept, SessionFinished
from wtman.journal.replay_flow import OF_STEPS
from wtman.journal.state import FlowView, PersonQuestion, State, TaskView
from wtman.model.ids import TaskId
from wtman.model.roles import agent_of_lead, agent_of_task
from wtman.model.session import Usage
from wtman.model.states import RunKind, RunState, Standing, TaskState
from wtman.plan.allowance import planning_limit
from wtman.review.judgement import is_audit, unseen
from wtman.tasks.lifecycle import judged_by_none, landable, run_state, standings
from wtman.tasks.repair import excluded_to_repair

FINISHED = (RunState.MERGED, RunState.FAILED)
FELL_SHORT = (TaskState.FAILED, TaskState.REJECTED, TaskState.EXCLUDED)


def used_by(view: TaskView) -> Usage:
    """What the sessions of a task have used, the finished ones; of a lead those that cut it."""
    outcomes = (item.outcome for item in view.attempts)
    return sum((outcome.usage for outcome in outcomes if outcome is not None), view.team.usage)


def agent_of(state: State, view: TaskView) -> str:
    """The agent of a task: of its newest attempt, else as the plan names it; who cuts a lead."""
    if view.planned.lead:
        planned = view.team.planned
        return planned.agent if planned is not None else agent_of_lead(state.settings, state.roles)
    played = next((item.agent for item in reversed(view.attempts) if item.agent), "")
    return played or agent_of_task(state.settings, state.roles, view.task)


def last_outcome(view: TaskView) -> SessionFinished | None:
    """How the newest finished attempt ended, of those that count for the work as it stands."""
    ended = [item for item in reversed(view.attempts) if item.outcome is not None]
    counting = [item for item in ended if item.fingerprint] or ended
    return counting[0].outcome if counting else None


def working_time(view: TaskView, now: float) -> float:
    """Seconds of its setups, sessions and checks; a session in flight counts up to `now`."""
    total = view.spent
    for item in view.attempts:
        if item.ended is None:
            total += max(now - item.started, 0.0) if now else 0.0
        elif item.outcome is not None and item.outcome.seconds:
            total += item.outcome.seconds
        else:
            total += max(item.finished - item.started, 0.0)
    return total


def shortfall(state: State) -> tuple[str, ...]:
    """Why the run as a whole does not go on, each with the fix."""
    lines = []
    if state.failed is not None:
        lines.append(with_hint(_in_short(state.failed.reason), state.failed.hint))
    elif state.base_checked is not None and state.base_checked.problem:
        lines.append(with_hint(_in_short(state.base_checked.problem), state.base_checked.hint))
    if state.paused is not None:
        lines.append(with_hint(f"paused: {state.paused.reason}", state.paused.hint))
    if state.merge is not None and state.merge.failed is not None:
        lines.append(with_hint(state.merge.failed.reason, state.merge.failed.hint))
    return tuple(lines)


def _in_short(reason: str) -> str:
    """A reason, and the telling line of what a program printed below it."""
    first, _, said = reason.partition("\n")
    told = summary(said) if said else ""
    return f"{first}; it printed: {told}" if told else first


def next_step(state: State, live: bool, known: Mapping[TaskId, Standing] | None = None) -> str:
    """What to do next, for people: the command, and what has to be mended before it."""
    known = known if known is not None else standings(state)
    command, first = next_command(state, live, known), preparation(state, live, known)
    return f"{first}, then: {command}" if first else command


def next_told(
    state: State, live: bool, known: Mapping[TaskId, Standing] | None = None
) -> list[str]:
    """The same as lines: the command has one of its own, to be copied."""
    known = known if known is not None else standings(state)
    command, first = next_command(state, live, known), preparation(state, live, known)
    return [*([f"first: {first}"] if first else []), f"next: {command}"]


def written_as(state: State) -> FlowKept | None:
    """The file with the flow that a planner has written in place of a plan; None: there is none."""
    return state.planning.kept if state.planning is not None else None


def preparation(state: State, live: bool, known: Mapping[TaskId, Standing] | None = None) -> str:
    """What to mend before the next command is typed, without which it would fail as before."""
    if live or state.dismissed:
        return ""
    if (written := written_as(state)) is not None:
        return f"read {shlex.quote(written.path)}"
    known = known if known is not None else standings(state)
    base, status = state.base_checked, run_state(state, known)
    if base is not None and base.problem and (state.failed is not None or not _has_begun(state)):
        return _mended_base(state, base.problem, base.hint)
    if status is RunState.PAUSED and state.paused is not None:
        waits = reset_of(state.paused.reason) and not state.settings.wait_for_reset
        return "" if waits or _spent(state) else _to_mend(state.paused.hint)
    if state.flow is not None and state.flow.ended is not None and state.flow.ended.error:
        return f"edit {_script_of(state.flow)}" if _is_of_script(state.flow) else ""
    if status is RunState.STOPPED and state.failed is not None:
        return _to_mend(state.failed.hint)
    if status is RunState.FAILED and _waits_for_setup(state):
        return f"{_edited(state, 'setup')}"
    failed = state.merge.failed if state.merge is not None else None
    if failed is not None and next_command(state, live, known).startswith("wtman merge "):
        return _to_mend(failed.hint)
    return ""


_THEN = re.compile(
    r"(?:,? then|;|:)*:? *`?(?:wtman (?:resume|run|merge)|run the same (?:merge|command))\b.*",
    re.DOTALL,
)
_NOTHING = "nothing was landed;"  # what a merge says first, which mends nothing


def _to_mend(hint: str) -> str:
    """What a hint says is to be done before the run goes on."""
    return _THEN.sub("", hint.removeprefix(_NOTHING)).strip(" ,;:")


_LINE = re.compile(r"in (\S+): ((?:symlink|setup|copy) = \[.*?\])(?:,|$| \()")


def _mended_base(state: State, problem: str, hint: str) -> str:
    """What helps where the checks could not judge the base; the line of a hint, where one is."""
    first = problem.splitlines()[0]
    if found := _LINE.match(hint):
        return f"put `{found[2]}` in {found[1]}"
    if first.startswith(SETUP_FAILED):
        return _edited(state, "setup")
    if " does not see the checkout " in first:
        return f"edit setup in {_file_of(state, 'setup')}"
    if " cannot run" in first:
        return f"{_edited(state, 'check')} or install what it lacks"
    if _has_begun(state):  # its tasks keep the base that they have started from
        return _edited(state, "check")
    return f"fix the base and commit, or {_edited(state, 'check')}"


def _edited(state: State, key: str) -> str:
    has = state.configured is not None and key in state.configured.sources
    return f"{'edit' if has or key == 'setup' else 'set'} {key} in {_file_of(state, key)}"


def _file_of(state: State, key: str) -> str:
    """The file that has a key of the configuration, or should have it."""
    sources = state.configured.sources if state.configured is not None else {}
    files = [sources[key]] if key in sources else [*sources.values()]
    return next((name for name in files if name != ".worktreeinclude"), "wtman.toml")


def _has_begun(state: State) -> bool:
    return any(view.attempts for view in state.tasks.values())


def _waits_for_setup(state: State) -> bool:
    return any(view.stuck.startswith(SETUP_FAILED) for view in state.tasks.values())


def _is_of_script(flow: FlowView) -> bool:
    """Whether an error is of the script itself, which another play would only repeat."""
    error = flow.ended.error if flow.ended is not None else {}
    return str((error or {}).get("type", "")) not in OF_STEPS


def _script_of(flow: FlowView) -> str:
    """The script as a user finds it: its file, else the flow of that name."""
    added = flow.added
    return shlex.quote(added.path) if added.path else f"the flow {added.name}"


def next_command(state: State, live: bool, known: Mapping[TaskId, Standing] | None = None) -> str:
    """What to type next."""
    known = known if known is not None else standings(state)
    run = state.run
    # What the script of a flow did without is no longer asked for.
    asked = state.flow.wanted if state.flow is not None else known
    fell = [task for task in asked if task in known and known[task].state in FELL_SHORT]
    # What needs another of them comes after it.
    fell = sorted(fell, key=lambda task: bool({*state.tasks[task].needed} & {*fell}))
    # Not one that stays behind with others; a lead goes on with the part that fell short.
    left = {task: state.tasks[task].excluded for task in fell}
    alone = [task for task, item in left.items() if item is None or not item.follows]
    short = next((task for task in alone if not set(state.parts_of(task)) & set(fell)), "")
    again = _retry(state, short)
    if live:
        return f"wtman status {run} --watch"
    if state.dismissed:
        return f"wtman restore {run}"
    if (written := written_as(state)) is not None:
        return f"wtman run {written.name}"
    status = run_state(state, known)
    if state.kind is RunKind.REVIEW and status in (RunState.READY, *FINISHED):
        return f"wtman {'review' if unseen(state) else 'report'} {run}"
    if state.flow is not None:
        return _next_of_flow(state, state.flow, status, known, short, again)
    match status:
        case RunState.PLANNED:
            return f"wtman resume {run} --yes"
        case RunState.WAITING:
            return _to_answer(state)
        case RunState.READY | RunState.MERGED if short and excluded_to_repair(state, known):
            return _resume(state)
        case RunState.READY if landable(state, known) or not short:
            into = "" if state.target else " --into BRANCH"
            return f"wtman merge {run}{into}{_unchecked(state, known)}"
        case RunState.READY:
            return again
        case RunState.MERGED:
            if short:
                return again
            cleaned = all(view.cleaned for view in state.tasks.values())
            return f"wtman {'report' if cleaned else 'clean'} {run}"
        case RunState.FAILED if short and not _waits_for_setup(state):
            return again
        case _:
            return _resume(state)


# Stands for what the user would say to the next attempt; typed as it is, it says nothing.
IN_OTHER_WORDS = "what to do differently"


def _retry(state: State, task: str) -> str:
    """One more attempt of a task: what fell short by itself is told how to do better, what a
    merge excluded is brought up to where the target is now."""
    if not task:
        return ""
    view = state.tasks[TaskId(task)]
    left = view.excluded
    bare = view.planned.lead or not view.attempts or (left and left.reason != "unverified")
    return f"wtman retry {state.run}/{task}" + ("" if bare else f' -m "{IN_OTHER_WORDS}"')


def _to_answer(state: State) -> str:
    """What comes next where a run waits. Whoever follows it gives no rights by that: what a task
    asks for beyond the approved plan is shown first."""
    first = state.questions[0]
    return answer_command(state, first) if first.asked is None else f"wtman answer {state.run}"


def answer_command(state: State, question: PersonQuestion, option: str = "") -> str:
    """How a question is answered with one of its options, by default the first.

    Where the run waits with others, too, it is named.
    """
    said = option or question.options[0]
    others = any(item.key != question.key for item in state.questions)
    which = ("--question", short_key(question)) if others else ()
    dashes = ("--",) if said.startswith("-") else ()
    return shlex.join(["wtman", "answer", state.run, *which, *dashes, said])


def short_key(question: PersonQuestion) -> str:
    """By what people name a question."""
    return question.key if question.asked is not None else question.key[:12]


def _next_of_flow(
    state: State,
    flow: FlowView,
    status: RunState,
    known: Mapping[TaskId, Standing],
    short: str,
    again: str,
) -> str:
    run = state.run
    match status:
        case RunState.PLANNED:
            return f"wtman resume {run} --yes"
        case RunState.WAITING:
            return _to_answer(state)
        case RunState.READY if flow.wanted and (landable(state, known) or not short):
            into = "" if state.target else " --into BRANCH"
            return f"wtman merge {run}{into}{_unchecked(state, known)}"
        case RunState.READY | RunState.MERGED if short:
            return again
        case RunState.READY if is_audit(state) and _has_confirmed(state):
            return _fixed_by(state)
        case RunState.READY:
            return f"wtman report {run}"
        case RunState.MERGED:
            cleaned = all(view.cleaned for view in state.tasks.values())
            return f"wtman {'report' if cleaned else 'clean'} {run}"
        case RunState.FAILED if _is_of_script(flow):
            return flow.added.resume_command(run)
        case _:
            return _resume(state)


def _has_confirmed(audit: State) -> bool:
    from wtman.review.audit import audit_findings  # few runs are audits

    return bool(audit_findings(audit).confirmed)


def _fixed_by(audit: State) -> str:
    from wtman.review.audit import fix_command  # few runs are audits

    return fix_command(audit)


def _resume(state: State) -> str:
    """The command that goes on; where a run has used up a limit with more of that."""
    return " ".join([f"wtman resume {state.run}", *_spent(state)])


def _spent(state: State) -> list[str]:
    """Options that raise what a paused run has used up."""
    settings, charged = state.settings, state.charged
    if state.paused is None:
        return []
    if reset_of(state.paused.reason) and not settings.wait_for_reset:
        return ["--wait-for-reset"]
    if state.sessions >= settings.max_sessions or "--max-sessions N" in state.paused.hint:
        return [f"--max-sessions {2 * settings.max_sessions}"]
    planning = state.planning.charged.usd if state.planning is not None else 0.0
    limit = planning_limit(settings).usd
    cents = math.ceil(200 * max(settings.budget_usd, charged.usd or 0.0))
    return [
        f"{flag} {enough}"
        for flag, limit, enough in (
            ("--plan-budget-usd", limit, f"{math.ceil(200 * max(limit, planning)) / 100:.2f}"),
            ("--budget-usd", settings.budget_usd, f"{cents / 100:.2f}"),
            (
                "--budget-tokens",
                settings.budget_tokens,
                2 * max(settings.budget_tokens, charged.tokens),
            ),
        )
        if limit and f"{flag} N" in state.paused.hint
    ]


def _unchecked(state: State, known: Mapping[TaskId, Standing]) -> str:
    """The word that lets branches land which no check judged; without it all are excluded."""
    judged = any(item.state is TaskState.VERIFIED for item in known.values())
    waiting = any(
        judged_by_none(state, task, known) and not state.tasks[task].external for task in known
    )
    return " --unchecked" if waiting and not judged else ""


def exit_status(state: State) -> int:
    """The exit status of SPEC section 2 for a run that nobody drives any more."""
    known = standings(state)
    if state.base_checked is not None and state.base_checked.problem:
        return 3
    if state.failed is not None:
        return 1
    match run_state(state, known):
        case RunState.PAUSED | RunState.WAITING:
            return 4
        case RunState.STOPPED:
            return 130
        case RunState.READY | RunState.MERGED if state.flow is not None:
            merge = state.merge.landed if state.merge is not None else None
            return int(merge is not None and bool(merge.excluded))
        case RunState.READY | RunState.MERGED:
            return int(any(item.state in FELL_SHORT for item in known.values()))
        case _:
            return 1


def with_hint(reason: str, hint: str) -> str:
    return f"{reason} ({hint})" if hint else reason
