"""The reproducer matrix: which verdict follows from which cells."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtman.formats.junit import Status, TestRun
from wtman.model.finding import Cell
from wtman.model.ids import TaskId
from wtman.review.matrix import TIMES, again, judge, result_of, trespass, uncompared

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
        # The base passes.
        (("p", "f"), "regression", (A,)),
        (("p", "b"), "regression", (A,)),
        (("p", "f", "p", "f"), "regression", (A,)),
        (("p", "f", "p", "p"), "regression", (A,)),
        (("p", "f", "b", "f"), "regression", (A, B)),
        (("p", "p", "p", "f"), "interaction", (A, B)),
        (("p", "p", "p", "b"), "interaction", (A, B)),
        (("p", "-", "p", "f"), "interaction", (A, B)),
        (("p", "p", "p", "p"), "not reproduced", ()),
        (("p", "p"), "not reproduced", ()),
        # The base fails or cannot begin, and a branch brings what the test looks for.
        (("f", "f", "p", "f"), "interaction", (A, B)),
        (("f", "b", "p", "b"), "interaction", (A, B)),
        (("b", "b", "p", "f"), "interaction", (A, B)),
        (("-", "f", "p", "f"), "interaction", (A, B)),
        (("f", "p"), "base", ()),
        (("b", "p"), "base", ()),
        (("f", "f", "p", "p"), "base", ()),
        (("f", "f", "f", "p"), "base", ()),
        # It passes nowhere.
        (("f", "f"), "invalid", ()),
        (("f", "f", "f", "f"), "invalid", ()),
        (("b", "b"), "invalid", ()),
        (("b", "f"), "promise", ()),
        (("b", "b", "b", "f"), "promise", ()),
        # It was not run where it had to be.
        (("-", "-"), "unproven", ()),
        (("p", "-"), "unproven", ()),
        (("b", "-"), "invalid", ()),
        (("-", "f"), "unproven", ()),
        (("-", "p"), "not reproduced", ()),
        (("p", "p", "p", "-"), "unproven", ()),
        (("p", "-", "p", "-"), "unproven", ()),
        (("f", "f", "p", "-"), "unproven", ()),
        # It fails only sometimes.
        (("p", "F"), "flaky", ()),
        (("P", "f"), "flaky", ()),
        (("p", "P", "p", "f"), "flaky", ()),
        (("F", "f", "p", "f"), "flaky", ()),
        (("p", "p", "p", "F"), "flaky", ()),
        (("p", "f", "F", "f"), "regression", (A,)),
    ],
)
def test_the_verdict_follows_from_the_cells(
    marks: tuple[str, ...], kind: str, culprits: tuple[TaskId, ...]
) -> None:
    shown = judge(cells(*marks), (A, B) if len(marks) > 2 else (A,))
    assert (shown.kind, shown.culprits) == (kind, culprits), shown.reason


def test_what_was_asked_for_may_be_missing_everywhere() -> None:
    """Of a whole request a test that fails everywhere may be right: refuters are asked."""
    assert judge(cells("f", "f"), (A,), asked=True).kind == "promise"
    assert judge(cells("p", "f"), (A,), asked=True).kind == "regression"
    assert judge(cells("f", "p"), (A,), asked=True).kind == "base"


def test_a_run_that_was_lost_or_had_no_setup_refutes_nothing() -> None:
    lost = [Cell("base", "passed"), Cell("a", "unrun", 0, 0, "its run was lost", "abc")]
    assert judge(lost, (A,)).kind == "unproven"
    no_setup = [Cell("base", "unrun", 0, 0, "setup failed", "abc"), Cell("a", "broken", 1, 1)]
    assert judge(no_setup, (A,)).kind == "unproven"


def test_what_would_confirm_is_run_again_and_nothing_else() -> None:
    assert again(cells("p", "f", runs=1)) == ["base", "a"]
    assert again(cells("p", "f", runs=TIMES)) == []
    assert again(cells("p", "p", runs=1)) == []
    assert again(cells("p", "f", "p", "f", runs=1)) == ["base", "a"]
    # What the base throws out was seen to fail there by more than chance.
    assert again(cells("f", "f", runs=1)) == ["base"]
    assert again(cells("f", "f", runs=2)) == []
    assert again(cells("p", "p", "p", "f", runs=1)) == ["base", "a", "b", "a+b"]
    assert again(cells("f", "f", "p", "f", runs=1)) == ["base", "a", "b", "a+b"]


@pytest.mark.parametrize(
    ("on_base", "on_branch", "kind"),
    [
        ("ImportError: no name 'reader'", "ImportError: no name 'reader'", "invalid"),
        ("ImportError: no name 'reader'", "NameError: name 'timeuot'", "promise"),
        ("AssertionError: 'a' != 'a, b'", "AssertionError: 'a,b' != 'a, b'", "promise"),
        ("AssertionError", "AssertionError", "invalid"),
        ("expected 2 got 1 at 0x7f01", "expected 2 got 1 at 0x7f99", "invalid"),
        ("1 failed in 0.02s", "1 failed in 0.31s", "invalid"),
    ],
)
def test_what_fails_in_another_way_than_on_the_base_is_for_refuters(
    on_base: str, on_branch: str, kind: str
) -> None:
    both = [Cell("base", "broken", 1, 1, on_base), Cell("a", "broken", 1, 1, on_branch)]
    assert judge(both, (A,)).kind == kind


MARKS = st.sampled_from("pfb-")


@given(base=MARKS, a=MARKS, b=MARKS, joint=MARKS)
def test_what_fails_is_confirmed_where_it_passes_on_less_and_only_there(
    base: str, a: str, b: str, joint: str
) -> None:
    shown = judge(cells(base, a, b, joint), (A, B))
    if shown.confirmed:
        # It fails on what holds more than something on which it passes.
        alone = {"a": a, "b": b}
        if shown.kind == "regression":
            assert base == "p" and all(alone[name] in "fb" for name in shown.culprits)
        else:
            assert joint in "fb" and "p" in (base, a, b)
    if "p" in (base, a, b) and joint in "fb":
        assert shown.confirmed, "a true finding is thrown out"


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
    assert again(cells) == ["base", "a", "b", "a+b"]


def test_a_branch_can_spoil_what_it_was_built_on() -> None:
    for base in ("broken", "failed"):
        cells = (Cell("base", base, 1, 1), Cell("a", "passed"), Cell("b", "failed", 1, 1))
        assert judge(cells, ("a", "b")).kind == "base"
        shown = judge(cells, ("a", "b"), {"b": {"a"}})
        assert (shown.kind, shown.culprits) == ("regression", ("b",))
        assert again(cells, {"b": {"a"}}) == ["base", "a", "b"]


def test_who_only_inherits_a_defect_is_not_to_blame() -> None:
    cells = (Cell("base", "passed"), Cell("a", "failed", 1, 1), Cell("b", "failed", 1, 1))
    assert judge(cells, ("a", "b"), {"b": {"a"}}).culprits == ("a",)
    assert judge(cells, ("a", "b")).culprits == ("a", "b")


def audited(head: Cell, without: Cell | None = None) -> str:
    cells = (head, *([without] if without else []))
    return judge(cells, (TaskId("head"),)).kind


@pytest.mark.parametrize(
    ("error", "place", "result"),
    [
        ("TypeError: f() takes 1 argument", "./tests/test_a.py", "broken"),
        ("TypeError: f() takes 1 argument", "./shop/a.py", "failed"),
        ("AttributeError: 'Cart' object has no attribute 'put'", "tests/test_a.py", "broken"),
        ("AttributeError: 'Cart' object has no attribute 'put'", "<string>", "broken"),
        ("AssertionError: 2 != 3", "tests/test_a.py", "failed"),
        ("ValueError: no JSON", "tests/test_a.py", "failed"),
    ],
)
def test_a_mistake_of_the_test_is_no_failure_of_the_product(
    error: str, place: str, result: str
) -> None:
    said = f'Traceback (most recent call last):\n  File "{place}", line 3, in f\n    f()\n{error}'
    assert result_of(False, 1, None, said, ("tests/test_a.py",)) == result


WRONG = "AssertionError: 2 != 3"
GONE = "ModuleNotFoundError: No module named 'shop.cart'"


@pytest.mark.parametrize(
    ("result", "said", "control", "control_said", "kind"),
    [
        ("failed", WRONG, "failed", GONE, "defect"),
        ("failed", WRONG, "broken", GONE, "defect"),
        ("failed", WRONG, "passed", "", "defect"),
        ("failed", "", "passed", "", "defect"),
        # It can be told apart from nothing.
        ("failed", WRONG, "failed", WRONG, "unproven"),
        ("failed", WRONG, "failed", f"{WRONG}\nAssertionError: 5 != 3", "unproven"),
        ("failed", "", "failed", GONE, "unproven"),
        ("failed", "SystemExit: 1", "failed", GONE, "unproven"),
        ("failed", WRONG, "unrun", "setup failed", "unproven"),
        ("broken", GONE, "broken", "", "unproven"),
        ("unrun", "", "passed", "", "unproven"),
        ("passed", "", "passed", "", "not reproduced"),
    ],
)
def test_an_audit_compares_with_the_tree_that_lacks_what_is_accused(
    result: str, said: str, control: str, control_said: str, kind: str
) -> None:
    head = Cell("head", result, TIMES, 0 if result in ("passed", "unrun") else TIMES, said)
    bad = control not in ("passed", "unrun")
    other = Cell("without cart.py", control, TIMES, TIMES * bad, control_said)
    assert audited(head, other) == kind


def test_an_audit_doubts_what_would_confirm() -> None:
    head = Cell("head", "failed", 1, 1, WRONG)
    assert again([head]) == ["head"]
    sure = replace(head, runs=TIMES, failures=TIMES)
    assert uncompared([sure]) == sure
    other = Cell("without cart.py", "passed")
    assert again([sure, other]) == ["without cart.py"] and uncompared([sure, other]) is None
    assert audited(sure, replace(other, runs=2, failures=1)) == "flaky"
    assert uncompared([Cell("head", "broken", 1, 1)]) is None
