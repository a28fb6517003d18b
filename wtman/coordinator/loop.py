"""The loop: the only place that knows the order of things.

    state   = replay(journal)
    actions = decide(state, running)                 pure
    for each: journal Intended -> perform -> journal its outcome -> decide again

So a resume is this loop over an older journal. One durable commit a turn holds the
outcomes that came in and the intents that follow from them; nothing is performed
before its intent is on disk. The caller holds the run's lock.
"""

import asyncio
import contextlib
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from wtman.checks import perform
from wtman.context import Context
from wtman.coordinator import actions as a
from wtman.coordinator.decide import decide
from wtman.errors import (
    SPACE_HINT,
    DiskFullError,
    ExternalError,
    OutsideError,
    WtmanError,
    machine_error,
)
from wtman.flow import perform as flow
from wtman.formats.reset_time import reset_of
from wtman.journal import events as e
from wtman.journal import record
from wtman.journal.events import BackoffEnded, RateLimited
from wtman.journal.replay import replay
from wtman.journal.state import State
from wtman.merge import land
from wtman.merge import perform as train
from wtman.model.actions import ON_TASK, ActionKey, ActionKind
from wtman.model.ids import TaskId
from wtman.model.session import Cap, Usage
from wtman.plan import drafts
from wtman.plan import lead as leads
from wtman.plan import perform as plan
from wtman.plan.scouts import sessions as scouts
from wtman.review import perform as reviews
from wtman.sessions import perform as sessions
from wtman.tasks import observation
from wtman.tasks import perform as overlaps
from wtman.tasks import repair_session as repairs
from wtman.worktrees import perform as worktrees
from wtman.worktrees import team as teams

Watch = Callable[[State, Sequence[record.Recorded]], None]
Perform = Callable[[Context, State, Any], Awaitable[tuple[e.Event, ...]]]

# How often an action is begun again at once where that may help.
_TRIES = 3

# Seconds that are waited longer than a provider says, doubled each time.
_SLACK, _LONGEST_SLACK = 2.0, 600.0
# How often requests of other processes are looked for, in seconds.
_POLL = 0.25


async def _backoff(ctx: Context, state: State, action: a.Backoff) -> tuple[e.Event, ...]:
    await asyncio.sleep(action.seconds)
    return (BackoffEnded(),)


_PERFORMERS: Mapping[type, Perform] = {
    a.MakeMap: scouts.perform,
    a.Scout: scouts.perform,
    a.MakePlan: plan.perform,
    a.DraftPlan: drafts.perform,
    a.ChoosePlan: drafts.perform,
    a.PlanTeam: leads.perform,
    a.JudgeTeam: train.perform_team,
    a.MakeTeam: teams.perform,
    a.MoveTeam: teams.perform,
    a.CheckBase: perform.perform,
    a.CheckTask: perform.perform,
    a.MakeWorktree: worktrees.perform,
    a.BringBack: worktrees.perform,
    a.Follow: worktrees.perform,
    a.Adopt: worktrees.perform,
    a.Restore: worktrees.perform,
    a.RunSession: sessions.perform,
    a.Collect: sessions.perform,
    a.JudgeCandidate: train.perform,
    a.LandTrain: land.perform,
    a.Watch: overlaps.perform,
    a.Observe: observation.perform,
    a.Couple: reviews.perform,
    a.Review: reviews.perform,
    a.Reproduce: reviews.perform,
    a.Refute: reviews.perform,
    a.Backoff: _backoff,
    a.PlayScript: flow.perform,
    a.AskStep: flow.perform,
    a.CommandStep: flow.perform,
    a.ReviewStep: flow.perform,
    a.TrainStep: flow.perform,
    a.WriteFlow: flow.perform,
    a.Rewind: worktrees.perform,
    a.DecideRepair: repairs.perform,
}


# What leaves nothing behind that a resume would look for, done or not.
_TRACELESS = frozenset({ActionKind.WATCH, ActionKind.BACKOFF, ActionKind.SCRIPT})


async def drive(ctx: Context, watch: Watch | None = None) -> State:
    """Carry the run on until nothing is left to do, or it is paused, stopped or failed.

    Raises only what is a fault of the program itself; everything else is in the state.
    """
    loop = _Loop(ctx, watch or (lambda state, recorded: None))
    with _interrupts(loop):
        return await loop.run()


