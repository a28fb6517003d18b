"""Everything that can happen to a run: the one door to the events of all domains.

A new event is a frozen `Event` in the file of its domain, an import here, and its fold in the
`replay` file of the same domain.
"""

from wtman.journal.events.check import BaseChecked, Checked
from wtman.journal.events.event import Event
from wtman.journal.events.flow import (
    Answered,
    FanOutAnnounced,
    FlowAdded,
    ItemFailed,
    ScriptBegan,
    ScriptEnded,
    ScriptHeld,
    ScriptTold,
    StepAnswered,
    StepAsked,
    StepDeferred,
    StepFailed,
    StepJudged,
    StepsAskedAgain,
    TaskContinued,
    TaskRewound,
)
from wtman.journal.events.forecast import ConflictsObserved, Foreseen, PairsForeseen
from wtman.journal.events.merge import (
    Adapted,
    CandidateJudged,
    Conflict,
    Disproved,
    Excluded,
    Landed,
    MergeAsked,
    MergeFailed,
    MergeNote,
    MergeUndone,
    Resolving,
    TargetMoved,
    Uncommitted,
    Unresolved,
)
from wtman.journal.events.overlap import Chained, Overlap, Overlapped, Unchained
from wtman.journal.events.plan import (
    ContextChanged,
    DraftFailed,
    ExternalBranchAdded,
    FlowChosen,
    FlowKept,
    IssueNamed,
    MapMade,
    PlanDrafted,
    PlanFailed,
    Planned,
    PlansJudged,
    PlanWanted,
    RolesAssigned,
    Scouted,
    ScoutFailed,
    TaskAdded,
    TaskChanged,
    TaskDropped,
    TasksRefused,
    TasksWanted,
)
from wtman.journal.events.repair import (
    QuestionAsked,
    QuestionClosed,
    RepairApplied,
    RepairDecided,
    RepairFailed,
)
from wtman.journal.events.review import (
    Coupled,
    Coupling,
    FindingsTaken,
    ProgramsSeen,
    Refuted,
    Reproduced,
    Reviewed,
)
from wtman.journal.events.run import (
    Abandoned,
    Approved,
    BackoffEnded,
    BaseMoved,
    Configured,
    Dismissed,
    Intended,
    Noted,
    Paused,
    RateLimited,
    Recalled,
    Requested,
    Resumed,
    RunCreated,
    RunFailed,
    SettingsChanged,
    Stopped,
    Unknown,
)
from wtman.journal.events.session import (
    SETUP_FAILED,
    Adopted,
    AttemptStart,
    Cleaned,
    Followed,
    Restored,
    RetryReverted,
    SessionFinished,
    StartFailed,
    WorktreeBack,
    WorktreeMade,
)
from wtman.journal.events.team import (
    TeamJudged,
    TeamMade,
    TeamMoved,
    TeamPlanFailed,
    TeamPlanned,
    TeamTorn,
)
