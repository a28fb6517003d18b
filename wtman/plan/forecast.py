"""What a plan will cost and where it will collide, said before a session starts.

Pure. Sessions, time, tokens and money are played through with what past sessions took
(`plan/simulation.py` with the table of `plan/attempts/table.py`); where fewer than five of a kind
are known they are unknown, and say what is missing. Conflicts are those of
`plan/conflicts/chance.py`. Stages are counted as if every task took equally long.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from functools import cache
from heapq import heappop, heappush
from itertools import islice

from wtman.formats.gitignore import matches, owned
from wtman.model.foreseen import Spread
from wtman.model.graph import critical, critical_path, dependents, order
from wtman.model.ids import TaskId
from wtman.model.places import place
from wtman.model.plan import Plan, Role, Task
from wtman.model.roles import (
    DEFAULT,
    PLANNER,
    REFUTER,
    REPAIRER,
    REVIEWER,
    agent_of,
    agent_of_task,
    effort_of,
    model_of,
    role_of,
)
from wtman.model.settings import Settings
from wtman.model.values import dataclass
from wtman.plan.attempts.table import FIVE, Attempts, SessionKind, spread_of, wanted
from wtman.plan.conflicts.chance import PairChance
from wtman.plan.rules import least_sessions, overlaps
from wtman.plan.simulation import ExtraPast, SessionPast, Slots, TaskPast, seed_of, simulated
from wtman.text.terminal import roughly

_MOST_NAMED = 5
_FINE = 3  # tasks a file or definition that are many
# A plan is better not split where more than this part of its work waits for the other, where more
# than one task in so many is to meet a conflict, and only what is at least as likely counts there.
_SERIAL, _CONFLICTS, _LIKELY = 0.7, 3, 0.2


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a run will be like, and what to know before saying yes to it.

    `conflicts` has every pair that may run side by side, the likeliest first. `against` says why
    the request is better not split; empty: it is worth it.
    """

    sessions_least: int
    sessions_most: int
    waves: tuple[tuple[TaskId, ...], ...]
    critical_path: tuple[TaskId, ...]
    advice: tuple[str, ...]
    against: tuple[str, ...] = ()
    conflicts: tuple[PairChance, ...] = ()
    sessions: Spread = Spread()
    seconds: Spread = Spread()
    tokens: Spread = Spread()
    usd: Spread = Spread()
    depth: int = 1  # tasks of the longest chain of needs: no run has fewer stages

    @property
    def worth_splitting(self) -> bool:
        """Whether nothing speaks for doing it as one task."""
        return not self.against

    @property
    def predicted(self) -> tuple[PairChance, ...]:
        """The pairs of which a conflict is more likely than not."""
        return tuple(pair for pair in self.conflicts if pair.predicted)


@dataclass(frozen=True, slots=True)
class Past:
    """What is known before a plan runs: past sessions, the chances of its pairs, the roles as the
    run assigns them, and the agents of its reviewers, in turn."""

    attempts: Attempts = Attempts()
    chances: Sequence[PairChance] = ()
    roles: Mapping[str, Role] = field(default_factory=dict)
    reviewers: Sequence[str] = ()
    overlaps: Sequence[tuple[Task, Task, str]] | None = None  # as `rules` has them, where known


@dataclass(frozen=True, slots=True)
class _Chain:
    """The chain of tasks that takes longest, and its share of the time of all, one by one."""

    tasks: tuple[TaskId, ...]
    share: float


def forecast(plan: Plan, settings: Settings, files: Sequence[str], past: Past = Past()) -> Forecast:
    """Foretell a run of a sound plan over a repository with these tracked files."""
    chain, pairs = _longest(plan, settings, past), past.overlaps
    if pairs is None:
        pairs = tuple(overlaps(plan.tasks))
    played = _played(plan, settings, past)
    free = [pair for pair in past.chances if pair.chance]
    against = tuple(_reasons_against(plan, settings, past, chain, len(pairs), free))
    return Forecast(
        sessions_least=least_sessions(plan, len(past.reviewers)),
        sessions_most=_most_sessions(plan, settings, len(past.reviewers)),
        waves=waves(plan.tasks, settings.jobs),
        critical_path=chain.tasks,
        advice=(*against, *_remarks(plan.tasks, chain.tasks, pairs, sorted(files))),
        against=against,
        conflicts=tuple(sorted(free, key=lambda pair: -pair.chance)),
        depth=max(critical(plan.tasks).values(), default=1),
        **played,
    )


