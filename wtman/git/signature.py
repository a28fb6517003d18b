"""Commits signed as the user signs theirs.

Whether, and with which key, the user's configuration says; a program to sign with is
taken only from their own files. A signature changes the name of
a commit and nothing else: author, dates, message and tree stay what they were. Blocking.
"""

from collections.abc import Iterable, Mapping, Sequence

from wtman.errors import ExternalError
from wtman.formats.git_output import text
from wtman.git import config
from wtman.git.control_dir import Control, call, oid
from wtman.git.objects.history import tree_of, trees_of
from wtman.model.ids import Sha

_SIGNING = ("user.signingkey", "gpg.format")
_PROGRAMS = (
    "gpg.program",
    "gpg.openpgp.program",
    "gpg.x509.program",
    "gpg.ssh.program",
    "gpg.ssh.defaultkeycommand",
)
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
            made[commit] = _resigned(ctl, commit, made)
        except ExternalError as error:
            error.message = f"the commits could not be signed: {error.message}"
            error.hint = (
                "see that git commit can sign here, or go without: git config commit.gpgsign false"
            )
            raise
    return made


def _resigned(ctl: Control, commit: str, parents: Mapping[Sha, Sha]) -> Sha:
    """The commit again, signed, and with those of its parents that `parents` replaces."""
    head, _, message = call(ctl, ["cat-file", "commit", oid(commit)]).out.partition(b"\n\n")
    env, args = _signing(ctl), ["commit-tree", "-S", tree_of(ctl, commit)]
    for line in text(head).splitlines():
        word, _, rest = line.partition(" ")
        if word == "parent":
            args += ["-p", parents.get(Sha(rest), Sha(rest))]
        elif word in ("author", "committer"):
            who, _, when = rest.partition("> ")
            name, _, email = who.rpartition(" <")
            role = f"GIT_{word.upper()}"
            env |= {f"{role}_NAME": name, f"{role}_EMAIL": email, f"{role}_DATE": f"@{when}"}
    return Sha(call(ctl, [*args, "-F", "-"], env=env, input=message).out.decode().strip())


def _signing(ctl: Control) -> dict[str, str]:
    """The user's signing set-up: keys from anywhere, programs only from their own files."""
    settings = config.entries(ctl.repo.git_dir)
    pairs = {key: config.value_of(settings, key) for key in _SIGNING}
    pairs |= {key: config.value_of(settings, key, trusted=True) for key in _PROGRAMS}
    return config.as_environment({key: value for key, value in pairs.items() if value})


def _line(ctl: Control, on: Sha, tip: Sha) -> tuple[Sha, ...]:
    """The commits from `on` to `tip` along first parents, if that is where they lead."""
    args = ["rev-list", "--first-parent", "--reverse", "--parents", oid(tip), "^" + oid(on)]
    lines = [line.split() for line in call(ctl, args).out.decode().splitlines()]
    if not lines or lines[0][1:2] != [on]:
        return ()
    return tuple(Sha(line[0]) for line in lines)
