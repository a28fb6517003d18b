"""Names of objects, branches, tasks and runs, as types of their own.

They are those of SPEC section 1. A value that is journalled is built only from
the types that `codec` knows: str, int, float, bool, None, tuples, string-keyed
dicts, string enums and other dataclasses of this kind.
"""

from typing import NewType

Sha = NewType("Sha", str)  # 40 (or 64) hex digits naming a git object
TaskId = NewType("TaskId", str)  # [a-z0-9-], at most 40 characters
RunId = NewType("RunId", str)  # slug of the request and a short random tail
Branch = NewType("Branch", str)  # short branch name, without refs/heads/
FAR_FUTURE = float("inf")
Pair = tuple[TaskId, TaskId]  # in the order of the plan
# Phases, fan-outs, items, scopes and rounds that something of a flow stands in, outermost first,
# each with its kind.
ScopePath = tuple[tuple[str, str], ...]
