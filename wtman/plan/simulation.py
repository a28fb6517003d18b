"""A plan played many times over with what past sessions took: how long, how much, how many.

Pure, and the same for the same plan and past: the numbers come from a generator of its own, begun
with the plan. Each play draws for every task how many sessions it takes and what each of them
takes, and lets them wait for the slots of sessions and checks as the scheduler does: whoever is
ready first goes first. Sessions that are drawn do not depend on the slots, so more slots are no
slower but for what the order of a few tasks changes.
"""

from collections.abc import Sequence
from heapq import heappop, heappush, heappushpop, heapreplace
from zlib import crc32

from wtman.model.values import dataclass

DRAWS = 200
_FEWEST = 20
_PLAYED = 10_000  # tasks in all plays: of a large plan there are fewer plays
_MASK = (1 << 64) - 1
_ROLLS = 1 << 31  # different rolls
_STEP, _ADD = 6364136223846793005, 1442695040888963407  # of a 64-bit congruence (Knuth's MMIX)


@dataclass(frozen=True, slots=True)
class SessionPast:
    """What sessions of a kind took; empty: unknown."""

    seconds: Sequence[float] = ()
    tokens: Sequence[float] = ()
    usd: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class TaskPast:
    """A task, by what is known of its like. `needs` are places in the list of tasks, `tries` how
    many sessions such tasks took; `checks` is empty where nothing judges it."""

    session: SessionPast
    needs: Sequence[int] = ()
    tries: Sequence[float] = (1,)
    checks: Sequence[float] = ()
    setups: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class ExtraPast:
    """Sessions that a task may come to beside its own and its reviews: so many each on average."""

    rate: float
    session: SessionPast


@dataclass(frozen=True, slots=True)
class Slots:
    """How many sessions and checks run at once, and the attempts that a task has."""

    jobs: int
    check_jobs: int
    attempts: int


@dataclass(frozen=True, slots=True)
class Plays:
    """What the plays came to, one value each; empty where that cannot be told."""

    seconds: Sequence[float]
    tokens: Sequence[float]
    usd: Sequence[float]
    sessions: Sequence[float]


def seed_of(*parts: str) -> int:
    """The beginning of the numbers for what these name."""
    return crc32("\0".join(parts).encode("utf-8", "surrogatepass"))


