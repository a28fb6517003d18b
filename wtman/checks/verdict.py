"""Red once or red for good: what a second run of a check makes of the first.

A test counts as failing only if it failed both times; what failed once is named as
flaky. A pass is believed at once, for hardly a failure passes by chance; only reds
are run again (facts: Google's culprit finding, and "pending failure" merge queues).
"""

from dataclasses import dataclass, replace

from wtman.formats.junit import Status, TestRun
from wtman.model.check import CheckResult, Verdict
from wtman.model.command import ExitReason
from wtman.provision.command_result import CommandResult


def confirmed(first: CheckResult, again: CheckResult) -> CheckResult:
    """The verdict on a tree of which `first` was red and `again` is the second look."""
    if again.verdict is not Verdict.RED:
        return replace(again, flaky=first.new_failures or (first.command,))
    one, two = set(first.new_failures), set(again.new_failures)
    both = tuple(name for name in first.new_failures if name in two)
    if not both:
        return first  # red twice, and nothing tells the one red from the other
    return replace(first, new_failures=both, flaky=tuple(sorted(one ^ two)))


_NAMES_KEPT = 200  # journalled names of one kind; the numbers in `reason` are exact


def judge(
    command: str, now: CommandResult, base: CommandResult | None, *, allow_red: bool = False
) -> CheckResult:
    """One check on one tree against the same check on the tree that it is compared with.

    `base` is None where there is nothing to compare with, and may be for a check
    without test-level results that is green. Where the base is red as a whole
    nothing can be told apart: `unchecked`, unless the tree passes by itself and
    no red base was allowed (`allow_red` says that it was: never verified then).
    """
    if base is not None and (broken := base_problem(base)):
        if allow_red or not _passes_alone(now):
            reason = f"failed where it started from: {broken}"
            return _with(command, now, Verdict.UNCHECKED, reason)
        base = None
    if now.unfit or now.exit.reason is not ExitReason.EXITED or now.tests is None:
        return judge_exit(command, now)
    return judge_tests(command, now, base)


def _passes_alone(now: CommandResult) -> bool:
    if not now.passed:
        return False
    return now.tests is None or (
        not now.tests.problem and not now.tests.failing and bool(now.tests.tests)
    )


def judge_exit(command: str, now: CommandResult) -> CheckResult:
    """By the end of the program alone."""
    problem = now.problem
    return _with(command, now, Verdict.RED if problem else Verdict.GREEN, problem)


def judge_tests(command: str, now: CommandResult, base: CommandResult | None) -> CheckResult:
    """By its tests: only failures that the base does not have count."""
    tests = now.tests
    assert tests is not None
    known = (base.tests if base is not None else None) or TestRun()
    if tests.problem:
        end = now.problem
        reason = tests.problem + (f" ({end})" if end else "")
        return _with(command, now, Verdict.RED, reason)
    compared = _compared(command, now, tests, known if base is not None else None)
    new = compared.new_failures
    if new:
        count = len(tests.failing - known.failing)
        return replace(compared, verdict=Verdict.RED, reason=_count(count, "new failing test"))
    if not tests.tests and known.tests:
        reason = f"no tests were collected, {len(known.tests)} where it started from"
        return replace(compared, verdict=Verdict.RED, reason=reason)
    if not now.passed and not _same_end(now, tests, base, known):
        reason = f"no new failing test, but {now.problem}"
        return replace(compared, verdict=Verdict.RED, reason=reason)
    if not tests.tests:
        return replace(compared, verdict=Verdict.UNCHECKED, reason="there are no tests")
    return compared


def _same_end(
    now: CommandResult, tests: TestRun, base: CommandResult | None, known: TestRun
) -> bool:
    """Whether known failures explain the exit status."""
    if base is None or base.passed or now.exit.signal or base.exit.signal:
        return False
    if not tests.tests and not known.tests:
        return now.exit.code == base.exit.code
    if not tests.failing:
        return False
    # Some runners exit with the number of failures.
    counts = base.exit.code == len(known.failing) and now.exit.code == len(tests.failing)
    return now.exit.code == base.exit.code or counts


