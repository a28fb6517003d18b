"""What to do next: the whole scheduler as one pure function.

`decide(state, running)` looks at a replayed state and at the keys of the actions
that are being performed, and names the actions to start. It never waits and keeps
nothing, so that a resume is the same call over an older journal and a scheduling
test is a list of events and the expected actions.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from wtman.budget.budget import MOST_WAITS, BudgetStatus, budget_status, exhausted, wait_of
from wtman.checks.actions import CheckBase, CheckTask
from wtman.coordinator.actions import Action
from wtman.coordinator.next_session import attached_session, next_session
from wtman.flow import decide as flows
from wtman.flow.actions import AskStep, ReviewStep, TrainStep, WriteFlow
from wtman.flow.reviews import review_steps
from wtman.flow.trains import train_steps
from wtman.journal.state import State, TaskView
from wtman.merge.decide import decide_merge
from wtman.merge.resolve import given_up
from wtman.merge.team import starts_from, team_actions
from wtman.model.actions import ActionKey, ActionKind, Backoff, Cancel, Pause, TaskAction, busy
from wtman.model.graph import critical, leaves
from wtman.model.ids import TaskId
from wtman.model.memory import last_answer
from wtman.model.plan import Task
from wtman.model.roles import agent_of_lead
from wtman.model.session import Cap, Ended, Usage
from wtman.model.states import DONE, SETTLED, Standing, TaskState
from wtman.plan.actions import MakePlan, PlanTeam, Scout
from wtman.plan.decide import planning_actions
from wtman.review.actions import Refute, Review
from wtman.review.decide import review_actions
from wtman.sessions.actions import Collect, RunSession
from wtman.tasks.actions import AnswerWanted, Chain, DecideRepair, Observe, Unchain, Watch
from wtman.tasks.addition import admission
from wtman.tasks.decide import chained, unchained
from wtman.tasks.lifecycle import fruitless, is_unjudged, last_counted, stale_needs, standings
from wtman.tasks.overlap import worth_watching
from wtman.tasks.repair import repairs_wanted, settled, unasked
from wtman.text.terminal import count
from wtman.worktrees.actions import Adopt, BringBack, Follow, MakeWorktree, Restore
from wtman.worktrees.decide import given_to, offer_of, taken_over


def decide(
    state: State, running: frozenset[ActionKey], live: Mapping[ActionKey, Usage] | None = None
) -> tuple[Action, ...]:
    """The actions to start now, most important first. Empty and nothing running: all is done.

    `live` is what running sessions have used so far, by key, where their streams tell.
    """
    if state.merge is not None and not state.merge.over:
        return decide_merge(state, running)
    if state.asked_stop or state.stopped is not None or state.failed is not None:
        return tuple(Cancel(key) for key in sorted(running))
    if state.planning is not None and state.planning.made is None:
        return _plan(state, running)
    if not state.approved:
        return ()
    if state.wanted:
        return tuple(AnswerWanted(admission(state, item)) for item in state.wanted[:1])
    if made := settled(state):
        return (AnswerWanted(made),)
    known = standings(state)
    if told := unasked(state, known):
        return (AnswerWanted(told),)
    actions: list[Action] = [*_cancels(state, running, known), *_settle_left(state, running)]
    actions += [*flows.outcomes(state, known), *flows.over_budget(state, known)]
    proofs, asked, outcomes = review_steps(state)
    trains, judged = train_steps(state)
    actions += [*outcomes, *judged]
    actions += flows.ends(state, running)
    resting = flows.resting(state, running)
    links: list[Chain | Unchain] = [*unchained(state, known)]
    if state.paused is None:
        if state.flow is None:  # a step starts from what its script names, from nothing else
            links += chained(state, running, known)
        back = given_up(state, running, known)
        back += _reverted(state, running, known)
        gone = {item.task for item in back}
        follows = [*back, *(f for f in _follows(state, running, known) if f.task not in gone)]
        actions += [*links, *_base(state, running), *follows]
        held = {item.task for item in links} | {item.task for item in follows} | resting
        actions += [item for item in _checks(state, running, known) if item.task not in gone]
        wanted: list[AskStep | ReviewStep | DecideRepair] = [*flows.asks(state, running), *asked]
        if base_settled(state):
            wanted += repairs_wanted(state, running, known)
        reviews = _reviews(state, running, known, live or {}, wanted)
        actions += reviews
        if not any(isinstance(item, Pause) for item in reviews):
            moved = {item.task for item in follows}
            actions += _starts(state, running, known, held, moved, live or {}, reviews)
        actions += flows.commands(state, running)
        if base_settled(state):
            runs: list[ReviewStep | TrainStep] = [*proofs, *trains]
            actions += [item for item in runs if item.key not in running]
            actions += team_actions(state, running, known)
    else:
        actions += [*links, *_checks(state, running, known), *_end_backoff(running)]
    if resting:
        actions = [
            item
            for item in actions
            if getattr(item, "task", "") not in resting or isinstance(item, Collect)
        ]
    actions = _handed_over(state, running, known, actions)
    actions += _opened(state, running, known, actions)
    if state.held:
        actions = [item for item in actions if getattr(item, "key", None) not in state.held]
    actions += flows.script(state, running, bool(actions))
    if not actions and not running:
        return _observation(state, known)
    return (*actions, *_watch(state, running, known, actions))


def _handed_over(
    state: State,
    running: frozenset[ActionKey],
    known: Mapping[TaskId, Standing],
    wanted: list[Action],
) -> list[Action]:
    """Tasks whose next session is the user's: what runs of them ends, nothing else begins."""
    asked = {task for task, view in state.tasks.items() if view.attach}
    if not asked:
        return wanted
    out = [
        item
        for item in wanted
        if getattr(item, "task", "") not in asked or isinstance(item, Collect)
    ]
    for key in sorted(running):
        if key.subject in asked and key.kind in (ActionKind.SESSION, ActionKind.CHECK):
            out.append(Cancel(key))
    for task in sorted(asked - busy(running)):
        view = state.tasks[task]
        if view.in_flight is not None or task in taken_over(state, running):
            continue
        if view.worktree:
            out.append(attached_session(state, view))
        elif view.branch:
            out.append(_one_more(state, running, known, view, out))
    return out


