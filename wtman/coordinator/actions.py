"""What `decide` asks for, of all domains.

Actions carry immutable names (shas, attempt numbers), never positions.
"""

from wtman.checks.actions import CheckBase, CheckTask
from wtman.flow.actions import (
    AskStep,
    CommandStep,
    PlayScript,
    ReviewStep,
    SettleStep,
    TrainStep,
    WriteFlow,
)
from wtman.merge.actions import JudgeCandidate, JudgeTeam, LandTrain, TellTorn
from wtman.model.actions import Backoff, Cancel, Pause
from wtman.plan.actions import (
    ChoosePlan,
    DraftPlan,
    MakeMap,
    MakePlan,
    PassOver,
    PlanTeam,
    Scout,
)
from wtman.review.actions import Couple, Refute, Reproduce, Review
from wtman.sessions.actions import Collect, RunSession
from wtman.tasks.actions import AnswerWanted, Chain, DecideRepair, Observe, Unchain, Watch
from wtman.worktrees.actions import (
    Adopt,
    BringBack,
    Follow,
    MakeTeam,
    MakeWorktree,
    MoveTeam,
    Restore,
    Rewind,
)

# What runs for a while, under a key.
Performed = (
    MakeMap
    | Scout
    | DraftPlan
    | ChoosePlan
    | MakePlan
    | CheckBase
    | MakeWorktree
    | BringBack
    | RunSession
    | Collect
    | CheckTask
    | Follow
    | Adopt
    | Restore
    | JudgeCandidate
    | LandTrain
    | PlanTeam
    | JudgeTeam
    | MakeTeam
    | MoveTeam
    | Watch
    | Observe
    | Couple
    | Review
    | Reproduce
    | Refute
    | Backoff
    | PlayScript
    | AskStep
    | CommandStep
    | ReviewStep
    | TrainStep
    | WriteFlow
    | Rewind
    | DecideRepair
)

# What is done at once: an event, or the end of what runs.
Action = (
    Performed | AnswerWanted | Chain | Unchain | Cancel | Pause | PassOver | SettleStep | TellTorn
)
