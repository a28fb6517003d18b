"""The one coordinated report of a run, for Markdown and HTML.

Pure. Says what was done, what was checked and, as plainly, what was not: an
unchecked branch, a missing review or an unconfined session is never implied away.
"""

from collections.abc import Collection, Iterator, Mapping

from wtman.budget.budget import overshoot, spent
from wtman.coordinator.outcome import (
    FELL_SHORT,
    last_outcome,
    shortfall,
    used_by,
    with_hint,
    working_time,
)
from wtman.flow.announcement import announcement_words
from wtman.journal.state import NO, State
from wtman.model.ids import TaskId
from wtman.model.session import Usage
from wtman.model.states import Standing
from wtman.plan.planning_sessions import planning_sessions, planning_usage
from wtman.review.judgement import is_audit, judgements
from wtman.tasks.lifecycle import standings
from wtman.text.terminal import clean, count, duration, size
from wtman.text.words import exact, iso, listed
from wtman.ui.causes import causes, run_causes
from wtman.ui.document import Card, Facts, Line, Section, Table, Verbatim, Words, code, joined, line
from wtman.ui.facts import (
    check_told,
    evidence_told,
    excluded_told,
    headline,
    landed_before,
    landed_in_all,
    merge_told,
    task_told,
    unresolved,
)
from wtman.ui.findings import (
    Judged,
    evidence_of,
    finding_told,
    problems,
    reviewed_words,
    shown_by,
    standing_of,
    standing_words,
    tally,
    unlooked,
)
from wtman.ui.flow import progress, step_state
from wtman.ui.markdown import markdown
from wtman.ui.plan_story import planning_blocks
from wtman.ui.questions import all_asked, answer_words
from wtman.ui.repairs import repair_story
from wtman.ui.table import run_words
from wtman.ui.tree import MARKS, Node, place_words, tree, tree_lines

_FATES = {"open": "bad", "pending": "busy", "concern": "warn", "mended": "good"}
_CELLS = {"failed": "bad", "broken": "bad", "passed": "good"}
_NOT_REPORTED = "not reported"
_SHOWN = 600  # characters of a question
# What a confirmed finding of an audit rests on, and no more.
_SHOWN_BY_RUNNING = (
    "confirmed means: its test was run, fails on the commit, and does not fail in the same way "
    "without the code that it accuses; whether it asserts what is right no run can show: read it"
)
_STEPS, _LOGGED = 500, 20  # rows and lines of a flow


def report(state: State, *, folds: bool = True) -> str:
    """The report as one Markdown text; for a terminal without what is folded."""
    known = standings(state)
    figures = line(", ".join(f"{name}: {value}" for name, value in figures_of(state)))
    return markdown(
        line(state.request or state.run),
        [about(state, known), figures],
        shortfall(state),
        sections(state, known),
        folds=folds,
    )


def about(state: State, known: Mapping[TaskId, Standing]) -> Line:
    """Which run it is, and how it stands."""
    words, kind = run_words(state, known)
    facts = [
        line(Words(words, "badge", kind)),
        line("run ", code(state.run)),
        line(f"created {iso(state.created)}"),
        line("base ", code(state.base[:10])),
        *([line("issue ", code(state.issue.url))] if state.issue is not None else ()),
    ]
    return joined(facts + ([line("target ", code(state.target))] if state.target else []))


def figures_of(state: State) -> list[tuple[str, str]]:
    """What it took, each figure with its name."""
    used, over, budgets = state.usage, overshoot(state), spent(state)
    audit = is_audit(state)
    figures = [
        ("reviews", str(len(state.reviews.units))) if audit else ("tasks", str(len(state.tasks))),
        ("sessions", str(state.sessions)),
        ("time", duration(state.lasted(state.updated))),
        ("tokens", f"{used.tokens:,}" if used.tokens else _NOT_REPORTED),
        ("cost", _NOT_REPORTED if used.usd is None else f"${used.usd:.2f}"),
    ]
    beyond = [f"${over.usd:.2f}"] if over.usd else []
    beyond += [f"{over.tokens:,} tokens"] if over.tokens else []
    if budgets and beyond:
        budgets += f"; {' and '.join(beyond)} over it, by last calls of live sessions"
    return figures + ([("budget", budgets)] if budgets else [])


