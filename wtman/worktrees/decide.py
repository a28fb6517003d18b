"""Who gets a worktree, and whose it was before: about `jobs` of them serve any number of tasks.

A task keeps its worktree until another wants one: whoever looks at it, or goes on with it, finds
it as it was left. Only where a sandbox with mounts holds can a folder be given on, for nothing
else keeps its sessions from writing there later; elsewhere every task keeps its own. Pure.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

from wtman.journal.state import State, TaskView
from wtman.model.actions import ActionKey, ActionKind, busy
from wtman.model.ids import TaskId
from wtman.model.settings import Settings
from wtman.model.states import DONE, SETTLED, Standing
from wtman.model.values import dataclass
from wtman.sandbox.inside import SANDBOXES


@dataclass(frozen=True, slots=True)
class WorktreeOffer:
    """What may still be given out in a turn: `free` new worktrees, then those of `idle` tasks.

    `left` are tasks whose worktree was being taken over when wtman was killed.
    """

    free: int
    idle: tuple[TaskId, ...] = ()
    left: frozenset[TaskId] = frozenset()

    def given(self) -> tuple[TaskId | None, "WorktreeOffer"]:
        """Whose worktree the next one gets ("": a new one; None: nobody's), and what is left."""
        if self.free > 0:
            return TaskId(""), replace(self, free=self.free - 1)
        if self.idle:
            return self.idle[0], replace(self, idle=self.idle[1:])
        return None, self


def are_shared(settings: Settings) -> bool:
    """Whether tasks of a run take over worktrees from one another."""
    return settings.sandbox in SANDBOXES and not settings.keep_worktrees


def taken_over(state: State, running: Collection[ActionKey]) -> frozenset[TaskId]:
    """Tasks whose worktree another one is taking over at this moment."""
    moving = busy(running, ActionKind.WORKTREE)
    return frozenset(state.tasks[task].over for task in moving if task in state.tasks)


def offer_of(
    state: State,
    running: Collection[ActionKey],
    known: Mapping[TaskId, Standing],
    wanted: Collection[TaskId],
) -> WorktreeOffer:
    """What can be given out now; not the worktrees of the `wanted`, which go on in theirs."""
    moving = busy(running, ActionKind.WORKTREE)
    if not are_shared(state.settings):
        return WorktreeOffer(state.settings.jobs - len(moving))
    everyone = {**state.dropped, **state.tasks}
    held = [view for view in everyone.values() if view.worktree and not view.external]
    waiting = sum(1 for task in moving if not everyone[task].worktree)
    at_work = busy(running, ActionKind.WORKTREE, ActionKind.SESSION)
    idle = [
        view
        for view in held
        if view.planned.id not in wanted
        and view.planned.id not in at_work
        and view.in_flight is None
        and not view.attach
    ]
    idle.sort(key=lambda view: (_rank(view, known), _last_used(view)))
    free = state.settings.jobs - len(held) - waiting
    # Whoever is to go on in it, or has it by now, is not to lose it.
    begun = (view.over for task, view in state.tasks.items() if task not in moving)
    left = {task for task in begun if task in everyone} - {*wanted, *moving}
    gone = (task for task in left if not everyone[task].worktree)
    return WorktreeOffer(free, tuple(view.planned.id for view in idle), frozenset(gone))


def given_to(
    state: State, task: TaskId, offer: WorktreeOffer
) -> tuple[TaskId | None, WorktreeOffer]:
    """Whose worktree a task takes over that had begun to; else what is given out next.

    A folder that was on its way when wtman was killed is still there, half done.
    """
    if state.tasks[task].worktree:
        return TaskId(""), offer  # it stands elsewhere than it should
    over = state.tasks[task].over
    return (over, offer) if over in offer.left else offer.given()


def _rank(view: TaskView, known: Mapping[TaskId, Standing]) -> int:
    """The likelier a task needs its worktree again, the later it is asked to give it."""
    standing = known.get(view.planned.id)
    if standing is None or standing.state in DONE:
        return 0
    return 1 if standing.state in SETTLED else 2


def _last_used(view: TaskView) -> float:
    return view.attempts[-1].finished if view.attempts else 0.0
