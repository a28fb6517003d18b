"""What a planner answers: the schema it is given, and the plan that is made of what it said.

The rules are those of every plan (`plan/rules.py`); here they are only collected, so that one
repair round can mend all of what is wrong at once. Import this late: pydantic takes its time.
"""

from dataclasses import replace
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from wtman.errors import UsageError
from wtman.formats.toml_positions import Places
from wtman.model.plan import Plan
from wtman.model.roles import DEFAULT
from wtman.model.settings import ULTRA, Settings
from wtman.model.values import dataclass
from wtman.plan.file import from_document, validate
from wtman.plan.prompt import Brief
from wtman.plan.touches import unknown_touches
from wtman.text.words import quoted

_REASON = 600
_OUTLINE = 4000
SESSION, FLOW = "session", "flow"


class PlannedTask(BaseModel):
    """One task; agents, tools and checks of a task are not for a planner to choose."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(
        description="Its name, short and telling (billing-oauth): a-z, 0-9 and -, at most 40 "
        "characters, no other task's."
    )
    title: str = Field("", description="One line for people.")
    prompt: str = Field(description="All that its author is told about the task.")
    owns: list[str] = Field(
        [],
        description="The paths that it may change, new files included, as gitignore-style patterns "
        'from the root ("src/billing/**", "tests/test_billing.py"). A change outside of them fails '
        "the task. Unless it is said otherwise, no path belongs to two tasks of which neither "
        "needs the other.",
    )
    needs: list[str] = Field(
        [], description="Ids of the tasks whose finished work it starts from; no cycles."
    )
    touches: list[str] = Field(
        [],
        description="Where it will work, as the scouts said or as you saw it yourself: "
        "`src/app.py::App.run` for a definition that changes, `src/app.py::after App.run` (before, "
        "in) for new code, `src/app.py::at end`, or a path alone. Two tasks never name the same "
        "place.",
    )
    expect: str = Field("", description="What is true afterwards and was not before.")
    role: str = Field(
        "", description=f"Who does it, where the work is not building; empty: {DEFAULT}."
    )
    lead: bool = Field(
        False,
        description="True for a task that is clearly more than one agent can do and cannot be cut "
        "before what it needs is there: a planner of its own cuts it then. Rarely.",
    )


class PlannerAnswer(BaseModel):
    """The request, cut into tasks."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(
        "", description="One or two sentences: why it is cut like this, or better not cut."
    )
    context: str = Field(
        "",
        description="The contract: every name that more than one task relies on, with its "
        "signature and its file, word for word as it will be in the code, and formats that they "
        "share. Every author is told. Empty only if no task relies on what another one makes.",
    )
    check: list[str] = Field(
        [], description="Proposed commands that judge a tree, only where you are asked for some."
    )
    tasks: list[PlannedTask]


class ShapedAnswer(PlannerAnswer):
    """The request, in the shape that suits it."""

    shape: Literal["session", "plan", "flow"] = Field(
        "plan",
        description="What the request is best done as. `session`: one task, by one agent. `plan`: "
        "tasks that are known now. `flow`: a program that finds its tasks while it runs, for work "
        "whose parts only a search or an answer names. Say why in `reason`.",
    )
    outline: str = Field(
        "", description="Only of a flow: its steps, a line each. It is written after this."
    )
    tasks: list[PlannedTask] = Field([], description="None of a flow, one of a session.")


def answer_of(settings: Settings) -> type[PlannerAnswer]:
    """The schema of a planner's answer: the effort `ultra` has it choose the shape."""
    return ShapedAnswer if settings.effort == ULTRA else PlannerAnswer


def shape_of(answer: PlannerAnswer) -> str:
    """The shape that a planner has chosen; empty where it had no choice."""
    return answer.shape if isinstance(answer, ShapedAnswer) else ""


def outline_of(answer: PlannerAnswer) -> str:
    """The steps of the flow that a planner would have."""
    return answer.outline.strip()[:_OUTLINE] if isinstance(answer, ShapedAnswer) else ""


def reason_of(answer: PlannerAnswer) -> str:
    """The planner's own word, on a line."""
    return " ".join(answer.reason.split())[:_REASON]


@dataclass(frozen=True, slots=True)
class ProposedPlan:
    """A plan with what its planner says of it. `proposed` checks are not in the plan yet."""

    plan: Plan
    reason: str = ""
    proposed: tuple[str, ...] = ()


def made_of(answer: PlannerAnswer, request: str) -> ProposedPlan:
    """The plan in an answer. Raises UsageError for what no plan may be."""
    document = {
        "request": request,
        "context": answer.context,
        "check": answer.check,
        "task": [task.model_dump() for task in answer.tasks],
    }
    plan = from_document(document, Places())
    tasks = tuple(replace(task, role="") if task.role == DEFAULT else task for task in plan.tasks)
    return ProposedPlan(
        plan=replace(plan, tasks=tasks, check=()),
        reason=reason_of(answer),
        proposed=plan.check,
    )


def wrong_places(answer: PlannerAnswer, brief: Brief) -> tuple[str, ...]:
    """What an answer that is a plan says of places that there are not."""
    if brief.known is None or shape_of(answer) == FLOW:
        return ()
    return unknown_touches(made_of(answer, brief.request).plan.tasks, brief.known)


def wrong_with(answer: PlannerAnswer, brief: Brief) -> tuple[str, ...]:
    """Everything that keeps an answer from being a plan, for its author to mend."""
    shape = shape_of(answer)
    if shape == FLOW:
        lacks = [name for name in ("reason", "outline") if not getattr(answer, name).strip()]
        return tuple(f"a flow needs its `{name}`" for name in lacks)
    if shape == SESSION and len(answer.tasks) != 1:
        return (f"a session is one task, and there are {len(answer.tasks)}",)
    try:
        plan = made_of(answer, brief.request).plan
        shared = validate(
            plan,
            max_sessions=brief.max_sessions,
            allow_overlap=True,
            reviewers=brief.reviewers,
        )
    except UsageError as error:
        return (f"{error.message}{f' ({error.hint})' if error.hint else ''}",)
    known = {"", *(role.name for role in brief.roles)}
    found = [
        f"task {quoted(task.id)}: there is no role {quoted(task.role)}"
        for task in plan.tasks
        if task.role not in known
    ]
    mended = "narrow their `owns`, let one need the other, or make one task of them"
    return tuple(found if brief.allow_overlap else [*found, *(f"{x}: {mended}" for x in shared)])
