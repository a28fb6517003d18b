"""A whole tree and its history looked over in one call each. Blocking.

Reads only what this repository has: of a partial clone what is not there stays unread.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import chain

from wtman.errors import ExternalError
from wtman.formats.git_output import text, tree_lines
from wtman.git.control_dir import Control, call, environment_of, oid
from wtman.git.objects.history import contents
from wtman.git.run import Conversation
from wtman.model.changes import Entry

_MOST_BYTES = 1 << 20  # of a file that is read where git cannot search
_NO_PERL = re.compile(r"Perl-compatible|libpcre", re.IGNORECASE)
_MOST_NAMED = 500  # paths that are named to git; more, and it searches all


def entries(ctl: Control, treeish: str) -> Iterator[tuple[str, Entry, int]]:
    """Every file, link and submodule of a tree, with its size (0 where it is not known)."""
    return tree_lines(call(ctl, ["ls-tree", "-r", "-l", "-z", "--full-tree", oid(treeish)]).out)


def lines_like(
    ctl: Control, tree: str, pattern: str, files: Mapping[str, str], most: int, perl: str = ""
) -> Iterator[tuple[str, str]]:
    """The lines of these files (path -> blob) that look like `pattern`, cut where it ends: of
    each file that has some, as soon as git has found them.

    `perl`: the same, written for the quicker kind of regular expressions.

    Each is a newline, its number, a NUL and its text; at most `most` of one file.
    """
    left = dict(files)
    named = list(files) if len(files) <= _MOST_NAMED else []
    for flavour, wanted in (("-P", perl or pattern), ("-E", pattern)):
        args = ["grep", "-n", "-o", "-I", "-z", "--heading", "--no-color", f"--max-count={most}"]
        args += [flavour, "-e", wanted, oid(tree), "--", *named]
        try:
            talk = Conversation(args, git_dir=ctl.path, env=environment_of(ctl))
            with closing(talk):
                for path, lines in _blocks(talk.rest(ok=(0, 1)), tree):
                    if left.pop(path, None) is not None:
                        yield path, lines
        except ExternalError as error:
            if flavour == "-P" and _NO_PERL.search(error.stderr):
                continue  # of this git, the slower kind does too
            break
        return
    yield from _read(ctl, pattern, left, most)


def _blocks(out: Iterable[bytes], tree: str) -> Iterator[tuple[str, str]]:
    front, held = b"\n" + tree.encode() + b":", b"\n"
    for piece in chain(out, (front,)):
        *whole, held = (held + piece).split(front)
        for block in whole:
            path, _, lines = block.partition(b"\n")
            if path:
                yield text(path), "\n" + lines.decode("utf-8", "replace")


def _read(
    ctl: Control, pattern: str, files: Mapping[str, str], most: int
) -> Iterator[tuple[str, str]]:
    """The same without git's search, of the blobs that are here."""
    like = re.compile(pattern, re.MULTILINE)
    held = contents(ctl, list(files.values()), _MOST_BYTES)
    for path, name in files.items():
        data = held.get(name, b"")
        if b"\0" in data[:8000]:
            continue
        written = data.decode("utf-8", "replace")
        lines, number, at = [], 1, 0
        for match in like.finditer(written):
            number += written.count("\n", at, match.start())
            at = match.start()
            lines.append(f"\n{number}\0{match[0]}")
            if len(lines) >= most:
                break
        if lines:
            yield path, "".join(lines)


def commits_and_paths(ctl: Control, commit: str, most: int) -> list[Sequence[str]]:
    """What each of the last `most` commits changed, merges left out."""
    args = ["log", "-z", "--name-only", "--no-renames", "--no-merges", "--no-show-signature"]
    args += ["--no-ext-diff", "--no-textconv", "--ignore-submodules=all", "--format=%x01"]
    out = call(ctl, [*args, f"--max-count={most}", oid(commit)]).out
    return [
        [text(path) for path in part.lstrip(b"\n").split(b"\0") if path]
        for part in out.split(b"\1\0")[1:]
    ]


def texts_of(ctl: Control, blobs: Collection[str], cap: int) -> dict[str, str]:
    """What these blobs say; what is missing or larger than `cap` left out."""
    held = contents(ctl, list(blobs), cap)
    return {name: data.decode("utf-8", "replace") for name, data in held.items()}
