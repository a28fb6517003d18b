"""A folder that somebody has worked in, made again what it was when it was handed out.

By difference: what is not listed or differs from its inventory goes, and what is tracked is
written again. So nothing that was left there is seen by the next: no file, mode, link, socket,
repository or attribute. What setup made may stay, as long as all of it is as it was listed.
The `.git` at the top is the caller's matter. Blocking; git runs through the control directory.
"""

import os
import stat
from collections.abc import Container, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import accumulate

from wtman import files, inventory
from wtman.errors import ExternalError, OutsideError
from wtman.formats.git_output import raw
from wtman.git.checkouts import snapshot
from wtman.git.checkouts.handouts import Handout, Handouts
from wtman.git.control_dir import Control, call, own_index
from wtman.git.objects import history
from wtman.git.trees import remove_tree
from wtman.inventory import Difference
from wtman.model.ids import Sha

_CAP = 1 << 30  # bytes of an index


def reset(
    ctl: Control,
    handouts: Handouts,
    folder: str,
    index: str,
    commit: Sha,
    keys: Container[str] = (),
    seen: tuple[Handout, Difference] | None = None,
) -> Handout | None:
    """Bring a used folder to `commit`; None where it cannot be made clean.

    What setup made stays where `keys` has the one that it was made for and nothing of it has
    changed; the answer's `key` says so. `seen` is the folder's handout and how it differs from
    that, where somebody has just looked.
    """
    listed = seen[0] if seen else handouts.load(folder)
    kept = handouts.index(folder, listed.commit) if listed else ""
    if listed is None or not kept or not inventory.is_fine(listed.inventory):
        return None
    try:
        found = seen[1] if seen and not (listed.own or listed.dirty) else None
        dirty, was = listed.dirty, listed.shared
        found = found or inventory.compare(folder, was.inventory)
        if was.made and (
            not was.key
            or was.key not in keys
            or _touches(was.made, found)
            or not {path.rstrip("/") for path in was.made}.isdisjoint(
                _moved(ctl, was.commit, commit)
            )
        ):
            was = was.bare
            found = inventory.compare(folder, was.inventory)
        if "/" in found.changed or not _deleted(folder, (*found.new, *found.changed)):
            return None
        _take_index(kept, own_index(ctl, folder, index))
        moved = _moved(ctl, was.commit, commit)
        if any(os.path.basename(path) == ".gitattributes" for path in moved):
            return None  # what did not change may have to be written in another way
        written = [*found.changed, *found.gone, *dirty]
        if moved:
            snapshot.move(ctl, folder, index, was.commit, commit)
            _without_emptied(folder, was, moved)
        lacking = {*_below(was, written), *dirty}.difference(moved)
        _write_again(ctl, folder, index, [path for path in lacking if path[-1] != "/"])
        _make_again(folder, was, [path for path in lacking if path[:-1] not in moved])
        written += moved
        now = replace(was, commit=commit)
        if written:
            now = replace(now, inventory=inventory.again(folder, was.inventory, written))
        if written or commit != listed.commit:
            handouts.checked_out(ctl, folder, index, commit)
        if written or now != listed:
            handouts.store(folder, now)
    except OutsideError:
        raise
    except (ExternalError, OSError, RecursionError):
        return None
    return now


def _take_index(kept: str, place: str) -> None:
    """Put the index of the handout at `place`, as of now.

    Git reads every file that may have changed in the second in which its index was written, and
    all were written in that. That none has changed since then, their states have just told.
    """
    files.replace(place, files.read(kept, _CAP)[0])


def _moved(ctl: Control, was: Sha, to: Sha) -> list[str]:
    """The paths that are written where a checkout goes from one commit to another."""
    same = history.tree_of(ctl, was) == history.tree_of(ctl, to)
    return [] if same else list(history.paths_changed(ctl, was, to))


def _touches(made: Iterable[str], found: Difference) -> bool:
    """Whether something that setup made is changed or gone; what is new beside it goes."""
    return not {*found.changed, *found.gone}.isdisjoint(made)


def _deleted(folder: str, paths: Iterable[str]) -> bool:
    """Delete these; whether all of them could be."""
    for path in paths:
        place = os.path.join(folder, path.rstrip("/"))
        if os.path.isdir(place) and not os.path.islink(place):
            if not remove_tree(place):
                return False
        else:
            with suppress(FileNotFoundError):  # it has been moved away
                os.unlink(place)
    return True


def _without_emptied(folder: str, was: Handout, moved: Iterable[str]) -> None:
    """Delete folders that hold nothing any more: git leaves them where somebody else had
    deleted what it would have deleted."""
    made, written = set(was.made), set(moved)
    for path in written:
        above = list(accumulate(path.split("/")[:-1], "{}/{}".format))
        if not written.isdisjoint(above):
            continue  # a link, or the place of a submodule, is there now
        for place in reversed(above):
            if f"{place}/" in made:
                break
            try:
                os.rmdir(os.path.join(folder, place))
            except FileNotFoundError:
                continue
            except OSError:
                break  # something is in it


def _below(was: Handout, paths: Iterable[str]) -> Iterator[str]:
    """The tracked files and their folders among listed paths, and in the folders among them."""
    made, names = set(was.made), set(paths)
    yield from (path for path in names - made if path in was.inventory)
    if folders := tuple(path for path in names if path.endswith("/")):
        inside = (path for path in was.inventory if path.startswith(folders))
        yield from (path for path in inside if path not in made and path not in names)


def _write_again(ctl: Control, folder: str, index: str, paths: Iterable[str]) -> None:
    """Write these tracked files as the index has them, and note their new states there."""
    script = b"".join(raw(path) + b"\0" for path in paths)
    if script:
        args = ["checkout-index", "--force", "--index", "-z", "--stdin"]
        place = own_index(ctl, folder, index)
        call(ctl, args, worktree=folder, index=place, input=script)
    snapshot.show(ctl, folder, index)


def _make_again(folder: str, was: Handout, paths: Iterable[str]) -> None:
    """Make the folders among these that hold no file: where a submodule would be."""
    gone = [path for path in paths if path[-1] == "/" and not os.path.isdir(f"{folder}/{path}")]
    above = {os.path.dirname(path.rstrip("/")) + "/" for path in was.inventory} if gone else set()
    for path in gone:
        if path not in above:
            os.makedirs(place := os.path.join(folder, path))
            os.chmod(place, stat.S_IMODE(was.inventory[path][3]))
