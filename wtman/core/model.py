"""The values that travel through the house, all frozen.

Names are those of SPEC section 1. A value that is journalled is built only from
the types that `codec` knows: str, int, float, bool, None, tuples, string-keyed
dicts, string enums and other dataclasses of this kind.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NewType

Sha = NewType("Sha", str)  # 40 (or 64) hex digits naming a git object
TaskId = NewType("TaskId", str)  # [a-z0-9-], at most 40 characters
RunId = NewType("RunId", str)  # slug of the request and a short random tail
Branch = NewType("Branch", str)  # short branch name, without refs/heads/

FAR_FUTURE = float("inf")


class RunState(StrEnum):
    PLANNING = "planning"
    PLANNED = "planned"
    RUNNING = "running"
    REVIEWING = "reviewing"
    READY = "ready"
    MERGING = "merging"
    MERGED = "merged"
    PARKED = "parked"
    STOPPED = "stopped"
    FAILED = "failed"


class TaskState(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    CHECKING = "checking"
    REVIEWING = "reviewing"
    FIXING = "fixing"
    VERIFIED = "verified"
    UNCHECKED = "unchecked"
    REJECTED = "rejected"
    FAILED = "failed"
    PARKED = "parked"
    MERGED = "merged"
    EXCLUDED = "excluded"


@dataclass(frozen=True, slots=True)
class Task:
    """One unit of work with its own branch. Empty `owns` is the whole repository."""

    id: TaskId
    prompt: str
    title: str = ""
    owns: tuple[str, ...] = ()  # gitignore-style patterns
    needs: tuple[TaskId, ...] = ()
    expect: str = ""
    agent: str = ""
    model: str = ""
    effort: str = ""
    role: str = ""
    tools: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    check: tuple[str, ...] = ()  # replaces the plan's, where given
    timeout: float = 0.0  # seconds for one attempt; 0 = the run's
    may_be_empty: bool = False  # changing nothing is no failure


@dataclass(frozen=True, slots=True)
class Plan:
    """The request cut into tasks. `check` and `context` hold for every task."""

    request: str
    tasks: tuple[Task, ...]
    context: str = ""
    check: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a commit is by, as the user's own git would say."""

    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Settings:
    """What governs a run, fixed in its journal when it is created.

    Times in seconds. `check`, `setup` and `cleanup` are command texts (SPEC
    section 4); `copy` and `symlink` gitignore-style patterns of the main checkout.
    """

    agent: str = ""
    jobs: int = 16
    check_jobs: int = 2
    max_sessions: int = 1000
    attempts: int = 3
    timeout: float = 3600.0
    check_timeout: float = 1800.0
    grace: float = 10.0
    check: tuple[str, ...] = ()
    setup: tuple[str, ...] = ()
    cleanup: tuple[str, ...] = ()
    copy: tuple[str, ...] = ()
    symlink: tuple[str, ...] = ()
    protect: tuple[str, ...] = ()
    sandbox: str = "none"
    worktrees: str = ""  # folder that holds this run's worktrees, absolute
    allow_red_base: bool = False
    model: str = ""
    effort: str = ""
    roles: dict[str, str] = field(default_factory=dict)  # role -> agent, where not `agent`
    network: str = "on"  # of agents: on, off or allow-list (their providers and `hosts`)
    hosts: tuple[str, ...] = ()
    check_network: bool = False  # checks get none, unless they cannot do without
    env: tuple[str, ...] = ()  # variables of the user's that sessions, setup and checks get
    budget_usd: float = 0.0  # of the whole run; 0 is no ceiling
    budget_tokens: int = 0
    plan_usd: float = 0.0  # of the planning alone
    session_usd: float = 0.0  # of one session; 0: its share of what the run has left
    session_tokens: int = 0
    cooling: float = 30.0  # the first wait when a provider turns sessions away; it doubles
    reviewers: int = 0
    rounds: int = 3
    block_on: tuple[str, ...] = ()  # severities, or `concern`: what blocks without proof
    reviewed_by: tuple[str, ...] = ()  # agents of the reviewers, in turn


# --- what an executor takes and gives -------------------------------------------------


@dataclass(frozen=True, slots=True)
class Command:
    """A program to run: plain data, so that any executor can take it.

    `env` is the whole environment, nothing is inherited. `stdin` is fed and
    closed; empty means /dev/null.
    """

    argv: tuple[str, ...]
    cwd: str
    env: dict[str, str] = field(default_factory=dict)
    stdin: bytes = b""


