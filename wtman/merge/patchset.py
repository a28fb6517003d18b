"""A merge as files: patches, mailbox, bundle and manifest, written whole and checked again.

Promises: a folder of patches is there complete or not at all; what somebody else put
at that place is never overwritten; applied with plain git where `before` is known, the
series, the combined patch and the bundle each give the very tree that passed. `verify`
needs a repository and the folder, no run, and trusts nothing in the folder. Blocking.
"""

import glob
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from wtman import files
from wtman.errors import ExternalError, UsageError, WtmanError, machine_error
from wtman.git.control_dir import Control
from wtman.git.objects import history
from wtman.git.patches import series as patches
from wtman.merge.manifest import KIND, SCHEMA, SeriesStep
from wtman.model.ids import RunId, Sha
from wtman.model.values import dataclass

MANIFEST = "manifest.json"
COMBINED = "combined.patch"
SERIES = "series.mbox"

# A bundle of so many bytes holds the whole history, so that it can be cloned, too.
_SMALL = 8 * 1024 * 1024
_DEPTH = 3  # of the manifest, beyond which a value is on one line
_MANIFEST_CAP = 64 * 1024 * 1024


def require_free(folder: str) -> None:
    """Raise UsageError where something is in the way that wtman did not write."""
    if not os.path.lexists(folder):
        return
    if os.path.isdir(folder) and (not os.listdir(folder) or _ours(folder)):
        return
    raise UsageError(
        f"{folder} already exists and holds files that wtman merge did not write",
        hint="choose another folder with -o, or move this one away",
    )


@dataclass(frozen=True, slots=True)
class PatchsetDraft:
    """Patches and bundle, written beside the folder that they are meant for.

    `sums` are the sha256 sums of its files, by name.
    """

    folder: str
    beside: str
    sums: dict[str, str]

    def publish(self, manifest: Mapping[str, Any]) -> str:
        """Put it in its place, manifest and all; gives the folder."""
        text = _laid_out(manifest) + "\n"
        old = f"{self.beside}.old"
        try:
            with files.written_at_once({os.path.join(self.beside, MANIFEST): text.encode()}):
                pass
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


def write(
    ctl: Control, folder: str, run: RunId, before: Sha, steps: Sequence[SeriesStep]
) -> PatchsetDraft:
    """Write everything but the manifest; the mailbox is the patches as mails.

    Raises WtmanError where what was written does not give the tree of the series.
    """
    beside = os.path.join(os.path.dirname(folder), f".{os.path.basename(folder)}.new")
    last, changed = steps[-1], [step for step in steps if step.patch]
    mails = patches.format_patches(ctl, [step.commit for step in changed])
    made = {step.patch: mail for step, mail in zip(changed, mails, strict=True)}
    made[SERIES] = b"".join(patches.posted(mail) for mail in made.values())
    made[COMBINED] = patches.diff(ctl, before, last.commit)
    if last.landed != before:
        base = None if _is_small(ctl, last.landed) else before
        made[f"{run}.bundle"] = patches.bundle(ctl, base, last.landed, f"refs/heads/wtman-{run}")
    try:
        shutil.rmtree(beside, ignore_errors=True)
        os.makedirs(beside)
        with files.written_at_once({os.path.join(beside, name): made[name] for name in made}):
            # While the disk writes, git reads them.
            sums = {name: sha256(content).hexdigest() for name, content in sorted(made.items())}
            draft = PatchsetDraft(folder, beside, sums)
            _require_tree(ctl, draft, before, last.tree, [step.patch for step in changed])
    except OSError as error:
        raise _trouble(folder, error) from error
    return draft


def _require_tree(
    ctl: Control, draft: PatchsetDraft, before: Sha, wanted: Sha, series: Sequence[str]
) -> None:
    """Raise WtmanError where the series, or the combined patch, does not give this tree."""
    try:
        tree = history.tree_of(ctl, before)
        for names in (series, [COMBINED]):
            paths = [os.path.join(draft.beside, name) for name in names]
            if patches.apply_files(ctl, tree, paths) != wanted:
                raise WtmanError(
                    "the patches that were written do not give the tree that was checked",
                    hint="nothing was landed; look for odd messages or paths in the branches",
                )
    except WtmanError:
        draft.discard()
        raise


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


def _laid_out(value: Any, depth: int = 0) -> str:
    """JSON with a line for each thing; what is deep inside is on one."""
    if depth >= _DEPTH or not isinstance(value, dict | list) or not value:
        return json.dumps(value, ensure_ascii=True)
    if isinstance(value, dict):
        items = [f"{json.dumps(key)}: {_laid_out(item, depth + 1)}" for key, item in value.items()]
    else:
        items = [_laid_out(item, depth + 1) for item in value]
    ends = "{}" if isinstance(value, dict) else "[]"
    pad = "  " * depth
    lines = ",\n".join(f"{pad}  {item}" for item in items)
    return f"{ends[0]}\n{lines}\n{pad}{ends[1]}"


def load_manifest(folder: str) -> dict[str, Any]:
    try:
        manifest = json.loads(files.read(os.path.join(folder, MANIFEST), _MANIFEST_CAP)[0])
    except (OSError, ValueError, RecursionError) as error:
        why = f": {error.strerror}" if isinstance(error, OSError) else ""
        raise UsageError(
            f"{folder} holds no readable {MANIFEST}{why}",
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


def content_of(folder: str, name: str) -> bytes | None:
    """A file directly in the folder; a manifest may not point anywhere else."""
    path = os.path.join(folder, name)
    if not name or os.path.basename(name) != name:
        return None
    return files.head(path, -1)


def _ours(folder: str) -> bool:
    """Whether everything in the folder is an earlier output: it is replaced as a whole."""
    try:
        listed = load_manifest(folder).get("files")
    except UsageError:
        return False
    known = listed if isinstance(listed, dict) else {}
    return set(os.listdir(folder)) <= {MANIFEST, *known}


def _trouble(folder: str, error: OSError) -> WtmanError:
    what = f"the patches cannot be written to {folder}"
    return machine_error(error, what) or UsageError(
        f"{what}: {error.strerror}",
        hint="choose another folder with -o",
    )
