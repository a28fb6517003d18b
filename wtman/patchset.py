"""A merge as files: patches, mailbox, bundle and manifest, written whole and checked again.

Promises: a folder of patches is there complete or not at all; what somebody else put
at that place is never overwritten; applied with plain git where `before` is known, the
series, the combined patch and the bundle each give the very tree that passed. `verify`
needs a repository and the folder, no run, and trusts nothing in the folder. Blocking.
"""

import glob
import json
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from wtman.core.manifest import KIND, SCHEMA, faults, names
from wtman.core.model import RunId, Sha, TaskId
from wtman.errors import DiskFullError, ExternalError, UsageError, WtmanError
from wtman.git import bundles, control, patches
from wtman.git.control import Control

MANIFEST = "manifest.json"
COMBINED = "combined.patch"
SERIES = "series.mbox"
# A bundle of so many bytes holds the whole history, so that it can be cloned, too.
_SMALL = 8 * 1024 * 1024
_PREFIX = re.compile(r"\A(?:\s|:|re:|\[[^\]]*\])+", re.IGNORECASE)
_MANIFEST_CAP = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Series:
    """The commits of a merge as a line: each has the one before as its only parent."""

    before: Sha
    commits: tuple[tuple[TaskId, Sha], ...]

    @property
    def changed(self) -> dict[TaskId, Sha]:
        """The tasks that have a commit of their own, in order."""
        seen = {self.before}
        found: dict[TaskId, Sha] = {}
        for task, commit in self.commits:
            if commit not in seen:
                found[task] = commit
                seen.add(commit)
        return found

    @property
    def tip(self) -> Sha:
        return self.commits[-1][1] if self.commits else self.before


def files(ctl: Control, series: Series) -> dict[str, bytes]:
    """Every patch file by name; the mailbox is the patches as mails."""
    changed = series.changed
    made: dict[str, bytes] = {}
    for number, (task, name) in enumerate(names(tuple(changed)).items(), start=1):
        made[name] = patches.format_patch(ctl, changed[task], number, len(changed))
    made[SERIES] = b"".join(patches.posted(mail) for mail in made.values())
    made[COMBINED] = patches.diff(ctl, series.before, series.tip)
    return made


def require_sound(ctl: Control, folder: str, series: Series) -> None:
    """Raise WtmanError where the patches do not give the tree of the series to `git apply`."""
    before, wanted = control.trees_of(ctl, (series.before, series.tip))
    single = [_content(folder, name) or b"" for name in names(tuple(series.changed)).values()]
    for several in (single, [_content(folder, COMBINED) or b""]):
        if patches.apply_all(ctl, before, several) != wanted:
            raise WtmanError(
                "the patches that were written do not give the tree that was checked",
                hint="nothing was landed; look for odd messages or paths in the branches",
            )


def require_free(folder: str) -> None:
    """Raise UsageError where something is in the way that wtman did not write."""
    if not os.path.lexists(folder):
        return
    if os.path.isdir(folder) and (not os.listdir(folder) or _ours(folder)):
        return
    raise UsageError(
        f"{folder} is there already and holds more than wtman merge has written",
        hint="choose another folder with -o, or move this one away",
    )


@dataclass(frozen=True, slots=True)
class Draft:
    """Patches and bundle, written beside the folder that they are meant for.

    `sums` are the sha256 sums of its files, by name.
    """

    folder: str
    beside: str
    sums: dict[str, str]

    def publish(self, manifest: Mapping[str, Any]) -> str:
        """Put it in its place, manifest and all; gives the folder."""
        text = json.dumps(manifest, indent=2, ensure_ascii=True) + "\n"
        old = f"{self.beside}.old"
        try:
            _write(os.path.join(self.beside, MANIFEST), text.encode())
            shutil.rmtree(old, ignore_errors=True)
            if os.path.isdir(self.folder):
                os.rename(self.folder, old)
            os.rename(self.beside, self.folder)
            shutil.rmtree(old, ignore_errors=True)
        except OSError as error:
            raise _trouble(self.folder, error) from error
        return self.folder

    def discard(self) -> None:
        """Leave nothing behind."""
        shutil.rmtree(self.beside, ignore_errors=True)


def write(ctl: Control, folder: str, run: RunId, series: Series, tip: Sha) -> Draft:
    """Write everything but the manifest; `tip` is what the bundle carries."""
    beside = os.path.join(os.path.dirname(folder), f".{os.path.basename(folder)}.new")
    made = files(ctl, series)
    try:
        shutil.rmtree(beside, ignore_errors=True)
        os.makedirs(beside)
        for name, content in made.items():
            _write(os.path.join(beside, name), content)
    except OSError as error:
        raise _trouble(folder, error) from error
    if tip != series.before:
        name = f"{run}.bundle"
        path = os.path.join(beside, name)
        base = None if _is_small(ctl, tip) else series.before
        patches.bundle(ctl, path, base, tip, f"refs/heads/wtman-{run}")
        with open(path, "rb") as file:
            made[name] = file.read()
    sums = {name: sha256(content).hexdigest() for name, content in sorted(made.items())}
    return Draft(folder, beside, sums)


