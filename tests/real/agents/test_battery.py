"""Whole runs of wtman with each agent's own CLI, in the default sandbox.

Several cases share a run, as tasks that do not disturb one another. What is asked of each:
an edit that is verified, a fix that goes on with the conversation, refusals that pass and
those that do not, figures as they were billed, and nothing left.
"""

import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from tests import kit
from tests.apiagent.server import Turn
from tests.real.agents.cli import Cli
from tests.real.agents.conftest import SignedIn
from tests.real.ledger import Asked, Ledger, Part, cut, error, serving, words
from tests.real.runs import assert_clean, listing, plan_of, split, states, status, task

pytestmark = [pytest.mark.slow, pytest.mark.agents, pytest.mark.timeout(600)]
Answer = Callable[[Asked], Turn]
REVIEWER = "Review this branch"
WANTED = "QQ-WANTED-QQ"  # a session knows it from the check's words alone
# In no file: some agents are shown what their prompt names.
CHECK = (
    "test ! -e fix.txt || { w=QQ-WANTED; w=$w-QQ; grep $w fix.txt || "
    "{ echo FAILED: no $w; exit 1; }; }\n"
)


def part(name: str, answer: Answer) -> Part:
    return Part(f"QQ-{name}-QQ", answer)


def good(cli: Cli, name: str, fault: Callable[[Asked], Turn | None] = lambda asked: None) -> Part:
    """Writes NAME.txt and says so; `fault` may answer instead."""

    def answer(asked: Asked) -> Turn:
        well = words(asked, "done") if asked.turn else cli.writes(asked, f"{name}.txt", name)
        return fault(asked) or well

    return part(name, answer)


def once(nth: int, make: Answer) -> Callable[[Asked], Turn | None]:
    return lambda asked: make(asked) if asked.nth == nth else None


def busy(asked: Asked) -> Turn:
    return error(asked, 429, "rate_limit_error", "Too many requests", retry_after="1")


def breaks_off(asked: Asked) -> Turn:
    # No two pieces alike: a loop of words is stopped by some agents themselves.
    said = " ".join(f"Step {number} breaks off at {number * 7919}." for number in range(40))
    return cut(words(asked, said), end="short")


def fixes(cli: Cli) -> Part:
    """Writes what its check refuses, and what it takes when it is told so."""

    def answer(asked: Asked) -> Turn:
        told = WANTED in _spoken(asked)
        if not told:
            return words(asked, "done") if asked.turn else cli.writes(asked, "fix.txt", "wrong")
        if "fixed-now" not in _spoken(asked):
            return cli.writes(asked, "fix.txt", f"{WANTED}, fixed-now")
        return words(asked, "fixed")

    return part("fix", answer)


def _spoken(asked: Asked) -> str:
    return json.dumps([asked.body.get(name) for name in ("messages", "input", "contents")])


def assert_counted(told: dict[str, Any], name: str, ledger: Ledger, cli: Cli) -> None:
    """What is told to have been used is what was billed, to the token, and has its price."""
    usage = task(told, name)["usage"]
    counted = (usage["input_tokens"], usage["cached_tokens"], usage["output_tokens"])
    read, cached, wrote = ledger.took(f"QQ-{name}-QQ")
    assert counted == (read, cached if cli.caches else 0, wrote), name
    assert (usage["usd"] is not None and usage["usd"] > 0) == cli.priced, (name, usage)


def plan(tmp_path: Path, cli: Cli, names: tuple[str, ...], check: str = "true") -> Path:
    return plan_of(tmp_path, dict.fromkeys(names, cli.name), check)


def test_work_is_verified_fixed_counted_and_lands(
    wtman: kit.Program,
    repo: Path,
    hermetic: Path,
    tmp_path: Path,
    cli: Cli,
    signed_in: SignedIn,
) -> None:
    """What passes by itself passes: a refusal, a stream that is cut, a check that fails once."""
    names = ("fine", "busy", "cut", "fix", "idle")
    parts = [
        good(cli, "fine"),
        good(cli, "busy", once(0, busy)),
        good(cli, "cut", once(1 if cli.tools else 0, breaks_off)),
        fixes(cli),
        part("idle", lambda asked: words(asked, "I have done it all.")),
    ]
    kit.commit_files(repo, {"check.sh": CHECK})
    with serving(parts) as ledger:
        env = signed_in(ledger.address)
        before = listing(hermetic)
        code, told = split(
            wtman, repo, plan(tmp_path, cli, names, "sh check.sh"), env,
            "--model", cli.model, "--attempts", "2", "-j", "3", *cli.more,
        )  # fmt: skip
        assert code == 1, told["said"]
        wanted = {**dict.fromkeys(names, "verified"), "idle": "failed"}
        assert states(told) == wanted, told["said"]
        for name in ("fine", "busy", "fix"):  # an answer that broke off is told by nobody
            assert_counted(told, name, ledger, cli)
        assert "changed nothing" in task(told, "idle")["reason"]
        assert [task(told, name)["attempt"] for name in names[:4]] == [1, 1, 1, 2], told["said"]
        turns = [asked.turn for word, asked in ledger.requests if word == "QQ-fix-QQ"]
        assert (max(turns) > 2) == cli.resumes, "a fix goes on with the conversation"
        branch = task(told, "fine")["branch"]
        changed = kit.run_git(repo, "diff", "--name-only", f"main...{branch}").split()
        assert changed == ["fine.txt"], "nothing of the agent's own is part of its work"
        merged = wtman("merge", "--json", cwd=repo, env=env, timeout=120, check_status=1).json()
        assert sorted(merged["landed"]) == ["busy", "cut", "fine", "fix"]
    assert (repo / "fix.txt").read_text() == f"{WANTED}, fixed-now\n"
    assert listing(hermetic) == before, "nothing of the user's HOME is changed"
    assert_clean(repo)