def simulated(
    tasks: Sequence[TaskPast],
    reviewers: Sequence[SessionPast],
    slots: Slots,
    seed: int,
    *,
    rounds: Sequence[float] = (1,),
    whole: bool = False,
    base: Sequence[float] = (),
    extras: Sequence[ExtraPast] = (),
) -> Plays:
    """Play a plan. Each task is reviewed by all `reviewers` after the last `rounds` of its
    sessions; `whole`: one more session looks at all of it. `base` is the check before all,
    `extras` is what each task may come to beside."""
    everyone = [*(task.session for task in tasks), *reviewers]
    timed = all(one.seconds for one in everyone)
    told = all(one.tokens for one in everyone)
    priced = all(one.usd for one in everyone)
    plays: tuple[list[float], ...] = ([], [], [], [])
    state, attempts = seed, slots.attempts
    users, missing = _edges(tasks)
    for _ in range(max(_FEWEST, min(DRAWS, _PLAYED // max(len(tasks), 1)))):
        lines: list[list[tuple[float, ...]]] = []
        tokens = usd = 0.0
        sessions = 0
        begins = 0.0
        if base:
            state = (state * _STEP + _ADD) & _MASK
            begins = base[(state >> 33) % len(base)]
        for task in tasks:
            state = (state * _STEP + _ADD) & _MASK
            roll = state >> 33
            tries, past = int(task.tries[roll % len(task.tries)]), task.session
            tries = max(min(tries, attempts), 1)
            looks = rounds[roll % len(rounds)] if reviewers else 0
            # One after the other; each 1 or 0 (in slots of sessions, of checks), and the seconds
            # of what runs side by side.
            line: list[tuple[float, ...]] = []
            sessions += tries
            for left in range(tries, 0, -1):
                if left < tries:
                    state = (state * _STEP + _ADD) & _MASK
                    roll = state >> 33
                if timed:
                    line.append((1, past.seconds[roll % len(past.seconds)]))
                    if task.checks:
                        line.append((0, task.checks[roll % len(task.checks)]))
                if told:
                    tokens += past.tokens[roll % len(past.tokens)]
                if priced:
                    usd += past.usd[roll % len(past.usd)]
                if left <= looks:
                    together = [1.0]
                    for one in reviewers:
                        state = (state * _STEP + _ADD) & _MASK
                        roll = state >> 33
                        if timed:
                            together.append(one.seconds[roll % len(one.seconds)])
                        if told:
                            tokens += one.tokens[roll % len(one.tokens)]
                        if priced:
                            usd += one.usd[roll % len(one.usd)]
                    sessions += len(reviewers)
                    if timed:
                        line.append(tuple(together))
            for extra in extras:
                state = (state * _STEP + _ADD) & _MASK
                roll, one = state >> 33, extra.session
                for _ in range(int(extra.rate + roll / _ROLLS)):
                    state = (state * _STEP + _ADD) & _MASK
                    roll = state >> 33
                    sessions += 1
                    if timed and one.seconds:
                        line.append((1, one.seconds[roll % len(one.seconds)]))
                    tokens += one.tokens[roll % len(one.tokens)] if told and one.tokens else 0.0
                    usd += one.usd[roll % len(one.usd)] if priced and one.usd else 0.0
            if task.setups and line:
                line.insert(0, (2, task.setups[roll % len(task.setups)]))
            lines.append(line)
        last = 0.0
        if whole and reviewers:
            state = (state * _STEP + _ADD) & _MASK
            roll, one = state >> 33, reviewers[0]
            sessions += 1
            last = one.seconds[roll % len(one.seconds)] if timed else 0.0
            tokens += one.tokens[roll % len(one.tokens)] if told else 0.0
            usd += one.usd[roll % len(one.usd)] if priced else 0.0
        if timed:
            plays[0].append(_scheduled(lines, users, missing, slots, begins) + last)
        if told:
            plays[1].append(tokens)
        if priced:
            plays[2].append(usd)
        plays[3].append(float(sessions))
    return Plays(*plays)


def sums(kinds: Sequence[tuple[Sequence[float], int]], seed: int) -> list[float]:
    """What sessions come to together: of each kind what past ones took, and how many there are."""
    found, state = [], seed
    for _ in range(DRAWS):
        total = 0.0
        for past, count in kinds:
            for _ in range(count):
                state = (state * _STEP + _ADD) & _MASK
                total += past[(state >> 33) % len(past)]
        found.append(total)
    return found


def _edges(tasks: Sequence[TaskPast]) -> tuple[list[list[int]], list[int]]:
    """Who waits for each task, and for how many each waits."""
    users: list[list[int]] = [[] for _ in tasks]
    for number, task in enumerate(tasks):
        for need in task.needs:
            users[need].append(number)
    return users, [len(task.needs) for task in tasks]


def _scheduled(
    lines: Sequence[Sequence[tuple[float, ...]]],
    users: Sequence[Sequence[int]],
    waits: Sequence[int],
    slots: Slots,
    begins: float,
) -> float:
    """When the last task is over: each takes its pieces one after the other, behind its needs."""
    missing = [*waits]
    rooms = ([begins] * max(slots.check_jobs, 1), [begins] * max(slots.jobs, 1))
    done = [0] * len(lines)  # pieces that are over
    ready = [(begins, number) for number, count in enumerate(missing) if not count]
    end = begins
    while ready:
        at, number = heappop(ready)
        line = lines[number]
        while done[number] < len(line):
            piece = line[done[number]]
            done[number] += 1
            if piece[0] == 2:
                at += piece[1]
            elif len(piece) == 2:
                room = rooms[int(piece[0])]
                free = room[0]
                at = (at if at > free else free) + piece[1]
                heapreplace(room, at)
            else:
                at = max([_placed(rooms[1], at, seconds) for seconds in piece[1:]])
            at, number = heappushpop(ready, (at, number))
            line = lines[number]
        if at > end:
            end = at
        for user in users[number]:
            missing[user] -= 1
            if not missing[user]:
                heappush(ready, (at, user))
    return end


def _placed(room: list[float], at: float, seconds: float) -> float:
    """When something is over that takes the first free slot."""
    ends = max(at, room[0]) + seconds
    heapreplace(room, ends)
    return ends
