"""Files that a session wrote where git ignores them: no commit has them, so somebody has to say so.

Told apart from what every build and tool leaves behind, and from what was there before the
session, by the time of the last change of each file's state, which no program can set back.
What is looked at is bounded: a folder with more files than that is named as a whole.
"""

import itertools
import os
import stat
from collections.abc import Iterator, Sequence
from itertools import islice

from wtman.formats.gitignore import matches
from wtman.git.checkouts import snapshot
from wtman.git.checkouts.worktrees import Worktree
from wtman.git.control_dir import Control
from wtman.inventory import Difference, Inventory
from wtman.model.values import dataclass

_MOST = 10_000  # entries that are looked at
_SINGLY = 3  # files of one ignored folder that are told one by one

# What no session is asked for: caches, packages, compiled files.
_CACHES = tuple(
    (
        "__pycache__ .pytest_cache .mypy_cache .ruff_cache .hypothesis .tox .nox .cache .venv venv "
        "virtualenv .eggs *.egg-info site-packages __pypackages__ .ipynb_checkpoints .pytype .pyre "
        "node_modules bower_components .pnpm-store .yarn .npm .parcel-cache .turbo .next .nuxt "
        ".svelte-kit .angular .vite .sass-cache .nyc_output .eslintcache .stylelintcache "
        "*.tsbuildinfo .gradle .kotlin .terraform .bundle Pods .dart_tool .stack-work .serverless "
        ".aider.tags.cache.v* .DS_Store Thumbs.db "
        "*.pyc *.pyo *.class *.o *.obj *.lo *.la *.a *.so *.dylib *.dll *.exe *.swp *.swo *~"
    ).split()
)
# What builds, tests, editors and agents make, and what may be the work where there is no other.
_OUTPUTS = tuple(
    (
        "build dist target out obj coverage htmlcov log logs tmp temp _build .output "
        ".idea .vs .vscode .claude .codex .gemini .qwen .aider* .opencode "
        "*.log *.tmp *.bak *.orig *.rej *.pid .coverage .coverage.* coverage.xml junit.xml"
    ).split()
)


@dataclass(frozen=True, slots=True)
class Hidden:
    """What a session wrote where git ignores it. A path that ends with `/` is a folder.

    `work` is what looks like work, `output` what looks like the output of a build.
    """

    work: tuple[str, ...] = ()
    output: tuple[str, ...] = ()


def hidden(
    ctl: Control, worktree: Worktree, began: int, paths: Sequence[str] | None = None
) -> Hidden:
    """What is new at ignored paths since `began`, nanoseconds on the clock of the disk. Blocking.

    `paths` are those that may be, where that is known. The worktree has just been snapshotted.
    """
    if paths is None:
        paths = snapshot.ignored(ctl, worktree.path, worktree.index)
    work: list[str] = []
    output: list[str] = []
    left = _MOST
    for path in paths:
        if matches(_CACHES, path.rstrip("/")):
            continue
        found: list[str] = []
        whole = True
        for name in _files(worktree.path, path):
            left -= 1
            if left < 0:
                whole = False
                break
            if _is_new(os.path.join(worktree.path, name), began):
                found.append(name)
        if not whole and path.endswith("/") and _is_new(os.path.join(worktree.path, path), began):
            found = [path]
        elif len(found) > _SINGLY and path.endswith("/"):
            found = [f"{path} ({len(found)} files)"]
        (output if _is_output(path) else work).extend(found)
        if left < 0:
            break
    return Hidden(tuple(work), tuple(output))


def work_among(root: str, paths: Sequence[str], outputs: bool, ended: int) -> tuple[str, ...]:
    """Those of the ignored `paths` that hold what looks like work. Blocking.

    With `outputs` also what looks like the output of a build; so does what is newer than the
    end of the last session, in nanoseconds on the clock of the disk: it is the user's.
    """
    found = []
    for path in paths:
        if matches(_CACHES, path.rstrip("/")):
            continue
        names = itertools.islice(_files(root, path), _MOST)
        if outputs or not _is_output(path):
            wanted = next(names, None) is not None
        else:
            wanted = any(_is_new(os.path.join(root, name), ended) for name in names)
        if wanted:
            found.append(path)
    return tuple(found)