def test_a_refused_key_pauses_the_run(
    wtman: kit.Program, repo: Path, tmp_path: Path, cli: Cli, signed_in: SignedIn
) -> None:
    """Of two tasks the second does not even start, and what to do is said."""
    parts = [
        part("dead", lambda asked: error(asked, 401, "authentication_error", "invalid x-api-key")),
        good(cli, "next"),
    ]
    with serving(parts) as ledger:
        env = signed_in(ledger.address)
        code, told = split(
            wtman, repo, plan(tmp_path, cli, ("dead", "next")), env,
            "--model", cli.model, "-j", "1", *cli.more,
        )  # fmt: skip
        assert code == 4, told["said"]
        assert told["run"]["state"] == "paused", told["said"]
        assert states(told) == {"dead": "paused", "next": "paused"}
        assert cli.refused in told["run"]["reason"], told["run"]
        assert cli.sign_in in told["said"] and "wtman resume" in told["said"], told["said"]
        assert ledger.asked["QQ-next-QQ"] == 0
    assert_clean(repo)


def test_a_provider_that_fails_for_good_is_told_and_a_stop_leaves_nobody(
    wtman: kit.Program, repo: Path, tmp_path: Path, cli: Cli, signed_in: SignedIn
) -> None:
    """One session is refused without end, another is in the middle of a command of its own."""
    hanging, over = threading.Event(), threading.Event()

    def hangs(asked: Asked) -> Turn:
        if not cli.tools:  # it waits for an answer
            hanging.set()
            over.wait(300)
        if asked.turn == 0:
            return cli.writes(asked, "slow.txt", "half")
        hanging.set()
        return cli.shell(asked, f"setsid sleep {nap} & sleep {nap}")

    # Of this test alone: others run beside it.
    nap = 400 + crc32(str(tmp_path).encode()) / 2**32
    parts = [
        part("down", lambda asked: error(asked, 500, "api_error", "Internal server error")),
        part("slow", hangs),
    ]
    path = plan(tmp_path, cli, ("down", "slow"))
    limit = f'id = "down"\ntimeout = {cli.patience}'
    path.write_text(path.read_text().replace('id = "down"', limit))
    with serving(parts) as ledger:
        env = signed_in(ledger.address)
        process = wtman.start(
            "split", "--plan", path, "--yes", "--reviewers", "0", "--model", cli.model,
            "-j", "2", *cli.more, cwd=repo, env=env,
        )  # fmt: skip
        try:
            assert hanging.wait(120), process.communicate(timeout=1)
            until = time.monotonic() + 180
            while not (told := _ended(repo, "down")):
                assert time.monotonic() < until, status(wtman, repo, env)
                time.sleep(0.5)
        finally:
            wtman("stop", cwd=repo, env=env, timeout=90)
            over.set()
            process.communicate(timeout=60)
    assert "Internal server error" in told[0]["reason"], told
    assert told[0]["limited"], told
    assert not [line for line in _processes() if f"sleep {nap}" in line]
    assert_clean(repo)


def _ended(repo: Path, name: str) -> list[dict[str, Any]]:
    """How the sessions of a task ended, as the journal has it."""
    with closing(sqlite3.connect(repo / ".git/wtman/state.db")) as store:
        rows = store.execute("select body from events where kind = 'SessionFinished'").fetchall()
    return [one for (row,) in rows if (one := json.loads(row))["task"] == name]


def _processes() -> list[str]:
    import psutil  # type: ignore[import-untyped]

    return [" ".join(one.info["cmdline"] or ()) for one in psutil.process_iter(["cmdline"])]


FINDING = {
    "title": "it says the wrong thing",
    "severity": "major",
    "branches": ["one"],
    "path": "one.txt",
    "why": "it should say two",
    "reproducer": {"command": "test ! -e one.txt"},
}


def test_a_reviewer_reads_and_its_objection_is_executed(
    wtman: kit.Program, repo: Path, tmp_path: Path, cli: Cli, signed_in: SignedIn
) -> None:
    """It tries to write first, by its tool and by a shell, and can do neither."""

    def reviews(asked: Asked) -> Turn:
        if asked.turn == 0 and cli.tools:
            return cli.writes(asked, "one.txt", "spoilt")
        if asked.turn == 1 and cli.tools:
            return cli.shell(asked, "echo spoilt > one.txt; echo spoilt > other.txt; true")
        return words(asked, f"Here:\n```json\n{json.dumps({'findings': [FINDING]})}\n```")

    with serving([Part(REVIEWER, reviews), good(cli, "one")]) as ledger:
        env = signed_in(ledger.address)
        code, told = split(
            wtman, repo, plan(tmp_path, cli, ("one",)), env, "--model", cli.model,
            "--reviewer", cli.name, "--rounds", "1", "--attempts", "1", *cli.more, reviewers=1,
        )  # fmt: skip
        assert ledger.asked[REVIEWER] > (2 if cli.tools else 0), told["said"]
        assert [one["verdict"] for one in told["findings"]] == ["confirmed"], told["said"]
        assert code == 1 and states(told) != {"one": "verified"}, told["said"]
        spent = [ledger.took(word) for word in (REVIEWER, "QQ-one-QQ")]
        usage = told["run"]["usage"]
        assert usage["input_tokens"] == sum(one[0] for one in spent)
        assert usage["output_tokens"] == sum(one[2] for one in spent)
        branch = task(told, "one")["branch"]
        assert kit.run_git(repo, "show", f"{branch}:one.txt") == "one"
        assert not [path for path in repo.parent.rglob("other.txt") if os.access(path, os.R_OK)]
    assert_clean(repo)