def sections(state: State, known: Mapping[TaskId, Standing]) -> list[Section]:
    """Everything below the head."""
    found = judgements(state)
    if is_audit(state):
        return _of_audit(state)
    return [
        Section("stopped", "Why it does not go on", list(_stopped(state))),
        Section("landed", "Merged changes and evidence", list(_merge(state))),
        Section("excluded", "Not merged", list(_excluded(state))),
        Section("tasks", "Tasks", [_summary(state, known)]),
        Section("planning", "Planning", list(planning_blocks(state))),
        Section("repairs", "Repairs", list(_repairs(state, known))),
        Section("asked", "Questions to you", list(_asked(state))),
        Section("flow", "Flow", list(_flow(state))),
        Section("findings", "Findings", list(_findings(state, found))),
        Section("changes", "Changes", [_task(state, *item) for item in known.items()]),
        Section("cost", "Cost", [_costs(state)]),
        Section("forecast", "How well the forecast held", list(_held(state))),
        Section("not-covered", "Not covered", [Facts([line(text) for text in not_covered(state)])]),
    ]


def _of_audit(state: State) -> list[Section]:
    """An audit: what it found, what to do about that, who looked."""
    from wtman.review.audit import audit_findings, fix_command

    audit = audit_findings(state)
    told: list[Facts | Table | Card] = list(_findings(state, (*audit.confirmed, *audit.concerns)))
    if audit.refuted:
        told.append(Facts([line(f"{count(audit.refuted, 'claim')} refuted: not told here")]))
    looked = any(item.ok for item in state.reviews.units.values())
    nothing = "nothing was confirmed" if looked else "no reviewer gave a verdict: look again"
    advice = [line(nothing)]
    if audit.confirmed:
        what = count(len(audit.confirmed), "confirmed finding")
        fix = code(fix_command(state))
        words = f"fix {what}, each with its reproducer as a check: "
        if state.reviews.taken:
            words = f"a run was made to fix {what}: "
        advice = [line(words, fix)]
        advice.append(line(_SHOWN_BY_RUNNING))
    if audit.concerns:
        them = count(len(audit.concerns), "concern")
        advice.append(line(f"look at {them} yourself: nothing shows whether they hold"))
    return [
        Section("stopped", "Why it does not go on", list(_stopped(state))),
        Section("findings", "Findings", told),
        Section("recommendations", "Recommendations", [Facts(advice)]),
        Section("looked", "What was looked at", list(_looked(state))),
        Section("flow", "Flow", list(_flow(state))),
        Section("cost", "Cost", [_costs(state)]),
        Section("not-covered", "Not covered", [Facts([line(text) for text in not_covered(state)])]),
    ]


def _looked(state: State) -> Iterator[Facts | Table]:
    """The reviews of an audit: who looked with which lens, and what came of it."""
    yield Facts([line("the repository as it stands at ", code(state.base[:10]))])
    rows = [
        (
            line(item.lens or item.kind),
            line(code(item.agent[:120])),
            line(Words("answered", "good") if item.ok else Words("no verdict", "warn")),
            line(str(len(item.claims))),
        )
        for item in state.reviews.units.values()
    ]
    if rows:
        yield Table(("lens", "agent", "", "claims"), rows, 1)
    named = sorted({item.claim.path for item in state.reviews.findings.values()} - {""})
    if named:
        yield Facts([line(f"files that claims are about: {listed(named, 20)}")])


def _stopped(state: State) -> Iterator[Card]:
    """What keeps the run as a whole from going on, with what it printed."""
    for cause in run_causes(state):
        if cause.said:
            shown = f"wtman logs --failed {state.run}"
            blocks = [Verbatim(cause.said, telling=cause.lines(), shown=shown)]
            yield Card(line(with_hint(cause.title, cause.hint)), blocks, "bad")


def _flow(state: State) -> Iterator[Facts | Table]:
    """The script of a flow: how far it came, its steps with what they stand in, what it told."""
    flow = state.flow
    if flow is None:
        return
    told = [line(text) for text in progress(flow)]
    yield Facts([line("script ", code(flow.added.name)), *told])
    yield Facts([line(announcement_words(item)[:200]) for item in flow.fan_outs.values()][:_LOGGED])
    rows = [
        (line(place_words(step)), line(step.kind), line(step.title), line(mark), line(why))
        for step in list(flow.steps.values())[:_STEPS]
        for mark in [step_state(flow, step)]
        for why in [step.error.message[:200] if step.error is not None else ""]
    ]
    if rows:
        yield Table(("in", "step", "", "state", ""), rows)
    if len(flow.steps) > _STEPS:
        more = f"{len(flow.steps) - _STEPS:,} more steps: wtman status {state.run} --json"
        yield Facts([line(more)])
    log = [item.text for item in flow.lines if item.what == "log"]
    if log:
        yield Facts([line(text[:200]) for text in log[-_LOGGED:]])


