"""What a merge cannot join climbs a ladder: texts that the checks have to judge.

The rungs of each clash are `rungs.py`; here git says where the clashes are, and what the
attributes want. Promises a text only where every clash of every file has one, and the
whole is as well-formed as both sides are, see `sound.py`. What the attributes keep from
being merged as text (`-merge`, `binary`, a driver of its own, which does not run) has no
text. Refuses binary files and what is too large.
"""

import os
import warnings
from collections.abc import Iterable, Sequence
from contextlib import suppress

from wtman.formats.git_objects import Unusual, tree_lines
from wtman.formats.merge_tree import ConflictedFile, Merged, results
from wtman.formats.rungs import Clash, texts
from wtman.formats.sound import Names, meanings, sound
from wtman.formats.tokens import lines_of
from wtman.git.control_dir import call
from wtman.git.merges.attributes import drivers_of, merge_of
from wtman.git.merges.draft_tree import DraftTree
from wtman.git.merges.merge_tree import MERGE_TREE, merge_line
from wtman.git.objects.history import contents
from wtman.git.objects.writer import Objects
from wtman.model.changes import Change, Entry, Lines
from wtman.model.ids import Sha
from wtman.model.values import dataclass

_CAP = 1 << 20
_BETWEEN = b"=" * 61  # what parts the sides of a clash: longer than any underline
_TEXT = (b"unspecified", b"set", b"text", b"union")


@dataclass(frozen=True, slots=True)
class Joined:
    """`tree` is None where the change clashes; `adapted`: paths, and the rung that joined each.
    `clash` says more of why it clashes.
    """

    tree: Sha | None
    conflicts: tuple[str, ...] = ()
    adapted: tuple[tuple[str, str], ...] = ()
    clash: str = ""


