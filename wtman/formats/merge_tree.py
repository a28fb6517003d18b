"""What `git merge-tree --stdin --messages` says of each merge, as a value."""

from collections.abc import Iterator, Sequence
from itertools import takewhile

from wtman.formats.git_output import text
from wtman.model.ids import Sha
from wtman.model.values import dataclass


@dataclass(frozen=True, slots=True)
class ConflictedFile:
    """A file whose contents clash. `sides` are the names of base, ours and theirs.

    The base is "" where both sides added the file.
    """

    path: str
    mode: str
    sides: tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Merged:
    """`tree` is None exactly when there were conflicts.

    Where contents of files were all that clashed, `torn` are these and `marked` is the
    tree in which they have conflict markers and everything else is merged.
    """

    tree: Sha | None
    conflicts: tuple[str, ...] = ()
    marked: Sha = Sha("")
    torn: tuple[ConflictedFile, ...] = ()


def results(words: Iterator[bytes]) -> Iterator[Merged]:
    """What merge-tree says, as it comes.

    That is `status, tree, stage..., "", (count, path..., kind, message)..., ""` repeatedly.
    """
    for status in words:
        if not status:
            continue
        tree = Sha(next(words).decode())
        stages = list(takewhile(bool, words))
        paths = [stage.partition(b"\t")[2] for stage in stages]
        kinds = set()
        for count in takewhile(bool, words):
            if not count.isdigit():
                break  # git 2.39 writes its advice on submodules into the place of the end
            about = [next(words) for _ in range(int(count))]
            kind, message = next(words), next(words)
            if b"CONFLICT" in message:
                kinds.add(kind)
                paths += about
        if status == b"1":
            yield Merged(tree)
            continue
        conflicts = tuple(sorted({text(path) for path in paths}))
        torn = _torn(stages) if kinds <= _CONTENTS else ()
        yield Merged(None, conflicts, tree if torn else Sha(""), torn)


_CONTENTS = {b"CONFLICT (contents)", b"CONFLICT (add/add)"}


def _torn(stages: Sequence[bytes]) -> tuple[ConflictedFile, ...]:
    """The files of a conflict if each is a plain one on all sides, else none."""
    found: dict[bytes, dict[bytes, tuple[bytes, str]]] = {}
    for line in stages:
        facts, _, path = line.partition(b"\t")
        mode, oid, stage = facts.split(b" ")
        found.setdefault(path, {})[stage] = mode, oid.decode()
    torn = []
    for path, sides in found.items():
        if not sides.keys() >= {b"2", b"3"}:
            return ()
        (ours, two), (theirs, three) = sides[b"2"], sides[b"3"]
        base, one = sides.get(b"1", (theirs, ""))
        mode = theirs if ours == base else ours
        plain = {base, ours, theirs} <= {b"100644", b"100755"}
        if not plain or theirs not in (base, mode) or (not one and ours != theirs):
            return ()
        torn.append(ConflictedFile(text(path), mode.decode(), (one, two, three)))
    return tuple(torn)
