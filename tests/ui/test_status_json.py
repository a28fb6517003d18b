"""`status --json` is the contract of SPEC section 8; the exit status and next command follow."""

import json

import pytest

from tests.journal.runs import A_RUN, finished, played, started
from wtman.coordinator.outcome import exit_status, next_command
from wtman.journal import events as e
from wtman.journal.record import Recorded
from wtman.journal.replay import replay
from wtman.journal.state import State
from wtman.model.check import CheckResult, Verdict
from wtman.model.session import Ended, Usage
from wtman.ui.merge_report import answer, lines
from wtman.ui.report import report
from wtman.ui.status_json import status

CHECK = CheckResult("pytest -q", Verdict.GREEN, seconds=1.5, collected=10, base_collected=12)
DONE = (
    *finished(
        "core",
        1,
        commits=1,
        files=3,
        insertions=120,
        deletions=4,
        seconds=41,
        usage=Usage(1000, 200, 0.25),
        session="s-1",
    ),
    e.Checked("core", "c1", "base", Verdict.GREEN, (CHECK,)),
)
ALL = (
    *A_RUN,
    *finished("core", 1),
    *finished("billing", 1),
    *finished("portal", 1),
    *finished("docs", 1),
)
HINT = e.BaseChecked("base", (), problem="`pytest` fails on the base", hint="--allow-failing-base")


def test_status_has_every_key_of_the_contract() -> None:
    told = status(played((*A_RUN, *DONE, started("billing", 1))), live=True)
    assert json.loads(json.dumps(told)) == told
    assert set(told) == {
        *("schema", "run", "tasks", "findings", "reviews", "planning", "repairs", "question")
    }
    assert told["run"] == {
        "id": "oauth-7f3a",
        "request": "add OAuth everywhere",
        "issue": None,
        "state": "running",
        "reason": "",
        "live": True,
        "base": "base",
        "target": "main",
        "created": "2026-01-02T03:04:05Z",
        "updated": "2026-01-02T03:04:10Z",
        "sandbox": "none",
        "agent": "command:build",
        "budget": {
            "sessions": 1000,
            "tokens": None,
            "usd": None,
            "charged": {"tokens": 1200, "usd": 0.25},
        },
        "rate_limit": None,
        "sessions": 2,
        "usage": {
            "input_tokens": 1000,
            "output_tokens": 200,
            "cached_tokens": 0,
            "usd": 0.25,
        },
        "next": "wtman status oauth-7f3a --watch",
        "first": "",
        "estimate": None,
        "notes": [],
    }
    assert [task["id"] for task in told["tasks"]] == ["core", "billing", "portal", "docs"]
    assert told["tasks"][0] == {
        "id": "core",
        "title": "The core",
        "state": "unchecked",
        "reason": "no check",
        "waiting_for": [],
        "branch": "wtman/oauth-7f3a/core",
        "worktree": "/srv/core",
        "base": "base",
        "head": "c1",
        "attempt": 1,
        "agent": "command:build",
        "session": "s-1",
        "needs": [],
        "lead": False,
        "part_of": None,
        "overlaps": [],
        "commits": 1,
        "files": 3,
        "insertions": 120,
        "deletions": 4,
        "checks": [
            {
                "command": "pytest -q",
                "in": "",
                "verdict": "green",
                "reason": "",
                "exit": None,
                "new_failures": [],
                "known_failures": 0,
                "collected": 10,
                "base_collected": 12,
                "newly_skipped": [],
                "gone": [],
                "seconds": 1.5,
                "cached": False,
                "log": "",
                "flaky": [],
                "fixed_by": [],
                "commit": "",
                "hint": "",
                "telling": "",
            }
        ],
        "findings": [],
        "usage": {
            "input_tokens": 1000,
            "output_tokens": 200,
            "cached_tokens": 0,
            "usd": 0.25,
        },
        "started": "2026-01-02T03:04:08Z",
        "ended": "2026-01-02T03:04:09Z",
        "merged": None,
        "ignored": [],
        "notes": [],
        "deviations": [],
        "messages": [],
        "queued": None,
    }


def test_a_task_that_has_not_begun_has_the_same_keys() -> None:
    core, billing, portal, _ = status(played((*A_RUN, *DONE, started("billing", 1))), True)["tasks"]
    assert set(core) == set(portal)
    assert portal["state"] == "pending"
    assert portal["waiting_for"] == ["billing"]
    assert (portal["started"], portal["ended"], portal["usage"]["usd"]) == (None, None, None)
    assert billing["started"] is not None
    assert billing["ended"] is None


@pytest.mark.parametrize(
    ("events", "status", "command"),
    [
        (A_RUN[:-1], 1, "wtman resume oauth-7f3a --yes"),
        (A_RUN, 1, "wtman resume oauth-7f3a"),
        ((*A_RUN, HINT), 3, "wtman resume oauth-7f3a"),
        ((*A_RUN, e.Paused("quota")), 4, "wtman resume oauth-7f3a"),
        ((*A_RUN, e.Stopped()), 130, "wtman resume oauth-7f3a"),
        ((*A_RUN, e.RunFailed("no disk")), 1, "wtman resume oauth-7f3a"),
        (ALL, 0, "wtman merge oauth-7f3a --unchecked"),
    ],
)
def test_how_a_run_ends(events: tuple[e.Event, ...], status: int, command: str) -> None:
    state = played(events)
    assert exit_status(state) == status
    assert next_command(state, live=False) == command


