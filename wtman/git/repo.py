"""Questions about the user's own repository, and the one thing done in their checkout.

Everything here may read the user's configuration, because the answers depend on it;
filters that only the repository's own configuration knows are never run. Working on
what a session left goes through `control_dir`.
"""

import os

from wtman import files
from wtman.errors import (
    ExternalError,
    LockedError,
    MissingError,
    OutsideError,
    RaceError,
    UsageError,
)
from wtman.formats.git_output import text
from wtman.git import config
from wtman.git.discovery import Repository, common_dir_of, git_dir_at
from wtman.git.ref_log import announce
from wtman.git.run import GitAnswer, git
from wtman.model.ids import Sha
from wtman.model.plan import Identity
from wtman.model.ref_moves import ANY, Move
from wtman.model.values import dataclass

_BRANCH = "ref: refs/heads/"
_WHO = ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL")


@dataclass(frozen=True, slots=True)
class Checkout:
    """One line of `git worktree list`. `head` is "" where there is no commit yet.

    `path` is "" where git does not record it: of a main checkout whose git directory is
    elsewhere, seen from another checkout.
    """

    path: str
    head: str
    branch: str  # short name, "" when detached or bare


def resolve(repo: Repository, rev: str) -> Sha:
    """The commit that the user means by `rev`."""
    found = _revision(repo, rev)
    if found:
        return Sha(found)
    if not _revision(repo, "HEAD") and rev in ("HEAD", head_branch(repo)):
        raise MissingError(
            "this repository has no commit yet",
            hint='make a first commit: git commit --allow-empty -m "first commit"',
        )
    raise UsageError(f"{rev!r} is not a commit of this repository")


def _revision(repo: Repository, rev: str) -> str:
    if not rev or "\0" in rev or "\n" in rev:
        return ""
    args = ["rev-parse", "--verify", "--quiet", "--end-of-options", rev + "^{commit}"]
    return _ask(repo, args, ok=(0, 1, 128)).out.decode("ascii", "replace").strip()


def head_branch(repo: Repository) -> str:
    """Short name of the branch the user stands on, "" when detached; it may be unborn."""
    head = text(files.head(os.path.join(repo.git_dir, "HEAD"), 4096) or b"").strip()
    if head.startswith(_BRANCH) and head != f"{_BRANCH}.invalid":
        return head.removeprefix(_BRANCH)  # without GitPython, which is slow to import
    where = repo.toplevel or repo.git_dir
    if repo.toplevel and not os.path.lexists(os.path.join(where, ".git")):
        return _head_branch(repo)  # core.worktree leads here, GitPython finds nothing

    try:
        import git as gitpython
    except ImportError:  # it runs `git version` as it is imported, and that was killed
        return _head_branch(repo)
    try:
        with gitpython.Repo(where, expand_vars=False) as opened:
            name = "" if opened.head.is_detached else str(opened.head.reference.path)
    except (gitpython.GitError, ValueError, IndexError, OSError, TypeError) as error:
        # The errors of GitPython are not all of one family.
        raise ExternalError(f"the repository at {where} cannot be read: {error}") from error
    if name.startswith("refs/heads/.invalid"):  # the reftable format keeps HEAD elsewhere
        return _head_branch(repo)
    return name.removeprefix("refs/heads/")


def _head_branch(repo: Repository) -> str:
    name = text(_ask(repo, ["symbolic-ref", "-q", "HEAD"], ok=(0, 1)).out).strip()
    return name.removeprefix("refs/heads/")


def identity(repo: Repository) -> Identity:
    """Who the user's own git would write into a commit made here and now."""
    asked = {key: os.environ[key] for key in _WHO if os.environ.get(key)}
    answer = _ask(repo, ["var", "GIT_AUTHOR_IDENT"], ok=(0, 1, 128), env=asked)
    if answer.code != 0:
        home = os.environ.get("HOME", "")
        if not os.path.isdir(home):
            what = f"HOME is {home}, which is not a folder" if home else "HOME is not set"
            raise MissingError(
                f"git has no user name and email: {what}",
                hint="set HOME to your home folder",
            )
        raise MissingError(
            "git has no user name and email",
            hint='git config --global user.name "Your Name"\n'
            "git config --global user.email you@example.com",
        )
    person = text(answer.out).strip().rsplit(" ", 2)[0]
    name, _, email = person.rpartition(" <")
    return Identity(name, email.removesuffix(">"))


def checkouts(repo: Repository) -> tuple[Checkout, ...]:
    """The main checkout (or the bare repository) and all linked worktrees."""
    listed = _ask(repo, ["worktree", "list", "--porcelain", "-z"]).out
    found: list[Checkout] = []
    for block in listed.split(b"\0\0"):
        facts: dict[str, str] = {}
        for line in block.split(b"\0"):
            word, _, rest = text(line).partition(" ")
            facts[word] = rest
        if "worktree" not in facts:
            continue
        head = facts.get("HEAD", "")
        # Git derives the main checkout from the place of the git directory, which may be elsewhere.
        is_main = not found and "bare" not in facts
        found.append(
            Checkout(
                path=repo.main if is_main else facts["worktree"],
                head=head if head.strip("0") else "",
                branch=facts.get("branch", "").removeprefix("refs/heads/"),
            )
        )
    return tuple(found)


