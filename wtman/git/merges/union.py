"""Two insertions at one place, both kept: a candidate that the checks have to judge.

Promises a text only where every clash of the file is two pure insertions: each is in it
whole, ours first, and nothing that either side removed or edited; what ours has inserted
there already, the same lines in the same order, is taken once. Refuses binary
files, files whose last line has no end, what `.gitattributes` of the target
keeps from being merged as text (`-merge`, `binary`, a driver of its own), and Python,
JSON or TOML that would not parse although both sides do.
"""

import ast
import json
import os
import tomllib
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from wtman.formats.git_objects import Unusual, read_tree
from wtman.formats.git_output import raw
from wtman.formats.merge_tree import ConflictedFile, Merged, results
from wtman.git.control_dir import call, oid, scratch_file
from wtman.git.merges.draft_tree import DraftTree
from wtman.git.merges.merge_tree import MERGE_TREE, merge_line
from wtman.git.objects.history import contents
from wtman.git.objects.writer import Objects
from wtman.model.changes import Change, Entry
from wtman.model.ids import Sha

_CAP = 1 << 20
_BETWEEN = b"=" * 61  # what parts the sides of a clash: longer than any underline
_TEXT = (b"unspecified", b"set", b"text", b"union")


@dataclass(frozen=True, slots=True)
class Joined:
    """`tree` is None where the change clashes; `union`: paths where both sides were kept."""

    tree: Sha | None
    conflicts: tuple[str, ...] = ()
    union: tuple[str, ...] = ()


