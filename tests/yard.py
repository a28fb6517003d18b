"""A shunting yard for trains: a real repository, real branches, a run in its journal.

`Yard.add` makes a branch in the main checkout; `Yard.merge` asks for a merge and
performs what the decision wants until it is over, with the real effects.
"""

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests import kit
from wtman.checks import perform as checks
from wtman.checks.actions import CheckBase
from wtman.context import Context
from wtman.coordinator.create import create, load_state, open_store
from wtman.coordinator.open import open_run
from wtman.git import control_dir
from wtman.git.checkouts import snapshot, worktrees
from wtman.git.control_dir import Control
from wtman.git.discovery import Repository, discover
from wtman.git.repo import identity, resolve
from wtman.journal import events as e
from wtman.journal.state import State
from wtman.merge import land
from wtman.merge import perform as train
from wtman.merge.actions import JudgeCandidate, LandTrain
from wtman.merge.decide import decide_merge
from wtman.model.actions import ActionKey, ActionKind
from wtman.model.check import CheckResult, Verdict
from wtman.model.ids import Branch, RunId, Sha, TaskId
from wtman.model.plan import Plan, Task
from wtman.model.session import Ended
from wtman.model.settings import Settings
from wtman.model.states import RunKind

CHECK = "python3 -B check.py"
FILES = {
    "check.py": """\
import glob, sys
sys.path.insert(0, ".")
bad = []
for name in sorted(glob.glob("test_*.py")):
    try:
        exec(compile(open(name).read(), name, "exec"), {})
    except Exception as error:
        bad.append(f"{name}: {error!r}")
print("\\n".join(bad))
sys.exit(bool(bad))
""",
    "core.py": "def total(x):\n    return x * 2\n",
    "test_core.py": "import core\nassert core.total(2) == 4\n",
    "config.txt": "".join(f"line {number}\n" for number in range(20)),
}


