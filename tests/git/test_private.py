"""The private git directory of a session: a whole git to work with, and nothing else's."""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests import kit
from wtman.errors import ExternalError
from wtman.git import config, control_dir, refs, repo, run
from wtman.git.checkouts import snapshot, worktrees
from wtman.git.discovery import discover
from wtman.git.untrusted import private
from wtman.git.untrusted.private import PrivateGit
from wtman.model.ids import Sha

BRANCH = "wtman/run/task"


def place(ctl: control_dir.Control, head: Sha, path: Path) -> worktrees.Worktree:
    refs.update(ctl.repo, [refs.RefChange(f"refs/heads/{BRANCH}", head, None)])
    spec = worktrees.WorktreeSpec("wtman-run-task", str(path / "trees/task"), BRANCH)
    (made,) = worktrees.create(ctl.repo, [spec])
    snapshot.checkout(ctl, made.path, made.index, head)
    return made


@pytest.fixture
def tree(ctl: control_dir.Control, head: Sha, tmp_path: Path) -> worktrees.Worktree:
    return place(ctl, head, tmp_path)


@pytest.fixture
def lent(
    ctl: control_dir.Control, tree: worktrees.Worktree, head: Sha, tmp_path: Path, project: Path
) -> PrivateGit:
    kit.run_git(project, "tag", "v1")
    git = private.make(ctl, tree, BRANCH, head, str(tmp_path / "git"), mounted=False, target="main")
    private.enter(git)
    return git


