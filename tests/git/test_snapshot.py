"""Files to tree and back: everything that is not ignored, whatever a session did."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.git.world import show
from wtman.git import control_dir, repo
from wtman.git.checkouts import snapshot
from wtman.git.discovery import Repository
from wtman.git.objects import history
from wtman.model.ids import Sha

Git = Callable[..., str]


@pytest.fixture
def work(ctl: control_dir.Control, head: Sha, tmp_path: Path) -> Path:
    place = tmp_path / "work"
    snapshot.checkout(ctl, str(place), "", head)
    return place


def names(ctl: control_dir.Control, tree: str) -> set[str]:
    return set(history.files(ctl, tree))


def test_checkout_into_nothing_and_back_to_what_it_was(
    ctl: control_dir.Control, head: Sha, tmp_path: Path, work: Path
) -> None:
    assert (work / "src/a.py").read_text() == "one\ntwo\nthree\n"
    assert os.access(work / "run.sh", os.X_OK)
    stats = os.stat(work / "src/a.py")
    (work / "src/a.py").write_text("ONE\ntwo\nthree\n")  # the size stays
    os.utime(work / "src/a.py", ns=(stats.st_atime_ns, stats.st_mtime_ns))
    (work / "src/b.py").unlink()
    (work / "extra").write_text("stays")
    snapshot.checkout(ctl, str(work), "", head)
    assert (work / "src/a.py").read_text() == "one\ntwo\nthree\n"
    assert (work / "src/b.py").exists() and (work / "extra").exists()


def test_checkout_leaves_an_index_with_which_status_is_clean(
    project: Path, ctl: control_dir.Control, head: Sha, tmp_path: Path, git: Git
) -> None:
    linked = tmp_path / "linked"
    git(project, "worktree", "add", "-q", "--no-checkout", "--detach", str(linked))
    snapshot.checkout(ctl, str(linked), str(project / ".git/worktrees/linked/index"), head)
    assert git(linked, "status", "--porcelain") == ""
    assert git(linked, "diff-files") == ""


def test_an_unchanged_worktree_gives_the_parents_tree(
    ctl: control_dir.Control, head: Sha, work: Path
) -> None:
    assert snapshot.snapshot(ctl, str(work), "", head) == snapshot.Snapshot(
        history.tree_of(ctl, head)
    )


def test_every_kind_of_change(ctl: control_dir.Control, head: Sha, work: Path) -> None:
    (work / "src/a.py").write_text("changed\n")
    (work / "src/b.py").unlink()
    (work / "run.sh").chmod(0o644)
    (work / "link").symlink_to("src/a.py")
    (work / "x.log").write_text("ignored")
    (work / "build").mkdir()
    (work / "build/out").write_text("ignored")
    (work / "deep/er").mkdir(parents=True)
    (work / "deep/er/ü \n\"'").write_text("odd")
    (work / "empty").mkdir()
    os.mkfifo(work / "pipe")
    with open(os.fsencode(work) + b"/raw\xff", "wb") as file:
        file.write(b"\0\1")
    tree = snapshot.snapshot(ctl, str(work), "", head).tree
    expected = {"README.md", "src/a.py", "run.sh", ".gitignore", "link", "raw\udcff"}
    assert names(ctl, tree) == expected | {"deep/er/ü \n\"'"}
    assert show(ctl, tree, "src/a.py") == b"changed\n"
    assert show(ctl, tree, "raw\udcff") == b"\0\1"
    assert show(ctl, tree, "link") is None
    assert history.numstat(ctl, head, tree) == history.Stats(6, 3, 4)


def test_a_file_becomes_a_folder_and_a_folder_a_file_or_a_link(
    ctl: control_dir.Control, head: Sha, work: Path
) -> None:
    (work / "README.md").unlink()
    (work / "README.md").mkdir()
    (work / "README.md/inner").write_text("i")
    shutil.rmtree(work / "src")
    (work / "src").write_text("now a file")
    one = snapshot.snapshot(ctl, str(work), "", head).tree
    assert names(ctl, one) == {"README.md/inner", "src", "run.sh", ".gitignore"}
    (work / "src").unlink()
    (work / "other").mkdir()
    (work / "other/a.py").write_text("one\ntwo\nthree\n")
    (work / "src").symlink_to("other")
    two = snapshot.snapshot(ctl, str(work), "", head).tree
    assert names(ctl, two) == {
        "README.md/inner",
        "src",
        "other/a.py",
        "run.sh",
        ".gitignore",
    }


def test_tracked_but_ignored_files_count(ctl: control_dir.Control, head: Sha, work: Path) -> None:
    (work / ".gitignore").write_text("")
    (work / "kept.log").write_text("1")
    tree = snapshot.snapshot(ctl, str(work), "", head).tree
    base = history.commit(ctl, tree, (head,), "m", ctl.identity, 1.0)
    (work / ".gitignore").write_text("*.log\n")
    (work / "kept.log").write_text("2")
    (work / "fresh.log").write_text("3")
    after = snapshot.snapshot(ctl, str(work), "", base).tree
    assert show(ctl, after, "kept.log") == b"2"
    assert "fresh.log" not in names(ctl, after)


def test_a_same_size_edit_with_the_time_put_back_is_seen(
    ctl: control_dir.Control, head: Sha, work: Path
) -> None:
    for number in range(5):  # several times within one tick of the file system
        path = work / "src/a.py"
        stats = os.stat(path)
        content = f"on{number}\ntwo\nthree\n"
        path.write_text(content)
        os.utime(path, ns=(stats.st_atime_ns, stats.st_mtime_ns))
        tree = snapshot.snapshot(ctl, str(work), "", head).tree
        assert show(ctl, tree, "src/a.py") == content.encode()


@pytest.mark.parametrize("trick", ["assume-unchanged", "skip-worktree", "exclude", "forged"])
def test_what_a_session_does_to_its_own_index_hides_nothing(
    project: Path, ctl: control_dir.Control, head: Sha, tmp_path: Path, git: Git, trick: str
) -> None:
    linked = tmp_path / "linked"
    git(project, "worktree", "add", "-q", "--no-checkout", "--detach", str(linked))
    index = str(project / ".git/worktrees/linked/index")
    snapshot.checkout(ctl, str(linked), index, head)
    (linked / "src/a.py").write_text("hidden\n")
    (linked / "hidden.txt").write_text("hidden\n")
    if trick == "exclude":
        (project / ".git/info").mkdir(exist_ok=True)
        (project / ".git/info/exclude").write_text("hidden.txt\n")
    elif trick == "forged":
        git(linked, "add", "-A")
        git(
            linked,
            "update-index",
            "--cacheinfo",
            f"100644,{git(linked, 'hash-object', '-w', 'run.sh')},src/a.py",
        )
    else:
        git(linked, "update-index", f"--{trick}", "src/a.py")
    tree = snapshot.snapshot(ctl, str(linked), index, head).tree
    assert show(ctl, tree, "src/a.py") == b"hidden\n"
    assert show(ctl, tree, "hidden.txt") == b"hidden\n"


def test_nested_repositories_are_left_out_and_named(
    ctl: control_dir.Control, head: Sha, work: Path, git: Git
) -> None:
    for place, committed in (("sub/repo", True), ("fresh", False)):
        (work / place).mkdir(parents=True)
        git(work / place, "init", "-q")
        (work / place / "inner").write_text("x")
        if committed:
            git(work / place, "add", ".")
            git(work / place, "-c", "user.name=n", "-c", "user.email=e@x", "commit", "-qm", "m")
    (work / "broken/deep").mkdir(parents=True)
    (work / "broken/.git").write_text("nonsense")
    (work / "broken/deep/file").write_text("x")
    (work / "sub/beside").write_text("x")
    git(work / "src", "init", "-q")  # planted over tracked files: their changes count
    (work / "src/a.py").write_text("edited\n")
    found = snapshot.snapshot(ctl, str(work), "", head)
    assert found.nested == ("broken", "fresh", "src", "sub/repo")
    added = set(history.paths_changed(ctl, head, found.tree))
    assert added == {"sub/beside", "src/a.py"}


def test_submodules_stay_what_they_are(
    project: Path,
    here: Repository,
    ctl: control_dir.Control,
    head: Sha,
    tmp_path: Path,
    git: Git,
) -> None:
    link = f"160000,{head},vendor/lib"
    git(project, "update-index", "--add", "--cacheinfo", link)
    git(project, "commit", "-qm", "submodule")
    base = repo.resolve(here, "HEAD")
    work = tmp_path / "w"
    snapshot.checkout(ctl, str(work), "", base)
    assert os.listdir(work / "vendor/lib") == []
    lib = work / "vendor/lib"
    git(tmp_path, "clone", "-q", str(project), str(lib))
    git(lib, "checkout", "-q", head)  # just what the link says: git would look inside
    git(lib, "config", "filter.evil.clean", f"touch {tmp_path}/marker; cat")
    (lib / ".git/info").mkdir(exist_ok=True)
    (lib / ".git/info/attributes").write_text("* filter=evil\n")
    os.utime(lib / "README.md", (1, 1))  # so that only its content can tell
    (work / "new").write_text("n")
    tree = snapshot.snapshot(ctl, str(work), "", base).tree
    assert not (tmp_path / "marker").exists()
    assert history.paths_changed(ctl, base, tree) == ("new",)
    shutil.rmtree(work / "vendor")
    (work / "vendor").mkdir()
    (work / "vendor/lib").write_text("a file now")
    tree = snapshot.snapshot(ctl, str(work), "", base).tree
    assert history.paths_changed(ctl, base, tree) == ("new",)


def test_a_broken_cache_is_only_a_cache(ctl: control_dir.Control, head: Sha, work: Path) -> None:
    (work / "src/a.py").write_text("changed\n")
    (cache,) = os.scandir(os.path.join(ctl.path, "index"))
    Path(cache.path).write_bytes(Path(cache.path).read_bytes()[:40])
    tree = snapshot.snapshot(ctl, str(work), "", head).tree
    assert show(ctl, tree, "src/a.py") == b"changed\n"


def test_line_endings_of_the_user_and_filters_of_the_global_configuration(
    project: Path,
    here: Repository,
    head: Sha,
    tmp_path: Path,
    git: Git,
    hermetic: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mine = hermetic / "mine"
    mine.write_text(
        f"[core]\n\tautocrlf = true\n\texcludesFile = {hermetic}/ignore\n"
        f"\tattributesFile = {hermetic}/attributes\n"
        '[filter "up"]\n\tclean = tr a-z A-Z\n\tsmudge = cat\n'
    )
    (hermetic / "ignore").write_text("*.tmp\n")
    (hermetic / "attributes").write_text("*.up filter=up\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(mine))
    git(project, "config", "filter.up.clean", f"touch {tmp_path}/marker; cat")
    ctl = control_dir.prepare(here)
    work = tmp_path / "w"
    snapshot.checkout(ctl, str(work), "", head)
    assert (work / "src/a.py").read_bytes() == b"one\r\ntwo\r\nthree\r\n"
    (work / "n.up").write_text("loud\r\n")
    (work / "n.tmp").write_text("t")
    tree = snapshot.snapshot(ctl, str(work), "", head).tree
    assert history.paths_changed(ctl, head, tree) == ("n.up",)
    assert show(ctl, tree, "n.up") == b"LOUD\n"
    assert not (tmp_path / "marker").exists()
