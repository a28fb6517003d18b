"""What would start, on one screen: the plan, its forecast, and all that the question is about.

Base, sandbox, agents, limits, and the text of every command that needs approval. Pure.
"""

from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import Any

from wtman.coordinator.start.disk_forecast import disk_json, disk_words
from wtman.coordinator.start.proposal import EffortPrices, Proposal, Resumption
from wtman.formats.codec import to_plain
from wtman.journal.events import PlanWanted
from wtman.journal.state import State
from wtman.model.plan import Plan
from wtman.model.roles import review_agents
from wtman.model.settings import Settings
from wtman.model.states import SCHEMA
from wtman.plan.allowance import cut_words, planning_limit, planning_size
from wtman.plan.file import plan_plain
from wtman.plan.planning_sessions import planning_facts, planning_warnings
from wtman.text.terminal import clean, columns, command, count, duration, fit, fold, pad, paint
from wtman.text.words import exact, listed
from wtman.ui.forecast import advice_of, folded, forecast_facts, forecast_json

_BOLD, _YELLOW = "1", "33"
_TASKS = 40  # lines of the plan that one screen can bear


def screen(proposal: Proposal, width: int, colour: bool) -> list[str]:
    """The proposal as lines."""
    plan, settings = proposal.plan, proposal.settings
    target = proposal.target or "none: HEAD is detached (--into)"
    facts = [
        *folded(proposal.planning, width - 11),
        ("base", f"{proposal.base[:10]} {clean(proposal.subject, 30)}, target {target}"),
        ("issue", proposal.issue.url if proposal.issue is not None else ""),
        ("agent", ", ".join(proposal.assigned_agents) or settings.agent or "as each task says"),
        ("reviews", reviews_words(settings)),
        ("checks", "; ".join(plan.check or settings.check) or "none: results will not be verified"),
        ("proofs", proofs_words(plan)),
        ("setup", "; ".join(settings.setup)),
        ("cleanup", "; ".join(settings.cleanup)),
        ("sandbox", sandbox_words(settings)),
        *folded(forecast_facts(plan, proposal.forecast), width - 11),
        *folded((("limits", _limits(settings)),), width - 11),
        ("disk", disk_words(proposal.disk)),
        ("worktrees", settings.worktrees),
    ]
    lines = [paint(clean(plan.request, width) or "(no request)", _BOLD, colour)]
    lines += _tasks(plan, width)
    lines.append("")
    lines += [f"{name:<10} {clean(text, width - 11)}" for name, text in facts if text]
    notes = (*proposal.warnings, *advice_of(plan, proposal.forecast))
    for note in notes:
        wrapped = wrap(f"! {clean(note)}", width, subsequent_indent="  ")
        lines += [paint(line, _YELLOW, colour) for line in wrapped]
    return lines + to_approve(proposal.commands)


def reviews_words(settings: Settings) -> str:
    """Who reviews, how many and how often."""
    agents = review_agents(settings)
    if not agents:
        wanted = settings.reviewers > 0
        return "none: no reviewer specified (--reviewer)" if wanted else "none"
    return (
        f"{count(settings.reviewers, 'reviewer')} a branch, "
        f"{count(settings.rounds, 'round')} at most, by {', '.join(agents)}"
        + (", another vendor's" if settings.other_vendors and not settings.reviewed_by else "")
    )


def proofs_words(plan: Plan) -> str:
    """What shows the defects that the tasks are to mend; empty where nothing does."""
    proofs = [proof for task in plan.tasks for proof in task.proofs]
    if not proofs:
        return ""
    commands = list(dict.fromkeys(command(proof.command) for proof in proofs))
    found = count(len(proofs), "reproducer")
    shown = listed(commands, 3)
    return f"{found} must fail on the base and pass afterwards, run as the review did: {shown}"


def _tasks(plan: Plan, width: int) -> list[str]:
    name = min(max(columns(task.id) for task in plan.tasks), 24)
    lines = []
    for task in plan.tasks[:_TASKS]:
        needs = f" (needs {', '.join(task.needs)})" if task.needs else ""
        owns = f" [{' '.join(task.owns)}]" if task.owns else ""
        again = " (lead: cut again when it starts)" if task.lead else ""
        text = (task.title or task.prompt) + again + needs + owns
        lines.append(f"  {pad(task.id, name)}  {clean(text, max(width - name - 4, 10))}")
    if len(plan.tasks) > _TASKS:
        lines.append(f"  … and {count(len(plan.tasks) - _TASKS, 'task')} more")
    return lines


def sandbox_words(settings: Settings) -> str:
    """The sandbox, and who has the network in it."""
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