def files_of(folder: Path) -> dict[str, bytes]:
    """The git directory, but for what wtman keeps in it and the objects' own names."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and "wtman" not in file.relative_to(folder).parts[:1]
    }


def test_whole_git_works_there_and_nothing_changes_outside(
    lent: PrivateGit, project: Path, tree: worktrees.Worktree, head: Sha
) -> None:
    before = files_of(project / ".git")
    at = Path(tree.path)

    def git(*args: str) -> str:
        return kit.run_git(at, *args)

    assert git("status", "--porcelain") == ""
    assert git("symbolic-ref", "HEAD") == f"refs/heads/{BRANCH}"
    assert git("rev-parse", "main", "v1") == f"{head}\n{head}"
    kit.write_files(at, {"src/a.py": "new\n"})
    git("commit", "-qam", "one")
    assert git("log", "--format=%s %an", "main..") == f"one {kit.NAME}"
    git("commit", "-q", "--amend", "-m", "better")
    kit.write_files(at, {"src/b.py": "more\n"})
    git("stash")
    git("stash", "pop")
    git("commit", "-qam", "two")
    git("rebase", "-q", "--force-rebase", "main")
    git("branch", "side")
    git("update-ref", "refs/heads/main", "HEAD")
    git("config", "core.hooksPath", "/nowhere")
    git("tag", "-d", "v1")
    git("gc", "-q", "--prune=now")
    git("worktree", "prune")
    assert git("log", "--format=%s", head + "..") == "two\nbetter"
    assert git("status", "--porcelain") == ""
    assert git("fsck", "--strict") == ""
    assert files_of(project / ".git") == before


def test_worktree_is_a_plain_one_again_afterwards(lent: PrivateGit, project: Path) -> None:
    pointer = Path(lent.worktree.path, ".git")
    assert lent.path in pointer.read_text()
    private.leave(lent)
    assert pointer.read_text() == f"gitdir: {lent.worktree.admin}\n"
    assert kit.run_git(lent.worktree.path, "status", "--porcelain") == ""
    assert kit.run_git(project, "worktree", "list").count("\n") == 1


@pytest.mark.parametrize("pipe", [True, False])
def test_pointer_that_became_a_pipe_or_link_is_put_back(
    lent: PrivateGit, tmp_path: Path, pipe: bool
) -> None:
    pointer = Path(lent.worktree.path, ".git")
    (tmp_path / "kept").write_text("kept")
    pointer.unlink()
    if pipe:
        os.mkfifo(pointer)
    else:
        pointer.symlink_to(tmp_path / "kept")
    private.leave(lent)
    assert pointer.read_text() == f"gitdir: {lent.worktree.admin}\n"
    assert (tmp_path / "kept").read_text() == "kept"


def test_it_says_nothing_of_the_users_remotes_and_hooks(
    ctl: control_dir.Control, tree: worktrees.Worktree, head: Sha, project: Path, tmp_path: Path
) -> None:
    kit.run_git(project, "remote", "add", "origin", "https://user:secret@example.com/x.git")
    kit.run_git(project, "config", "filter.mine.clean", "cat")
    kit.run_git(project, "config", "core.autocrlf", "input")
    git = private.make(ctl_of(project), tree, BRANCH, head, str(tmp_path / "git"), mounted=False)
    text = "".join(content.decode("latin-1") for content in files_of(Path(git.path)).values())
    assert "secret" not in text and "filter" not in text
    assert config.value_of(config.entries(git.path), "core.autocrlf") == "input"
    assert not os.listdir(os.path.join(git.path, "hooks"))


@pytest.mark.parametrize("mounted", [True, False])
def test_the_next_one_finds_hooks_settings_and_submodules(
    ctl: control_dir.Control, tree: worktrees.Worktree, head: Sha, tmp_path: Path, mounted: bool
) -> None:
    name = os.path.basename(tree.admin)
    setup, first, second = (str(tmp_path / "t" / number / "git") for number in "012")
    for place in (setup, first, second):
        os.makedirs(os.path.dirname(place))
    private.make(ctl, tree, BRANCH, head, setup, mounted=mounted)
    files = {"hooks/pre-commit": "hook", "objects/ab/cd": "object", "HEAD": "elsewhere"}
    kit.write_files(Path(setup), {**files, f"refs/heads/{BRANCH}": "0" * 40})
    os.mkfifo(os.path.join(setup, "pipe"))
    os.symlink("/etc/passwd", os.path.join(setup, "link"))
    private.make(ctl, tree, BRANCH, head, first, mounted=mounted, like=setup)
    assert (Path(first) / "hooks/pre-commit").read_text() == "hook"
    assert (Path(first) / "refs/heads" / BRANCH).read_text() == f"{head}\n"
    assert "elsewhere" not in (Path(first) / "HEAD").read_text()
    assert os.readlink(os.path.join(first, "link")) == "/etc/passwd"
    assert not os.path.lexists(os.path.join(first, "pipe"))

    module = Path(first) / "worktrees" / name / "modules/vendor/sub"
    checkout = Path(tree.path, "vendor/sub")
    kit.write_files(module, {"HEAD": "x", "objects/x": "", "config": "[core]\n\tworktree = "})
    with open(module / "config", "a") as config:
        config.write(os.path.relpath(checkout, module) + "\n")
    kit.write_files(checkout, {".git": f"gitdir: {os.path.relpath(module, checkout)}\n"})
    private.make(ctl, tree, BRANCH, head, second, mounted=mounted, like=setup, before=first)
    moved = Path(second) / "worktrees" / name / "modules/vendor/sub"
    assert (moved / "HEAD").read_text() == "x" and not module.exists()
    said = (checkout / ".git").read_text().removeprefix("gitdir: ").strip()
    assert mounted or os.path.realpath(checkout / said) == str(moved)


def ctl_of(project: Path) -> control_dir.Control:
    return control_dir.prepare(discover(str(project)))


def test_shallow_borrowing_and_sha256_repositories(tmp_path: Path, ada: None) -> None:
    source = kit.create_repo(tmp_path / "source", {"a": "1\n"})
    kit.commit_files(source, {"a": "2\n"})
    kit.run_git(tmp_path, "clone", "-q", "--depth=1", f"file://{source}", "shallow")
    kit.run_git(tmp_path, "clone", "-q", "--shared", str(source), "borrowed")
    kit.run_git(tmp_path, "init", "-q", "--object-format=sha256", "-b", "main", "long")
    kit.commit_files(tmp_path / "long", {"a": "1\n"})
    for name in ("shallow", "borrowed", "long"):
        ctl = ctl_of(tmp_path / name)
        head = repo.resolve(ctl.repo, "HEAD")
        made = place(ctl, head, tmp_path / f"of-{name}")
        git = private.make(
            ctl, made, BRANCH, head, str(tmp_path / f"git-{name}"), mounted=False, target="main"
        )
        private.enter(git)
        assert kit.run_git(made.path, "status", "--porcelain") == ""
        kit.commit_files(Path(made.path), {"b": name})
        assert kit.run_git(made.path, "fsck", "--strict", "--no-dangling") == ""
        assert kit.run_git(made.path, "rev-list", "--count", "main..") == "1"


def test_it_is_cheap(
    ctl: control_dir.Control, tree: worktrees.Worktree, head: Sha, tmp_path: Path
) -> None:
    def spent() -> float:
        own, children = (
            resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        )
        return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime

    before = spent()
    for _ in range(10):
        private.make(ctl, tree, BRANCH, head, str(tmp_path / "git"), mounted=True, target="main")
    assert (spent() - before) / 10 < 0.05  # seconds of processor


def test_mounted_over_the_repository(
    ctl: control_dir.Control, tree: worktrees.Worktree, head: Sha, tmp_path: Path, project: Path
) -> None:
    """In bubblewrap the worktree's own pointer leads to the private directory."""
    git = private.make(ctl, tree, BRANCH, head, str(tmp_path / "git"), mounted=True, target="main")
    private.enter(git)
    argv = ["bwrap", "--bind", "/", "/", "--dev", "/dev"]
    for source, target, writable in git.binds:
        argv += ["--bind" if writable else "--ro-bind", source, target]
    if subprocess.run([*argv, "true"], check=False, capture_output=True).returncode:
        pytest.skip("bubblewrap does not work here")
    before = files_of(project / ".git")
    script = (
        "set -e; git status --porcelain; echo x > new; git add new; git commit -qm inside; "
        "git log --format=%s main..; git gc -q; git update-ref refs/heads/main HEAD; "
        "git fsck --strict; rm -rf $(git rev-parse --git-common-dir)/hooks"
    )
    done = subprocess.run(
        [*argv, "sh", "-c", script], cwd=tree.path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "inside\n"), done.stderr
    assert files_of(project / ".git") == before
    assert Path(tree.path, ".git").read_text() == f"gitdir: {tree.admin}\n"


