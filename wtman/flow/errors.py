"""What can go wrong in a flow, as a script sees it.

`FlowError` is the base. A `ScriptError` is a mistake in the script itself: a fan-out never keeps
it as an outcome, it ends the script with its line. `Stopped` is no `Exception`, so that
`except Exception` cannot turn the end of a run into a result.
"""

from typing import Any


class FlowError(Exception):
    """Base of all errors of `wtman.flow`."""


class StepFailed(FlowError):
    """A session, command, review or train fell short.

    `reason` is one word (agent, check, timeout, scope, empty, ...), `task` the id of the task,
    empty where there is none, `more` what else is known.
    """

    def __init__(self, message: str, *, reason: str = "", **more: Any) -> None:
        super().__init__(message)
        self.reason = reason
        self.task = str(more.get("task") or "")
        self.more = more


class BadAnswer(FlowError):
    """An answer does not fit what `returns` asks for, not even after it was asked again."""


class GivenUp(FlowError):
    """The script itself gave up, by `raise flow.give_up(reason, work)`."""

    def __init__(self, message: str, work: Any = None) -> None:
        super().__init__(message)
        self.work = work


class Rejected(FlowError):
    """A person answered `no`."""


class OverBudget(FlowError):
    """The budget does not allow this step; it was not started."""


class ScriptError(FlowError):
    """A mistake in the script; the message says how to mend it."""


class OverLimit(ScriptError):
    """More items, steps or bytes than a flow may have."""


class DuplicateItem(ScriptError):
    """Two items of a fan-out have the same identity; `by=` gives them different ones."""


class Unhashable(ScriptError):
    """A value that decides a step's key has no JSON form."""


class NotReproducible(ScriptError):
    """The clock, chance or a timer was asked for; `instead` names the replacement."""

    def __init__(self, what: str, instead: str) -> None:
        super().__init__(f"{what} is not reproducible: {instead}")
        self.what = what
        self.instead = instead


class Ambiguous(ScriptError):
    """Two equal calls of one scope come from two asyncio tasks, so their order says nothing."""


class Stopped(BaseException):
    """The run ends here; nothing in a script can go on."""


class OutOfTime(BaseException):
    """The script computed too long between two calls."""
