"""Runs of checks to verdicts: plain values, no processes."""

import pytest

from wtman.checks.cache import pack, unpack
from wtman.checks.import_probe import ImportOrigin
from wtman.checks.runners import with_results
from wtman.checks.verdict import (
    Alone,
    base_problem,
    judge,
    judge_base,
    judge_fixes,
    open_failures,
    overall,
)
from wtman.formats.junit import Status, TestRun
from wtman.model.check import CheckResult, Verdict
from wtman.model.command import Exit, ExitReason
from wtman.provision.command_result import CommandResult, believable, excerpt, keepable
from wtman.provision.command_text import JUNIT, argv

GREEN, RED, UNCHECKED = Verdict.GREEN, Verdict.RED, Verdict.UNCHECKED
CODES = {"p": Status.PASSED, "f": Status.FAILED, "e": Status.ERROR, "s": Status.SKIPPED}


def ran(
    code: int | None = 0,
    tests: dict[str, str] | None = None,
    *,
    reason: ExitReason = ExitReason.EXITED,
    signal: int | None = None,
    problem: str = "",
    unfit: str = "",
    detail: str = "",
) -> CommandResult:
    run = None
    if tests is not None or problem:
        run = TestRun({name: CODES[mark] for name, mark in (tests or {}).items()}, problem)
    end = Exit(reason, code=code, signal=signal, detail=detail, started=10.0, ended=12.5)
    return CommandResult(end, run, unfit=unfit, limit=30.0)


def judged(
    now: CommandResult, base: CommandResult | None = None, allow_red: bool = False
) -> CheckResult:
    return judge("check", now, base, allow_red=allow_red)


# --- by exit status ---------------------------------------------------------------------------


def test_exit_status_alone():
    assert judged(ran(0)).verdict is GREEN
    result = judged(ran(2), ran(0))
    assert (result.verdict, result.reason, result.exit) == (RED, "exit status 2", 2)
    assert result.seconds == 2.5


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        (ran(None, reason=ExitReason.TIMEOUT, signal=9), "timed out after 30 s"),
        (ran(None, signal=11), "killed by SIGSEGV"),
        (ran(None, signal=99), "killed by signal 99"),
        (
            ran(None, reason=ExitReason.UNSTARTED, detail="no such file: pytst"),
            "could not be started: no such file: pytst",
        ),
        (ran(127), "exit status 127 (command not found)"),
        (ran(None, reason=ExitReason.LOST), "lost: its keeper died"),
        (ran(None, reason=ExitReason.OUTPUT), "stopped: it wrote more output than wtman keeps"),
        (ran(None, reason=ExitReason.UNSTARTED, unfit="setup failed: x"), "setup failed: x"),
    ],
)
def test_every_end_that_is_no_success_is_red_and_says_why(run: CommandResult, reason: str):
    result = judged(run, ran(0))
    assert (result.verdict, result.reason) == (RED, reason)
    assert base_problem(run) == reason


def test_red_where_it_started_from_shows_nothing():
    result = judged(ran(1), ran(1))
    assert result.verdict is UNCHECKED
    assert "failed where it started from" in result.reason


def test_a_tree_that_mends_its_start_is_green_unless_a_red_base_was_allowed():
    assert judged(ran(0), ran(1)).verdict is GREEN
    assert judged(ran(0), ran(1), allow_red=True).verdict is UNCHECKED
    assert judged(ran(0), ran(0), allow_red=True).verdict is GREEN
    assert judged(ran(1), ran(0), allow_red=True).verdict is RED


# --- by tests ---------------------------------------------------------------------------------


def test_only_new_failures_count():
    base = ran(1, {"a": "p", "b": "f", "c": "p"})
    same = judged(ran(1, {"a": "p", "b": "f", "c": "p"}), base)
    assert (same.verdict, same.known_failures, same.new_failures) == (GREEN, 1, ())
    worse = judged(ran(1, {"a": "f", "b": "f", "c": "e"}), base)
    assert (worse.verdict, worse.reason) == (RED, "2 new failing tests")
    assert worse.new_failures == ("a", "c")
    assert (worse.collected, worse.base_collected) == (3, 3)


def test_a_new_test_that_fails_is_a_new_failure():
    result = judged(ran(1, {"a": "p", "new": "f"}), ran(0, {"a": "p"}))
    assert (result.verdict, result.reason) == (RED, "1 new failing test")


