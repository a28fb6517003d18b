"""What calls of a flow answer with: frozen values, and their form on the pipe.

On the pipe a value is JSON with one tag (`{"work": {...}}`); what carries no tag is plain JSON.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import date, datetime, time
from enum import Enum
from pathlib import PurePath
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from wtman.flow.errors import StepFailed, Unhashable
from wtman.flow.identity import NoJson, checked

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Work:
    """What a task has made: a branch, and the commit that it was at.

    `parent` is the commit that it started from. It is a value: later work is another Work.
    """

    task: str
    branch: str
    commit: str
    parent: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """A reviewer's claim. `verdict` is confirmed, refuted or no verdict.

    `proof` tells by what it was proved (its reproducer): two findings of one proof are one.
    """

    title: str
    id: str = ""
    severity: str = "major"
    path: str = ""
    line: int | None = None
    why: str = ""
    verdict: str = ""
    reproduce: str = ""
    proof: str = ""


@dataclass(frozen=True, slots=True)
class Review:
    """What reviewers found in some works; each finding is in one of the three tuples."""

    confirmed: tuple[Finding, ...] = ()
    concerns: tuple[Finding, ...] = ()  # claimed without an executable proof
    no_verdict: tuple[Finding, ...] = ()  # nobody could tell

    def as_prompt(self) -> str:
        """The confirmed findings as a prompt for the session that mends them."""
        lines = ["Reviewers proved these problems. Fix each of them; change nothing else."]
        for number, found in enumerate(self.confirmed, 1):
            place = f"{found.path}:{found.line}" if found.line else found.path
            lines += ["", f"{number}. {found.title}" + (f" ({place})" if place else "")]
            lines += [f"   {text}" for text in found.why.splitlines()]
            if found.reproduce:
                lines.append(f"   Reproduce: {found.reproduce}")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Excluded:
    """A branch that is not in a train, and why; `partners` are those it fails together with."""

    task: str
    reason: str
    partners: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Train:
    """Works put together on the base and checked as one tree.

    `landed` are ids of tasks, in their order. Later sessions can start from `work`; it is None
    where nothing is left of the train.
    """

    landed: tuple[str, ...] = ()
    excluded: tuple[Excluded, ...] = ()
    work: Work | None = None


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended. `tests` maps names of tests to passed, failed, skipped or error."""

    status: int
    output: str = ""
    tests: Mapping[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return self.status == 0

    @property
    def failed(self) -> tuple[str, ...]:
        """The tests that did not pass."""
        return tuple(name for name, how in self.tests.items() if how in ("failed", "error"))


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """What became of one item of a fan-out: `value`, or the `error` that ended it."""

    item: Any
    value: T | None = None
    error: Exception | None = None

    @property
    def ok(self) -> bool:
        return self.error is None


class Outcomes(tuple[Outcome[T], ...]):
    """All outcomes of a fan-out, in the order of its items."""

    @property
    def values(self) -> list[T]:
        """What the items that went well came to, in order."""
        return [outcome.value for outcome in self if outcome.ok]  # type: ignore[misc]

    @property
    def failed(self) -> list[Outcome[T]]:
        """The items that did not."""
        return [outcome for outcome in self if not outcome.ok]


def plain(value: Any, where: str = "") -> Any:
    """The value as it goes over the pipe. Raises Unhashable, naming `where`."""
    try:
        found = _plain(value, where)
        checked(found, where)
    except NoJson as error:
        raise Unhashable(
            f"{error}; give text, numbers, lists, dicts, dataclasses or pydantic models"
        ) from None
    return found


def _plain(value: Any, where: str) -> Any:
    match value:
        case Work():
            return {"work": reference(value) | {"branch": value.branch} | _rest_of(value)}
        case Train():
            return {
                "train": {
                    "landed": list(value.landed),
                    "excluded": [
                        {"task": it.task, "reason": it.reason}
                        | {"with": list(it.partners), "paths": list(it.paths)}
                        for it in value.excluded
                    ],
                    "work": None if value.work is None else _plain(value.work, where)["work"],
                }
            }
        case Review():
            groups = ("confirmed", "concerns", "no_verdict")
            return {"review": {name: _plain(getattr(value, name), where) for name in groups}}
        case Ran():
            tests = dict(value.tests)
            return {"ran": {"status": value.status, "output": value.output, "tests": tests}}
        case Outcome():
            item = {"item": _plain(value.item, where), "ok": value.ok}
            ended = {"value": _plain(value.value, where)} if value.ok else {"error": _said(value)}
            return {"outcome": item | ended}
        case BaseModel():
            return value.model_dump(mode="json")
        case Enum():
            return _plain(value.value, where)
        case PurePath():
            return str(value)
        case datetime() | date() | time():
            return value.isoformat()
        case Mapping():
            return {name: _plain(item, f"{where}.{name}") for name, item in value.items()}
        case list() | tuple():
            return [_plain(item, f"{where}[{number}]") for number, item in enumerate(value)]
        case _ if is_dataclass(value) and not isinstance(value, type):
            return {
                it.name: _plain(getattr(value, it.name), f"{where}.{it.name}")
                for it in fields(value)
            }
    return value


def reference(work: Work) -> dict[str, str]:
    """How a work is named inside the spec of a call."""
    return {"task": work.task, "commit": work.commit}


def _rest_of(work: Work) -> dict[str, str]:
    return {"parent": work.parent, "title": work.title}


def _said(outcome: Outcome[Any]) -> str:
    return f"{type(outcome.error).__name__}: {outcome.error}"


def value_of(sent: Any) -> Any:
    """The value that came over the pipe, lists of tagged ones included."""
    if isinstance(sent, list):
        return [value_of(item) for item in sent]
    if not isinstance(sent, dict) or len(sent) != 1:
        return sent
    [(tag, held)] = sent.items()
    if not isinstance(held, dict):
        return sent
    match tag:
        case "work":
            return _work(held)
        case "review":
            return Review(**{name: _findings(held.get(name)) for name in Review.__slots__})
        case "train":
            return Train(
                landed=tuple(held.get("landed") or ()),
                excluded=tuple(_excluded(item) for item in held.get("excluded") or ()),
                work=_work(held["work"]) if held.get("work") else None,
            )
        case "ran":
            return Ran(held["status"], held.get("output") or "", held.get("tests") or {})
    return sent


def _work(held: Mapping[str, Any]) -> Work:
    return Work(**{it.name: held.get(it.name) or "" for it in fields(Work)})


def _findings(held: Any) -> tuple[Finding, ...]:
    names = [it.name for it in fields(Finding)]
    return tuple(
        Finding(**{name: item[name] for name in names if name in item}) for item in held or ()
    )


def _excluded(held: Mapping[str, Any]) -> Excluded:
    partners, paths = tuple(held.get("with") or ()), tuple(held.get("paths") or ())
    return Excluded(held["task"], held.get("reason") or "", partners, paths)


def works_of(values: Any, call: str) -> list[Work]:
    """Each Work of what a call was given: works, trains, or lists of them."""
    return list(_works(values, call))


def _works(values: Any, call: str) -> Iterator[Work]:
    if isinstance(values, Work):
        yield values
    elif isinstance(values, Train):
        if values.work is None:
            raise StepFailed(f"flow.{call}: nothing is left of the train", reason="empty")
        yield values.work
    elif isinstance(values, list | tuple):
        for value in values:
            yield from _works(value, call)
    else:
        raise TypeError(f"flow.{call} takes works, not {type(values).__name__}")


def shown(value: Any) -> str:
    """What a person is shown of a value, as a few lines of text."""
    match value:
        case None:
            return ""
        case str():
            return value
        case Outcome():
            how = shown(value.value) if value.ok else _said(value)
            return f"{shown(value.item)}: {'' if value.ok else 'failed: '}{how}"
        case Work():
            return value.title or value.task
        case Finding():
            return f"{value.title} ({value.verdict or value.severity})"
        case Train():
            left = [f"not merged: {it.task} ({it.reason})" for it in value.excluded]
            return "\n".join([f"merged: {', '.join(value.landed) or 'nothing'}", *left])
        case Review():
            found = (*value.confirmed, *value.concerns, *value.no_verdict)
            return "\n".join(map(shown, found)) or "no findings"
        case list() | tuple():
            return "\n".join(map(shown, value))
    return str(plain(value, "show"))
