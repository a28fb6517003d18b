"""A run, replayed: its tasks, its merge, its reviews, as the folds of `replay` leave them."""

from collections.abc import Sequence
from dataclasses import field, replace
from hashlib import sha256
from typing import Any

from wtman.formats.codec import to_plain
from wtman.journal import events as e
from wtman.journal.events import (
    Coupled,
    PlanFailed,
    Planned,
    PlanWanted,
    Refuted,
    Reproduced,
    Resolving,
    Reviewed,
)
from wtman.model.actions import ActionKey
from wtman.model.check import CheckResult, Verdict
from wtman.model.finding import Claim, Reproducer
from wtman.model.ids import Branch, RunId, ScopePath, Sha, TaskId
from wtman.model.plan import Identity, Issue, Role, Task, TaskProof
from wtman.model.session import Cap, Deviation, Ended, Usage
from wtman.model.settings import Settings
from wtman.model.states import RunKind
from wtman.model.values import dataclass
from wtman.text.words import listed


@dataclass(frozen=True, slots=True)
class Unit:
    """One review that is wanted: who looks at what, with which lens."""

    key: str
    kind: str
    lens: str
    agent: str
    members: tuple[TaskId, ...]
    tips: dict[TaskId, Sha]
    why: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """A claim with everything that the journal says of it.

    `tips` are all that it was claimed of; `proofs` the matrices of its reproducer, the
    newest last; `opinions` the refuters' words, of the tips that they saw.
    """

    id: str
    claim: Claim
    kind: str  # of the review that claimed it: branch, interaction, completeness
    members: tuple[TaskId, ...]  # what that review looked at
    tips: tuple[dict[TaskId, Sha], ...]
    reviewers: tuple[tuple[str, str], ...] = ()  # lens and agent of each
    reproducer: Reproducer | None = None
    proofs: tuple[Reproduced, ...] = ()
    opinions: tuple[Refuted, ...] = ()
    spare: tuple[Reproducer, ...] = ()  # further proofs, run where those before show nothing

    @property
    def subjects(self) -> tuple[TaskId, ...]:
        """The branches that its reproducer is run on: those that it names, all of them.

        Who looked at several and names one may have found what only they do together.
        """
        named = self.claim.branches
        if len(named) > 1 or self.kind in ("branch", "audit"):
            return named
        return (*self.members, *(name for name in named if name not in self.members))


@dataclass(frozen=True, slots=True)
class Reviews:
    """All reviews of a run. `units` holds the newest try at each, `tries` how many counted.

    `programs` says what the programs among reviewers and refuters are made of now.
    """

    units: dict[str, Reviewed] = field(default_factory=dict)
    findings: dict[str, Finding] = field(default_factory=dict)
    coupled: Coupled | None = None
    tries: dict[str, int] = field(default_factory=dict)
    programs: dict[str, str] = field(default_factory=dict)
    taken: RunId = RunId("")  # the newest run that was made to fix what is confirmed


@dataclass(frozen=True, slots=True)
class Request:
    """What the next session of a task is begun for, beyond the task itself."""

    again: bool = False  # the user asked for one more
    restart: str = ""  # why it starts over from the task's start
    excluded: str = ""  # why a merge excluded the branch, for the prompt
    told: str = ""  # what the user has said since the session before

    def __or__(self, other: "Request") -> "Request":
        return Request(
            self.again or other.again,
            self.restart or other.restart,
            self.excluded or other.excluded,
            "\n\n".join(dict.fromkeys(filter(None, (other.told, self.told)))),
        )


@dataclass(frozen=True, slots=True)
class Attempt(e.AttemptStart):
    """One session of a task. `ended` None: intended, and no outcome journalled yet."""

    started: float = 0.0
    ended: Ended | None = None
    finished: float = 0.0
    outcome: e.SessionFinished | None = None
    red: str = ""  # why the checks refused what it left, for the next prompt
    cap: Cap = Cap()
    request: Request = Request()  # what it was begun for; asked for still, if it is interrupted
    excused: bool = False  # it ended amid something that no session is to blame for

    @property
    def why(self) -> str:
        """Why it did not do, all of it, for a prompt."""
        if self.red or self.outcome is None:
            return self.red
        return f"{self.outcome.reason}\n{self.outcome.detail}".strip()


