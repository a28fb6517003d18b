"""The one question that `wtman split` asks, with all that it is about on one screen.

Plan, forecast, base, sandbox, agent, limits, and the text of every command that
needs approval. Pure text out; `answer` alone reads the terminal.
"""

from dataclasses import dataclass
from textwrap import wrap
from typing import TextIO

from wtman.model.ids import Sha
from wtman.model.plan import Plan
from wtman.model.settings import Settings
from wtman.plan.forecast import Forecast
from wtman.review.judgement import review_agents
from wtman.text.terminal import clean, columns, count, duration, pad, paint

_BOLD, _YELLOW = "1", "33"
_TASKS = 40  # lines of the plan that one screen can bear


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the user says yes or no to."""

    plan: Plan
    forecast: Forecast
    settings: Settings
    base: Sha
    subject: str  # of the base commit
    target: str
    commands: tuple[str, ...] = ()  # that need approval, as they would be run
    warnings: tuple[str, ...] = ()
    assigned_agents: tuple[str, ...] = ()  # the agents of the tasks, with their sign-in


def screen(proposal: Proposal, width: int, colour: bool) -> list[str]:
    """The proposal as lines."""
    plan, settings = proposal.plan, proposal.settings
    facts = [
        ("base", f"{proposal.base[:10]} {proposal.subject}"),
        ("target", proposal.target or "none: HEAD is detached, merge will need --into"),
        ("agent", ", ".join(proposal.assigned_agents) or settings.agent or "as each task says"),
        ("reviews", reviews_words(settings)),
        ("checks", "; ".join(plan.check or settings.check) or "none: results will not be verified"),
        ("setup", "; ".join(settings.setup)),
        ("cleanup", "; ".join(settings.cleanup)),
        ("sandbox", _sandbox(settings)),
        ("forecast", _forecast(proposal.forecast, settings)),
        ("limits", _limits(settings)),
        ("worktrees", settings.worktrees),
    ]
    lines = [paint(clean(plan.request, width) or "(no request)", _BOLD, colour), ""]
    lines += _tasks(plan, width)
    lines.append("")
    lines += [f"{name:<10} {clean(text, width - 11)}" for name, text in facts if text]
    notes = (*proposal.warnings, *proposal.forecast.advice)
    for note in notes:
        wrapped = wrap(f"! {clean(note)}", width, subsequent_indent="  ")
        lines += [paint(line, _YELLOW, colour) for line in wrapped]
    if proposal.commands:
        lines += ["", "commands of this repository that need your approval:"]
        # Whole, never cut: what is approved is exactly what is read.
        lines += [f"    {clean(command)}" for command in proposal.commands]
    return lines


def reviews_words(settings: Settings) -> str:
    """Who reviews, how many and how often."""
    agents = review_agents(settings)
    if not agents:
        wanted = settings.reviewers > 0
        return "none: no reviewer specified (--reviewer)" if wanted else "none"
    return (
        f"{count(settings.reviewers, 'reviewer')} a branch, "
        f"{count(settings.rounds, 'round')} at most, by {', '.join(agents)}"
    )


def _tasks(plan: Plan, width: int) -> list[str]:
    name = min(max(columns(task.id) for task in plan.tasks), 24)
    lines = []
    for task in plan.tasks[:_TASKS]:
        needs = f" (needs {', '.join(task.needs)})" if task.needs else ""
        owns = f" [{' '.join(task.owns)}]" if task.owns else ""
        text = (task.title or task.prompt) + needs + owns
        lines.append(f"  {pad(task.id, name)}  {clean(text, max(width - name - 4, 10))}")
    if len(plan.tasks) > _TASKS:
        lines.append(f"  … and {count(len(plan.tasks) - _TASKS, 'task')} more")
    return lines


def _sandbox(settings: Settings) -> str:
    if settings.sandbox in ("", "none"):
        return "none: agents and checks run with all of your rights"
    hosts = f" and {', '.join(settings.hosts)}" if settings.hosts else ""
    network = {
        "on": "agents have the network",
        "off": "agents have no network",
        "allow-list": f"agents reach their providers{hosts} alone",
    }
    checks = "checks too" if settings.check_network else "checks have none"
    joined = network.get(settings.network, settings.network)
    return f"{settings.sandbox}; {joined}" + (f", {checks}" if settings.network == "on" else "")


def _forecast(forecast: Forecast, settings: Settings) -> str:
    sessions = (
        f"{forecast.sessions_least} to {forecast.sessions_most} sessions"
        if forecast.sessions_least != forecast.sessions_most
        else count(forecast.sessions_least, "session")
    )
    return (
        f"{count(forecast.branches, 'branch')}, {sessions}, "
        f"{count(len(forecast.waves), 'stage')}, up to {settings.jobs} in parallel"
    )


def _limits(settings: Settings) -> str:
    parts = [
        count(settings.max_sessions, "session"),
        f"{count(settings.attempts, 'attempt')} a task",
        f"{duration(settings.timeout)} each",
    ]
    if most := at_most(settings):
        parts.append(f"{most} at most")
    return ", ".join(parts)


def at_most(settings: Settings) -> str:
    """What a run may cost by its budgets and caps; empty where nothing bounds it."""
    sessions = settings.max_sessions
    usd = settings.budget_usd or settings.session_budget_usd * sessions
    tokens = settings.budget_tokens or settings.session_budget_tokens * sessions
    parts = [f"${usd:,.2f}"] if usd else []
    parts += [f"{tokens:,} tokens"] if tokens else []
    return " and ".join(parts)


def answer(question: str, source: TextIO, out: TextIO) -> bool:
    """Ask until it is yes or no; the end of the input is no."""
    while True:
        out.write(f"{question} [y/N] ")
        out.flush()
        line = source.readline()
        word = line.strip().lower()
        if word in ("y", "yes"):
            return True
        if word in ("", "n", "no"):
            if not line:
                out.write("\n")
            return False
