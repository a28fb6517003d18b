"""Setup, sessions and checks see their checkout and HOME at one place; the user's git as ever."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests import kit
from wtman.coordinator.start.requirements import in_sandbox
from wtman.errors import UsageError
from wtman.git.discovery import discover
from wtman.model.settings import Settings
from wtman.sandbox.choice import trouble

SETUP = 'mkdir -p bin; printf "#!/bin/sh\\ncat $PWD/data\\n" > bin/tool; chmod +x bin/tool'
# Where each of the three is, and what it calls its HOME: $1 names it.
PLACES = 'echo "$1 $(pwd -P) $PWD $WTMAN_WORKTREE $(cd && pwd -P) $HOME"\n'
AGENT = """\
set -e
exec > ~/said-$WTMAN_ATTEMPT
sh places.sh session
git rev-parse --show-toplevel
git worktree list --porcelain | grep '^worktree' | tail -n1
test "$(sh bin/tool)" = "data"
git config --worktree my.own $WTMAN_ATTEMPT
git config --worktree my.own
git -c protocol.file.allow=always submodule update --init -q
git -C lib/sub rev-parse --show-toplevel
git -C lib/sub status --porcelain
cat lib/sub/s
git submodule status | cut -c1
git commit -q --allow-empty -m "attempt $WTMAN_ATTEMPT"
echo $WTMAN_ATTEMPT > attempt.txt
git status --porcelain
"""
CHECK = """\
sh places.sh check
bin/tool
test "$(cat attempt.txt 2>/dev/null)" != 1 || { echo "$PWD/attempt.txt: 1, in $HOME"; exit 1; }
"""


@pytest.fixture
def yard(tmp_path: Path) -> Path:
    if problem := trouble("bubblewrap"):
        pytest.skip(f"bubblewrap does not work here: {problem}")
    upstream = kit.create_repo(tmp_path / "upstream", {"s": "1\n"})
    repo = kit.create_repo(
        tmp_path / "shop",
        {"data": "data\n", "places.sh": PLACES, "check.sh": CHECK, ".gitignore": "bin\n"},
    )
    args = ("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(upstream), "lib/sub")
    kit.run_git(repo, *args)
    kit.run_git(repo, "commit", "-qm", "submodule")
    (repo / "wtman.toml").write_text(f"setup = ['''sh places.sh setup >> ~/said; {SETUP}''']\n")
    kit.run_git(repo, "add", "wtman.toml")
    kit.run_git(repo, "commit", "-qm", "setup")
    return repo


@pytest.mark.slow
@pytest.mark.parametrize("tier", ["bubblewrap", "landlock"])
def test_one_path_for_setup_session_and_check(
    wtman: kit.Program, yard: Path, tmp_path: Path, tier: str
) -> None:
    if problem := trouble(tier):
        pytest.skip(f"{tier} does not work here: {problem}")
    script = tmp_path / "agent.sh"
    script.write_text(AGENT)
    wtman("trust", "--yes", cwd=yard)
    agent = f"command:sh {script} {tmp_path}/upstream"
    wtman(
        "split", "it", "--task", "one: do it", "--agent", agent, "--attempts", "2", "--yes",
        "--check", "sh check.sh", "--sandbox", tier, cwd=yard,
    )  # fmt: skip
    told = wtman("status", "--json", cwd=yard).json()
    (task,) = told["tasks"]
    assert task["state"] == "verified"
    real = task["worktree"]
    evidence = yard / ".git/wtman/runs" / told["run"]["id"]
    home = evidence / "tasks/one/home"
    first, second = ((home / f"said-{number}").read_text() for number in (1, 2))
    place, own = ("/wtman/work/shop", "/wtman/home")
    if tier != "bubblewrap":
        place, own = real, str(home)
    expected = [
        f"session {place} {place} {place} {own} {own}",
        place,
        f"worktree {place}",
        "1",
        f"{place}/lib/sub",
        "1",
        "",  # its mark in `git submodule status`: it stands where it should
        "?? attempt.txt",
    ]
    assert first.splitlines() == [line or " " for line in expected]
    assert second.splitlines() == [
        *(line or " " for line in [*expected[:3], "2", *expected[4:7]]),
        " M attempt.txt",
    ]
    setup = (home / "said").read_text().splitlines()[0]
    assert setup == f"setup {place} {place} {place} {own} {own}"
    checks = sorted((evidence / "checks").glob("one-*"))
    said = [path.read_text() for folder in checks for path in folder.glob("stdout*")]
    if tier == "bubblewrap":
        # What setup made names itself, and is valid wherever it is seen.
        assert {text.splitlines()[0] for text in said} == {
            f"check {place} {place} {place} {own} {own}"
        }
        (home / "prompt").write_text((evidence / "tasks/one/2/prompt.md").read_text())
        assert "./attempt.txt: 1, in ~" in (home / "prompt").read_text()
        assert "/wtman/" not in (home / "prompt").read_text()
        assert "/wtman/" not in wtman("logs", "one", cwd=yard).out
    # Outside, git knows the worktree by its real place.
    assert kit.run_git(real, "rev-parse", "--show-toplevel") == real
    assert f"worktree {real}\n" in kit.run_git(yard, "worktree", "list", "--porcelain")
    assert kit.run_git(real, "status", "--porcelain", "--ignore-submodules=all") == ""


def test_a_repository_in_the_place_of_its_checkouts_is_refused(
    make_repo: Callable[..., Path],
) -> None:
    if problem := trouble("bubblewrap"):
        pytest.skip(f"bubblewrap does not work here: {problem}")
    repo = replace(discover(str(make_repo({"f": "1\n"}))), main="/wtman/work/shop")
    with pytest.raises(UsageError, match="where the sandbox bubblewrap shows checkouts"):
        in_sandbox(Settings(sandbox="bubblewrap"), repo)
    assert in_sandbox(Settings(sandbox="none"), repo)[0].sandbox == "none"
