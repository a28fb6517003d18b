"""Linked worktrees, made and dropped without a window in which other git commands fail.

`git worktree add` races with itself and with any command that walks the worktrees, and
gets slower with their number. Its administrative files are documented
(gitrepository-layout), so they are written aside and renamed into place, complete.
Where the repository uses an extension that this layout may not cover, git does it,
under a lock of ours.

How one is dropped, and brought back, is in `trash`.
"""

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from hashlib import sha256

from wtman import files
from wtman.errors import ExternalError, RaceError, UsageError
from wtman.git import config
from wtman.git.discovery import Repository
from wtman.git.run import git
from wtman.git.scratch import scratch
from wtman.git.trees import remove_tree
from wtman.git.untrusted.git_dir import admin_files, write_texts
from wtman.model.values import dataclass

_HEAD_CAP = 4096
NEW = ".new-"  # what is put together in wtman's own folder begins so


@dataclass(frozen=True, slots=True)
class WorktreeSpec:
    """`name` is the administrative name, `branch` a short name that exists already.

    `filled`: the folder is there and holds its files, but for the pointer to git.
    """

    name: str
    path: str
    branch: str
    filled: bool = False


@dataclass(frozen=True, slots=True)
class Worktree:
    path: str
    admin: str

    @property
    def index(self) -> str:
        """Where git looks for the index of this worktree."""
        return os.path.join(self.admin, "index")


def create(repo: Repository, specs: Sequence[WorktreeSpec]) -> tuple[Worktree, ...]:
    """Make worktrees without files in them; one that is there already is adopted."""
    if not specs:
        return ()
    checked = [_checked(repo, spec) for spec in specs]
    os.makedirs(repo.wtman_dir, exist_ok=True)
    made = {spec.name: there for spec in checked if (there := _adopted(repo, spec))}
    if len(made) < len(checked):
        by_git = _needs_git(repo)
        # One folder for all drafts: removing a folder costs more than all else here.
        with aside(repo) as drafts:
            for spec in checked:
                if spec.name not in made:
                    made[spec.name] = (
                        _by_git(repo, spec) if by_git else _by_hand(repo, spec, drafts)
                    )
    return tuple(made[spec.name] for spec in checked)


def takes_filled(repo: Repository) -> bool:
    """Whether a folder with files in it can become a worktree here."""
    return not _needs_git(repo)


def unregister(repo: Repository, worktree: Worktree) -> None:
    """Let git know nothing of a worktree any more; its folder stays, without the pointer."""
    retire(repo, worktree.admin)
    pointer = os.path.join(worktree.path, ".git")
    if os.path.isdir(pointer) and not os.path.islink(pointer):
        remove_tree(pointer)
    elif os.path.lexists(pointer):
        os.unlink(pointer)


def repair_head(worktree: Worktree, branch: str) -> None:
    """Make the worktree's HEAD point to `branch` again, whatever it was."""
    _replace(os.path.join(worktree.admin, "HEAD"), f"ref: refs/heads/{branch}\n")


def detach(worktree: Worktree, commit: str) -> None:
    """Let the worktree stand on `commit` itself, on no branch; no file changes."""
    _replace(os.path.join(worktree.admin, "HEAD"), f"{commit}\n")


def head_of(worktree: Worktree) -> str:
    """What HEAD says: "ref: refs/..." or an object name; "" if it is no ordinary file."""
    return _read(os.path.join(worktree.admin, "HEAD")).strip()


def _checked(repo: Repository, spec: WorktreeSpec) -> WorktreeSpec:
    name, path = spec.name, spec.path
    if not name or name.startswith(".") or any(char in name for char in "/\\\n\0"):
        raise UsageError(f"{name!r} cannot name a worktree")
    if not os.path.isabs(path) or "\n" in path or "\0" in path:
        raise UsageError(f"{path!r} cannot be the place of a worktree")
    real = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
    for taken in (repo.main, repo.toplevel, repo.common_dir):
        if taken and (real + os.sep).startswith(taken.rstrip(os.sep) + os.sep):
            raise UsageError(
                f"a worktree at {path} would be inside {taken}",
                hint="choose a folder outside the checkout (setting `worktrees`)",
            )
    return WorktreeSpec(name, real, spec.branch, spec.filled)


def _needs_git(repo: Repository) -> bool:
    facts = os.stat(os.path.join(repo.common_dir, "config"))
    return _has_extensions(repo.common_dir, facts.st_mtime_ns, facts.st_size, facts.st_ino)


@lru_cache(maxsize=4)
def _has_extensions(common: str, *facts: int) -> bool:
    return any(
        item.key.startswith("extensions.")
        and item.key != "extensions.objectformat"
        and item.scope in ("local", "worktree")
        for item in config.entries(common)
    )


def _adopted(repo: Repository, spec: WorktreeSpec) -> Worktree | None:
    """The worktree of that name if it is the one meant; its pointer file is put right."""
    admin = os.path.join(repo.common_dir, "worktrees", spec.name)
    if not os.path.lexists(admin):
        return None
    if _read(os.path.join(admin, "gitdir")).strip() != os.path.join(spec.path, ".git"):
        raise RaceError(
            f"the worktree name {spec.name} is taken",
            hint="run git worktree list, and git worktree prune if it is gone",
        )
    os.makedirs(spec.path, exist_ok=True)
    point(spec.path, admin, repo.wtman_dir)
    return Worktree(spec.path, admin)