def _opened(
    state: State,
    running: frozenset[ActionKey],
    known: Mapping[TaskId, Standing],
    begun: Sequence[Action],
) -> list[Action]:
    """Worktrees that the user wants to look into, and other tasks have."""
    at_work = {key.subject for key in running if key.kind is not ActionKind.CHECK}
    at_work |= {getattr(item, "task", "") for item in begun if not isinstance(item, CheckTask)}
    out: list[Action] = []
    for task, view in state.tasks.items():
        if view.wanted and task not in at_work and view.in_flight is None:
            out.append(_one_more(state, running, known, view, (*begun, *out)))
    return out


def _one_more(
    state: State,
    running: frozenset[ActionKey],
    known: Mapping[TaskId, Standing],
    view: TaskView,
    begun: Sequence[Action],
) -> MakeWorktree | BringBack:
    """A worktree at once for a task that the user asked for: where no other is free, a new one."""
    given = {getattr(item, "over", "") for item in begun}
    # Nor that of a task which something of this turn works on.
    at_work = {item.task for item in begun if isinstance(item, TaskAction)}
    offer = offer_of(state, running, known, {view.planned.id, *at_work})
    over = next((task for task in offer.idle if task not in given), "")
    return worktree_for(state, view, TaskId("" if offer.free > 0 else over))


def _plan(state: State, running: frozenset[ActionKey]) -> tuple[Action, ...]:
    """What comes before there is anything else to do: a map, scouts, the planner's session."""
    if state.paused is not None or state.planning is None:
        return tuple(_end_backoff(running))
    wanted: list[Action] = []
    for action in planning_actions(state, running, _slots(state, running)):
        if isinstance(action, MakePlan) and state.planning.wanted.code:
            wanted.append(WriteFlow(action.attempt, action.agent, action.base, action.cap))
        else:
            wanted.append(action)
    if state.backoff and any(isinstance(item, Scout) for item in wanted):
        return tuple(_backoff(state, running))
    return tuple(wanted)


def _watch(
    state: State,
    running: frozenset[ActionKey],
    known: Mapping[TaskId, Standing],
    begun: list[Action],
) -> list[Action]:
    """A look at what runs, if two could collide; none outlives the sessions."""
    wanted = len(state.tasks) > 1 and worth_watching(
        state,
        known,
        {
            *(state.tasks.keys() & busy(running, ActionKind.SESSION)),
            *(item.task for item in begun if isinstance(item, RunSession)),
        },
    )
    if Watch().key not in running:
        return [Watch()] if wanted else []
    return [] if wanted else [Cancel(Watch().key)]