# --- the merge ------------------------------------------------------------------------------------


def _merge(state: State) -> Iterator[Card]:
    merge = state.merge
    if merge is None:
        return
    landed = merge.landed
    if merge.failed is not None:
        why = with_hint(merge.failed.reason, merge.failed.hint)
        yield Card(line("Merge failed"), [Facts([line(f"{why}; the target is untouched")])], "bad")
    elif landed is None:
        tried = f"{count(len(merge.candidates), 'candidate')} checked so far"
        yield Card(line("Merge not finished"), [Facts([line(tried)])])
    else:
        before = landed_before(state, landed)
        told = [line(landed_in_all(before, landed))] if before else []
        told += [*evidence_told(state, landed), *merge_told(state, landed)]
        rows = [_commit(state, task, sha, ", in an earlier merge") for task, sha in before.items()]
        rows += [_commit(state, TaskId(task), sha) for task, sha in landed.commits.items()]
        head = ("task", "commit", "checks against its own base", "reviewed")
        title = line("The last merge: " if before else "", headline(state, landed))
        kind = "good" if landed.commits else "warn"
        yield Card(title, [Facts(told), *([Table(head, rows)] if rows else [])], kind)


def _commit(state: State, task: TaskId, sha: str, more: str = "") -> tuple[Line, ...]:
    checked = state.tasks[task].checked
    results = checked.results if checked is not None else ()
    checks = joined(map(check_told, results), "; ") or line(Words("not checked", "warn"))
    reviewed = reviewed_words(state, task) or "not reviewed"
    return (_link(state, task), line(code(sha[:10]), more), checks, line(reviewed))


def _link(state: State, task: TaskId) -> Line:
    return line(Words(state.label(task), to=f"task-{task}"))


def _excluded(state: State) -> Iterator[Card]:
    landed = state.merge.landed if state.merge is not None else None
    for item in landed.excluded if landed is not None else ():
        blocks: list[Facts | Table | Verbatim] = []
        if why := unresolved(state, item.task):
            blocks.append(Facts([line(f"not resolved: {why}")]))
        blocks += list(_outputs(state, item.task, ("merge",)))
        blocks += [Verbatim(item.reproduce, runs=True)] if item.reproduce else []
        yield Card(line(f"{state.label(item.task)}: {excluded_told(state, item)}"), blocks, "bad")


# --- tasks ----------------------------------------------------------------------------------------


def _state(item: Standing) -> Words:
    return Words(item.state, "badge", MARKS[item.state][1])


def _summary(state: State, known: Mapping[TaskId, Standing]) -> Table:
    """The tree of the run; what is deeper has more marks before its name."""
    rows: list[tuple[Line, ...]] = []
    for place in tree_lines(tree(state, known)):
        node, marks = place.node, "› " * place.depth
        if place.text or not node.tasks:
            badge = line() if place.text else line(Words(node.state, "badge", MARKS[node.state][1]))
            title = line(marks, Words(place.text, "strong"), "" if place.text else node.title)
            note = "" if place.text else (node.name if node.kind == "step" else node.note)
            rows.append((title, badge, line(note[:200]), line(), line(), line()))
            continue
        task, item = node.tasks[0], known[node.tasks[0]]
        view = state.tasks[task]
        last = last_outcome(view)
        changed = size(last.files, last.insertions, last.deletions) if last and last.files else ""
        cells = (
            line(_why(node, item)[:200] or view.task.title[:120]),
            line(str(view.last or "")),
            line(changed),
            line(duration(working_time(view, 0.0)) if view.attempts else ""),
        )
        badge = line(Words(node.state, "badge", MARKS[node.state][1]))
        rows.append((line(marks, *_link(state, task)), badge, *cells))
    return Table(("task", "state", "", "attempts", "change", "time"), rows, 3)


def _why(node: Node, item: Standing) -> str:
    """Why a task stands as it does, and what goes on around it in a flow."""
    own = item.reason if node.state == item.state else ""
    return "  ".join(dict.fromkeys(part for part in (node.note, own) if part))


def _task(state: State, task: TaskId, item: Standing) -> Card:
    view = state.tasks[task]
    told = task_told(state, task)
    if item.waiting_for:
        told.append(line("waits for " + ", ".join(item.waiting_for)))
    title = f": {view.task.title}" if view.task.title else ""
    blocks: list[Facts | Table | Verbatim] = [Facts(told)]
    if item.state in FELL_SHORT:
        blocks += _outputs(state, task, ("setup", "check", "session", "planning"))
    return Card(line(view.label, title, " ", _state(item)), blocks, name=f"task-{task}")