class _Loop:
    """The state, and the actions that are being performed."""

    def __init__(self, ctx: Context, watch: Watch) -> None:
        self.ctx = ctx
        self.watch = watch
        self.running: dict[ActionKey, asyncio.Task[tuple[e.Event, ...]]] = {}
        self.cancelled: set[ActionKey] = set()
        self.begun: dict[ActionKey, float] = {}
        self.tries: Counter[ActionKey] = Counter()
        self.state = State()
        self.interrupted = False
        self.waits = 0  # for a quota

    async def run(self) -> State:
        self.ctx.live_state.refresh = self._take_in
        try:
            self._take_in()
            if seen := await self.ctx.git(reviews.programs_seen, self.ctx.environ, self.state):
                self._journal([seen])
            outcomes: list[e.Event] = [*self._low_space()]
            while True:
                while self._turn(outcomes):
                    outcomes = []
                outcomes = []
                if self.running:
                    outcomes = await self._wait()
                elif not self._journal(self._last_words()) and not await self._quota_is_back():
                    return self.state
        finally:
            await self._end_all()

    async def _quota_is_back(self) -> bool:
        """Wait for a used up quota, where that is wanted and it is told when it is back; whether
        there is something to do again. A stop ends the waiting."""
        state = self.state
        paused = state.paused
        stopping = self.interrupted or state.asked_stop or state.stopped is not None
        if paused is None or stopping or not state.settings.wait_for_reset:
            return False
        back = reset_of(paused.reason)
        if back <= self.ctx.clock():
            return False
        # One that says so again and again is asked less and less often.
        back += min(_SLACK * 2**self.waits, _LONGEST_SLACK)
        self.waits += 1
        at = f"{datetime.fromtimestamp(back, UTC):%Y-%m-%d %H:%M:%S} UTC"
        self._journal([e.Noted(f"waits for the quota until {at}, then goes on")])
        while (left := back - self.ctx.clock()) > 0:
            await asyncio.sleep(min(left, _POLL))
            self._take_in()
            if self.interrupted or self.state.asked_stop:
                return True
        self._journal([e.Resumed("the quota is back")])
        return True

    def _last_words(self) -> list[e.Event]:
        """Why nothing goes on although something is left to do."""
        if self.state.asked_stop:
            return [e.Stopped()]
        held = next(iter(self.state.held.values()), None)
        if held is None or self.state.paused is not None or self.state.failed is not None:
            return []
        return [e.Paused(held.reason, held.hint)]

    def _turn(self, outcomes: list[e.Event]) -> bool:
        """Journal outcomes and the intents that follow, in one commit; then start these.

        Says whether what was journalled changes what is to be done: then decide again.
        """
        at = self.ctx.clock()
        if self.interrupted and not self.state.asked_stop:
            outcomes = [*outcomes, e.Requested("stop")]
        if (jobs := self._rate_limit()) != self.state.rate_limit:
            outcomes = [*outcomes, RateLimited(jobs, "rate limits")]
        provisional = replay(
            [record.Recorded(self.state.seq, at, event) for event in outcomes], self.state
        )
        begun: list[a.Performed] = []
        journal: list[e.Event] = list(outcomes)
        linked = False
        for action in decide(provisional, frozenset(self.running), self._live()):
            match action:
                case a.Cancel(key):
                    self._cancel(key)
                case a.Pause(reason, hint):
                    journal.append(e.Paused(reason, hint))
                    linked = True  # a script that waits for what now never comes is to end
                case a.Chain(task, need, paths):
                    journal.append(e.Chained(task, need, paths))
                    linked = True
                case a.Unchain(task, need, reason):
                    journal.append(e.Unchained(task, need, reason))
                    linked = True
                case a.AnswerWanted(answers):
                    journal += answers
                    linked = True
                case a.SettleStep(outcome) | a.TellTorn(_, outcome) | a.PassOver(outcome):
                    journal.append(outcome)
                    linked = True
                case a.Watch() | a.Backoff() | a.PlayScript():
                    begun.append(action)
                case _:
                    begun.append(action)
                    journal.append(intent_of(action))
        foreign = self._journal(journal)
        for action in begun:
            performing = _PERFORMERS[type(action)](self.ctx, self.state, action)
            self.running[action.key] = asyncio.ensure_future(performing)
            self.begun[action.key] = at
        return linked or foreign

    async def _wait(self) -> list[e.Event]:
        """Outcomes of what has ended; also returns when another process has asked something."""
        while True:
            woken = asyncio.ensure_future(self.ctx.live_state.wakeup.wait())
            done, _ = await asyncio.wait(
                (*self.running.values(), woken),
                timeout=_POLL,
                return_when=asyncio.FIRST_COMPLETED,
            )
            woken.cancel()
            news = self.ctx.live_state.wakeup.is_set()
            self.ctx.live_state.wakeup.clear()
            self.ctx.space.look()
            low = self._low_space()
            foreign = self._take_in()
            rate_limited = self._rate_limit() != self.state.rate_limit
            stopping = self.interrupted and not self.state.asked_stop
            if done - {woken} or news or foreign or low or rate_limited or stopping:
                ended = [event for key in self._ended(done) for event in self._outcome(key)]
                return [*ended, *low]

    def _low_space(self) -> tuple[e.Paused, ...]:
        """The pause before a disk is full: what runs may end, nothing begins."""
        state = self.state
        merges = state.merge is not None and not state.merge.over
        if merges or state.paused is not None or not state.approved:
            return ()
        low = self.ctx.space.low()
        return (e.Paused(low, SPACE_HINT),) if low else ()

    def _rate_limit(self) -> int:
        """How many sessions the provider bears at once; 0 is no limit but the settings'."""
        return self.ctx.live_usage.jobs(self.state.settings.jobs)

    def _live(self) -> dict[ActionKey, Usage]:
        """What live sessions of tasks have used so far, by key."""
        used = self.ctx.live_usage.used
        found = {
            ActionKey(ActionKind.SESSION, task): used.get(f"{self.state.run}/{task}/{view.last}")
            for task, view in self.state.tasks.items()
            if view.in_flight is not None
        }
        return {key: usage for key, usage in found.items() if usage is not None}

    def _ended(self, done: Collection[asyncio.Future[Any]]) -> list[ActionKey]:
        return [key for key, task in self.running.items() if task in done]

    def _outcome(self, key: ActionKey) -> tuple[e.Event, ...]:
        """What an ended action has to tell; an error becomes an event (wtman.errors)."""
        task = self.running.pop(key)
        self.cancelled.discard(key)
        if task.cancelled():
            return () if key.kind in _TRACELESS else (e.Abandoned(key, "cancelled"),)
        error = self._told(key, task.exception())
        match error:
            case None:
                del self.tries[key]
                return task.result()
            case OutsideError():
                return self._held_up(key, error)
            case WtmanError() if key.kind in ON_TASK or key.subject in self.state.tasks:
                # What struck one task is no reason for the others not to be finished.
                return (e.Abandoned(key, error.message, error.hint, held=True),)
            case WtmanError():
                return (e.Abandoned(key, error.message), e.RunFailed(error.message, error.hint))
            case _:
                raise error

    def _told(self, key: ActionKey, error: BaseException | None) -> BaseException | None:
        """The error as one of wtman's; a failure for want of space seldom says so."""
        if isinstance(error, OSError):
            said = f"{error.filename or key.subject or key.kind}: {error.strerror or error}"
            error = machine_error(error) or ExternalError(said)
        if not isinstance(error, WtmanError) or isinstance(error, OutsideError):
            return error
        lack = self.ctx.space.lacked(self.begun.get(key, 0.0))
        return DiskFullError(f"{lack}: {error.message}", hint=SPACE_HINT) if lack else error

    def _held_up(self, key: ActionKey, error: OutsideError) -> tuple[e.Event, ...]:
        """Nobody is to blame: it is begun again, a session that was over being collected."""
        self.tries[key] += 1
        if error.again and self.tries[key] < _TRIES:
            return (e.Abandoned(key, error.message),)
        return (
            e.Abandoned(key, error.message, error.hint, held=True),
            e.Paused(error.message, error.hint),
        )

    def _cancel(self, key: ActionKey) -> None:
        """Once only: a second one would cut its cleaning up short."""
        task = self.running.get(key)
        if task is not None and key not in self.cancelled:
            self.cancelled.add(key)
            task.cancel()

    def _journal(self, events: list[e.Event]) -> bool:
        """Journal and fold; whether another process has asked for something meanwhile."""
        if events:
            self.ctx.store.append(self.ctx.run, events, self.ctx.clock())
        return self._take_in() > len(events)

    def _take_in(self) -> int:
        """Fold what is new in the journal, ours or a request of another process; how much."""
        recorded = self.ctx.store.events(self.ctx.run, self.state.seq)
        if recorded:
            self.state = replay(recorded, self.state)
            self.watch(self.state, recorded)
            self.ctx.live_state.publish(self.state)
        return len(recorded)

    async def _end_all(self) -> None:
        """Whatever ends the loop, no action outlives it."""
        for task in self.running.values():
            task.cancel()
        if self.running:
            await asyncio.gather(*self.running.values(), return_exceptions=True)
        await self.ctx.git(self.ctx.looks.close)


