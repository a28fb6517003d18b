"""Three trees to one, without a checkout, with any base.

git 2.39 takes no base: it finds one in the history. So each side becomes a commit whose
only parent is a commit of the base, in an object folder that lives as long as the call.
Result trees go to the repository's objects. No merge driver runs.
"""

import signal
from collections.abc import Iterator, Sequence

from wtman.errors import ExternalError
from wtman.formats.merge_tree import Merged, results
from wtman.git.control_dir import Control, call, environment_of, scratch
from wtman.git.merges.attributes import laid_out
from wtman.git.objects.history import paths_changed, trees_of
from wtman.git.objects.writer import Objects
from wtman.git.run import Conversation
from wtman.model.changes import Entry

MERGE_TREE = ["merge-tree", "--write-tree", "--stdin", "--messages"]
_CRASHED = (-signal.SIGABRT, -signal.SIGSEGV)
_PATIENCE = 10.0  # seconds for a first answer
_PERSON = b"wtman <wtman@localhost> 0 +0000"


def merge(ctl: Control, base: str, ours: str, theirs: str, attributes: str = "") -> Merged:
    """Merge two commits or trees with respect to a third."""
    return merge_many(ctl, ((base, ours, theirs),), attributes)[0]


def merge_many(
    ctl: Control, triples: Sequence[tuple[str, str, str]], attributes: str = ""
) -> tuple[Merged, ...]:
    """Merge each (base, ours, theirs) by itself, all in one process.

    `attributes` is a folder whose `.gitattributes` count, as `laid_out` makes one.
    """
    if not triples:
        return ()
    trees = trees_of(ctl, [item for triple in triples for item in triple])
    with scratch(ctl) as objects:
        made = Objects(ctl, objects, trees[0])
        lines = [merge_line(made, *trees[at : at + 3]) for at in range(0, len(trees), 3)]
        made.spill()
        answer = call(
            ctl,
            MERGE_TREE,
            worktree=attributes,
            objects=objects,
            input="".join(lines).encode(),
            ok=(0, 1, *_CRASHED),
        )
    if answer.code in _CRASHED:
        if len(triples) > 1:
            return tuple(merge(ctl, *triple, attributes) for triple in triples)
        return (_crashed(ctl, *triples[0]),)
    found = tuple(results(iter(answer.out.split(b"\0"))))
    if len(found) != len(triples):
        raise ExternalError(
            f"git merge-tree answered {len(found)} of {len(triples)} merges",
            stderr=answer.err,
        )
    return found


def merge_heads(ctl: Control, ours: str, theirs: str) -> Merged:
    """Merge two commits by their own history, as `git merge` would: several bases count."""
    answer = call(ctl, MERGE_TREE, input=f"{ours} {theirs}\n".encode(), ok=(0, 1))
    return next(results(iter(answer.out.split(b"\0"))))


def _crashed(ctl: Control, base: str, ours: str, theirs: str) -> Merged:
    """What a merge is on which git itself breaks down: one that cannot be made.

    git 2.39 has assertions that renames between files and folders can reach.
    """
    paths = paths_changed(ctl, base, theirs) or paths_changed(ctl, base, ours)
    return Merged(None, tuple(sorted(paths)))


def merge_line(objects: Objects, base: str, ours: str, theirs: str) -> str:
    """How `merge-tree --stdin` is asked to merge two trees with respect to a third."""
    commit = objects.bare_commit
    root = commit(base, (), b"", _PERSON, _PERSON)
    left = commit(ours, (root,), b"", _PERSON, _PERSON)
    right = commit(theirs, (root,), b"", _PERSON, _PERSON)
    return f"{left} {right}\n"


class Merger:
    """One git that makes merge after merge, each of the tree that the one before has given.

    git keeps its answers back until it has some thousand bytes of them: so behind each
    question comes one whose answer is long, and which costs next to nothing.
    """

    def __init__(self, objects: Objects, on: str = "") -> None:
        """`on` is the target, whose attributes count; "": none do."""
        self._objects = objects
        self._on = on
        self._talk: Conversation | None = None
        self._answers: Iterator[Merged] = iter(())
        self._filler = ""
        self._mute = False

    def merge(self, base: str, ours: str, theirs: str) -> Merged:
        """Merge a commit into the tree `ours` with respect to a third."""
        if self._talk is None and not self._mute:
            self._open()
        if self._talk is None:
            self._objects.spill()
            attributes = laid_out(self._objects.ctl, self._on)
            return merge(self._objects.ctl, base, ours, theirs, attributes)
        root, side = trees_of(self._objects.ctl, (base, theirs))
        line = merge_line(self._objects, root, ours, side)
        self._objects.spill(line.split())
        try:
            self._talk.say((line + self._filler).encode())
            next(self._answers)  # of the filler before
            return next(self._answers)
        except ExternalError as error:
            self.close()
            if error.exit_status not in _CRASHED:
                raise
            return _crashed(self._objects.ctl, base, ours, theirs)

    def _open(self) -> None:
        add, ctl = self._objects.add, self._objects.ctl
        old, new = (Entry("100644", add("blob", line)) for line in (b"old\n", b"new\n"))
        names = [b"%s%d" % (b"long" * 50, number) for number in range(16)]
        trees = (dict.fromkeys(names, old), dict.fromkeys(names, new), {b"other": old})
        self._filler = merge_line(self._objects, *map(self._objects.tree, trees))
        self._objects.spill()
        attributes = laid_out(ctl, self._on)
        env = environment_of(ctl, attributes)
        talk = Conversation(MERGE_TREE, git_dir=ctl.path, env=env, cwd=attributes)
        talk.say(self._filler.encode())
        if talk.answers(_PATIENCE):
            self._talk, self._answers = talk, results(talk.words())
        else:
            self._mute = True
            talk.close()

    def close(self) -> None:
        if self._talk is not None:
            self._talk.close()
            self._talk = None