@dataclass(frozen=True, slots=True)
class Team:
    """How far a lead is. `attempt` is the planning that is under way or comes next, `failures`
    those that ended without an answer. `judged` are the candidates of its train; `returned` the
    parts that were mended once because they did not fit with the others."""

    attempt: int = 1
    failures: int = 0
    failed: e.TeamPlanFailed | None = None  # the newest failure of the planner's own
    planned: e.TeamPlanned | None = None
    since: float = 0.0  # when it was planned
    judged: tuple[e.TeamJudged, ...] = ()
    torn: e.TeamTorn | None = None
    made: e.TeamMade | None = None
    returned: tuple[TaskId, ...] = ()
    usage: Usage = Usage()  # of all its plannings

    @property
    def parts(self) -> tuple[TaskId, ...]:
        """Its parts, as its planner ordered them."""
        return tuple(task.id for task in self.planned.parts) if self.planned is not None else ()


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task with everything that the journal says of it."""

    planned: Task  # as its plan has it
    fingerprint: str
    branch: Branch = Branch("")
    start: Sha = Sha("")
    needs: dict[TaskId, Sha] = field(default_factory=dict)  # tips that `start` was made of
    head: Sha = Sha("")  # recorded tip of the branch
    owner: str = ""  # fingerprint of the sessions that made `head`
    worktree: str = ""  # "": none yet, or another task has taken it over
    over: TaskId = TaskId("")  # the task whose worktree it takes over now
    setup: str = ""  # how the worktree came by what setup makes
    lacks: tuple[str, ...] = ()  # on files that should be in it and that no session can read
    attempts: tuple[Attempt, ...] = ()
    spent: float = 0.0  # seconds that setup and checks took, besides sessions
    checked: e.Checked | None = None  # of the newest judged tip
    granted: int = 0  # attempts that the user added by `retry`
    request: Request = Request()  # what the next session is begun for
    said: tuple[str, ...] = ()  # all that the user has said to its sessions
    advice: tuple[str, ...] = ()  # all that the repairer has said to them
    attach: bool = False  # the user asked for the next one
    wanted: bool = False  # the user asked for the worktree, which another task has
    onto: Sha = Sha("")  # the target that the task has to come up to, instead of the base
    based: Sha = Sha("")  # the target that it has come up to
    resolving: Resolving | None = None  # a resolver works on it now
    # The view when that, or a retry of good work, was asked for: it stands if nothing comes of it.
    before: "TaskView | None" = None
    unresolved: str = ""  # why a resolver gave it up
    refused: Sha = Sha("")  # the target on which it did
    stuck: str = ""  # why no starting point can be made of what it needs
    external: bool = False  # a branch that wtman did not make
    chained: tuple[TaskId, ...] = ()  # what it needs too, because the two collided
    unchained: tuple[TaskId, ...] = ()  # never to be waited for because of a collision
    message: str = ""  # of an external branch: what its commit on the target says
    author: Identity | None = None  # of an external branch: who alone made it
    merged: Sha = Sha("")
    excluded: e.Excluded | None = None
    cleaned: bool = False
    notes: tuple[str, ...] = ()
    # Of a step of a flow that goes on with a work: where that stood, and the conversation.
    goes_on: Sha = Sha("")
    conversation: str = ""
    team: Team = Team()  # of a lead

    @property
    def told(self) -> tuple[str, ...]:
        """What somebody should know of its worktree, of its newest session, and of where it
        deviates from what was agreed."""
        deviating = (f"deviates from what was agreed: {item.words}" for item in self.deviations)
        return (
            *self.lacks,
            *self.notes,
            *filter(None, [self.outside_git, self.unread]),
            *deviating,
        )

    @property
    def deviating(self) -> "Attempt | None":
        """The attempt whose notes hold: the newest that wrote any since the work began."""
        for item in reversed(self.attempts):
            if item.fingerprint != self.fingerprint:
                continue
            if item.outcome is not None and item.outcome.deviated:
                return item
            if item.request.restart:
                break
        return None

    @property
    def deviations(self) -> tuple[Deviation, ...]:
        """Where its work is something else than what was agreed."""
        item = self.deviating
        return item.outcome.deviations if item is not None and item.outcome is not None else ()

    @property
    def unread(self) -> str:
        """What of the notes of its newest session could not be used."""
        told = (item.outcome for item in reversed(self.current) if item.outcome is not None)
        last = next(told, None)
        return last.unread if last is not None else ""

    @property
    def outside_git(self) -> str:
        """That its newest session left files which no commit has, because git ignores them."""
        told = (item.outcome for item in reversed(self.current) if item.outcome is not None)
        last = next(told, None)
        return last.outside_git if last is not None else ""

    @property
    def label(self) -> str:
        """What people call it: the task's id, or the name of a branch that wtman did not make."""
        return self.branch if self.external else self.task.id

    @property
    def current(self) -> tuple[Attempt, ...]:
        """The attempts at the task as it is worded now."""
        return tuple(item for item in self.attempts if item.fingerprint == self.fingerprint)

    @property
    def task(self) -> Task:
        """The task as it stands: it needs what it is chained to, too."""
        if not self.chained:
            return self.planned
        return replace(self.planned, needs=(*self.planned.needs, *self.chained))

    @property
    def awaited(self) -> tuple[TaskId, ...]:
        """What it waits for, and follows; a step of a flow starts from works as they were."""
        return () if self.planned.step else self.task.needs

    @property
    def loose(self) -> tuple[TaskId, ...]:
        """What it is chained to and has not started from: waited for, but not depended on."""
        return tuple(need for need in self.chained if need not in self.needs)

    @property
    def needed(self) -> tuple[TaskId, ...]:
        """What its work depends on."""
        return tuple(need for need in self.task.needs if need not in self.loose)

    @property
    def last(self) -> int:
        """The number of the newest attempt, 0 before the first."""
        return self.attempts[-1].number if self.attempts else 0

    @property
    def failures(self) -> int:
        """Attempts that count: failed, or refused by the checks."""
        return sum(1 for item in self.current if item.ended is Ended.FAILED or item.red)

    @property
    def has_work(self) -> bool:
        """Whether sessions at the task as it is worded now left something to carry along."""
        return self.head != self.start and self.owner == self.fingerprint

    @property
    def in_flight(self) -> Attempt | None:
        """The attempt that is intended and not settled, if any."""
        # No attempt begins before the one before has ended.
        last = self.attempts[-1] if self.attempts else None
        return last if last is not None and last.ended is None else None