def _observation(state: State, known: Mapping[TaskId, Standing]) -> tuple[Observe, ...]:
    """Once nothing is left to do: what of the forecast came true, of these tips."""
    if state.foretold is None or state.paused is not None or state.flow is not None:
        return ()
    if any(item.state not in SETTLED for item in known.values()):
        return ()
    views = state.tasks.items()
    tips = {task: view.head for task, view in views if view.has_work and not view.planned.lead}
    if state.observed is not None and state.observed.tips == tips:
        return ()
    return (Observe(tips),)


def _cancels(
    state: State, running: frozenset[ActionKey], known: Mapping[TaskId, Standing]
) -> list[Action]:
    """Sessions whose task is gone, or has been worded anew or taken up again."""
    out: list[Action] = []
    for task in sorted(busy(running, ActionKind.SESSION)):
        view = state.tasks.get(task)
        flight = view.in_flight if view is not None else None
        if view is None or (flight is not None and flight.fingerprint != view.fingerprint):
            out.append(Cancel(ActionKey(ActionKind.SESSION, task)))
    out += [
        Cancel(ActionKey(ActionKind.PLAN, lead))
        for lead in sorted(busy(running, ActionKind.PLAN) - state.tasks.keys())
        if lead
    ]
    out += [
        Cancel(ActionKey(ActionKind.REPAIR, task))
        for task in sorted(busy(running, ActionKind.REPAIR))
        if task not in known or not known[task].repair
    ]
    return out


def _settle_left(state: State, running: frozenset[ActionKey]) -> list[Action]:
    """Attempts that a dead coordinator left behind."""
    live = busy(running, ActionKind.SESSION)
    out: list[Action] = []
    for task, view in (*state.tasks.items(), *state.dropped.items()):
        flight = view.in_flight
        if flight is None or task in live:
            continue
        out.append(Collect(task, flight.number, view.start, view.head, flight.at, flight.agent))
    return out


def _base(state: State, running: frozenset[ActionKey]) -> list[Action]:
    if base_settled(state) or ActionKey(ActionKind.BASE) in running:
        return []
    return [CheckBase(state.base)]


@last_answer
def base_settled(state: State) -> bool:
    """Whether every check of the run has been seen on the base, or there is none."""
    wanted, proofs = {*state.checks, *state.offered}, {proof.key for proof in state.proofs}
    if not (wanted or proofs):
        return True
    seen = state.base_checked
    if seen is None or not proofs <= set(seen.proofs):
        return False
    return wanted <= {*(result.command for result in seen.results), *seen.unfit}


def _follows(
    state: State, running: frozenset[ActionKey], known: Mapping[TaskId, Standing]
) -> list[Follow | Adopt]:
    """Tasks with work of their own whose needs have moved to another settled tip."""
    out: list[Follow | Adopt] = []
    at_work = busy(running)
    for task, view in state.tasks.items():
        if not view.attempts or known[task].state in SETTLED:
            continue
        if task in at_work or view.in_flight is not None or view.merged or view.external:
            continue
        last = last_counted(view)
        if last is not None and last.ended is Ended.OK and view.owner != view.fingerprint:
            assert last.outcome is not None
            out.append(Adopt(task, view.head, last.start, last.outcome.head))
            continue
        if not view.has_work:
            continue
        if not stale_needs(state, view, known) or not _needs_done(state, view, known):
            continue
        out.append(Follow(task, view.start, view.head, starts_from(state, view)))
    return out


def _reverted(
    state: State, running: frozenset[ActionKey], known: Mapping[TaskId, Standing]
) -> list[Restore]:
    """Tasks whose good work a retry has not bettered: they go back to it."""
    at_work = busy(running)
    out: list[Restore] = []
    for task, view in state.tasks.items():
        left = fruitless(state, task, known)
        if left is None or view.before is None or task in at_work or view.attach:
            continue
        out.append(Restore(task, view.head, view.before.start, view.before.head, left.reason))
    return out


