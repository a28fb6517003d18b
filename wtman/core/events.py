"""What happened: the journal's vocabulary.

Every event is a frozen value; the journal is a list of them, appended and never
changed. Events and their keys are only ever added: `decode` gives `Unknown` for
one that a newer version wrote, and replay passes over it.
"""

from dataclasses import dataclass
from typing import Any

from wtman.core.codec import from_plain, to_plain
from wtman.core.events_brakes import Cooled, LimitsChanged, Paced
from wtman.core.events_planning import PlanFailed, Planned, PlanWanted, RolesCast
from wtman.core.events_resolving import Resolving, Unresolved
from wtman.core.events_reviews import Coupled, Refuted, Reproduced, Reviewed
from wtman.core.model import (
    Branch,
    CheckResult,
    Ended,
    Identity,
    RunId,
    Settings,
    Sha,
    Task,
    TaskId,
    Usage,
    Verdict,
)

# --- the plan: any producer may emit these -----------------------------------------------


@dataclass(frozen=True, slots=True)
class RunCreated:
    run: RunId
    request: str
    base: Sha
    target: Branch  # empty when HEAD is detached: merge then needs --into
    settings: Settings
    identity: Identity
    context: str = ""
    given: tuple[str, ...] = ()  # commands that the user gave by hand, thus approved


@dataclass(frozen=True, slots=True)
class TaskAdded:
    task: Task


@dataclass(frozen=True, slots=True)
class TaskChanged:
    task: Task


@dataclass(frozen=True, slots=True)
class TaskDropped:
    task: TaskId
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ContextChanged:
    """An edited plan has another request, context or list of checks."""

    request: str
    context: str
    check: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BranchTaken:
    """The task's work exists already, on a branch that wtman did not make."""

    task: TaskId
    branch: Branch
    start: Sha
    head: Sha
    message: str = ""  # of the one commit that it becomes
    author: Identity | None = None  # who alone made its commits; None: several people


@dataclass(frozen=True, slots=True)
class Approved:
    """The user said yes to plan, forecast and commands."""


# --- the run -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Intended:
    """An action is about to be performed. Without an outcome it is the to-do list of a resume."""

    action: str
    key: str
    task: TaskId = TaskId("")
    attempt: int = 0
    lineage: str = ""
    content: str = ""  # content key of a session
    start: Sha = Sha("")  # the task's start, which its work is compared with
    at: Sha = Sha("")  # the commit that the worktree stands at when the session starts
    agent: str = ""
    max_usd: float = 0.0  # the session's own ceilings; 0 is none
    max_tokens: int = 0
    attach: bool = False  # the user plays it, at a terminal


@dataclass(frozen=True, slots=True)
class Abandoned:
    """An intended action was cancelled or failed to start; nothing came of it."""

    key: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class BaseChecked:
    """The checks on the base. `problem` set means: no session may start."""

    commit: Sha
    results: tuple[CheckResult, ...]
    problem: str = ""
    hint: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WorktreeMade:
    """`start` is the base, or the joined tips of what the task needs (`needs`)."""

    task: TaskId
    path: str
    branch: Branch
    start: Sha
    needs: dict[TaskId, Sha]


@dataclass(frozen=True, slots=True)
class StartFailed:
    """What the task needs cannot be joined into one starting point."""

    task: TaskId
    needs: dict[TaskId, Sha]
    reason: str


@dataclass(frozen=True, slots=True)
class SessionFinished:
    """An attempt is over and its work, if any, is committed: `head` is the branch's tip.

    `saved` is what the worktree held when the attempt did not count (ref below
    refs/wtman/attempts/). Figures compare `head` with the task's start.
    """

    task: TaskId
    attempt: int
    ended: Ended
    head: Sha
    reason: str = ""
    detail: str = ""
    saved: Sha = Sha("")
    commits: int = 0
    files: int = 0
    insertions: int = 0
    deletions: int = 0
    usage: Usage = Usage()
    session: str = ""
    seconds: float = 0.0
    fatal: str = ""
    notes: tuple[str, ...] = ()
    hint: str = ""  # the way on after `fatal`
    limited: bool = False  # its provider turned it away: tried again later
    quarantine: str = ""  # what changed in the repository while it ran: it does not begin again