@pytest.mark.parametrize("near", [True, False])
def test_a_kill_while_the_pointer_is_swapped_leaves_nothing_in_the_worktree(
    tmp_path: Path, near: bool
) -> None:
    """Not even where git directory and worktrees are on different file systems."""
    tree = tmp_path / "trees/task"
    tree.mkdir(parents=True)
    (tree / ".git").write_text("gitdir: /old\n")
    aside = tmp_path / "wtman"
    if not near:
        aside = Path(tempfile.mkdtemp(dir="/dev/shm"))
        if aside.stat().st_dev == tree.stat().st_dev:
            pytest.skip("one file system")
    text = "import sys; from wtman.git.checkouts.worktrees import point; point(*sys.argv[1:])"
    argv = [sys.executable, "-c", text, str(tree), "/new", str(aside)]
    hook = {"PYTHONPATH": f"{kit.ROOT / 'tests/crash/hook'}:{kit.ROOT}"}
    left = set()
    try:
        for at in range(1, 9):
            env = {**os.environ, **hook, "WTMAN_KILL_AT": str(at)}
            done = subprocess.run(argv, env=env, cwd=tmp_path, check=False)
            assert [path.name for path in tree.iterdir()] == [".git"]
            left |= {path for place in (aside, tree.parent) for path in place.glob(".git-*")}
            if done.returncode == 0:
                break
            assert (tree / ".git").read_text() == "gitdir: /old\n"
        assert at > 1 and len(left) == 1, "it was killed before the rename"
        assert (tree / ".git").read_text() == "gitdir: /new\n"
        assert not [path for path in left if path.exists()]
    finally:
        if not near:
            shutil.rmtree(aside)


@pytest.mark.parametrize("where", ["refs/tags/pipe", "refs/remotes/o/pipe", "refs/tags/link"])
def test_a_pipe_among_the_refs_is_no_place_to_wait_for_ever(
    ctl: control_dir.Control, tree: worktrees.Worktree, head: Sha, tmp_path: Path, where: str
) -> None:
    common = Path(ctl.repo.common_dir)
    (common / where).parent.mkdir(parents=True, exist_ok=True)
    pipe = common / where if "link" not in where else tmp_path / "pipe"
    os.mkfifo(pipe)
    if "link" in where:
        (common / where).symlink_to(pipe)
    with pytest.raises(ExternalError, match="would hang on it") as caught:
        private.make(ctl, tree, BRANCH, head, str(tmp_path / "git"), mounted=False)
    assert where in caught.value.message and caught.value.hint
    with pytest.raises(ExternalError, match="would hang on it"):
        refs.read(ctl.repo, where)
    assert refs.read(ctl.repo, "refs/heads")
    (common / where).unlink()
    assert private.make(ctl, tree, BRANCH, head, str(tmp_path / "git"), mounted=False)


def test_a_git_that_does_not_answer_is_given_up(ctl: control_dir.Control) -> None:
    os.mkfifo(Path(ctl.repo.common_dir) / "refs/heads/pipe")
    with pytest.raises(ExternalError, match="gave no answer .* within 0.2 s"):
        run.git(["for-each-ref"], git_dir=ctl.repo.common_dir, timeout=0.2)