def waves(tasks: Sequence[Task], jobs: int) -> tuple[tuple[TaskId, ...], ...]:
    """Who runs together if every task takes equally long; the longest chains go first."""
    rank, users = critical(tasks), dependents(tasks)
    place = {task.id: number for number, task in enumerate(tasks)}
    missing = {task.id: len({need for need in task.needs if need in place}) for task in tasks}
    ready: list[tuple[int, int]] = []
    for task, count in missing.items():
        if not count:
            heappush(ready, (-rank[task], place[task]))
    found = []
    while ready:
        wave = [tasks[heappop(ready)[1]].id for _ in range(min(max(jobs, 1), len(ready)))]
        for task in wave:
            for user in users[task]:
                missing[user] -= 1
                if not missing[user]:
                    heappush(ready, (-rank[user], place[user]))
        found.append(tuple(wave))
    return tuple(found)


def _most_sessions(plan: Plan, settings: Settings, reviewers: int) -> int:
    """Every attempt used, and every round of reviews ending in one more fix of each task."""
    tasks = len(plan.tasks)
    if any(task.lead for task in plan.tasks):
        return settings.max_sessions  # nobody knows yet what these are cut into
    most = tasks * settings.attempts
    if reviewers:
        most += max(settings.rounds, 1) * (tasks * (reviewers + 1) + 1)
    return min(most, settings.max_sessions)


# --- time, tokens, money --------------------------------------------------------------------------


def task_kind(task: Task, settings: Settings, roles: Mapping[str, Role]) -> SessionKind:
    """What the sessions of a task are grouped by."""
    role, agent = role_of(roles, task), agent_of_task(settings, roles, task)
    model, effort = model_of(settings, role, agent, task.model), task.effort
    return SessionKind(task.role or DEFAULT, agent, model, effort_of(settings, role, effort))


def role_kind(name: str, agent: str, settings: Settings, roles: Mapping[str, Role]) -> SessionKind:
    """What sessions of a role that no task has are grouped by; its agent if none is named."""
    role = roles.get(name)
    agent = agent or agent_of(settings, role, name)
    return SessionKind(name, agent, model_of(settings, role, agent), effort_of(settings, role))


def _played(plan: Plan, settings: Settings, past: Past) -> dict[str, Spread]:
    """The figures of a run, played through."""
    table = past.attempts
    if not plan.tasks:
        return {}  # it is made first
    if any(task.lead for task in plan.tasks):
        unknown = Spread(because="a lead is cut again when it starts")
        return dict.fromkeys(("sessions", "seconds", "tokens", "usd"), unknown)
    kinds = [task_kind(task, settings, past.roles) for task in plan.tasks]
    looks = [role_kind(REVIEWER, agent, settings, past.roles) for agent in past.reviewers]
    lacks: dict[str, tuple[int, str]] = {}
    fewest: dict[str, int] = {}
    sessions: dict[SessionKind, SessionPast] = {}
    for kind in dict.fromkeys((*kinds, *looks)):
        values = {name: table.values(kind, name) for name in ("seconds", "tokens", "usd")}
        for name, known in values.items():
            fewest[name] = min(fewest.get(name, len(known)), len(known))
            if len(known) < FIVE:
                lacks.setdefault(name, (len(known), wanted(kind, name)))
        sessions[kind] = SessionPast(
            **{name: known for name, known in values.items() if len(known) >= FIVE}
        )
    checked = [bool(task.check or plan.check or settings.check) for task in plan.tasks]
    checks = table.here_of("check_seconds") if any(checked) else ()
    if any(checked) and len(checks) < FIVE:
        lacks.setdefault("seconds", (len(checks), f"needs {FIVE} past checks of this repository"))
        checks = ()
    place = {task.id: number for number, task in enumerate(plan.tasks)}
    tries = {kind: table.values(kind, "tries") for kind in dict.fromkeys(kinds)}
    tasks = [
        TaskPast(
            sessions[kind],
            [place[need] for need in dict.fromkeys(task.needs) if need in place],
            tries[kind] or (1,),
            checks if judged else (),
            table.here_of("setup_seconds"),
        )
        for task, kind, judged in zip(plan.tasks, kinds, checked, strict=True)
    ]
    least = min((len(item) for item in tries.values()), default=0)
    if least < FIVE:
        kind = next(kind for kind, item in tries.items() if len(item) < FIVE)
        lacks["sessions"] = (least, f"{wanted(kind, 'tries')} that settled a task")
    names = ("seconds", "tokens", "usd", "sessions")
    if all(name in lacks for name in names):
        return {name: Spread(samples=few, because=why) for name, (few, why) in lacks.items()}
    rounds = tuple(max(value, 1) for value in table.here_of("rounds")) or (1,)
    plays = simulated(
        _in_order(plan.tasks, tasks),
        [sessions[kind] for kind in looks],
        Slots(settings.jobs, settings.check_jobs, settings.attempts),
        seed_of(plan.request, *(f"{task.id} {task.prompt}" for task in plan.tasks)),
        rounds=rounds,
        whole=len(plan.tasks) > 1,
        base=checks,
        extras=tuple(_extras(table, settings, bool(looks))),
    )
    found = {}
    for name in names:
        few, why = lacks.get(name, (0, ""))
        if why:
            found[name] = Spread(samples=few, because=why)
            continue
        drawn = spread_of(getattr(plays, name), "")
        samples = least if name == "sessions" else fewest[name]
        if name == "seconds" and checks:
            samples = min(samples, len(checks))
        found[name] = Spread(drawn.p50, drawn.p90, samples)
    return found


