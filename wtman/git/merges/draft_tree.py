"""A tree in memory, on which the changes of one branch after the other are put.

`fits` says whether a three-way merge could only end in the change as it is: everything
the branch changed is in the tree as it was at the branch's start, what it adds finds
nothing in its way, and no folder came or went that renames could be followed through:
one that the branch moved away holds what it held, and one that it works in is still
there. Whatever does not fit has to be merged by git.
"""

from collections.abc import Callable, Iterable, Sequence

from wtman.formats.git_objects import TreeLines, Unusual, tree_lines
from wtman.formats.git_output import raw
from wtman.git.control_dir import call
from wtman.git.objects.writer import Objects
from wtman.model.changes import FOLDER, Change, Changes, Entry
from wtman.model.ids import Sha

Parts = tuple[bytes, ...]


class Folder:
    """A folder of the draft. `oid` is empty once something in it has changed.

    `inner` are the folders in it that were opened; those of them that have changed have no
    true line yet.
    """

    __slots__ = ("_changed", "inner", "lines", "oid", "was")

    def __init__(self, lines: TreeLines, oid: str) -> None:
        self.lines = lines
        self.oid = self.was = oid
        self.inner: dict[bytes, Folder] = {}
        self._changed: set[bytes] = set()

    def __bool__(self) -> bool:
        """Whether anything is in it."""
        return bool(self.lines or self.inner)

    def touch(self, name: bytes) -> None:
        """Something below this name changes."""
        self.oid = ""
        self._changed.add(name)

    def put(self, name: bytes, item: "Entry | Folder") -> None:
        self.drop(name)
        if isinstance(item, Folder):
            self.inner[name] = item
            self.touch(name)
        else:
            self.lines.put(name, item)

    def drop(self, name: bytes) -> None:
        self.oid = ""
        self.lines.drop(name)
        self.inner.pop(name, None)
        self._changed.discard(name)

    def settle(self, name_of: "Callable[[Folder], str]") -> None:
        """Write the lines of the folders that have changed."""
        for name in self._changed:
            self.lines.put(name, Entry(FOLDER, name_of(self.inner[name])))
        self._changed.clear()


class DraftTree:
    """The tree `root` of the repository, and what was done to it since."""

    def __init__(self, root: str, objects: Objects) -> None:
        self._objects = objects
        self._read: dict[str, TreeLines] = {}
        self._first = root
        self._root = self._folder(root)

    def expect(self, several: Iterable[Changes]) -> None:
        """Read in one go the folders that these changes will need."""
        start = self._first.encode() + b":"
        found = {item.path for changes in several for item in changes if _is_folder(item)}
        self._load([start + raw(path) for path in sorted(found)])

    def fits(self, changes: Changes) -> bool:
        """Whether merging these changes into the tree as it is can only mean applying them."""
        leaving = {change.path for change in changes if change.old is not None}
        return all(self._free(change, leaving) for change in changes)

    def changed(self, changes: Changes) -> list[str]:
        """Files of these changes that somebody else has changed since the branch's start."""
        return [
            change.path
            for change in changes
            if not _is_folder(change) and self._at(change.path) not in (change.old, change.new)
        ]

    def names(self, paths: Iterable[str]) -> list[str]:
        """Names of the contents that files have now, "" for what is none."""
        found = map(self._at, paths)
        return [item.oid if isinstance(item, Entry) and item.regular else "" for item in found]

    def _free(self, change: Change, leaving: set[str]) -> bool:
        here = self._at(change.path)
        old = change.old
        if old is None:
            # A folder that both made is common ground; what stood here leaves by its own record.
            shared = change.new is not None and change.new.is_folder and isinstance(here, Folder)
            return here is None or shared or change.path in leaving
        if change.inside:
            return isinstance(here, Folder)
        if isinstance(here, Folder):
            return old.is_folder and self._name(here) == old.oid
        return here == old

    def apply(self, changes: Sequence[Change]) -> None:
        """Put the changes on the tree; what leaves goes first."""
        plain = [item for item in changes if not _is_folder(item)]
        for change in plain:
            if change.new is None:
                self._remove(_parts(change.path))
        for change in plain:
            if change.new is not None:
                self._put(_parts(change.path), change.new)

    def follow(self, tree: str) -> None:
        """Be another tree from now on."""
        self._root = self._folder(tree)

    def tree(self) -> Sha:
        """Name of the tree as it is now; its new parts wait in the objects."""
        return Sha(self._name(self._root))

    # --- the folders ----------------------------------------------------------------------------

    def _at(self, path: str) -> Entry | Folder | None:
        here: Entry | Folder | None = self._root
        for name in _parts(path):
            if not isinstance(here, Folder):
                return None
            here = self._item(here, name)
        return here

    def _item(self, folder: Folder, name: bytes) -> Entry | Folder | None:
        inner = folder.inner.get(name)
        if inner is not None:
            return inner
        entry = folder.lines.at(name)
        if entry is None or not entry.is_folder:
            return entry
        inner = folder.inner[name] = self._folder(entry.oid)
        return inner

    def _put(self, parts: Parts, entry: Entry) -> None:
        here = self._root
        for name in parts[:-1]:
            item = self._item(here, name)
            if not isinstance(item, Folder):
                item = Folder(TreeLines({}, []), "")
                here.put(name, item)
            here.touch(name)
            here = item
        here.put(parts[-1], entry)

    def _remove(self, parts: Parts) -> None:
        """Take an entry away, and the folders that it leaves empty."""
        line = [self._root]
        for name in parts[:-1]:
            item = self._item(line[-1], name)
            if not isinstance(item, Folder):
                return
            line.append(item)
        for folder, name in zip(line, parts[:-1], strict=False):
            folder.touch(name)
        for folder, name in zip(reversed(line), reversed(parts), strict=True):
            folder.drop(name)
            if folder:
                break

    def _name(self, folder: Folder) -> str:
        if not folder.oid:
            folder.settle(self._name)
            folder.oid = self._objects.add("tree", folder.lines.content(), near=folder.was)
            folder.was = folder.oid
        return folder.oid

    def _folder(self, oid: str) -> Folder:
        if oid not in self._read:
            new = self._objects.read(oid)
            if new is not None and new[0] == "tree":
                self._read[oid] = tree_lines(new[1], len(oid) // 2)
            else:
                self._load([oid.encode()])
            if oid not in self._read:
                raise Unusual(oid)
        return Folder(self._read[oid].copy(), oid)

    def _load(self, names: Sequence[bytes]) -> None:
        """Read trees, by name or as `tree:path`; what is no folder is passed over."""
        if not names:
            return
        script = b"".join(name + b"\0" for name in names)
        out = call(self._objects.ctl, ["cat-file", "--batch", "-z"], input=script).out
        at = 0
        for name in names:
            missing = name + b" missing\n"
            if out.startswith(missing, at):
                at += len(missing)
                continue
            end = out.index(b"\n", at)
            oid, kind, size = out[at:end].split()
            content = out[end + 1 : end + 1 + int(size)]
            at = end + 2 + int(size)
            if kind == b"tree":
                self._read[oid.decode()] = tree_lines(content, len(oid) // 2)


def _parts(path: str) -> Parts:
    return tuple(raw(path).split(b"/"))


def _is_folder(change: Change) -> bool:
    """Folders come and go with what is in them."""
    sides = [side for side in (change.old, change.new) if side is not None]
    return all(side.is_folder for side in sides)
