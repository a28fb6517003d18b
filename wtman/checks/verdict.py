"""Red once or red for good: what a second run of a check makes of the first.

A test counts as failing only if it failed both times; what failed once is named as
flaky. A pass is believed at once, for hardly a failure passes by chance; only reds
are run again (facts: Google's culprit finding, and "pending failure" merge queues).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from wtman.formats.junit import Status, TestRun
from wtman.model.check import CheckResult, Verdict
from wtman.model.command import ExitReason
from wtman.model.values import dataclass
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
    if base is not None and base.silent:
        # A program that is only called like a test runner: both are judged by their end.
        base, now = replace(base, tests=None), replace(now, tests=None)
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


# --- what one branch fixed ---------------------------------------------------------------------

_WHOLE = ""  # stands for the check itself among the names of its tests


@dataclass(frozen=True, slots=True)
class Alone:
    """The same check on the base with one branch of a train, and what that branch is called."""

    name: str
    label: str
    ran: CommandResult


def open_failures(now: CommandResult, base: CommandResult | None) -> frozenset[str]:
    """What fails on the base and does not pass now, by test; "" is the check as a whole.

    Where the base cannot be compared with, that is only known of the whole.
    """
    if base is None:
        return frozenset()
    if base_problem(base):
        return frozenset() if _passes_alone(now) else frozenset({_WHOLE})
    return base.tests.failing - _passing(now) if base.tests is not None else frozenset()


def fixes(ran: CommandResult, failures: frozenset[str]) -> bool:
    """Whether a run passes any of what `open_failures` named."""
    return bool(failures & _passing(ran)) or (_WHOLE in failures and not base_problem(ran))


def judge_fixes(
    result: CheckResult, now: CommandResult, base: CommandResult, alone: Sequence[Alone]
) -> CheckResult:
    """`result` of a train, red where it fails again what one of its branches alone has fixed.

    A failure of the base is allowed only as long as no branch takes it away. A test that a
    branch itself skips or removes is told, as ever, and not held against the train.
    """
    can_tell = [one for one in alone if not base_problem(one.ran)]
    wanted = open_failures(now, base)
    undone: set[str] = set()
    for one in can_tell:
        passing = _passing(one.ran)
        # On a base that ran no test, every test that a branch passes is one that it fixed.
        undone |= (passing if _WHOLE in wanted else passing & wanted) - _passing(now)
    tests = now.tests.tests if now.tests is not None and not now.tests.problem else {}
    for name in sorted(undone - {_WHOLE}):
        if not _runs(name, tests) and any(not _ran(name, one.ran) for one in can_tell):
            undone.discard(name)
    if not undone:
        return result
    who = [one for one in can_tell if undone & _passing(one.ran)]
    names = _names(undone - {_WHOLE})
    label = " or ".join(one.label for one in who[:3])
    verb = "fails" if len(names) == 1 else "fail"
    verb_alone = "passes" if len(names) == 1 else "pass"
    reason = f"passes with {label} alone, and fails again"
    if names:
        reason = f"{_count(len(names), 'test')} that {verb_alone} with {label} alone {verb} again"
    return replace(
        result,
        verdict=Verdict.RED,
        reason=reason,
        new_failures=names,
        fixed_by=tuple(one.name for one in who),
    )


def _passing(ran: CommandResult) -> frozenset[str]:
    """The tests that passed, and the check itself where it did."""
    found = frozenset({_WHOLE}) if _passes_alone(ran) else frozenset[str]()
    if ran.tests is None or ran.tests.problem:
        return found
    passed = (name for name, status in ran.tests.tests.items() if status is Status.PASSED)
    return found.union(passed)


def _ran(name: str, ran: CommandResult) -> bool:
    return ran.tests is not None and _runs(name, ran.tests.tests)


def _runs(name: str, tests: Mapping[str, Status]) -> bool:
    return tests.get(name, Status.SKIPPED) is not Status.SKIPPED


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
    if ran.silent:
        return BaseJudged(
            _with(command, ran, Verdict.GREEN),
            warning=f"check `{command}` writes no test results: its exit status counts",
        )
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
    if ran.silent:
        return ""
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