@dataclass(frozen=True, slots=True)
class MergeView:
    """A merge that was asked for; `landed` or `failed` ends it."""

    asked: e.MergeAsked
    at: float
    on: Sha
    candidates: dict[tuple[Sha, tuple[TaskId, ...]], e.CandidateJudged] = field(
        default_factory=dict
    )
    disproved: tuple[e.Excluded, ...] = ()
    landed: e.Landed | None = None
    failed: e.MergeFailed | None = None
    so_far: e.Landed | None = None  # of the merge that this one goes on with

    @property
    def over(self) -> bool:
        return self.landed is not None or self.failed is not None


@dataclass(frozen=True, slots=True)
class Planning:
    """The planning that a run begins with; `made` ends it.

    `map` has the parts that scouts look at, `scouted` and `lost` what became of them, by part;
    `asked_again` counts answers of scouts that said nothing of the question. `charged` is what all
    its sessions count against the limit of planning; `past` are failures that something was asked
    again after, with the plans that were made before them.
    """

    wanted: PlanWanted
    failures: int = 0
    failed: PlanFailed | None = None  # the newest failure
    made: Planned | None = None
    map: e.MapMade | None = None
    scouted: dict[str, e.Scouted] = field(default_factory=dict)
    lost: dict[str, e.ScoutFailed] = field(default_factory=dict)
    asked_again: dict[str, int] = field(default_factory=dict)
    drafts: dict[int, e.PlanDrafted] = field(default_factory=dict)  # of this attempt, by number
    no_drafts: dict[int, e.DraftFailed] = field(default_factory=dict)
    judged: e.PlansJudged | None = None
    flow: e.FlowChosen | None = None  # what is written now is this
    kept: e.FlowKept | None = None  # where it is, once it is written
    past: tuple[PlanFailed | e.ScoutFailed | e.PlanDrafted | e.DraftFailed, ...] = ()
    charged: Cap = Cap()

    @property
    def attempt(self) -> int:
        """The number of the attempt that is under way, or comes next."""
        return self.failures + 1


YES, NO = "yes", "no"


@dataclass(frozen=True, slots=True)
class PersonQuestion:
    """What a run asks a person, with what it shows: of a flow, or of a task that wants more than
    the plan gives it. `answer`: it has one, which has had no consequence yet."""

    key: str
    text: str
    show: tuple[str, ...] = ()
    options: tuple[str, ...] = (YES, NO)
    asked: e.QuestionAsked | None = None
    answer: str = ""