def verify(ctl: Control, folder: str) -> tuple[str, ...]:
    """What is wrong with a folder of patches, judged against this repository; nothing: sound.

    Raises UsageError where the folder holds no manifest at all.
    """
    manifest = _manifest(folder)
    problems = [*_damaged(folder, manifest)]
    try:
        before, before_tree = _point(manifest, "before")
        _, after_tree = _point(manifest, "after")
    except (KeyError, TypeError, ValueError):
        return (*problems, f"{MANIFEST} does not say from which commit to which")
    try:
        if control.tree_of(ctl, before) != before_tree:
            problems.append(f"commit {before[:12]} has another tree than {MANIFEST} says")
    except WtmanError:
        return (*problems, f"this repository does not have commit {before[:12]}")
    problems += faults(manifest)
    problems += _unlisted(folder, manifest)
    problems += _reapplied(ctl, folder, manifest, before, after_tree)
    problems += _carried(ctl, folder, manifest)
    return tuple(dict.fromkeys(problems))


# --- checking -------------------------------------------------------------------------------------


def _damaged(folder: str, manifest: Mapping[str, Any]) -> Iterable[str]:
    listed = manifest.get("files")
    if not isinstance(listed, dict):
        yield f"{MANIFEST} lists no files"
        return
    for name, wanted in listed.items():
        content = _content(folder, name)
        if content is None:
            yield f"{name} is missing"
        elif sha256(content).hexdigest() != wanted:
            yield f"{name} was changed"
    for name in (SERIES, COMBINED):
        if name not in listed:
            yield f"{MANIFEST} does not list {name}"


def _unlisted(folder: str, manifest: Mapping[str, Any]) -> Iterable[str]:
    """What somebody could take for a part of it: a later `git am *.patch` would."""
    listed = manifest.get("files")
    known = set(listed) if isinstance(listed, dict) else set()
    known |= {str(name) for name, _ in _steps(manifest)}
    for name in sorted(os.listdir(folder)):
        if name not in known and name.endswith((".patch", ".mbox", ".bundle", ".diff")):
            yield f"{name} is not in {MANIFEST}"


def _carried(ctl: Control, folder: str, manifest: Mapping[str, Any]) -> Iterable[str]:
    """The bundle and the mails against the commits that the manifest names."""
    (before, _), (after, after_tree) = _point(manifest, "before"), _point(manifest, "after")
    listed = manifest.get("files")
    found = [name for name in listed if str(name).endswith(".bundle")] if listed else []
    if len(found) != 1:
        if found or after != before:
            yield f"{MANIFEST} lists {len(found)} bundles, not one"
        return
    content = _content(folder, found[0]) or b""
    if set(bundles.heads(content).values()) != {after}:
        yield f"{found[0]} does not carry {after[:12]}, where the merge ended"
        return
    try:
        with bundles.opened(ctl, content) as seen:
            yield from _commits(seen, folder, manifest, after, after_tree)
    except WtmanError as error:
        yield f"{found[0]} cannot be read: {error.message}"


def _commits(
    ctl: Control, folder: str, manifest: Mapping[str, Any], after: Sha, after_tree: Sha
) -> Iterable[str]:
    listed = manifest.get("tasks")
    tasks = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
    landed = {str(item.get("id")): item for item in tasks if item.get("commit")}
    shas = {name: str(item["commit"]) for name, item in landed.items()}
    known = bundles.told(ctl, list(dict.fromkeys([after, *shas.values()])))
    if after not in known or known[after].tree != after_tree:
        yield f"the bundle does not hold {after[:12]} with the tree that {MANIFEST} says"
        return
    for name, sha in shas.items():
        item, told = landed[name], known.get(sha)
        if told is None or told.tree != item.get("tree"):
            yield f"commit {sha[:12]} of {name} is not in the bundle with the tree of {MANIFEST}"
        elif not control.is_ancestor(ctl, sha, after):
            yield f"commit {sha[:12]} of {name} is no part of what landed"
        elif manifest.get("strategy") == "merge" and item.get("patch"):
            if str(item.get("head")) not in told.parents:
                yield f"head {str(item.get('head'))[:12]} of {name} is not what was merged"
    # A later task without a change of its own has the commit of the one before.
    wanted = [known[shas[name]] for name in map(str, _series(manifest)) if shas.get(name) in known]
    mails = patches.mails(ctl, _content(folder, SERIES) or b"") if wanted else ()
    if len(mails) != len(wanted):
        yield f"{SERIES} holds {len(mails)} mails, not {len(wanted)}"
    for mail, told in zip(mails, wanted, strict=False):
        if not _same_person(mail.author, told.author):
            yield f"{SERIES} says that {mail.author} wrote what {told.author} wrote"
        if _bare(mail.subject) != _bare(told.subject):
            yield f"{SERIES} has the subject {mail.subject!r} in place of {told.subject!r}"


def _bare(subject: str) -> list[str]:
    """The words of a subject without what `git am` takes away in front of it."""
    return _PREFIX.sub("", subject).split()


