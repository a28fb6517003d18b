"""Commits made, and trees and histories compared, through the control directory.

Many questions of one kind are one process: the `_many` forms. Paths are text that
`wtman.formats.git_output.raw` turns back into the bytes that git has.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from wtman.errors import ExternalError, MissingError
from wtman.formats.git_objects import write_commit
from wtman.formats.git_output import raw, raw_changes, text, tree_lines
from wtman.git.control_dir import Control, call, environment_of, oid
from wtman.git.objects.loose import write_loose
from wtman.git.run import Conversation
from wtman.model.changes import Changes, Entry
from wtman.model.ids import Sha
from wtman.model.plan import Identity
from wtman.model.values import dataclass

_REMEMBERED = 20_000


@dataclass(frozen=True, slots=True)
class Stats:
    files: int = 0
    insertions: int = 0
    deletions: int = 0


def commit(
    ctl: Control,
    tree: str,
    parents: Sequence[str],
    message: str,
    author: Identity,
    when: float,
) -> Sha:
    """Write a commit; the same arguments give the same name."""
    who, text = person(ctl, author, when), raw(message or "\n")
    names = [oid(name) for name in (tree, *parents)]
    if b"\0" not in text and not any("^" in name for name in names):
        content = write_commit(names[0], names[1:], text, who, who)
        if written := write_loose(ctl, "commit", content, tree):
            remember(ctl, written, Sha(tree))
            return written
    env = dated("AUTHOR", author, when) | dated("COMMITTER", author, when)
    args = ["commit-tree", oid(tree)]
    for parent in parents:
        args += ["-p", oid(parent)]
    made = _sha(call(ctl, [*args, "-F", "-"], env=env, input=raw(message or "\n")).out)
    remember(ctl, made, Sha(tree))
    return made


def person(ctl: Control, who: Identity, when: float) -> bytes:
    """Name, address and date (seconds) as git puts them into a commit."""
    return b"%s %d +0000" % (_person(ctl, who), int(when))


@lru_cache(maxsize=16)
def _person(ctl: Control, who: Identity) -> bytes:
    """Name and address: git drops some characters."""
    env = dated("AUTHOR", who, 1e9)
    return call(ctl, ["var", "GIT_AUTHOR_IDENT"], env=env).out.rsplit(b" ", 2)[0]


def dated(role: str, who: Identity, when: float) -> dict[str, str]:
    """The environment that names the AUTHOR or COMMITTER of a commit and its time."""
    if not who.name or not who.email:
        raise MissingError(
            "git has no user name and email",
            hint='git config --global user.name "Your Name"\n'
            "git config --global user.email you@example.com",
        )
    return {
        f"GIT_{role}_NAME": who.name,
        f"GIT_{role}_EMAIL": who.email,
        f"GIT_{role}_DATE": f"@{int(when)} +0000",
    }


def tree_of(ctl: Control, commit: str) -> Sha:
    """The tree of one commit."""
    return trees_of(ctl, (commit,))[0]


def trees_of(ctl: Control, revisions: Sequence[str]) -> tuple[Sha, ...]:
    """The trees of commits; a tree is its own. Each is asked once."""
    known = {item: ctl.trees.get(item) for item in revisions}
    missing = [item for item, tree in known.items() if tree is None]
    for item, found in zip(missing, _asked_trees(ctl, missing), strict=True):
        remember(ctl, item, found)
        known[item] = found
    return tuple(tree for item in revisions if (tree := known[item]) is not None)


def remember(ctl: Control, commit: str, tree: Sha) -> None:
    """Know from now on which tree this commit, or tree, has."""
    if len(ctl.trees) > _REMEMBERED:
        ctl.trees.clear()
    ctl.trees[commit] = ctl.trees[tree] = tree


def _asked_trees(ctl: Control, revisions: Sequence[str]) -> tuple[Sha, ...]:
    if not revisions:
        return ()
    script = "".join(oid(item).partition("^")[0] + "^{tree}\n" for item in revisions).encode()
    args = ["cat-file", "--batch-check=%(objectname) %(objecttype)"]
    found = []
    for line in call(ctl, args, input=script).out.decode("ascii", "replace").splitlines():
        name, _, kind = line.partition(" ")
        if kind != "tree":
            raise ExternalError(f"{name.partition('^')[0]} is neither a commit nor a tree here")
        found.append(Sha(name))
    return tuple(found)


def existing(ctl: Control, commits: Sequence[str]) -> frozenset[Sha]:
    """Those of the commits that the repository still has."""
    script = "".join(f"{oid(name)}\n" for name in commits).encode()
    args = ["cat-file", "--batch-check=%(objectname) %(objecttype)"]
    lines = call(ctl, args, input=script).out.decode("ascii", "replace").splitlines()
    return frozenset(Sha(line.split()[0]) for line in lines if line.endswith(" commit"))


def dates(ctl: Control, commits: Sequence[str]) -> dict[Sha, float]:
    """When these commits were made, in seconds of wall clock."""
    if not commits:
        return {}
    args = ["show", "--no-patch", "--no-show-signature", "--format=%H %ct", *map(oid, commits)]
    lines = call(ctl, args).out.decode("ascii", "replace").splitlines()
    return {Sha(name): float(at) for name, _, at in (line.partition(" ") for line in lines)}


def is_ancestor(ctl: Control, a: str, b: str) -> bool:
    return call(ctl, ["merge-base", "--is-ancestor", oid(a), oid(b)], ok=(0, 1)).code == 0


def merge_base(ctl: Control, a: str, b: str) -> Sha | None:
    answer = call(ctl, ["merge-base", oid(a), oid(b)], ok=(0, 1))
    return _sha(answer.out) if answer.code == 0 else None


def count_commits(ctl: Control, a: str, b: str) -> int:
    """Commits of `b` that `a` does not have."""
    return int(call(ctl, ["rev-list", "--count", oid(b), "^" + oid(a)]).out)


@lru_cache(maxsize=32)  # one pair is asked about several times in a row
def changes(ctl: Control, a: str, b: str) -> Changes:
    """What changed between two commits or trees; a rename is a deletion and an addition."""
    asked = _asked_difference(ctl, *trees_of(ctl, (a, b)))
    return asked[0] if asked else changes_many(ctl, ((a, b),))[0]


def changes_many(
    ctl: Control, pairs: Sequence[tuple[str, str]], *, folders: bool = False
) -> tuple[Changes, ...]:
    """What changed between the commits or trees of each pair, in one process.

    `folders`: every folder above a changed path is there too, so that a folder that came or
    went is seen.
    """
    distinct = tuple(dict.fromkeys(pairs))
    if not distinct:
        return ()
    flat = trees_of(ctl, [item for pair in distinct for item in pair])
    headers = [f"{a} {b}\n".encode() for a, b in zip(flat[0::2], flat[1::2], strict=True)]
    args = ["diff-tree", "--stdin", "-r", "-z", "--raw", "--no-renames", "--no-abbrev"]
    out = call(ctl, [*args, *(["-t"] if folders else [])], input=b"".join(headers)).out
    found = dict(zip(distinct, raw_changes(out, headers), strict=True))
    return tuple(found[pair] for pair in pairs)


def paths_changed(ctl: Control, a: str, b: str) -> tuple[str, ...]:
    """Paths that differ; a rename is two."""
    return tuple(change.path for change in changes(ctl, a, b))


def line_counts(ctl: Control, a: str, b: str) -> dict[str, tuple[int, int] | None]:
    """How many lines came and went of each path that differs; None for a binary file."""
    trees = trees_of(ctl, (a, b))
    if asked := _asked_difference(ctl, *trees):
        return dict(asked[1])
    args = ["diff-tree", "-r", "-z", "--numstat", "--no-renames", *trees]
    return _counted(call(ctl, args).out)


def _counted(out: bytes) -> dict[str, tuple[int, int] | None]:
    found: dict[str, tuple[int, int] | None] = {}
    for record in out.split(b"\0"):
        if record:
            came, went, path = record.split(b"\t", 2)
            found[text(path)] = None if came == b"-" else (int(came), int(went))
    return found


Difference = tuple[Changes, Mapping[str, tuple[int, int] | None]]


@lru_cache(maxsize=32)
def _asked_difference(ctl: Control, a: str, b: str) -> Difference | None:
    """What a lasting git says of two trees: the changes, and how many lines of each."""
    if ctl.aside:
        return None
    # A line that names no object comes back at once, and all that is before it.
    mark = f"done {secrets.token_hex(8)}\n".encode()
    header = f"{oid(a)} {oid(b)}\n".encode()

    def start() -> Conversation:
        args = ["diff-tree", "--stdin", "-r", "-z", "--raw", "--numstat", "--no-renames"]
        return Conversation([*args, "--no-abbrev"], git_dir=ctl.path, env=environment_of(ctl))

    def talk(git: Conversation) -> Difference:
        git.say(header + mark)
        said = git.until(mark)
        (found,) = raw_changes(said, [header])
        # A path is the last word of its record, two to a change before the counts.
        counts = said[len(header) :].split(b"\0", 2 * len(found))[-1]
        return found, _counted(counts)

    return ctl.repo.lasting.ask("diff-tree", start, talk)


def numstat(ctl: Control, a: str, b: str) -> Stats:
    """Size of the difference; a binary file counts as one file without lines."""
    counts = [pair or (0, 0) for pair in line_counts(ctl, a, b).values()]
    return Stats(len(counts), sum(came for came, _ in counts), sum(went for _, went in counts))


@lru_cache(maxsize=2)  # several parts of one command ask about the same base
def files(ctl: Control, treeish: str) -> tuple[str, ...]:
    """Paths of all files, links and submodules of a tree."""
    listed = call(ctl, ["ls-tree", "-r", "-z", "--name-only", "--full-tree", oid(treeish)]).out
    return tuple(filter(None, text(listed).split("\0")))


def entries_at(ctl: Control, treeish: str, paths: Sequence[str]) -> dict[str, Entry]:
    """What a tree has at these paths, by path."""
    args = ["ls-tree", "-z", "--full-tree", oid(treeish), "--", *paths]
    return {path: entry for path, entry, _ in tree_lines(call(ctl, args).out)}


def blob(ctl: Control, treeish: str, path: str, cap: int) -> bytes | None:
    """Content of a file; None if there is no such regular file or it is larger than `cap`."""
    args = ["ls-tree", "-l", "-z", "--full-tree", oid(treeish), "--", path]
    for name, entry, size in tree_lines(call(ctl, args).out):
        if name == path and entry.regular and size <= cap:
            return call(ctl, ["cat-file", "blob", entry.oid]).out
    return None


def contents(ctl: Control, names: Sequence[str], cap: int) -> dict[str, bytes]:
    """What these blobs hold, in one process; what is no blob or larger than `cap` is left out."""
    return blobs(ctl, [name for name, size in sizes(ctl, names).items() if size <= cap])


def blobs(ctl: Control, names: Iterable[str]) -> dict[str, bytes]:
    """What these blobs, which are all here, hold. ExternalError where one is not."""
    wanted = list(dict.fromkeys(names))
    script = "".join(oid(name) + "\n" for name in wanted).encode()
    out = call(ctl, ["cat-file", "--batch"], input=script).out if wanted else b""
    found, at = {}, 0
    for name in wanted:
        end = out.index(b"\n", at)
        fields = out[at:end].split(b" ")
        if fields[1] != b"blob":
            raise ExternalError(f"{name} is no file of this repository")
        at = end + 1 + int(fields[2])
        found[name] = out[end + 1 : at]
        at += 1
    return found


def sizes(ctl: Control, names: Iterable[str]) -> dict[str, int]:
    """The bytes of those of these objects that are blobs and are here."""
    script = "".join(oid(name) + "\n" for name in dict.fromkeys(names)).encode()
    if not script:
        return {}
    out = call(ctl, ["cat-file", "--batch-check"], input=script).out.decode("ascii", "replace")
    fields = [line.split(" ") for line in out.splitlines()]
    return {item[0]: int(item[2]) for item in fields if item[1:2] == ["blob"]}


def _sha(out: bytes) -> Sha:
    return Sha(out.decode().split()[0])
