"""Changes as bytes: diffs, mails, bundles, and patches applied to trees.

What is written applies with plain git on another machine, and gives the very same tree:
binary files, renames, modes, line endings and any file name included. No external diff,
text conversion or colour gets into it unless colour is asked for, and no checkout is
needed to apply one.
"""

import base64
import os
from collections.abc import Sequence

from wtman.errors import ExternalError, UsageError
from wtman.formats.git_output import text
from wtman.git.control_dir import Control, call, oid, scratch, scratch_file
from wtman.git.objects.history import tree_of
from wtman.model.ids import Sha
from wtman.model.values import dataclass

_PLAIN = ["--no-ext-diff", "--no-textconv", "-M"]
_EXACT = ["--binary", "--full-index", *_PLAIN]
_FILES = 1000  # that one git is called with


def diff(
    ctl: Control, a: str, b: str, *paths: str, stat: bool = False, color: bool = False
) -> bytes:
    """The difference between two commits or trees, as `git apply` takes it."""
    form = ["--stat=100", *_PLAIN] if stat else ["--patch", *_EXACT]
    args = [
        "-c",
        f"core.quotePath={str(not stat).lower()}",
        "diff",
        *form,
        f"--color={'always' if color else 'never'}",
    ]
    return call(ctl, [*args, "--end-of-options", oid(a), oid(b), "--", *paths]).out


def format_patches(ctl: Control, commits: Sequence[str]) -> tuple[bytes, ...]:
    """A line of commits, each the parent of the next, as mails for `git am`: one process."""
    if not commits:
        return ()
    args = ["format-patch", "--stdout", *_EXACT, "--no-signature", "--no-base", "--always"]
    args += ["--subject-prefix=PATCH", "-n" if len(commits) > 1 else "-N", "--no-color"]
    line = [oid(commits[-1]), "--not", oid(commits[0]) + "^@"]
    out = call(ctl, [*args, *line]).out
    starts = [0]
    for number, commit in enumerate(commits):
        # No mail has such a line in it: a commit cannot name the one that comes behind.
        head = f"From {commit} Mon Sep 17 00:00:00 2001\n".encode()
        # git parts the mails by an empty line.
        start = out.find(b"\n\n" + head, starts[-1]) + 2 if number else 0
        if not out.startswith(head, start):
            raise UsageError(f"{commit[:12]} is a merge: it has no patch of its own")
        starts.append(start)
    ends = [*(start - 1 for start in starts[2:]), len(out)]
    return tuple(out[start:end] for start, end in zip(starts[1:], ends, strict=True))


def mbox(ctl: Control, commits: Sequence[str]) -> bytes:
    """A line of commits as one mailbox; plain `git am` takes it as it is."""
    return b"".join(map(posted, format_patches(ctl, commits)))


def posted(mail: bytes) -> bytes:
    """A mail whose lines may end in CR LF, encoded so that `git am` does not take the CR away."""
    if b"\r\n" not in mail:
        return mail
    head, _, body = mail.partition(b"\n\n")
    encoding = (b"mime-version:", b"content-type:", b"content-transfer-encoding:")
    kept = [line for line in head.split(b"\n") if not line.lower().startswith(encoding)]
    kept += [
        b"MIME-Version: 1.0",
        b"Content-Type: text/plain; charset=UTF-8",
        b"Content-Transfer-Encoding: base64",
    ]
    return b"\n".join(kept) + b"\n\n" + base64.encodebytes(body) + b"\n"


def bundle(ctl: Control, base: str | None, tip: str, refname: str) -> bytes:
    """The commits of `tip` that `base` does not have as a bundle with HEAD and a branch.

    `git fetch BUNDLE` takes it wherever `base` is known; without a base, which is all of the
    history, `git clone BUNDLE` does too.
    """
    if not refname.startswith("refs/") or any(char.isspace() for char in refname):
        raise UsageError(f"{refname!r} is not a full ref name")
    # Written here because `git bundle create` wants a ref, and the control directory has
    # none: the format is a few lines before a pack (gitformat-bundle).
    head = ["# v2 git bundle"] if len(tip) == 40 else ["# v3 git bundle", "@object-format=sha256"]
    revisions = [oid(tip)]
    if base is not None:
        head.append(f"-{oid(base)} base")
        revisions.append("^" + base)
    head += [f"{tip} HEAD", f"{tip} {refname}", "", ""]
    args = ["pack-objects", "--revs", "--thin", "--stdout", "--delta-base-offset", "-q"]
    pack = call(ctl, args, input=("\n".join(revisions) + "\n").encode()).out
    return "\n".join(head).encode() + pack


def size_of(ctl: Control, tip: str) -> int:
    """Bytes that the history of `tip` takes on disk."""
    args = ["rev-list", "--disk-usage", "--objects", oid(tip)]
    return int(call(ctl, args).out)


def apply(ctl: Control, base_tree: str, *patches: bytes) -> Sha:
    """The tree that these patches make of `base_tree`, one after the other.

    ExternalError where one does not fit.
    """
    with scratch(ctl) as folder:
        paths = [os.path.join(folder, str(number)) for number in range(len(patches))]
        for path, patch in zip(paths, patches, strict=True):
            with open(path, "xb") as file:
                file.write(patch)
        return apply_files(ctl, base_tree, paths)


def apply_files(ctl: Control, base_tree: str, paths: Sequence[str]) -> Sha:
    """As `apply`, of patches in files; one process for many."""
    args = ["apply", "--cached", "--binary", "--whitespace=nowarn", "--allow-empty"]
    with scratch_file(ctl) as index:
        call(ctl, ["read-tree", oid(base_tree)], index=index)
        for at in range(0, len(paths), _FILES):
            try:
                call(ctl, [*args, *paths[at : at + _FILES]], index=index)
            except ExternalError as error:
                error.hint = error.hint or f"it was made for another tree than {base_tree[:12]}"
                raise
        return Sha(call(ctl, ["write-tree"], index=index).out.decode().strip())


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail as `git am` reads it. `author` is "Name <address>"."""

    author: str
    subject: str
    patch: bytes


def am(ctl: Control, base_commit: str, mbox: bytes) -> Sha:
    """The tree after all mails of the mailbox, as `git am` would leave it."""
    return apply(ctl, tree_of(ctl, base_commit), *(mail.patch for mail in mails(ctl, mbox)))


def mails(ctl: Control, mbox: bytes) -> tuple[Mail, ...]:
    """The mails of a mailbox, in order."""
    with scratch(ctl) as folder:
        split = os.path.join(folder, "mails")
        os.mkdir(split)
        call(ctl, ["mailsplit", "-b", "-o" + split], input=mbox)
        found = []
        for name in sorted(os.listdir(split), key=int):
            with open(os.path.join(split, name), "rb") as file:
                mail = file.read()
            target = os.path.join(folder, "patch")
            args = ["mailinfo", "-n", "--no-scissors", "--quoted-cr=nowarn"]
            said = call(ctl, [*args, os.path.join(folder, "message"), target], input=mail).out
            pairs = (line.partition(": ") for line in text(said).splitlines())
            facts = {name: value for name, _, value in pairs}
            with open(target, "rb") as file:
                patch = file.read()
            author = f"{facts.get('Author', '')} <{facts.get('Email', '')}>"
            found.append(Mail(author, facts.get("Subject", ""), patch))
        return tuple(found)