def _same_person(read: str, wrote: str) -> bool:
    """Whether a mail's author is the commit's, as far as a mail can say it.

    git puts the address in place of a name that is long or looks like one, and drops
    some punctuation; without an @ it reads no address at all.
    """
    (name, _, mail), (theirs, _, address) = (who.rpartition(" <") for who in (read, wrote))
    if "@" not in address:
        return True
    odd = len(theirs) > 60 or set(theirs) & set("@<>")
    plain = [[char for char in item if char.isalnum()] for item in (name, theirs)]
    return mail == address and (bool(odd) or plain[0] == plain[1])


def _series(manifest: Mapping[str, Any]) -> list[Any]:
    series = manifest.get("series")
    return series if isinstance(series, list) else []


def _reapplied(
    ctl: Control, folder: str, manifest: Mapping[str, Any], before: Sha, after_tree: Sha
) -> Iterable[str]:
    series, combined = _content(folder, SERIES), _content(folder, COMBINED)
    if series is not None:
        yield from _compared(SERIES, after_tree, lambda: patches.am(ctl, before, series))
    if combined is not None:
        yield from _compared(
            COMBINED,
            after_tree,
            lambda: patches.apply(ctl, control.tree_of(ctl, before), combined),
        )
    tree = control.tree_of(ctl, before)
    for name, wanted in _steps(manifest):
        content = _content(folder, name)
        if content is None:
            yield f"{name or 'the patch of a task'} is missing"
            return
        found = list(_compared(name, wanted, lambda c=content, t=tree: patches.apply(ctl, t, c)))
        yield from found
        if found:
            return
        tree = wanted
    if tree != after_tree:
        yield "the patches one by one do not give the tree of the merge"


def _is_small(ctl: Control, tip: Sha) -> bool:
    """Whether the whole history fits; that of a large repository is not even counted."""
    if os.path.exists(os.path.join(ctl.repo.common_dir, "shallow")):
        return False
    packs = glob.glob(os.path.join(glob.escape(ctl.objects), "pack", "*.pack"))
    try:
        return (
            sum(os.path.getsize(path) for path in packs) <= 4 * _SMALL
            and patches.size_of(ctl, tip) <= _SMALL
        )
    except (OSError, ExternalError):
        return False  # a partial clone does not hold it


def _compared(name: str, wanted: Sha, made: Any) -> Iterable[str]:
    try:
        found = made()
    except WtmanError as error:
        reason = error.stderr.strip() if isinstance(error, ExternalError) else ""
        yield f"{name} does not apply: {reason or error.message}"
        return
    if found != wanted:
        yield f"{name} gives tree {found[:12]} and not {wanted[:12]}"


def _steps(manifest: Mapping[str, Any]) -> list[tuple[str, Sha]]:
    """File and tree of each task with a patch, in the order they apply."""
    listed, series = manifest.get("tasks"), manifest.get("series")
    if not isinstance(listed, list) or not isinstance(series, list):
        return []
    tasks = {str(item.get("id")): item for item in listed if isinstance(item, dict)}
    found = []
    for name in series:
        item = tasks.get(str(name), {})
        found.append((str(item.get("patch", "")), Sha(str(item.get("tree", "")))))
    return found


def _manifest(folder: str) -> dict[str, Any]:
    try:
        with open(os.path.join(folder, MANIFEST), "rb") as file:
            manifest = json.loads(file.read(_MANIFEST_CAP))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{folder} holds no readable {MANIFEST}",
            hint="name the folder that wtman merge wrote its patches to",
        ) from error
    if not isinstance(manifest, dict) or manifest.get("kind") != KIND:
        raise UsageError(f"{MANIFEST} in {folder} was not written by wtman merge")
    if manifest.get("schema") != SCHEMA:
        raise UsageError(
            f"{MANIFEST} in {folder} has schema {manifest.get('schema')}, not {SCHEMA}",
            hint="use the version of wtman that wrote it",
        )
    return manifest


def _point(manifest: Mapping[str, Any], name: str) -> tuple[Sha, Sha]:
    point = manifest[name]
    return Sha(str(point["commit"])), Sha(str(point["tree"]))


def _content(folder: str, name: str) -> bytes | None:
    """A file directly in the folder; a manifest may not point anywhere else."""
    path = os.path.join(folder, name)
    if not name or os.path.basename(name) != name or os.path.islink(path):
        return None
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None


def _ours(folder: str) -> bool:
    """Whether everything in the folder is an earlier output: it is replaced as a whole."""
    try:
        listed = _manifest(folder).get("files")
    except UsageError:
        return False
    known = listed if isinstance(listed, dict) else {}
    return set(os.listdir(folder)) <= {MANIFEST, *known}


def _write(path: str, content: bytes) -> None:
    with open(path, "xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _trouble(folder: str, error: OSError) -> WtmanError:
    if error.errno == 28:  # ENOSPC
        return DiskFullError(f"no space left for the patches in {folder}")
    return UsageError(
        f"the patches cannot be written to {folder}: {error.strerror}",
        hint="choose another folder with -o",
    )
