"""The report as one HTML file: nothing is loaded from anywhere, nothing in it runs.

Reads a State and the diffs that it is given, and promises that no word of an agent, a
repository or a request becomes markup. Says the same as `core.report`, and shows more.
"""

from collections.abc import Iterator, Mapping
from importlib.resources import files

from wtman.budget.budget import spent
from wtman.journal.state import Finding, MergeView, State, TaskView, describe_red
from wtman.merge.test_counts import describe, tallies
from wtman.model.check import CheckResult, Verdict
from wtman.model.ids import TaskId
from wtman.model.states import RunState, Standing
from wtman.review.judgement import judgement
from wtman.tasks.lifecycle import run_state, standings
from wtman.text.terminal import count, duration, size
from wtman.text.words import iso
from wtman.ui.findings import evidence_of, review_facts, reviewed_words, shown_by, standing_of
from wtman.ui.html_diff import diff_view
from wtman.ui.markup import badge, code, lines, listed, section, table, text
from wtman.ui.merge_report import adapted_text, landed_before, landed_in_all, note_text
from wtman.ui.merge_report import lines as merge_lines
from wtman.ui.report import not_covered
from wtman.ui.status_json import (
    agent_of,
    last_outcome,
    next_command,
    shortfall,
    used_by,
    working_time,
)
from wtman.ui.timeline import timeline

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_GOOD = (RunState.READY, RunState.MERGED)
_FATES = {"open": "bad", "pending": "busy", "concern": "warn", "mended": "good"}


def page(state: State, diffs: Mapping[TaskId, str], now: float, live: bool = False) -> str:
    """The whole page. `diffs` are what `git diff` says of each task, as text."""
    known = standings(state)
    style = (files("wtman.ui") / "report.css").read_text(encoding="utf-8")
    title = text(state.request, 200) or text(state.run)
    body = "".join(
        (
            _head(state, known, live),
            section("landed", "What landed, and why it is believed", _landed(state)),
            section("left-out", "Left out", _left_out(state)),
            section("tasks", "Tasks", _summary(state, known)),
            section("timeline", "Timeline", timeline(state, now)),
            section("findings", "Findings", "".join(_findings(state))),
            section(
                "changes",
                "Changes",
                "".join(
                    _task(state, state.tasks[task], item, diffs.get(task, ""))
                    for task, item in known.items()
                ),
            ),
            section("costs", "What it cost", _costs(state)),
            section("not-covered", "Not covered", listed(map(text, not_covered(state)))),
        )
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer"><meta name="color-scheme" '
        f'content="light dark"><title>{title} - wtman</title><style>{style}</style></head>'
        f"<body><main>{body}</main></body></html>\n"
    )


# --- the top of the page --------------------------------------------------------------------------


def _head(state: State, known: Mapping[TaskId, Standing], live: bool) -> str:
    status = run_state(state, known)
    kind = "good" if status in _GOOD else "bad" if status is RunState.FAILED else "warn"
    about = [f"run {code(state.run)}", f"created {iso(state.created)}"]
    about.append(f"base {code(state.base[:10])}")
    if state.target:
        about.append(f"target {code(state.target)}")
    tokens = state.usage.tokens
    money = "cost unknown" if state.usage.usd is None else f"${state.usage.usd:.2f}"
    facts = [
        (str(len(known)), "task" if len(known) == 1 else "tasks"),
        (str(state.sessions), "session" if state.sessions == 1 else "sessions"),
        (duration(max(state.updated - state.created, 0)), "from start to end"),
        (f"{tokens:,}" if tokens else "none told", "tokens"),
        (money, spent(state) or "of agents that tell prices"),
    ]
    boxes = "".join(
        f"<li><b>{text(big)}</b><span>{text(small)}</span></li>" for big, small in facts
    )
    trouble = "".join(f'<p class="card bad">{text(line)}</p>' for line in shortfall(state))
    return (
        f"<header><h1>{text(state.request, 500) or text(state.run)}</h1>"
        f'<p>{badge(status, kind)} <span class="soft">{" · ".join(about)}</span></p>'
        f'{trouble}<ul class="facts">{boxes}</ul>'
        f'<p class="soft">next: <code>{text(next_command(state, live, known))}</code></p></header>'
    )