@dataclass(frozen=True, slots=True)
class RepairView:
    """One repair of a task: what was decided, or why nothing was, and what came of that."""

    at: float
    decided: e.RepairDecided | None = None
    failed: e.RepairFailed | None = None
    applied: e.RepairApplied | None = None

    @property
    def task(self) -> TaskId:
        """The task that it is about."""
        told = self.decided or self.failed
        return told.task if told is not None else TaskId("")

    @property
    def counts(self) -> bool:
        """Whether it is one of those that a task may have."""
        failed = self.failed
        return failed is None or not (failed.fatal or failed.limited or not failed.sessions)


@dataclass(frozen=True, slots=True)
class Foretold:
    """What was foreseen of the run, and what it had taken by then: seconds, sessions, usage."""

    event: e.Foreseen
    lasted: float
    sessions: int
    usage: Usage


@dataclass(frozen=True, slots=True)
class FlowStep:
    """One call of a flow's script, with what came of it.

    `ended` is the place of its outcome among all outcomes, from 1; 0: it has none. `play` is the
    play of the script that asked for it last. A failed one has `error` and no `value`.
    """

    key: str
    kind: str
    scope: tuple[str, ...]
    title: str
    spec: dict[str, Any]
    limits: dict[str, Any]
    task: TaskId
    play: int
    since: float
    path: ScopePath = ()  # what it stands in, for people
    tries: int = 1
    ended: int = 0
    value: Any = None
    error: e.StepFailed | None = None
    spent: Cap = Cap()  # by the run, when it had its outcome
    reused: bool = False  # this play found its answer
    candidates: tuple[e.CandidateJudged, ...] = ()  # of a train, as they were judged

    @property
    def commits(self) -> tuple[Sha, ...]:
        """The works that a review or a train is about."""
        return tuple(Sha(str(item["commit"])) for item in self.spec.get("works") or ())

    @property
    def question(self) -> "PersonQuestion":
        """What it asks a person."""
        shown = str(self.spec.get("show") or "").splitlines()
        text = str(self.spec.get("question", ""))
        return PersonQuestion(self.key, text, tuple(shown), self.options)

    @property
    def options(self) -> tuple[str, ...]:
        """The answers that its question takes."""
        named = self.spec.get("options")
        given = tuple(map(str, named)) if isinstance(named, list) and named else (YES,)
        return given if NO in given else (*given, NO)

    @property
    def open(self) -> bool:
        """Whether it has no outcome yet."""
        return not self.ended

    @property
    def answered(self) -> bool:
        """Whether it has its value; a step that failed has an outcome and no answer."""
        return self.ended > 0 and self.error is None

    @property
    def settled(self) -> bool:
        """Whether another play finds its outcome: an answer, or the no of a person."""
        return self.answered or (self.ended > 0 and self.asks_person)

    @property
    def asks_person(self) -> bool:
        """Whether nobody but a person answers it."""
        return self.kind in ("approve", "announce")


@dataclass(frozen=True)  # without slots: copied for every event
class FlowView:
    """A flow: its script and all that it has asked for.

    `works` has the task as it was when it stood at a work that a step was answered with. `wanted`
    are the works that the script returned, the last of each task. `lines` is all that the script
    told, so that another play does not tell it again. `trains` has the works in each train, by
    its commit. `lost` are the items of fan-outs that came to nothing in this play, with the reason.
    """

    added: e.FlowAdded
    plays: int = 0
    steps: dict[str, FlowStep] = field(default_factory=dict)
    works: dict[Sha, TaskView] = field(default_factory=dict)
    trains: dict[Sha, dict[TaskId, Sha]] = field(default_factory=dict)
    lines: dict[e.ScriptTold, None] = field(default_factory=dict)
    fan_outs: dict[ScopePath, e.FanOutAnnounced] = field(default_factory=dict)
    lost: dict[ScopePath, str] = field(default_factory=dict)
    outcomes: int = 0
    held: bool = False
    ended: e.ScriptEnded | None = None
    wanted: dict[TaskId, Sha] = field(default_factory=dict)

    @property
    def phase(self) -> str:
        """The phase that began last."""
        return next((line.text for line in reversed(self.lines) if line.what == "phase"), "")

    def views(self, commits: Sequence[Sha]) -> dict[TaskId, TaskView]:
        """The tasks of these works as they stood at them, with what is in a train and with what
        they started from; what is named counts where another started from an earlier work."""
        wanted = list(commits)
        for commit in wanted:
            inside = self.trains.get(commit, {}).values()
            more = (*inside, *self.works[commit].planned.tips)
            wanted += [tip for tip in more if tip not in wanted]
        return {self.works[item].planned.id: self.works[item] for item in reversed(wanted)}

    def past(self, commit: Sha) -> frozenset[Sha]:
        """A work, and those that it went on from."""
        found = set[Sha]()
        while commit in self.works and commit not in found:
            found.add(commit)
            commit = self.works[commit].goes_on
        return frozenset(found)

    @property
    def current(self) -> tuple[FlowStep, ...]:
        """The steps that this play of the script has asked for."""
        return tuple(step for step in self.steps.values() if step.play == self.plays)

    @property
    def questions(self) -> tuple[FlowStep, ...]:
        """What waits for a person, the oldest first."""
        return tuple(step for step in self.current if step.open and step.asks_person)


