"""A run without a world: actions are answered with events, in any order, with crashes.

The simulator is what the effects are to `decide`, reduced to what `decide` can see.
It keeps count of what must never happen.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from wtman.budget.budget import counts
from wtman.coordinator import actions as a
from wtman.coordinator.decide import decide
from wtman.coordinator.loop import intent_of
from wtman.journal import events as e
from wtman.journal import record
from wtman.journal.events import BackoffEnded
from wtman.journal.replay import replay
from wtman.journal.state import State, Unit, digest
from wtman.model.actions import ActionKey, ActionKind
from wtman.model.check import CheckResult, Verdict
from wtman.model.finding import Claim
from wtman.model.graph import cycle
from wtman.model.ids import Branch, Pair, RunId, Sha, TaskId
from wtman.model.plan import Identity, Task
from wtman.model.session import Cap, Ended, Outcome, Usage
from wtman.model.settings import Settings
from wtman.model.states import DEAD
from wtman.plan.authority import as_part
from wtman.review.actions import Reproduce, Review
from wtman.tasks.lifecycle import last_counted, standings, task_state
from wtman.tasks.overlap import candidates, live, overlapped, subjects
from wtman.worktrees.decide import are_shared

Choose = Callable[[int], int]  # a number below the given one


def task(name: str, *needs: str, **more: object) -> Task:
    return Task(
        id=TaskId(name),
        prompt=f"do {name}",
        needs=tuple(TaskId(need) for need in needs),
        **more,  # type: ignore[arg-type]
    )


def created(*tasks: Task, **settings: object) -> list[e.Event]:
    options = {"check": ("test",), "agent": "command:x", "worktrees": "/w", **settings}
    return [
        e.RunCreated(
            run=RunId("run-1"),
            request="all",
            base=Sha("base"),
            target=Branch("main"),
            settings=Settings(**options),  # type: ignore[arg-type]
            identity=Identity("A", "a@example.org"),
        ),
        *(e.TaskAdded(item) for item in tasks),
        e.Approved(),
    ]


def key_of(name: str) -> ActionKey:
    """The key of an action that is spelled so: "session/a", "base"."""
    kind, _, subject = name.partition("/")
    return ActionKey(ActionKind(kind), subject)


def spelled(key: ActionKey) -> str:
    return f"{key.kind}/{key.subject}" if key.subject else key.kind.value


@dataclass
class World:
    """The journal, what is being performed, and what the outside remembers."""

    journal: list[record.Recorded] = field(default_factory=list)
    running: dict[str, a.Action] = field(default_factory=dict)  # by key, spelled "session/a"
    cancelled: set[str] = field(default_factory=set)
    finished: set[tuple[str, int]] = field(default_factory=set)  # sessions with an exit marker
    ran: list[str] = field(default_factory=list)  # content keys of sessions, as they end
    most_sessions: int = 0
    looks: dict[Pair, int] = field(default_factory=dict)
    half_done: int = 0  # worktrees that were being made when wtman crashed
    folders: set[TaskId] = field(default_factory=set)  # tasks whose worktree is on disk
    clock: float = 0.0
    # What befalls a session or a check: by task and attempt, "" is all well.
    session_fate: Callable[[TaskId, int], str] = lambda task, attempt: ""
    usage_fate: Callable[[TaskId, int, Cap], Usage] = lambda task, attempt, cap: Usage()
    check_fate: Callable[[TaskId, Sha], Verdict] = lambda task, head: Verdict.GREEN
    # Which of the pairs that a look compares collide, and where following conflicts.
    overlap_fate: Callable[[tuple[Pair, ...]], Iterable[Pair]] = lambda pairs: ()
    follow_fate: Callable[[TaskId], tuple[str, ...]] = lambda task: ()
    # What reviewers claim of a unit, and the tips where a proof shows something.
    review_fate: Callable[[Unit], tuple[Claim, ...]] = lambda unit: ()
    proof_fate: Callable[[str, dict[TaskId, Sha]], str] = lambda finding, tips: "not reproduced"
    # What the planner of a lead answers, by lead and attempt: parts, or why there are none.
    team_fate: Callable[[TaskId, int], tuple[Task, ...] | str] = lambda lead, attempt: ()
    # What a candidate of the train of a lead comes to.
    train_fate: Callable[[tuple[TaskId, ...]], Verdict] = lambda members: Verdict.GREEN
    plannings: list[tuple[TaskId, int]] = field(default_factory=list)  # sessions, as they ran

    def append(self, events: Iterable[e.Event]) -> None:
        for event in events:
            self.clock += 1
            self.journal.append(record.Recorded(len(self.journal) + 1, self.clock, event))

    @property
    def state(self) -> State:
        return replay(self.journal)

    @property
    def keys(self) -> frozenset[ActionKey]:
        return frozenset(key_of(name) for name in self.running)

    def turn(self) -> None:
        """Decide, and journal the intents of what starts; again where needs were added."""
        while self._turn():
            pass
        assert set(self.running) != {"watch"} or "watch" in self.cancelled, (
            "the watch alone keeps the run alive"
        )

    def _turn(self) -> bool:
        linked = False
        # What is kept from the turn before tells the same as looking at everything again.
        anew = {task: task_state(self.state, task) for task in self.state.tasks}
        assert standings(self.state) == anew
        for action in decide(self.state, self.keys):
            if isinstance(action, a.Cancel):
                assert spelled(action.key) in self.running
                self.cancelled.add(spelled(action.key))
                continue
            if isinstance(action, a.Pause):
                self.append([e.Paused(action.reason, action.hint)])
                linked = True
                continue
            if isinstance(action, a.Chain):
                self._may_chain(action)
                self.append([e.Chained(action.task, action.need, action.paths)])
                linked = True
                continue
            if isinstance(action, a.Unchain):
                self.append([e.Unchained(action.task, action.need, action.reason)])
                linked = True
                continue
            if isinstance(action, a.AnswerWanted):
                self.append(action.outcomes)
                linked = True
                continue
            if isinstance(action, a.SettleStep | a.TellTorn):
                self.append([action.outcome])
                linked = True
                continue
            name = spelled(action.key)
            assert name not in self.running, f"{name} is running already"
            if isinstance(action, a.MakeWorktree | a.BringBack):
                self._may_place(action)
            if isinstance(action, a.Watch | a.Backoff | a.PlayScript):
                self.running[name] = action
                continue
            if isinstance(action, a.RunSession):
                self._may_start(action)
                self._may_spend(action)
            self.running[name] = action
            self.append([intent_of(action)])
        at_work = (a.RunSession, a.PlanTeam)
        sessions = sum(isinstance(item, at_work) for item in self.running.values())
        self.most_sessions = max(self.most_sessions, sessions)
        if are_shared(self.state.settings):
            new = {item.task for item in self._placing() if not item.over} - self.folders
            # What was on its way at a crash may stand in two places until both go on.
            most = self.state.settings.jobs + self.half_done
            assert len(self.folders) + len(new) <= most
        return linked

    def _placing(self) -> list[a.MakeWorktree | a.BringBack]:
        running = self.running.values()
        return [item for item in running if isinstance(item, a.MakeWorktree | a.BringBack)]

    def _may_place(self, action: a.MakeWorktree | a.BringBack) -> None:
        over = action.over
        if not over:
            return
        assert over != action.task
        assert f"session/{over}" not in self.running, "nobody's worktree is taken at work"
        assert f"worktree/{over}" not in self.running
        assert all(item.over != over for item in self._placing()), "no worktree is given to two"

    def _place(self, action: a.MakeWorktree | a.BringBack) -> None:
        """The folder of another task becomes that of this one, unless it is already."""
        if action.over:
            self.folders.discard(action.over)
        self.folders.add(action.task)

    def _may_chain(self, action: a.Chain) -> None:
        state = self.state
        view = state.tasks[action.task]
        assert view.in_flight is None, "a chain waits for the next attempt"
        last = last_counted(view)
        assert last is None or last.ended is not Ended.OK or last.red or view.request.restart, (
            "finished work is not chained"
        )
        assert not {f"session/{action.task}", f"worktree/{action.task}"} & set(self.running)
        after = replay([record.Recorded(0, 0, e.Chained(action.task, action.need))], state)
        assert not cycle(tuple(item.task for item in after.tasks.values()))

    def _may_start(self, action: a.RunSession) -> None:
        state = self.state
        view = state.tasks[action.task]
        assert view.worktree and action.task in self.folders, "a session needs a worktree"
        assert all(item.over != action.task for item in self._placing())
        for need in view.task.needs:
            other = state.tasks[need]
            if need in view.loose:
                assert standings(state)[need].state in DEAD, "it does not wait for a collision"
                continue
            if view.task.step:
                assert view.has_work or tuple(view.needs.values()) == view.task.tips
                continue
            assert view.needs[need] == other.head or view.has_work, "it starts from a stale need"

    def _may_spend(self, action: a.RunSession) -> None:
        state = self.state
        if action.attach:
            return  # the user's own hands are held by nothing
        assert not state.backoff, "nothing starts while a provider turns sessions away"
        live = sum(isinstance(item, a.RunSession) for item in self.running.values())
        assert live < min(state.settings.jobs, state.rate_limit or state.settings.jobs)
        caps = list(state.reserved.values())
        for budget, cap, used in (
            (
                state.settings.budget_usd,
                action.cap.usd,
                state.charged.usd + sum(c.usd for c in caps),
            ),
            (
                state.settings.budget_tokens,
                action.cap.tokens,
                state.charged.tokens + sum(c.tokens for c in caps),
            ),
        ):
            if budget:
                assert cap > 0, "a session of a run with a budget has a cap"
                assert cap + used <= budget * (1 + 1e-9), "its cap fits what is left"

    def finish(self, key: str) -> None:
        """One running action comes to its end."""
        action = self.running.pop(key)
        cancelled = key in self.cancelled
        self.cancelled.discard(key)
        self.append(self._outcome(action, cancelled))

    def crash(self, choose: Choose) -> None:
        """The coordinator dies; some sessions had reached their exit marker by then."""
        for action in self.running.values():
            if isinstance(action, a.RunSession) and choose(2):
                self.finished.add((action.task, action.attempt))
            if isinstance(action, a.PlanTeam) and choose(2):
                self._planning(action)
        for half in self._placing():
            self.half_done += 1
            if choose(2):
                self._place(half)
        self.running.clear()
        self.cancelled.clear()
        self.append([e.Resumed("after a crash")])

    def _planning(self, action: a.PlanTeam) -> None:
        """The planner's session, once: whoever asks again finds what it said."""
        if (action.task, action.attempt) not in self.plannings:
            self.plannings.append((action.task, action.attempt))

    def _cut(self, action: a.PlanTeam) -> e.TeamPlanned | e.TeamPlanFailed:
        self._planning(action)
        lead, attempt = action.task, action.attempt
        said = self.team_fate(lead, attempt)
        if isinstance(said, str):
            return e.TeamPlanFailed(lead, attempt, action.agent, said)
        view = self.state.tasks[lead].planned
        parts = tuple(as_part(view, item) for item in said)
        needs = dict(action.needs)
        start = Sha("+".join(needs.values())) if needs else self.state.base
        plan = (lead, attempt, action.agent, action.fingerprint, start, needs, parts)
        return e.TeamPlanned(*plan)

    def drive(self, choose: Choose, crashes: int = 0) -> State:
        """Until nothing is left to do; actions end in any order."""
        for _ in range(10_000):
            self.turn()
            if not self.running:
                return self.state
            if crashes and not choose(4):
                crashes -= 1
                self.crash(choose)
                continue
            keys = sorted(self.running)
            self.finish(keys[choose(len(keys))])
        raise AssertionError("the run does not end")

    def _outcome(self, action: a.Action, cancelled: bool) -> tuple[e.Event, ...]:
        match action:
            case a.CheckBase(commit):
                results = tuple(
                    CheckResult(command, Verdict.GREEN) for command in self.state.checks
                )
                proofs = tuple(proof.key for proof in self.state.proofs)
                return (e.BaseChecked(commit, results, proofs=proofs),)
            case a.MakeWorktree(name, needs, over):
                self._place(action)
                start = Sha("+".join(tip for _, tip in needs)) if needs else self.state.base
                branch = Branch(f"wtman/run-1/{name}")
                path = f"/w/{name}"
                return (e.WorktreeMade(name, path, branch, start, dict(needs), over=over),)
            case a.BringBack(name, _, _, over):
                self._place(action)
                return (e.WorktreeBack(name, f"/w/{name}", over=over),)
            case a.RunSession():
                fate = "stopped" if cancelled else self.session_fate(action.task, action.attempt)
                return (self._session(action, fate, action.cache_key),)
            case a.Collect(name, attempt):
                if (name, attempt) in self.finished:
                    return (self._session(action, self.session_fate(name, attempt), ""),)
                return (e.SessionFinished(name, attempt, Ended.INTERRUPTED, action.at),)
            case a.CheckTask(name, start, head):
                if cancelled:
                    return (e.Abandoned(action.key),)
                verdict = self.check_fate(name, head)
                results = tuple(
                    CheckResult(command, verdict) for command in self.state.judges_of(name)
                )
                return (e.Checked(name, head, start, verdict, results),)
            case a.Follow(name, _, head, needs):
                start = Sha("+".join(tip for _, tip in needs))
                conflicts = self.follow_fate(name)
                tip = start if conflicts else Sha(digest(head, start))
                return (e.Followed(name, start, tip, dict(needs), conflicts),)
            case a.PlanTeam():
                if cancelled:
                    return (e.Abandoned(action.key, "stopped"),)
                return (self._cut(action),)
            case a.JudgeTeam(lead, wanted, heads):
                verdict = self.train_fate(wanted.members)
                commit = Sha(digest(wanted.on, *(head for _, head in heads)))
                results = (CheckResult("test", verdict),)
                judged = e.CandidateJudged(
                    wanted.on, wanted.members, verdict, commit, commit, results
                )
                return (e.TeamJudged(lead, dict(heads), judged),)
            case a.MakeTeam(lead, start, heads, _, to, verdict):
                branch = Branch(f"wtman/run-1/{lead}")
                return (e.TeamMade(lead, start, dict(heads), to, branch, verdict),)
            case a.MoveTeam(lead, needs):
                return (e.TeamMoved(lead, Sha("+".join(tip for _, tip in needs)), dict(needs)),)
            case a.Watch():
                return () if cancelled else self._look()
            case a.Backoff():
                return () if cancelled else (BackoffEnded(),)
            case a.Restore(name, _, start, to, reason):
                return (e.RetryReverted(name, start, to, reason),)
            case a.PlayScript():
                return ()
            case a.AskStep(step):
                return (e.StepAnswered(step, "said", sessions=1),)
            case a.CommandStep(step):
                return (e.StepAnswered(step, {"ran": {"status": 0}}),)
            case a.ReviewStep(_, Review(unit, number)):
                seen = (unit.key, unit.kind, unit.lens, unit.agent, unit.members, unit.tips)
                return (e.Reviewed(*seen, True, number, claims=self.review_fate(unit)),)
            case a.ReviewStep(_, Reproduce(finding, tips)):
                proof = self.state.reviews.findings[finding].reproducer
                assert proof is not None
                kind = self.proof_fate(finding, tips)
                return (e.Reproduced(finding, proof.key, tuple(tips), tips, (), kind),)
            case a.Rewind(name, _, to):
                return (e.TaskRewound(name, to),)
            case a.Adopt(name, _, start, to):
                return (e.Adopted(name, start, to),)
        raise AssertionError(f"unexpected {action}")

    def _look(self) -> tuple[e.Event, ...]:
        state = self.state
        seen = subjects(state, standings(state))
        everywhere = {name: frozenset(("a.py",)) for name in seen}
        pairs = candidates(state, everywhere, live(state))
        found = dict.fromkeys(self.overlap_fate(pairs), ("a.py",))
        event = overlapped(state, found, {pair: self.looks.get(pair, 0) for pair in found})
        self.looks = {pair: self.looks.get(pair, 0) + 1 for pair in found}
        return () if event is None else (event,)

    def _session(
        self, action: a.RunSession | a.Collect, fate: str, content: str
    ) -> e.SessionFinished:
        name, attempt = action.task, action.attempt
        cap = self.state.reserved.get(action.key, Cap())
        usage = self.usage_fate(name, attempt, cap)
        if fate == "stopped":
            return e.SessionFinished(name, attempt, Ended.INTERRUPTED, action.at, usage=usage)
        self.ran.append(content or f"{name}/{attempt}")
        if fate == "quota":
            return e.SessionFinished(
                name, attempt, Ended.INTERRUPTED, action.at, fatal="quota exhausted", usage=usage
            )
        if fate == "limited":
            return e.SessionFinished(
                name, attempt, Ended.INTERRUPTED, action.at, limited=True, usage=usage
            )
        outcome = Outcome(ok=not fate, usage=usage)
        if fate and not counts(self.state.settings, cap, outcome):
            return e.SessionFinished(
                name, attempt, Ended.INTERRUPTED, action.at, reason=fate, usage=usage
            )
        if fate:
            return e.SessionFinished(
                name, attempt, Ended.FAILED, action.at, reason=fate, usage=usage
            )
        head = Sha(digest(name, str(attempt), action.at))
        return e.SessionFinished(name, attempt, Ended.OK, head, files=1, usage=usage)
