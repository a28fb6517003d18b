"""The reproducer matrix: which verdict follows from which cells."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtman.formats.junit import Status, TestRun
from wtman.model.finding import Cell
from wtman.model.ids import TaskId
from wtman.review.matrix import TIMES, again, judge, result_of, trespass

A, B = TaskId("a"), TaskId("b")
LETTER = {"p": "passed", "f": "failed", "b": "broken", "-": "unrun"}


def cells(base: str, a: str, b: str = "", joint: str = "", runs: int = TIMES) -> list[Cell]:
    """One letter a tree; upper case failed in some of its runs only."""
    found = []
    for tree, mark in (("base", base), ("a", a), ("b", b), ("a+b", joint)):
        if mark:
            result = LETTER[mark.lower()]
            failures = 0 if result in ("passed", "unrun") else runs
            found.append(Cell(tree, result, runs, 1 if mark.isupper() else failures, "why"))
    return found


@pytest.mark.parametrize(
    ("marks", "kind", "culprits"),
    [
        (("p", "f"), "regression", (A,)),
        (("p", "b"), "regression", (A,)),
        (("p", "f", "p", "f"), "regression", (A,)),
        (("p", "f", "f", "f"), "regression", (A, B)),
        (("p", "p", "p", "f"), "interaction", (A, B)),
        (("p", "p", "p", "b"), "interaction", (A, B)),
        (("p", "p", "p", "p"), "not reproduced", ()),
        (("p", "p"), "not reproduced", ()),
        (("f", "p"), "base", ()),
        (("f", "f"), "invalid", ()),
        (("f", "f", "f", "f"), "invalid", ()),
        (("b", "b"), "invalid", ()),
        (("b", "f"), "unproven", ()),
        (("b", "b", "b", "f"), "unproven", ()),
        (("p", "-"), "invalid", ()),
        (("-", "f"), "unproven", ()),
        (("p", "F"), "flaky", ()),
        (("p", "-", "p", "-"), "not reproduced", ()),
    ],
)
def test_the_verdict_follows_from_the_cells(
    marks: tuple[str, ...], kind: str, culprits: tuple[TaskId, ...]
) -> None:
    shown = judge(cells(*marks), (A, B) if len(marks) > 2 else (A,))
    assert (shown.kind, shown.culprits) == (kind, culprits), shown.reason


def test_what_would_confirm_is_run_again_and_nothing_else() -> None:
    assert again(cells("p", "f", runs=1)) == ("base", "a")
    assert again(cells("p", "f", runs=TIMES)) == ()
    assert again(cells("p", "p", runs=1)) == ()
    # What the base throws out was seen to fail there by more than chance.
    assert again(cells("f", "f", runs=1)) == ("base",)
    assert again(cells("f", "f", runs=2)) == ()
    assert again(cells("p", "p", "p", "f", runs=1)) == ("base", "a", "b", "a+b")


def test_broken_for_another_reason_than_the_base_is_for_refuters() -> None:
    """The base lacks two new modules; with both the test begins, and their names disagree."""
    missing = "ImportError: cannot import name 'reader' from 'config'"
    other = "NameError: name 'timeuot' is not defined"
    alike = [Cell("base", "broken", 1, 1, missing), Cell("a", "broken", 1, 1, missing)]
    assert judge(alike, (A,)).kind == "invalid"
    further = [alike[0], Cell("a", "broken", 1, 1, f"Traceback\n{other}")]
    assert judge(further, (A,)).kind == "unproven"


MARKS = st.sampled_from("pfb-")


@given(base=MARKS, a=MARKS, b=MARKS, joint=MARKS)
def test_nothing_is_confirmed_that_is_judged_bad_on_the_base_or_passes_everywhere(
    base: str, a: str, b: str, joint: str
) -> None:
    shown = judge(cells(base, a, b, joint), (A, B))
    if shown.confirmed:
        # A base that cannot even begin is no judge; then a branch that passes has to be.
        assert base == "p" or (base == "b" and "p" in (a, b) and joint in "fb")
        assert {"a": a, "b": b}[shown.culprits[0]] in "fb" or joint in "fb"


@pytest.mark.parametrize(
    ("touched", "word"),
    [
        ([("tests/test_new.py", "A", "100644", 0)], ""),
        ([("pkg/test_cart.py", "M", "100644", 0)], ""),
        ([("tests/test_old.py", "M", "100644", 1)], "changes what is there"),
        ([("tests/test_old.py", "D", "000000", 9)], "changes what is there"),
        ([("shop/cart.py", "A", "100644", 0)], "more than tests"),
        ([("tests/conftest.py", "A", "100644", 0)], "steers"),
        ([("tests/sitecustomize.py", "A", "100644", 0)], "steers"),
        ([("tests/link.py", "A", "120000", 0)], "no plain file"),
        ([("tests/data.bin", "A", "100644", -1)], "changes what is there"),
    ],
)
def test_a_patch_may_only_add_tests(touched: list[tuple[str, str, str, int]], word: str) -> None:
    found = trespass(touched)
    assert bool(found) is bool(word) and word in found


def test_a_test_that_cannot_begin_is_no_failure() -> None:
    failed = TestRun({"t": Status.FAILED})
    broken = TestRun({"t": Status.ERROR})
    assert result_of(True, 0, None, "") == "passed"
    assert result_of(False, 1, failed, "E   assert 1 == 2") == "failed"
    assert result_of(False, 2, broken, "ModuleNotFoundError: No module named 'x'") == "broken"
    assert result_of(False, 1, broken, "KeyError: 'timeout'") == "failed"
    assert result_of(False, None, None, "") == "broken"
    assert result_of(False, 127, None, "") == "broken"
    assert result_of(False, 1, failed, "ImportError: cannot import name 'x'") == "broken"
    assert result_of(False, 1, None, "AssertionError: ImportError expected") == "failed"


def test_what_only_one_branch_has_can_be_spoilt_by_another() -> None:
    """The base and `a` lack what `b` brings: the test is right on `b`, and fails with `a`."""
    cells = (
        Cell("base", "broken", 1, 1),
        Cell("a", "broken", 1, 1),
        Cell("b", "passed"),
        Cell("a+b", "failed", 1, 1),
    )
    shown = judge(cells, ("a", "b"))
    assert (shown.kind, shown.culprits) == ("interaction", ("a", "b"))
    assert set(again(cells)) == {"base", "a", "b", "a+b"}


def test_a_branch_can_spoil_what_it_was_built_on() -> None:
    cells = (Cell("base", "broken", 1, 1), Cell("a", "passed"), Cell("b", "failed", 1, 1))
    assert judge(cells, ("a", "b")).kind == "base"
    shown = judge(cells, ("a", "b"), {"b": {"a"}})
    assert (shown.kind, shown.culprits) == ("regression", ("b",))


def test_in_an_audit_there_is_nothing_to_compare_with() -> None:
    for result, kind in (("failed", "defect"), ("broken", "invalid"), ("passed", "not reproduced")):
        assert judge((Cell("head", result, 1, int(result != "passed")),), ("head",)).kind == kind
