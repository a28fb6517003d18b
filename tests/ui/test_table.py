"""What people see: foreign text is tamed, and the table says the whole of a run."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.journal.runs import A_RUN, NOW, finished, journal, played, started
from wtman.journal import events as e
from wtman.journal import record
from wtman.model.check import Verdict
from wtman.model.plan import Task
from wtman.model.session import Ended, Usage
from wtman.text.terminal import clean, columns, duration, fit, pad, size
from wtman.ui.table import table


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


def test_the_table_of_a_live_run() -> None:
    lines = table(
        played(whole()), 80, NOW, colour=False, live=True, doing={"billing": "edits a.py"}
    )
    assert lines == [
        "oauth-7f3a  running  add OAuth everywhere",
        "4 tasks: 1 pending, 1 running, 1 unchecked, 1 failed · 1 m 40 s · no sandbox",
        "",
        "! docs: exit status 2 (wtman logs oauth-7f3a/docs)",
        "",
        "  ○ core     unchecked   #1       41 s  3 files, +120 -4  no check",
        "  ● billing  running     #1   1 m 35 s  edits a.py",
        "  · portal   pending                    waits for billing",
        "  ✗ docs     failed      #2       10 s  exit status 2",
        "",
        "next: wtman status oauth-7f3a --watch",
    ]


def test_a_run_that_nobody_drives_says_so() -> None:
    lines = table(played(whole()), 80, NOW, colour=False, live=False)
    assert "! Run was interrupted" in lines
    assert lines[-1] == "next: wtman resume oauth-7f3a"


def test_no_line_is_wider_than_the_screen() -> None:
    for width in (40, 60, 80, 200):
        for line in table(played(whole()), width, NOW, colour=False, live=True):
            assert columns(line) <= width, line


def test_colours_change_nothing_but_colours() -> None:
    plain = table(played(whole()), 80, NOW, colour=False, live=True)
    coloured = table(played(whole()), 80, NOW, colour=True, live=True)
    assert coloured != plain
    assert [clean(line) for line in coloured] == plain


def test_a_low_screen_keeps_what_is_loud() -> None:
    lines = table(played(whole()), 80, NOW, colour=False, live=True, height=10)
    shown = "\n".join(lines)
    assert len(lines) <= 10
    assert "billing  running" in shown
    assert "more" in shown


def test_a_parked_run_leads_with_what_mends_it() -> None:
    lines = table(
        played((*whole(), e.Paused("quota used up", "wait until noon"))),
        80,
        NOW,
        colour=False,
        live=False,
    )
    assert lines[3] == "! paused: quota used up (wait until noon)"
    assert lines[-1] == "next: wtman resume oauth-7f3a"


def test_what_sessions_use_has_a_column_where_there_is_room() -> None:
    spent = Usage(12_000, 345, 0.41)
    events = journal(
        *A_RUN,
        *finished("core", 1, files=1, insertions=1, seconds=4, usage=spent),
        e.Checked("core", "c1", "base", Verdict.GREEN, ()),
        started("billing", 1),
    )
    live = {"billing": Usage(1_200_000, 0)}
    lines = table(played(events), 80, NOW, colour=False, live=True, used=live)
    shown = "\n".join(lines)
    assert re.search(r"core +unchecked +#1 +4.0 s  12.3k \$0.41  1 file", shown)
    assert re.search(r"billing +running +#1 .* s +1\.2M$", shown, re.MULTILINE), shown
    narrow = table(played(events), 40, NOW, colour=False, live=True, used=live)
    assert max(map(columns, narrow)) <= 40
    assert not any("12.3k" in line for line in narrow if "core" in line)


def test_hundreds_of_tasks_fold_and_a_bar_shows_the_whole() -> None:
    more = [e.TaskAdded(Task(f"t{at}", "x")) for at in range(400)]
    lines = table(played((*whole(), *more)), 80, NOW, colour=False, live=True, height=23)
    assert len(lines) <= 23
    assert re.fullmatch(r"─+ 1 of 404", lines[2]), lines[2]
    few = table(played(whole()), 80, NOW, colour=False, live=True, height=23)
    assert re.fullmatch(r"━+╍+─+ 1 of 4", few[2]), few[2]
    assert any(re.fullmatch(r"  … and 39\d more: .*pending.*", line) for line in lines)
    assert any("billing  running" in line for line in lines)


def test_a_polite_stop_is_said() -> None:
    lines = table(
        played((*whole(), e.Requested("stop"))), 80, NOW, colour=False, live=True, height=20
    )
    assert "! stopping: waits for 1 session to end, nothing is lost" in lines


def test_only_a_pressing_note_is_in_the_table() -> None:
    notes = (e.Noted("a stronger sandbox is missing", pressing=True), e.Noted("by the way"))
    lines = table(played((*A_RUN, *notes)), 100, NOW, False, live=True)
    assert "! a stronger sandbox is missing" in lines
    assert not any("by the way" in line for line in lines)
