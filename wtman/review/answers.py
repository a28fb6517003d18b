"""What reviewers and refuters answer: the schema they are given, and claims of what they said.

A claim is data from outside, and a reviewer may be any program: one that says null for what it
has not got, or more than it was asked, does no harm, and a malformed finding
spoils no other. A refuter is held to the letter. Import this late: pydantic takes its time.
"""

import re
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
from wtman.text.words import listed, shown

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
        list[SkipValidation[str]],  # `branches_of` reads each by itself
        _else([]),
        BeforeValidator(lambda one: one if isinstance(one, list | tuple) else [one] * bool(one)),
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
    answer: ReviewAnswer, members: Collection[TaskId], known: Mapping[str, TaskId]
) -> tuple[tuple[Claim, ...], tuple[str, ...]]:
    """The well-formed claims of an answer, and what is wrong with the others.

    A claim may be about any branches of the run; `known` has all of their names, in the order
    of the run. One that names none is about what the reviewer was shown, `members`; a name
    that no branch has is said.
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
        named, strange = branches_of(found.branches, members, known)
        if strange:
            of = listed(tuple(dict.fromkeys(known.values())))
            wrong.append(f"finding {number} names {listed(strange)}: the branches here are {of}")
        claims.append(
            Claim(
                title=found.title[:_TITLE],
                severity=found.severity,
                branches=named or tuple(members),
                why=found.why.strip()[:_WHY],
                path=found.path.strip().removeprefix("./")[:_PATH],
                line=found.line,
                reproducer=reproducer,
            )
        )
    return tuple(claims), tuple(wrong)


def branches_of(
    said: Collection[Any], members: Collection[TaskId], known: Mapping[str, TaskId]
) -> tuple[tuple[TaskId, ...], tuple[str, ...]]:
    """The branches that a reviewer names, in the order of the run, and names that none has.

    Understood are ids, names and refs of branches and their tips, in any case, and several
    of them in one text.
    """
    folded: dict[str, set[TaskId]] = {}
    for name, task in known.items():
        folded.setdefault(name.casefold(), set()).add(task)

    def look_up(name: str) -> set[TaskId]:
        if name in known:
            return {known[name]}
        plain = _REF.sub("", name.strip("\"'` \t")).casefold()
        if plain in _ALL:
            return set(members)
        found = folded.get(plain, set())
        if not found and _SHA.fullmatch(plain):
            found = {task for tip, task in known.items() if tip.startswith(plain)}
        return found if len(found) == 1 else set()

    named: set[TaskId] = set()
    strange: list[str] = []
    for item in said:
        if isinstance(item, dict):  # as the request has them
            item = item.get("task") or item.get("branch") or item.get("name") or item
        text = item.strip() if isinstance(item, str) else str(item)
        parts = [text] if look_up(text) else [part for part in _SEVERAL.split(text) if part]
        for part in parts:
            found = look_up(part)
            named |= found
            strange += [] if found else [shown(part)]
    order = dict.fromkeys(known.values())
    return tuple(task for task in order if task in named), tuple(dict.fromkeys(strange))


_REF = re.compile(r"^(?:refs/heads/|refs/remotes/[^/]+/|heads/|origin/)", re.IGNORECASE)
_SHA = re.compile(r"[0-9a-f]{7,64}")
_SEVERAL = re.compile(r"\s*[,;+&|]\s*|\s+and\s+|\s+with\s+|\s+")
_ALL = frozenset({"*", "all", "both"})


def reproducer_of(proof: object) -> tuple[Reproducer | None, str]:
    """The reproducer in an answer, if there is one, and what is wrong with it."""
    if not proof:
        return None, ""
    try:
        read = ReproducerAnswer.model_validate(proof)
    except ValidationError as error:
        return None, problems_of(error.errors())[0]
    return Reproducer(read.command, read.patch or ""), ""
