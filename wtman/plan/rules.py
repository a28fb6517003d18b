"""What every plan has to fulfil, whoever wrote it, as functions that raise UsageError.

Apart from `plan/file.py` because plans also come from quick tasks, planners and
scripts: those have no file and no lines, and are held to the same rules.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from wtman.errors import UsageError
from wtman.formats.durations import LONGEST
from wtman.formats.gitignore import can_both_match, flaw
from wtman.formats.toml_positions import Places
from wtman.model.graph import cycle, unordered
from wtman.model.places import place
from wtman.model.plan import Plan, Task
from wtman.model.settings import EFFORTS
from wtman.text.terminal import count
from wtman.text.words import did_you_mean, quoted

TOO_LARGE = "the plan needs at least"  # more sessions than there are
MOST_TEXT = 1024 * 1024
# Whether two tasks can own one path is asked of every pair of their patterns.
_MOST_PATTERNS, _LONGEST_PATTERN = 500, 1000
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_TEXTS = ("id", "title", "prompt", "expect", "agent", "model", "effort", "role")
_LISTS = ("owns", "touches", "needs", "tools", "reads", "check")


def require_sound(plan: Plan, where: Places) -> None:
    """Refuse what no run could make sense of."""
    if not plan.tasks:
        raise UsageError(
            f"{where.at()}the plan has no task", hint="add a [[task]] with an id and a prompt"
        )
    for key in ("request", "context"):
        _require_text(getattr(plan, key), key, where.at(key))
    _require_commands(plan.check, where.at("check"))
    _require_ids(plan.tasks, where)
    for number, task in enumerate(plan.tasks):
        _require_task(task, number, where)
    _require_needs(plan.tasks, where)


def least_sessions(plan: Plan, reviewers: int) -> int:
    """The sessions of a run in which everything goes well at once."""
    whole = bool(reviewers) and len(plan.tasks) > 1
    return len(plan.tasks) * (1 + reviewers) + whole + _leads(plan)


def _leads(plan: Plan) -> int:
    """The sessions that cut leads; each of these has one part at least."""
    return sum(task.lead for task in plan.tasks)


def require_capacity(plan: Plan, max_sessions: int, reviewers: int, where: Places) -> None:
    """Refuse a plan whose least number of sessions is over the limit."""
    least = least_sessions(plan, reviewers)
    if least <= max_sessions:
        return
    tasks = "1 task" if len(plan.tasks) == 1 else f"{len(plan.tasks)} tasks"
    more = f" + {leads} to cut leads" if (leads := _leads(plan)) else ""
    total = f"{tasks}{more} = {count(least, 'session')}"
    if reviewers:
        each = f"(1 author + {reviewers} reviewer{'s' * (reviewers > 1)})"
        whole = " + 1 for the whole" if len(plan.tasks) > 1 else ""
        total = f"{tasks} x {each}{whole}{more} = {count(least, 'session')}"
    allowed = "is allowed" if max_sessions == 1 else "are allowed"
    raise UsageError(
        f"{where.at()}{TOO_LARGE} {total}, but at most {max_sessions} {allowed}",
        hint="raise --max-sessions, or use fewer tasks",
    )


def overlaps(tasks: Sequence[Task]) -> Iterator[tuple[Task, Task, str]]:
    """Pairs that can own one path while neither needs the other, with such a path."""
    both = cache(can_both_match)  # of hundreds of tasks many own the same
    for one, other in unordered(tasks):
        example = both(one.owns, other.owns)
        if example is not None:
            yield one, other, example


def _require_ids(tasks: Sequence[Task], where: Places) -> None:
    seen: dict[str, int] = {}
    for number, task in enumerate(tasks):
        at = where.at("task", number, "id")
        first = seen.setdefault(task.id.casefold(), number)
        if first != number:
            line = where.line("task", first, "id")
            there = f" on line {line}" if line else ""
            raise UsageError(
                f"{at}task {quoted(task.id)}: the id is taken by task"
                f" {quoted(tasks[first].id)}{there}",
                hint="ids are unique without regard to case",
            )
        if not _ID.fullmatch(task.id):
            tidy = re.sub(r"[^a-z0-9]+", "-", task.id.lower()).strip("-")[:40].rstrip("-")
            if _ID.fullmatch(task.id.replace("_", "-")):
                raise UsageError(
                    f"{at}task {quoted(task.id)}: an id has no _, which names the parts of a lead",
                    hint=f'for example id = "{tidy}"',
                )
            raise UsageError(
                f"{at}task {quoted(task.id)}: the id is not 1 to 40 characters of a-z, 0-9 and -,"
                " starting with a letter or digit",
                hint=f'for example id = "{tidy}"' if tidy else "",
            )


def _require_task(task: Task, number: int, where: Places) -> None:
    name = f"task {quoted(task.id)}: "
    for key in _TEXTS:
        _require_text(getattr(task, key), key, where.at("task", number, key) + name)
    if not task.prompt.strip():
        raise UsageError(f"{where.at('task', number, 'prompt')}{name}the prompt is empty")
    if task.effort and task.effort not in EFFORTS:
        raise UsageError(
            f"{where.at('task', number, 'effort')}{name}there is no effort {quoted(task.effort)}"
            f"{did_you_mean(task.effort, EFFORTS)}",
            hint=f"one of {', '.join(EFFORTS)}",
        )
    for key in _LISTS:
        for text in getattr(task, key):
            _require_text(text, key, where.at("task", number, key) + name)
    for key in ("owns", "reads"):
        _require_patterns(getattr(task, key), key, where.at("task", number, key) + name)
    _require_places(task.touches, where.at("task", number, "touches") + name)
    _require_commands(task.check, where.at("task", number, "check") + name)
    if not 0 <= task.timeout <= LONGEST:
        raise UsageError(
            f"{where.at('task', number, 'timeout')}{name}timeout is not between 0 and 366 days"
        )


def _require_text(text: str, key: str, at: str) -> None:
    if "\0" in text:
        raise UsageError(f"{at}{key} holds a NUL character")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise UsageError(f"{at}{key} is not valid UTF-8") from None
    if size > MOST_TEXT:
        raise UsageError(
            f"{at}{key} is {size:,} bytes long; at most {MOST_TEXT:,} are allowed",
            hint="put long text into a file of the repository and name that",
        )


def _require_commands(commands: Iterable[str], at: str) -> None:
    for command in commands:
        _require_text(command, "check", at)
        if not command.strip():
            raise UsageError(f"{at}check has an empty command")


def _require_patterns(patterns: tuple[str, ...], key: str, at: str) -> None:
    if len(patterns) > _MOST_PATTERNS:
        raise UsageError(
            f"{at}{key} has {len(patterns):,} patterns; at most {_MOST_PATTERNS:,} are allowed",
            hint='name folders instead of files: "src/billing/**"',
        )
    for pattern in patterns:
        if len(pattern) > _LONGEST_PATTERN:
            raise UsageError(
                f"{at}{key} pattern {quoted(pattern)} has {len(pattern):,} characters; "
                f"at most {_LONGEST_PATTERN:,} are allowed"
            )
        if what := flaw(pattern):
            raise UsageError(
                f"{at}{key} pattern {quoted(pattern)} {what}", hint='for example "src/billing/**"'
            )
    if patterns and patterns[0].startswith("!"):
        raise UsageError(
            f"{at}{key} starts with {quoted(patterns[0])}, which excludes from nothing",
            hint=f'put what it excludes from in front: ["**", "{patterns[0]}"]',
        )


def _require_places(texts: tuple[str, ...], at: str) -> None:
    if len(texts) > _MOST_PATTERNS:
        raise UsageError(f"{at}touches has {len(texts):,} places; at most {_MOST_PATTERNS:,}")
    for text in texts:
        try:
            place(text)
        except ValueError as error:
            raise UsageError(
                f"{at}touches: {quoted(text)} {error}",
                hint='for example "src/app.py::App.run" or "src/app.py::after App.run"',
            ) from None


def _require_needs(tasks: Sequence[Task], where: Places) -> None:
    known = {task.id: number for number, task in enumerate(tasks)}
    for number, task in enumerate(tasks):
        for need in task.needs:
            if need not in known:
                raise UsageError(
                    f"{where.at('task', number, 'needs')}task {quoted(task.id)}: needs"
                    f" {quoted(need)}, which is not a task of this plan{did_you_mean(need, known)}"
                )
    ring = cycle(tasks)
    if ring:
        raise UsageError(
            f"{where.at('task', known[ring[0]], 'needs')}task {quoted(ring[0])}: the needs form a"
            f" cycle: {' -> '.join(ring)}",
            hint="remove one of these needs, or make one task of them",
        )
