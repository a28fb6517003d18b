"""Every change that a session could make to its user's repository shows, and nothing else does."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import kit
from tests.git.test_private import place
from wtman.git import control_dir, fingerprint, ref_log, refs, repo
from wtman.git.discovery import discover
from wtman.git.fingerprint import difference, take
from wtman.model.ids import Sha
from wtman.model.ref_moves import ANY, Move, leads

Change = Callable[[Path], object]


def git(*args: str) -> Change:
    return lambda project: kit.run_git(project, *args)


def write(name: str, content: str) -> Change:
    def change(project: Path) -> None:
        path = project / ".git" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)

    return change


def stashed(project: Path) -> None:
    (project / "src/a.py").write_text("mine\n")
    kit.run_git(project, "stash")


def hook_made_executable(project: Path) -> None:
    (project / ".git/hooks/pre-push").chmod(0o755)


def ref_by_hand_back(project: Path) -> None:
    (project / ".git/refs/heads/main").write_text(kit.run_git(project, "rev-parse", "v1") + "\n")


def remove_admin(project: Path) -> None:
    shutil.rmtree(project / ".git/worktrees/wtman-run-task")


CHANGES: dict[str, tuple[Change, str]] = {
    "main moved": (git("update-ref", "refs/heads/main", "other"), "refs/heads/main moved from "),
    "main moved by hand": (ref_by_hand_back, "refs/heads/main moved from "),
    "sibling moved": (git("update-ref", "refs/heads/wtman/run/task", "other"), "wtman/run/task"),
    "kept work": (git("update-ref", "refs/wtman/saved/x", "other"), "refs/wtman/saved/x was made"),
    "branch made": (git("branch", "new"), "refs/heads/new was made"),
    "branch gone": (git("branch", "-D", "new"), "refs/heads/new was deleted"),
    "tag": (git("tag", "v9"), "refs/tags/v9 was made"),
    "remote": (git("update-ref", "refs/remotes/origin/x", "main"), "refs/remotes/origin/x"),
    "replaced": (git("replace", "other", "main"), "refs/replace/"),
    "stash": (stashed, "the stash was made"),
    "head": (git("symbolic-ref", "HEAD", "refs/heads/other"), "HEAD of the main checkout"),
    "config": (git("config", "user.name", "evil"), "the repository's configuration"),
    "hook": (write("hooks/post-commit", "#!/bin/sh\n"), "the hook post-commit was made"),
    "hook mode": (hook_made_executable, "the hook pre-push was changed"),
    "exclude": (write("info/exclude", "*\n"), "info/exclude"),
    "attributes": (write("info/attributes", "* filter=evil\n"), "info/attributes"),
    "alternates": (write("objects/info/alternates", "/x\n"), "objects/info/alternates"),
    "shallow": (write("shallow", "0" * 40 + "\n"), "shallow"),
    "index": (git("rm", "-q", "--cached", "src/a.py"), "the index of the main checkout"),
    "assumed": (git("update-index", "--assume-unchanged", "src/b.py"), "the index of the main"),
    "locked": (git("worktree", "lock", "../trees/task"), "locked of the worktree wtman-run-task"),
    "pointed": (write("worktrees/wtman-run-task/gitdir", "/x/.git\n"), "gitdir of the worktree"),
    "common": (write("worktrees/wtman-run-task/commondir", "/x\n"), "commondir of the worktree"),
    "left": (write("worktrees/wtman-run-task/HEAD", "ref: refs/heads/x\n"), "HEAD of the worktree"),
    "unpruned": (remove_admin, "the worktree wtman-run-task was deleted"),
}


@pytest.fixture
def watched(
    ctl: control_dir.Control, head: Sha, tmp_path: Path, project: Path
) -> control_dir.Control:
    place(ctl, head, tmp_path)
    kit.run_git(project, "tag", "v1")
    kit.run_git(project, "switch", "-q", "-c", "other")
    kit.commit_files(project, {"other": "o\n"})
    kit.run_git(project, "switch", "-q", "main")
    write("hooks/pre-push", "#!/bin/sh\n")(project)
    return ctl


def test_every_change_shows(watched: control_dir.Control, project: Path) -> None:
    """One after the other in one repository: each shows as what it is."""
    before = take(watched)
    for name, (change, words) in CHANGES.items():
        change(project)
        after = take(watched, before)
        lines = [line for _, line in difference(before, after)]
        assert any(words in line for line in lines), (name, lines)
        assert take(watched).facts == after.facts, name
        before = after


def test_what_changes_nothing_does_not_show(watched: control_dir.Control, project: Path) -> None:
    before = take(watched)
    assert take(watched, before) is before
    (project / "src/a.py").touch()
    kit.run_git(project, "status", env={"GIT_OPTIONAL_LOCKS": "1"})  # rewrites the index
    kit.run_git(project, "pack-refs", "--all")
    kit.run_git(project, "gc", "-q")
    after = take(watched, before)
    assert after is not before
    assert difference(before, after) == ()


def test_what_wtman_does_itself_is_noted_before(
    watched: control_dir.Control, project: Path
) -> None:
    here = discover(str(project))
    head, other = repo.resolve(here, "main"), repo.resolve(here, "other")
    before = take(watched)
    _, place_ = ref_log.told(here, 0)
    _, mine = ref_log.own(here, 0)
    refs.update(here, [refs.RefChange("refs/heads/wtman/run/task", other, head)])
    refs.update(here, [refs.RefChange("refs/wtman/saved/x", head, None)])
    refs.update(here, [refs.RefChange("refs/wtman/saved/x", None, head)])
    repo.fast_forward(here, str(project), head, other)
    changed = {what for what, _ in difference(before, take(watched, before))}
    assert changed == {"refs/heads/wtman/run/task", "refs/heads/main", "index"}
    for noted in (ref_log.told(here, place_)[0], ref_log.own(here, mine)[0]):
        ours = difference(
            before,
            take(watched),
            lambda what, old, new, noted=noted: leads(noted, what, old, new),  # type: ignore[misc]
        )
        assert [what for what, _ in ours] == ["index"]
        assert Move("index", ANY, ANY) in noted


def test_a_move_excuses_only_what_it_says() -> None:
    done = {
        Move("a", "1", "2"),
        Move("a", "2", "3"),
        Move("b", ANY, "7"),
    }
    assert leads(done, "a", "1", "3") and leads(done, "a", "1", "2")
    assert leads(done, "b", "rubbish", "7")
    for what, old, new in (("a", "1", "4"), ("a", "3", "1"), ("b", "7", "8"), ("c", "1", "2")):
        assert not leads(done, what, old, new)


def test_looking_again_is_cheap(watched: control_dir.Control, project: Path) -> None:
    before = take(watched)
    least = 1.0
    for _ in range(20):
        started = time.process_time()
        assert take(watched, before) is before
        least = min(least, time.process_time() - started)
    assert least < 0.005  # seconds of processor


def test_pipes_and_links_in_place_of_files(watched: control_dir.Control, project: Path) -> None:
    import os

    before = take(watched)
    for name in ("config", "refs/heads/main", "info/exclude"):
        path = project / ".git" / name
        path.unlink(missing_ok=True)
        path.parent.mkdir(exist_ok=True)
        os.mkfifo(path)
    (project / ".git/hooks/pre-push").unlink()
    (project / ".git/hooks/pre-push").symlink_to("/etc/passwd")
    changed = {what for what, _ in difference(before, fingerprint.take(watched, before))}
    assert {"config", "refs/heads/main", "info/exclude", "hooks/pre-push"} <= changed