def _extras(table: Attempts, settings: Settings, reviewed: bool) -> Iterator[ExtraPast]:
    """The refuters and repairers that the tasks of this repository came to."""
    settled = len(table.here_of("tries"))
    wanted = {REFUTER: reviewed, REPAIRER: settings.repairs > 0}
    for role in (name for name, may_be in wanted.items() if may_be):
        rows = [row for row in table.here if row.role == role]
        if rows and settled >= FIVE:
            yield ExtraPast(
                len(rows) / settled,
                SessionPast(
                    tuple(row.seconds for row in rows if row.seconds is not None),
                    tuple(row.tokens for row in rows if row.tokens is not None),
                    tuple(row.usd for row in rows if row.usd is not None),
                ),
            )


def _in_order(tasks: Sequence[Task], past: Sequence[TaskPast]) -> list[TaskPast]:
    """The tasks in the order in which the scheduler begins them: the longest chains first."""
    rank = critical(tasks)
    line = sorted(range(len(tasks)), key=lambda at: -rank[tasks[at].id])
    now = {old: new for new, old in enumerate(line)}
    return [
        TaskPast(
            past[old].session,
            [now[need] for need in past[old].needs],
            past[old].tries,
            past[old].checks,
            past[old].setups,
        )
        for old in line
    ]


# --- whether to split -----------------------------------------------------------------------------


def _reasons_against(
    plan: Plan,
    settings: Settings,
    past: Past,
    chain: _Chain,
    pairs: int,
    chances: Sequence[PairChance],
) -> Iterator[str]:
    """Why this request is better not split, if it is."""
    tasks = plan.tasks
    count = len(tasks)
    if not tasks or any(task.lead for task in tasks):  # not planned yet
        return
    if count == 1:
        yield "One task: nothing runs in parallel, a single session would do."
        return
    if len(chain.tasks) == count:
        yield (
            "Every task waits for the one before it: nothing runs in parallel, and one session"
            " would keep what it learned."
        )
    elif chain.share > _SERIAL:
        yield (
            f"Little is won by splitting: {' -> '.join(chain.tasks)} is"
            f" {chain.share:.0%} of all the work."
        )
    likely = [pair.chance for pair in chances if pair.chance >= _LIKELY]
    if pairs == count * (count - 1) // 2 and not _apart(tasks, chances):
        yield (
            "Every task can write what every other one writes: expect conflicts; give them"
            " narrower `owns`, or do it in one session."
        )
    elif sum(likely) > count / _CONFLICTS:
        yield (
            f"About {sum(likely):.1f} of {len(chances)} pairs of tasks will conflict: chain those"
            " that meet, or do it in one session."
        )
    yield from _too_small(plan, settings, past)


def _apart(tasks: Sequence[Task], chances: Sequence[PairChance]) -> bool:
    """Whether two tasks say which places they change, and these are not the same."""
    told = {task.id for task in tasks if task.touches}
    return any({*pair.tasks} <= told and pair.chance < _LIKELY for pair in chances)


def _longest(plan: Plan, settings: Settings, past: Past) -> _Chain:
    """By the medians of its tasks; counted in tasks where the time of one is unknown."""
    each = {}
    for task in plan.tasks:
        kind = task_kind(task, settings, past.roles)
        each[task.id] = past.attempts.spread(kind, "seconds").p50 or 0.0
    if not each:
        return _Chain((), 0.0)
    if not all(each.values()) or len({*each.values()}) == 1:
        chain = critical_path(plan.tasks)
        return _Chain(chain, len(chain) / len(each))
    needs = {task.id: [need for need in task.needs if need in each] for task in plan.tasks}
    ends: dict[TaskId, float] = {}
    for name in order(plan.tasks):
        ends[name] = each[name] + max((ends[need] for need in needs[name]), default=0.0)
    walk = [max(ends, key=lambda name: ends[name])]
    while needs[walk[-1]]:
        walk.append(max(needs[walk[-1]], key=lambda name: ends[name]))
    return _Chain(tuple(reversed(walk)), ends[walk[0]] / sum(each.values()))


