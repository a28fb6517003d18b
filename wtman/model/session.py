"""A session as values: what is asked, what it used, how it ended."""

from enum import StrEnum

from wtman.model.ids import TaskId
from wtman.model.values import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens and money; `usd` None means unknown.

    `input_tokens` is everything that a model read, from a cache or not;
    `cached_tokens` is how much of it came from a cache.

    One rule for unknown money: nothing spent is ever hidden. A sum is unknown as soon as tokens
    of it were used at a price nobody knows, for the rest would pass for the whole (`Usage()`
    used none, and adds nothing). A difference takes off only money that is known. Whoever
    charges a budget charges what is unknown in full (`journal/replay_limits.py`).
    """

    input_tokens: int = 0
    output_tokens: int = 0
    usd: float | None = None
    cached_tokens: int = 0

    @property
    def tokens(self) -> int:
        """Read and written."""
        return self.input_tokens + self.output_tokens

    def __add__(self, other: "Usage") -> "Usage":
        known = [one.usd for one in (self, other) if one.usd is not None]
        unknown = any(one.usd is None and one.tokens for one in (self, other))
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            sum(known) if known and not unknown else None,
            self.cached_tokens + other.cached_tokens,
        )

    def __sub__(self, before: "Usage") -> "Usage":
        """What came after `before`, in figures that go on from there; never below 0."""
        return Usage(
            max(self.input_tokens - before.input_tokens, 0),
            max(self.output_tokens - before.output_tokens, 0),
            None if self.usd is None else max(self.usd - (before.usd or 0.0), 0.0),
            max(self.cached_tokens - before.cached_tokens, 0),
        )


@dataclass(frozen=True, slots=True)
class Cap:
    """A limit, or what counts against one: money and tokens. As a limit 0 is none."""

    usd: float = 0.0
    tokens: int = 0

    def __add__(self, other: "Cap") -> "Cap":
        return Cap(self.usd + other.usd, self.tokens + other.tokens)

    def __sub__(self, other: "Cap") -> "Cap":
        """Never below 0: only of a limit that there is."""
        return Cap(max(self.usd - other.usd, 0.0), max(self.tokens - other.tokens, 0))

    def reached(self, usage: Usage) -> str:
        """The limit that a usage is known to have reached, in words; empty: none."""
        if self.tokens and usage.tokens >= self.tokens:
            return f"{self.tokens} tokens"
        if self.usd and usage.usd is not None and usage.usd >= self.usd:
            return f"${self.usd:.2f}"
        return ""

    def after(self, usage: Usage) -> "Cap | None":
        """What is left of a limit; None: nothing, or nobody knows how much."""
        unknown = self.usd and usage.usd is None and usage.tokens
        if unknown or self.reached(usage):
            return None
        return self - Cap(usage.usd or 0.0, usage.tokens)


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
    cap: Cap = Cap()  # of this session
    max_turns: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an adapter makes of a finished session; says nothing about the tree.

    `usage` is of this session alone; where `cumulative` is set it goes on from the earlier
    sessions of the resumed conversation, and whoever knows those takes them off (`-`).
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


@dataclass(frozen=True, slots=True)
class Deviation:
    """Where a session did something else than what was agreed, in its own words."""

    name: str
    agreed: str = ""
    instead: str = ""
    why: str = ""

    @property
    def words(self) -> str:
        """All of it on one line."""
        agreed = f", not {self.agreed}" if self.agreed else ""
        why = f" ({self.why})" if self.why else ""
        return f"{self.name}: {self.instead}{agreed}{why}"


class Ended(StrEnum):
    """What became of an attempt."""

    OK = "ok"  # the agent is done and left a change on its branch
    FAILED = "failed"  # counts against the attempts
    INTERRUPTED = "interrupted"  # killed with its coordinator, stopped, lost: does not count