def _limits(settings: Settings) -> str:
    parts = [
        f"{settings.jobs} in parallel",
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


def announced(wanted: PlanWanted, settings: Settings, width: int) -> list[str]:
    """What planning may cost, before it does."""
    lines = fold(_announced(wanted, settings), width)
    cut = cut_words(wanted, settings)
    return lines + (fold(f"! {cut}", width) if cut else [])


def _announced(wanted: PlanWanted, settings: Settings) -> str:
    limit, size = planning_limit(settings).usd, planning_size(wanted, settings)
    money = f"at most ${limit:.2f}" if limit else "no limit in dollars (--plan-budget-usd)"
    parts = []
    if size.scouts:
        other = f" ({clean(wanted.scout, 200)})" if wanted.scout != wanted.agent else ""
        parts.append(f"at most {count(size.scouts, 'scout')}{other} (--scouts N)")
    each = duration(settings.timeout)
    if size.plans > 1:
        judge = " and a judge" if size.judges else ", compared by forecast"
        parts.append(f"{count(size.plans, 'plan')}{judge}, one session each")
        parts.append("one more each if an answer is not usable")
    elif parts:
        parts.append("one session of the planner, and one more each if an answer is not usable")
    if parts:
        return (
            f"planning with {clean(wanted.agent, 200)}: {', '.join(parts)}; {each} for the "
            f"planner, {duration(settings.timeout / 4)} for a scout, {money}"
        )
    return (
        f"planning with {clean(wanted.agent, 200)}: one session, and one more if its answer is "
        f"not usable; {each} each, {money}"
    )


def ultra_lines(wanted: PlanWanted, settings: Settings, prices: EffortPrices) -> list[str]:
    """What the effort `ultra` comes to, before a token is spent."""
    size = planning_size(wanted, settings)
    most = at_most(settings) or "no limit (--budget-usd, --budget-tokens)"
    reviews = "no reviews: no reviewer specified (--reviewer)"
    if review_agents(settings):
        reviews = (
            f"{count(settings.reviewers, 'reviewer')} a round, {settings.dry_rounds} rounds "
            f"without anything new, {settings.rounds} rounds at most"
        )
    return [
        "effort ultra: every session at the highest effort of its agent",
        f"  planning  up to {count(2 * size.sessions, 'session')}: "
        f"{count(size.scouts, 'scout')}, "
        f"{count(size.plans, 'plan')}{' compared' if size.plans > 1 else ''}",
        f"  each task  up to {count(settings.attempts, 'attempt')}; {reviews}",
        f"  limits  {count(settings.max_sessions, 'session')}; {most}",
        *_price_lines(prices),
    ]


def _price_lines(prices: EffortPrices) -> Iterator[str]:
    """What the planning costs in money, and one session of each role that comes after it."""
    price = prices.planning
    told = f"unknown: {clean(price.because)}"
    if price.p50 is not None:
        samples = f"{count(price.samples, 'past session')} of the least known role"
        told = f"about ${price.p50:.2f}, 9 in 10 below ${price.p90:.2f} ({samples})"
    yield f"  price of planning  {told}"
    for name, price in prices.sessions.items():
        told = f"unknown: {clean(price.because)}"
        if price.p50 is not None:
            samples = count(price.samples, "past session")
            told = f"about ${price.p50:.2f}, 9 in 10 below ${price.p90:.2f} ({samples})"
        yield f"  price of a session  {name}: {told}"


def resumption_lines(told: Resumption, width: int) -> list[str]:
    """What a resume reuses and what it costs."""
    parts = (
        ("reused", told.impact.reused),
        ("judged again", told.impact.rechecked),
        ("sessions for", told.impact.rerun),
        ("added", told.impact.added),
        ("dropped", told.impact.dropped),
        ("not again", told.impact.short),
    )
    lines = [fit(f"run {told.run}  {clean(told.request)}", width)]
    lines += change_lines(told.told)
    lines += [fit(f"  {word:<12}  {', '.join(names)}", width) for word, names in parts if names]
    return lines + to_approve(told.commands)


def change_lines(told: Sequence[str]) -> list[str]:
    """What was changed in the configuration since a run began; whole, never cut."""
    return [f"  {clean(line)}" for line in told]


def to_approve(commands: tuple[str, ...]) -> list[str]:
    """Whole, never cut: what is approved is exactly what is read."""
    if not commands:
        return []
    lines = [f"    {exact(command)}" for command in commands]
    return ["", "commands of this repository that need your approval:", *lines]


def proposal_json(proposal: Proposal) -> dict[str, Any]:
    """The answer of `wtman split --dry-run --json`."""
    return {
        "schema": SCHEMA,
        "dry_run": True,
        "base": proposal.base,
        "target": proposal.target,
        "plan": plan_plain(proposal.plan),
        "settings": to_plain(proposal.settings),
        "agents": list(proposal.assigned_agents),
        "forecast": forecast_json(proposal.plan, proposal.forecast),
        "disk": disk_json(proposal.disk),
        "approval": list(proposal.commands),
        "warnings": list(proposal.warnings),
        "planning": [{"name": name, "text": text} for name, text in proposal.planning],
    }


def planning_lines(state: State) -> list[str]:
    """How a plan came about, and what the planning did without."""
    told = [f"{name}: {text}" for name, text in planning_facts(state)]
    return [clean(text) for text in (*told, *(f"! {it}" for it in planning_warnings(state)))]


def annotated(state: State, text: str) -> str:
    """The text of a plan file with what its reader should know on top."""
    made = state.planning.made if state.planning is not None else None
    lines = []
    if made is not None and made.reason:
        lines += wrap(f"Why it is cut like this: {clean(made.reason)}", 97)
    if made is not None and made.proposed:
        lines += wrap("The check is the planner's proposal: read it before you run this plan.", 97)
    return "".join(f"# {line}\n" for line in lines) + text