def _checks(
    state: State, running: frozenset[ActionKey], known: Mapping[TaskId, Standing]
) -> list[CheckTask]:
    if not base_settled(state):
        return []
    out: list[CheckTask] = []
    at_work = busy(running)
    for task, item in known.items():
        view = state.tasks[task]
        settled = item.state in (TaskState.CHECKING, TaskState.PAUSED)
        if not settled or view.in_flight is not None or not state.judges_of(task):
            continue
        last = last_counted(view)
        if (
            last is None
            or last.ended is not Ended.OK
            or last.red
            or view.request.restart
            or view.request.again
        ):
            continue
        if stale_needs(state, view, known) or view.owner != view.fingerprint:
            continue
        if task in at_work or not is_unjudged(state, view):
            continue  # paused on its way through the reviews, it has its verdict
        out.append(CheckTask(task, view.start, view.head))
    return out


def _starts(
    state: State,
    running: frozenset[ActionKey],
    known: Mapping[TaskId, Standing],
    held: Collection[TaskId],
    moved: Collection[TaskId],
    live: Mapping[ActionKey, Usage],
    begun: Sequence[Action],
) -> list[Action]:
    """New sessions into free slots, and worktrees ahead of them; none for what is `held`.

    `begun` are the reviews and questions that start now, `moved` the tasks whose worktree follows
    others from now on: nobody takes it over meanwhile.
    """
    ready = [task for task in _ready(state, running, known) if task not in held]
    jobs = state.settings.jobs
    kinds = Review | Refute | AskStep | ReviewStep | DecideRepair
    asked = [item for item in begun if isinstance(item, kinds)]
    slots = _slots(state, running) - len(asked)
    moving = busy(running, ActionKind.WORKTREE)
    ahead = jobs - len(moving)
    offer = offer_of(state, running, known, {*ready, *moved})
    left = state.settings.max_sessions - state.sessions - len(asked)
    money = budget_status(state, live)
    for item in asked:
        money = money.holding(item.cap)
    waiting = sum(
        1
        for task, item in known.items()
        if item.state in _WANTING and state.tasks[task].in_flight is None and not item.repair
    )
    may_run = base_settled(state)
    out: list[Action] = []
    for task in ready:
        view = state.tasks[task]
        if not (view.planned.lead or _placed(state, view)):
            if ahead > 0 and task not in moving:
                over, offer = given_to(state, task, offer)
                if over is not None:
                    out.append(worktree_for(state, view, over))
                    ahead -= 1
            continue
        if not may_run or slots <= 0 or task in moving:
            ahead -= 1
            continue
        if state.backoff:
            return [*out, *_backoff(state, running)]
        if left <= 0:
            reason = f"the run has had its {count(state.settings.max_sessions, 'session')}"
            out.append(Pause(reason, "raise the limit: wtman resume --max-sessions N"))
            break
        cap = money.admit(waiting)
        if cap is None:
            out += _broke(state, money)
            break
        if money.budget.usd and view.planned.usd > money.left.usd:
            continue  # until live sessions give back what they do not use
        own = state.settings.plan_budget_usd if view.planned.lead else view.planned.usd
        if own:
            cap = replace(cap, usd=min(cap.usd or own, own))
        out.append(_lead(state, view, cap) if view.planned.lead else next_session(state, view, cap))
        money = money.holding(cap)
        waiting -= 1
        slots -= 1
        left -= 1
    return out


def _lead(state: State, view: TaskView, cap: Cap) -> PlanTeam:
    """The session that cuts a lead into parts."""
    agent = agent_of_lead(state.settings, state.roles)
    needs = starts_from(state, view)
    return PlanTeam(view.planned.id, view.team.attempt, view.fingerprint, agent, needs, cap)


def worktree_for(state: State, view: TaskView, over: TaskId) -> MakeWorktree | BringBack:
    """A worktree for a task that has none: where it begins, or where its work is."""
    if view.has_work and not view.cleaned:
        return BringBack(view.task.id, view.start, view.head, over)
    return MakeWorktree(view.task.id, starts_from(state, view), over)


def _slots(state: State, running: frozenset[ActionKey]) -> int:
    """How many more sessions may live now, of all roles."""
    jobs = state.settings.jobs
    return min(jobs, state.rate_limit or jobs) - sum(1 for key in running if key.kind in _SESSIONS)


_SESSIONS = (
    ActionKind.SESSION,
    ActionKind.REVIEW,
    ActionKind.REFUTE,
    ActionKind.ASK,
    ActionKind.PLAN,
    ActionKind.SCOUT,
    ActionKind.JUDGE,
    ActionKind.REPAIR,
)