def _by_hand(repo: Repository, spec: WorktreeSpec, drafts: str) -> Worktree:
    admin = os.path.join(repo.common_dir, "worktrees", spec.name)
    if not spec.filled:
        _require_empty(spec.path, admin)
    draft = os.path.join(drafts, spec.name)
    os.mkdir(draft)
    write_texts(draft, admin_files(spec.branch, spec.path))
    os.makedirs(spec.path, exist_ok=True)
    # Before the rename: `git worktree prune` removes an entry whose .git is missing.
    point(spec.path, admin, repo.wtman_dir)
    try:
        settle(draft, admin)
    except OSError as error:
        if adopted := _adopted(repo, spec):
            return adopted
        raise ExternalError(f"worktree {spec.name} could not be created: {error}") from error
    return Worktree(spec.path, admin)


def settle(draft: str, admin: str) -> None:
    """Rename a complete entry to its place."""
    for _ in range(20):
        try:
            os.rename(draft, admin)
        except FileNotFoundError:
            # `git worktree prune` removes the folder of all entries when it is empty, also
            # just after somebody else has made it.
            with suppress(FileExistsError):
                os.mkdir(os.path.dirname(admin))
        else:
            return
    os.rename(draft, admin)


def _by_git(repo: Repository, spec: WorktreeSpec) -> Worktree:
    admin = os.path.join(repo.common_dir, "worktrees", spec.name)
    with files.locked(os.path.join(repo.wtman_dir, "worktrees.lock")):
        if not _named_by_git(repo, spec):
            _require_empty(spec.path, "")  # git itself takes no folder with files
            args = ["worktree", "add", "--no-checkout", "--", spec.path, spec.branch]
            git(args, git_dir=repo.common_dir, env=config.users_own())
        # git names the entry after the folder; ours is found again by its own name.
        if (chosen := _named_by_git(repo, spec)) and chosen != admin:
            os.rename(chosen, admin)
            point(spec.path, admin, repo.wtman_dir)
    return Worktree(spec.path, admin)


def _named_by_git(repo: Repository, spec: WorktreeSpec) -> str:
    """The entry that the pointer at the place names, if it points back."""
    dot_git = os.path.join(spec.path, ".git")
    entry = _read(dot_git).strip().removeprefix("gitdir: ")
    ours = os.path.dirname(entry) == os.path.join(repo.common_dir, "worktrees")
    return entry if ours and _read(os.path.join(entry, "gitdir")).strip() == dot_git else ""


def _require_empty(path: str, admin: str) -> None:
    """A folder may be there if it is empty, or holds only the pointer of a cut-off attempt."""
    try:
        names = os.listdir(path)
    except FileNotFoundError:
        return
    except NotADirectoryError:
        names = [os.path.basename(path)]
    pointer = _read(os.path.join(path, ".git")).strip()
    if names and not (names == [".git"] and admin and pointer == f"gitdir: {admin}"):
        raise UsageError(
            f"{path} is not empty", hint="move it away, or choose another folder for worktrees"
        )


def point(path: str, names: str, aside: str) -> None:
    """Have the pointer file of the worktree at `path` name the folder `names`.

    Never opened in place, where a session can put a pipe or a link: renamed over it, from
    `aside` where that is on the same file system. In the worktree itself a kill would leave
    a file behind that looks like the work of a session.
    """
    dot_git = os.path.join(path, ".git")
    if os.path.isdir(dot_git) and not os.path.islink(dot_git):
        raise ExternalError(
            f"{dot_git} is a folder where the worktree's pointer file should be",
            hint="a session replaced it: look at it, then move it away",
        )
    wanted = f"gitdir: {names}\n"
    if not os.path.islink(dot_git) and _read(dot_git) == wanted:
        return
    files.replace(dot_git, os.fsencode(wanted), mode=0o666, draft=_draft(path, aside))


def _draft(path: str, aside: str) -> str:
    """The same name for a worktree every time, so that what kills leave does not add up."""
    os.makedirs(aside, mode=0o700, exist_ok=True)
    device = os.stat(path).st_dev
    for folder in (aside, os.path.dirname(path)):
        if os.stat(folder).st_dev == device:
            mark = sha256(os.fsencode(path)).hexdigest()[:16]
            return os.path.join(folder, f".git-{mark}")
    return os.path.join(path, f".git-{secrets.token_hex(8)}")


def retire(repo: Repository, admin: str) -> None:
    """Take the entry out of git's sight in one step, then delete it."""
    if os.path.islink(admin):
        os.unlink(admin)
        return
    if not os.path.isdir(admin):
        return
    with aside(repo) as folder:
        os.rename(admin, os.path.join(folder, "admin"))


@contextmanager
def aside(repo: Repository) -> Iterator[str]:
    """A folder on the file system of the git directory."""
    os.makedirs(repo.wtman_dir, exist_ok=True)
    with scratch(repo.wtman_dir, NEW) as folder:
        yield folder


def _read(path: str) -> str:
    """A small regular file, "" for anything else: sessions can put a pipe or a link there."""
    return os.fsdecode(files.head(path, _HEAD_CAP) or b"")


def _replace(path: str, content: str) -> None:
    # With the mode that git gives it: others may share the repository.
    files.replace(path, os.fsencode(content), mode=0o666)
