"""A merge that goes on by itself: a resolver for what it excluded, and the train of its work.

Who is asked for is decided by `merge.resolve`, and everything that is done is in the journal,
so that Ctrl-C is safe and `resume` goes on with the session. One branch after the other, since
each lands on what the one before has made of the target.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace

from wtman.config.roles import load_roles
from wtman.coordinator.home import Home
from wtman.coordinator.start.agents import anchored
from wtman.coordinator.start.requirements import require_agents
from wtman.errors import UsageError
from wtman.files import working_folder
from wtman.git import refs
from wtman.git.control_dir import Control, prepare
from wtman.git.objects.history import files
from wtman.git.patches.series import diff
from wtman.journal.events import Event, Excluded, MergeAsked, Resolving, Resumed, RolesAssigned
from wtman.journal.state import State
from wtman.journal.units import followers
from wtman.merge.resolve import ConflictSide, brief, fits, resolver_of, to_resolve
from wtman.model.ids import Sha, TaskId
from wtman.model.roles import RESOLVER
from wtman.tasks.lifecycle import standings

_READ = 1 << 20  # bytes of a difference that are looked at


def require_resolver(home: Home, state: State, asked: MergeAsked, wanted: str | None) -> str:
    """The agent to ask, or nothing. `wanted` is what the command line says: None does not speak
    of it, "" wants whoever the run has. Refuses one that is not there."""
    nothing_moves = asked.dry_run or asked.patch_only
    if wanted is None:
        return "" if nothing_moves else resolver_of(state)
    if nothing_moves:
        raise UsageError(
            "a resolver works on what has landed, and this merge lands nothing",
            hint="leave --resolve away, or --dry-run, --patch-only and --pr",
        )
    tracked = frozenset(files(prepare(home.repo), state.base))
    agent = anchored(wanted, working_folder(), home.repo.toplevel, tracked) if wanted else ""
    agent = agent or resolver_of(state) or state.settings.agent
    require_agents([agent], state.settings, os.environ, tracked)
    return agent


def resolve(
    home: Home,
    state: State,
    asked: MergeAsked,
    agent: str,
    drive: Callable[[State, Sequence[Event]], State],
    *,
    afresh: bool,
) -> State:
    """Have each branch that the merge excluded brought up to the target, and merge it again.

    `drive` journals events and drives the run. `afresh`: what was given up is tried again.
    """
    tried: list[TaskId] = []
    while not _held(state):
        target = refs.read_one(home.repo, f"refs/heads/{asked.target}")
        left = to_resolve(state, tried, target, afresh=afresh) if target is not None else None
        if left is None or target is None:
            break
        tried.append(left.task)
        members = (left.task, *followers(state, left.task))
        events = [Resumed("resolve"), *_role(state), _told(home, state, left, target, agent)]
        state = drive(state, events)
        if _held(state) or not fits(state, left.task, standings(state)):
            continue
        now = refs.read_one(home.repo, f"refs/heads/{asked.target}") or target
        out = f"{asked.out}-{left.task}" if asked.out else ""
        more = replace(asked, before=now, members=members, exclude=(), resolves=left.task, out=out)
        state = drive(state, [Resumed("merge"), more])
    return state


def _held(state: State) -> bool:
    merge = state.merge
    ended = state.stopped or state.paused or state.failed
    return bool(ended or state.asked_stop or merge is None or not merge.over or merge.failed)


def _role(state: State) -> tuple[Event, ...]:
    """The role of a run that was ordered without one: wtman's own, nothing from a repository."""
    if RESOLVER in state.roles:
        return ()
    return (RolesAssigned((load_roles("").named(RESOLVER),)),)


def _told(home: Home, state: State, left: Excluded, target: Sha, agent: str) -> Resolving:
    assert state.merge is not None
    ctl = prepare(home.repo)
    own = _side(ctl, state, left.task)
    landed = [name for name in left.others if name in state.tasks and state.tasks[name].merged]
    others = [_side(ctl, state, name) for name in landed]
    if not others:
        since = state.tasks[left.task].start
        others = [ConflictSide(state.merge.asked.target, "", _diff(ctl, since, target, left.paths))]
    return Resolving(left.task, target, agent, brief(left, state.merge.asked.target, own, others))


def _side(ctl: Control, state: State, task: TaskId) -> ConflictSide:
    view = state.tasks[task]
    return ConflictSide(task, view.task.prompt, _diff(ctl, view.start, view.head), view.task.expect)


def _diff(ctl: Control, one: Sha, two: Sha, paths: tuple[str, ...] = ()) -> str:
    return diff(ctl, one, two, *paths)[:_READ].decode("utf-8", "replace")
