"""Commits, comparisons and merges through the control directory."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.git.world import WHEN, commit_of, fsck, is_whole, show
from wtman.errors import ExternalError, MissingError, UsageError
from wtman.git import control_dir, refs, repo, signature
from wtman.git.checkouts import snapshot
from wtman.git.discovery import Repository, discover
from wtman.git.merges import merge_tree
from wtman.git.objects import history
from wtman.model.ids import Sha
from wtman.model.plan import Identity

Git = Callable[..., str]


def test_preparing_twice_changes_nothing_and_follows_the_users_settings(
    project: Path, here: Repository, ctl: control_dir.Control, git: Git
) -> None:
    def state() -> dict[str, tuple[int, bytes]]:
        found = {}
        for folder, _, names in os.walk(ctl.path):
            for name in names:
                path = os.path.join(folder, name)
                found[path] = (os.stat(path).st_mtime_ns, Path(path).read_bytes())
        return found

    before = state()
    assert control_dir.prepare(here) == ctl
    assert state() == before
    git(project, "config", "core.ignorecase", "true")
    git(project, "config", "core.longpaths", "true")
    git(project, "config", "core.hooksPath", "/evil")
    (project / ".git/info").mkdir(exist_ok=True)
    (project / ".git/info/exclude").write_text("mine\n")
    control_dir.prepare(here)
    config = Path(ctl.path, "config").read_text()
    assert 'longpaths = "true"' in config and "evil" not in config
    # git would overlook a new file whose name is another one's but for the case.
    one_file = Path(ctl.path, "hEaD").exists()
    assert ('ignorecase = "true"' in config) == one_file
    excluded = Path(ctl.path, "info/exclude").read_text().splitlines()
    assert excluded[-1] == "mine", "the user's are stronger"
    assert ".aider.tags.cache.v*/" in excluded


def test_commits_are_reproducible(
    ctl: control_dir.Control, head: Sha, git: Git, project: Path
) -> None:
    tree = history.tree_of(ctl, head)
    who = Identity("Ä ' z", "a@x")
    message = "subject\n\nbody\n\nWtman-Run: r\n"
    one = history.commit(ctl, tree, (head,), message, who, 1_700_000_000.7)
    assert one == history.commit(ctl, tree, (head,), message, who, 1_700_000_000.2)
    shown = git(project, "log", "-1", "--format=%an|%ae|%cn|%ad|%cd|%P|%B", "--date=raw", one)
    assert shown == f"Ä ' z|a@x|Ä ' z|1700000000 +0000|1700000000 +0000|{head}|{message}"
    with pytest.raises(MissingError):
        history.commit(ctl, tree, (), "m", Identity("", ""), WHEN)


def test_only_full_names_become_arguments(ctl: control_dir.Control, head: Sha) -> None:
    for bad in ("HEAD", "--all", head[:12], head + ":x", ""):
        with pytest.raises(UsageError):
            history.tree_of(ctl, bad)
        with pytest.raises(UsageError):
            history.files(ctl, bad)
    with pytest.raises(ExternalError, match="neither a commit nor a tree"):
        history.tree_of(ctl, "1" * 40)


def test_relations(ctl: control_dir.Control, head: Sha, tmp_path: Path) -> None:
    work = tmp_path / "w"
    a = commit_of(ctl, work, {"a": "a"}, head)
    b = commit_of(ctl, work, {"a": None, "b": "b"}, a)
    side = commit_of(ctl, work, {"c": "c"}, head)
    assert history.is_ancestor(ctl, a, b) and not history.is_ancestor(ctl, b, a)
    assert history.merge_base(ctl, b, side) == head
    root = history.commit(ctl, history.tree_of(ctl, b), (), "root", ctl.identity, WHEN)
    assert history.merge_base(ctl, b, root) is None
    assert history.count_commits(ctl, head, b) == 2
    assert history.count_commits(ctl, b, head) == 0


def test_differences_of_many_pairs(ctl: control_dir.Control, head: Sha, tmp_path: Path) -> None:
    work = tmp_path / "w"
    odd = 'odd \n\t"name\udcff'
    a = commit_of(ctl, work, {odd: "1\n2\n", "src/a.py": "one\n"}, head)
    b = commit_of(ctl, work, {odd: "1\n", "bin": b"\0\1", "src/a.py": "one\n"}, a)
    pairs = [(head, a), (a, a), (a, b), (b, head), (head, head)]
    changed = [history.paths_changed(ctl, *pair) for pair in pairs]
    assert tuple(changed) == ((odd, "src/a.py"), (), ("bin", odd), ("bin", odd, "src/a.py"), ())
    stats = [history.numstat(ctl, *pair) for pair in pairs]
    assert stats[0] == history.Stats(2, 2, 2)
    assert stats[2] == history.Stats(2, 0, 1)
    assert stats[1] == stats[4] == history.Stats()
    many = history.changes_many(ctl, pairs)
    assert [tuple(change.path for change in found) for found in many] == changed
    assert history.changes_many(ctl, []) == ()


def test_blobs(ctl: control_dir.Control, head: Sha, tmp_path: Path) -> None:
    work = tmp_path / "w"
    snapshot.checkout(ctl, str(work), "", head)
    (work / "link").symlink_to("/etc/passwd")
    tip = commit_of(ctl, work, {"*": "star", ":(top)x": "magic"}, head)
    assert show(ctl, tip, "*") == b"star"
    assert show(ctl, tip, ":(top)x") == b"magic"
    assert history.blob(ctl, tip, "src/a.py", 14) == b"one\ntwo\nthree\n"
    for path, cap in (("src/a.py", 13), ("src", 99), ("link", 99), ("nope", 99), ("src/", 99)):
        assert history.blob(ctl, tip, path, cap) is None


def test_missing_objects_are_noticed(
    project: Path, ctl: control_dir.Control, head: Sha, tmp_path: Path, git: Git
) -> None:
    tip = commit_of(ctl, tmp_path / "w", {"lost": "lost content"}, head)
    assert is_whole(ctl, tip) and is_whole(ctl, tip, known=(head,))
    name = git(project, "rev-parse", f"{tip}:lost")
    (project / ".git/objects" / name[:2] / name[2:]).unlink()
    assert not is_whole(ctl, tip)
    assert not is_whole(ctl, tip, known=(head,))
    assert is_whole(ctl, head)
    assert not is_whole(ctl, "1" * 40)


def test_merges(
    ctl: control_dir.Control, head: Sha, tmp_path: Path, git: Git, project: Path
) -> None:
    work = tmp_path / "w"
    top = commit_of(ctl, work, {"src/a.py": "ONE\ntwo\nthree\n"}, head)
    end = commit_of(ctl, work, {"src/a.py": "one\ntwo\nTHREE\n\n"}, head)
    also = commit_of(ctl, work, {"src/a.py": "uno\ntwo\nthree\n", "src/b.py": "bb\n"}, head)
    gone = commit_of(ctl, work, {"src/a.py": None}, head)
    clash, clean, lost = merge_tree.merge_many(
        ctl,
        [
            (head, top, also),
            (head, also, commit_of(ctl, work, {"n": "n"}, head)),
            (head, top, gone),
        ],
    )
    assert clash.tree is None and clash.conflicts == ("src/a.py",)
    assert clean.conflicts == () and clean.tree is not None
    assert show(ctl, clean.tree, "src/b.py") == b"bb\n" and show(ctl, clean.tree, "n") == b"n"
    assert lost.conflicts == ("src/a.py",)
    assert merge_tree.merge(ctl, head, top, also) == clash
    apart = commit_of(ctl, work, {"src/a.py": "one\ntwo\nthree\nfour\n"}, head)
    both = merge_tree.merge(ctl, head, top, apart)
    assert both.tree and show(ctl, both.tree, "src/a.py") == b"ONE\ntwo\nthree\nfour\n"
    expected = git(project, "merge-tree", "--write-tree", top, apart)
    assert both.tree == expected
    assert merge_tree.merge(ctl, head, top, end).conflicts == ()
    assert merge_tree.merge_many(ctl, []) == ()
    assert fsck(ctl) == ""


def test_merging_with_any_base(ctl: control_dir.Control, head: Sha, tmp_path: Path) -> None:
    """A revert, and a change carried over, are merges whose base is not the common ancestor."""
    work = tmp_path / "w"
    one = commit_of(ctl, work, {"src/a.py": "ONE\ntwo\nthree\n"}, head)
    two = commit_of(ctl, work, {"src/b.py": "B\n"}, one)
    reverted = merge_tree.merge(ctl, one, two, head)
    assert reverted.tree
    assert history.paths_changed(ctl, head, reverted.tree) == ("src/b.py",)
    carried = merge_tree.merge(ctl, history.tree_of(ctl, one), head, history.tree_of(ctl, two))
    assert carried.tree == reverted.tree
    unrelated = history.commit(ctl, history.tree_of(ctl, two), (), "r", ctl.identity, WHEN)
    assert merge_tree.merge(ctl, one, unrelated, head).tree == reverted.tree


@pytest.mark.usefixtures("ada")
def test_a_repository_with_sha256(tmp_path: Path, git: Git) -> None:
    place = tmp_path / "r256"
    git(tmp_path, "init", "-q", "--object-format=sha256", "-b", "main", str(place))
    (place / "f").write_text("1\n2\n3\n")
    git(place, "add", ".")
    git(place, "commit", "-qm", "first")
    here = discover(str(place))
    ctl = control_dir.prepare(here)
    head = repo.resolve(here, "HEAD")
    assert len(head) == 64
    a = commit_of(ctl, tmp_path / "w", {"f": "A\n2\n3\n"}, head)
    b = commit_of(ctl, tmp_path / "w", {"f": "1\n2\n3\nB\n"}, head)
    merged = merge_tree.merge(ctl, head, a, b)
    assert merged.tree and show(ctl, merged.tree, "f") == b"A\n2\n3\nB\n"
    refs.update(here, [refs.RefChange("refs/heads/x", a, None)])
    assert refs.read_one(here, "refs/heads/x") == a
    assert fsck(ctl) == ""


@pytest.mark.usefixtures("ada")
def test_objects_of_another_repository_and_a_shallow_one(
    project: Path, tmp_path: Path, git: Git
) -> None:
    git(project, "commit", "-q", "--allow-empty", "-m", "second")
    shared, shallow = tmp_path / "shared", tmp_path / "sha:low"
    git(tmp_path, "clone", "-q", "--shared", str(project), str(shared))
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{project}", str(shallow))
    for place in (shared, shallow):
        here = discover(str(place))
        ctl = control_dir.prepare(here)
        head = repo.resolve(here, "HEAD")
        a = commit_of(ctl, tmp_path / "w", {"x": "x"}, head)
        b = commit_of(ctl, tmp_path / "w", {"x": "z"}, head)
        assert is_whole(ctl, a)
        assert merge_tree.merge(ctl, head, a, b).conflicts == ("x",)
        assert history.count_commits(ctl, head, a) == 1


def test_a_signature_that_git_verifies(
    project: Path, ctl: control_dir.Control, head: Sha, hermetic: Path, tmp_path: Path, git: Git
) -> None:
    if not shutil.which("ssh-keygen"):
        pytest.skip("needs ssh-keygen")
    key = hermetic / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    allowed = hermetic / "allowed"
    allowed.write_text(f"{ctl.identity.email} {key.with_suffix('.pub').read_text()}")
    git(project, "config", "gpg.format", "ssh")
    git(project, "config", "user.signingKey", str(key))
    git(project, "config", "gpg.ssh.program", f"touch {tmp_path}/marker")
    made = history.commit(ctl, history.tree_of(ctl, head), (head,), "m", ctl.identity, WHEN)
    signed = signature.signed(ctl, head, (made,))[made]
    settings = ("-c", f"gpg.ssh.allowedSignersFile={allowed}", "-c", "gpg.ssh.program=ssh-keygen")
    git(project, *settings, "verify-commit", signed)
    assert not (tmp_path / "marker").exists()


def test_a_commit_is_on_the_disk_before_it_has_its_name(
    ctl: control_dir.Control, head: Sha, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As git is told to write it: a ref that outlives a power cut must not name what does not."""
    steps: list[str] = []
    sync, rename = os.fsync, os.rename
    monkeypatch.setattr(os, "fsync", lambda file: (steps.append("sync"), sync(file)))
    monkeypatch.setattr(os, "rename", lambda *way: (steps.append("name"), rename(*way)))
    tree = history.tree_of(ctl, head)
    made = history.commit(ctl, tree, (head,), "durable", ctl.identity, 1.0)
    assert steps == ["sync", "name"]
    assert history.existing(ctl, [made]) == {made}