def repositories(root: str, known: Inventory, found: Difference) -> Iterator[str]:
    """Repositories among what is new in a folder: their git directories where they stand among
    files of the folder itself, else all of them. Blocking."""
    for path in (*found.new, *found.changed):
        place = path.rstrip("/")
        if os.path.basename(place) == ".git":
            yield _of_repository(known, os.path.dirname(place))
        elif path.endswith("/") and not matches(_CACHES, place):
            folders = os.walk(os.path.join(root, place))
            for folder, inner, names in islice(folders, _MOST):
                inner[:] = [name for name in inner if not matches(_CACHES, name)]
                if ".git" in inner or ".git" in names:
                    inner.clear()
                    yield _of_repository(known, os.path.relpath(folder, root))


def _of_repository(known: Inventory, place: str) -> str:
    above = f"{place}/"
    mixed = any(path.startswith(above) and path != above for path in known)
    return f"{place}/.git" if mixed else place


def work_since(worktree: Worktree, ignored: Sequence[str], began: int) -> list[str]:
    """Files at `ignored` paths that are new since `began` and look like work. Blocking.

    A folder with very many of them is one path, which ends with `/`.
    """
    found: list[str] = []
    for path in ignored:
        if matches(_CACHES, path.rstrip("/")) or _is_output(path):
            continue
        names = list(islice(_files(worktree.path, path), _MOST + 1))
        many = len(names) > _MOST
        found += [path] if many else [it for it in names if _is_since(worktree.path, it, began)]
    return found


def repositories_since(worktree: Worktree, ignored: Sequence[str], began: int) -> list[str]:
    """Repositories inside that somebody wrote since `began`, but for those in caches. Blocking.

    Where one stands among files of the worktree only its git directory is meant.
    """
    found = []
    hidden = tuple(path for path in ignored if path.endswith("/"))
    for folder, inner, names in os.walk(worktree.path):
        inner[:] = [name for name in inner if not matches(_CACHES, name)]
        if folder == worktree.path or not (".git" in inner or ".git" in names):
            continue
        inner.clear()
        place = os.path.relpath(folder, worktree.path)
        if is_newer(folder, began):
            found.append(place if f"{place}/".startswith(hidden) else f"{place}/.git")
    return found


def is_newer(folder: str, began: int) -> bool:
    """Whether anything in a folder, caches left out, was written since `began`. Blocking."""
    above, name = os.path.split(folder.rstrip("/"))
    return any(_is_since(above, path, began) for path in _files(above, f"{name}/"))


def _is_since(root: str, path: str, began: int) -> bool:
    return _is_new(os.path.join(root, path), began)


def forced(ctl: Control, worktree: Worktree, staged: Sequence[str]) -> tuple[str, ...]:
    """Those of the `staged` paths that are files at ignored paths. Blocking.

    `git add -f` says so as plainly as a commit does.
    """
    paths = snapshot.ignored(ctl, worktree.path, worktree.index)
    files, folders = frozenset(paths), tuple(path for path in paths if path.endswith("/"))
    root = os.path.realpath(worktree.path)
    return tuple(
        path
        for path in staged
        if (path in files or path.startswith(folders)) and _is_plain(root, path)
    )


def _is_plain(root: str, path: str) -> bool:
    """Whether it is a file, or a link, that no link leads to, and nothing of a repository's."""
    place = os.path.join(root, path)
    parts = path.split("/")
    if any(part.lower() in ("", ".", "..", ".git") for part in parts):
        return False
    return os.path.realpath(os.path.dirname(place)) == os.path.dirname(place) and (
        os.path.islink(place) or os.path.isfile(place)
    )


def _is_output(path: str) -> bool:
    """Of a file that stands among tracked ones only its own name counts."""
    return matches(_OUTPUTS, path.rstrip("/") if path.endswith("/") else os.path.basename(path))


def _files(root: str, path: str) -> Iterator[str]:
    """The file itself, or those of the folder, without caches."""
    if not path.endswith("/"):
        yield path
        return
    pending = [path.rstrip("/")]
    while pending:
        below = pending.pop()
        try:
            with os.scandir(os.path.join(root, below)) as entries:
                for entry in entries:
                    name = f"{below}/{entry.name}"
                    if matches(_CACHES, entry.name):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(name)
                    else:
                        yield name
        except OSError:
            continue  # what cannot be read is told of by nobody


def _is_new(path: str, began: int) -> bool:
    try:
        facts = os.lstat(path)
    except OSError:
        return False
    return facts.st_ctime_ns >= began and not stat.S_ISSOCK(facts.st_mode)
