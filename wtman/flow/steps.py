"""A call of a script as a step of its run: what decides its result, and the events it becomes.

Pure. Whatever the script says is judged here before anything is made of it: works that it names
are works that it was given, roles are those of the run, and a program as an agent stands in the
script as it is.
"""

import re
from collections.abc import Mapping
from dataclasses import field, replace
from functools import lru_cache
from typing import Any

from wtman.formats.gitignore_pattern import flaw
from wtman.journal import events as e
from wtman.journal.state import FlowStep, State, TaskView
from wtman.model.ids import Branch, ScopePath, Sha, TaskId
from wtman.model.plan import Role, Task
from wtman.model.roles import (
    DEFAULT,
    LEAD,
    REVIEWER,
    agent_of,
    agent_of_lead,
    agent_of_task,
    effort_of,
    key_of,
    model_of,
)
from wtman.model.states import DEAD
from wtman.model.values import dataclass
from wtman.plan.file import slug
from wtman.review.judgement import asked_as, reviewers
from wtman.tasks.lifecycle import standings

KINDS = frozenset({"session", "ask", "command", "review", "merge", "plan", "approve", "announce"})
_MAKES = ("session", "plan")  # what makes tasks
ASKED = "scout"  # the role of a question that names none
HEAD = TaskId("head")  # stands for the base where a review is about no work
_DIGITS = 6  # of the key, in an id
_MOST_ID = 40
_MOST_STEM = _MOST_ID - _DIGITS - 2
_AGENT = re.compile(r"[a-z][a-z0-9-]*")


class CallRefused(Exception):
    """A call that the run cannot serve. The script sees it as an error of its own."""


@dataclass(frozen=True, slots=True)
class StepCall:
    """A call of the script, apart from where it stands in the pipe."""

    kind: str
    scope: tuple[str, ...]
    title: str
    spec: dict[str, Any]
    limits: dict[str, Any]
    path: ScopePath = ()


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """`wanted` have no answer yet, in the order in which the script asks for them; `unused` were
    answered, and this script does not ask for them. `error` is how the script failed, if it did.
    """

    reused: tuple[FlowStep, ...]
    wanted: tuple[FlowStep, ...]
    unused: tuple[FlowStep, ...]
    error: dict[str, Any] = field(default_factory=dict)

    @property
    def differs(self) -> bool:
        """Whether the script asks for anything but what is answered, or fails."""
        return bool(self.wanted or self.unused or self.error)


def commits_of(call: StepCall) -> tuple[Sha, ...]:
    """The commits that the call starts from or looks at, in the order that it names them."""
    spec = call.spec
    named = [spec.get("on"), spec.get("at"), *_list(spec, "needs"), *_list(spec, "works")]
    return tuple(Sha(str(item["commit"])) for item in named if isinstance(item, dict))


def filled(state: State, call: StepCall) -> dict[str, Any]:
    """What the run adds to a call, of all that decides its result.

    Raises CallRefused for what the run does not know.
    """
    spec: dict[str, Any] = {}
    if call.kind in ("session", "ask", "plan"):
        role = _role(state, call)
        agent = agent_name(state, call)
        spec |= {
            "role": key_of(role),
            "agent": agent,
            "model": model_of(state.settings, role, agent, _text(call.spec, "model")),
            "effort": effort_of(state.settings, role, _text(call.spec, "effort")),
        }
    if call.kind == "review":
        agents = reviewers(state)
        if not agents:
            raise CallRefused("no reviewer specified: name one, `wtman run ... --reviewer NAME`")
        reviewer = state.roles.get(REVIEWER)
        spec["by"] = [[agent, *asked_as(state.settings, reviewer, agent)] for agent in agents]
    if call.kind == "merge" and not isinstance(call.spec.get("checks"), list):
        spec["checks"] = list(state.settings.check)
    if call.kind == "plan":
        spec |= _planner(state)
    if call.kind in _MAKES:
        spec["checks"] = list(state.settings.check) if call.spec.get("check") is not False else []
    return spec


def _planner(state: State) -> dict[str, Any]:
    """Who cuts a lead, of all that decides what it is cut into."""
    role, agent = state.roles.get(LEAD), agent_of_lead(state.settings, state.roles)
    model = model_of(state.settings, role, agent)
    return {"planner": [key_of(role), agent, model, effort_of(state.settings, role)]}


def announced(scope: tuple[str, ...], path: ScopePath, items: int, about: str) -> StepCall:
    """The question before a fan-out that is larger than may begin unasked."""
    question = f"Start {about}?"
    spec = {"question": question, "options": ["yes", "no"], "items": items}
    return StepCall("announce", scope, question, spec, {}, path[:-1])