@dataclass(frozen=True)  # without slots: copied for every event
class State:
    """A run, replayed. `tasks` keeps the order of the plan."""

    run: RunId = RunId("")
    kind: RunKind = RunKind.SPLIT
    key: str = ""  # what the same merge or review of branches is known by
    request: str = ""
    issue: Issue | None = None  # that the request comes from
    context: str = ""
    base: Sha = Sha("")
    target: Branch = Branch("")
    settings: Settings = Settings()
    identity: Identity = Identity("", "")
    given: tuple[str, ...] = ()
    created: float = 0.0
    updated: float = 0.0
    idle: float = 0.0  # seconds between the two in which nobody drove it
    approved: bool = False
    roles: dict[str, Role] = field(default_factory=dict)  # as they were when it was ordered
    planning: Planning | None = None  # None: its plan was given
    tasks: dict[TaskId, TaskView] = field(default_factory=dict)
    dropped: dict[TaskId, TaskView] = field(default_factory=dict)
    wanted: tuple[e.TasksWanted, ...] = ()  # asked for, and neither added nor refused so far
    base_checked: e.BaseChecked | None = None
    sessions: int = 0  # sessions intended so far, all roles
    asked_stop: bool = False
    paused: e.Paused | None = None
    stopped: e.Stopped | None = None
    failed: e.RunFailed | None = None
    dismissed: float = 0.0  # when (epoch): it is meant only where it is named
    merge: MergeView | None = None
    intents: dict[ActionKey, float] = field(default_factory=dict)  # without an outcome, since when
    held: dict[ActionKey, e.Abandoned] = field(default_factory=dict)  # not again before a resume
    notes: tuple[str, ...] = ()
    pressing: tuple[str, ...] = ()  # of the notes: what every view has to tell
    overlaps: tuple[e.Overlap, ...] = ()  # as the watch last saw them
    # Pairs that ever collided, with the attempts of both at that time.
    collided: dict[tuple[TaskId, TaskId], tuple[int, int]] = field(default_factory=dict)
    usage: Usage = Usage()
    foretold: Foretold | None = None  # what the user was told before saying yes
    observed: e.ConflictsObserved | None = None  # what of it came true, as last looked at
    reviews: Reviews = Reviews()
    flow: FlowView | None = None  # of a plan in code
    repairs: tuple[RepairView, ...] = ()
    asked: tuple[PersonQuestion, ...] = ()  # of a person, about tasks
    settled: tuple[PersonQuestion, ...] = ()  # of these, what is over: answered, or overtaken
    mends: bool = False  # a resume asks for the repair of what the newest merge excluded
    configured: e.Configured | None = None  # what the configuration said when it was last read
    authors: tuple[Settings, ...] = ()  # settings under which others worked, the oldest first
    charged: Cap = Cap()  # what ended sessions count against the budgets
    reserved: dict[ActionKey, Cap] = field(default_factory=dict)  # of live ones
    rate_limit: int = (
        0  # most sessions at once that the provider bears; 0: no less than the settings
    )
    backoff: bool = False  # sessions were turned away: none starts before a wait
    turned_away: int = 0  # how often in a row
    seq: int = 0

    @property
    def questions(self) -> tuple[PersonQuestion, ...]:
        """What waits for a person, the oldest first."""
        steps = self.flow.questions if self.flow is not None else ()
        own = tuple(item for item in self.asked if not item.answer)
        return (*(step.question for step in steps), *own)

    def asks_about(self, task: TaskId) -> PersonQuestion | None:
        """The question that a task waits for the answer of."""
        about = (it for it in self.asked if it.asked is not None and it.asked.task == task)
        return next(about, None)

    def repairs_of(self, task: TaskId) -> tuple[RepairView, ...]:
        """The repairs of a task, the oldest first."""
        return tuple(item for item in self.repairs if item.task == task)

    def parts_of(self, lead: TaskId) -> tuple[TaskId, ...]:
        """The parts of a lead as it is cut now; of a task that is none, nothing."""
        return tuple(part for part in self.tasks[lead].team.parts if part in self.tasks)

    def team_of(self, lead: TaskId) -> tuple[TaskId, ...]:
        """The parts of a lead, and theirs."""
        parts = self.parts_of(lead)
        return tuple(name for part in parts for name in (part, *self.team_of(part)))

    def leads_of(self, task: TaskId) -> tuple[TaskId, ...]:
        """The leads that a task is a part of, the nearest first."""
        found: list[TaskId] = []
        while task in self.tasks and (up := self.tasks[task].planned.part_of):
            found.append(up)
            task = up
        return tuple(found)

    def lasted(self, now: float) -> float:
        """Seconds that it has taken, without those in which nobody drove it."""
        return max(now - self.created - self.idle, 0.0)

    def label(self, task: TaskId) -> str:
        """What people call a task of this run."""
        return self.tasks[task].label if task in self.tasks else task

    @property
    def checks(self) -> tuple[str, ...]:
        """The distinct check commands of the run, in order."""
        seen: dict[str, None] = dict.fromkeys(self.settings.check)
        for view in self.tasks.values():
            if view.planned.check:
                seen.update(dict.fromkeys(view.planned.check))
        return tuple(seen)

    @property
    def offered(self) -> tuple[str, ...]:
        """Checks of repairs that a person has allowed, and that are no part of the plan yet."""
        yes = {
            (item.asked.task, item.asked.number)
            for item in self.asked
            if item.asked is not None and item.asked.team is None and item.answer not in ("", NO)
        }
        found = (
            text
            for item in self.repairs
            if item.decided is not None and item.applied is None
            if (item.task, item.decided.number) in yes
            for text in item.decided.check
        )
        return tuple(dict.fromkeys(found))

    def checks_of(self, task: TaskId) -> tuple[str, ...]:
        """The check commands that judge one task."""
        planned = self.tasks[task].planned
        return () if planned.unchecked else planned.check or self.settings.check

    @property
    def proofs(self) -> tuple[TaskProof, ...]:
        """What shows the defects that tasks of the run are to mend."""
        return tuple(proof for view in self.tasks.values() for proof in view.planned.proofs)

    def judges_of(self, task: TaskId) -> tuple[str, ...]:
        """All commands that judge one task: its checks, and what shows that defects are mended."""
        proofs = self.tasks[task].planned.proofs
        return (*self.checks_of(task), *(proof.command for proof in proofs))


