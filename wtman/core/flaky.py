"""Red once or red for good: what a second run of a check makes of the first.

A test counts as failing only if it failed both times; what failed once is named as
flaky. A pass is believed at once, for hardly a failure passes by chance; only reds
are run again (facts: Google's culprit finding, and "pending failure" merge queues).
"""

from dataclasses import replace

from wtman.core.model import CheckResult, Verdict


def confirmed(first: CheckResult, again: CheckResult) -> CheckResult:
    """The verdict on a tree of which `first` was red and `again` is the second look."""
    if again.verdict is not Verdict.RED:
        return replace(again, flaky=first.new_failures or (first.command,))
    one, two = set(first.new_failures), set(again.new_failures)
    both = tuple(name for name in first.new_failures if name in two)
    if not both:
        return first  # red twice, and nothing tells the one red from the other
    return replace(first, new_failures=both, flaky=tuple(sorted(one ^ two)))
