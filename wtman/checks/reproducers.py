"""What showed a defect, run on the work that is to mend it, where it has to pass.

Its command and its test come from a model: it runs as every check does, sees nothing of what the
words of a user show to a command, and takes no version of its test but its own.
"""

from collections.abc import Collection
from dataclasses import replace

from wtman.checks.comparison import accused, reasons
from wtman.checks.execute import Bench, CheckRequest, bench_of, result
from wtman.checks.judge import Judged, judge
from wtman.checks.verdict import overall
from wtman.context import Context
from wtman.formats.junit import Status
from wtman.git.control_dir import Control
from wtman.git.objects.history import changes, files
from wtman.git.patches.apply import overlaid, patched, without
from wtman.journal.state import State
from wtman.model.check import CheckResult, Verdict
from wtman.model.command import ExitReason
from wtman.model.ids import Sha, TaskId
from wtman.model.places import place
from wtman.model.plan import TaskProof
from wtman.model.settings import Settings
from wtman.provision.command_result import CommandResult

_LONGEST = 300.0  # seconds for one run: it is one test, not a suite
_NOT_RUN = (126, 127)  # statuses with which a shell says that there is no such command
MENDED = "the reproducers pass on the base: there is nothing left to mend"


async def turned(
    ctx: Context, state: State, tasks: Collection[TaskId], commit: Sha, judged: Judged, stem: str
) -> Judged:
    """What the checks said of a tree, and what the proofs of these tasks say of it."""
    proofs = [proof for task in tasks for proof in state.tasks[task].planned.proofs]
    if not proofs:
        return judged
    results, evidence = list(judged.results), [judged.evidence]
    settings = _settings(state)
    for number, proof in enumerate(proofs, 1):
        found, said = await _judged(ctx, state, settings, proof, commit, f"{stem}-proof-{number}")
        results.append(found)
        evidence.append(said)
    said = "\n\n".join(part for part in evidence if part)
    return Judged(overall(tuple(results)), tuple(results), said)


async def _judged(
    ctx: Context, state: State, settings: Settings, proof: TaskProof, commit: Sha, stem: str
) -> tuple[CheckResult, str]:
    about = f"finding {proof.finding}: {proof.title}" if proof.finding else proof.title
    tree, why = await ctx.git(_with_test, ctx, state, proof, commit)
    if not tree:
        reason = f"{about}: its test does not apply ({why})"
        return CheckResult(proof.command, Verdict.RED, reason), ""
    judged = await judge(ctx, settings, (proof.command,), tree, None, stem=stem)
    (found,) = judged.results
    if found.verdict is not Verdict.RED:
        bench = await bench_of(ctx, settings, stem)
        ran, _ = await result(bench, CheckRequest(proof.command, tree, f"{bench.stem}-1"))
        if not _has_run(ran):
            found = replace(found, verdict=Verdict.RED, reason="its test did not run")
    reason = f"{about} (still there: {found.reason or 'its test fails'})"
    told = reason if found.verdict is Verdict.RED else about
    # Whoever runs it by hand needs the tree with the test.
    return replace(found, reason=told, commit=tree), judged.evidence


def _has_run(ran: CommandResult) -> bool:
    """Whether a test has passed; of a command without known results its end says so."""
    if ran.tests is None:
        return True
    return any(status is Status.PASSED for status in ran.tests.tests.values())


def _with_test(ctx: Context, state: State, proof: TaskProof, commit: Sha) -> tuple[Sha, str]:
    """The tree with the proof's own test; what its author made of that file does not count."""
    on_base = patched(ctx.control, state.base, proof.patch)
    if on_base.commit and on_base.touched:
        return overlaid(ctx.control, commit, on_base.commit), ""
    done = patched(ctx.control, commit, proof.patch)
    return done.commit, done.reason


def counterpart(ctl: Control, base: Sha, tested: Sha, paths: Collection[str]) -> tuple[Sha, str]:
    """What `tested`, the base with a test, is compared with: that without the files of the base
    at these paths; and what they are called. The commit is empty where there are none. Blocking."""
    own = {item.path for item in changes(ctl, base, tested)}
    gone, words = accused(files(ctl, base), paths, own)
    return without(ctl, tested, gone) if gone else Sha(""), words


async def look_at_base(ctx: Context, state: State, commit: Sha) -> tuple[str, tuple[str, ...]]:
    """What keeps proofs from judging anything, and what else to know of them on the base."""
    settings, problem, warnings = _settings(state), "", []
    mended: set[TaskProof] = set()
    for number, proof in enumerate(dict.fromkeys(state.proofs), 1):
        name = f"the reproducer of finding {proof.finding}" if proof.finding else "a reproducer"
        done = await ctx.git(patched, ctx.control, commit, proof.patch)
        if not done.commit:
            problem = problem or f"{name} does not apply to the base: {done.reason}"
            continue
        bench = await bench_of(ctx, settings, f"base-proof-{number}")
        ran, _ = await result(bench, CheckRequest(proof.command, done.commit, bench.stem))
        if ran.passed and _has_run(ran):
            mended.add(proof)
            warnings.append(f"{name} passes on the base: nothing shows that it is still there")
        elif ran.unfit or ran.exit.reason is not ExitReason.EXITED or ran.exit.code in _NOT_RUN:
            problem = problem or f"{name} cannot run on the base: {ran.unfit or ran.problem}"
        elif said := await _never_passes(ctx, state, bench, proof, ran, done.commit):
            warnings.append(f"{name} {said}: can it ever pass?")
    wanted = [set(view.planned.proofs) for view in state.tasks.values()]
    if wanted and all(proofs and proofs <= mended for proofs in wanted):
        problem = problem or MENDED
    return problem, tuple(warnings)


async def _never_passes(
    ctx: Context, state: State, bench: Bench, proof: TaskProof, ran: CommandResult, tested: Sha
) -> str:
    """What of a failure speaks against that any change of its task could end it; or nothing."""
    tasks = [view.planned for view in state.tasks.values() if proof in view.planned.proofs]
    paths = {place(text).path for task in tasks for text in task.touches}
    tree, words = await ctx.git(counterpart, ctx.control, state.base, tested, paths)
    if not tree:
        return ""
    other, _ = await result(bench, CheckRequest(proof.command, tree, f"{bench.stem}-without"))
    told = reasons(ran.output)
    if other.passed or other.unfit or told - reasons(other.output):
        return ""
    return f"fails in the same way without {words}" if told else "fails and does not say why"


def _settings(state: State) -> Settings:
    timeout = min(state.settings.check_timeout, _LONGEST)
    # Whatever is allowed of checks: a proof is wanted for its failing on the base.
    return replace(state.settings, check_timeout=timeout, allow_failing_base=False)
