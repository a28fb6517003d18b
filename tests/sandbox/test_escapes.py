"""Hostile agents beside honest ones, in every sandbox that works here, through the real program.

Under bubblewrap nothing outside a session's own branch may change; under the weaker tiers
such a change may happen, is noticed, and lands nothing. In all of them the honest ones
are unharmed and nothing that was planted runs outside.
"""

import os
import socket
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests import kit
from wtman.sandbox.choice import trouble

# Each is a task; `$REPO` is the main checkout, `$TRICK` leaves a mark where it runs outside
# of all sessions: in one, it is but a program of that session.
HOSTILE = {
    "refs": """
        git update-ref refs/heads/main HEAD~0 || true
        echo 0000000000000000000000000000000000000000 > "$REPO/.git/refs/heads/evil" || true
        git -C "$REPO" branch evil2 || true
        git -C "$REPO" update-ref -d refs/heads/keep || true
    """,
    "hooks": """
        for hook in post-checkout pre-commit post-commit reference-transaction; do
          printf '#!/bin/sh\\n"%s"\\n' "$TRICK" > "$REPO/.git/hooks/$hook" || true
          chmod +x "$REPO/.git/hooks/$hook" || true
        done
        git config core.fsmonitor "$TRICK" || true
        git config -f "$REPO/.git/config" core.fsmonitor "$TRICK" || true
        printf '* filter=x diff=x merge=x\\n' > .gitattributes
        git config filter.x.clean "$TRICK" || true
    """,
    "stash": """
        git -C "$REPO" stash drop || true
        git stash drop || true
        rm -rf "$REPO/.git/logs" "$REPO/work.txt" || true
    """,
    "sibling": """
        rm -rf "$(dirname "$PWD")"/honest* || true
        for other in "$(dirname "$PWD")"/*; do echo evil > "$other/evil.txt" || true; done
    """,
    "secrets": """
        cat "$SECRET_HOME/.ssh/id_ed25519" > stolen.txt || true
        env | grep -a SECRET_TOKEN >> stolen.txt || true
        cat "$REPO/.env" >> stolen.txt || true
        cat /proc/1/environ >> stolen.txt || true
        test -s stolen.txt || echo nothing > stolen.txt
    """,
    "daemon": """
        (setsid sh -c 'trap "" TERM HUP INT; while :; do sleep 1; done' &) </dev/null
        echo started > daemon.txt
    """,
    "words": """
        printf '\\033]0;evil\\007\\033[2J\\033[31mred\\n'
        printf 'x' > "$(printf 'a\\033[31mb.txt')"
        printf 'y' > "$(printf 'new\\nline.txt')"
    """,
    "pointer": """
        rm -f .git; printf 'gitdir: %s/.git\\n' "$REPO" > .git || true
        mkdir -p nested && git -C nested init -q
        git -C nested config core.fsmonitor "$TRICK"
    """,
}
AGENT = """#!/bin/sh
echo work > "$WTMAN_TASK.txt"
case "$WTMAN_TASK" in
{cases}
esac
exit 0
"""


@pytest.fixture
def yard(tmp_path: Path, hermetic: Path) -> Path:
    """A repository with something to lose; secrets in the user's HOME."""
    repo = kit.create_repo(tmp_path / "repo", {"README.md": "# x\n", "work.txt": "one\n"})
    kit.run_git(repo, "branch", "keep")
    (repo / "work.txt").write_text("precious\n")
    kit.run_git(repo, "stash", "push", "-q")
    (repo / ".env").write_text("KEY=of-the-repository\n")
    (repo / ".git/info").mkdir(exist_ok=True)
    (repo / ".git/hooks").mkdir(exist_ok=True)
    (repo / ".git/info/exclude").write_text(".env\n")
    (hermetic / ".ssh").mkdir()
    (hermetic / ".ssh/id_ed25519").write_text("the-private-key\n")
    return repo


