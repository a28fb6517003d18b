"""A manifest, its patches and its bundle checked again, without a run."""

import os
import re
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from pydantic import BaseModel, ValidationError

from wtman.errors import ExternalError, OutsideError, WtmanError
from wtman.formats.json_answers import problems_of
from wtman.git.control_dir import Control
from wtman.git.objects import history
from wtman.git.patches import bundles
from wtman.git.patches import series as patches
from wtman.merge.patchset import COMBINED, MANIFEST, SERIES, content_of, load_manifest
from wtman.model.ids import Sha

_PREFIX = re.compile(r"\A(?:\s|:|re:|\[[^\]]*\])+", re.IGNORECASE)


class _Point(BaseModel):
    commit: Sha
    tree: Sha


class _Task(BaseModel):
    """Of a task only what can be checked: without a commit it did not land."""

    id: str
    head: str = ""
    commit: Sha | None = None
    tree: str | None = None
    patch: str | None = None


class _Manifest(BaseModel):
    """What every manifest of wtman says; more than this may stand there."""

    run: Any
    request: Any
    context: Any
    merged: Any
    target: Any
    base: Any
    plan: Any
    excluded: Any
    flaky: Any
    tests: Any
    needs: Any
    strategy: str
    before: _Point
    after: _Point
    tasks: list[_Task]
    units: dict[str, list[str]]
    series: list[str]
    checks: list[Any]
    verdict: str
    proof: dict[str, Any]
    files: dict[str, str]

    @property
    def steps(self) -> list[tuple[str, Sha]]:
        """File and tree of each task with a patch, in the order they apply."""
        tasks = {item.id: item for item in self.tasks}
        steps = (tasks.get(name, _Task(id=name)) for name in self.series)
        return [(item.patch or "", Sha(item.tree or "")) for item in steps]


def verify(ctl: Control, folder: str) -> tuple[str, ...]:
    """What is wrong with a folder of patches, judged against this repository; nothing: sound.

    Raises UsageError where the folder holds no manifest at all.
    """
    try:
        told = _Manifest.model_validate(load_manifest(folder))
    except ValidationError as error:
        return tuple(f"{MANIFEST}: {problem}" for problem in problems_of(error.errors()))
    before = told.before.commit
    problems = [*_damaged(folder, told.files)]
    try:
        tree = history.tree_of(ctl, before)
    except OutsideError:
        raise
    except WtmanError:
        return (*problems, f"this repository does not have commit {before[:12]}")
    if tree != told.before.tree:
        problems.append(f"commit {before[:12]} has another tree than {MANIFEST} says")
    problems += _unfit(told)
    problems += _unlisted(folder, told)
    problems += _reapplied(ctl, folder, told, tree)
    problems += _carried(ctl, folder, told)
    return tuple(dict.fromkeys(problems))


def _damaged(folder: str, listed: Mapping[str, str]) -> Iterable[str]:
    for name, wanted in listed.items():
        content = content_of(folder, name)
        if content is None:
            yield f"{name} is missing"
        elif sha256(content).hexdigest() != wanted:
            yield f"{name} was changed"
    for name in (SERIES, COMBINED):
        if name not in listed:
            yield f"{MANIFEST} does not list {name}"


def _unfit(told: _Manifest) -> Iterable[str]:
    """What no merge of wtman that landed would say."""
    if told.verdict not in ("green", "unchecked"):
        yield f"the manifest's verdict is {told.verdict}: this was not to land"
    if told.proof.get("proven") is not True or told.proof.get("violations"):
        yield "the manifest's conservation proof does not say that nothing was lost"
    if told.verdict == "green" and not told.checks:
        yield "the manifest's verdict is green, and it lists no check"
    landed = {item.id for item in told.tasks if item.commit}
    for unit, parts in told.units.items():
        if missing := [name for name in parts if name not in landed]:
            yield f"{unit} lands whole or not at all, and {', '.join(missing)} did not land"


def _unlisted(folder: str, told: _Manifest) -> Iterable[str]:
    """What somebody could take for a part of it: a later `git am *.patch` would."""
    known = {*told.files, *(name for name, _ in told.steps)}
    for name in sorted(os.listdir(folder)):
        if name not in known and name.endswith((".patch", ".mbox", ".bundle", ".diff")):
            yield f"{name} is not in {MANIFEST}"


def _carried(ctl: Control, folder: str, told: _Manifest) -> Iterable[str]:
    """The bundle and the mails against the commits that the manifest names."""
    after = told.after.commit
    found = [name for name in told.files if name.endswith(".bundle")]
    if len(found) != 1:
        if found or after != told.before.commit:
            yield f"{MANIFEST} lists {len(found)} bundles, not one"
        return
    content = content_of(folder, found[0]) or b""
    if set(bundles.heads(content).values()) != {after}:
        yield f"{found[0]} does not carry {after[:12]}, where the merge ended"
        return
    try:
        with bundles.opened(ctl, content) as seen:
            yield from _commits(seen, folder, told)
    except OutsideError:
        raise
    except WtmanError as error:
        yield f"{found[0]} cannot be read: {error.message}"


def _commits(ctl: Control, folder: str, told: _Manifest) -> Iterable[str]:
    after = told.after.commit
    landed = {item.id: (item, item.commit) for item in told.tasks if item.commit}
    known = bundles.told(ctl, list(dict.fromkeys([after, *(sha for _, sha in landed.values())])))
    if after not in known or known[after].tree != told.after.tree:
        yield f"the bundle does not hold {after[:12]} with the tree that {MANIFEST} says"
        return
    for name, (item, sha) in landed.items():
        held = known.get(sha)
        if held is None or held.tree != item.tree:
            yield f"commit {sha[:12]} of {name} is not in the bundle with the tree of {MANIFEST}"
        elif not history.is_ancestor(ctl, sha, after):
            yield f"commit {sha[:12]} of {name} is not part of what landed"
        elif told.strategy == "merge" and item.patch and item.head not in held.parents:
            yield f"head {item.head[:12]} of {name} is not what was merged"
    # A later task without a change of its own has the commit of the one before.
    series = [landed[name][1] for name in told.series if name in landed]
    wanted = [known[sha] for sha in series if sha in known]
    mails = patches.mails(ctl, content_of(folder, SERIES) or b"") if wanted else ()
    if len(mails) != len(wanted):
        yield f"{SERIES} holds {len(mails)} mails, not {len(wanted)}"
    for mail, wrote in zip(mails, wanted, strict=False):
        if not _same_person(mail.author, wrote.author):
            yield f"{SERIES} says that {mail.author} wrote what {wrote.author} wrote"
        if _bare(mail.subject) != _bare(wrote.subject):
            yield f"{SERIES} has the subject {mail.subject!r} in place of {wrote.subject!r}"


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


def _reapplied(ctl: Control, folder: str, told: _Manifest, tree: Sha) -> Iterable[str]:
    series, combined = content_of(folder, SERIES), content_of(folder, COMBINED)
    before, after_tree = told.before.commit, told.after.tree
    if series is not None:
        yield from _compared(SERIES, after_tree, lambda: patches.am(ctl, before, series))
    if combined is not None:
        yield from _compared(COMBINED, after_tree, lambda: patches.apply(ctl, tree, combined))
    for name, wanted in told.steps:
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
    except OutsideError:
        raise
    except WtmanError as error:
        reason = error.stderr.strip() if isinstance(error, ExternalError) else ""
        yield f"{name} does not apply: {reason or error.message}"
        return
    if found != wanted:
        yield f"{name} gives tree {found[:12]} and not {wanted[:12]}"
