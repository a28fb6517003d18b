"""What comes through the gate, and what is refused: every trick is written as a session could."""

import hashlib
import os
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import kit
from tests.git.test_private import BRANCH, place
from tests.git.world import fsck
from wtman.git import control_dir
from wtman.git.checkouts import snapshot
from wtman.git.objects import history
from wtman.git.untrusted import gate, private
from wtman.git.untrusted.gate import Imported, ImportRefused
from wtman.git.untrusted.private import PrivateGit
from wtman.model.ids import Sha


class Inside:
    """A session's side: its worktree, and its private git directory."""

    def __init__(self, git: PrivateGit) -> None:
        self.lent, self.at, self.root = git, git.at, Path(git.path)
        self.tree = Path(git.worktree.path)
        self.ref = self.root / "refs/heads" / BRANCH

    def git(self, *args: str, input: str | None = None) -> str:
        return kit.run_git(self.tree, *args, input=input)

    def commit(self, files: dict[str, str | bytes], message: str = "work") -> Sha:
        return Sha(kit.commit_files(self.tree, files, message))

    def raw(self, kind: str, content: bytes) -> str:
        """Write an object that git itself would not make."""
        data = b"%s %d\0" % (kind.encode(), len(content)) + content
        name = hashlib.sha1(data).hexdigest()
        self.plant(name, data)
        return name

    def plant(self, name: str, data: bytes) -> None:
        path = self.root / "objects" / name[:2] / name[2:]
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_bytes(zlib.compress(data))

    def blob(self, content: bytes = b"x") -> bytes:
        return bytes.fromhex(self.raw("blob", content))

    def commit_of(self, *entries: tuple[str, bytes, bytes]) -> None:
        """Put the branch on a commit with this very tree: (mode, name, object)."""
        tree = self.raw("tree", b"".join(b"%s %s\0%s" % (m.encode(), n, o) for m, n, o in entries))
        who = b"A <a@example.com> 1700000000 +0000"
        text = b"tree %s\nparent %s\nauthor %s\ncommitter %s\n\nevil\n"
        self.point(self.raw("commit", text % (tree.encode(), self.at.encode(), who, who)))

    def point(self, commit: str) -> None:
        self.ref.write_text(commit + "\n")

    def object(self, name: str) -> Path:
        return self.root / "objects" / name[:2] / name[2:]


@pytest.fixture
def inside(ctl: control_dir.Control, head: Sha, tmp_path: Path) -> Inside:
    folder = str(tmp_path / "git")
    tree = place(ctl, head, tmp_path)
    git = private.make(ctl, tree, BRANCH, head, folder, mounted=False, target="main")
    private.enter(git)
    return Inside(git)


