"""Branches put together, in order, on a commit, without any checkout.

A member's own change is what lies between its start and its head, so a branch that
was built on another one does not bring that one along. Promises that the same members
on the same commit give the same shas, whoever assembles them and when; the user's
checkouts, index and branches are not touched. On a textual conflict it says with whom:
the first member that conflicts with the branch even when nothing else is aboard, else
the fewest that do together, else the target. Blocking.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wtman.core.commit_text import commit_text
from wtman.core.events import Conflict
from wtman.core.model import Identity, Sha, TaskId
from wtman.core.state import State
from wtman.errors import WtmanError
from wtman.git import control
from wtman.git.control import Control


@dataclass(frozen=True, slots=True)
class Part:
    """One branch of a train: its change, and the commit that it is to become."""

    task: TaskId
    start: Sha
    head: Sha
    needs: tuple[TaskId, ...]
    message: str


@dataclass(frozen=True, slots=True)
class Train:
    """Everything that an assembly follows from. `when` is the date of all its commits."""

    on: Sha
    parts: tuple[Part, ...]
    author: Identity
    when: float
    strategy: str = "squash"


@dataclass(frozen=True, slots=True)
class Assembled:
    """The tip and what each member became; a member that changed nothing has the tip before it.

    With a `conflict` there is no commit.
    """

    commit: Sha
    tree: Sha
    commits: dict[TaskId, Sha]
    conflict: Conflict | None = None


def train_of(state: State, on: Sha, members: Sequence[TaskId], strategy: str = "") -> Train:
    """The train of these tasks, as the merge that was asked for wants it."""
    assert state.merge is not None
    parts = []
    for task in members:
        view = state.tasks[task]
        parts.append(Part(task, view.start, view.head, view.task.needs, commit_text(state, task)))
    chosen = strategy or state.merge.asked.strategy
    return Train(on, tuple(parts), state.identity, state.merge.at, chosen)


def assemble(ctl: Control, train: Train) -> Assembled:
    """Put the parts together, one commit a part."""
    tip, tree = train.on, control.tree_of(ctl, train.on)
    commits: dict[TaskId, Sha] = {}
    for number, part in enumerate(train.parts):
        merged = control.merge(ctl, part.start, tree, part.head)
        if merged.tree is None:
            others = _partners(ctl, train, number, merged.conflicts)
            conflict = Conflict(part.task, others, merged.conflicts)
            return Assembled(Sha(""), Sha(""), commits, conflict)
        if merged.tree != tree:
            parents = (tip,) if train.strategy == "squash" else (tip, part.head)
            tip = control.commit(ctl, merged.tree, parents, part.message, train.author, train.when)
            tree = merged.tree
        commits[part.task] = tip
    return Assembled(tip, tree, commits)


# --- whose conflict it is -----------------------------------------------------------------------


def _partners(ctl: Control, train: Train, number: int, paths: Sequence[str]) -> tuple[TaskId, ...]:
    """The fewest earlier members with which the part at `number` conflicts; none: the target."""
    part, earlier = train.parts[number], train.parts[:number]
    needed = _closure(train.parts, [part])
    bare = [item for item in earlier if item.task in needed]
    if _conflicts(ctl, train, bare, part):
        return ()
    suspects = list(_touching(ctl, earlier, needed, paths))
    for suspect in suspects:
        group = _with(train.parts, [*bare, suspect], number)
        if _conflicts(ctl, train, group, part):
            return (suspect.task,)
    # Nobody alone: shrink the whole company, one at a time, as long as it still conflicts.
    company = [item for item in earlier if item.task not in needed]
    for item in tuple(company):
        smaller = [other for other in company if item.task not in _closure(train.parts, [other])]
        if _conflicts(ctl, train, _with(train.parts, [*bare, *smaller], number), part):
            company = smaller
    tops = {
        item.task
        for item in company
        if not any(
            item.task in _closure(train.parts, [other]) for other in company if other != item
        )
    }
    return tuple(item.task for item in earlier if item.task in tops)


def _touching(
    ctl: Control, earlier: Sequence[Part], needed: frozenset[TaskId], paths: Sequence[str]
) -> Iterator[Part]:
    """Those who changed a conflicting path first, then the others: renames hide their part."""
    candidates = [item for item in earlier if item.task not in needed]
    pairs = [(item.start, item.head) for item in candidates]
    changed = control.paths_changed_many(ctl, pairs)
    near = [bool(set(names) & set(paths)) for names in changed]
    yield from (item for item, close in zip(candidates, near, strict=True) if close)
    yield from (item for item, close in zip(candidates, near, strict=True) if not close)


def _conflicts(ctl: Control, train: Train, company: Sequence[Part], part: Part) -> bool:
    tree = control.tree_of(ctl, train.on)
    for item in (*company, part):
        merged = control.merge(ctl, item.start, tree, item.head)
        if merged.tree is None:
            # Where the company does not even hold together by itself, nothing is proved.
            return item is part
        tree = merged.tree
    return False


def _with(parts: Sequence[Part], chosen: Sequence[Part], number: int) -> list[Part]:
    """The chosen and what they need, in order, all before `number`."""
    names = _closure(parts, chosen)
    return [item for item in parts[:number] if item.task in names]


def _closure(parts: Sequence[Part], chosen: Sequence[Part]) -> frozenset[TaskId]:
    known = {item.task: item for item in parts}
    found: set[TaskId] = set()
    stack = [item.task for item in chosen]
    while stack:
        name = stack.pop()
        if name not in found:
            found.add(name)
            stack.extend(need for need in known[name].needs if need in known)
    return frozenset(found)


def require_same(assembled: Assembled, commit: Sha) -> dict[TaskId, Sha]:
    """The commits of an assembly that must give `commit` again."""
    if assembled.commit != commit:
        raise WtmanError(
            f"the train does not come out as the commit that was checked ({commit[:12]})",
            hint="run wtman merge again",
        )
    return assembled.commits
