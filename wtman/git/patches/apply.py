"""A tree with some of its paths as another tree has them; no checkout is touched. Blocking."""

from collections.abc import Sequence

from wtman.formats.git_output import raw
from wtman.git.control_dir import Control, call, oid, scratch_file
from wtman.git.objects.history import changes, commit, line_counts, tree_of
from wtman.model.changes import Change, Entry
from wtman.model.ids import Sha
from wtman.model.plan import Identity
from wtman.model.values import dataclass

_NOBODY = Identity("wtman", "wtman@localhost")


def restored(ctl: Control, head: str, changed: Sequence[Change]) -> Sha:
    """A commit on `head` in which these paths are what they were; always the same one."""
    none = Entry("0", "0" * len(head))
    entries = ((item.old or none, raw(item.path)) for item in changed)
    lines = [f"{old.mode} {oid(old.oid)}\t".encode() + path + b"\0" for old, path in entries]
    with scratch_file(ctl) as index:
        call(ctl, ["read-tree", tree_of(ctl, head)], index=index)
        args = ["update-index", "-z", "--add", "--replace", "--index-info"]
        call(ctl, args, index=index, input=b"".join(lines))
        tree = call(ctl, ["write-tree"], index=index).out.decode().strip()
    return commit(ctl, tree, (head,), "With protected paths as they were\n", _NOBODY, 0.0)


def without(ctl: Control, head: str, paths: Sequence[str]) -> Sha:
    """A commit on `head` that has none of these files; always the same one."""
    return restored(ctl, head, [Change(path, None, None) for path in paths])


_WORDS = 300  # characters of git's own reason


@dataclass(frozen=True, slots=True)
class PatchedPath:
    """A path that the patch changed. `kind` is git's letter (A, M, D, T); `removed` counts
    the lines that are no longer there, -1 for a binary file."""

    path: str
    kind: str
    mode: str
    removed: int


@dataclass(frozen=True, slots=True)
class Patched:
    """`commit` is empty where the patch does not apply; `reason` says why, in git's words."""

    commit: Sha
    touched: tuple[PatchedPath, ...] = ()
    reason: str = ""


def patched(ctl: Control, head: str, patch: str) -> Patched:
    """`head` with the patch on it, always the same commit; an empty patch gives `head`."""
    if not patch.strip():
        return Patched(Sha(head))
    body = patch.encode("utf-8", "surrogateescape")
    body = body if body.endswith(b"\n") else body + b"\n"
    with scratch_file(ctl) as index:
        said = ""
        # Models miscount the lines of a hunk far more often than they get its text wrong.
        for counted in ([], ["--recount"]):
            call(ctl, ["read-tree", tree_of(ctl, head)], index=index)
            args = ["apply", "--cached", "--whitespace=nowarn", *counted, "-"]
            answer = call(ctl, args, index=index, input=body, ok=(0, 1, 128))
            if answer.code == 0:
                break
            said = said or answer.err
        else:
            return Patched(Sha(""), reason=" ".join(said.split())[:_WORDS] or "it does not apply")
        tree = call(ctl, ["write-tree"], index=index).out.decode().strip()
    made = commit(ctl, tree, (head,), "With the test of a reproducer\n", _NOBODY, 0.0)
    return Patched(made, _touched(ctl, head, made))


def overlaid(ctl: Control, head: str, donor: str) -> Sha:
    """`head` with the files that a patch made of another commit, as they are there.

    `donor` is a commit of `patched`. For a tree that has such a test already, or another
    version of its file, so that the patch itself does not apply.
    """
    before = call(ctl, ["rev-parse", "--verify", "--quiet", f"{oid(donor)}^"]).out.decode().strip()
    # Seen from the commit without the patch, what is old is how the patch has it.
    return restored(ctl, head, changes(ctl, donor, before))


def _touched(ctl: Control, before: str, after: str) -> tuple[PatchedPath, ...]:
    lines = line_counts(ctl, before, after)
    return tuple(
        PatchedPath(
            item.path,
            item.kind,
            item.new.mode if item.new is not None else "000000",
            counted[1] if (counted := lines.get(item.path)) else -1,
        )
        for item in changes(ctl, before, after)
    )
