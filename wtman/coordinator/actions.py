"""What `decide` asks for: each action is performed by one stage and has a key.

Two actions with the same key never run at once. Actions carry immutable names
(shas, attempt numbers), never positions.
"""

from wtman.checks.actions import CheckBase, CheckTask
from wtman.merge.actions import JudgeCandidate, LandTrain
from wtman.model.actions import Backoff, Cancel, Pause
from wtman.plan.actions import MakePlan
from wtman.review.actions import Couple, Refute, Reproduce, Review
from wtman.sessions.actions import Collect, RunSession
from wtman.tasks.actions import Chain, Unchain, Watch
from wtman.worktrees.actions import Adopt, Follow, MakeWorktree, Restore

Action = (
    MakePlan
    | CheckBase
    | MakeWorktree
    | RunSession
    | Collect
    | CheckTask
    | Follow
    | Adopt
    | Restore
    | JudgeCandidate
    | LandTrain
    | Watch
    | Couple
    | Review
    | Reproduce
    | Refute
    | Chain
    | Unchain
    | Backoff
    | Cancel
    | Pause
)