def intent_of(action: a.Performed) -> e.Intended:
    """What is journalled before the action is performed."""
    attempt = action.begins if isinstance(action, a.RunSession) else None
    cap, over = getattr(action, "cap", Cap()), getattr(action, "over", TaskId(""))
    return e.Intended(type(action).__name__, action.key, cap, attempt, over)


@contextlib.contextmanager
def _interrupts(loop: _Loop) -> Iterator[None]:
    """Ctrl-C once stops politely; a second time the process ends at once.

    A terminal that is closed stops politely, however often that is told; `nohup` is heeded.

    The second way is safe too: keepers end their sessions when their coordinator
    is gone, and the journal is good for any moment.
    """
    running = asyncio.get_running_loop()

    def on_signal() -> None:
        if loop.interrupted:
            for number in (signal.SIGINT, signal.SIGTERM):
                running.remove_signal_handler(number)
            for task in asyncio.all_tasks(running):
                task.cancel()
        loop.interrupted = True

    def on_hangup() -> None:
        loop.interrupted = True

    wanted = {signal.SIGINT: on_signal, signal.SIGTERM: on_signal}
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        wanted[signal.SIGHUP] = on_hangup
    installed = []
    for number, handler in wanted.items():
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            running.add_signal_handler(number, handler)
            installed.append(number)
    try:
        yield
    finally:
        for number in installed:
            running.remove_signal_handler(number)
