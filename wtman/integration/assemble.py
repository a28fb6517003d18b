"""Branches put together, in order, on a commit, without any checkout.

A member's own change is what lies between its start and its head, so a branch that
was built on another one does not bring that one along. Promises that the same members
on the same commit give the same shas, whoever assembles them and when; the user's
checkouts, index and branches are not touched. Where a textual conflict is in the way
it names all that it can find, see `conflicts_of`. Blocking.
"""

from collections.abc import Sequence
from functools import lru_cache

from wtman.errors import WtmanError
from wtman.git.control_dir import Control
from wtman.git.merges.sequence import Joiner
from wtman.git.objects import history
from wtman.git.objects.writer import Objects, quarantine
from wtman.integration.conflicts import Part, conflicts_of
from wtman.integration.message import commit_text
from wtman.journal.events import Adapted, Conflict
from wtman.journal.state import State
from wtman.journal.units import landing_needs, landing_tasks
from wtman.model.changes import Changes
from wtman.model.ids import Sha, TaskId
from wtman.model.plan import Identity
from wtman.model.values import dataclass


@dataclass(frozen=True, slots=True)
class Train:
    """Everything that an assembly follows from. `when` is the date of all its commits.

    `way` is which of several texts a clash is given, the likeliest first.
    """

    on: Sha
    parts: tuple[Part, ...]
    author: Identity
    when: float
    strategy: str = "squash"
    way: int = 0


@dataclass(frozen=True, slots=True)
class Assembled:
    """The tip and what each member became; a member that changed nothing has the tip before it.

    With `conflicts` there is no commit; `sides` are, for each, the commit that its branch
    conflicts with by plain git. `adapted`: where a clash was joined, and how.
    """

    commit: Sha
    tree: Sha
    commits: dict[TaskId, Sha]
    conflicts: tuple[Conflict, ...] = ()
    sides: tuple[Sha, ...] = ()
    keeper: Sha = Sha("")  # a commit above all sides
    adapted: tuple[Adapted, ...] = ()

    @property
    def conflict(self) -> Conflict | None:
        """The first conflict."""
        return self.conflicts[0] if self.conflicts else None


def train_of(
    state: State, on: Sha, members: Sequence[TaskId], strategy: str = "", way: int = 0
) -> Train:
    """The train of these tasks, as the merge that was asked for wants it."""
    assert state.merge is not None
    parts = []
    needs = landing_needs(state, members)
    closes = _closed_by(state, members)
    for task in members:
        view = state.tasks[task]
        message = commit_text(state, task, closes if task == members[-1] else "")
        parts.append(Part(task, view.start, view.head, needs[task], message, view.author))
    chosen = strategy or state.merge.asked.strategy
    return Train(on, tuple(parts), state.identity, state.merge.at, chosen, way)


def _closed_by(state: State, members: Sequence[TaskId]) -> str:
    """The issue that is done once these have landed: none while a task is left, or where nothing
    lands, for then whoever applies the patches or merges the pull request closes it."""
    merge = state.merge
    if state.issue is None or merge is None or merge.asked.patch_only:
        return ""
    left = {task.id for task in landing_tasks(state) if not state.tasks[task.id].merged}
    return state.issue.reference if left <= {*members} else ""


@lru_cache(maxsize=2)  # who has checked a train lands it next
def assemble(ctl: Control, train: Train) -> Assembled:
    """Put the parts together, one commit a part."""
    changes = history.changes_many(
        ctl, [(part.start, part.head) for part in train.parts], folders=True
    )
    with quarantine(ctl, train.on) as objects:
        made = _joined(objects, train, changes)
        objects.keep((made.commit or made.keeper,))
    return made


def _joined(objects: Objects, train: Train, changes: tuple[Changes, ...]) -> Assembled:
    tip, commits = train.on, dict[TaskId, Sha]()
    adapted: list[Adapted] = []
    with Joiner(objects, train.on, changes, train.way) as joiner:
        for number, (part, change) in enumerate(zip(train.parts, changes, strict=True)):
            before = joiner.tree
            joined = joiner.add(part.start, part.head, change)
            if joined.tree is None:
                return _torn(objects, train, changes, (number, joined.conflicts))
            adapted += [Adapted(part.task, path, how) for path, how in joined.adapted]
            if joined.tree != before:
                tip = _commit(objects, train, part, tip, joined.tree)
            commits[part.task] = tip
        return Assembled(tip, joiner.tree, commits, adapted=tuple(adapted))


def _commit(objects: Objects, train: Train, part: Part, tip: Sha, tree: Sha) -> Sha:
    parents = (tip,) if train.strategy == "squash" else (tip, part.head)
    author = part.author or train.author
    return objects.commit(tree, parents, part.message, author, train.author, train.when)


def _torn(
    objects: Objects,
    train: Train,
    changes: tuple[Changes, ...],
    failed: tuple[int, tuple[str, ...]],
) -> Assembled:
    """The conflicts, and commits that they are with by plain git, which goes by the start."""
    found = conflicts_of(objects, train.on, train.parts, changes, failed)
    message = "What a branch of a train conflicts with\n"
    sides = tuple(
        objects.commit(tree, (start,), message, train.author, train.author, train.when)
        for _, (start, tree) in found
    )
    keeper = objects.commit(found[0][1][1], sides, message, train.author, train.author, train.when)
    conflicts = tuple(conflict for conflict, _ in found)
    return Assembled(Sha(""), Sha(""), {}, conflicts, sides, keeper)


def require_same(assembled: Assembled, commit: Sha) -> dict[TaskId, Sha]:
    """The commits of an assembly that must give `commit` again."""
    if assembled.commit != commit:
        raise WtmanError(
            f"the train does not come out as the commit that was checked ({commit[:12]})",
            hint="run wtman merge again",
        )
    return assembled.commits
