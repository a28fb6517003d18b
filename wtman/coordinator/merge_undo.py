"""A merge taken back: the target is where it was before, while nothing came after it.

By the same means as a landing: compare-and-swap, and a checkout that moves whole or not at
all, never over uncommitted changes. The branches that the merge retired come back, and their
tasks are verified again. Doing it again after a kill finishes it.
"""

import time

from wtman.coordinator.home import Home, require_idle
from wtman.errors import RaceError, UsageError, WtmanError
from wtman.git import refs
from wtman.git.control_dir import prepare
from wtman.git.discovery import Repository
from wtman.git.refs import RefChange
from wtman.journal.events import Landed, MergeUndone
from wtman.journal.merges import standing
from wtman.journal.state import State
from wtman.journal.units import leads_of_all
from wtman.merge.checkout_move import mend, move_back
from wtman.merge.land import require_movable
from wtman.model.ids import RunId, TaskId
from wtman.model.values import dataclass
from wtman.text.words import quoted


@dataclass(frozen=True, slots=True)
class MergeRestored:
    """What was done. `told`: checkouts that were put in order first; `pushed`: remote-tracking
    branches that have the merge; `cleaned`: tasks whose branches `clean` has removed."""

    event: MergeUndone
    told: tuple[str, ...] = ()
    pushed: tuple[str, ...] = ()
    cleaned: tuple[TaskId, ...] = ()


def undo_merge(home: Home, run: RunId) -> MergeRestored:
    """Take the last merge of the run back. Refuses where something came after it."""
    require_idle(home, run)
    told = mend(home.repo)
    with home.store.lock(run):
        state = home.state(run)
        landed = standing(item.event for item in home.store.events(run))
        if not landed:
            raise UsageError(
                f"no merge of run {run} stands: there is nothing to take back",
                hint="see wtman status --all",
            )
        last = landed[-1]
        pushed = _move(home.repo, state, last)
        tasks = tuple(TaskId(name) for name in last.commits)
        _bring_back(home.repo, state, (*tasks, *leads_of_all(state, tasks)))
        event = MergeUndone(last.target, last.before, last.after, tasks)
        home.store.append(run, [event], time.time())
    cleaned = tuple(task for task in tasks if task in state.tasks and state.tasks[task].cleaned)
    return MergeRestored(event, told, pushed, cleaned)


def _move(repo: Repository, state: State, landed: Landed) -> tuple[str, ...]:
    """Move the target back; which remote-tracking branches have what it leaves."""
    target, before, after = landed.target, landed.before, landed.after
    ref = f"refs/heads/{target}"
    now = refs.read_one(repo, ref)
    if now == before:
        return ()  # by the command that was killed before it could say so
    if now is None:
        raise WtmanError(
            f"there is no branch {quoted(target)} any more", hint="see git branch --list"
        )
    if now != after:
        commits = [sha[:12] for sha in dict.fromkeys(landed.commits.values()) if sha != before]
        merges = state.merge is not None and state.merge.asked.strategy == "merge"
        command = f"git revert {'-m 1 ' if merges else ''}{' '.join(reversed(commits))}"
        raise RaceError(
            f"{target} is at {now[:12]}, not at {after[:12]} where the merge left it: "
            "something came after it",
            hint=f"undo it by new commits, on {target}: {command}",
        )
    stands = require_movable(repo, target, "run the same command again")
    if stands:
        move_back(prepare(repo), stands[0].path, target, after, before)
    else:
        refs.update(repo, [RefChange(ref, before, after)])
    remote = refs.read(repo, "refs/remotes")
    return tuple(name.removeprefix("refs/remotes/") for name, at in remote.items() if at == after)


def _bring_back(repo: Repository, state: State, tasks: tuple[TaskId, ...]) -> None:
    """The branches that a merge moves out of refs/heads."""
    kept = refs.read(repo, f"refs/wtman/merged/{state.run}")
    heads = refs.read(repo, f"refs/heads/wtman/{state.run}")
    changes: list[RefChange] = []
    for task in tasks:
        view = state.tasks.get(task)
        name = f"refs/wtman/merged/{state.run}/{task}"
        tip = kept.get(name)
        if view is None or view.external or tip is None or tip != view.head:
            continue
        changes.append(RefChange(name, None, tip))
        if f"refs/heads/{view.branch}" not in heads:
            changes.append(RefChange(f"refs/heads/{view.branch}", tip, None))
    refs.update(repo, changes)
