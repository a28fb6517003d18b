"""What is asked for: a run that does not exist yet, in the words of whoever wants it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from wtman.model.plan import Plan
from wtman.model.states import RunKind


@dataclass(frozen=True, slots=True)
class StartRequest:
    """A request in words, a plan file, or tasks. `flags` are configuration keys.

    `kind` is `PLAN` where the plan alone is wanted: it is shown, and nothing is started.
    """

    request: str = ""
    plan: str = ""
    tasks: tuple[str, ...] = ()
    base: str = "HEAD"
    parts: int = 0  # of the static planner, 0: at most as many as run at once
    allow_overlap: bool = False
    flags: Mapping[str, Any] = field(default_factory=dict)
    kind: RunKind = RunKind.SPLIT
    may_ask: bool = False  # somebody is there to approve what a planner proposes
    edit: Callable[[Plan], Plan] | None = None  # lets the user change the plan first
    made: Plan | None = None  # by the static planner

    @property
    def unplanned(self) -> bool:
        """Whether a planner is to cut the request."""
        return bool(self.request) and not self.plan and not self.tasks and self.made is None
