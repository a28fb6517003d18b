"""What reviewers and refuters answer: the schema they are given, and claims of what they said.

A claim is data from outside, and a reviewer may be any program: one that says null for what it
has not got, or more than it was asked, does no harm, and a malformed finding
spoils no other. A refuter is held to the letter. Import this late: pydantic takes its time.
"""

from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SkipValidation,
    StringConstraints,
    ValidationError,
    WrapValidator,
)

from wtman.formats.json_answers import problems_of
from wtman.model.finding import Claim, Reproducer
from wtman.model.ids import TaskId

_MOST_CLAIMS = 50
_TITLE, _WHY, _PATH, _COMMAND, _PATCH = 200, 4000, 1000, 4000, 256 * 1024  # characters


def _else(missing: Any) -> WrapValidator:
    """What is not of its type is taken to be missing."""

    def read(value: Any, strictly: Any) -> Any:
        try:
            return strictly(value)
        except ValidationError:
            return missing

    return WrapValidator(read)


def _named(title: str) -> str:
    if not title.strip():
        raise ValueError("is empty")
    return title.strip()


def _runnable(command: str) -> str:
    if "\0" in command:
        raise ValueError("no program takes a NUL")
    return command


def _asks(*required: str) -> ConfigDict:
    """More than is insisted on: `additionalProperties` and `required` are what is asked for."""
    return ConfigDict(json_schema_extra={"additionalProperties": False, "required": [*required]})


class ReproducerAnswer(BaseModel):
    """A patch that only adds tests, and the command that runs them."""

    model_config = _asks("command")

    command: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=_COMMAND),
        AfterValidator(_runnable),
    ]
    patch: Annotated[str | None, Field(max_length=_PATCH)] = ""


class FindingAnswer(BaseModel):
    """One claim that something is wrong."""

    model_config = _asks("title", "severity", "branches", "why")

    title: Annotated[str, AfterValidator(_named)]
    severity: Annotated[Literal["blocker", "major", "minor"], _else("minor")] = "minor"
    branches: Annotated[
        list[str], _else([]), BeforeValidator(lambda one: [one] if isinstance(one, str) else one)
    ] = []
    why: Annotated[str, _else("")] = ""
    path: Annotated[str, _else("")] = ""
    line: Annotated[int, Field(strict=True, ge=0), _else(0)] = 0
    reproducer: SkipValidation[ReproducerAnswer | None] = None  # `reproducer_of` reads it


class ReviewAnswer(BaseModel):
    """What a reviewer says."""

    model_config = _asks("findings")

    findings: list[SkipValidation[FindingAnswer]]  # `claims_of` reads each by itself


class RefutationAnswer(BaseModel):
    """What a refuter says of a claim."""

    model_config = ConfigDict(extra="forbid")

    answer: Literal["refuted", "confirmed", "cannot tell"]
    evidence: str
    reproducer: SkipValidation[ReproducerAnswer | None] = None


def claims_of(
    answer: ReviewAnswer, members: Collection[TaskId], branches: Mapping[str, TaskId]
) -> tuple[tuple[Claim, ...], tuple[str, ...]]:
    """The well-formed claims of an answer, and what is wrong with the others.

    A branch may be named by its task or its ref. A claim about no branch, or about ones that
    the reviewer did not see, is taken to be about all that it did see.
    """
    claims: list[Claim] = []
    wrong: list[str] = []
    for number, item in enumerate(answer.findings, 1):
        if len(claims) >= _MOST_CLAIMS:
            wrong.append(f"only the first {_MOST_CLAIMS} findings are taken")
            break
        try:
            found = FindingAnswer.model_validate(item)
        except ValidationError as error:
            wrong.append(f"finding {number}: {problems_of(error.errors())[0]}")
            continue
        reproducer, problem = reproducer_of(found.reproducer)
        if problem:
            wrong.append(f"finding {number}: its reproducer cannot be used: {problem}")
        named = {branches.get(name, name) for name in found.branches}
        claims.append(
            Claim(
                title=found.title[:_TITLE],
                severity=found.severity,
                branches=tuple(name for name in members if name in named) or tuple(members),
                why=found.why.strip()[:_WHY],
                path=found.path.strip()[:_PATH],
                line=found.line,
                reproducer=reproducer,
            )
        )
    return tuple(claims), tuple(wrong)


def reproducer_of(proof: object) -> tuple[Reproducer | None, str]:
    """The reproducer in an answer, if there is one, and what is wrong with it."""
    if not proof:
        return None, ""
    try:
        read = ReproducerAnswer.model_validate(proof)
    except ValidationError as error:
        return None, problems_of(error.errors())[0]
    return Reproducer(read.command, read.patch or ""), ""
