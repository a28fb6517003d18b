"""A commit sent to a remote, which the user has asked for by name.

It signs in as the user's own git would;
programs to do so with come only from the user's own configuration, never from the
repository's, and no hook runs. Blocking.
"""

from wtman.errors import ExternalError, MissingError
from wtman.git import config, remotes
from wtman.git.control_dir import oid
from wtman.git.discovery import Repository
from wtman.git.run import git
from wtman.model.ids import Sha
from wtman.model.values import dataclass


@dataclass(frozen=True, slots=True)
class Route:
    """Where a branch is published: the remote, and the name that the target has there."""

    remote: str
    base: str


def route(repo: Repository, target: str) -> Route:
    """The remote of the target's upstream, else `origin`. Raises MissingError without one."""
    settings = config.entries(repo.git_dir)
    remote = config.value_of(settings, f"branch.{target}.remote")
    if remote in ("", "."):
        remote = "origin"
    if not config.value_of(settings, f"remote.{remote}.url"):
        raise MissingError(
            f"there is no remote {remote!r} for the pull request",
            hint="git remote add origin URL; or use --patch-only",
        )
    upstream = config.value_of(settings, f"branch.{target}.merge")
    return Route(remote, upstream.removeprefix("refs/heads/") or target)


def push(repo: Repository, remote: str, commit: Sha, branch: str) -> None:
    """Make `branch` of the remote this commit; it is wtman's own branch there."""
    settings = config.entries(repo.git_dir)
    args = [*remotes.flags(settings, trusted=True), "-c", "push.gpgSign=false"]
    args += ["push", "--quiet", "--no-verify", "--no-signed", "--no-follow-tags"]
    args += ["--no-recurse-submodules", "--receive-pack=git-receive-pack", "--end-of-options"]
    args += [remote, f"+{oid(commit)}:refs/heads/{branch}"]
    try:
        git(args, git_dir=repo.git_dir, cwd=remotes.folder(repo), env=remotes.environment())
    except ExternalError as error:
        error.hint = error.hint or f"see that this works: git push --dry-run {remote} HEAD"
        raise


def repository_of(repo: Repository) -> str:
    """`owner/name` of the remote `origin`, as its address ends; else nothing."""
    settings = config.entries(repo.git_dir)
    address = config.value_of(settings, "remote.origin.url").rstrip("/").removesuffix(".git")
    owner, _, name = address.replace(":", "/").rpartition("/")
    return f"{owner.rpartition('/')[2]}/{name}" if owner and name else ""
