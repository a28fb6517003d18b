"""Branches that wtman did not make, made fit for a train.

Each gets an id, what it needs (the branches of the list that it contains) and a start:
where it left the target, or what it contains of the other branches, or what of it
landed earlier. Promises to write nothing but unreferenced objects. Blocking.
"""

import os
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field

from wtman.git import branches
from wtman.git.control_dir import Control
from wtman.git.merges import merge_tree
from wtman.git.objects import history as git_history
from wtman.integration.ancestry import ground, left_target, own, places, sole_author
from wtman.integration.message import external_text
from wtman.model.changes import Commit
from wtman.model.ids import Sha, TaskId
from wtman.model.plan import Identity
from wtman.model.values import dataclass

_MOST_ID = 40


@dataclass(frozen=True, slots=True)
class ExternalBranch:
    """One branch as a member of a train; `name` is what the user calls it."""

    task: TaskId
    name: str
    start: Sha
    head: Sha
    needs: tuple[TaskId, ...]
    message: str
    author: Identity | None


@dataclass(frozen=True, slots=True)
class ExternalBranches:
    """What is to be merged, and what the target has already, by name.

    `apart` says of tasks why nothing can be merged of them; they start at their head.
    """

    branches: tuple[ExternalBranch, ...]
    present: dict[str, Sha]
    apart: dict[TaskId, str] = field(default_factory=dict)


def take(
    ctl: Control,
    target: Sha,
    heads: Mapping[str, Sha],
    landed: Mapping[Sha, Sha],
    strategy: str = "squash",
) -> ExternalBranches:
    """The branches `heads` (by name, in the order given) as a train for `target`.

    `landed`: tips that landed earlier, with the commit that each became.
    """
    history = branches.history(ctl, tuple(heads.values()), target)
    known = [
        tip
        for tip, commit in landed.items()
        if tip in history and git_history.is_ancestor(ctl, commit, target)
    ]
    present = {name: head for name, head in heads.items() if head not in history or head in known}
    left = {name: head for name, head in heads.items() if name not in present}
    ids = task_ids(left)
    grown = left_target(history)
    bases = {name: _base(ctl, target, head, grown[head]) for name, head in left.items()}
    apart = [name for name, base in bases.items() if base is None]
    taken = [
        ExternalBranch(ids[name], name, left[name], left.pop(name), (), f"{name}\n", None)
        for name in apart
    ]
    first = {head: ids[name] for name, head in reversed(left.items())}
    place = places(history)
    for (name, head), below in zip(
        left.items(), ground(history, tuple(left.values()), known), strict=True
    ):
        base = bases[name] or head
        start = _start(ctl, base, below, grown)
        needs = tuple(first[sha] for sha in below if sha in first) if start else ()
        mine = own(history, place, head, below if start else ())
        message, author = _words(ctl, name, mine, strategy)
        taken.append(ExternalBranch(ids[name], name, start or base, head, needs, message, author))
    line = {task: number for number, task in enumerate(ids.values())}
    taken.sort(key=lambda item: line[item.task])
    why = _no_base(ctl) if apart else ""
    return ExternalBranches(tuple(taken), present, {ids[name]: why for name in apart})


def task_ids(names: Iterable[str]) -> dict[str, TaskId]:
    """An id for each branch name, unique among them."""
    found: dict[str, TaskId] = {}
    used: set[str] = set()
    for name in names:
        ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
        plain = re.sub(r"[^a-z0-9]+", "-", ascii_only.lower()).strip("-")[:_MOST_ID] or "branch"
        made, number = plain, 1
        while made in used:
            number += 1
            tail = f"-{number}"
            made = plain[: _MOST_ID - len(tail)] + tail
        used.add(made)
        found[name] = TaskId(made)
    return found


def _no_base(ctl: Control) -> str:
    """Why a branch without a merge base cannot be merged, and what to do about it."""
    if os.path.exists(os.path.join(ctl.repo.common_dir, "shallow")):
        return (
            "this clone is shallow and does not hold the history that it has in common with "
            "the target; fetch that first: git fetch --unshallow"
        )
    return (
        "it has no history in common with the target; "
        "git merge --allow-unrelated-histories takes it by hand"
    )


def _base(ctl: Control, target: Sha, head: Sha, grounds: frozenset[Sha]) -> Sha | None:
    """The merge base of a branch and the target; git is asked only where there may be several."""
    if len(grounds) > 1:
        return git_history.merge_base(ctl, target, head)
    return next(iter(grounds), None)


def _start(
    ctl: Control, base: Sha, below: Sequence[Sha], grown: Mapping[Sha, frozenset[Sha]]
) -> Sha | None:
    """Where the branch's own change begins; None where what it contains does not join."""
    if not below:
        return base
    start = below[0]
    for other in (*below[1:], base):
        if other in grown.get(start, ()) or git_history.is_ancestor(ctl, other, start):
            continue
        common = git_history.merge_base(ctl, start, other)
        joined = merge_tree.merge(ctl, common, start, other) if common is not None else None
        if joined is None or joined.tree is None:
            return None
        start = git_history.commit(
            ctl, joined.tree, (start, other), "Where a branch starts\n", _NOBODY, 0.0
        )
    return start


_NOBODY = Identity("wtman", "wtman@localhost")


def _words(
    ctl: Control, name: str, commits: Sequence[Commit], strategy: str
) -> tuple[str, Identity | None]:
    """The message of the commit that the branch becomes, and its author if that is one."""
    author = sole_author(commits)
    if author is not None and not (author.name and author.email):
        author = None
    helpers = () if author is not None else tuple(dict.fromkeys(item.author for item in commits))
    others = tuple(who for who in helpers if who != ctl.identity and who.name and who.email)
    texts = tuple(commit.text for commit in commits)
    return external_text(name, texts, others, merged=strategy != "squash"), author