def test_new_failures_are_red_even_where_the_command_hides_them():
    assert judged(ran(0, {"a": "f"}), ran(0, {"a": "p"})).verdict is RED


def test_deleted_skipped_and_fewer_tests_are_reported_not_red():
    base = ran(0, {"a": "p", "b": "p", "c": "s", "d": "p"})
    result = judged(ran(0, {"a": "s", "c": "s", "d": "p", "new": "s"}), base)
    assert result.verdict is GREEN
    assert result.newly_skipped == ("a",)
    assert result.gone == ("b",)
    assert (result.collected, result.base_collected) == (4, 4)


def test_no_tests_where_there_were_some_is_red():
    result = judged(ran(0, {}), ran(0, {"a": "p"}))
    assert (result.verdict, result.reason) == (
        RED,
        "no tests were collected, 1 where it started from",
    )


def test_no_tests_anywhere_is_unchecked():
    assert judged(ran(5, {}), ran(5, {})).verdict is UNCHECKED
    assert judged(ran(0, {}), ran(0, {})).verdict is UNCHECKED
    assert judged(ran(3, {}), ran(5, {})).verdict is RED
    assert judged(ran(0, {"a": "p"}), ran(5, {})).verdict is GREEN


def test_tests_pass_but_the_command_does_not():
    result = judged(ran(1, {"a": "p"}), ran(0, {"a": "p"}))
    assert (result.verdict, result.reason) == (RED, "no new failing test, but exit status 1")
    known = ran(1, {"a": "f", "b": "p"})
    assert judged(ran(3, {"a": "f", "b": "p"}), known).verdict is RED
    assert judged(ran(1, {"a": "p", "b": "p"}), known).verdict is RED
    assert judged(ran(None, {"a": "f", "b": "p"}, signal=11), known).verdict is RED


def test_a_runner_that_exits_with_the_number_of_failures():
    base = ran(3, {"a": "f", "b": "f", "c": "f", "d": "p"})
    assert judged(ran(2, {"a": "f", "b": "f", "c": "p", "d": "p"}), base).verdict is GREEN
    assert judged(ran(7, {"a": "f", "b": "f", "c": "p", "d": "p"}), base).verdict is RED


def test_without_results_a_check_that_promises_them_is_red():
    result = judged(ran(0, problem="the check wrote no result file"), ran(0, {"a": "p"}))
    assert (result.verdict, result.reason) == (RED, "the check wrote no result file")
    killed = judged(ran(None, signal=6, problem="no file"), ran(0, {"a": "p"}))
    assert killed.reason == "no file (killed by SIGABRT)"


def test_a_timeout_is_red_whatever_results_there_are():
    late = ran(None, {"a": "p"}, reason=ExitReason.TIMEOUT)
    assert judged(late, ran(0, {"a": "p"})).reason == "timed out after 30 s"


def test_with_nothing_to_compare_with_every_failure_is_new():
    result = judged(ran(1, {"a": "f"}))
    assert (result.verdict, result.new_failures, result.base_collected) == (RED, ("a",), None)


def test_a_start_that_shows_nothing():
    broken = ran(0, problem="the check wrote no result file")
    assert judged(ran(1, {"a": "f"}), broken).verdict is UNCHECKED
    assert judged(ran(0, {"a": "p"}), broken).verdict is GREEN
    assert judged(ran(0, {}), broken).verdict is UNCHECKED


# --- the base ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("run", "problem"),
    [
        (ran(0), ""),
        (ran(1), "exit status 1"),
        (ran(0, {"a": "p"}), ""),
        (ran(1, {"a": "f", "b": "p"}), ""),
        (ran(0, {"a": "f"}), ""),
        (ran(1, {"a": "p"}), "its tests pass, but exit status 1"),
        (ran(2, {"a": "e"}), "not one of 1 test could run, exit status 2"),
        (ran(5, {}), ""),
        (ran(4, {}), "no test was collected, exit status 4"),
        (ran(0, problem="no file"), "no file"),
    ],
)
def test_what_makes_a_base_useless(run: CommandResult, problem: str):
    assert base_problem(run) == problem
    one = judge_base("check", run)
    assert (one.problem, one.result.verdict) == (problem, RED if problem else GREEN)
    if problem:
        allowed = judge_base("check", run, allow_red=True)
        assert (allowed.problem, allowed.result.verdict) == ("", UNCHECKED)
        assert "fails on the base" in allowed.warning