def split(
    wtman: kit.Program, repo: Path, home: Path, tier: str, tasks: list[str], *more: str
) -> kit.Result:
    cases = "\n".join(f"{name}*)\n{text}\n;;" for name, text in HOSTILE.items())
    head = f'REPO="{repo}"; TRICK="{repo.parent}/trick"; SECRET_HOME="{home}"\n'
    mark = f'#!/bin/sh\n[ -n "$WTMAN_SESSION" ] || touch "{repo.parent}/mark"\n'
    kit.write_files(repo.parent, {"trick": mark})
    script = repo.parent / "agent.sh"
    script.write_text(AGENT.format(cases=cases).replace("\n", "\n" + head, 1))
    words = [word for task in tasks for word in ("--task", f"{task}: do {task}")]
    return wtman(
        "split", "all of it", *words, "--agent", f"command:sh {script}", "--attempts", "1",
        "--check", "test -f README.md", "--sandbox", tier, "--json", "--yes", "--allow-overlap",
        *more, cwd=repo, env={"SECRET_TOKEN": "of-the-user"}, check_status=None, timeout=240,
    )  # fmt: skip


def facts(repo: Path) -> Mapping[str, str]:
    """All of the user's that must not change."""
    own = kit.run_git(repo, "for-each-ref", "refs/heads", "refs/tags", "refs/stash")
    lines = [line for line in own.splitlines() if "refs/heads/wtman/" not in line]
    hooks = sorted(path.name for path in (repo / ".git/hooks").glob("*"))
    return {
        "refs": "\n".join(lines),
        "stash": kit.run_git(repo, "stash", "list"),
        "config": (repo / ".git/config").read_text(),
        "hooks": " ".join(hooks),
        "files": " ".join(sorted(path.name for path in repo.iterdir())),
        "work": (repo / "work.txt").read_text() if (repo / "work.txt").exists() else "",
        "status": kit.run_git(repo, "status", "--porcelain"),
    }


def states(wtman: kit.Program, repo: Path) -> dict[str, str]:
    told = wtman("status", "--json", cwd=repo).json()
    return {task["id"]: task["state"] for task in told["tasks"]}


def need(tier: str) -> None:
    if problem := trouble(tier):
        pytest.skip(f"{tier} does not work here: {problem}")


def test_under_bubblewrap_nothing_outside_the_branch_changes(
    wtman: kit.Program, yard: Path, hermetic: Path
) -> None:
    need("bubblewrap")
    before = facts(yard)
    split(wtman, yard, hermetic, "bubblewrap", [*HOSTILE, "honest1", "honest2"])
    assert facts(yard) == before
    assert not (yard.parent / "mark").exists()
    told = states(wtman, yard)
    assert (told["honest1"], told["honest2"]) == ("verified", "verified")
    run = wtman("status", "--json", cwd=yard).json()["run"]
    assert run["sandbox"] == "bubblewrap"
    branch = f"wtman/{run['id']}/secrets"
    stolen = kit.run_git(yard, "show", f"{branch}:stolen.txt")
    for secret in ("the-private-key", "of-the-user", "of-the-repository"):
        assert secret not in stolen
    shown = wtman("status", cwd=yard).out
    assert "\033" not in shown
    assert "\a" not in shown
    kit.assert_no_leftover_processes(yard.parent)
    kit.run_git(yard, "fsck", "--strict")


@pytest.mark.slow
def test_a_check_cannot_fake_its_result_nor_reach_the_network(
    wtman: kit.Program, yard: Path, hermetic: Path
) -> None:
    """It runs what the branch brought: it may judge itself, and nothing else."""
    need("bubblewrap")
    outside = socket.create_server(("127.0.0.1", 0))  # something of the user's, a database say
    port = outside.getsockname()[1]
    test = (
        "import os, socket, unittest\n"
        "class T(unittest.TestCase):\n"
        "    def test_it(self):\n"
        "        own = socket.create_server(('127.0.0.1', 0))\n"
        "        socket.create_connection(own.getsockname()).close()\n"
        f"        self.assertFalse(os.path.exists({str(hermetic / '.ssh')!r}))\n"
        f"        self.assertFalse(os.path.exists({str(yard / '.env')!r}))\n"
        "        self.assertNotIn('SECRET_TOKEN', os.environ)\n"
        "        open(os.path.expanduser('~/left'), 'x').close()\n"
        "        with self.assertRaises(OSError):\n"
        f"            socket.create_connection(('127.0.0.1', {port}), 1)\n"
    )
    kit.commit_files(yard, {"test_it.py": test, "work.txt": "one\n"}, "a test")
    script = yard.parent / "agent.sh"
    exits = "import os\\nos._exit(0)\\n"
    script.write_text(
        "echo x > $WTMAN_TASK.txt\n"
        f'case $WTMAN_TASK in cheat) printf "{exits}" > test_it.py; esac\n'
    )
    wtman(
        "split", "both", "--task", "cheat: a", "--task", "fair: b", "--attempts", "1",
        "--agent", f"command:sh {script}", "--sandbox", "bubblewrap", "--allow-overlap", "--yes",
        "--check", "python3 -m unittest -q", cwd=yard, check_status=1,
        env={"SECRET_TOKEN": "of-the-user"},
    )  # fmt: skip
    outside.close()
    told = states(wtman, yard)
    assert told["fair"] == "verified"
    tasks = wtman("status", "--json", cwd=yard).json()["tasks"]
    (check,) = next(item["checks"] for item in tasks if item["id"] == "fair")
    assert (check["exit"], check["collected"]) == (0, 1), "a failure that the base has, too"
    assert told["cheat"] != "verified"