def _too_small(plan: Plan, settings: Settings, past: Past) -> Iterator[str]:
    """Whether one session takes less than what a split costs before and after its sessions."""
    table = past.attempts
    kinds = dict.fromkeys(task_kind(task, settings, past.roles) for task in plan.tasks)
    one = [table.spread(kind, "seconds") for kind in kinds]
    agents = ["", *past.reviewers]
    around = [
        table.spread(role_kind(name, agent, settings, past.roles), "seconds")
        for name, agent in zip((PLANNER, *[REVIEWER] * len(past.reviewers)), agents, strict=True)
    ]
    around.append(spread_of(table.here_of("check_seconds"), ""))
    if around[0].p50 is None or any(item.p90 is None for item in one):
        return
    longest = max(item.p90 or 0.0 for item in one)
    cost = sum(item.p50 or 0.0 for item in around)
    if roughly(longest) != roughly(cost) and longest < cost:
        yield (
            f"One session takes at most {roughly(longest)} (90 % of {one[0].samples}), a split"
            f" {roughly(cost)} for planning, reviews and checks alone: do it in one session."
        )


def _remarks(
    tasks: Sequence[Task],
    chain: Sequence[TaskId],
    pairs: Sequence[tuple[Task, Task, str]],
    files: Sequence[str],
) -> Iterator[str]:
    """What else is worth knowing before saying yes; `files` are sorted."""
    if 2 < len(chain) < len(tasks) < 2 * len(chain):
        yield f"{len(chain)} of {len(tasks)} tasks wait for each other: {' -> '.join(chain)}."
    yield from _cut_too_fine(tasks, files)
    shared = ", ".join(islice(_shared(pairs, files), _MOST_NAMED))
    if shared:
        yield f"Existing files have two owners: {shared}."
    for task in tasks:
        for pattern in task.owns:
            if _meant_literally(pattern, files):
                yield (
                    f"{task.id} owns {pattern}, which as a pattern matches no file; for the folder"
                    f" of that name write {_escaped(pattern)}."
                )


def _cut_too_fine(tasks: Sequence[Task], files: Sequence[str]) -> Iterator[str]:
    """Whether there are many more tasks than files or definitions that they change."""
    if len(tasks) >= _FINE * 2:
        places: set[str] = set()
        for task in tasks:
            places |= {_without_lines(text) for text in task.touches} or _owned_by(task, files)
            if len(places) * _FINE >= len(tasks):
                break
        else:
            yield (
                f"{len(tasks)} tasks change {len(places)} files or definitions: each task costs"
                " sessions, checks and a merge; make fewer of them."
            )
    inside = Counter(
        name for task in tasks for name in {_inside(text) for text in task.touches} if name
    )
    for name, number in inside.most_common(_MOST_NAMED):
        if number >= _FINE:
            yield f"{number} tasks change {name}: make one task of them, or chain them."


def _owned_by(task: Task, files: Sequence[str]) -> set[str]:
    """The files that a task owns; a pattern of files that are still to come stands for itself."""
    found = set(owned(task.owns, files))
    return found | {text for text in task.owns if not found}


def _without_lines(text: str) -> str:
    return str(replace(place(text), first=0, last=0))


def _inside(text: str) -> str:
    """The definition that changes at a place; empty: new code, or a file."""
    found = place(text)
    return _without_lines(text) if found.definition and not found.insert else ""


def _shared(pairs: Iterable[tuple[Task, Task, str]], files: Sequence[str]) -> Iterator[str]:
    """The pairs of tasks that own one and the same existing file, with the first such file."""
    held = cache(lambda owns: owned(owns, files))
    for one, other, _ in pairs:
        if not (one.owns or other.owns):
            continue  # every file there is
        if both := held(one.owns) & held(other.owns):
            yield f"{one.id} and {other.id} ({min(both)})"


def _meant_literally(pattern: str, files: Sequence[str]) -> bool:
    """Whether "app/[slug]/**" was meant as the folder `[slug]`, which web frameworks like."""
    if "[" not in pattern or "\\" in pattern or pattern.startswith("!"):
        return False
    literal = (_escaped(pattern),)
    return any(matches(literal, path) for path in files) and not any(
        matches((pattern,), path) for path in files
    )


def _escaped(pattern: str) -> str:
    return pattern.replace("[", "\\[").replace("]", "\\]")