def test_nothing_committed_costs_no_process(
    ctl: control_dir.Control, inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert gate.take(ctl, inside.lent) == Imported(inside.at)


def test_commits_come_in(ctl: control_dir.Control, inside: Inside) -> None:
    first = inside.commit({"src/a.py": "new\n", "deep/er/file": b"\0\1"})
    tip = inside.commit({"src/b.py": "more\n"})
    assert gate.take(ctl, inside.lent) == Imported(tip)
    assert history.is_ancestor(ctl, first, tip) and history.is_ancestor(ctl, inside.at, tip)
    assert history.blob(ctl, tip, "deep/er/file", 9) == b"\0\1"
    assert fsck(ctl) == ""
    assert gate.take(ctl, inside.lent) == Imported(tip)  # safe to do twice


@pytest.mark.parametrize("many", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_packed_by_gc_or_in_great_number(
    ctl: control_dir.Control, inside: Inside, many: bool
) -> None:
    files: dict[str, str | bytes] = {f"f/{number}": f"{number}\n" for number in range(300)}
    tip = inside.commit(files if many else {"src/a.py": "new\n"})
    if not many:
        inside.git("gc", "-q")
        assert not inside.ref.exists()
    assert gate.take(ctl, inside.lent) == Imported(tip)
    assert fsck(ctl) == ""


def test_a_merge_of_what_the_repository_has(ctl: control_dir.Control, inside: Inside) -> None:
    project = Path(ctl.repo.main)
    kit.commit_files(project, {"main.txt": "m\n"}, "on main")
    tip = inside.commit({"src/a.py": "new\n"})
    other = kit.run_git(project, "rev-parse", "main")
    inside.git("merge", "-q", "--no-edit", other)  # readable through the shared objects
    merged = Sha(inside.git("rev-parse", "HEAD"))
    assert merged != tip
    assert gate.take(ctl, inside.lent) == Imported(merged)


# --- refused ------------------------------------------------------------------------------

Trick = Callable[[Inside], object]
GITMODULES = b'[submodule "x"]\n\tpath = x\n\turl = --upload-pack=touch\n'


def named_git(name: bytes) -> Trick:
    def trick(on: Inside) -> None:
        below = bytes.fromhex(on.raw("tree", b"100644 config\0" + on.blob()))
        on.commit_of(("40000", name, below))

    return trick


def twice(on: Inside) -> None:
    on.commit_of(("100644", b"a", on.blob(b"1")), ("100644", b"a", on.blob(b"2")))


def linked_modules(on: Inside) -> None:
    on.commit_of(("120000", b".gitmodules", on.blob(b"../x")))


def option_as_address(on: Inside) -> None:
    on.commit_of(("100644", b".gitmodules", on.blob(GITMODULES)))


def missing_blob(on: Inside) -> None:
    on.object(on.git("rev-parse", on.commit({"new": "n\n"}) + ":new")).unlink()


def missing_tree(on: Inside) -> None:
    on.object(on.git("rev-parse", on.commit({"dir/new": "n\n"}) + ":dir")).unlink()


def swapped_blob(on: Inside) -> None:
    on.plant(on.git("rev-parse", on.commit({"new": "n\n"}) + ":new"), b"blob 4\0evil")


def swapped_commit(on: Inside) -> None:
    tip = on.commit({"new": "n\n"})
    other = on.git("commit-tree", f"{on.at}^{{tree}}", "-p", on.at, input="other\n")
    on.plant(tip, zlib.decompress(on.object(other).read_bytes()))


def false_size(on: Inside) -> None:
    name = on.git("rev-parse", on.commit({"new": "n\n"}) + ":new")
    on.plant(name, b"blob 2\0" + b"n" * 100_000)


def bad_header(on: Inside) -> None:
    tree = on.git("rev-parse", f"{on.at}^{{tree}}")
    on.point(on.raw("commit", f"tree {tree}\nparent {on.at}\nauthor \0\n\nx".encode()))


def linked_object(on: Inside) -> None:
    path = on.object(on.git("rev-parse", on.commit({"new": "n\n"}) + ":new"))
    path.rename(on.root / "elsewhere")
    path.symlink_to(on.root / "elsewhere")


def linked_folder(on: Inside) -> None:
    path = on.object(on.git("rev-parse", on.commit({"new": "n\n"}) + ":new")).parent
    path.rename(on.root / "elsewhere")
    path.symlink_to(on.root / "elsewhere")


def piped_object(on: Inside) -> None:
    path = on.object(on.git("rev-parse", on.commit({"new": "n\n"}) + ":new"))
    path.unlink()
    os.mkfifo(path)


def truncated_pack(on: Inside) -> None:
    on.commit({"new": "n\n" * 999})
    on.git("repack", "-adq")
    (pack,) = (on.root / "objects/pack").glob("*.pack")
    content = pack.read_bytes()
    pack.chmod(0o600)
    pack.write_bytes(content[: len(content) // 2])


def large_file(on: Inside) -> None:
    on.commit({"big": "x" * 2000})


def large_packed(on: Inside) -> None:
    on.commit({"big": "x" * 2000})
    on.git("repack", "-adq")


def much(on: Inside) -> None:
    on.commit({f"part{number}": os.urandom(900) for number in range(20)})


def linked_ref(on: Inside) -> None:
    tip = on.commit({"new": "n\n"})
    (on.root / "elsewhere").write_text(tip + "\n")
    on.ref.unlink()
    on.ref.symlink_to(on.root / "elsewhere")


def linked_refs(on: Inside) -> None:
    on.commit({"new": "n\n"})
    on.ref.parent.rename(on.root / "elsewhere")
    on.ref.parent.symlink_to(on.root / "elsewhere")


def symbolic_ref(on: Inside) -> None:
    on.git("branch", "side")
    on.git("symbolic-ref", f"refs/heads/{BRANCH}", "refs/heads/side")


def piped_ref(on: Inside) -> None:
    on.ref.unlink()
    os.mkfifo(on.ref)


def piped_head(on: Inside) -> None:
    head = on.root / "worktrees/wtman-run-task/HEAD"
    head.unlink()
    os.mkfifo(head)


def huge_ref(on: Inside) -> None:
    on.ref.write_text(on.at + " " * 100_000)


def option_as_ref(on: Inside) -> None:
    on.ref.write_text("--upload-pack=touch\n")


def deleted_branch(on: Inside) -> None:
    on.git("update-ref", "-d", f"refs/heads/{BRANCH}")


def unrelated(on: Inside) -> None:
    on.git("checkout", "-q", "--orphan", "new")
    tip = on.commit({"new": "n\n"}, "root")
    on.git("symbolic-ref", "HEAD", f"refs/heads/{BRANCH}")
    on.point(tip)


def rewritten(on: Inside) -> None:
    on.git("commit", "-q", "--amend", "-m", "another first")


def deleted_git(on: Inside) -> None:
    subprocess.run(["rm", "-rf", str(on.root)], check=True)


def left_branch(on: Inside) -> None:
    on.git("checkout", "-q", "-b", "side")


def detached(on: Inside) -> None:
    on.git("checkout", "-q", "--detach")


REFUSED: dict[str, tuple[Trick, str]] = {
    "dot-git": (named_git(b".git"), "broken"),
    "dot-GiT": (named_git(b".GiT"), "broken"),
    "git-tilde": (named_git(b"git~1"), "broken"),
    "dots": (named_git(b".."), "broken"),
    "slash": (named_git(b"a/b"), "broken"),
    "twice": (twice, "broken"),
    "linked-modules": (linked_modules, "broken"),
    "option-address": (option_as_address, "broken"),
    "missing-blob": (missing_blob, "broken"),
    "missing-tree": (missing_tree, "broken"),
    "swapped-blob": (swapped_blob, "broken"),
    "swapped-commit": (swapped_commit, "broken"),
    "false-size": (false_size, "broken"),
    "bad-header": (bad_header, "broken"),
    "linked-object": (linked_object, "broken"),
    "linked-folder": (linked_folder, "broken"),
    "piped-object": (piped_object, "broken"),
    "truncated-pack": (truncated_pack, "broken"),
    "large-file": (large_file, "a file larger"),
    "large-packed": (large_packed, "a file larger"),
    "much": (much, "more than"),
    "linked-ref": (linked_ref, "no branch"),
    "linked-refs": (linked_refs, "no branch"),
    "symbolic-ref": (symbolic_ref, "no branch"),
    "piped-ref": (piped_ref, "no branch"),
    "piped-head": (piped_head, "destroyed its git"),
    "huge-ref": (huge_ref, "no branch"),
    "option-ref": (option_as_ref, "no branch"),
    "deleted-branch": (deleted_branch, "deleted its branch"),
    "unrelated": (unrelated, "rewrote its branch"),
    "rewritten": (rewritten, "rewrote its branch"),
    "deleted-git": (deleted_git, "destroyed its git"),
    "left": (left_branch, "left its branch"),
    "detached": (detached, "left its branch"),
}


def test_every_trick_is_refused(
    ctl: control_dir.Control, inside: Inside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One after the other in one repository; `test_refused` has each in one of its own."""
    before = kit.run_git(ctl.repo.main, "for-each-ref")
    tree = inside.lent.worktree
    for name, (trick, why) in REFUSED.items():
        private.leave(inside.lent)
        kit.run_git(tree.path, "clean", "-fdxq")
        snapshot.checkout(ctl, tree.path, tree.index, inside.at)
        folder = str(tmp_path / f"git-{name}")
        git = private.make(ctl, tree, BRANCH, inside.at, folder, mounted=False, target="main")
        private.enter(git)
        trick(Inside(git))
        with monkeypatch.context() as caps:
            caps.setattr(gate, "BLOB_CAP", 1000)
            caps.setattr(gate, "TOTAL_CAP", 10_000)
            found = gate.take(ctl, git)
        assert isinstance(found, ImportRefused) and why in found.reason, (name, found)
    assert kit.run_git(ctl.repo.main, "for-each-ref") == before
    assert fsck(ctl) == ""


@pytest.mark.slow
@pytest.mark.parametrize("name", REFUSED)
def test_refused(
    ctl: control_dir.Control, inside: Inside, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trick, why = REFUSED[name]
    monkeypatch.setattr(gate, "BLOB_CAP", 1000)
    monkeypatch.setattr(gate, "TOTAL_CAP", 10_000)
    before = kit.run_git(ctl.repo.main, "for-each-ref")
    trick(inside)
    found = gate.take(ctl, inside.lent)
    assert isinstance(found, ImportRefused), found
    assert why in found.reason
    assert kit.run_git(ctl.repo.main, "for-each-ref") == before
    assert fsck(ctl) == ""


def test_what_an_alternate_of_its_own_borrows_does_not_come_in(
    ctl: control_dir.Control, inside: Inside, tmp_path: Path
) -> None:
    """Else it could name what it cannot read, and have it committed by somebody who can."""
    secret = kit.create_repo(tmp_path / "secret", {"key": "s3cret\n"})
    name = kit.run_git(secret, "rev-parse", "HEAD:key")
    with open(inside.root / "objects/info/alternates", "a") as file:
        file.write(f"{secret}/.git/objects\n")
    inside.commit_of(("100644", b"key", bytes.fromhex(name)))
    assert isinstance(gate.take(ctl, inside.lent), ImportRefused)


def test_work_on_another_branch_is_not_lost(ctl: control_dir.Control, inside: Inside) -> None:
    inside.git("checkout", "-q", "-b", "side")
    tip = inside.commit({"new": "n\n"})
    found = gate.take(ctl, inside.lent)
    assert isinstance(found, ImportRefused) and found.tip == tip
    assert history.blob(ctl, tip, "new", 9) == b"n\n"


def test_configuration_hooks_and_attributes_of_the_session_are_not_read(
    ctl: control_dir.Control, inside: Inside, tmp_path: Path
) -> None:
    marker, script = tmp_path / "marker", tmp_path / "evil.sh"
    script.write_text(f"#!/bin/sh\ntouch {marker}\ncat\n")
    script.chmod(0o755)
    tip = inside.commit({"src/a.py": "new\n", ".gitattributes": "* filter=evil diff=evil\n"})
    for hook in ("reference-transaction", "post-commit", "pre-commit"):
        (inside.root / "hooks" / hook).symlink_to(script)
    with open(inside.root / "config", "a") as file:
        file.write(f'[core]\n\tfsmonitor = {script}\n[filter "evil"]\n\tclean = {script}\n')
        file.write("[core]\n\talternateRefsCommand = " + str(script) + "\n")
    assert gate.take(ctl, inside.lent) == Imported(tip)
    assert not marker.exists()


def test_files_of_git_lfs_come_too_if_they_are_what_their_names_say(
    ctl: control_dir.Control, inside: Inside, project: Path
) -> None:
    content, other = b"large\n", b"other\n"
    name, wrong = hashlib.sha256(content).hexdigest(), hashlib.sha256(other).hexdigest()
    for digest, data in ((name, content), (wrong, b"evil\n")):
        path = inside.root / "lfs/objects" / digest[:2] / digest[2:4] / digest
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
    inside.commit({"pointer": f"oid sha256:{name}\n"})
    assert isinstance(gate.take(ctl, inside.lent), Imported)
    found = [item for item in (project / ".git/lfs").rglob("*") if item.is_file()]
    assert [(item.name, item.read_bytes()) for item in found] == [(name, content)]
