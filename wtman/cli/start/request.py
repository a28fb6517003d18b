"""What the command line of `split` asks for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wtman.model.plan import Plan


@dataclass(frozen=True, slots=True)
class StartRequest:
    """What the command line of `split` says. `flags` are configuration keys."""

    request: str
    plan: str
    tasks: tuple[str, ...]
    base: str
    edit: bool
    allow_overlap: bool
    allow_failing_base: bool
    flags: Mapping[str, Any]
    may_ask: bool = False  # somebody is there to approve what a planner proposes
    aside: bool = False  # only the plan is wanted
    made: Plan | None = None  # by the static planner

    @property
    def unplanned(self) -> bool:
        """Whether a planner is to cut the request."""
        return bool(self.request) and not self.plan and not self.tasks and self.made is None
