"""What was configured, as one value."""

from dataclasses import field

from wtman.model.agent_definition import AgentDefinition
from wtman.model.values import dataclass

EFFORTS = ("low", "medium", "high", "xhigh", "max")
ULTRA = "ultra"  # of a run, not of a session: everything that raises quality
SEVERITIES = ("blocker", "major", "minor")


@dataclass(frozen=True, slots=True)
class Settings:
    """What governs a run, fixed in its journal when it is created.

    Times in seconds. `check`, `setup` and `cleanup` are command texts (SPEC
    section 4); `copy` and `symlink` gitignore-style patterns of the main checkout,
    `setup_inputs` of the tracked files that the result of setup follows from.
    """

    agent: str = ""
    jobs: int = 16
    check_jobs: int = 2
    max_sessions: int = 1000
    attempts: int = 3
    # Most decisions of the repairer on one task that fell short; a run from before there were any
    # has none.
    repairs: int = 0
    timeout: float = 3600.0
    check_timeout: float = 1800.0
    grace: float = 10.0
    wait_for_reset: bool = False  # a quota that is used up pauses the run until it is back
    check: tuple[str, ...] = ()
    setup: tuple[str, ...] = ()
    setup_inputs: tuple[str, ...] = ()  # none: what the commands are known to read
    cleanup: tuple[str, ...] = ()
    copy: tuple[str, ...] = ()
    symlink: tuple[str, ...] = ()
    protect: tuple[str, ...] = ()
    sandbox: str = "none"
    worktrees: str = ""  # folder that holds this run's worktrees, absolute
    keep_worktrees: bool = False  # each task keeps its own
    allow_failing_base: bool = False
    model: str = ""
    effort: str = ""
    roles: dict[str, str] = field(default_factory=dict)  # role -> agent, where not `agent`
    network: str = "on"  # of agents: on, off or allow-list (their providers and `hosts`)
    hosts: tuple[str, ...] = ()
    check_network: bool = False  # checks get none, unless they cannot do without
    env: tuple[str, ...] = ()  # variables of the user's that sessions, setup and checks get
    budget_usd: float = 0.0  # of the whole run; 0 is no limit
    budget_tokens: int = 0
    plan_budget_usd: float = 0.0  # of the planning alone
    scouts: int = 8  # most sessions that look at the repository before it is planned
    plans: int = 1  # that are made of a request and compared
    session_budget_usd: float = 0.0  # of one session; 0: its share of what the run has left
    session_budget_tokens: int = 0
    backoff: float = 30.0  # the first wait when a provider turns sessions away; it doubles
    reviewers: int = 0
    rounds: int = 3
    dry_rounds: int = 1  # of reviews of one tip, in which nothing new was proved
    block_on: tuple[str, ...] = ()  # severities, or `concern`: what blocks without proof
    reviewed_by: tuple[str, ...] = ()  # agents of the reviewers, in turn
    # Agents of other vendors than `agent` that are signed in: they review where nobody is named.
    other_vendors: tuple[str, ...] = ()
    agents: dict[str, AgentDefinition] = field(default_factory=dict)  # the user's own, by name

    @property
    def brings(self) -> bool:
        """Whether anything but a commit's files is brought into checkouts."""
        return bool(self.setup or self.copy or self.symlink)
