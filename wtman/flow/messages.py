"""What a script may say over its pipe, as frozen values: the types are the rules.

The script's process is hostile. What these types do not allow is refused by pipe.py.
"""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

_STRICT = ConfigDict(extra="forbid", strict=True)

Name = Annotated[str, Field(min_length=1, max_length=300)]
Short = Annotated[str, Field(max_length=2_000)]
Text = Annotated[str, Field(max_length=1_000_000)]
Scope = Annotated[tuple[Name, ...], Field(max_length=40)]
# For people: what a call stands in, outermost first, each segment with its kind.
Path = Annotated[
    tuple[tuple[Literal["phase", "scope", "flow", "map", "item", "round"], Name], ...],
    Field(max_length=240),
]
Number = Annotated[int, Field(ge=0, le=1_000_000)]
Id = Annotated[int, Field(ge=1, le=10_000_000)]
Names = Annotated[tuple[Short, ...], Field(max_length=10_000)]
Seconds = Annotated[float, Field(gt=0, le=10_000_000, allow_inf_nan=False)]
Amount = Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)]
Sha = Annotated[str, Field(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$")]
Kind = Literal["session", "ask", "command", "review", "merge", "approve", "plan"]


@dataclass(frozen=True, slots=True, config=_STRICT)
class WorkRef:
    """A work as a call names it."""

    task: Name
    commit: Sha


@dataclass(frozen=True, slots=True, config=_STRICT)
class SessionSpec:
    prompt: Text
    on: WorkRef | None
    needs: Annotated[tuple[WorkRef, ...], Field(max_length=5_000)]
    owns: Names
    expect: Text | None
    role: Name
    agent: Short | None
    model: Short | None
    effort: Short | None
    tools: Names | None
    context: Text
    check: bool


@dataclass(frozen=True, slots=True, config=_STRICT)
class AskSpec:
    prompt: Text
    returns: dict[str, Any] | None  # a JSON schema
    at: WorkRef | None
    role: Name
    agent: Short | None
    model: Short | None
    effort: Short | None
    tools: Names | None
    context: Text


@dataclass(frozen=True, slots=True, config=_STRICT)
class CommandSpec:
    argv: Annotated[tuple[Text, ...], Field(min_length=1, max_length=10_000)]
    at: WorkRef | None


@dataclass(frozen=True, slots=True, config=_STRICT)
class ReviewSpec:
    works: Annotated[tuple[WorkRef, ...], Field(max_length=5_000)]  # none: the base
    lenses: Names | None
    reviewers: Annotated[int, Field(ge=1, le=20)]


@dataclass(frozen=True, slots=True, config=_STRICT)
class MergeSpec:
    works: Annotated[tuple[WorkRef, ...], Field(min_length=1, max_length=5_000)]
    checks: Names | None


@dataclass(frozen=True, slots=True, config=_STRICT)
class ApproveSpec:
    question: Text
    options: Annotated[tuple[Name, ...], Field(min_length=2, max_length=50)]
    show: Text


@dataclass(frozen=True, slots=True, config=_STRICT)
class PlanSpec:
    prompt: Text
    needs: Annotated[tuple[WorkRef, ...], Field(max_length=5_000)]
    owns: Names
    expect: Text | None
    agent: Short | None
    model: Short | None
    effort: Short | None
    context: Text


Spec = SessionSpec | AskSpec | CommandSpec | ReviewSpec | MergeSpec | ApproveSpec | PlanSpec


@dataclass(frozen=True, slots=True, config=_STRICT)
class StepLimits:
    """What bounds a step without being part of its key; None where the run's own holds."""

    timeout: Seconds | None = None
    usd: Amount | None = None
    attempts: Annotated[int, Field(ge=1, le=100)] | None = None


@dataclass(frozen=True, slots=True, config=_STRICT)
class ScriptCall:
    """A step is asked for. `given` is the canonical JSON of `spec`, for journal and key."""

    call: Id
    kind: Kind
    scope: Scope
    number: Number
    key: Name | None
    spec: Spec
    title: Annotated[str, Field(max_length=300)]
    limits: StepLimits
    given: str
    path: Path = ()


@dataclass(frozen=True, slots=True, config=_STRICT)
class Announcement:
    """A fan-out of this many items is about to begin, and waits for an answer."""

    announce: Id
    scope: Scope
    items: Annotated[int, Field(ge=1, le=4_096)]
    name: Short
    path: Path = ()


@dataclass(frozen=True, slots=True, config=_STRICT)
class FileRead:
    """The text of a file is asked for; of the base without `at`."""

    read: Id
    path: Annotated[str, Field(min_length=1, max_length=4_096)]
    at: Sha | None = None


@dataclass(frozen=True, slots=True, config=_STRICT)
class FileSearch:
    """The paths that fit a pattern are asked for, those with `containing` in them."""

    files: Id
    glob: Annotated[str, Field(min_length=1, max_length=4_096)]
    containing: Short | None
    at: Sha | None = None


@dataclass(frozen=True, slots=True, config=_STRICT)
class FlowLoad:
    """The text of another flow is asked for, by its name."""

    load: Id
    flow: Name


@dataclass(frozen=True, slots=True, config=_STRICT)
class LogLine:
    log: Annotated[str, Field(max_length=10_000)]
    scope: Scope


@dataclass(frozen=True, slots=True, config=_STRICT)
class PhaseLine:
    phase: Annotated[str, Field(max_length=200)]
    scope: Scope


@dataclass(frozen=True, slots=True, config=_STRICT)
class FailureLine:
    """An item of a fan-out, named by the path, came to nothing and is kept with its error."""

    failed: Short
    path: Path


@dataclass(frozen=True, slots=True, config=_STRICT)
class IdleLine:
    """The script rests: it has taken in so many lines, and nothing goes on before the next."""

    idle: Id


@dataclass(frozen=True, slots=True, config=_STRICT)
class SourceLine:
    """A line of the script that an error went through."""

    file: Short
    line: Number
    text: Short


@dataclass(frozen=True, slots=True, config=_STRICT)
class Returned:
    """`main` returned. `works` are those in the value, in order: what may be landed."""

    value: Any
    works: tuple[WorkRef, ...]


@dataclass(frozen=True, slots=True, config=_STRICT)
class Raised:
    """The script ended by an error; `lines` are its own, the innermost last."""

    type: Name
    message: Annotated[str, Field(max_length=20_000)]
    lines: Annotated[tuple[SourceLine, ...], Field(max_length=20)]


Question = Announcement | FileRead | FileSearch | FlowLoad
Told = LogLine | PhaseLine | FailureLine | IdleLine
Message = ScriptCall | Question | Told | Returned | Raised
