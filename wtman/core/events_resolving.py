"""What is journalled of a resolver: that it was asked, and that it did not do it."""

from dataclasses import dataclass

from wtman.core.model import Sha, TaskId


@dataclass(frozen=True, slots=True)
class Resolving:
    """A resolver is to bring a task that a merge left out together with what has landed.

    `onto` is the target now, `agent` who plays the role, `told` what it is told of both sides.
    """

    task: TaskId
    onto: Sha
    agent: str
    told: str


@dataclass(frozen=True, slots=True)
class Unresolved:
    """It did not: branch and worktree are as they were when it was asked, and left out."""

    task: TaskId
    start: Sha
    head: Sha
    reason: str = ""