@dataclass(frozen=True, slots=True)
class Followed:
    """What the task needs has moved, and the task with it. `conflicts` set: it could not,
    and starts again from `start` (its work so far stays in refs/wtman/attempts/)."""

    task: TaskId
    start: Sha
    head: Sha
    needs: dict[TaskId, Sha]
    conflicts: tuple[str, ...] = ()
    onto: Sha = Sha("")  # the target that `start` was brought to, if not the base


@dataclass(frozen=True, slots=True)
class Adopted:
    """The task is worded again as it once was: the work of that time is its tip again."""

    task: TaskId
    start: Sha
    head: Sha


@dataclass(frozen=True, slots=True)
class Checked:
    """A task's tip, judged. `evidence` is a bounded piece of output for the next prompt."""

    task: TaskId
    commit: Sha
    start: Sha
    verdict: Verdict
    results: tuple[CheckResult, ...] = ()
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Noted:
    """Something the user should know, on a task or on the run."""

    text: str
    task: TaskId = TaskId("")


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two tasks whose work, as it is now, does not merge; `task` is first in the plan."""

    task: TaskId
    other: TaskId
    paths: tuple[str, ...]
    looks: int = 1  # how many looks in a row have seen it
    again: bool = False  # seen in an earlier attempt of one of them too


@dataclass(frozen=True, slots=True)
class Overlapped:
    """All conflicts that are coming, as last seen: these pairs and no others."""

    pairs: tuple[Overlap, ...]


@dataclass(frozen=True, slots=True)
class Chained:
    """Two tasks keep colliding: `task` needs `need` from its next attempt on."""

    task: TaskId
    need: TaskId
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unchained:
    """Nothing can come of waiting for `need` any more; the two are never chained again."""

    task: TaskId
    need: TaskId
    reason: str = ""


# --- requests and ends --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Requested:
    """Another process asks; only the holder of the run's lock acts on it."""

    what: str  # stop | retry | attach
    task: TaskId = TaskId("")
    onto: Sha = Sha("")  # the target now, for a branch that a merge has left out


@dataclass(frozen=True, slots=True)
class Parked:
    reason: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Stopped:
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RunFailed:
    reason: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Resumed:
    """A coordinator took the run up again; whatever stopped it before is history."""

    reason: str = ""


# --- the train ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MergeAsked:
    """A merge begins on `before`, the target as it was then. Empty `members`: all that can."""

    target: Branch
    before: Sha
    members: tuple[TaskId, ...] = ()
    exclude: tuple[TaskId, ...] = ()
    strategy: str = "squash"
    check: tuple[str, ...] = ()
    unchecked: bool = False
    patch_only: bool = False
    dry_run: bool = False
    out: str = ""
    apart: dict[str, str] | None = None  # tasks that nothing can be merged of, and why
    resolves: TaskId = TaskId("")  # goes on with the merge before, which had left this one out


@dataclass(frozen=True, slots=True)
class Conflict:
    """A textual conflict that kept a branch off the train."""

    task: TaskId
    others: tuple[TaskId, ...]  # empty: the target itself
    paths: tuple[str, ...]
    clash: str = ""  # what meets there, where it is not two changes of one file


@dataclass(frozen=True, slots=True)
class Probed:
    """A set of branches assembled in order on `on`, and judged as one tree.

    `commit` is empty where a textual conflict made the set unassemblable: `conflict` is
    the one that was met, `conflicts` are all that could be told, and `sides` for each of
    these a commit that its branch conflicts with by plain git. `adapted`: where two
    insertions at one place were both kept ("task: path (union)"). `suspects`: of a red
    one, whose changes speak of what failed, the likeliest first.
    """

    on: Sha
    members: tuple[TaskId, ...]
    verdict: Verdict
    commit: Sha = Sha("")
    tree: Sha = Sha("")
    results: tuple[CheckResult, ...] = ()
    conflict: Conflict | None = None
    evidence: str = ""
    conflicts: tuple[Conflict, ...] = ()
    sides: tuple[Sha, ...] = ()
    adapted: tuple[str, ...] = ()
    suspects: tuple[TaskId, ...] = ()


