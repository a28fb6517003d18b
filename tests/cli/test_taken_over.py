"""Worktrees that one task takes over from another: nothing stays in them, nothing is lost."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import kit
from wtman.model.ids import RunId
from wtman.sandbox.choice import trouble
from wtman.worktrees.takeover import put_back

pytestmark = pytest.mark.skipif(bool(trouble("bubblewrap")), reason="bubblewrap does not work here")

# The first leaves what it can; every one tells what it finds.
AGENT = """\
#!/bin/sh
set -eu
{ git status --porcelain; find . -path ./.git -prune -o -print | sort; } > "$HOME/found"
cat "$HOME/found"
echo "$WTMAN_TASK" > "$WTMAN_TASK.txt"
echo "changed by $WTMAN_TASK" >> shared.txt
mkdir -p __pycache__ empty/folder nested
echo cached > "__pycache__/$WTMAN_TASK.pyc"
git init -q nested && echo a > nested/file
chmod 777 src
ln -s / root
mkfifo pipe
[ "$WTMAN_ATTEMPT" = 1 ] || echo again > again.txt
case "$WTMAN_TASK" in notes*) echo precious > my.secret ;; esac
"""
FILES = {
    "shared.txt": "one\n",
    "src/a.py": "a\n",
    ".gitignore": "*.log\n*.secret\n__pycache__/\nroot\npipe\n",
}


@pytest.fixture
def repo(make_repo: Callable[..., Path]) -> Path:
    return make_repo(FILES)


@pytest.fixture
def split(wtman: kit.Program, repo: Path, tmp_path: Path) -> Callable[..., str]:
    """Split these tasks to their end with one worktree; the run's id."""
    agent = tmp_path / "agent.sh"
    agent.write_text(AGENT)

    def build(*tasks: str, more: tuple[str, ...] = ()) -> str:
        words = [word for task in tasks for word in ("--task", f"{task}: do {task}")]
        options = ["--agent", f"command:sh {agent}", "-j", "1", "--allow-overlap", "--yes"]
        done = wtman(
            "split", "all", *words, *options, "--sandbox", "bubblewrap", "--json", *more, cwd=repo
        )
        return str(done.jsonl()[0]["run"])

    return build


def tasks(wtman: kit.Program, repo: Path, run: str) -> dict[str, dict[str, Any]]:
    status = wtman("status", run, "--json", cwd=repo).json()
    return {task["id"]: task for task in status["tasks"]}


def found(repo: Path, run: str, task: str, attempt: int = 1) -> str:
    folder = repo / f".git/wtman/runs/{run}/tasks/{task}/{attempt}"
    return (folder / "stdout").read_text()


def worktrees(repo: Path) -> list[Path]:
    lines = kit.run_git(repo, "worktree", "list", "--porcelain").splitlines()
    paths = [Path(line.split(" ", 1)[1]) for line in lines if line.startswith("worktree ")]
    return [path for path in paths if path != repo]


def test_each_task_finds_just_the_base(
    wtman: kit.Program, repo: Path, split: Callable[..., str]
) -> None:
    run = split("one", "two", "three")
    assert found(repo, run, "one") == found(repo, run, "two") == found(repo, run, "three")
    assert len(worktrees(repo)) == 1
    known = tasks(wtman, repo, run)
    assert [bool(known[name]["worktree"]) for name in ("one", "two", "three")].count(True) == 1
    for name in ("one", "two", "three"):
        branch = known[name]["branch"]
        changed = kit.run_git(repo, "diff", "--name-only", f"main..{branch}").split()
        assert changed == sorted([f"{name}.txt", "shared.txt"])
    gone = next(name for name in known if known[name]["worktree"] is None)
    kit.run_git(repo, "switch", "-q", known[gone]["branch"])
    assert (repo / f"{gone}.txt").exists(), "nobody else has its branch checked out"
    kit.run_git(repo, "switch", "-q", "main")


@pytest.mark.slow
def test_what_no_commit_has_is_kept_and_told(
    wtman: kit.Program, repo: Path, split: Callable[..., str]
) -> None:
    run = split("notes", "two")
    trash = repo.parent / "repo.worktrees/.trash"
    left = sorted(path for path in trash.iterdir())
    assert "precious\n" in [path.read_text() for path in left if path.is_file()]
    assert [path for path in left if (path / ".git").is_dir() and (path / "file").exists()]
    told = wtman("restore", cwd=repo).out
    assert all(str(path) in told for path in left)
    own = {str(path) for path in left if "-notes-" in path.name}
    said = wtman("restore", f"{run}/notes", cwd=repo).out
    assert {str(path) for path in left if str(path) in said} == own


