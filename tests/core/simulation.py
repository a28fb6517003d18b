"""A run without a world: actions are answered with events, in any order, with crashes.

The simulator is what the stages are to `decide`, reduced to what `decide` can see.
It keeps count of what must never happen.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from wtman.core import actions as a
from wtman.core import events as e
from wtman.core.decide import decide
from wtman.core.model import (
    Branch,
    CheckResult,
    Ended,
    Identity,
    RunId,
    Settings,
    Sha,
    Task,
    TaskId,
    Verdict,
)
from wtman.core.replay import replay
from wtman.core.state import State, digest

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


@dataclass
class World:
    """The journal, what is being performed, and what the outside remembers."""

    journal: list[e.Recorded] = field(default_factory=list)
    running: dict[str, a.Action] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)
    finished: set[tuple[str, int]] = field(default_factory=set)  # sessions with an exit marker
    ran: list[str] = field(default_factory=list)  # content keys of sessions, as they end
    most_sessions: int = 0
    clock: float = 0.0
    # What befalls a session or a check: by task and attempt, "" is all well.
    session_fate: Callable[[TaskId, int], str] = lambda task, attempt: ""
    check_fate: Callable[[TaskId, Sha], Verdict] = lambda task, head: Verdict.GREEN

    def append(self, events: Iterable[e.Event]) -> None:
        for event in events:
            self.clock += 1
            self.journal.append(e.Recorded(len(self.journal) + 1, self.clock, event))

    @property
    def state(self) -> State:
        return replay(self.journal)

    def turn(self) -> None:
        """Decide, and journal the intents of what starts."""
        keys = frozenset(self.running) | {f"cancel/{key}" for key in self.cancelled}
        for action in decide(self.state, keys):
            if isinstance(action, a.Cancel):
                assert action.target in self.running
                self.cancelled.add(action.target)
                continue
            if isinstance(action, a.Park):
                self.append([e.Parked(action.reason, action.hint)])
                continue
            assert action.key not in self.running, f"{action.key} is running already"
            if isinstance(action, a.RunSession):
                self._may_start(action)
            self.running[action.key] = action
            self.append([_intent(action)])
        sessions = sum(isinstance(item, a.RunSession) for item in self.running.values())
        self.most_sessions = max(self.most_sessions, sessions)

    def _may_start(self, action: a.RunSession) -> None:
        state = self.state
        view = state.tasks[action.task]
        assert view.worktree, "a session needs a worktree"
        for need in view.task.needs:
            other = state.tasks[need]
            assert view.needs[need] == other.head or view.has_work, "it starts from a stale need"

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
        self.running.clear()
        self.cancelled.clear()
        self.append([e.Resumed("after a crash")])

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
                return (e.BaseChecked(commit, results),)
            case a.MakeWorktree(name, needs):
                start = Sha("+".join(tip for _, tip in needs)) if needs else self.state.base
                branch = Branch(f"wtman/run-1/{name}")
                return (e.WorktreeMade(name, f"/w/{name}", branch, start, dict(needs)),)
            case a.RunSession():
                fate = "stopped" if cancelled else self.session_fate(action.task, action.attempt)
                return (self._session(action, fate, action.content),)
            case a.Collect(name, attempt):
                if (name, attempt) in self.finished:
                    return (self._session(action, self.session_fate(name, attempt), ""),)
                return (e.SessionFinished(name, attempt, Ended.INTERRUPTED, action.at),)
            case a.CheckTask(name, start, head):
                if cancelled:
                    return (e.Abandoned(action.key),)
                verdict = self.check_fate(name, head)
                results = tuple(
                    CheckResult(command, verdict) for command in self.state.checks_of(name)
                )
                return (e.Checked(name, head, start, verdict, results),)
            case a.Follow(name, _, head, needs):
                start = Sha("+".join(tip for _, tip in needs))
                return (e.Followed(name, start, Sha(digest(head, start)), dict(needs)),)
            case a.Adopt(name, _, start, to):
                return (e.Adopted(name, start, to),)
        raise AssertionError(f"unexpected {action}")

    def _session(
        self, action: a.RunSession | a.Collect, fate: str, content: str
    ) -> e.SessionFinished:
        name, attempt = action.task, action.attempt
        if fate == "stopped":
            return e.SessionFinished(name, attempt, Ended.INTERRUPTED, action.at)
        self.ran.append(content or f"{name}/{attempt}")
        if fate == "quota":
            return e.SessionFinished(
                name, attempt, Ended.INTERRUPTED, action.at, fatal="quota exhausted"
            )
        if fate:
            return e.SessionFinished(name, attempt, Ended.FAILED, action.at, reason=fate)
        head = Sha(digest(name, str(attempt), action.at))
        return e.SessionFinished(name, attempt, Ended.OK, head, files=1)


def _intent(action: a.Action) -> e.Intended:
    if isinstance(action, a.RunSession):
        return e.Intended(
            "RunSession",
            action.key,
            action.task,
            action.attempt,
            action.lineage,
            action.content,
            action.start,
            action.at,
            action.agent,
        )
    return e.Intended(type(action).__name__, action.key)