@dataclass
class Yard:
    """`tasks` in the order of the plan; each was made by wtman, or not (`external`)."""

    path: Path
    check: tuple[str, ...] = (CHECK,)
    tasks: list[Task] = field(default_factory=list)
    ends: dict[TaskId, tuple[Sha, Sha]] = field(default_factory=dict)
    run: RunId = RunId("")
    external: bool = True

    @property
    def repo(self) -> Repository:
        return discover(str(self.path))

    @property
    def control(self) -> Control:
        return control_dir.prepare(self.repo)

    def git(self, *args: str) -> str:
        return kit.run_git(self.path, *args)

    def sha(self, rev: str) -> Sha:
        return Sha(self.git("rev-parse", rev))

    def add(
        self,
        name: str,
        files: Mapping[str, str | bytes],
        *,
        needs: tuple[str, ...] = (),
        check: tuple[str, ...] = (),
        change: Callable[[Path], None] | None = None,
    ) -> None:
        """A branch with one commit on main, or on the branch that it needs."""
        start = self.sha(needs[0] if needs else "main")
        self.git("switch", "-q", "-c", name, start)
        if change is not None:
            change(self.path)
        head = kit.commit_files(self.path, files, f"work on {name}")
        self.git("switch", "-q", "main")
        ids = tuple(TaskId(need) for need in needs)
        prompt = f"Do {name}.\n\nAnd more of it."
        lead = TaskId(name.rpartition("_")[0])
        self.tasks.append(Task(TaskId(name), prompt, needs=ids, check=check, part_of=lead))
        self.ends[TaskId(name)] = (start, Sha(head))

    def lead(self, name: str, *, needs: tuple[str, ...] = ()) -> None:
        """Have the parts that were added so far as the work of one task, put together by git."""
        own = [task.id for task in self.tasks if task.part_of == name]
        start = self.sha(needs[0] if needs else "main")
        self.git("switch", "-q", "-c", name, start)
        for part in own:
            self.git("merge", "-q", "--no-edit", self.ends[part][1])
        self.git("switch", "-q", "main")
        ids = tuple(TaskId(need) for need in needs)
        at = self.tasks.index(next(task for task in self.tasks if task.id == own[0]))
        above = TaskId(name.rpartition("_")[0])
        made = Task(TaskId(name), f"Do {name}.", needs=ids, lead=True, part_of=above)
        self.tasks.insert(at, made)
        self.ends[TaskId(name)] = (start, self.sha(name))

    def create(self, target: str = "main") -> None:
        """Journal the run with all branches done."""
        base = resolve(self.repo, "main")
        settings = Settings(
            check=self.check, check_jobs=2, worktrees=str(self.path.parent / "worktrees")
        )
        plan = Plan("do it all", tuple(self.tasks), check=self.check)
        with open_store(self.repo) as store:
            self.run = create(
                store,
                plan,
                settings,
                base=base,
                target=target,
                identity=identity(self.repo),
                kind=RunKind.MERGE if self.external else RunKind.SPLIT,
            )
            events: list[e.Event] = [e.Approved()]
            for task in self.tasks:
                if task.lead:
                    events += self._cut(store, task)
                else:
                    events += self._taken(task) if self.external else self._made(store, task)
            events += [self._together(task) for task in reversed(self.tasks) if task.lead]
            store.append(self.run, events, 1_767_000_000.0)

    def _taken(self, task: Task) -> list[e.Event]:
        start, head = self.ends[task.id]
        return [e.ExternalBranchAdded(task.id, Branch(task.id), start, head)]

    def _made(self, store: object, task: Task) -> list[e.Event]:
        """As its sessions leave it: branch wtman/<run>/<task>, checked out in a worktree."""
        start, head = self.ends[task.id]
        branch = Branch(f"wtman/{self.run}/{task.id}")
        path = self.path.parent / "worktrees" / self.run / task.id
        self.git("branch", "-q", branch, head)
        spec = worktrees.WorktreeSpec(f"wtman-{self.run}-{task.id}", str(path), branch)
        (tree,) = worktrees.create(self.repo, [spec])
        snapshot.checkout(self.control, tree.path, tree.index, head)
        fingerprint = load_state(store, self.run).tasks[task.id].fingerprint  # type: ignore[arg-type]
        checks = task.check or self.check
        results = tuple(CheckResult(text, Verdict.GREEN) for text in checks)
        above = {task.part_of: self.ends[task.part_of][0]} if task.part_of else {}
        needs = above | {need: self.ends[need][1] for need in task.needs}
        return [
            e.WorktreeMade(task.id, str(path), branch, start, needs),
            e.Intended(
                "RunSession",
                ActionKey(ActionKind.SESSION, task.id),
                attempt=e.AttemptStart(1, fingerprint, "", start, start, "robot"),
            ),
            e.SessionFinished(task.id, 1, Ended.OK, head),
            e.Checked(task.id, head, start, Verdict.GREEN, results),
        ]

    def _cut(self, store: object, task: Task) -> list[e.Event]:
        """A lead that its planner has cut."""
        fingerprint = load_state(store, self.run).tasks[task.id].fingerprint  # type: ignore[arg-type]
        parts = tuple(item for item in self.tasks if item.part_of == task.id)
        above = {task.part_of: self.ends[task.part_of][0]} if task.part_of else {}
        needs = above | {need: self.ends[need][1] for need in task.needs}
        start = self.ends[task.id][0]
        return [e.TeamPlanned(task.id, 1, "robot", fingerprint, start, needs, parts)]

    def _together(self, task: Task) -> e.Event:
        start, head = self.ends[task.id]
        branch = Branch(f"wtman/{self.run}/{task.id}")
        self.git("branch", "-q", branch, head)
        own = [item.id for item in self.tasks if item.part_of == task.id]
        return e.TeamMade(task.id, start, {part: self.ends[part][1] for part in own}, head, branch)

    def branch_of(self, name: str) -> str:
        return f"wtman/{self.run}/{name}"

    def ask(self, **options: object) -> None:
        """Journal the wish for a merge, as `wtman merge` does."""
        wish: dict[str, object] = {"target": Branch("main"), "before": self.sha("main"), **options}
        with open_store(self.repo) as store:
            store.append(self.run, [e.MergeAsked(**wish)], 1_767_100_000.0)  # type: ignore[arg-type]

    def merge(self, **options: object) -> State:
        """Ask and perform to the end; the last state."""
        self.ask(**options)
        return self.go_on()

    def go_on(
        self, pause: Callable[[JudgeCandidate | LandTrain], bool] = lambda action: False
    ) -> State:
        """Perform until the merge is over, or until `pause` says so before an action."""

        async def go(ctx: Context) -> None:
            while True:
                state = load_state(ctx.store, ctx.run)
                if state.merge is None or state.merge.over:
                    return
                actions = decide_merge(state, frozenset())
                assert actions
                for action in actions:
                    assert isinstance(action, CheckBase | JudgeCandidate | LandTrain)
                    if not isinstance(action, CheckBase) and pause(action):
                        return
                    events = await perform(ctx, state, action)
                    ctx.store.append(ctx.run, events, 1_767_200_000.0)

        return self.within(go)

    def within(self, work: Callable[[Context], object]) -> State:
        """Run `work` in the run's real context; the state afterwards."""

        async def main() -> State:
            with open_store(self.repo) as store:
                async with open_run(self.repo, store, self.run, dict(os.environ)) as ctx:
                    await work(ctx)  # type: ignore[misc]
                return load_state(store, self.run)

        return asyncio.run(main())


async def perform(
    ctx: Context, state: State, action: CheckBase | JudgeCandidate | LandTrain
) -> tuple[e.Event, ...]:
    """The effect of one action, as the loop calls it."""
    if isinstance(action, CheckBase):
        return await checks.perform(ctx, state, action)
    if isinstance(action, JudgeCandidate):
        return await train.perform(ctx, state, action)
    return await land.perform(ctx, state, action)


def landed(state: State) -> e.Landed:
    """The outcome of a merge that came to its end."""
    assert state.merge is not None
    assert state.merge.landed is not None, state.merge.failed
    return state.merge.landed