@pytest.mark.slow
@pytest.mark.parametrize("tier", ["bubblewrap", "landlock", "none"])
def test_sixteen_at_once_in_every_tier(
    wtman: kit.Program, yard: Path, hermetic: Path, tier: str
) -> None:
    need(tier)
    before = facts(yard)
    honest = [f"honest{number}" for number in range(8)]
    split(wtman, yard, hermetic, tier, [*HOSTILE, *honest], "-j", "16")
    told = states(wtman, yard)
    status = wtman("status", cwd=yard).out
    assert "\033" not in status
    assert not (yard.parent / "mark").exists(), "what a session planted ran outside"
    kit.assert_no_leftover_processes(yard.parent)
    if tier != "none":
        assert facts(yard) == before
        assert {told[name] for name in honest} == {"verified"}
    else:
        assert facts(yard) != before
        tasks = wtman("status", "--json", cwd=yard).json()["tasks"]
        for item in tasks:
            # Whoever lived when the repository was changed is a suspect. Who had just ended
            # may be without a worktree: there is nothing to keep a sibling out of it.
            words = ("quarantined: while it ran", "its worktree was removed")
            assert item["state"] == "verified" or item["reason"].startswith(words), item
        assert {told[name] for name in ("refs", "hooks", "stash")} == {"failed"}
        for name in honest[:3]:  # alone again, they are above suspicion
            wtman("retry", name, cwd=yard, check_status=None)
        assert [states(wtman, yard)[name] for name in honest[:3]] == ["verified"] * 3
    if tier != "none":
        run = wtman("status", "--json", cwd=yard).json()["run"]["id"]
        head = kit.run_git(yard, "for-each-ref", f"refs/heads/wtman/{run}/secrets")
        if head:
            stolen = kit.run_git(yard, "show", f"wtman/{run}/secrets:stolen.txt", ok=(0, 128))
            for secret in ("the-private-key", "of-the-user", "of-the-repository"):
                assert secret not in stolen
    assert os.path.isfile(yard / "work.txt") or tier == "none"


@pytest.mark.slow
def test_who_kills_the_coordinator_is_found_out_by_the_next_one(
    wtman: kit.Program, yard: Path
) -> None:
    """Nobody looked between its change and its end; an honest one that had ended is verified."""
    script = yard.parent / "agent.sh"
    script.write_text(
        'echo work > "$WTMAN_TASK.txt"; [ "$WTMAN_TASK" = evil ] || exit 0\n'
        f'[ -e "{yard.parent}/once" ] && exit 0; touch "{yard.parent}/once"\n'
        # Of the keeper the parent is the server of keepers, and that one's the coordinator.
        'server=$(cut -d" " -f4 "/proc/$PPID/stat")\n'
        'coordinator=$(cut -d" " -f4 "/proc/$server/stat")\n'
        f'git -C "{yard}" config core.fsmonitor "{yard.parent}/trick"; kill -9 "$coordinator"\n'
        "sleep 60\n"
    )
    words = ["--task", "fair: a", "--task", "evil: b", "--agent", f"command:sh {script}", "-j", "1"]
    words += ["--check", "test -f README.md", "--sandbox", "none", "--allow-overlap", "--yes"]
    done = wtman("split", "both", *words, cwd=yard, check_status=None)
    assert done.code == -9
    kit.assert_no_leftover_processes(yard.parent)
    wtman("resume", "--yes", cwd=yard, check_status=None)
    told = wtman("status", "--json", cwd=yard).json()["tasks"]
    assert [task["state"] for task in told] == ["verified", "failed"], told
    assert "configuration was changed, before or while wtman was killed" in told[1]["reason"]
    wtman("retry", "evil", cwd=yard)
    assert states(wtman, yard) == {"fair": "verified", "evil": "verified"}