def _summary(state: State, known: Mapping[TaskId, Standing]) -> str:
    rows = []
    for task, item in known.items():
        view = state.tasks[task]
        last = last_outcome(view)
        changed = size(last.files, last.insertions, last.deletions) if last and last.files else ""
        rows.append(
            (
                f'<a href="#task-{text(task)}">{text(view.label)}</a>',
                badge(item.state),
                text(item.reason, 200) or text(view.task.title, 120),
                str(len(view.attempts) or ""),
                text(changed),
                duration(working_time(view, 0.0)) if view.attempts else "",
            )
        )
    return table(("task", "state", "", "attempts", "change", "time"), rows, 3)


# --- the merge ------------------------------------------------------------------------------------


def _landed(state: State) -> str:
    merge = state.merge
    if merge is None:
        return ""
    if merge.failed is not None:
        hint = f" ({text(merge.failed.hint)})" if merge.failed.hint else ""
        return f'<p class="card bad">{text(merge.failed.reason)}{hint}; the target is untouched</p>'
    landed = merge.landed
    if landed is None:
        return f"<p>Not over yet: {count(len(merge.candidates), 'train')} checked so far.</p>"
    before = landed_before(state, landed)
    why = [text(landed_in_all(before, landed))] if before else []
    last = "The last merge: " if before else ""
    why.append(last + text(merge_lines(state, landed)[0]))
    if landed.proof:
        why.append(text(landed.proof))
    why += list(_train_facts(state, merge))
    if landed.patches:
        why.append(f"Patches, bundle and manifest: {code(landed.patches)}")
    why += [f"Flaky, failed only once: {code(name)}" for name in landed.flaky]
    why += [f"Adapted: {text(adapted_text(state, item))}" for item in landed.adapted]
    why += [f"Worth a look: {text(note_text(state, note))}" for note in landed.notes]
    now = {TaskId(task): commit for task, commit in landed.commits.items()}
    rows = []
    for task, commit in {**before, **now}.items():
        view = state.tasks[task]
        needs = ", ".join((landed.needs or {}).get(task, ()))
        rows.append(
            (
                f'<a href="#task-{text(task)}">{text(view.label)}</a>',
                code(commit[:10]),
                _proved(view) + (f"; works only with {text(needs)}" if needs else ""),
                text(reviewed_words(state, task)) or '<span class="soft">nobody</span>',
            )
        )
    made = table(("task", "commit", "checks against its own base", "reviewed"), rows)
    kind = "good" if landed.commits else "warn"
    return f'<div class="card {kind}">{listed(why)}</div>' + (made if rows else "")


def _train_facts(state: State, merge: MergeView) -> Iterator[str]:
    """What was run on the very tree that landed."""
    landed = merge.landed
    assert landed is not None
    candidate = merge.candidates.get(
        (landed.before, tuple(TaskId(task) for task in landed.commits))
    )
    if candidate is None:
        return
    for result in candidate.results:
        yield f"On the tree that landed: {_check(result)}"
    for item in tallies(state, candidate):
        yield f"Tests: {text(describe(item))}"


def _proved(view: TaskView) -> str:
    if view.checked is None or not view.checked.results:
        return '<span class="warn">unchecked</span>'
    return "; ".join(map(_check, view.checked.results))


def _check(result: CheckResult) -> str:
    kind = {Verdict.GREEN: "good", Verdict.RED: "bad"}.get(result.verdict, "warn")
    facts = [f'{code(result.command)} <span class="{kind}">{result.verdict}</span>']
    if result.verdict is Verdict.RED:
        facts.append(text(describe_red(result), 400))
    elif result.reason:
        facts.append(text(result.reason))
    if result.collected is not None:
        before = "" if result.base_collected is None else f" ({result.base_collected} before)"
        facts.append(f"{count(result.collected, 'test')}{before}")
    if result.known_failures:
        facts.append(f"{count(result.known_failures, 'failure')} known from the base")
    for word, names in (
        ("newly skipped", result.newly_skipped),
        ("gone", result.gone),
        ("flaky", result.flaky),
    ):
        if names:
            facts.append(f"<b>{word}</b>: {text(', '.join(names[:10]))}")
    return ", ".join(facts)