@dataclass(frozen=True, slots=True)
class TargetMoved:
    """The target is no longer where the train was built: rebuild it on `now`."""

    now: Sha


@dataclass(frozen=True, slots=True)
class Excluded:
    """A branch that did not land, and why: conflict, red, interaction, unverified or proof."""

    task: TaskId
    reason: str
    others: tuple[TaskId, ...] = ()
    paths: tuple[str, ...] = ()
    evidence: str = ""
    reproduce: str = ""


@dataclass(frozen=True, slots=True)
class Disproved:
    """A train passed its checks, but its conservation proof failed: these must stay behind."""

    excluded: tuple[Excluded, ...]


@dataclass(frozen=True, slots=True)
class Landed:
    """The merge is over. `after` equals `before` where nothing landed or nothing was to land."""

    target: Branch
    before: Sha
    after: Sha
    commits: dict[str, Sha]  # task -> its commit on the target, in order
    excluded: tuple[Excluded, ...] = ()
    checks: int = 0
    flaky: tuple[str, ...] = ()
    adapted: tuple[str, ...] = ()
    needs: dict[str, tuple[TaskId, ...]] | None = None
    patches: str = ""
    proof: str = ""  # what the conservation proof showed, in a line; the whole is in the manifest
    moved: bool = True  # False: dry run, patches only, or nothing to land
    notes: tuple[str, ...] = ()  # what somebody should look at, though it landed
    resolved: tuple[TaskId, ...] = ()  # of `commits`: brought up to the target by a resolver


@dataclass(frozen=True, slots=True)
class MergeFailed:
    """The merge could not be carried out; the target is untouched."""

    reason: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A task's worktree and branch went to the trash (refs/wtman/trash/)."""

    task: TaskId
    head: Sha


@dataclass(frozen=True, slots=True)
class Unknown:
    """An event of a newer version, kept as it is."""

    kind: str
    body: dict[str, Any]


Event = (
    RunCreated
    | TaskAdded
    | TaskChanged
    | TaskDropped
    | ContextChanged
    | LimitsChanged
    | BranchTaken
    | Approved
    | Intended
    | Abandoned
    | BaseChecked
    | WorktreeMade
    | StartFailed
    | SessionFinished
    | Followed
    | Adopted
    | Checked
    | Noted
    | Overlapped
    | Chained
    | Unchained
    | Requested
    | Parked
    | Stopped
    | RunFailed
    | Resumed
    | MergeAsked
    | Probed
    | TargetMoved
    | Disproved
    | Landed
    | MergeFailed
    | Cleaned
    | Paced
    | Cooled
    | Coupled
    | Reviewed
    | Reproduced
    | Refuted
    | RolesCast
    | Resolving
    | Unresolved
    | PlanWanted
    | Planned
    | PlanFailed
    | Unknown
)

_KINDS: dict[str, type] = {kind.__name__: kind for kind in Event.__args__}


def encode(event: Event) -> tuple[str, dict[str, Any]]:
    """Kind and JSON-ready body of an event."""
    if isinstance(event, Unknown):
        return event.kind, event.body
    return type(event).__name__, to_plain(event)


def decode(kind: str, body: dict[str, Any]) -> Event:
    """The event that `encode` gave. Raises ValueError for a body that does not fit its kind."""
    known = _KINDS.get(kind)
    if known is None or known is Unknown:
        return Unknown(kind, body)
    try:
        return from_plain(known, body)  # type: ignore[no-any-return]
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"event {kind} does not read: {error}") from error


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event with its place in the journal and its time (seconds since the epoch)."""

    seq: int
    at: float
    event: Event