@pytest.mark.slow
def test_a_task_gets_a_worktree_again_for_a_retry(
    wtman: kit.Program, repo: Path, split: Callable[..., str]
) -> None:
    run = split("one", "two")
    known = tasks(wtman, repo, run)
    (gone,) = (name for name in known if known[name]["worktree"] is None)
    wtman("retry", f"{run}/{gone}", cwd=repo)
    wtman("resume", run, "--yes", cwd=repo)
    after = tasks(wtman, repo, run)
    assert after[gone]["worktree"] and after[gone]["attempt"] == 2
    assert found(repo, run, gone, 2).splitlines() == sorted(
        [*found(repo, run, gone).splitlines(), f"./{gone}.txt"]
    )
    changed = kit.run_git(repo, "diff", "--name-only", f"main..{after[gone]['branch']}").split()
    assert changed == sorted([f"{gone}.txt", "again.txt", "shared.txt"])
    assert len(worktrees(repo)) == 1


@pytest.mark.slow
def test_a_branch_that_the_user_has_checked_out_is_not_moved_under_them(
    wtman: kit.Program, repo: Path, split: Callable[..., str]
) -> None:
    run = split("one", "two")
    known = tasks(wtman, repo, run)
    (gone,) = (name for name in known if known[name]["worktree"] is None)
    tip = known[gone]["head"]
    kit.run_git(repo, "switch", "-q", known[gone]["branch"])
    told = wtman("retry", f"{run}/{gone}", cwd=repo, check_status=4).out
    assert f"{known[gone]['branch']} is checked out in {repo}" in told and "switch --detach" in told
    assert kit.run_git(repo, "rev-parse", "HEAD") == tip
    assert kit.run_git(repo, "status", "--porcelain") == ""
    kit.run_git(repo, "switch", "-q", "--detach")
    wtman("resume", run, "--yes", cwd=repo)
    assert tasks(wtman, repo, run)[gone]["attempt"] == 2


@pytest.fixture
def one_more(wtman: kit.Program, repo: Path, tmp_path: Path) -> Callable[[str], None]:
    """A second task for a run that is over."""

    def add(run: str) -> None:
        plan = tmp_path / "plan.toml"
        tasks = [f'[[task]]\nid = "{name}"\nprompt = "do {name}"\n' for name in ("one", "two")]
        plan.write_text("".join(['request = "all"\n', *tasks]))
        words = ("resume", run, "--plan", str(plan), "--allow-overlap", "--yes")
        wtman(*words, cwd=repo)

    return add


@pytest.mark.slow
def test_edits_of_the_user_are_kept_when_a_worktree_is_taken_over(
    wtman: kit.Program,
    repo: Path,
    split: Callable[..., str],
    one_more: Callable[[str], None],
) -> None:
    run = split("one")
    (place,) = worktrees(repo)
    (place / "src/a.py").write_text("mine\n")
    (place / "new.txt").write_text("mine, too\n")
    (place / "x.log").write_text("mine, ignored\n")
    one_more(run)
    trash = repo.parent / "repo.worktrees/.trash"
    assert "mine, ignored\n" in [path.read_text() for path in trash.iterdir() if path.is_file()]
    assert found(repo, run, "two") == found(repo, run, "one")
    notes = tasks(wtman, repo, run)["one"]["notes"]
    commit = next(note for note in notes if "git show" in note).split()[-1]
    assert kit.run_git(repo, "show", f"{commit}:src/a.py") == "mine"
    assert kit.run_git(repo, "show", f"{commit}:new.txt") == "mine, too"
    assert commit in kit.run_git(repo, "for-each-ref", "refs/wtman/saved")


def committed(place: Path) -> str:
    (place / "mine.txt").write_text("mine\n")
    kit.run_git(place, "add", "mine.txt")
    kit.run_git(place, "commit", "-q", "-m", "mine")
    return kit.run_git(place, "rev-parse", "HEAD")


@pytest.mark.slow
def test_what_the_user_committed_or_staged_in_a_worktree_is_kept(
    wtman: kit.Program,
    repo: Path,
    split: Callable[..., str],
    one_more: Callable[[str], None],
) -> None:
    """Also where neither the branch nor a file says so any more."""
    run = split("one")
    (place,) = worktrees(repo)
    branch = kit.run_git(place, "branch", "--show-current")
    kit.run_git(place, "checkout", "-q", "--detach")
    detached = committed(place)
    kit.run_git(place, "checkout", "-q", branch)
    (place / "src/a.py").write_text("staged\n")
    kit.run_git(place, "add", "src/a.py")
    kit.run_git(place, "restore", "--source=HEAD", "--worktree", "src/a.py")
    one_more(run)
    assert found(repo, run, "two") == found(repo, run, "one")
    kept = kit.run_git(repo, "for-each-ref", "--format=%(objectname)", "refs/wtman/saved").split()
    assert detached in kept
    assert any(kit.run_git(repo, "show", f"{item}:src/a.py") == "staged" for item in kept)
    assert "committed or staged" in json.dumps(tasks(wtman, repo, run)["one"]["notes"])


