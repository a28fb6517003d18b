"""Commits signed as the user signs theirs.

Whether, and with which key, the user's configuration says; a program to sign with is
taken only from their own files (see `history.commit`). A signature changes the name of
a commit and nothing else: author, dates, message and tree stay what they were. Blocking.
"""

from collections.abc import Iterable, Sequence

from wtman.errors import ExternalError
from wtman.git import config
from wtman.git.control_dir import Control, call, oid
from wtman.git.objects.history import resigned, trees_of
from wtman.model.ids import Sha

_YES = ("true", "yes", "on", "1")


def wanted(ctl: Control) -> bool:
    """Whether the user's own git would sign a commit here."""
    settings = config.entries(ctl.repo.git_dir)
    return config.value_of(settings, "commit.gpgsign").lower() in _YES


def signed(ctl: Control, on: Sha, line: Sequence[Sha], known: Iterable[Sha] = ()) -> dict[Sha, Sha]:
    """The signed commit of each commit of `line`, which stands on `on`, oldest first.

    `known` are tips of lines that may have been signed before: signing again would give
    other names, and what has landed must be found again.
    """
    trees = trees_of(ctl, line)
    for tip in known:
        found = _line(ctl, on, tip)
        if len(found) == len(line) and trees_of(ctl, found) == trees:
            return dict(zip(line, found, strict=True))
    made: dict[Sha, Sha] = {}
    for commit in line:
        try:
            made[commit] = resigned(ctl, commit, made)
        except ExternalError as error:
            error.message = f"the commits could not be signed: {error.message}"
            error.hint = (
                "see that git commit can sign here, or go without: git config commit.gpgsign false"
            )
            raise
    return made


def _line(ctl: Control, on: Sha, tip: Sha) -> tuple[Sha, ...]:
    """The commits from `on` to `tip` along first parents, if that is where they lead."""
    args = ["rev-list", "--first-parent", "--reverse", "--parents", oid(tip), "^" + oid(on)]
    lines = [line.split() for line in call(ctl, args).out.decode().splitlines()]
    if not lines or lines[0][1:2] != [on]:
        return ()
    return tuple(Sha(line[0]) for line in lines)