def is_dirty(repo: Repository, path: str) -> tuple[str, ...]:
    """Tracked paths with a change in the index or the worktree of the user's checkout."""
    args = ["status", "--porcelain=v1", "-z", "-uno", "--no-renames", "--ignore-submodules=dirty"]
    listed = in_checkout(repo, path, args).out
    return tuple(text(item[3:]) for item in listed.split(b"\0") if item)


def uncommitted(repo: Repository, path: str) -> tuple[str, ...]:
    """Paths of a checkout that no commit holds as they are, untracked ones too."""
    args = ["status", "--porcelain=v1", "-z", "-unormal", "--no-renames"]
    listed = in_checkout(repo, path, [*args, "--ignore-submodules=dirty"]).out
    return tuple(text(item[3:]) for item in listed.split(b"\0") if item)


def fast_forward(
    repo: Repository, checkout_path: str, before: Sha, after: Sha, lock: int = -1
) -> None:
    """Move the branch checked out there, index and files included, from `before` to `after`.

    Nothing uncommitted is overwritten, neither changed nor untracked nor ignored files. git
    inherits the descriptor `lock`. Killed half-way it leaves what it has done so far: see
    `landing`.
    """
    head = in_checkout(repo, checkout_path, ["rev-parse", "HEAD"]).out.decode().strip()
    if head == after:
        return
    if head != before:
        raise RaceError(
            f"{checkout_path} moved to {head[:12]} while {before[:12]} was being merged",
            hint="run the same merge again",
        )
    require_filtered(repo, checkout_path, before, after)
    args = ["merge", "--ff-only", "--no-overwrite-ignore", "--no-stat", "--no-autostash"]
    args += ["--no-verify-signatures", "--quiet", after]
    announce(repo, [Move("index", ANY, ANY), *moves_at(repo, checkout_path, before, after)])
    try:
        in_checkout(repo, checkout_path, args, keep=(lock,) if lock >= 0 else ())
    except ExternalError as error:
        _explain(error, checkout_path, after)
        raise


def moves_at(repo: Repository, path: str, before: str, after: str) -> list[Move]:
    """HEAD of a checkout and the branch that stands there, as they are about to be."""
    head = os.path.join(checkout_git_dir(repo, path), "HEAD")
    said = text(files.head(head, 4096) or b"").strip()
    branch = [Move(said[5:], before, after)] if said.startswith("ref: ") else []
    return [Move("HEAD", before, after), *branch]


def _explain(error: ExternalError, path: str, after: str) -> None:
    """Have git's error say what it means here; a branch that moved away is a race."""
    if "ossible to fast-forward" in error.stderr:
        raise RaceError(
            f"{path} moved away from the history of {after[:12]}", hint="run the same merge again"
        ) from error
    if isinstance(error, OutsideError) and not isinstance(error, LockedError):
        return
    hint = "finish or abort the operation in progress there, then run the same merge again"
    if "would be overwritten" in error.stderr or "would be lost" in error.stderr:
        hint = "commit, stash or move these files, then run the same merge again"
    elif "index.lock" in error.stderr:
        hint = error.hint
    names = [line.strip() for line in error.stderr.splitlines() if line.startswith("\t")]
    why = f"{', '.join(names[:8])} would be overwritten" if names else error.message
    error.message, error.hint = f"git refused to move {path} to {after[:12]}: {why}", hint


def require_filtered(repo: Repository, path: str, before: str, after: str) -> None:
    """A filter that is not run would leave wrong bytes in the user's own checkout."""
    planted = config.planted_filters(config.entries(repo.git_dir), repo.approved)
    if not planted:
        return
    args = ["diff-tree", "-r", "-z", "--name-only", "--no-renames", before, after]
    changed = _ask(repo, args).out
    words = in_checkout(
        repo, path, ["check-attr", "-z", "--stdin", "filter"], data=changed
    ).out.split(b"\0")
    for name, value in zip(words[0::3], words[2::3], strict=False):
        if text(value) in planted:
            raise ExternalError(
                f"{text(name)} needs the filter {text(value)!r}, which only the repository's "
                "own configuration defines: wtman does not run it",
                cwd=path,
                hint="read and approve it: wtman trust; then run the same merge again",
            )


def in_checkout(
    repo: Repository,
    path: str,
    args: list[str],
    data: bytes = b"",
    *,
    keep: tuple[int, ...] = (),
) -> GitAnswer:
    """Run git in one of the user's checkouts, whatever its own pointer files claim.

    It inherits the descriptors `keep`.
    """
    git_dir = checkout_git_dir(repo, path)
    env = config.users_own() | config.without_planted(config.entries(git_dir), repo.approved)
    env |= {"GIT_COMMON_DIR": repo.common_dir, "GIT_WORK_TREE": path}
    return git(args, git_dir=git_dir, cwd=path, env=env, input=data, keep=keep)


def checkout_git_dir(repo: Repository, path: str) -> str:
    """The git directory of one of the user's checkouts."""
    if path == repo.main:
        return repo.common_dir  # also where core.worktree leads, which holds no `.git`
    git_dir = git_dir_at(path)
    if not git_dir or common_dir_of(git_dir) != repo.common_dir:
        raise MissingError(
            f"{path} is not a checkout of {repo.common_dir}", hint="run git worktree list"
        )
    return git_dir


def _ask(
    repo: Repository,
    args: list[str],
    ok: tuple[int, ...] = (0,),
    env: dict[str, str] | None = None,
) -> GitAnswer:
    return git(args, git_dir=repo.git_dir, env=config.users_own() | (env or {}), ok=ok)