class Union:
    """Union for one assembly; `on` is the target, whose attributes count."""

    def __init__(self, objects: Objects, on: str) -> None:
        self._objects = objects
        self._ctl = objects.ctl
        self._on = on
        self._allowed: dict[str, bool] = {}
        self._texts: dict[tuple[str, str, str, str], bytes | None] = {}

    def join_many(self, several: Sequence[Merged]) -> tuple[Joined, ...]:
        """What each merge came to, both insertions kept where that made it clean."""
        torn = [item for merged in several for item in merged.torn]
        self._look(dict.fromkeys(item.path for item in torn))
        self._fill(torn)
        return tuple(self._joined(merged) for merged in several)

    def _joined(self, merged: Merged) -> Joined:
        texts = [
            (torn, text)
            for torn in merged.torn
            if (text := self._texts.get(_key(torn))) is not None
        ]
        if texts and len(texts) == len(merged.torn):
            with suppress(Unusual):
                draft = DraftTree(merged.marked, self._objects)
                draft.apply(
                    [
                        Change(torn.path, None, Entry(torn.mode, self._objects.add("blob", text)))
                        for torn, text in texts
                    ]
                )
                return Joined(draft.tree(), (), tuple(torn.path for torn, _ in texts))
        return Joined(merged.tree, merged.conflicts)

    def _look(self, paths: Iterable[str]) -> None:
        """Ask git what the target's attributes say of these paths."""
        new = [path for path in paths if path not in self._allowed]
        if not new:
            return
        with scratch_file(self._ctl) as index:
            call(self._ctl, ["read-tree", oid(self._on)], index=index)
            args = ["check-attr", "--cached", "-z", "--stdin", "merge"]
            out = call(
                self._ctl, args, index=index, input=b"".join(raw(path) + b"\0" for path in new)
            ).out
        words = out.split(b"\0")
        for path, value in zip(new, words[2:-1:3], strict=True):
            self._allowed[path] = value in _TEXT

    def _fill(self, torn: Iterable[ConflictedFile]) -> None:
        """Find out in a few processes what these files come to; None where they do not."""
        new = {_key(item): item for item in torn if self._allowed[item.path]}
        new = {key: item for key, item in new.items() if key not in self._texts}
        blobs = self._blobs({side for item in new.values() for side in item.sides})
        self._texts |= dict.fromkeys(new)
        fit = {
            key: item
            for key, item in new.items()
            if all(_is_text(blobs.get(side)) for side in item.sides)
        }
        for (key, item), joined in zip(fit.items(), self._clashes(list(fit.values())), strict=True):
            sides = [blobs[side] for side in item.sides[1:]]
            if joined is not None and parses(key[-1], joined, sides):
                self._texts[key] = joined

    def _blobs(self, names: Iterable[str]) -> dict[str, bytes]:
        """Contents, but for what is too large."""
        wanted = sorted(names)
        if not wanted:
            return {}
        self._objects.spill()
        return contents(self._ctl, wanted, _CAP)

    def _clashes(self, torn: Sequence[ConflictedFile]) -> list[bytes | None]:
        """Merge each file again, this time with the base in the conflict markers."""
        if not torn:
            return []
        lines = []
        for item in torn:
            trees = [self._objects.tree({b"f": Entry(item.mode, side)}) for side in item.sides]
            lines.append(merge_line(self._objects, *trees))
        self._objects.spill()
        # The only attributes that merge-tree reads here: it asks no configuration for them.
        home = os.path.join(self._ctl.aside, "xdg")
        os.makedirs(os.path.join(home, "git"), exist_ok=True)
        with open(os.path.join(home, "git", "attributes"), "w") as file:
            file.write(f"* conflict-marker-size={len(_BETWEEN)}\n")
        answer = call(
            self._ctl,
            ["-c", "merge.conflictStyle=diff3", *MERGE_TREE],
            env={"XDG_CONFIG_HOME": home},
            input="".join(lines).encode(),
            ok=(0, 1),
        )
        merged = list(results(iter(answer.out.split(b"\0"))))
        marked = self._marked([clash.marked for clash in merged])
        found: list[bytes | None] = []
        for clash, line in zip(merged, lines, strict=True):
            text = marked.get(clash.marked)
            found.append(both(text, *line.encode().split()) if text is not None else None)
        return found

    def _marked(self, trees: Iterable[str]) -> dict[str, bytes]:
        """The one file of each of these trees."""
        blobs = {}
        for tree in set(trees) - {""}:
            made = self._objects.read(tree)
            if made is not None:
                blobs[tree] = read_tree(made[1], len(tree) // 2)[b"f"].oid
        texts = self._blobs(set(blobs.values()))
        return {tree: texts[blob] for tree, blob in blobs.items() if blob in texts}


def _key(torn: ConflictedFile) -> tuple[str, str, str, str]:
    return (*torn.sides, os.path.splitext(torn.path)[1].lower())


def _is_text(content: bytes | None) -> bool:
    return (
        content is not None
        and b"\0" not in content
        and content.endswith(b"\n")
        and _BETWEEN not in content
    )


def both(marked: bytes, left: bytes, right: bytes) -> bytes | None:
    """The text with the insertions of both sides, None where a clash is anything else.

    Theirs is taken once where ours holds it: an earlier branch has inserted the same.

    `left` and `right` are the names of commits, which the markers bear.
    """
    size = len(_BETWEEN)
    opens, middle, closes = b"<" * size + b" " + left, b"|" * size, b">" * size + b" " + right
    out: list[bytes] = []
    ours: list[bytes] = []
    theirs: list[bytes] = []
    place = ""
    clashes = 0
    for line in marked.split(b"\n"):
        if not place and line.startswith(opens):
            place, ours, theirs = "ours", [], []
            clashes += 1
        elif place == "ours" and line.startswith(middle):
            place = "base"
        elif place == "base":
            if line.rstrip(b"\r") != _BETWEEN:
                return None  # there is something that a side has edited or removed
            place = "theirs"
        elif place == "theirs" and line.startswith(closes):
            out += ours if _holds(ours, theirs) else [*ours, *theirs]
            place = ""
        else:
            {"ours": ours, "theirs": theirs}.get(place, out).append(line)
    return b"\n".join(out) if clashes and not place else None


def _holds(lines: Sequence[bytes], block: Sequence[bytes]) -> bool:
    """Whether the block is in the lines as it is; one that is blank says nothing."""
    size = len(block)
    return any(line.strip() for line in block) and any(
        lines[at : at + size] == block for at in range(len(lines) - size + 1)
    )


def parses(suffix: str, joined: bytes, sides: Sequence[bytes]) -> bool:
    """Whether the joined text is as well-formed as the sides are."""
    read = _READERS.get(suffix)
    return read is None or _reads(read, joined) or not all(_reads(read, side) for side in sides)


def _reads(read: Callable[[bytes], object], content: bytes) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


_READERS: dict[str, Callable[[bytes], object]] = {
    ".py": ast.parse,
    ".pyi": ast.parse,
    ".json": json.loads,
    ".toml": lambda content: tomllib.loads(content.decode()),
}
