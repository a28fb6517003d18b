"""What a flow would start, reuse or run again, as lines. Pure."""

from textwrap import wrap

from wtman.coordinator.start.flow_proposal import PreparedFlow
from wtman.flow.outline import outline_lines
from wtman.flow.steps import Rehearsal
from wtman.journal.state import State
from wtman.text.terminal import clean, count, paint
from wtman.ui.flow import place_of_step
from wtman.ui.proposal import at_most, sandbox_words, to_approve

_BOLD, _YELLOW = "1", "33"
_DOCUMENTED = 30  # lines of a docstring on a screen


def flow_screen(prepared: PreparedFlow, width: int, colour: bool) -> list[str]:
    """What would start, as lines."""
    settings, script = prepared.settings, prepared.script
    args = ", ".join(f"{name}={value}" for name, value in prepared.added.args.items())
    facts = [
        ("flow", script.name + (f", with {', '.join(script.sources)}" if script.sources else "")),
        ("inputs", args),
        ("base", prepared.base[:10]),
        ("target", prepared.target or "none: HEAD is detached, merge will need --into"),
        ("agent", settings.agent),
        ("programs", "; ".join(prepared.programs)),
        ("checks", "; ".join(settings.check) or "none: results will not be verified"),
        ("setup", "; ".join(settings.setup)),
        ("cleanup", "; ".join(settings.cleanup)),
        ("sandbox", sandbox_words(settings)),
        ("limits", _limits(prepared)),
        ("worktrees", settings.worktrees),
    ]
    lines = [paint(clean(script.summary, width), _BOLD, colour)]
    lines += [clean(line, width) for line in script.outline.about.splitlines()[1:_DOCUMENTED]]
    lines.append("")
    if set(script.theirs) & set(prepared.commands):  # nobody has approved it: all that it may do
        about = 1 + len(script.outline.about.splitlines())
        lines += [clean(line, width) for line in outline_lines(script.outline)[about:]] + [""]
    lines += [f"{name:<10} {clean(text, width - 11)}" for name, text in facts if text]
    for note in prepared.warnings:
        wrapped = wrap(f"! {clean(note)}", width, subsequent_indent="  ")
        lines += [paint(line, _YELLOW, colour) for line in wrapped]
    return lines + to_approve(prepared.commands)


def _limits(prepared: PreparedFlow) -> str:
    settings = prepared.settings
    parts = [
        count(settings.max_sessions, "session"),
        f"up to {settings.jobs} in parallel",
        f"asks before a fan-out of more than {prepared.added.confirm_above}",
    ]
    if most := at_most(settings):
        parts.append(f"{most} at most")
    return ", ".join(parts)


def rehearsal_lines(state: State, found: Rehearsal, width: int) -> list[str]:
    """What a resume reuses and runs; the price is that of the run's sessions so far.

    What comes after a step that has no answer yet is not known: it may be new, or known.
    """
    least, most = ("at least " if found.wanted else ""), ("at most " if found.wanted else "")
    price = ""
    ran = sum(1 for step in found.reused if step.kind in ("session", "ask", "plan"))
    wanted = sum(1 for step in found.wanted if step.kind in ("session", "ask", "plan"))
    if ran and wanted and state.usage.usd:
        price = f" (about ${state.usage.usd / ran * wanted:,.2f})"
    lines = [
        f"{len(found.reused)} reused, {least}{len(found.wanted)} to run{price}, "
        f"{most if found.unused else ''}{len(found.unused)} no longer asked for"
    ]
    if found.error:
        lines.append(clean(f"! the flow fails there: {found.error.get('message', '')}", width))
    return lines


def difference(found: Rehearsal) -> list[str]:
    """The first step that the script asks for and the run does not have, beside the nearest."""
    if not found.wanted:
        return [
            f"{step.kind} {place_of_step(step)} is no longer asked for" for step in found.unused[:1]
        ]
    step = found.wanted[0]
    lines = [f"first difference: {step.kind} {place_of_step(step)}"]
    alike = [item for item in found.unused if item.kind == step.kind]
    near = next((item for item in alike if item.scope == step.scope), next(iter(alike), None))
    if near is None:
        return [*lines, "  the run has no step of this kind that is left"]
    for name, was, now in (
        ("scope", list(near.scope), list(step.scope)),
        *((name, near.spec.get(name), item) for name, item in step.spec.items()),
    ):
        if was != now:
            lines += [f"  {name} was  {was}", f"  {name} now  {now}"]
    if len(lines) == 1:
        lines.append(
            "  called alike: role, agent, model, checks or the trees it starts from differ"
        )
    return lines