def _outputs(state: State, task: TaskId, kinds: Collection[str]) -> Iterator[Verbatim]:
    """What the failed commands of a task printed: the lines that say why, the rest folded."""
    said = set[str]()
    external = state.kind.external
    for cause in causes(state, task):
        if cause.kind in kinds and cause.said and cause.said not in said:
            said.add(cause.said)
            shown = "" if external else f"wtman logs --failed {state.run}/{task}"
            yield Verbatim(cause.said, telling=cause.lines(), shown=shown)


def _repairs(state: State, known: Mapping[TaskId, Standing]) -> Iterator[Card]:
    """What fell short, what was decided on it and why, and what came of that."""
    for task in dict.fromkeys(item.task for item in state.repairs):
        told = repair_story(state, task, known.get(task))
        yield Card(line(task), [Facts([line(text) for text in told])])


def _asked(state: State) -> Iterator[Card]:
    """What a person was asked while the run went on, and what the answer was."""
    for item in all_asked(state):
        words = answer_words(state, item)
        kind = "good" if item.answer and item.answer != NO else "warn"
        shown = [line(exact(text)[:_SHOWN]) for text in item.show[:_LOGGED]]
        if len(item.show) > _LOGGED:
            shown.append(line(f"and {count(len(item.show) - _LOGGED, 'line')} more"))
        title = line(clean(item.text, _SHOWN), " ", Words(words, "badge", kind))
        yield Card(title, [Facts(shown)] if shown else [])


def _held(state: State) -> Iterator[Facts | Table]:
    """How well the forecast held, if there was one."""
    if state.foretold is not None:
        from wtman.ui.forecast import held_blocks  # it loads what forecasts are made with

        yield from held_blocks(state)


# --- findings -------------------------------------------------------------------------------------


def _findings(state: State, found: tuple[Judged, ...]) -> Iterator[Facts | Card]:
    """Each finding with all that became of it."""
    if found:
        yield Facts([line(tally(found))])
    for finding, judged in found:
        standing = standing_of(judged)
        kind = _FATES.get(standing, "quiet")
        blocks: list[Facts | Table | Verbatim] = [
            Facts([line(text) for text in finding_told(state, finding, judged)])
        ]
        proof = shown_by(finding, judged)
        if proof is not None:
            rows = [
                (
                    line(cell.tree),
                    line(Words(cell.result, _CELLS.get(cell.result, ""))),
                    line(f"{cell.failures} of {cell.runs}"),
                    line(cell.detail[:200] if cell.result == "unrun" else ""),
                )
                for cell in proof.cells
            ]
            blocks.append(Table(("tree", "its reproducer", "failures", ""), rows))
            blocks += [Verbatim(said)] if (said := evidence_of(proof)) else []
            blocks += [Verbatim(proof.by_hand, runs=True)] if proof.by_hand else []
        badge = Words(standing_words(finding, judged), "badge", kind)
        yield Card(line(f"{finding.id}: {finding.claim.title} ", badge), blocks, kind)


# --- costs, and what is missing -------------------------------------------------------------------


def _costs(state: State) -> Facts | Table:
    used = {task: used_by(view) for task, view in state.tasks.items()}
    rows = [_cost(task, it) for task, it in used.items() if it.tokens or it.usd is not None]
    planning = planning_usage(planning_sessions(state))
    if planning.tokens or planning.usd is not None:
        rows.insert(0, _cost("planning", planning))
    if not rows:
        return Facts([line("Tokens: not reported"), line("Cost: not reported by this agent")])
    rows.append(_cost("all", state.usage))
    return Table(("", "tokens read", "tokens written", "dollars"), rows, 3)


def _cost(name: str, used: Usage) -> tuple[Line, ...]:
    usd = "unknown" if used.usd is None else f"{used.usd:.2f}"
    figures = (f"{used.input_tokens:,}", f"{used.output_tokens:,}", usd)
    return (line(name), *map(line, figures))


def not_covered(state: State) -> list[str]:
    """What nobody looked at, and what else a reader has to know, as foreign text."""
    lines = [*unlooked(state), *problems(state)]
    if not state.checks and not is_audit(state):
        lines.append("no check judged any branch")
    if state.settings.allow_failing_base:
        lines.append("a check that fails on the base was allowed to")
    if state.settings.sandbox in ("", "none"):
        lines.append("sessions and checks ran without a sandbox, with the user's own rights")
    base = state.base_checked
    return [*lines, *(base.warnings if base is not None else ()), *state.notes]