def asked(state: State, call: StepCall, key: str) -> tuple[e.Event, ...]:
    """The events of a step that has no outcome yet. Raises CallRefused."""
    if call.kind not in KINDS:
        raise CallRefused(f"flow.{call.kind} is not supported by this version of wtman")
    if call.kind in ("review", "merge"):
        commits = commits_of(call)
        flow = state.flow
        assert flow is not None
        if len({flow.works[commit].planned.id for commit in commits}) < len(commits):
            raise CallRefused(f"flow.{call.kind} takes one work of each branch")
        if not commits and call.kind == "review" and HEAD not in state.tasks:
            # So that what is found in it has a place of which every view tells.
            whole = e.ExternalBranchAdded(HEAD, Branch("base"), state.base, state.base)
            return (e.TaskAdded(Task(HEAD, "")), whole, _step(call, key, title_of(call)))
    if call.kind == "plan":
        return _plan(state, call, key)
    if call.kind != "session":
        return (_step(call, key, title_of(call)),)
    return _session(state, call, key)


def _session(state: State, call: StepCall, key: str) -> tuple[e.Event, ...]:
    flow = state.flow
    assert flow is not None
    before = flow.steps.get(key)
    tries = before.tries + 1 if before is not None else 1
    named = call.spec.get("on")
    was = flow.works.get(Sha(str(named["commit"]))) if isinstance(named, dict) else None
    if was is not None and was.head in flow.trains:
        was = None  # a train has no branch that goes on: the session starts from it
    known = before.task if before is not None else TaskId("")
    if was is None:
        task_id = known or new_id(state, call, key)
        task = _task(state, call, task_id, key, tries)
        made: e.Event = e.TaskChanged(task) if known else e.TaskAdded(task)
    else:
        if call.spec.get("needs"):
            raise CallRefused("a session goes on with one work: give `on` or `needs`, not both")
        task_id = was.planned.id
        if not is_free(state, was):
            task_id = known if known and known != task_id else new_id(state, call, key)
        task = _carried(_task(state, call, task_id, key, tries), was)
        made = e.TaskContinued(task, was.head)
    return (_step(call, key, task.title or title_of(call), task_id), made)


def _plan(state: State, call: StepCall, key: str) -> tuple[e.Event, ...]:
    """A lead, which keeps what it was cut into: after a failure only what failed is done again."""
    assert state.flow is not None
    before = state.flow.steps.get(key)
    known = before.task if before is not None else TaskId("")
    task = replace(_task(state, call, known or new_id(state, call, key), key, 1), lead=True)
    step = _step(call, key, task.title or title_of(call), task.id)
    if not known:
        return (step, e.TaskAdded(task))
    again = (e.Requested("retry", name) for name in _to_mend(state, task.id))
    return (step, e.TaskChanged(task), *again)


def _to_mend(state: State, lead: TaskId) -> list[TaskId]:
    """What of a lead that failed has to be done again: its planning, or these parts."""
    team, stands = state.tasks[lead].team, standings(state)
    if stands[lead].state not in DEAD:
        return []
    if team.planned is None:
        return [lead]
    parts = state.parts_of(lead)
    dead = [part for part in parts if stands[part].state in DEAD]
    first = [part for part in dead if not set(state.tasks[part].needed) & set(dead)]
    if not first and team.torn is not None:
        first = [item.task for item in team.torn.excluded if item.task in parts]
    found: list[TaskId] = []
    for part in first:
        found += _to_mend(state, part) if state.tasks[part].planned.lead else [part]
    return found


def is_free(state: State, was: TaskView) -> bool:
    """Whether the branch of a work still stands at it, and no other step goes on from there."""
    view = state.tasks.get(was.planned.id)
    return (
        view is not None
        and not view.planned.part_of  # its team keeps it as it is
        and view.planned.step == was.planned.step
        and view.head == was.head
        and view.in_flight is None
        and not view.merged
    )


def _carried(task: Task, was: TaskView) -> Task:
    """A step that goes on with a work is about the same paths, and needs the same."""
    planned = was.planned
    return replace(
        task,
        owns=task.owns or planned.owns,
        expect=task.expect or planned.expect,
        needs=planned.needs,
        tips=planned.tips,
        title=planned.title or task.title,
    )


