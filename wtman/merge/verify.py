"""A manifest, its patches and its bundle checked again, without a run."""

import os
import re
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from wtman.errors import ExternalError, WtmanError
from wtman.git.control_dir import Control
from wtman.git.objects import history
from wtman.git.patches import bundles
from wtman.git.patches import series as patches
from wtman.merge.manifest import faults
from wtman.merge.patchset import COMBINED, MANIFEST, SERIES, content_of, load_manifest
from wtman.model.ids import Sha

_PREFIX = re.compile(r"\A(?:\s|:|re:|\[[^\]]*\])+", re.IGNORECASE)


def verify(ctl: Control, folder: str) -> tuple[str, ...]:
    """What is wrong with a folder of patches, judged against this repository; nothing: sound.

    Raises UsageError where the folder holds no manifest at all.
    """
    manifest = load_manifest(folder)
    problems = [*_damaged(folder, manifest)]
    try:
        before, before_tree = _point(manifest, "before")
        _, after_tree = _point(manifest, "after")
    except (KeyError, TypeError, ValueError):
        return (*problems, f"{MANIFEST} does not say from which commit to which")
    try:
        if history.tree_of(ctl, before) != before_tree:
            problems.append(f"commit {before[:12]} has another tree than {MANIFEST} says")
    except WtmanError:
        return (*problems, f"this repository does not have commit {before[:12]}")
    problems += faults(manifest)
    problems += _unlisted(folder, manifest)
    problems += _reapplied(ctl, folder, manifest, before, after_tree)
    problems += _carried(ctl, folder, manifest)
    return tuple(dict.fromkeys(problems))


def _damaged(folder: str, manifest: Mapping[str, Any]) -> Iterable[str]:
    listed = manifest.get("files")
    if not isinstance(listed, dict):
        yield f"{MANIFEST} lists no files"
        return
    for name, wanted in listed.items():
        content = content_of(folder, name)
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
    content = content_of(folder, found[0]) or b""
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
        elif not history.is_ancestor(ctl, sha, after):
            yield f"commit {sha[:12]} of {name} is not part of what landed"
        elif manifest.get("strategy") == "merge" and item.get("patch"):
            if str(item.get("head")) not in told.parents:
                yield f"head {str(item.get('head'))[:12]} of {name} is not what was merged"
    # A later task without a change of its own has the commit of the one before.
    wanted = [known[shas[name]] for name in map(str, _series(manifest)) if shas.get(name) in known]
    mails = patches.mails(ctl, content_of(folder, SERIES) or b"") if wanted else ()
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
    series, combined = content_of(folder, SERIES), content_of(folder, COMBINED)
    if series is not None:
        yield from _compared(SERIES, after_tree, lambda: patches.am(ctl, before, series))
    if combined is not None:
        yield from _compared(
            COMBINED,
            after_tree,
            lambda: patches.apply(ctl, history.tree_of(ctl, before), combined),
        )
    tree = history.tree_of(ctl, before)
    for name, wanted in _steps(manifest):
        content = content_of(folder, name)
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


def _point(manifest: Mapping[str, Any], name: str) -> tuple[Sha, Sha]:
    point = manifest[name]
    return Sha(str(point["commit"])), Sha(str(point["tree"]))