@pytest.mark.slow
@pytest.mark.parametrize("what", ["submodule", "merge", "bisect", "repository"])
def test_a_worktree_with_git_work_that_cannot_be_kept_stays(
    wtman: kit.Program,
    repo: Path,
    split: Callable[..., str],
    one_more: Callable[[str], None],
    what: str,
) -> None:
    run = split("one")
    (place,) = worktrees(repo)
    git_dir = Path(kit.run_git(place, "rev-parse", "--absolute-git-dir"))
    match what:
        case "submodule":
            kit.run_git(git_dir, "init", "-q", "--bare", "modules/lib")
        case "merge":
            (git_dir / "MERGE_HEAD").write_text(kit.run_git(place, "rev-parse", "main") + "\n")
        case "bisect":
            kit.run_git(place, "bisect", "start")
        case "repository":
            (place / ".git").unlink()
            kit.run_git(place, "init", "-q")
    one_more(run)
    known = tasks(wtman, repo, run)
    assert known["one"]["worktree"] == str(place)
    assert known["two"]["worktree"] not in (None, str(place))
    assert "its worktree stays" in json.dumps(known["one"]["notes"])


LATE = """\
import os, sys

def hook(event, args):
    if event == "os.rename" and str(args[0]).endswith("/one"):
        if not os.path.exists(os.environ["LATE"]):
            open(os.environ["LATE"], "w").close()
            with open(f"{args[0]}/shared.txt", "a") as file:
                file.write("late\\n")

sys.addaudithook(hook)
"""


def test_what_is_written_while_a_worktree_is_taken_over_is_kept_too(
    wtman: kit.Program, repo: Path, tmp_path: Path
) -> None:
    agent = tmp_path / "agent.sh"
    agent.write_text(AGENT)
    (tmp_path / "hook").mkdir()
    (tmp_path / "hook/sitecustomize.py").write_text(LATE)
    env = {"PYTHONPATH": f"{tmp_path / 'hook'}:{kit.ROOT}", "LATE": str(tmp_path / "late")}
    words = [
        "split",
        "all",
        "--task",
        "one: do",
        "--task",
        "two: do",
        "--agent",
        f"command:sh {agent}",
    ]
    done = wtman(
        *words, *"-j 1 --allow-overlap --yes --sandbox bubblewrap --json".split(), cwd=repo, env=env
    )
    assert (tmp_path / "late").exists()
    run = str(done.jsonl()[0]["run"])
    kept = kit.run_git(repo, "for-each-ref", "--format=%(objectname)", "refs/wtman/saved").split()
    assert any("late" in kit.run_git(repo, "show", f"{item}:shared.txt") for item in kept)
    assert found(repo, run, "two") == found(repo, run, "one")
    branch = tasks(wtman, repo, run)["two"]["branch"]
    assert "late" not in kit.run_git(repo, "show", f"{branch}:shared.txt")


@pytest.mark.slow
@pytest.mark.parametrize("how", ["stands there", "has a file open"])
def test_somebody_who_is_in_a_worktree_keeps_it(
    wtman: kit.Program,
    repo: Path,
    split: Callable[..., str],
    one_more: Callable[[str], None],
    how: str,
) -> None:
    run = split("one")
    (place,) = worktrees(repo)
    there = place if how == "stands there" else repo
    with (place / "shared.txt").open("a") as file:
        stdout = None if there == place else file
        somebody = subprocess.Popen(["sleep", "600"], cwd=there, stdout=stdout)
    try:
        one_more(run)
    finally:
        somebody.kill()
        somebody.wait()
    known = tasks(wtman, repo, run)
    assert known["one"]["worktree"] == str(place)
    assert known["two"]["worktree"] not in (None, str(place))
    assert "sleep" in json.dumps(known["one"]["notes"])


@pytest.mark.slow
@pytest.mark.parametrize("more", [("--keep-worktrees",), ("--sandbox", "none")])
def test_each_keeps_its_own_where_nothing_can_be_promised_or_it_was_asked_for(
    wtman: kit.Program, repo: Path, split: Callable[..., str], more: tuple[str, ...]
) -> None:
    run = split("one", "two", more=more)
    assert len(worktrees(repo)) == 2
    assert all(task["worktree"] for task in tasks(wtman, repo, run).values())
    assert os.path.isdir(tasks(wtman, repo, run)["one"]["worktree"])