def _task(state: State, call: StepCall, task: TaskId, key: str, tries: int) -> Task:
    spec, flow = call.spec, state.flow
    assert flow is not None
    needs: dict[TaskId, Sha] = {}
    on = spec.get("on")
    starts = [*_list(spec, "needs"), *([on] if isinstance(on, dict) else [])]
    for item in starts:
        commit = Sha(str(item["commit"]))
        # Who starts from a train needs all that is in it.
        inside = flow.trains.get(commit) or (flow.works[commit].planned.id,)
        needs |= dict.fromkeys(inside, commit)
    context = _text(spec, "context")
    prompt = _text(spec, "prompt")
    owns = tuple(map(str, _list(spec, "owns")))
    for pattern in owns:
        if what := flaw(pattern):
            raise CallRefused(f"flow.{call.kind}: owns: the pattern {pattern!r} {what}")
    return Task(
        id=task,
        prompt=f"{context}\n\n{prompt}" if context else prompt,
        title=call.title,
        owns=owns,
        needs=tuple(needs),
        tips=tuple(needs.values()),
        expect=_text(spec, "expect"),
        agent=_text(spec, "agent"),
        model=_text(spec, "model"),
        effort=_text(spec, "effort"),
        role="" if _text(spec, "role") == DEFAULT else _text(spec, "role"),
        tools=tuple(map(str, _list(spec, "tools"))),
        timeout=_number(call, "timeout"),
        attempts=int(_number(call, "attempts")),
        usd=_number(call, "usd"),
        unchecked=spec.get("check") is False,
        step=key if tries == 1 else f"{key}#{tries}",
    )


def new_id(state: State, call: StepCall, key: str) -> TaskId:
    """An id of title or item and digits of the key, which an edit elsewhere never changes."""
    item = call.scope[-1] if call.scope else ""
    # A title that names its item says no more than that, at this length.
    stem = _stem(item if item and item in call.title else call.title or item or "task")
    digits = _DIGITS
    while True:
        name = TaskId(f"{stem[: _MOST_ID - digits - 1].rstrip('-')}-{key[:digits]}")
        if name not in state.tasks:
            return name
        digits += 2


def _stem(text: str) -> str:
    """The words of an id; of a long path its end, which tells one from another."""
    while len(text) > _MOST_STEM and "/" in text and " " not in text:
        text = text.partition("/")[2]
    return slug(text)


def title_of(call: StepCall) -> str:
    """What people call a step."""
    spec = call.spec
    said = _text(spec, "prompt") or _text(spec, "question")
    if call.kind == "command":
        said = " ".join(map(str, _list(spec, "argv")))
    first = said.strip().splitlines()[0] if said.strip() else call.kind
    return call.title or (call.scope[-1] if call.scope else first)[:100]


def agent_name(state: State, call: StepCall) -> str:
    """The agent of a session or question. Raises CallRefused for a program that is not in the
    script word for word: those were shown before the start."""
    named = _text(call.spec, "agent")
    if not named or _AGENT.fullmatch(named) or named in literals(state):
        if call.kind in _MAKES:
            task = Task(TaskId(""), "", agent=named, role=_text(call.spec, "role"))
            return agent_of_task(state.settings, state.roles, task)
        return named or agent_of(state.settings, _role(state, call), role_name(call))
    raise CallRefused(f"agent {named!r} has to stand in the script as a literal text")


def literals(state: State) -> frozenset[str]:
    """The texts that stand in the script and in what it loads, word for word."""
    flow = state.flow
    assert flow is not None
    return frozenset(
        text
        for source in (flow.added.text, *flow.added.sources.values())
        for text in agents_in(source)
    )


@lru_cache(maxsize=64)
def agents_in(source: str) -> tuple[str, ...]:
    """Programs that a script gives sessions to, as they stand in it."""
    from wtman.flow.outline import read_script  # only runs of flows need it

    return read_script(source, "").agents


def role_name(call: StepCall) -> str:
    """The role of a session or question."""
    return _text(call.spec, "role") or (DEFAULT if call.kind in _MAKES else ASKED)


def _role(state: State, call: StepCall) -> Role:
    name = role_name(call)
    role = state.roles.get(name)
    if role is None:
        known = ", ".join(sorted(state.roles))
        raise CallRefused(f"there is no role {name!r}; known: {known}")
    if call.kind == "session" and not role.writes:
        raise CallRefused(f"the role {name!r} only reads: give it a question, with flow.ask")
    return role


def _step(call: StepCall, key: str, title: str, task: str = "") -> e.StepAsked:
    return e.StepAsked(
        key, call.kind, call.scope, title, call.spec, TaskId(task), call.limits, call.path
    )


def _list(spec: Mapping[str, Any], name: str) -> list[Any]:
    value = spec.get(name)
    return value if isinstance(value, list) else []


def _text(spec: Mapping[str, Any], name: str) -> str:
    value = spec.get(name)
    return value if isinstance(value, str) else ""


def _number(call: StepCall, name: str) -> float:
    value = call.limits.get(name)
    return float(value) if isinstance(value, int | float) and value > 0 else 0.0