def fingerprint_of(
    task: Task, context: str, agent: str, model: str, effort: str, role: str = ""
) -> str:
    """What makes two wordings of a task the same work (DESIGN, decision 8).

    `role` is the key of its role's text. Not title, timeout, checks or needs: changing those
    never runs a session again.
    """
    parts = (
        task.prompt,
        task.role,
        task.agent or agent,
        task.model or model,
        task.effort or effort,
        context,
        task.expect,
        to_plain(task.tools),
        to_plain(task.owns),
        *((to_plain(task.touches),) if task.touches else ()),
        *((role,) if role else ()),  # a run from before there were roles keeps its keys
        *((task.step,) if task.step else ()),
        *(("lead",) if task.lead else ()),
    )
    return digest(*(str(part) for part in parts))


def digest(*parts: str) -> str:
    """A short content key: 16 hex digits over the parts, each framed by its length."""
    raw = [part.encode("utf-8", "surrogatepass") for part in parts]
    return sha256(b"".join(b"%d:%b" % (len(part), part) for part in raw)).hexdigest()[:16]


def red_text(event: e.Checked | e.CandidateJudged) -> str:
    """Why a judged tree is red, for people and for the next prompt."""
    lines: list[str] = []
    for result in event.results:
        if result.verdict is Verdict.RED:
            lines.append(describe_red(result))
    text = "\n".join(lines) or "a check failed"
    return f"{text}\n{event.evidence}".rstrip()


def describe_red(result: CheckResult) -> str:
    """One line on a red check: its command, why, and the first failing tests."""
    if result.reason.startswith("setup failed"):
        return f"{result.reason}, for check `{result.command}`"
    line = f"check `{result.command}`: {result.reason or 'failed'}"
    if result.new_failures:
        line += f": {listed(result.new_failures)}"
    return f"{line}; {result.hint}" if result.hint else line


TRIES = 2  # sessions of a resolver that count, for each task that a merge leaves out
