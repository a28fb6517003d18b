"""The plan file: TOML text to a `Plan` and back, and what makes a plan acceptable.

A plan is written by people, planners and programs, so everything in it is
suspect: whatever `parse` or `validate` refuses is a UsageError that names the
file, the line and the task. `parse` accepts exactly the keys of SPEC section 3;
`validate` adds what depends on the run (limits, overlapping ownership). Plans
that did not come from a file go through `validate` too, without lines.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from wtman.errors import UsageError
from wtman.formats.durations import seconds
from wtman.formats.toml import read_toml
from wtman.formats.toml_positions import Places
from wtman.model.ids import TaskId
from wtman.model.plan import Plan, Task
from wtman.plan.dump import dump
from wtman.plan.rules import overlaps, require_capacity, require_sound
from wtman.text.words import did_you_mean, quoted

__all__ = ["dump", "from_document", "locate", "parse", "quick_task", "slug", "validate"]

_PLAN_KEYS = ("request", "context", "check", "task")
_TEXT_KEYS = ("id", "title", "prompt", "expect", "agent", "model", "effort", "role")
_TASK_KEYS = (*_TEXT_KEYS, "owns", "needs", "tools", "reads", "check", "timeout", "may_be_empty")
_MOST_NAMED = 10
_MOST_SLUG = 32


def parse(text: bytes | str, name: str) -> Plan:
    """The plan in a TOML text; `name` is what messages call the file."""
    return from_document(*read_toml(text, name))


def locate(text: bytes | str, name: str) -> Places:
    """On which lines the tasks of a plan file stand, for `validate`."""
    return read_toml(text, name)[1]


def from_document(document: Mapping[str, Any], where: Places) -> Plan:
    """The plan in the plain values that TOML or JSON give."""
    top = _Table(document, where, (), "")
    top.require_known(_PLAN_KEYS)
    tables = document.get("task", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise UsageError(f"{where.at('task')}tasks are written as [[task]]")
    plan = Plan(
        request=top.text("request"),
        context=top.text("context"),
        check=top.texts("check", single=True),
        tasks=tuple(_task(table, where, number) for number, table in enumerate(tables)),
    )
    require_sound(plan, where)
    return plan


def validate(
    plan: Plan,
    *,
    max_sessions: int,
    allow_overlap: bool,
    reviewers: int = 0,
    where: Places | None = None,
) -> tuple[str, ...]:
    """Refuse a plan that cannot be run as asked; returns the warnings."""
    where = where or Places()
    require_sound(plan, where)
    require_capacity(plan, max_sessions, reviewers, where)
    found = tuple(overlaps(plan.tasks))
    place = {task.id: number for number, task in enumerate(plan.tasks)}
    said = [
        f"{where.at('task', place[one.id])}tasks {quoted(one.id)} and {quoted(other.id)}"
        f" both own {_shared(one, other, example)}, and neither needs the other"
        for one, other, example in found[:_MOST_NAMED]
    ]
    if found and not allow_overlap:
        others = f"; {len(found) - 1} more pairs overlap too" if len(found) > 1 else ""
        raise UsageError(
            said[0] + others,
            hint="narrow their `owns`, let one need the other, or pass --allow-overlap",
        )
    if len(found) > _MOST_NAMED:
        said.append(f"{len(found) - _MOST_NAMED} more pairs of tasks overlap")
    return tuple(said)


def _shared(one: Task, other: Task, example: str) -> str:
    """What two tasks both own, in words; a task without `owns` owns everything."""
    return quoted(example) if one.owns or other.owns else "everything"


def quick_task(text: str) -> Task:
    """The task in an "ID: PROMPT" of the command line."""
    head, _, prompt = text.partition(":")
    if not head.strip() or not prompt.strip():
        raise UsageError(
            f"--task {quoted(text)} is not of the form ID: PROMPT",
            hint='for example --task "docs: describe the new flag in README.md"',
        )
    task = Task(id=TaskId(head.strip()), prompt=prompt.strip())
    require_sound(Plan(request="", tasks=(task,)), Places("--task"))
    return task


def slug(request: str) -> str:
    """A request as the readable part of a run id: [a-z0-9-], 1 to 32 characters."""
    import unicodedata

    plain = unicodedata.normalize("NFKD", request[:1000]).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z0-9]+", plain.lower())
    name = "".join(words[:1])[:_MOST_SLUG]
    for word in words[1:]:
        if len(name) + 1 + len(word) > _MOST_SLUG:
            break
        name += "-" + word
    return name or "run"


def _task(table: Mapping[str, Any], where: Places, number: int) -> Task:
    known_by = table.get("id")
    name = f"task {quoted(known_by)}: " if isinstance(known_by, str) else f"task {number + 1}: "
    entry = _Table(table, where, ("task", number), name)
    entry.require_known(_TASK_KEYS)
    for key in ("id", "prompt"):
        if key not in table:
            raise entry.error(f"has no {key}", key)
    return Task(
        **{key: entry.text(key) for key in _TEXT_KEYS},  # type: ignore[arg-type]
        owns=entry.texts("owns"),
        needs=tuple(TaskId(need) for need in entry.texts("needs")),
        tools=entry.texts("tools"),
        reads=entry.texts("reads"),
        check=entry.texts("check", single=True),
        timeout=entry.duration("timeout"),
        may_be_empty=entry.yes("may_be_empty"),
    )


class _Table:
    """A table of the document, read key by key with errors that say where."""

    def __init__(
        self, table: Mapping[str, Any], where: Places, path: tuple[str | int, ...], name: str
    ) -> None:
        self.table = table
        self.where = where
        self.path = path
        self.name = name

    def error(self, what: str, key: str, hint: str = "") -> UsageError:
        return UsageError(f"{self.where.at(*self.path, key)}{self.name}{what}", hint=hint)

    def require_known(self, known: Iterable[str]) -> None:
        for key in self.table:
            if key not in known:
                what = f"unknown key {quoted(key)}{did_you_mean(str(key), known)}"
                raise self.error(what, key, hint=f"known keys: {', '.join(known)}")

    def text(self, key: str) -> str:
        value = self.table.get(key, "")
        if not isinstance(value, str):
            raise self.error(f"{key} is no text", key, hint=f'write {key} = "..."')
        return value

    def texts(self, key: str, *, single: bool = False) -> tuple[str, ...]:
        value = self.table.get(key, [])
        if single and isinstance(value, str):
            value = [value]
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.error(f"{key} is no list of texts", key, hint=f'write {key} = ["..."]')
        return tuple(value)

    def yes(self, key: str) -> bool:
        value = self.table.get(key, False)
        if not isinstance(value, bool):
            raise self.error(f"{key} is neither true nor false", key)
        return value

    def duration(self, key: str) -> float:
        try:
            return seconds(self.table.get(key, 0))
        except ValueError as error:
            raise self.error(f"{key} {error}", key) from None