@pytest.mark.slow
def test_what_the_user_did_in_a_worktree_is_told_when_its_task_goes_on(
    wtman: kit.Program, repo: Path, split: Callable[..., str]
) -> None:
    run = split("one")
    (place,) = worktrees(repo)
    (place / "mine.txt").write_text("mine\n")
    kit.run_git(place, "add", "mine.txt")
    kit.run_git(place, "commit", "-qm", "by hand")
    mine = kit.run_git(place, "rev-parse", "HEAD")
    (place / "dirty.txt").write_text("dirty\n")
    assert f"git show {mine[:12]}" in wtman("retry", f"{run}/one", cwd=repo).out
    listed = wtman("restore", "--json", cwd=repo).json()["removed"]
    kept = [item["commit"] for item in listed if item["by"] == "set aside"]
    assert mine in kept
    (dirty,) = (item for item in kept if item != mine)
    assert kit.run_git(repo, "show", f"{dirty}:dirty.txt") == "dirty"
    wtman("restore", f"{run}/one", cwd=repo)
    branches = kit.run_git(repo, "branch", "--list", f"wtman/{run}/one.aside-*")
    assert branches.strip()


@pytest.mark.slow
def test_a_task_that_breaks_its_setup_is_told_so_in_its_next_session(
    wtman: kit.Program, make_repo: Callable[..., Path], tmp_path: Path
) -> None:
    repo = make_repo({"a": "ok\n"}, name="broken")
    (repo / "wtman.toml").write_text('setup = ["grep -q ok a"]\ncheck = ["true"]\n')
    kit.run_git(repo, "add", "wtman.toml")
    kit.run_git(repo, "commit", "-qm", "settings")
    agent = tmp_path / "agent.sh"
    agent.write_text(
        'case "$WTMAN_TASK$WTMAN_ATTEMPT" in x1) echo bad > a ;; x*) cat > "$HOME/prompt"; '
        'grep -q "setup failed" "$HOME/prompt"; echo ok > a; echo mended > b ;; '
        "*) echo y > y ;; esac\n"
    )
    words = ("--agent", f"command:sh -e {agent}", "-j", "1", "--allow-overlap", "--yes")
    wtman("trust", "--yes", cwd=repo)
    done = wtman(
        *("split", "all", "--task", "x: do", "--task", "y: do", *words),
        *("--sandbox", "bubblewrap", "--json"),
        cwd=repo,
        check_status=None,
    )
    assert done.code == 0, done
    known = tasks(wtman, repo, str(done.jsonl()[0]["run"]))
    assert known["x"]["state"] == known["y"]["state"] == "verified"
    assert known["x"]["attempt"] == 2


KILLED = """\
import os, signal, sys

def hook(event, args):
    if event == "os.rename" and str(args[1]).endswith("/two"):
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(hook)
"""


def test_a_folder_that_a_kill_left_without_a_name_gets_its_own_back(
    wtman: kit.Program, repo: Path, tmp_path: Path
) -> None:
    """What the user wrote there meanwhile is kept as ever."""
    agent = tmp_path / "agent.sh"
    agent.write_text(AGENT)
    (tmp_path / "hook").mkdir()
    (tmp_path / "hook/sitecustomize.py").write_text(KILLED)
    env = {"PYTHONPATH": f"{tmp_path / 'hook'}:{kit.ROOT}"}
    words = ["split", "all", "--task", "one: do", "--task", "two: do", "--agent"]
    options = "-j 1 --allow-overlap --yes --sandbox bubblewrap".split()
    wtman(*words, f"command:sh {agent}", *options, cwd=repo, env=env, check_status=-9)
    (folder,) = (repo.parent / "repo.worktrees").glob("all-*")
    (nameless,) = folder.iterdir()
    assert nameless.name == ".taken-one"
    (nameless / "shared.txt").write_text("between\n")
    wtman("resume", folder.name, "--yes", cwd=repo)
    kept = kit.run_git(repo, "for-each-ref", "--format=%(objectname)", "refs/wtman/saved").split()
    assert any(kit.run_git(repo, "show", f"{item}:shared.txt") == "between" for item in kept)
    assert found(repo, folder.name, "two") == found(repo, folder.name, "one")


def test_a_nameless_folder_whose_name_is_in_use_again_is_moved_aside(tmp_path: Path) -> None:
    kit.write_files(tmp_path / "run", {".taken-one/work.txt": "work\n", "one/other.txt": "o\n"})
    put_back(RunId("run"), str(tmp_path))
    (aside,) = (tmp_path / ".trash").iterdir()
    assert (aside / "work.txt").read_text() == "work\n"
    assert os.listdir(tmp_path / "run") == ["one"]