def test_known_failures_are_said_with_their_number():
    one = judge_base("check", ran(1, {"a": "f", "b": "p", "c": "e"}))
    assert one.result.known_failures == 2
    assert "2 failing tests on the base" in one.warning


def test_overall():
    def results(*verdicts: Verdict) -> tuple[CheckResult, ...]:
        return tuple(CheckResult("c", verdict) for verdict in verdicts)

    assert overall(()) is UNCHECKED
    assert overall(results(GREEN, GREEN)) is GREEN
    assert overall(results(GREEN, UNCHECKED)) is UNCHECKED
    assert overall(results(UNCHECKED, RED)) is RED


# --- what is kept -----------------------------------------------------------------------------


def test_what_is_kept_and_what_is_believed():
    assert keepable(ran(0))
    assert keepable(ran(1))
    assert not keepable(ran(None, signal=9))
    assert not keepable(ran(None, reason=ExitReason.LOST))
    assert not keepable(ran(None, reason=ExitReason.UNSTARTED))
    assert not keepable(ran(0, unfit="setup failed"))
    late = ran(None, reason=ExitReason.TIMEOUT)
    assert keepable(late)
    assert believable(ran(0), 30, mine=False)
    assert not believable(ran(1), 30, mine=False)
    assert believable(ran(1), 30, mine=True)
    assert believable(late, 30, mine=True)
    assert not believable(late, 31, mine=True)


def test_kept_and_read_again():
    run = ran(1, {f"tests.t{n}::case": "pfes"[n % 4] for n in range(20)})
    body = pack(run, ImportOrigin("inside"))
    again, sight = unpack(body)
    assert again.cached
    assert (again.tests, again.exit, sight) == (run.tests, run.exit, ImportOrigin("inside"))
    assert unpack(pack(ran(0), None))[1] is None
    big = ran(0, {f"tests.package.module{n % 90}::test_number_{n}": "p" for n in range(20_000)})
    assert len(pack(big, None)["tests"]) < 150_000


# --- words and output -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "asked"),
    [
        ("pytest -q", "pytest --junitxml={junit} -q"),
        ("command:pytest", "command:pytest --junitxml={junit}"),
        ("python3 -W error -m pytest tests", "python3 -W error -m pytest --junitxml={junit} tests"),
        (".venv/bin/python -m pytest", ".venv/bin/python -m pytest --junitxml={junit}"),
        ("PYTHONPATH=src uv run pytest -x", "PYTHONPATH=src uv run pytest --junitxml={junit} -x"),
        ("gotestsum ./...", "gotestsum --junitfile={junit} ./..."),
        ("pytest --junitxml=out.xml", None),
        ("pytest -q && mypy", None),
        ("pytest -k 'a or b'", None),
        ("python -m unittest", "python {wtman-unittest} {junit}"),
        ("python test.py pytest", None),
        ("./pytest.sh", None),
        ("mytool --report={junit}", None),
        ("", None),
    ],
)
def test_known_runners_are_asked_for_results(command: str, asked: str | None):
    assert with_results(command) == (command if asked is None else asked)


def test_command_texts():
    assert argv("a b && c", {JUNIT: "/x y/j"}) == ("/bin/sh", "-c", "a b && c")
    assert argv("a {junit}", {JUNIT: "/x y/j"}) == ("/bin/sh", "-c", "a '/x y/j'")
    assert argv("command:a 'b c' --x={junit} $HOME", {JUNIT: "/x y/j"}) == (
        "a", "b c", "--x=/x y/j", "$HOME"
    )  # fmt: skip
    with pytest.raises(ValueError, match="quotation"):
        argv("command:a 'b", {})


def test_an_excerpt_is_bounded_and_fit_for_a_terminal():
    evil = b"\x1b]0;title\x07\x1b[31mred\x1b[0m\x9b31m \r\n\x00end \xff\x1b[2J\x1bc"
    text = excerpt(evil, b"")
    assert "title" not in text
    assert not any(ord(char) < 32 and char != "\n" for char in text)
    assert not any(0x7F <= ord(char) < 0xA0 for char in text)
    assert text.startswith("red")
    long = excerpt(b"out line\n" * 9000, b"err line\n" * 9000)
    assert len(long) < 3 * 1024 + 20
    assert long.count("err line") > 100
    assert long.count("out line") > 100
    assert len(excerpt(b"x" * 99_999, b"short")) < 3 * 1024 + 20
    assert excerpt(b"", b"why\n") == "why"
    assert ran(0).problem == ""


