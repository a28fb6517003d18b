"""Branches that wtman did not make: found by what a user calls them, and read.

A name is a branch first, then a remote-tracking branch, then whatever git makes of it,
so that a tag of the same name does not come before a branch. Blocking.
"""

from collections.abc import Iterable, Sequence

from wtman.errors import UsageError
from wtman.git import refs
from wtman.git.control_dir import Control, call, oid
from wtman.git.discovery import Repository
from wtman.git.repo import resolve
from wtman.model.changes import Commit
from wtman.model.ids import Sha
from wtman.model.plan import Identity

_FORMAT = "%H%x1f%P%x1f%an%x1f%ae%x1f%B"


def tips(repo: Repository, names: Iterable[str]) -> dict[str, Sha | None]:
    """The commit of each name; None where nothing has that name."""
    local, remote = refs.read(repo, "refs/heads"), refs.read(repo, "refs/remotes")
    found: dict[str, Sha | None] = {}
    for name in names:
        known = local.get(f"refs/heads/{name}") or remote.get(f"refs/remotes/{name}")
        found[name] = known or _other(repo, name)
    return found


def _other(repo: Repository, name: str) -> Sha | None:
    try:
        return resolve(repo, name)
    except UsageError:
        return None


def names(repo: Repository) -> tuple[str, ...]:
    """Every branch and remote-tracking branch, by the name that `tips` knows it by."""
    found = (*refs.read(repo, "refs/heads"), *refs.read(repo, "refs/remotes"))
    return tuple(ref.split("/", 2)[2] for ref in found)


def history(ctl: Control, heads: Sequence[Sha], target: Sha) -> dict[Sha, Commit]:
    """The commits of `heads` that `target` does not have, each behind its parents."""
    args = ["log", "--topo-order", "--reverse", "-z", "--no-show-signature"]
    script = "".join(f"{oid(head)}\n" for head in dict.fromkeys(heads)) + f"^{oid(target)}\n"
    answer = call(ctl, [*args, f"--format={_FORMAT}", "--stdin"], input=script.encode())
    commits: dict[Sha, Commit] = {}
    for record in answer.out.decode("utf-8", "replace").split("\0"):
        if not record:
            continue
        sha, parents, name, email, text = record.split("\x1f", 4)
        above = tuple(Sha(parent) for parent in parents.split())
        commits[Sha(sha)] = Commit(above, Identity(name, email), text)
    return commits
