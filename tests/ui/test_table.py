"""What people see: foreign text is tamed, and the table says the whole of a run."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.journal.runs import A_RUN, NOW, finished, journal, played, started
from wtman.journal import events as e
from wtman.journal import record
from wtman.journal.state import State, fingerprint_of
from wtman.model.actions import ActionKey, ActionKind
from wtman.model.check import CheckResult, Verdict
from wtman.model.ids import TaskId
from wtman.model.plan import Task
from wtman.model.session import Ended, Usage
from wtman.tasks.lifecycle import standings
from wtman.text.terminal import clean, columns, duration, fit, pad, roughly, size
from wtman.ui.report import report
from wtman.ui.rows import Moment
from wtman.ui.table import run_words, table


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain words", "plain words"),
        ("two\nlines\r\tand a tab", "two lines  and a tab"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x9b31mred", "red"),
        ("\x1b]0;a new title\x07after", "after"),
        ("\x1b]8;;somewhere\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPq#0\x1b\\sixel", "sixel"),
        ("\x1bcreset", "reset"),
        ("nul\x00bell\x07del\x7f", "nulbelldel"),
        ("evil\u202etxt.exe", "eviltxt.exe"),
        ("zero\u200bwidth\u2066\ufeff", "zerowidth"),
        ("tag\U000e0041\U000e0042", "tag"),
        ("lone \ud800 surrogate", "lone  surrogate"),
        ("private \ue000 use", "private  use"),
        ("line\u2028and\u2029paragraph", "line and paragraph"),
        ("no\u00a0break", "no break"),
        ("z" + "\u0301" * 50, "z" + "\u0301" * 3),
        ("häßlich 日本 🎉", "häßlich 日本 🎉"),
    ],
)
def test_foreign_text_is_tamed(text: str, shown: str) -> None:
    assert clean(text) == shown


@given(st.text(st.characters(exclude_categories=[])), st.integers(1, 40))
def test_cleaned_text_moves_nothing_and_keeps_its_width(text: str, width: int) -> None:
    shown = clean(text, width)
    assert columns(shown) <= width
    assert not [c for c in shown if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn")]
    assert "\u2028" not in shown and "\u2029" not in shown
    assert clean(shown) == shown


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("日本語", 5, "日本…"),
        ("日本語", 4, "日…"),
        ("ab", 1, "…"),
    ],
)
def test_text_is_cut_by_columns(text: str, width: int, shown: str) -> None:
    assert fit(text, width) == shown


def test_padding_counts_columns() -> None:
    assert pad("日", 4) == "日  "
    assert pad("abcdef", 4) == "abc…"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 s"),
        (0.31, "0.3 s"),
        (9.96, "9 s"),
        (59.9, "59 s"),
        (61, "1 m 01 s"),
        (7500, "2 h 05 m"),
    ],
)
def test_durations(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_size() -> None:
    assert size(1, 2, 3) == "1 file, +2 -3"
    assert size(1200, 0, 0) == "1,200 files, +0 -0"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "1 s"),
        (8, "8 s"),
        (12, "10 s"),
        (47, "50 s"),
        (55, "1 min"),
        (250, "4 min"),
        (3600, "1 h"),
        (4900, "1 h 20 min"),
    ],
)
def test_guesses_of_time(seconds: float, shown: str) -> None:
    assert roughly(seconds) == shown


CHECKED = "$ pytest -q\nE       assert -1 == 3\n"


def whole() -> tuple[record.Recorded, ...]:
    """A run with a task in each of the more telling states."""
    return journal(
        *A_RUN,
        *finished("core", 1, files=3, insertions=120, deletions=4, seconds=41),
        e.Checked("core", "c1", "base", Verdict.GREEN, ()),
        started("billing", 1),
        e.Noted("a hint", "billing"),
        *finished("docs", 1, Ended.FAILED, reason="exit status 1", seconds=5),
        *finished("docs", 2, Ended.FAILED, reason="exit \x1b[31mstatus\n2", seconds=5),
    )


def session_of(task: Task) -> Iterator[e.Event]:
    """A session that was good, of a task that no check judges."""
    begins = e.AttemptStart(
        1, fingerprint_of(task, "", "command:build", "", ""), "", "", "", "command:build"
    )
    yield e.WorktreeMade(task.id, f"/srv/{task.id}", f"wtman/x/{task.id}", "base", {})
    yield e.Intended("RunSession", ActionKey(ActionKind.SESSION, task.id), attempt=begins)
    yield e.SessionFinished(task.id, 1, Ended.OK, "c2", files=1)


def lines_of(
    state: State, width: int = 80, *, live: bool = True, height: int = 0, **more: Any
) -> list[str]:
    """The table without colours at the time of the journals here."""
    return table(state, width, Moment(NOW, live, **more), False, height=height)


def test_the_table_of_a_live_run() -> None:
    lines = lines_of(played(whole()), doing={"billing": "edits a.py"})
    assert lines == [
        "oauth-7f3a  running  add OAuth everywhere",
        "4 tasks: 1 pending, 1 running, 1 unchecked, 1 failed · 1 m 40 s · no sandbox",
        "",
        "    task     state      attempt       time  what",
        "  ○ core     unchecked       #1       41 s  3 files, +120 -4  no check",
        "  ● billing  running         #1   1 m 35 s  edits a.py",
        "  · portal   pending                        waits for billing",
        "  ✗ docs     failed          #2       10 s",
        "",
        "✗ docs: session failed: exit status 2",
        "    wtman logs --failed oauth-7f3a/docs",
        "",
        "next: wtman status oauth-7f3a --watch",
    ]


def test_a_run_that_nobody_drives_says_so() -> None:
    lines = lines_of(played(whole()), live=False)
    assert "! Run was interrupted" in lines
    assert lines[-1] == "next: wtman resume oauth-7f3a"


def test_no_line_is_wider_than_the_screen() -> None:
    for width in (40, 60, 80, 120, 200):
        for line in lines_of(played(whole()), width):
            assert columns(line) <= width, line


def test_header_and_rows_are_aligned_at_every_width() -> None:
    long = e.TaskAdded(Task("migrate-the-requests-client-to-httpx-one", "x"))
    other = e.TaskAdded(Task("migrate-the-requests-client-to-httpx-two", "x"))
    state = played((*whole(), long, other))
    for width in (60, 80, 120, 200):
        lines = lines_of(state, width, live=False)
        header = next(line for line in lines if line.startswith("    task"))
        rows = [line for line in lines if re.match(r"  [○●·✗] ", line)]
        assert len(rows) == 6
        at = header.index("state")
        assert {line[at:].split()[0] for line in rows} <= {
            "unchecked", "running", "pending", "failed",
        }  # fmt: skip
        # Two names that differ at their ends alone are told apart.
        assert any(line[:at].rstrip().endswith("one") for line in rows)
        assert any(line[:at].rstrip().endswith("two") for line in rows)
        assert header.split()[2] == ("attempt" if width >= 80 else "#")


def test_colours_change_nothing_but_colours() -> None:
    plain = lines_of(played(whole()))
    coloured = table(played(whole()), 80, Moment(NOW, True), True)
    assert coloured != plain
    assert [clean(line) for line in coloured] == plain


def test_a_low_screen_keeps_what_goes_on_and_cuts_the_failures() -> None:
    more: list[e.Event] = []
    for number in range(9):
        more.append(e.TaskAdded(Task(f"t{number}", "x")))
        more.append(e.StartFailed(f"t{number}", {}, "setup failed: `npm ci`: exit status 1\nE404"))
    lines = lines_of(played((*whole(), *more)), height=14)
    assert len(lines) <= 14
    assert any(line.split()[1:3] == ["billing", "running"] for line in lines)
    assert "✗ docs: session failed: exit status 2" in lines
    assert any(re.fullmatch(r"✗ … and \d more failed", line) for line in lines)


def test_a_parked_run_says_what_mends_it_above_the_next_command() -> None:
    lines = lines_of(played((*whole(), e.Paused("quota used up", "wait until noon"))), live=False)
    assert lines[-4] == "! paused: quota used up (wait until noon)"
    assert lines[-2:] == ["first: wait until noon", "next: wtman resume oauth-7f3a"]


def test_a_failure_is_told_once_with_its_telling_line_and_command() -> None:
    red = CheckResult("pytest -q", Verdict.RED, "1 new failing test", 1, ("test_a.py::test_add",))
    state = played(
        journal(
            *A_RUN,
            *finished("core", 1, files=1, insertions=1, seconds=4),
            e.Checked("core", "c1", "base", Verdict.RED, (red,), CHECKED),
            *finished("core", 2, files=1, insertions=2, seconds=4),
            e.Checked("core", "c1", "base", Verdict.RED, (red,), CHECKED),
            e.StartFailed("docs", {}, "setup failed: `npm ci`: exit status 1\nnpm error 404"),
        )
    )
    lines = lines_of(state, live=False)
    block = lines[lines.index("") + 1 :]
    assert block[-7:-3] == [
        "✗ core: check `pytest -q`: 1 new failing test: test_a.py::test_add",
        "    E       assert -1 == 3  (wtman logs --failed oauth-7f3a/core)",
        "✗ docs: setup failed: `npm ci`: exit status 1",
        "    npm error 404  (wtman logs --failed oauth-7f3a/docs)",
    ]
    told = "\n".join(lines)
    assert told.count("1 new failing test") == 1 and told.count("npm error 404") == 1
    # What only needs the one that failed is told in its row.
    assert re.search(r"billing +failed +needs core, which did not succeed", told)


def test_after_a_merge_the_true_reason_stays_and_not_all_is_well() -> None:
    excluded = (
        e.Excluded("docs", "unverified", evidence="task failed: exit status 2"),
        e.Excluded("billing", "conflict", ("core",), ("api.py",)),
    )
    state = played(
        journal(
            *whole(),
            e.MergeAsked("main", "b" * 40),
            e.Landed("main", "b" * 40, "c" * 40, {"core": "c" * 40}, excluded),
        )
    )
    lines = lines_of(state, live=False)
    assert "✗ docs: session failed: exit status 2" in lines
    assert "✗ billing: not merged: conflicts with core in api.py" in lines
    assert standings(state)["docs"].reason == "task failed: exit status 2"
    assert not any("unverified" in line for line in lines)


def test_a_run_with_excluded_tasks_does_not_look_all_good() -> None:
    merged = journal(
        *A_RUN[:2],
        *A_RUN[4:],
        *finished("core", 1, files=1, insertions=1, seconds=4),
        *finished("docs", 1, Ended.FAILED, reason="exit status 1"),
        *finished("docs", 2, Ended.FAILED, reason="exit status 1"),
    )
    state = played(merged)
    assert run_words(state, standings(state)) == ("ready 1 of 2", "warn")
    left = (e.Excluded("docs", "unverified", evidence="task failed"),)
    landed = e.Landed("main", "b" * 40, "c" * 40, {"core": "c" * 40}, left)
    state = played((*merged, e.MergeAsked("main", "b" * 40), landed))
    assert run_words(state, standings(state)) == ("merged 1 of 2", "warn")
    assert "\x1b[33mmerged 1 of 2\x1b[0m" in table(state, 80, Moment(NOW), True)[0]


def test_what_sessions_use_has_a_column_where_there_is_room() -> None:
    spent = Usage(12_000, 345, 0.41)
    events = journal(
        *A_RUN,
        *finished("core", 1, files=1, insertions=1, seconds=4, usage=spent),
        e.Checked("core", "c1", "base", Verdict.GREEN, ()),
        started("billing", 1),
    )
    live = {"billing": Usage(1_200_000, 0)}
    shown = "\n".join(lines_of(played(events), used=live))
    assert re.search(r"core +unchecked +#1 +4.0 s  12.3k \$0.41  1 file", shown)
    assert re.search(r"billing +running +#1 .* s +1\.2M$", shown, re.MULTILINE), shown
    narrow = lines_of(played(events), 40, used=live)
    assert max(map(columns, narrow)) <= 40
    assert not any("12.3k" in line for line in narrow if "core" in line)


def test_hundreds_of_tasks_fold_and_a_bar_shows_the_whole() -> None:
    more = [e.TaskAdded(Task(f"t{at}", "x")) for at in range(400)]
    lines = lines_of(played((*whole(), *more)), height=23)
    assert len(lines) <= 23
    assert re.fullmatch(r"─+ 1 of 404", lines[2]), lines[2]
    few = lines_of(played(whole()), height=23)
    assert re.fullmatch(r"━+╍+─+ 1 of 4", few[2]), few[2]
    assert any(re.match(r"  … and 39\d more: .*pending", line) for line in lines)
    assert any("billing  running" in line for line in lines)


def test_the_command_that_shows_all_tasks_is_never_cut() -> None:
    more = [e.TaskAdded(Task(f"t{number}", "x", unchecked=True)) for number in range(90)]
    state = played((*whole(), *more))
    lines = lines_of(state, live=False, height=24, width=46)
    assert any(line.endswith("… (all: wtman status --all-tasks)") for line in lines)


def test_many_that_are_done_are_one_line_on_a_screen_and_all_lines_without_one() -> None:
    more: list[e.Event] = []
    for number in range(52):
        task = Task(f"t{number}", "x", unchecked=True)
        more += [e.TaskAdded(task), *session_of(task)]
    state = played((*whole(), *more))
    lines = lines_of(state, live=False, height=24)
    assert len(lines) <= 24
    assert any("billing" in line for line in lines)
    assert any(
        re.match(r"  … and 5\d more: 5\d unchecked \(all: wtman status --all-tasks\)$", line)
        for line in lines
    )
    assert sum(line.startswith("  ○ t") for line in lines_of(state, live=False)) == 52


def test_a_polite_stop_is_said() -> None:
    lines = lines_of(played((*whole(), e.Requested("stop"))), height=20)
    assert "! stopping: waits for 1 session to end, nothing is lost" in lines


def test_only_a_pressing_note_is_in_the_table() -> None:
    notes = (e.Noted("a stronger sandbox is missing", pressing=True), e.Noted("by the way"))
    lines = lines_of(played((*A_RUN, *notes)), 100)
    assert "! a stronger sandbox is missing" in lines
    assert not any("by the way" in line for line in lines)


# --- the clock and the queue ----------------------------------------------------------------------


def intended(kind: ActionKind, subject: str = "") -> e.Intended:
    return e.Intended("x", ActionKey(kind, subject))


def test_the_clock_runs_while_the_base_is_checked_and_a_queue_waits_for_it() -> None:
    lines = lines_of(played((*A_RUN, intended(ActionKind.BASE))))
    assert lines[2].startswith("now: checking the base") and lines[2].endswith("(1 m 37 s)")
    assert any(re.match(r"  · core +queued +waits for the base check$", line) for line in lines)
    assert any(re.match(r"  · portal +pending +waits for billing$", line) for line in lines)


def test_table_and_report_say_the_same_time() -> None:
    state = played((*A_RUN, *finished("core", 1, files=1, seconds=4)))
    state.tasks[TaskId("core")] = replace(state.tasks[TaskId("core")], spent=100.0)
    assert any(re.match(r"  . core +\w+ +#1 +1 m 44 s", line) for line in lines_of(state))
    assert "| 1 m 44 s |" in report(state)


def test_setup_and_checks_have_a_clock_in_their_rows() -> None:
    setup = replace(A_RUN[0], settings=replace(A_RUN[0].settings, setup=("npm ci",), jobs=1))
    state = played((setup, *A_RUN[1:], intended(ActionKind.WORKTREE, "core")))
    now = {"doing": {"core": "setup: npm ci"}, "since": {"core": NOW - 8}}
    lines = lines_of(state, **now)
    assert any(re.match(r"  ● core +setup +1 m 37 s  npm ci \(8 s\)$", line) for line in lines)
    assert any(re.match(r"  · docs +queued +waits for a free session$", line) for line in lines)
    checking = replace(A_RUN[0], settings=replace(A_RUN[0].settings, check=("pytest -q",)))
    done = finished("core", 1, files=1, seconds=4)
    state = played((checking, *A_RUN[1:], *done, intended(ActionKind.CHECK, "core")))
    now = {"doing": {"core": "checking: pytest -q"}, "since": {"core": NOW - 12}}
    lines = lines_of(state, **now)
    row = r"  ◐ core +checking +#1 +1 m 39 s  pytest -q \(12 s\)$"
    assert any(re.match(row, line) for line in lines), lines
    # Words of its session, which is over, say nothing of the checks.
    lines = lines_of(state, doing={"core": "edits a.py"})
    assert any(re.match(r"  ◐ core .*\(1 m 3\d s\)$", line) for line in lines), lines


def test_a_clock_is_never_cut_and_no_word_of_a_program_escapes() -> None:
    checking = replace(A_RUN[0], settings=replace(A_RUN[0].settings, check=("x" * 90,)))
    done = finished("core", 1, files=1, seconds=4)
    state = played((checking, *A_RUN[1:], *done, intended(ActionKind.CHECK, "core")))
    said = {"core": "checking: " + "x" * 90}
    for width in (60, 80, 120):
        lines = lines_of(state, width, doing=said, since={"core": NOW - 12})
        assert any("checking" in line and line.endswith("… (12 s)") for line in lines), lines
    evil = e.Paused("\x1b[2Jgone", "")
    shown = "\n".join(lines_of(played((*A_RUN, evil)), live=False))
    assert "paused" in shown and "\x1b" not in shown
