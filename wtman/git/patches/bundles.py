"""A bundle read back: which commits it carries, judged without taking anything over.

Its objects go to a folder of one call's own and are gone afterwards. Promises that every
object of the pack is read and hashed again, and that no ref moves. Blocking.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from wtman.git.control_dir import Control, call, oid, scratch
from wtman.model.ids import Sha
from wtman.model.values import dataclass

_HEAD_CAP = 1 << 16


@dataclass(frozen=True, slots=True)
class CommitFacts:
    """A commit: its tree and parents, who wrote it, and the first line of its message."""

    tree: Sha
    parents: tuple[Sha, ...]
    author: str  # "Name <address>"
    subject: str


def heads(content: bytes) -> dict[str, str]:
    """The refs that a bundle says it carries; empty where it is none."""
    head = content[:_HEAD_CAP].partition(b"\n\n")[0].decode("utf-8", "surrogateescape")
    first, *lines = head.split("\n")
    if not first.startswith("# v"):
        return {}
    pairs = (line.split(" ", 1) for line in lines if line[:1] not in ("-", "@") and " " in line)
    return {ref: name for name, ref in pairs}


@contextmanager
def opened(ctl: Control, content: bytes) -> Iterator[Control]:
    """A control directory that sees the objects of a bundle; ExternalError where it is broken."""
    with scratch(ctl) as folder:
        os.mkdir(os.path.join(folder, "pack"))
        aside = replace(ctl, aside=folder)
        args = ["index-pack", "--stdin", "--fix-thin"]
        call(aside, args, input=content.partition(b"\n\n")[2])
        yield aside


def told(ctl: Control, commits: Sequence[str]) -> dict[str, CommitFacts]:
    """These commits; one that is not there is left out."""
    if not commits:
        return {}
    script = "".join(f"{oid(name)}\n" for name in commits).encode()
    sizes = call(ctl, ["cat-file", "--batch-check=%(objecttype)"], input=script).out.splitlines()
    there = [name for name, kind in zip(commits, sizes, strict=True) if kind == b"commit"]
    if not there:
        return {}
    form = "--format=%H%x00%T%x00%P%x00%an <%ae>%x00%s%x00"
    args = ["log", "--no-walk=unsorted", "--no-show-signature", "--no-mailmap", form, *there]
    words = call(ctl, args).out.decode("utf-8", "surrogateescape").split("\0")
    rows = zip(*(iter(words[:-1]),) * 5, strict=True)
    return {
        name.strip(): CommitFacts(Sha(tree), tuple(map(Sha, parents.split())), author, subject)
        for name, tree, parents, author, subject in rows
    }