@dataclass(frozen=True, slots=True)
class Work:
    """A command with the name it is known by and the limits it runs under.

    `id` also goes into the environment as WTMAN_SESSION, so that a sweep finds
    what outlived its keeper. `folder` receives `stdout`, `stderr`, `spec.json`
    and, written last and durably, `exit.json`: its presence means *completed*.
    """

    id: str
    command: Command
    folder: str
    timeout: float = FAR_FUTURE  # wall seconds
    grace: float = 10.0  # seconds between INT, TERM and KILL
    output_cap: int = 256 * 1024 * 1024  # bytes of stdout and stderr together


class ExitReason(StrEnum):
    EXITED = "exited"  # the program ended by itself, with `code` or `signal`
    TIMEOUT = "timeout"
    STOPPED = "stopped"  # asked for through cancel
    OUTPUT = "output"  # more output than `output_cap`
    UNSTARTED = "unstarted"  # the program could not be executed; `detail` says why
    LOST = "lost"  # the keeper died without a marker


@dataclass(frozen=True, slots=True)
class Exit:
    """How a Work ended. Times are wall-clock seconds since the epoch."""

    reason: ExitReason
    code: int | None = None
    signal: int | None = None
    detail: str = ""
    started: float = 0.0
    ended: float = 0.0
    cpu: float = 0.0  # user and system seconds of the whole tree
    max_rss: int = 0  # bytes, largest single process


# --- sessions ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens and money; `usd` None means unknown.

    `input_tokens` is everything that a model read, from a cache or not;
    `cached_tokens` is how much of it came from a cache.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    usd: float | None = None
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Cap:
    """A ceiling, or what counts against one: money and tokens. As a ceiling 0 is none."""

    usd: float = 0.0
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Role:
    """Who a session plays: Markdown with front matter, from the user or from wtman.

    `text` goes into the system prompt (or before the prompt, where an agent has none).
    `tools` are names as in Claude Code's front matter; empty is all. A role that does
    not write gets a read-only checkout. `network` empty is the run's.
    """

    name: str
    text: str
    description: str = ""
    tools: tuple[str, ...] = ()
    writes: bool = True
    model: str = ""
    effort: str = ""
    agent: str = ""
    network: str = ""
    source: str = ""  # the file that it was read from


@dataclass(frozen=True, slots=True)
class Job:
    """What an agent adapter needs to build the command of one session."""

    task: TaskId
    attempt: int
    prompt: str
    prompt_file: str
    worktree: str
    home: str
    env: dict[str, str]  # what wtman gives every session, WTMAN_* included
    model: str = ""
    effort: str = ""
    role: str = ""
    tools: tuple[str, ...] = ()
    resume: str = ""  # the agent's own session id of the attempt before
    system: str = ""  # the text of the role
    writes: bool = True  # False: the checkout is read-only for this session
    schema: str = ""  # JSON schema that the answer has to fit; empty: none is asked for
    confined: bool = False  # our sandbox is around it: its own has to be switched off
    max_usd: float = 0.0  # of this session; 0 is no cap
    max_tokens: int = 0  # read and written, of this session; 0 is no cap
    max_turns: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an adapter makes of a finished session; says nothing about the tree.

    `usage` is of this session alone; where `cumulative` is set it goes on from the earlier
    sessions of the resumed conversation, and whoever knows those takes them off (`since`).
    `answer` is what it said last: the JSON text where `Job.schema` was asked for and
    the agent has a way of its own to give it, else its last words.
    """

    ok: bool
    reason: str = ""  # one line for people, empty when ok
    usage: Usage = Usage()
    session: str = ""  # the agent's own session id
    fatal: str = ""  # quota, credit or sign-in trouble: parks the run
    answer: str = ""
    model: str = ""  # who answered, where the stream says so
    limited: bool = False  # the provider had too much: does not count, is tried again later
    cumulative: bool = False


class Ended(StrEnum):
    """What became of an attempt."""

    OK = "ok"  # the agent is done and left a change on its branch
    FAILED = "failed"  # counts against the attempts
    INTERRUPTED = "interrupted"  # killed with its coordinator, stopped, lost: does not count


# --- checks -------------------------------------------------------------------------------


class Verdict(StrEnum):
    GREEN = "green"
    RED = "red"
    UNCHECKED = "unchecked"  # nothing can be said: no check, or red on the base too


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check on one tree, judged against the tree it is compared with.

    `collected` and `base_collected` are numbers of tests, None where the check
    has no test-level results. `log` is a path below the run's folder.
    """

    command: str
    verdict: Verdict
    reason: str = ""
    exit: int | None = None
    new_failures: tuple[str, ...] = ()
    known_failures: int = 0
    collected: int | None = None
    base_collected: int | None = None
    newly_skipped: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    seconds: float = 0.0
    cached: bool = False
    log: str = ""
    flaky: tuple[str, ...] = ()  # what failed in one of two runs of this very tree
    commit: str = ""  # what it was run on, where that is not the very tree that is judged
