"""Events of a merge: what was asked, each candidate judged, who was excluded, what landed."""

from collections.abc import Callable

from wtman.journal.events.event import Event
from wtman.model.check import CheckResult, Verdict
from wtman.model.ids import Branch, Sha, TaskId
from wtman.model.values import dataclass


@dataclass(frozen=True, slots=True)
class Resolving(Event):
    """A resolver is to bring a task that a merge excluded together with what has landed.

    `onto` is the target now, `agent` the resolver's, `told` what it is told of both sides.
    """

    task: TaskId
    onto: Sha
    agent: str
    told: str


@dataclass(frozen=True, slots=True)
class Unresolved(Event):
    """It did not: branch and worktree are as they were when it was asked, and excluded."""

    task: TaskId
    start: Sha
    head: Sha
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Uncommitted:
    """Work in the worktree of a branch that no commit holds: it is not merged."""

    branch: str
    worktree: str
    paths: tuple[str, ...]

    @property
    def text(self) -> str:
        more = f" and {len(self.paths) - 5} more" if len(self.paths) > 5 else ""
        names = ", ".join(self.paths[:5]) + more
        return f"{self.branch} has uncommitted work in {self.worktree}, not merged: {names}"


@dataclass(frozen=True, slots=True)
class MergeAsked(Event):
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
    uncommitted: tuple[Uncommitted, ...] = ()
    resolves: TaskId = TaskId("")  # goes on with the merge before, which had left this one out


@dataclass(frozen=True, slots=True)
class Conflict:
    """A textual conflict that kept a branch off the train."""

    task: TaskId
    others: tuple[TaskId, ...]  # empty: the target itself
    paths: tuple[str, ...]
    clash: str = ""  # what meets there, where it is not two changes of one file


@dataclass(frozen=True, slots=True)
class Adapted:
    """A file of a task that is merged otherwise than the task left it.

    `how`: `union` where two insertions at one place were both kept, `adjacent lines` or
    `same line` where both changed what lies side by side, or `resolved`.
    """

    task: TaskId
    path: str
    how: str = "union"


@dataclass(frozen=True, slots=True)
class MergeNote:
    """What somebody should look at in the work of these tasks, though it landed."""

    tasks: tuple[TaskId, ...]
    text: str


@dataclass(frozen=True, slots=True)
class CandidateJudged(Event):
    """A set of branches assembled in order on `on`, and judged as one tree.

    `commit` is empty where a textual conflict made the set unassemblable: `conflict` is
    the one that was met, `conflicts` are all that could be told, and `sides` for each of
    these a commit that its branch conflicts with by plain git. `suspects`: of a red one,
    whose changes speak of what failed, the likeliest first. `way`: which of the texts that
    its conflicts could be given it has; `tries`: how many of these were judged.
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
    adapted: tuple[Adapted, ...] = ()
    suspects: tuple[TaskId, ...] = ()
    way: int = 0
    tries: int = 1


@dataclass(frozen=True, slots=True)
class TargetMoved(Event):
    """The target is no longer where the train was built: rebuild it on `now`."""

    now: Sha


@dataclass(frozen=True, slots=True)
class Excluded:
    """A branch that did not land. `reason`: conflict, failed, interaction, unverified or proof.

    `others` are the branches that it conflicts with, fails with or needs, `evidence` what the
    checks said. Of those that clash it is this one because the `instead` land without it, or
    as `choice` says. `commits` are those that `reproduce` names. `unit` is the lead or train
    whose part it is. One that `follows` stays behind only because the `others` do.
    """

    task: TaskId
    reason: str
    others: tuple[TaskId, ...] = ()
    paths: tuple[str, ...] = ()
    evidence: str = ""
    reproduce: str = ""
    clash: str = ""
    instead: tuple[TaskId, ...] = ()
    choice: str = ""
    commits: tuple[Sha, ...] = ()
    unit: TaskId = TaskId("")
    follows: bool = False

    def why(self, label: Callable[[TaskId], str] = str) -> str:
        """The evidence, or what is known in its place; `label` names a branch."""
        others = ", ".join(map(label, self.others))
        if self.evidence:
            return self.evidence
        if self.reason != "conflict":
            return f"needs {others}, which is not merged" if others else ""
        clash = f" ({self.clash})" if self.clash else ""
        choice = f"; {self.choice}" if self.choice else ""
        if self.instead:
            names = ", ".join(map(label, self.instead))
            choice = f"; without it {len(self.instead)} that conflict with it land: {names}"
        where = f" in {', '.join(self.paths)}" if self.paths else ""
        return f"conflicts with {others or 'the target'}{where}{clash}{choice}"

    def in_short(self) -> str:
        """Why, and with whom, on one line; what a program printed is told elsewhere."""
        others = ", ".join(self.others)
        if self.follows:
            return self.why()
        match self.reason:
            case "conflict":
                where = f" in {', '.join(self.paths)}" if self.paths else ""
                return f"conflicts with {others or 'the target'}{where}"
            case "interaction":
                return f"fails only together with {others}"
            case "failed":
                return f"fails on the target{' with ' * bool(others)}{others}"
            case "proof":
                return "integrity check failed"
            case _:
                return next(iter(self.evidence.splitlines()), "") or "not verified"


@dataclass(frozen=True, slots=True)
class Disproved(Event):
    """A train passed its checks, but its conservation proof failed: these must stay behind."""

    excluded: tuple[Excluded, ...]


@dataclass(frozen=True, slots=True)
class Landed(Event):
    """The merge is over. `after` equals `before` where nothing landed or nothing was to land."""

    target: Branch
    before: Sha
    after: Sha
    commits: dict[str, Sha]  # task -> its commit on the target, in order
    excluded: tuple[Excluded, ...] = ()
    checks: int = 0
    flaky: tuple[str, ...] = ()
    adapted: tuple[Adapted, ...] = ()
    needs: dict[str, tuple[TaskId, ...]] | None = None
    patches: str = ""
    proof: str = ""  # what the conservation proof showed, in a line; the whole is in the manifest
    moved: bool = True  # False: dry run, patches only, or nothing to land
    notes: tuple[MergeNote, ...] = ()
    units: dict[str, tuple[TaskId, ...]] | None = None  # lead or train -> its parts that landed
    resolved: tuple[TaskId, ...] = ()  # of `commits`: brought up to the target by a resolver


@dataclass(frozen=True, slots=True)
class MergeFailed(Event):
    """The merge could not be carried out; the target is untouched."""

    reason: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class MergeUndone(Event):
    """The target is back at `before`, as if the merge that landed `tasks` had not been."""

    target: Branch
    before: Sha
    after: Sha
    tasks: tuple[TaskId, ...]
