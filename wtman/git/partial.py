"""Partial clones: what a command is going to read of them, fetched before it begins.

A clone made with `--filter` left files, or folders, at its remote, and git fetches what it
misses as it meets it. wtman's own git does not: it runs beside what sessions wrote, and
talks to no network. So what base, branches and target hold is fetched here, once, before
any sandbox or session, as the user's own git would: from the remote that promised it, with
their configuration and sign-in, those of the repository too. Blocking.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from wtman.errors import ExternalError, MissingError
from wtman.git import config, remotes
from wtman.git.control_dir import oid
from wtman.git.discovery import Repository
from wtman.git.run import git
from wtman.git.untrusted.private import alternates

RECENT = 30  # commits of a base that can be looked into
_ROUNDS = 64  # a clone without folders gives one level a round from some servers
_MOST = 50_000  # objects that are asked for at once


def is_partial(repo: Repository) -> bool:
    """Whether something was fetched here that may lack what it leads to; starts no git."""
    objects = os.path.join(repo.common_dir, "objects")
    return any(map(_promised, (objects, *alternates(objects))))


def require(repo: Repository, commits: Iterable[str], onto: str = "") -> None:
    """Have everything that these commits hold, and what each has since it left `onto`.

    Without `onto` sessions begin there, who look into the last commits: these too, if they come.
    MissingError where something of it is missing and cannot be fetched.
    """
    if not is_partial(repo):
        return
    heads = tuple(dict.fromkeys(map(oid, commits)))
    whole = [*heads, *([oid(onto), *_left_at(repo, heads, onto)] if onto else [])]
    _fill(repo, ["--no-walk=unsorted"], whole)
    if onto:
        _fill(repo, [], [*heads, f"^{onto}"])
    else:
        with suppress(MissingError):
            _fill(repo, ["-n", str(RECENT)], heads)


def _promised(objects: str) -> bool:
    try:
        return any(name.endswith(".promisor") for name in os.listdir(os.path.join(objects, "pack")))
    except OSError:
        return False


def _left_at(repo: Repository, heads: Sequence[str], onto: str) -> Iterator[str]:
    """Where each head left the other history; commits are there in every partial clone."""
    for head in heads:
        answer = _ask(repo, ["merge-base", "--all", onto, head], ok=(0, 1, 128))
        yield from answer.split()


def _fill(repo: Repository, how: list[str], revisions: Sequence[str]) -> None:
    before: tuple[str, ...] = ()
    for _ in range(_ROUNDS):
        missing = _missing(repo, how, revisions)
        if not missing:
            return
        if missing == before:
            break
        for at in range(0, len(missing), _MOST):
            _fetch(repo, missing[at : at + _MOST])
        before = missing
    raise _refused(repo, before, "its remote did not send them")


def _missing(repo: Repository, how: list[str], revisions: Sequence[str]) -> tuple[str, ...]:
    script = "".join(f"{name}\n" for name in revisions)
    args = ["rev-list", "--objects", "--missing=print", *how, "--stdin"]
    said = _ask(repo, args, script)
    return tuple(sorted(line[1:] for line in said.splitlines() if line.startswith("?")))


def _fetch(repo: Repository, names: Sequence[str]) -> None:
    """As git itself fetches what it misses: no ref moves, nothing else comes along."""
    settings = config.entries(repo.git_dir)
    args = [*remotes.flags(settings, trusted=False), "-c", "fetch.negotiationAlgorithm=noop"]
    args += ["fetch", _remote(settings), "--no-tags", "--no-write-fetch-head", "--quiet"]
    args += ["--recurse-submodules=no", "--filter=blob:none", "--stdin"]
    script = "".join(f"{name}\n" for name in names).encode()
    try:
        env = remotes.environment()
        git(args, git_dir=repo.git_dir, cwd=remotes.folder(repo), env=env, input=script)
    except ExternalError as error:
        raise _refused(repo, names, error.message.partition(": ")[2] or error.message) from error


def _remote(settings: Iterable[config.ConfigEntry]) -> str:
    """The remote that promised what is missing."""
    found = config.value_of(settings, "extensions.partialclone")
    for item in settings:
        if item.key.startswith("remote.") and item.key.endswith(".promisor"):
            found = found or item.key[len("remote.") : -len(".promisor")]
    return found or "origin"


def _refused(repo: Repository, names: Sequence[str], why: str) -> MissingError:
    remote = _remote(config.entries(repo.git_dir))
    many = f"{len(names)} objects" if len(names) != 1 else "1 object"
    return MissingError(
        f"this is a partial clone, and {many} that are needed here cannot be fetched: {why}",
        hint=f"when {remote} can be reached, run the same command again; "
        f"to have everything here: git fetch --refetch --no-filter {remote}",
        code="partial",
    )


def _ask(repo: Repository, args: list[str], script: str = "", ok: tuple[int, ...] = (0,)) -> str:
    env = config.users_own()
    answer = git(args, git_dir=repo.git_dir, env=env, input=script.encode(), ok=ok)
    return answer.out.decode("ascii", "replace")