def _compared(
    command: str, now: CommandResult, tests: TestRun, known: TestRun | None
) -> CheckResult:
    """The figures of a test run beside those of its base, green so far."""
    before = known.tests if known is not None else {}
    failing = tests.failing
    old = known.failing if known is not None else frozenset[str]()
    was_skipped = known.skipped if known is not None else frozenset[str]()
    return replace(
        _with(command, now, Verdict.GREEN),
        new_failures=_names(failing - old),
        known_failures=len(failing & old),
        collected=len(tests.tests),
        base_collected=len(before) if known is not None else None,
        newly_skipped=_names((tests.skipped - was_skipped) & before.keys()),
        gone=_names(before.keys() - tests.tests.keys()),
    )


# --- the base ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BaseJudged:
    """A check on the base. `problem` set: nothing can be judged by this check."""

    result: CheckResult
    problem: str = ""
    warning: str = ""


def judge_base(command: str, ran: CommandResult, allow_red: bool = False) -> BaseJudged:
    """One check on the base itself; `allow_red` turns a problem into `unchecked`."""
    problem = base_problem(ran)
    if problem and allow_red:
        result = _with(command, ran, Verdict.UNCHECKED, f"fails on the base: {problem}")
        return BaseJudged(
            result,
            warning=f"check `{command}` fails on the base ({problem}): "
            "results will not be verified",
        )
    if problem:
        return BaseJudged(_with(command, ran, Verdict.RED, problem), problem=problem)
    if ran.tests is None:
        return BaseJudged(_with(command, ran, Verdict.GREEN))
    failing = ran.tests.failing
    result = replace(
        _with(command, ran, Verdict.GREEN),
        known_failures=len(failing),
        collected=len(ran.tests.tests),
    )
    if not ran.tests.tests:
        return BaseJudged(result, warning=f"check `{command}` collects no tests on the base")
    if failing:
        return BaseJudged(
            result,
            warning=f"check `{command}` has {_count(len(failing), 'failing test')} on the base: "
            "only new failures will count",
        )
    return BaseJudged(result)


def base_problem(ran: CommandResult) -> str:
    """Why a run cannot be compared with; empty where it can."""
    end = ran.problem
    tests = ran.tests
    if ran.unfit or ran.exit.reason is not ExitReason.EXITED or ran.exit.signal or tests is None:
        return end
    if tests.problem:
        return tests.problem + (f" ({end})" if end else "")
    if not tests.tests:
        # pytest exits 5 where there are no tests: a fresh repository, not a broken one.
        return "" if ran.exit.code in (0, 5) else f"no test was collected, {end}"
    if tests.failing and not any(
        status in (Status.PASSED, Status.FAILED) for status in tests.tests.values()
    ):
        return f"not one of {_count(len(tests.tests), 'test')} could run" + (
            f", {end}" if end else ""
        )
    if end and not tests.failing:
        return f"its tests pass, but {end}"
    return ""


# --- several checks ----------------------------------------------------------------------------


def overall(results: tuple[CheckResult, ...]) -> Verdict:
    """The verdict on a tree: red if anything is, green only if everything is."""
    verdicts = {result.verdict for result in results}
    if Verdict.RED in verdicts:
        return Verdict.RED
    if Verdict.UNCHECKED in verdicts or not results:
        return Verdict.UNCHECKED
    return Verdict.GREEN


def _with(command: str, ran: CommandResult, verdict: Verdict, reason: str = "") -> CheckResult:
    return CheckResult(
        command=command,
        verdict=verdict,
        reason=reason,
        exit=ran.exit.code,
        seconds=round(ran.seconds, 3),
        cached=ran.cached,
        log=ran.log,
    )


def _names(names: frozenset[str] | set[str]) -> tuple[str, ...]:
    return tuple(sorted(names)[:_NAMES_KEPT])


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