def merged(*excluded: e.Excluded) -> tuple[e.Event, ...]:
    commits = {"core": "1" * 40, "billing": "2" * 40}
    return (
        *ALL,
        e.MergeAsked("main", "b" * 40),
        e.Landed(
            "main",
            "b" * 40,
            "2" * 40,
            commits,
            excluded,
            checks=3,
            needs={"billing": ("core",)},
            patches="/patches",
        ),
    )


LEFT_OUT = (
    e.Excluded("portal", "conflict", ("core",), ("a.py",), reproduce="git merge-tree a b"),
    e.Excluded("docs", "failed", evidence="FAILED test_docs\nmore"),
)


def test_a_merge_that_left_branches_out_fell_short() -> None:
    state = played(merged(*LEFT_OUT))
    assert exit_status(state) == 1
    assert next_command(state, live=False) == "wtman retry oauth-7f3a/portal"
    assert state.merge is not None
    assert state.merge.landed is not None
    assert answer(state, state.merge.landed) == {
        "schema": 1,
        "run": "oauth-7f3a",
        "target": "main",
        "before": "b" * 40,
        "after": "2" * 40,
        "dry_run": False,
        "landed": ["core", "billing"],
        "commits": {"core": "1" * 40, "billing": "2" * 40},
        "units": {},
        "adapted": [],
        "excluded": [
            {
                "task": "portal",
                "unit": None,
                "reason": "conflict",
                "with": ["core"],
                "paths": ["a.py"],
                "evidence": "conflicts with core in a.py",
                "reproduce": "git merge-tree a b",
                "unresolved": "",
            },
            {
                "task": "docs",
                "unit": None,
                "reason": "failed",
                "with": [],
                "paths": [],
                "evidence": "FAILED test_docs\nmore",
                "reproduce": "",
                "unresolved": "",
            },
        ],
        "checks": 3,
        "flaky": [],
        "needs": {"billing": ["core"]},
        "present": [],
        "uncommitted": {},
        "resolved": [],
        "unreviewed": [],
        "notes": [],
        "patches": "/patches",
    }
    assert lines(state, state.merge.landed) == [
        "2 tasks landed on main: bbbbbbbbbb..2222222222 (3 check runs)",
        "  core     1111111111",
        "  billing  2222222222",
        "",
        "Not merged:",
        "  portal  conflicts with core in a.py",
        "    reproduce: git merge-tree a b",
        "  docs  FAILED test_docs",
        "    output: wtman logs --failed oauth-7f3a/docs",
        "",
        "billing works only with core",
        "patches: /patches",
    ]


def test_a_terminal_has_words_folded_and_commands_whole() -> None:
    why = "check `make test`: 2 new failing tests: tests.test_docs::test_one"
    command = "git worktree add --detach ../reproduce-1 1111111111 && cd ../reproduce-1 && make"
    state = played(merged(e.Excluded("docs", "failed", evidence=why, reproduce=command)))
    assert state.merge is not None
    assert state.merge.landed is not None
    shown = lines(state, state.merge.landed, 40)
    at = shown.index("Not merged:")
    assert shown[at + 1 : at + 3] == [
        "  docs  check `make test`: 2 new failing",
        "    tests: tests.test_docs::test_one",
    ]
    assert f"    reproduce: {command}" in shown


def test_time_in_which_nobody_drove_a_run_is_not_its_time() -> None:
    events = [*ALL, e.Resumed("merge"), e.MergeAsked("main", "b" * 40), e.Cleaned("core", "1" * 40)]
    state = State()
    at = 0.0
    for event in events:
        at += 3600.0 if isinstance(event, e.Resumed | e.Cleaned) else 2.0
        state = replay([Recorded(state.seq + 1, at, event)], state)
    assert state.updated - state.created > 7200
    assert state.lasted(state.updated) == 2.0 * (len(events) - 3)


def test_the_report_says_what_nobody_looked_at() -> None:
    text = report(played((*merged(*LEFT_OUT), e.Noted("<b>`x`\n# y", "core"))))
    assert "| core | **merged** | The core | 1 |" in text
    assert "## Not merged\n\n### portal: conflicts with core in a.py\n" in text
    assert "- note: &lt;b>`x` \\# y" in text
    assert "\n**merged 2 of 4**, run `oauth-7f3a`, " in text
    assert text.endswith(
        "## Not covered\n\n"
        "- no reviewer looked at these branches\n"
        "- no check judged any branch\n"
        "- sessions and checks ran without a sandbox, with the user's own rights\n"
    )


def test_the_report_counts_what_earlier_merges_landed() -> None:
    again = (
        e.MergeAsked("main", "2" * 40),
        e.Landed("main", "2" * 40, "3" * 40, {"portal": "3" * 40}, LEFT_OUT[1:]),
    )
    text = report(played((*merged(*LEFT_OUT), *again)))
    assert "### The last merge: 1 task landed on main: 2222222222..3333333333" in text
    assert "- 3 tasks landed, 1 of them in the last merge\n" in text
    assert "| core | `1111111111`, in an earlier merge |" in text
    assert "| portal | `3333333333` |" in text
    assert "last merge" not in report(played(merged(*LEFT_OUT)))


def test_fewer_tests_than_before_are_named() -> None:
    text = report(played((*A_RUN, *DONE)))
    assert "- check `pytest -q`: passed, 10 tests (12 before), **2 fewer**" in text


def test_a_failed_session_is_in_the_report() -> None:
    text = report(played((*A_RUN, *finished("docs", 1, Ended.FAILED, reason="exit status 1"))))
    assert "- attempt 1: exit status 1" in text
