"""Branches that a merge excluded, brought together with what landed by a resolver's session.

Pure. A resolver is asked only by a merge, for a conflict or an interaction, and only where
one is named. What it makes is an attempt of the task like any other; after `TRIES` that
were not accepted the branch goes back to where it was.
"""

from collections.abc import Collection, Mapping, Sequence

from wtman.journal.events import Excluded
from wtman.journal.state import TRIES, Attempt, State, TaskView
from wtman.model.actions import ActionKey, busy
from wtman.model.check import CheckCommand
from wtman.model.ids import Sha, TaskId
from wtman.model.roles import RESOLVER
from wtman.model.states import DEAD, Standing, TaskState
from wtman.model.values import dataclass
from wtman.tasks.lifecycle import counted, judged_by_none
from wtman.worktrees.actions import Restore

REASONS = frozenset({"conflict", "interaction"})
_DIFF, _TEXT, _EVIDENCE = 20_000, 8_000, 6_000  # characters of each in the prompt
_SIDES, _PATHS = 4, 20


@dataclass(frozen=True, slots=True)
class ConflictSide:
    """One of the changes that do not fit together. `diff` is git's text."""

    name: str
    prompt: str
    diff: str
    expect: str = ""


def resolver_of(state: State) -> str:
    """The agent that was named for it, or nothing: then what is excluded stays so."""
    role = state.roles.get(RESOLVER)
    return state.settings.roles.get(RESOLVER, "") or (role.agent if role is not None else "")


def to_resolve(
    state: State, tried: Collection[TaskId], target: Sha, *, afresh: bool
) -> Excluded | None:
    """The next branch that a resolver may be asked for, or None.

    `tried` are those of this merge. One that a resolver gave up on this very target is
    asked for only `afresh`: the same would come of it.
    """
    for task, view in state.tasks.items():
        left = view.excluded
        if left is None or left.reason not in REASONS or view.external or task in tried:
            continue
        if left.unit and left.others and all(_is_beside(state, left, name) for name in left.others):
            continue  # its unit clashes with itself, and nothing of it has landed
        if afresh or view.refused != target:
            return left
    return None


def _is_beside(state: State, left: Excluded, name: TaskId) -> bool:
    """Whether the other stays behind as a part of the same unit."""
    other = state.tasks[name].excluded if name in state.tasks else None
    return other is not None and other.unit == left.unit


def fits(state: State, task: TaskId, known: Mapping[TaskId, Standing]) -> bool:
    """Whether the merge that left a task out may now be asked for it again."""
    unchecked = state.merge is not None and state.merge.asked.unchecked
    if known[task].state is TaskState.UNCHECKED:
        return unchecked or not judged_by_none(state, task, known)
    return known[task].state is TaskState.VERIFIED


def given_up(
    state: State, running: Collection[ActionKey], known: Mapping[TaskId, Standing]
) -> list[Restore]:
    """Tasks whose resolver has had its tries: they go back to where they were."""
    at_work = busy(running)
    out: list[Restore] = []
    for task, view in state.tasks.items():
        if view.resolving is None or view.before is None or view.merged or view.excluded:
            continue
        if task in at_work or view.in_flight is not None or view.attach:
            continue
        tries = sum(map(counted, resolver_attempts(view)))
        spent = tries >= TRIES and known[task].state in _WANTING
        if spent or known[task].state in DEAD:
            reason = known[task].reason or "it did not bring them together"
            before = view.before
            out.append(Restore(task, view.head, before.start, before.head, reason))
    return out


# States in which a task gets one session more.
_WANTING = (TaskState.PENDING, TaskState.FIXING)


def resolver_attempts(view: TaskView) -> tuple[Attempt, ...]:
    """The resolver's sessions."""
    first = view.before.last if view.before is not None else 0
    return tuple(item for item in view.current if item.number > first)


def resolver_prompt(
    state: State, view: TaskView, failure: str, noted: Sequence[str] = (), *, tried: bool
) -> str:
    """What a resolver's next session is told; `failure` is what it has to mind, `noted` where
    tasks deviate from what was agreed."""
    assert view.resolving is not None
    parts = [view.resolving.told.strip()]
    if view.has_work and not view.request.restart:
        parts.append("This folder holds both sides, as git merged them, and what was tried since.")
    else:
        parts.append(
            "This folder holds the side that has landed. The branch's own change is not in it: "
            "make it again from its difference above, so that both do what they were made for."
        )
    if state.context:
        parts.append(f"Shared context of all tasks:\n{state.context.strip()}")
    parts += noted
    if view.task.owns:
        listed = "\n".join(f"  {pattern}" for pattern in view.task.owns)
        parts.append(f"Change nothing outside these paths (gitignore-style):\n{listed}")
    if checks := state.checks_of(view.task.id):
        listed = "\n".join(f"  {CheckCommand.of(text).by_hand}" for text in checks)
        parts.append(f"The result will be judged by:\n{listed}")
    if failure:
        why = "An earlier attempt at this was not accepted. Why:" if tried else "Mind also:"
        parts.append(f"{why}\n{failure.strip()[-_EVIDENCE:]}")
    return "\n\n".join(parts) + "\n"


def brief(left: Excluded, target: str, own: ConflictSide, others: Sequence[ConflictSide]) -> str:
    """What a resolver is told of both sides. Differences are bounded; all of it is data."""
    where = f" in {', '.join(left.paths[:_PATHS])}" if left.paths else ""
    parts = [
        f"The branch of task {own.name} could not be merged into {target or 'the target'}: "
        f"{left.reason}{where}. Bring both sides together. What git or the checks said:\n"
        f"{left.why().strip()[:_EVIDENCE]}",
        _side("The branch", own),
        *(_side("Landed already", side) for side in others[:_SIDES]),
    ]
    if len(others) > _SIDES:
        names = ", ".join(side.name for side in others[_SIDES:])
        parts.append(f"Landed already, too, and not shown: {names}")
    return "\n\n".join(parts)


def _side(what: str, side: ConflictSide) -> str:
    lines = [f"{what}: {side.name}"]
    if side.prompt:
        lines.append(f"Its task:\n{_cut(side.prompt.strip(), _TEXT)}")
    if side.expect:
        lines.append(f"What must be true of it:\n{_cut(side.expect.strip(), _TEXT)}")
    lines.append(f"Its difference:\n{_cut(side.diff, _DIFF).rstrip()}")
    return "\n".join(lines)


def _cut(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    return f"{text[:most]}\n... {len(text) - most} characters more"
