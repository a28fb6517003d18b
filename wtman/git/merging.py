"""Three trees to one, without a checkout, with any base.

git 2.39 takes no base: it finds one in the history. So each side becomes a commit whose
only parent is a commit of the base, in an object folder that lives as long as the call.
Result trees go to the repository's objects. No merge driver runs.
"""

import hashlib
import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from wtman.core.model import Sha
from wtman.errors import ExternalError
from wtman.git.control_dir import Control, call, scratch
from wtman.git.history import trees_of
from wtman.git.run import text

_PERSON = b"wtman <wtman@localhost> 0 +0000"


@dataclass(frozen=True, slots=True)
class Merged:
    """`tree` is None exactly when there were conflicts."""

    tree: Sha | None
    conflicts: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()


def merge(ctl: Control, base: str, ours: str, theirs: str) -> Merged:
    """Merge two commits or trees with respect to a third."""
    return merge_many(ctl, ((base, ours, theirs),))[0]


def merge_many(ctl: Control, triples: Sequence[tuple[str, str, str]]) -> tuple[Merged, ...]:
    """Merge each (base, ours, theirs) by itself, all in one process."""
    if not triples:
        return ()
    trees = iter(trees_of(ctl, [item for triple in triples for item in triple]))
    with scratch(ctl) as objects:
        made: dict[tuple[str, str], str] = {}
        lines, names = [], {}
        for _, ours, theirs in triples:
            root = _made(objects, made, next(trees), "")
            left = _made(objects, made, next(trees), root)
            right = _made(objects, made, next(trees), root)
            names[left], names[right] = ours, theirs
            lines.append(f"{left} {right}\n")
        args = ["merge-tree", "--write-tree", "--stdin", "--name-only", "--messages"]
        answer = call(ctl, args, objects=objects, input="".join(lines).encode(), ok=(0, 1))
    results = tuple(_results(iter(answer.out.split(b"\0")), names))
    if len(results) != len(triples):
        raise ExternalError(
            f"git merge-tree answered {len(results)} of {len(triples)} merges",
            stderr=answer.err,
        )
    return results


def _made(objects: str, made: dict[tuple[str, str], str], tree: str, parent: str) -> str:
    """Name of the commit of `tree` on `parent`, written into the folder `objects`."""
    if (tree, parent) not in made:
        made[tree, parent] = _write_commit(objects, tree, parent)
    return made[tree, parent]


def _write_commit(objects: str, tree: str, parent: str) -> str:
    lines = [b"tree " + tree.encode()]
    if parent:
        lines.append(b"parent " + parent.encode())
    lines += [b"author " + _PERSON, b"committer " + _PERSON, b"", b""]
    body = b"\n".join(lines)
    content = b"commit %d\0" % len(body) + body
    digest = hashlib.sha1 if len(tree) == 40 else hashlib.sha256
    name = digest(content, usedforsecurity=False).hexdigest()
    folder = os.path.join(objects, name[:2])
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name[2:]), "wb") as file:
        file.write(zlib.compress(content, 1))
    return name


def _results(words: Iterator[bytes], names: dict[str, str]) -> Iterator[Merged]:
    """Parse `status, tree, path..., "", (count, path..., kind, message)..., ""` repeatedly."""
    for status in words:
        if not status:
            continue
        tree = Sha(next(words).decode())
        paths = list(_until_empty(words))
        messages = []
        for count in _until_empty(words):
            about = [next(words) for _ in range(int(count))]
            next(words)  # kind: its text is part of the message
            message = next(words)
            if b"CONFLICT" in message:
                paths += about
                messages.append(_named(text(message).strip(), names))
        if status == b"1":
            yield Merged(tree)
        else:
            conflicts = tuple(sorted({text(path) for path in paths}))
            yield Merged(None, conflicts, tuple(messages))


def _until_empty(words: Iterator[bytes]) -> Iterable[bytes]:
    while word := next(words, b""):
        yield word


def _named(message: str, names: dict[str, str]) -> str:
    """The message with what the caller called each side."""
    for made, given in names.items():
        if made in message:
            message = message.replace(made, given)
    return message
