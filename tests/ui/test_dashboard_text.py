"""What the dashboard decides without a screen: its lines, their order, what can be had."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.journal.runs import A_RUN, NOW, finished, journal, played, started
from wtman.journal import events as e
from wtman.journal.state import State
from wtman.model.ids import Branch, Sha, TaskId
from wtman.model.session import Ended, Usage
from wtman.tasks.lifecycle import standings
from wtman.text.terminal import clean, columns
from wtman.ui.dashboard import keys
from wtman.ui.dashboard.availability import merge_lines, merge_words, refused_of_run
from wtman.ui.dashboard.choice import ORDERS, items_of, told_of
from wtman.ui.dashboard.row_line import columns_for, header, pieces
from wtman.ui.dashboard.said import folded
from wtman.ui.patch import patch_lines
from wtman.ui.rows import Moment, row_of

BAD = finished("docs", 1, Ended.FAILED, reason="exit status 3", usage=Usage(10, 5, 0.5))


def state() -> State:
    """core runs, docs has failed and was the dearer, billing and portal wait."""
    return played(journal(*A_RUN, started("core", 1), *BAD, *finished("docs", 2, Ended.FAILED)))


def names(state: State, words: str = "", order: str = "plan") -> list[str]:
    return [item.task for item in items_of(state, standings(state), words, order, NOW)]


def test_tasks_are_filtered_by_all_that_is_seen_of_them() -> None:
    assert names(state()) == ["core", "billing", "portal", "docs"]
    assert names(state(), "BILL") == ["billing"]  # id, whatever the case
    assert names(state(), "the core") == ["core"]  # title
    assert names(state(), "pending") == ["billing", "portal"]  # state
    assert names(state(), "failed command:build") == ["docs"]  # each word, the agent too
    assert names(state(), "nothing such") == []
    found = items_of(state(), standings(state()), "pending", "plan", NOW)
    assert told_of(found, "pending", 4) == "2 of 4 tasks"


@pytest.mark.parametrize(
    ("order", "first"),
    [("plan", "core"), ("attention", "docs"), ("time", "core"), ("cost", "docs")],
)
def test_tasks_are_sorted(order: str, first: str) -> None:
    found = names(state(), order=order)
    assert found[0] == first
    assert sorted(found) == ["billing", "core", "docs", "portal"]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("paid", [True, False])
@pytest.mark.parametrize("width", [24, 30, 46, 54, 78, 118, 196])
def test_a_line_has_what_fits_and_what_it_is_sorted_by(width: int, paid: bool, order: str) -> None:
    now = state()
    items = items_of(now, standings(now), "", order, NOW)
    shape = columns_for(items, width, order, paid)
    at = Moment(NOW, True, {TaskId("core"): "pytest " * 30})
    if width > 40:
        assert "▾" in header(shape, order)
        assert columns(header(shape, order)) <= width
    for item in items:
        row = row_of(now, item.line, standings(now), at, {})
        text = "".join(text for text, _ in pieces(row, shape, width))
        assert columns(text) <= max(width, 2 + 4 + 1 + 9), text
        assert row.state in text


@given(st.text(), st.integers(12, 60))
def test_a_folded_line_loses_nothing_but_blanks(text: str, width: int) -> None:
    text = clean(text)
    rows = folded(text, width)
    assert all(columns(row) <= width for row in rows)
    if not re.search(r"(.)\1{9}", text):
        assert "".join("".join(rows).split()) == "".join(text.split())


def test_a_rule_gets_shorter_instead_of_being_folded() -> None:
    rule = "=" * 36 + " FAILURES " + "=" * 36
    assert folded(rule, 40) == ["=" * 15 + " FAILURES " + "=" * 15]
    assert folded("." + " " * 71 + "[100%]", 40) == ["." + " " * 33 + "[100%]"]


def test_the_lines_of_a_patch_are_told_apart() -> None:
    patch = b"diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n same\n--- was\n++++ is\n"
    sides = "".join(side for _, side in patch_lines(patch))
    assert sides == "hhh@ -+"  # a removed `-- was` is no head of a file


def test_what_cannot_be_had_has_its_reason() -> None:
    now = state()
    live = refused_of_run(now, standings(now), True)
    assert set(live) == {"resume", "merge", "answer"}
    still = refused_of_run(now, standings(now), False)
    assert set(still) == {"stop", "merge", "answer"}
    assert "once it is ready" in still["merge"]


def test_a_merge_says_first_what_lands_and_what_does_not() -> None:
    events = [*A_RUN]
    for task in ("core", "billing", "portal"):
        events += [*finished(task, 1), e.Checked(task, Sha("c1"), (), "")]
    now = played(journal(*events, *BAD, *finished("docs", 2, Ended.FAILED, reason="no luck")))
    known = standings(now)
    assert "merge" not in refused_of_run(now, known, False)
    lines = merge_lines(now, known)
    assert lines[0] == f"Merge 3 tasks into {Branch('main')}:"
    assert "  ✓ core  The core" in lines
    assert any(line.startswith("  ✗ docs  failed: no luck") for line in lines)
    # This run has no check: that is said before the yes, which is why the command may be told so.
    assert lines[-1] == "Judged by no check: core, billing, portal"
    assert merge_words(now, known) == ["merge", "oauth-7f3a", "--unchecked"]


def test_the_keys_fit_a_small_screen_and_none_is_there_twice() -> None:
    assert 2 * keys.widest() + 10 <= 80
    bound = [item.keys for group in keys.SHORTCUTS.values() for item in group if item.keys]
    assert len(bound) == len(set(bound))
    footer = [item for group in keys.SHORTCUTS.values() for item in group if item.short]
    assert sum(len(item.shown) + len(item.short) + 2 for item in footer) <= 80
