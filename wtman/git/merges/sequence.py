"""Changes put on a tree one after another, each as git would merge it, cheaply.

A change that meets nothing of what is there is applied as it is; only what meets goes
through a real merge, and a clash up the `ladder`. Promises the tree
that merging each in turn gives, and leaves out (with the paths) what clashes.
"""

from collections.abc import Sequence
from dataclasses import replace

from wtman.formats.git_objects import Unusual
from wtman.git.merges.attributes import laid_out
from wtman.git.merges.draft_tree import DraftTree
from wtman.git.merges.ladder import Joined, Ladder
from wtman.git.merges.merge_tree import Merger, merge_many
from wtman.git.objects.history import trees_of
from wtman.git.objects.writer import Objects
from wtman.model.changes import Changes
from wtman.model.ids import Sha
from wtman.model.values import dataclass


class Joiner:
    """A tree that grows. Its objects are in the quarantine of `objects`.

    `way` is which of the texts a clash is given, see `Ladder`.
    """

    def __init__(
        self, objects: Objects, on: Sha, expected: Sequence[Changes], way: int = 0
    ) -> None:
        self._objects = objects
        self._ladder = Ladder(objects, on, way)
        self._merger = Merger(objects, on)
        (self.tree,) = trees_of(objects.ctl, (on,))
        self._draft: DraftTree | None = None
        try:
            self._draft = DraftTree(self.tree, objects)
            self._draft.expect(expected)
        except Unusual:
            self._draft = None

    def __enter__(self) -> "Joiner":
        return self

    def __exit__(self, *_: object) -> None:
        self._merger.close()

    def add(self, start: Sha, head: Sha, changes: Changes) -> Joined:
        """Put what lies between `start` and `head`, which is `changes`, on the tree."""
        if self._draft is not None:
            try:
                if self._draft.fits(changes):
                    self._draft.apply(changes)
                    self.tree = self._draft.tree()
                    return Joined(self.tree)
            except Unusual:
                self._draft = None
        merged = self._merger.merge(start, self.tree, head)
        (joined,) = self._ladder.join_many((merged,))
        if joined.tree is not None and joined.tree != self.tree:
            both = self._changed(changes)
            joined = replace(joined, adapted=joined.adapted + self._ladder.not_run(both))
            self.tree = joined.tree or self.tree
            self._follow(both)
        return joined

    def _changed(self, changes: Changes) -> list[str]:
        """What both sides changed, as far as that can be told."""
        try:
            return self._draft.changed(changes) if self._draft is not None else []
        except Unusual:
            return []

    def _follow(self, both: Sequence[str]) -> None:
        """Do as the merge did, so that the next one may fit again; `both` changed these."""
        try:
            if self._draft is not None:
                before = self._draft.names(both)
                self._draft.follow(self.tree)
                for name, new in zip(before, self._draft.names(both), strict=True):
                    if name and new and name != new:
                        self._objects.note_near(new, name)
        except Unusual:
            self._draft = None


Step = tuple[Sha, Sha]  # start and head of a change


@dataclass(frozen=True, slots=True)
class AppliedSequence:
    """What a line of changes came to: `tree` is the last that could be made.

    `at` is the number of the first change that clashes, None where none does.
    """

    tree: Sha
    at: int | None = None
    conflicts: tuple[str, ...] = ()
    clash: str = ""  # more of why


def walk_many(
    objects: Objects, on: Sha, lines: Sequence[Sequence[Step]], ladder: Ladder
) -> tuple[AppliedSequence, ...]:
    """Put each line of changes on the tree of `on`, by itself.

    Steps that lines have in common are made once, and each round of steps is one process.
    """
    (root,) = trees_of(objects.ctl, (on,))
    tips: dict[tuple[Step, ...], Joined] = {(): Joined(root)}
    for length in range(1, max(map(len, lines), default=0) + 1):
        heads = {tuple(line[:length]) for line in lines if len(line) >= length}
        due = [
            (head, tip.tree)
            for head in sorted(heads)
            if (tip := tips.get(head[:-1])) is not None and tip.tree is not None
        ]
        objects.spill()
        asked = [(head[-1][0], tree, head[-1][1]) for head, tree in due]
        merged = merge_many(objects.ctl, asked, laid_out(objects.ctl, on) if due else "")
        for (head, _), joined in zip(due, ladder.join_many(merged), strict=True):
            tips[head] = joined
    return tuple(_walked(tuple(line), tips) for line in lines)


def _walked(line: tuple[Step, ...], tips: dict[tuple[Step, ...], Joined]) -> AppliedSequence:
    tree = Sha("")
    for length in range(len(line) + 1):
        tip = tips[line[:length]]
        if tip.tree is None:
            return AppliedSequence(tree, length - 1, tip.conflicts, tip.clash)
        tree = tip.tree
    return AppliedSequence(tree)
