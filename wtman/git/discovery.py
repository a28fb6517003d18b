"""Where the repository is, found the way git finds it but without starting git.

Honours nothing from GIT_* variables: a wtman that runs inside a hook must not work on
somebody else's index. Refuses, in git's own words, a repository of another owner that
the user has not declared safe.
"""

import os
import re
from dataclasses import field, replace
from functools import cache

from wtman import files
from wtman.errors import ExternalError, MissingError, OutsideError
from wtman.git.config import users_own
from wtman.git.conversations import LastingGits
from wtman.git.run import git
from wtman.model.ref_moves import Move
from wtman.model.values import dataclass
from wtman.text.words import printable

OLDEST = (2, 39)
_POINTER_CAP = 8192


@dataclass(frozen=True, slots=True)
class Repository:
    """Absolute real paths. `git_dir` is that of the checkout the user stands in.

    `announced` is what this process was about to do to its refs (`ref_log`); `approved` are
    the texts of commands and filters that the user approved for it. `lasting` are gits that
    stay for the next question.
    """

    common_dir: str
    git_dir: str
    toplevel: str  # "" in a bare repository or inside the git directory
    main: str  # the main checkout, "" when bare or where git does not record it
    folder: str = field(default="", compare=False)  # below toplevel, where the user stands
    announced: list[Move] = field(default_factory=list, compare=False, repr=False)
    approved: frozenset[str] = field(default=frozenset(), compare=False, repr=False)
    lasting: LastingGits = field(default_factory=LastingGits, compare=False, repr=False)

    @property
    def wtman_dir(self) -> str:
        return os.path.join(self.common_dir, "wtman")


def discover(start: str) -> Repository:
    """The repository that holds the folder `start`."""
    if not os.path.isabs(start) and not files.working_folder():
        raise MissingError(
            "the folder that you are in was removed",
            hint="go to one that exists, or name one: -C DIR",
        )
    folder = os.path.realpath(start or os.curdir)
    _require_folder(folder, start)
    require_git()
    place = folder
    while True:
        dot_git = os.path.join(place, ".git")
        if os.path.lexists(dot_git) and (found := git_dir_at(place)):
            repo = _owned(_repository(found, place))
            return replace(repo, folder=folder[len(place) :].strip("/") if repo.toplevel else "")
        if _is_git_dir(place):
            return _owned(_repository(place, ""))
        parent = os.path.dirname(place)
        if parent == place:
            break
        place = parent
    raise MissingError(
        f"{folder} is not in a git repository", hint="run git init there, or pass -C DIR"
    )


def _require_folder(folder: str, name: str) -> None:
    """Refuse what is no folder, or none that this user may look into."""
    try:
        os.stat(os.path.join(folder, os.curdir))
    except OSError as error:
        what = printable(name.rstrip(os.sep), 300)
        if isinstance(error, FileNotFoundError):
            raise MissingError(f"there is no folder {what}") from None
        raise MissingError(f"cannot look into {what}: {error.strerror}") from None


@cache
def require_git() -> None:
    """Refuse a git that is absent or too old."""
    said = git(["version"], git_dir="").out.decode("ascii", "replace").strip()
    match = re.search(r"(\d+)\.(\d+)", said)
    if match is None or (int(match[1]), int(match[2])) < OLDEST:
        raise MissingError(
            f"{said or 'this git'} is too old for wtman", hint="install git 2.39 or newer"
        )


def git_dir_at(folder: str) -> str:
    """Git directory of the checkout whose root is `folder`, "" if it is not one."""
    dot_git = os.path.join(folder, ".git")
    if os.path.isdir(dot_git):
        found = os.path.realpath(dot_git)
        return found if _is_git_dir(found) else ""
    target = _pointer(dot_git)
    if not target:
        return ""
    if not _is_git_dir(target):
        raise MissingError(
            f"{dot_git} points to {target}, which is not a git directory",
            hint="run git worktree repair in the main checkout",
        )
    return target


def common_dir_of(git_dir: str) -> str:
    """The directory that `git_dir` shares with the repository's other checkouts."""
    said = _first_line(os.path.join(git_dir, "commondir"))
    return os.path.realpath(os.path.join(git_dir, said)) if said else git_dir


def _pointer(dot_git: str) -> str:
    said = _first_line(dot_git)
    if not said.startswith("gitdir: "):
        return ""
    return os.path.realpath(os.path.join(os.path.dirname(dot_git), said[8:]))


def _first_line(path: str) -> str:
    return os.fsdecode((files.head(path, _POINTER_CAP, follow=True) or b"").rstrip(b"\r\n"))


def _is_git_dir(path: str) -> bool:
    if not os.path.lexists(os.path.join(path, "HEAD")):
        return False
    if os.path.isfile(os.path.join(path, "commondir")):
        return True
    return all(os.path.isdir(os.path.join(path, name)) for name in ("objects", "refs"))


def _repository(git_dir: str, toplevel: str) -> Repository:
    common = common_dir_of(git_dir)
    bare, worktree = _core(common)
    if toplevel and git_dir == common:
        # A submodule's or --separate-git-dir's own checkout too.
        main = toplevel = os.path.realpath(os.path.join(common, worktree or toplevel))
    elif bare:
        main = ""
    elif worktree:
        main = os.path.realpath(os.path.join(common, worktree))
    else:
        main = os.path.dirname(common) if os.path.basename(common) == ".git" else ""
    if bare and git_dir == common:
        main = toplevel = ""
    return Repository(common, git_dir, toplevel, main)


def _core(common: str) -> tuple[bool, str]:
    """core.bare and core.worktree from the file itself, without a process."""
    try:
        with open(os.path.join(common, "config"), encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
    except FileNotFoundError:
        return False, ""
    found = {"bare": "", "worktree": ""}
    section = ""
    for line in lines:
        if heading := re.match(r'\s*\[\s*([\w.-]+)\s*(".*")?\s*\]', line):
            section = heading[1].lower() + (heading[2] or "")
        pair = re.match(r"\s*(bare|worktree)\s*(?:=\s*(.*?)\s*)?$", line, re.IGNORECASE)
        if section == "core" and pair:
            found[pair[1].lower()] = "true" if pair[2] is None else pair[2].strip('"')
    return found["bare"].lower() in ("true", "yes", "on", "1"), found["worktree"]


def _owned(repo: Repository) -> Repository:
    users = {os.geteuid()}
    if 0 in users and os.environ.get("SUDO_UID", "").isdigit():
        users.add(int(os.environ["SUDO_UID"]))
    if os.stat(repo.common_dir).st_uid in users:
        return repo
    # Only git knows the user's safe.directory list; it checks only where it searches itself.
    try:
        git(["rev-parse"], git_dir="", cwd=repo.toplevel or repo.git_dir, env=users_own())
    except OutsideError:
        raise
    except ExternalError as error:
        raise MissingError(
            error.message,
            hint=f"git config --global --add safe.directory {repo.toplevel or repo.git_dir}",
        ) from error
    return repo