# --- what one branch fixed ---------------------------------------------------------------------

BROKEN = ran(2, problem="the check wrote no result file")


def train(
    now: CommandResult, base: CommandResult, *alone: CommandResult, allow_red: bool = False
) -> CheckResult:
    """The verdict on a train whose branches are called a, b, c."""
    named = [Alone(name, name, run) for name, run in zip("abc", alone, strict=False)]
    return judge_fixes(judged(now, base, allow_red), now, base, named)


RED_BASE = ran(1, {"t": "f", "u": "p"})


@pytest.mark.parametrize(
    ("now", "alone", "verdict", "names"),
    [
        (RED_BASE, [RED_BASE, ran(0, {"t": "p", "u": "p"})], RED, ("t",)),
        (RED_BASE, [RED_BASE, RED_BASE], GREEN, ()),
        (ran(0, {"t": "p", "u": "p"}), [RED_BASE, RED_BASE], GREEN, ()),
        # Skipped or gone only together; where a branch itself does that, it is told as ever.
        (ran(0, {"t": "s", "u": "p"}), [RED_BASE, ran(0, {"t": "p", "u": "p"})], RED, ("t",)),
        (ran(0, {"u": "p"}), [RED_BASE, ran(0, {"t": "p", "u": "p"})], RED, ("t",)),
        (ran(0, {"u": "p"}), [ran(0, {"u": "p"}), ran(0, {"t": "p", "u": "p"})], GREEN, ()),
        (
            ran(0, {"t": "s", "u": "p"}),
            [ran(0, {"t": "s", "u": "p"}), ran(0, {"t": "p", "u": "p"})],
            GREEN,
            (),
        ),
        # A branch whose own run says nothing cannot have fixed or removed anything.
        (RED_BASE, [BROKEN, BROKEN], GREEN, ()),
        (ran(0, {"u": "p"}), [BROKEN, ran(0, {"t": "p", "u": "p"})], RED, ("t",)),
    ],
)
def test_what_one_branch_fixed_must_pass_on_the_train(
    now: CommandResult, alone: list[CommandResult], verdict: Verdict, names: tuple[str, ...]
) -> None:
    result = train(now, RED_BASE, *alone)
    assert (result.verdict, result.new_failures) == (verdict, names)
    assert result.fixed_by == (("b",) if names else ())


def test_a_base_that_cannot_be_compared_with_is_held_against_as_a_whole() -> None:
    good, bad = ran(0), ran(1)
    result = train(bad, bad, bad, good, allow_red=True)
    assert (result.verdict, result.reason) == (RED, "passes with b alone, and fails again")
    assert train(bad, bad, bad, bad, allow_red=True).verdict is UNCHECKED
    assert train(good, bad, bad, good, allow_red=True).verdict is UNCHECKED
    # b makes the tests run at all; what fails then, with it alone, may fail on the train.
    some = ran(1, {"t": "f", "u": "p"})
    assert train(some, BROKEN, BROKEN, some, allow_red=True).verdict is UNCHECKED
    less = train(ran(1, {"t": "f", "u": "f"}), BROKEN, BROKEN, some, allow_red=True)
    assert (less.verdict, less.new_failures) == (RED, ("u",))
    assert less.reason == "1 test that passes with b alone fails again"
    assert train(BROKEN, BROKEN, BROKEN, some, allow_red=True).new_failures == ("u",)


def test_only_a_failure_of_the_base_that_does_not_pass_is_looked_at() -> None:
    assert open_failures(RED_BASE, None) == frozenset()
    assert open_failures(RED_BASE, ran(0, {"t": "p", "u": "p"})) == frozenset()
    assert open_failures(ran(0, {"t": "p"}), RED_BASE) == frozenset()
    assert open_failures(RED_BASE, RED_BASE) == {"t"}
    assert open_failures(ran(0, {"u": "p"}), RED_BASE) == {"t"}
    assert open_failures(ran(1), ran(1)) == {""}
    assert open_failures(ran(0), ran(1)) == frozenset()