def _reviews(
    state: State,
    running: frozenset[ActionKey],
    known: Mapping[TaskId, Standing],
    live: Mapping[ActionKey, Usage],
    others: Sequence[AskStep | ReviewStep | DecideRepair],
) -> list[Action]:
    """What reviews, questions and repairs need next. They come before new work: what is nearly
    done gets done.
    """
    free, reviews = review_actions(state, running, known)
    wanted: list[Review | Refute | AskStep | ReviewStep | DecideRepair] = [*reviews]
    wanted += [item for item in others if item.key not in running]
    out: list[Action] = [*free]
    money, left = budget_status(state, live), state.settings.max_sessions - state.sessions
    for number, action in enumerate(wanted[: max(_slots(state, running), 0)]):
        if state.backoff:
            return [*out, *_backoff(state, running)]
        if isinstance(action, DecideRepair) and number + _fresh(state, known) >= left:
            break  # what the plan has must not go without a session for it
        if number >= left:
            reason = f"the run has had its {count(state.settings.max_sessions, 'session')}"
            return [*out, Pause(reason, "raise the limit: wtman resume --max-sessions N")]
        cap = money.admit(len(wanted) - number)
        if cap is None:
            return out if isinstance(action, DecideRepair) else [*out, *_broke(state, money)]
        if isinstance(action, DecideRepair) and (own := state.settings.plan_budget_usd):
            cap = replace(cap, usd=min(cap.usd or own, own))
        if isinstance(action, AskStep) and state.flow is not None and money.budget.usd:
            if flows.own_usd(state.flow.steps[action.step]) > money.left.usd:
                continue  # until live sessions give back what they do not use
        out.append(replace(action, cap=cap))
        money = money.holding(cap)
    return out


def _fresh(state: State, known: Mapping[TaskId, Standing]) -> int:
    """How many tasks wait for a session and for nothing else."""
    return sum(
        item.state in _WANTING
        and not (item.waiting_for or item.repair)
        and state.tasks[task].in_flight is None
        for task, item in known.items()
    )


# Tasks in these states need one session more, if none is in flight.
_WANTING = (TaskState.PENDING, TaskState.FIXING)


def _broke(state: State, money: BudgetStatus) -> list[Action]:
    """No cap fits: wait for what live sessions give back, or pause."""
    return [Pause(*exhausted(state))] if money.held == Cap() else []


def _backoff(state: State, running: frozenset[ActionKey]) -> list[Action]:
    """Sessions were turned away: wait longer each time, in the end for the user."""
    if state.turned_away > MOST_WAITS:
        reason = (
            f"rate limits: the provider turned sessions away {state.turned_away} times in a row"
        )
        return [Pause(reason, f"wait a while, then: wtman resume {state.run}")]
    return [] if ActionKey(ActionKind.BACKOFF) in running else [Backoff(wait_of(state))]


def _end_backoff(running: frozenset[ActionKey]) -> list[Action]:
    """Nobody waits for a provider any more."""
    return [Cancel(key) for key in running if key.kind is ActionKind.BACKOFF]


def _ready(
    state: State, running: frozenset[ActionKey], known: Mapping[TaskId, Standing]
) -> list[TaskId]:
    """Tasks that wait for nothing but a slot: longest chain of dependents first."""
    rank = _rank(tuple(view.task for view in state.tasks.values()))
    live = busy(running, ActionKind.SESSION, ActionKind.PLAN) | taken_over(state, running)
    names = []
    for place, (task, item) in enumerate(known.items()):
        view = state.tasks[task]
        if item.state not in (TaskState.PENDING, TaskState.FIXING) or item.waiting_for:
            continue
        if item.repair:
            continue
        if view.in_flight is not None or task in live:
            continue
        # Work that is under way comes before work that has not begun.
        names.append((not view.current, -rank.get(task, 1), place, task))
    return [task for *_, task in sorted(names)]


@last_answer
def _rank(tasks: tuple[Task, ...]) -> dict[TaskId, int]:
    """The longest chain of dependents of each task; plans change seldom, turns are many."""
    return critical(leaves(tasks))


def _placed(state: State, view: TaskView) -> bool:
    """Whether the worktree is there and stands on what the task needs now."""
    if not view.worktree or view.cleaned:
        return False
    if view.has_work:
        return True
    return all(view.needs.get(need) == tip for need, tip in starts_from(state, view))


def _needs_done(state: State, view: TaskView, known: Mapping[TaskId, Standing]) -> bool:
    return all(known[need].state in DONE for need in view.task.needs if need in known)
