"""The plan: tasks, roles and identities as values."""

from hashlib import sha256

from wtman.model.ids import Sha, TaskId
from wtman.model.values import dataclass

DEEP = 3  # leads and parts, from a task of the plan to what has no parts


@dataclass(frozen=True, slots=True)
class TaskProof:
    """What shows a defect, and that a task has mended it: `command` fails on the base with the
    test that `patch` adds, and has to pass on the task's work with that very test."""

    command: str
    patch: str = ""
    finding: str = ""
    title: str = ""

    @property
    def key(self) -> str:
        """What makes two proofs the same."""
        return sha256(f"{self.command.strip()}\0{self.patch.strip()}".encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Task:
    """One unit of work with its own branch. Empty `owns` is the whole repository."""

    id: TaskId
    prompt: str
    title: str = ""
    owns: tuple[str, ...] = ()  # gitignore-style patterns
    touches: tuple[str, ...] = ()  # places that it will change (model/places.py), as foreseen
    needs: tuple[TaskId, ...] = ()
    expect: str = ""
    agent: str = ""
    model: str = ""
    effort: str = ""
    role: str = ""
    tools: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    check: tuple[str, ...] = ()  # replaces the plan's, where given
    proofs: tuple[TaskProof, ...] = ()  # judge it beside its checks
    timeout: float = 0.0  # seconds for one attempt; 0 = the run's
    may_be_empty: bool = False  # changing nothing is no failure
    lead: bool = False  # cut again when it starts: its parts together are its work
    # What only a run says of its tasks, never a plan file: the lead whose part it is.
    part_of: TaskId = TaskId("")
    # Of a step of a flow: its key and try, the commits of `needs` that it starts from, and what
    # its sessions may use up (attempts and dollars each, 0: as the run says).
    step: str = ""
    tips: tuple[Sha, ...] = ()
    attempts: int = 0
    unchecked: bool = False  # no check judges it
    usd: float = 0.0


# The fields of `Task` that a plan file has no keys for.
OF_RUN = frozenset({"part_of", "step", "tips", "attempts", "unchecked", "usd"})


@dataclass(frozen=True, slots=True)
class Plan:
    """The request cut into tasks. `check` and `context` hold for every task."""

    request: str
    tasks: tuple[Task, ...]
    context: str = ""
    check: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Issue:
    """The issue that a request comes from: its address, and how a commit names it (`#7`)."""

    url: str
    reference: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a commit is by, as the user's own git would say."""

    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Role:
    """What a session is there for: Markdown with front matter, from the user or from wtman.

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