def _left_out(state: State) -> str:
    merge = state.merge
    if merge is None or merge.landed is None:
        return ""
    cards = []
    for item in merge.landed.excluded:
        company = ", ".join(state.label(task) for task in item.others)
        said = text(item.reason) + (f" with {text(company)}" if company else "")
        paths = f"<p>in {code(', '.join(item.paths))}</p>" if item.paths else ""
        proof = f"<pre>{lines(item.evidence, 40)}</pre>" if item.evidence else ""
        again = ""
        if item.reproduce:
            again = '<p class="soft">See it yourself:</p>'
            again += f'<pre class="run">{text(item.reproduce, 8000)}</pre>'
        cards.append(
            f'<div class="card bad"><h3>{text(state.label(item.task))}: {said}</h3>'
            f"{paths}{proof}{again}</div>"
        )
    return "".join(cards)


# --- findings -------------------------------------------------------------------------------------


def _findings(state: State) -> Iterator[str]:
    for finding in state.reviews.findings.values():
        yield _finding(state, finding)


def _finding(state: State, finding: Finding) -> str:
    judged = judgement(state, finding)
    fate = standing_of(judged)
    kind = _FATES.get(fate, "quiet")
    proof = shown_by(finding, judged)
    shown = ""
    if proof is not None:
        colours = {"failed": "bad", "broken": "bad", "passed": "good"}
        rows = [
            (
                text(cell.tree),
                f'<span class="{colours.get(cell.result, "quiet")}">{text(cell.result)}</span>',
                f"{cell.failures} of {cell.runs}",
                text(cell.detail, 200) if cell.result == "unrun" else "",
            )
            for cell in proof.cells
        ]
        shown = table(("tree", "its reproducer", "failures", ""), rows)
        if said := evidence_of(proof):
            shown += f"<pre>{lines(chr(10).join(said))}</pre>"
        if proof.by_hand:
            shown += f'<pre class="run">{text(proof.by_hand, 8000)}</pre>'
    told = listed(text(words) for _, words in review_facts(state, finding))
    return (
        f'<div class="card {kind}"><h3>{text(finding.claim.title)} {badge(judged.verdict, kind)} '
        f"{badge(fate, kind)}</h3>{told}{shown}</div>"
    )


# --- tasks and costs ------------------------------------------------------------------------------


def _task(state: State, view: TaskView, item: Standing, diff: str) -> str:
    title = f": {text(view.task.title)}" if view.task.title else ""
    facts = []
    if view.branch and not view.external:
        where = f" at {code(view.head[:10])}" if view.head else ""
        facts.append(f"branch {code(view.branch)}{where}, by {code(agent_of(state, view)[:200])}")
    for attempt in view.attempts:
        reason = attempt.outcome.reason if attempt.outcome is not None else ""
        why = attempt.red.splitlines()[0] if attempt.red else reason
        if why:
            facts.append(f"attempt {attempt.number}: {text(why, 400)}")
    if view.checked is not None and view.checked.commit == view.head:
        facts += [f"check {_check(result)}" for result in view.checked.results]
    facts += [f"note: {text(note)}" for note in view.notes]
    asked = (
        f"<details><summary>What was asked</summary><pre>{lines(view.task.prompt)}</pre></details>"
    )
    return (
        f'<div class="card" id="task-{text(view.task.id)}"><h3>{text(view.label)}{title} '
        f"{badge(item.state)}</h3>{listed(facts)}{asked if view.task.prompt else ''}"
        f"{diff_view(diff)}</div>"
    )


def _costs(state: State) -> str:
    rows = []
    for task, view in state.tasks.items():
        used = used_by(view)
        if used.tokens or used.usd is not None:
            rows.append((text(task), *_figures(used.input_tokens, used.output_tokens, used.usd)))
    made = state.planning.made if state.planning is not None else None
    if made is not None and made.usage.input_tokens:
        used = made.usage
        rows.insert(0, ("planning", *_figures(used.input_tokens, used.output_tokens, used.usd)))
    if not rows:
        return '<p class="soft">Its agents tell neither tokens nor prices.</p>'
    total = state.usage
    rows.append(("<b>all</b>", *_figures(total.input_tokens, total.output_tokens, total.usd)))
    return table(("", "tokens read", "tokens written", "dollars"), rows, 3)


def _figures(read: int, written: int, usd: float | None) -> tuple[str, str, str]:
    return f"{read:,}", f"{written:,}", "unknown" if usd is None else f"{usd:.2f}"
