"""Events of a run's beginning: who plays which role, and how its plan came about."""

from dataclasses import dataclass

from wtman.core.model import Role, Usage


@dataclass(frozen=True, slots=True)
class RolesCast:
    """The roles as they were when the run was ordered; those of the same names are replaced."""

    roles: tuple[Role, ...]


@dataclass(frozen=True, slots=True)
class PlanWanted:
    """The run begins with a planner. Its role is among those cast.

    `checks`: somebody can be asked, so the planner may propose checks. `aside`: only the plan
    is wanted (`wtman plan`), so that no command means this run unless it is named.
    """

    agent: str
    model: str = ""
    effort: str = ""
    checks: bool = False
    allow_overlap: bool = False
    aside: bool = False


@dataclass(frozen=True, slots=True)
class Planned:
    """The plan is made: the TaskAdded before this are its tasks. `reason` is the planner's own
    word on the cut; `proposed` are checks that it would have the user approve.
    """

    attempt: int
    agent: str
    reason: str = ""
    proposed: tuple[str, ...] = ()
    usage: Usage = Usage()
    session: str = ""
    seconds: float = 0.0
    sessions: int = 1


@dataclass(frozen=True, slots=True)
class PlanFailed:
    """The planner gave no plan. `parks`: for a reason that passes (quota, sign-in)."""

    attempt: int
    agent: str
    reason: str
    hint: str = ""
    problems: tuple[str, ...] = ()
    parks: bool = False
    usage: Usage = Usage()
    session: str = ""
    seconds: float = 0.0
    sessions: int = 1
