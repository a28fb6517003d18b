"""A merge gives what it left out to a resolver, and goes on by itself with what that made."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests import kit

Git = Callable[..., str]

AUTHOR = """\
#!/bin/sh
set -eu
case "$WTMAN_TASK" in
  line*) echo "$WTMAN_TASK" > notes.txt ;;
  *) echo "$WTMAN_TASK" > "$WTMAN_TASK.txt" ;;
esac
"""
RESOLVER = """\
#!/bin/sh
set -eu
cat > "$1/prompt.$WTMAN_ATTEMPT"
cp notes.txt "$1/notes.$WTMAN_ATTEMPT"
. "$1/does"
"""
# Red together as long as nobody brings them together.
CHECK = "set -e; if [ -e left.txt -a -e right.txt ]; then test -e both.txt; fi; ! grep broken *.txt"


@pytest.fixture
def resolver(tmp_path: Path) -> Callable[[str], str]:
    """The spec of a resolver that keeps what it was told and does this, in sh."""

    def make(does: str) -> str:
        (tmp_path / "author.sh").write_text(AUTHOR)
        (tmp_path / "resolver.sh").write_text(RESOLVER)
        (tmp_path / "does").write_text(does + "\n")
        return f"command:sh {tmp_path}/resolver.sh {tmp_path}"

    return make


@pytest.fixture
def split(wtman: kit.Program, repo: Path, tmp_path: Path) -> Callable[..., str]:
    """A run of these tasks, one after the other; its id."""

    def build(*tasks: str, more: tuple[str, ...] = ()) -> str:
        kit.commit_files(repo, {"notes.txt": "first\n"}, "notes")
        words = [word for task in tasks for word in ("--task", f"{task}: do {task} well")]
        agent = ("--agent", f"command:sh {tmp_path}/author.sh", "--check", CHECK, "--jobs", "1")
        done = wtman(
            *("split", "one and all", *words, *agent, "--attempts", "1"),
            *("--allow-overlap", "--json", "--yes", *more),
            cwd=repo,
        )
        return str(done.jsonl()[0]["run"])

    return build


def _tasks(wtman: kit.Program, repo: Path, run: str) -> dict[str, dict[str, object]]:
    told = wtman("status", run, "--json", cwd=repo).json()
    return {task["id"]: task for task in told["tasks"]}


def test_a_conflict_is_resolved_checked_and_landed_by_the_same_merge(
    repo: Path,
    wtman: kit.Program,
    git: Git,
    tmp_path: Path,
    resolver: Callable[[str], str],
    split: Callable[..., str],
) -> None:
    agent = resolver('echo "line-a and line-b" > notes.txt')
    run = split("line-a", "line-b", more=("--role", f"resolver={agent}"))
    told = wtman("merge", "--json", cwd=repo).json()
    assert (told["landed"], told["excluded"]) == (["line-a", "line-b"], [])
    assert told["resolved"] == ["line-b"]
    assert told["after"] == git(repo, "rev-parse", "HEAD")
    assert (repo / "notes.txt").read_text() == "line-a and line-b\n"
    assert git(repo, "log", "--format=%s").splitlines()[:2] == ["do line-b well", "do line-a well"]
    assert git(repo, "status", "--porcelain") == ""
    # What landed was there, and the other side's change was told.
    assert (tmp_path / "notes.2").read_text() == "line-a\n"
    prompt = (tmp_path / "prompt.2").read_text()
    assert "conflict in notes.txt" in prompt
    for words in ("do line-a well", "do line-b well", "+line-a", "+line-b", CHECK):
        assert words in prompt
    states = {name: task["state"] for name, task in _tasks(wtman, repo, run).items()}
    assert states == {"line-a": "merged", "line-b": "merged"}
    report = wtman("report", run, cwd=repo).out
    assert "2 tasks landed" in report


@pytest.mark.slow
def test_an_interaction_is_resolved_on_both_sides_merged(
    repo: Path,
    wtman: kit.Program,
    tmp_path: Path,
    resolver: Callable[[str], str],
    split: Callable[..., str],
) -> None:
    agent = resolver("test -e left.txt; test -e right.txt; echo yes > both.txt")
    split("left", "right")
    told = wtman("merge", "--resolver", agent, "--json", cwd=repo).json()
    assert (sorted(told["landed"]), told["excluded"]) == (["left", "right"], [])
    assert len(told["resolved"]) == 1
    assert (repo / "both.txt").exists()
    prompt = (tmp_path / "prompt.2").read_text()
    assert "interaction" in prompt and "+left" in prompt and "+right" in prompt


@pytest.mark.parametrize(
    ("does", "reason"),
    [("exit 3", "exit"), ('echo "broken $WTMAN_ATTEMPT" > notes.txt', "check")],
    ids=["fails", "is-red"],
)
@pytest.mark.slow
def test_what_is_not_resolved_in_two_tries_stays_left_out_as_it_was(
    repo: Path,
    wtman: kit.Program,
    git: Git,
    tmp_path: Path,
    resolver: Callable[[str], str],
    split: Callable[..., str],
    does: str,
    reason: str,
) -> None:
    agent = resolver(does)
    run = split("line-a", "line-b", more=("--role", f"resolver={agent}"))
    before = _tasks(wtman, repo, run)["line-b"]["head"]
    told = wtman("merge", "--json", cwd=repo, check_status=1).json()
    assert (told["landed"], told["resolved"]) == (["line-a"], [])
    (left,) = told["excluded"]
    assert (left["task"], left["reason"], left["with"]) == ("line-b", "conflict", ["line-a"])
    assert reason in left["unresolved"]
    assert sorted(path.name for path in tmp_path.glob("prompt.*")) == ["prompt.2", "prompt.3"]
    assert "not accepted" in (tmp_path / "prompt.3").read_text()
    assert (repo / "notes.txt").read_text() == "line-a\n"
    # The branch is as it was, so that it still lands where the other one is not.
    task = _tasks(wtman, repo, run)["line-b"]
    assert (task["state"], task["head"]) == ("excluded", before)
    assert git(repo, "rev-parse", str(task["branch"])) == before
    assert (Path(str(task["worktree"])) / "notes.txt").read_text() == "line-b\n"
    # A better one is asked afresh, and lands it.
    (tmp_path / "does").write_text('echo "line-a and line-b" > notes.txt\n')
    later = wtman("merge", "--resolve", "--json", cwd=repo).json()
    assert (later["landed"], later["resolved"], later["excluded"]) == (["line-b"], ["line-b"], [])
    assert git(repo, "show", "main:notes.txt") == "line-a and line-b"


@pytest.mark.slow
def test_a_merge_that_lands_nothing_takes_no_resolver(
    repo: Path, wtman: kit.Program, resolver: Callable[[str], str], split: Callable[..., str]
) -> None:
    agent = resolver("exit 3")
    split("left", more=("--role", f"resolver={agent}"))
    refused = wtman("merge", "--resolve", "--dry-run", cwd=repo, check_status=2)
    assert "lands nothing" in refused.err
    wtman("merge", "--dry-run", cwd=repo)
