"""The plan file: TOML text to a `Plan` and back, and what makes a plan acceptable.

A plan is written by people, planners and programs, so everything in it is
suspect: whatever `parse` or `validate` refuses is a UsageError that names the
file, the line and the task. `parse` accepts exactly the keys of SPEC section 3, which are
the fields of `Plan` and those of `Task` that are not `OF_RUN`; `validate` adds what depends
on the run (limits, overlapping ownership). Plans that did not come from a file go through
`validate` too, without lines.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import Field, fields
from typing import TYPE_CHECKING, Any

from wtman.errors import UsageError
from wtman.formats.codec import from_plain, to_plain
from wtman.formats.gitignore import can_both_match
from wtman.formats.toml import read_toml
from wtman.formats.toml_positions import Places
from wtman.model.check import CheckCommand
from wtman.model.ids import TaskId
from wtman.model.plan import OF_RUN, Plan, Task, TaskProof
from wtman.plan.rules import overlaps, require_capacity, require_sound
from wtman.text.words import did_you_mean, listed, quoted

if TYPE_CHECKING:
    from pydantic_core import CoreSchema, ValidationError

_MOST_NAMED = 10
MOST_TASKS = 10_000
_MOST_SLUG = 32


def parse(text: bytes | str, name: str) -> Plan:
    """The plan in a TOML text; `name` is what messages call the file."""
    return from_document(*read_toml(text, name))


def locate(text: bytes | str, name: str) -> Places:
    """On which lines the tasks of a plan file stand, for `validate`."""
    return read_toml(text, name)[1]


def dump(plan: Plan) -> str:
    """The plan as a text that `parse` reads back to an equal plan, without what is at its default.

    Meant to be read and edited: long texts on lines of their own.
    """
    import tomli_w

    plain = {"request": plan.request, **plan_plain(plan)}
    tables = [plain, *plain.pop("tasks")]
    for table in tables:
        if float(table.get("timeout", 0.5)).is_integer():
            table["timeout"] = int(table["timeout"])
    # On lines of its own a text would lose its carriage returns.
    lines = "\\r" not in repr(plan)

    def written(table: dict[str, Any]) -> str:
        proofs = table.pop("proofs", [])
        texts = [table, *proofs]
        return "\n[[task.proofs]]\n".join(
            tomli_w.dumps(one, multiline_strings=lines) for one in texts
        )

    return "\n[[task]]\n".join(map(written, tables))


def plan_plain(plan: Plan) -> dict[str, Any]:
    """A plan in plain values, as a file has them."""
    return {**_checks_apart(to_plain(plan)), "tasks": [task_plain(task) for task in plan.tasks]}


def task_plain(task: Task) -> dict[str, Any]:
    """A task in plain values, as a file has them."""
    return _checks_apart(to_plain(task))


def _checks_apart(plain: dict[str, Any]) -> dict[str, Any]:
    """With the folder of each check in a key of its own."""
    if "check" not in plain:
        return plain
    return plain | {"check": [CheckCommand.of(text).plain for text in plain["check"]]}


def from_document(document: Mapping[str, Any], where: Places) -> Plan:
    """The plan in the plain values that TOML or JSON give."""
    from pydantic_core import SchemaValidator, ValidationError, core_schema

    from wtman.config import kinds

    tasks = document.get("task")
    if isinstance(tasks, list) and len(tasks) > MOST_TASKS:
        raise UsageError(f"{where.at()}the plan has {len(tasks):,} tasks; at most {MOST_TASKS:,}")
    keys = {item.name: _kind(item) for item in fields(Task) if item.name not in OF_RUN}
    task = kinds.record(keys, ("id", "prompt"))
    top = {item.name: _kind(item) for item in fields(Plan) if item.name != "tasks"}
    schema = kinds.record({**top, "task": core_schema.list_schema(task)}, ())
    try:
        plain = SchemaValidator(schema).validate_python(document)
    except ValidationError as error:
        raise _refused(error, document, where) from None
    plan: Plan = from_plain(Plan, {"request": "", **plain, "tasks": plain.pop("task", ())})
    require_sound(plan, where)
    return plan


def _kind(item: "Field[Any]") -> "CoreSchema":
    """What a file may say for a field of `Plan` or `Task`."""
    from wtman.config import kinds

    if item.name == "check":
        return kinds.several(kinds.CHECK)
    if item.name == "proofs":
        keys = {one.name: kinds.TEXT for one in fields(TaskProof)}
        return kinds.several(kinds.record(keys, ("command",)))
    if item.type is float:
        return kinds.TIME
    if item.type is bool:
        return kinds.SWITCH
    return kinds.TEXT if item.type in (str, TaskId) else kinds.texts(kinds.TEXT)


def _refused(error: "ValidationError", document: Mapping[str, Any], where: Places) -> UsageError:
    """The first refusal, with its line and its task."""
    from wtman.config.kinds import refusal

    path, kind, what = refusal(error)
    name, known = "", _names(Plan)
    match path:
        case ("task", int(number), *_):
            given = document["task"][number]
            known_by = given.get("id") if isinstance(given, dict) else None
            name = f"task {quoted(known_by) if isinstance(known_by, str) else number + 1}: "
            known = _names(Task)
    *_, key = (part for part in path if isinstance(part, str))
    at = where.at(*path) + name
    if kind == "extra_forbidden":
        near = did_you_mean(key, known)
        hint = f"known keys: {', '.join(known)}"
        return UsageError(f"{at}unknown key {quoted(key)}{near}", hint=hint)
    if kind == "missing":
        return UsageError(f"{at}has no {key}")
    if key == "task":
        return UsageError(f"{where.at('task')}tasks are written as [[task]]")
    return UsageError(f"{at}{key}: {what}")


def _names(kind: type[Plan] | type[Task]) -> tuple[str, ...]:
    names = (item.name for item in fields(kind) if kind is Plan or item.name not in OF_RUN)
    return tuple("task" if name == "tasks" else name for name in names)


def validate(
    plan: Plan,
    *,
    max_sessions: int,
    allow_overlap: bool,
    reviewers: int = 0,
    where: Places | None = None,
    added: Collection[TaskId] | None = None,
) -> tuple[str, ...]:
    """Refuse a plan that cannot be run as asked; returns the warnings. `added`: only these tasks
    are new, what the others own has been judged."""
    where = where or Places()
    require_sound(plan, where)
    require_capacity(plan, max_sessions, reviewers, where)
    found = tuple(
        pair
        for pair in overlaps(plan.tasks)
        if added is None or pair[0].id in added or pair[1].id in added
    )
    place = {task.id: number for number, task in enumerate(plan.tasks)}

    def words(pair: tuple[Task, Task, str]) -> str:
        one, other, example = pair
        return (
            f"{where.at('task', place[one.id])}tasks {quoted(one.id)} and {quoted(other.id)}"
            f" both own {_shared(one, other, example)}, and neither needs the other"
            f"{_unanchored(one, other)}"
        )

    if found and not allow_overlap:
        others = f"; {len(found) - 1} more pairs overlap too" if len(found) > 1 else ""
        raise UsageError(
            words(found[0]) + others,
            hint="narrow their `owns`, let one need the other, or pass --allow-overlap",
        )
    # Tasks that own everything are named once, not in pairs.
    whole = [pair for pair in found if not (pair[0].owns or pair[1].owns)]
    narrow = [pair for pair in found if pair[0].owns or pair[1].owns]
    said = []
    if whole:
        free = list(dict.fromkeys(task.id for one, other, _ in whole for task in (one, other)))
        said.append(f"{listed(free, _MOST_NAMED)} own everything, and none of them needs another")
    said += map(words, narrow[:_MOST_NAMED])
    if len(narrow) > _MOST_NAMED:
        said.append(f"{len(narrow) - _MOST_NAMED} more pairs of tasks overlap")
    return tuple(said)


def _unanchored(one: Task, other: Task) -> str:
    """The way out where two tasks meet only by names that match in every folder."""
    loose = [text for task in (one, other) for text in task.owns if _is_loose(text)]
    if not loose or can_both_match(_anchored(one.owns), _anchored(other.owns)) is not None:
        return ""
    name = loose[0].rstrip("/")
    return f'; "{name}" matches in every folder: write "/{name}" for the one in the root'


def _anchored(owns: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"/{text}" if _is_loose(text) else text for text in owns)


def _is_loose(pattern: str) -> bool:
    """Whether it is a name without a folder: of a file or folder anywhere."""
    return "/" not in pattern.rstrip("/") and pattern[:1] not in ("!", "*", "")


def _shared(one: Task, other: Task, example: str) -> str:
    """What two tasks both own, in words; a task without `owns` owns everything."""
    return quoted(example) if one.owns or other.owns else "everything"


def quick_task(text: str, word: str = "--task") -> Task:
    """The task in an "ID: PROMPT" of the command line, which stands behind `word`."""
    head, _, prompt = text.partition(":")
    if not head.strip() or not prompt.strip():
        raise UsageError(
            f"{word} {quoted(text)} is not of the form ID: PROMPT",
            hint=f'for example {word} "docs: describe the new flag in README.md"',
        )
    task = Task(id=TaskId(head.strip()), prompt=prompt.strip())
    require_sound(Plan(request="", tasks=(task,)), Places(word))
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
