"""Where a flow's script is, and what it waits for: for tables and JSON. Pure."""

from typing import Any

from wtman.journal import events as e
from wtman.journal.state import FlowStep, FlowView, State
from wtman.text.terminal import clean, count


def flow_lines(state: State, width: int) -> list[str]:
    """What a script ended with, below the table of tasks."""
    flow = state.flow
    if flow is None or flow.ended is None or not flow.ended.error:
        return []
    return [clean(line, width) for line in error_lines(flow)]


def progress(flow: FlowView) -> list[str]:
    """The phase, and how many steps are done."""
    steps = flow.current
    done = sum(step.answered for step in steps)
    failed = sum(step.error is not None for step in steps)
    told = f"{done} of {count(len(steps), 'step')} done" + (f", {failed} failed" if failed else "")
    looks = all(step.kind == "review" and not step.commits for step in steps)  # an audit
    if flow.ended is not None and not (flow.ended.error or flow.wanted or (steps and looks)):
        told += "; it returned no work: nothing to merge"
        if flow.works:
            told += " (main has to return it)"
    return [*([f"phase {flow.phase}"] if flow.phase else []), told]


def place_of_step(step: FlowStep) -> str:
    """A step by its scope and title."""
    scope = " / ".join(step.scope)
    return f"{scope}: {step.title}" if scope and scope != step.title else step.title


def error_lines(flow: FlowView) -> list[str]:
    """How the script failed: its own lines, the innermost last."""
    error = flow.ended.error if flow.ended is not None else {}
    lines = [f"the flow {flow.added.name} failed: {error.get('message', '')}"]
    for where in error.get("lines") or ():
        file, line, text = where
        lines.append(f"  {file}:{line}: {text}")
    return lines


def flow_json(state: State) -> dict[str, Any]:
    """The keys that `status --json` has of a flow."""
    flow = state.flow
    if flow is None:
        return {}
    return {
        "flow": flow.added.name,
        "phase": flow.phase or None,
        "steps": [step_json(flow, step) for step in flow.steps.values()],
    }


def steps_told(state: State, event: e.Event) -> list[dict[str, Any]]:
    """The steps whose state the event changes, as they are by now."""
    flow = state.flow
    if flow is None:
        return []
    match event:
        case e.StepAsked(key=key) | e.StepAnswered(key=key) | e.StepFailed(key=key):
            keys: tuple[str, ...] = (key,)
        case e.Answered(key=key):
            keys = (key,)
        case e.StepsAskedAgain(keys=known):
            keys = known
        case _:
            return []
    return [step_json(flow, flow.steps[key]) for key in keys if key in flow.steps]


def step_json(flow: FlowView, step: FlowStep) -> dict[str, Any]:
    """One step; `reused`: an earlier play of the script had its answer."""
    return {
        "key": step.key,
        "kind": step.kind,
        "scope": list(step.scope),
        "phase": next((name for kind, name in reversed(step.path) if kind == "phase"), None),
        "round": round_of(step),
        "title": step.title,
        "state": step_state(flow, step),
        "reused": step.reused,
        "task": step.task or None,
        "reason": step.error.message if step.error is not None else "",
    }


def round_of(step: FlowStep) -> int | None:
    """The round of the innermost loop that a step stands in."""
    named = next((name for kind, name in reversed(step.path) if kind == "round"), "")
    number = named.partition(" ")[0]
    return int(number) if number.isascii() and number.isdecimal() and len(number) < 6 else None


def step_state(flow: FlowView, step: FlowStep) -> str:
    """done, failed, waiting (for a person), running, or unused: no play asks for it now."""
    if step.play != flow.plays:
        return "unused"
    if step.error is not None:
        return "failed"
    if step.answered:
        return "done"
    return "waiting" if step.asks_person else "running"
