"""The confirmed findings of a run as a plan that mends them: `--findings RUN`. Reads only."""

from wtman.coordinator.create import open_store
from wtman.coordinator.home import Home, a_run, no_run
from wtman.errors import UsageError
from wtman.git.control_dir import Control, prepare
from wtman.git.discovery import Repository
from wtman.git.objects.contents import texts
from wtman.git.objects.history import files, is_ancestor
from wtman.git.repo import resolve
from wtman.journal.state import Finding, State
from wtman.journal.store import Store
from wtman.model.finding import SHOWS, UNPROVEN, Reproducer
from wtman.model.ids import RunId, Sha
from wtman.model.plan import Plan
from wtman.model.values import dataclass
from wtman.plan.file import MOST_TASKS
from wtman.plan.findings import ShownFinding, findings_plan
from wtman.review.judgement import CONFIRMED, Judgement, judgements
from wtman.text.terminal import count
from wtman.text.words import listed

_WORST = ("blocker", "major", "minor")
_LARGEST = 1 << 20  # bytes of a file whose definitions are read
_EVIDENCE_LINES = 12


@dataclass(frozen=True, slots=True)
class PlanOfFindings:
    """A plan that fixes what `run` has confirmed, with remarks on what it leaves out."""

    plan: Plan
    remarks: tuple[str, ...]
    run: RunId


def plan_of_findings(repo: Repository, name: str, base: str) -> PlanOfFindings:
    """The plan, and what it leaves out. Raises UsageError where nothing is left."""
    if not Store.exists(repo.wtman_dir):
        raise no_run(repo)
    with open_store(repo) as store:
        home = Home(repo, store)
        state = home.state(a_run(home, name))
        live = bool(store.live(state.run))
    control, commit = prepare(repo), resolve(repo, base)
    confirmed = [item for item in judgements(state) if item[1].verdict == CONFIRMED]
    still = [item for item in confirmed if item[1].open]
    if not still:
        raise _nothing(state, fixed=len(confirmed), live=live)
    chosen, apart = [], []
    for finding, judged in still:
        branches = _not_in(control, state, finding, judged, commit)
        if branches:
            apart.append(f"finding {finding.id} is of {listed(branches, 3)}")
        else:
            chosen.append(_shown(finding, judged))
    if not chosen:
        raise UsageError(
            f"{apart[0]}, which is not in the base{_more(len(apart) - 1)}",
            hint="its own author mends that: wtman retry; or merge it first; or name it: --base",
        )
    chosen.sort(key=lambda it: (_WORST.index(it.severity), it.path, it.line))
    known = files(control, commit)
    read = texts(control, commit, {item.path for item in chosen}, _LARGEST)
    plan = findings_plan(chosen[:MOST_TASKS], state.run, known, read)
    bare = [item.id for item in chosen if not item.command]
    remarks = [f"{text}, which is not in the base: left out" for text in apart]
    remarks += _not_confirmed(state)
    if bare:
        remarks.append(f"no test shows {listed(bare, 5)}: only reviews can tell whether it is gone")
    return PlanOfFindings(plan, tuple(remarks), state.run)


def _not_confirmed(state: State) -> list[str]:
    """What is left out because nothing has shown it, the worst first, with the reason."""
    left: dict[str, list[tuple[int, str]]] = {}
    for finding, judged in judgements(state):
        if not judged.open or judged.verdict == CONFIRMED:
            continue
        if judged.pending:
            why = "not verified yet"
        elif judged.proof is not None:
            why = "its test proves nothing" if judged.proof.kind == UNPROVEN else judged.proof.kind
        else:
            why = "no test shows it"
        grade = _WORST.index(finding.claim.severity)
        left.setdefault(why, []).append((grade, f"{finding.id} ({finding.claim.severity})"))
    return [
        f"not confirmed, left out: {listed([text for _, text in sorted(found)], 5)}: {why} "
        f"(wtman report {state.run})"
        for why, found in left.items()
    ]


def _nothing(state: State, *, fixed: int, live: bool) -> UsageError:
    found = len(state.reviews.findings)
    if fixed:
        why = "every confirmed finding is fixed" if fixed > 1 else "its confirmed finding is fixed"
    elif found:
        why = f"none of its {count(found, 'finding')} is confirmed"
    else:
        why = "it has no findings"
    more = "; it is still running" if live else ""
    return UsageError(
        f"run {state.run}: {why}{more}",
        hint=f'see wtman report {state.run}; or look for some: wtman review --audit "REQUEST"',
    )


def _more(number: int) -> str:
    return f" ({number} more findings alike)" if number > 0 else ""


def _not_in(
    control: Control, state: State, finding: Finding, judged: Judgement, base: Sha
) -> list[str]:
    """The branches that a finding is of and that are not in the base; of an audit none."""
    if finding.kind == "audit":
        return []
    missing = []
    for name in judged.culprits or finding.claim.branches:
        view = state.tasks.get(name)
        commits = (view.merged, view.head) if view is not None else ()
        if not any(item and is_ancestor(control, item, base) for item in commits):
            missing.append(state.label(name))
    return missing


def _shown(finding: Finding, judged: Judgement) -> ShownFinding:
    claim, proof = finding.claim, _reproducer(finding, judged)
    said = judged.proof.evidence if judged.proof is not None else ""
    lines = [line for line in said.splitlines() if line.strip()][-_EVIDENCE_LINES:]
    return ShownFinding(
        id=finding.id,
        title=claim.title,
        severity=claim.severity if claim.severity in _WORST else "minor",
        path=claim.path,
        line=claim.line,
        why=claim.why,
        evidence="\n".join(lines),
        command=proof.command if proof is not None else "",
        patch=proof.patch if proof is not None else "",
    )


def _reproducer(finding: Finding, judged: Judgement) -> Reproducer | None:
    """The proof that was run and failed where the defect is, and no other."""
    shown = judged.proof
    known = (finding.reproducer, finding.claim.reproducer)
    if shown is None or shown.kind not in SHOWS:
        return None
    return next((item for item in known if item is not None and item.key == shown.proof), None)