class Ladder:
    """The ladder of one assembly; `on` is the target, whose attributes count.

    `way` is which of the texts is taken: 0 the likeliest, then the next; the last where
    there are fewer.
    """

    def __init__(self, objects: Objects, on: str, way: int = 0) -> None:
        self._objects = objects
        self._ctl = objects.ctl
        self._on = on
        self._way = way
        self._merge: dict[str, bytes] = {}  # what the attributes say of a path
        self._texts: dict[tuple[str, ...], tuple[bytes, str] | None] = {}
        self._sides: dict[tuple[str, str], Names | None] = {}

    def join_many(self, several: Sequence[Merged]) -> tuple[Joined, ...]:
        """What each merge came to, joined where every clash of it could be."""
        torn = [item for merged in several for item in merged.torn]
        self._look(dict.fromkeys(item.path for item in torn))
        self._fill(torn)
        return tuple(self._joined(merged) for merged in several)

    def _joined(self, merged: Merged) -> Joined:
        found = [(torn, self._texts[self._key(torn)]) for torn in merged.torn]
        made = [(torn, *text) for torn, text in found if text is not None]
        if made and len(made) == len(found):
            with suppress(Unusual):
                draft = DraftTree(merged.marked, self._objects)
                draft.apply(
                    [
                        Change(torn.path, None, Entry(torn.mode, self._objects.add("blob", text)))
                        for torn, text, _ in made
                    ]
                )
                adapted = tuple((torn.path, rung) for torn, _, rung in made)
                return Joined(draft.tree(), (), adapted)
        clash = "; ".join(dict.fromkeys(how for _, how in self.not_run(merged.conflicts)))
        return Joined(merged.tree, merged.conflicts, clash=clash)

    def not_run(self, paths: Sequence[str]) -> tuple[tuple[str, str], ...]:
        """Those of the paths that a driver was to merge, and what is to be said of it."""
        found = drivers_of(self._ctl, self._on, paths)
        return tuple((path, f"merge driver {name} does not run") for path, name in found.items())

    def _look(self, paths: Iterable[str]) -> None:
        """Ask git what the target's attributes say of these paths."""
        new = [path for path in paths if path not in self._merge]
        self._merge |= merge_of(self._ctl, self._on, new)

    def _fill(self, torn: Iterable[ConflictedFile]) -> None:
        """Find out in a few processes what these files come to; None where they do not."""
        new = {self._key(item): item for item in torn}
        new = {key: item for key, item in new.items() if key not in self._texts}
        self._texts |= dict.fromkeys(new)
        wanted = {key: item for key, item in new.items() if self._merge[item.path] in _TEXT}
        blobs = self._blobs({side for item in wanted.values() for side in item.sides} - {""})
        fit = {
            key: item
            for key, item in wanted.items()
            if all(_is_text(blobs.get(side)) for side in item.sides if side)
        }
        for (key, item), marked in zip(fit.items(), self._merged(list(fit.values())), strict=True):
            base, *sides = [blobs.get(side, b"") for side in item.sides]
            if marked is not None:
                self._texts[key] = self._chosen(item, marked, base, sides)

    def _chosen(
        self, torn: ConflictedFile, marked: "_Marked", base: bytes, sides: Sequence[bytes]
    ) -> tuple[bytes, str] | None:
        """The text that is wanted of those that are sound."""
        parts: list[Lines | Clash]
        if torn.sides[0]:
            parts = marked.parts([base, *sides])
        else:
            parts = [Clash((), lines_of(sides[0]), lines_of(sides[1]), whole=True)]
        found = None
        number = 0
        for made in texts(parts) if parts else ():
            text = b"".join(made.lines)
            if sound(_meanings(torn.path, text), self._meanings(torn, sides)):
                found = text, made.rung
                number += 1
            if number > self._way:
                break
        return found

    def _meanings(self, torn: ConflictedFile, sides: Sequence[bytes]) -> list[Names | None]:
        """What the sides give names to: the same side comes in many merges."""
        found = []
        for side, content in zip(torn.sides[1:], sides, strict=True):
            if (torn.path, side) not in self._sides:
                self._sides[torn.path, side] = _meanings(torn.path, content)
            found.append(self._sides[torn.path, side])
        return found

    def _key(self, torn: ConflictedFile) -> tuple[str, ...]:
        """What the texts of a file follow from."""
        return (*torn.sides, torn.path)

    def _blobs(self, names: Iterable[str]) -> dict[str, bytes]:
        """Contents, but for what is too large."""
        wanted = sorted(names)
        if not wanted:
            return {}
        self._objects.spill()
        return contents(self._ctl, wanted, _CAP)

    def _merged(self, torn: Sequence[ConflictedFile]) -> list["_Marked | None"]:
        """Merge each file again, this time with the base in the conflict markers."""
        if not torn:
            return []
        lines = []
        for item in torn:
            trees = [
                self._objects.tree({b"f": Entry(item.mode, side)} if side else {})
                for side in item.sides
            ]
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
        made = self._files([clash.marked for clash in merged])
        found: list[_Marked | None] = []
        for clash, line in zip(merged, lines, strict=True):
            text = made.get(clash.marked)
            found.append(_Marked(text, *line.encode().split()) if text is not None else None)
        return found

    def _files(self, trees: Iterable[str]) -> dict[str, bytes]:
        """The one file of each of these trees."""
        blobs = {}
        for tree in set(trees) - {""}:
            made = self._objects.read(tree)
            if made is not None:
                entry = tree_lines(made[1], len(tree) // 2).at(b"f")
                assert entry is not None
                blobs[tree] = entry.oid
        found = self._blobs(set(blobs.values()))
        return {tree: found[blob] for tree, blob in blobs.items() if blob in found}


def _meanings(path: str, content: bytes) -> Names | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what Python thinks of somebody's source
        return meanings(path, content)


def _is_text(content: bytes | None) -> bool:
    return content is not None and b"\0" not in content and _BETWEEN not in content


@dataclass(frozen=True, slots=True)
class _Marked:
    """A file with conflict markers, which bear the names of two commits: ours and theirs."""

    text: bytes
    left: bytes
    right: bytes

    def parts(self, sides: Sequence[bytes]) -> list[Lines | Clash]:
        """What is merged and what clashes, in turn; nothing where the markers are not whole.

        `sides` are base, ours and theirs: git ends the last line of each where it is in a
        clash, also one that has no end.
        """
        size = len(_BETWEEN)
        opens, middle = b"<" * size + b" " + self.left, b"|" * size
        closes = b">" * size + b" " + self.right
        parts: list[Lines | Clash] = []
        plain: list[bytes] = []
        held: list[list[bytes]] = [[], [], []]
        place = -1  # ours is 0, base 1, theirs 2
        for line in lines_of(self.text):
            if place < 0 and line.startswith(opens):
                place, held = 0, [[], [], []]
            elif place == 0 and line.startswith(middle):
                place = 1
            elif place == 1 and line.rstrip(b"\r\n") == _BETWEEN:
                place = 2
            elif place == 2 and line.startswith(closes):
                parts += [plain, Clash(held[1], held[0], held[2])]
                plain, place = [], -1
            else:
                (plain if place < 0 else held[place]).append(line)
        if place >= 0 or not parts:
            return []
        if not plain:
            base, ours, theirs = (
                lines if side.endswith(b"\n") else _open_ended(lines)
                for lines, side in zip((held[1], held[0], held[2]), sides, strict=True)
            )
            parts[-1] = Clash(base, ours, theirs)
        return [*parts, plain]


def _open_ended(lines: Sequence[bytes]) -> list[bytes]:
    return [*lines[:-1], *(line.rstrip(b"\n") for line in lines[-1:])]
