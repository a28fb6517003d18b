"""A session as values: what is asked, what it used, how it ended."""

from dataclasses import dataclass
from enum import StrEnum

from wtman.model.ids import TaskId


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
    """A limit, or what counts against one: money and tokens. As a limit 0 is none."""

    usd: float = 0.0
    tokens: int = 0


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
    fatal: str = ""  # quota, credit or sign-in trouble: pauses the run
    answer: str = ""
    model: str = ""  # who answered, where the stream says so
    limited: bool = False  # the provider had too much: does not count, is tried again later
    cumulative: bool = False


class Ended(StrEnum):
    """What became of an attempt."""

    OK = "ok"  # the agent is done and left a change on its branch
    FAILED = "failed"  # counts against the attempts
    INTERRUPTED = "interrupted"  # killed with its coordinator, stopped, lost: does not count
