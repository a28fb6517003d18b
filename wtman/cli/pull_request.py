"""`merge --pr`: the train as one pull request, or with --pr-per-task as one for each task.

Small on purpose: branches are pushed, and `gh` does the rest. What is missing for that is said
before anything is checked. A pull request that is open already is brought up to date.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from itertools import pairwise

from wtman.cli.issue import program, refusal
from wtman.errors import ExternalError, WtmanError
from wtman.execution.spawn import answer_of
from wtman.git import signature
from wtman.git.control_dir import prepare
from wtman.git.discovery import Repository
from wtman.git.publish import Route, push, route
from wtman.integration.assemble import assemble, train_of
from wtman.journal.events import Landed
from wtman.journal.state import State, digest
from wtman.journal.units import landing_needs
from wtman.merge.stack import Chain, stacks
from wtman.model.ids import Sha, TaskId
from wtman.model.values import dataclass
from wtman.text.terminal import clean
from wtman.ui.facts import candidate_of, unchanged
from wtman.ui.pull_request import body_of, title_of, with_issue
from wtman.ui.report import report

_TITLE = 120
_BODY = 60_000  # characters that the host takes, with some to spare
_PATIENCE = 120.0  # seconds


@dataclass(frozen=True, slots=True)
class Opened:
    """The addresses of pull requests: of the whole, or by task as people call it."""

    whole: str = ""
    tasks: Mapping[str, str] = field(default_factory=dict)


def publisher(repo: Repository, target: str, per_task: bool) -> Callable[[State, Landed], Opened]:
    """What opens the pull requests of a merge that came out as commits.

    Raises MissingError where something that it needs is not there, or `gh` is not signed in.
    """
    option = "--pr-per-task" if per_task else "--pr"
    gh = program(option)
    if not target:
        raise WtmanError(f"{option} needs a branch to ask for", hint="name one with --into BRANCH")
    way = route(repo, target)
    argv = (gh, "auth", "status")
    status, _, err = answer_of(argv, repo.toplevel or repo.common_dir, timeout=_PATIENCE)
    if status:
        raise refusal(f"{option} cannot open a pull request", (gh, "auth login"), 4, err)
    host = _Host(repo, gh, way)
    return host.open_each if per_task else host.open_whole


@dataclass(frozen=True, slots=True)
class _Host:
    """The remote and its `gh`."""

    repo: Repository
    gh: str
    way: Route

    def open_whole(self, state: State, landed: Landed) -> Opened:
        """One pull request for the train, with the run's report as its body."""
        tip = next(reversed(landed.commits.values()), landed.before)
        if tip == landed.before:
            return Opened()
        branch = _branch(state)
        push(self.repo, self.way.remote, tip, branch)
        title = clean(state.request, _TITLE) or str(state.run)
        return Opened(self._open(branch, self.way.base, title, report(state), _closed(state)))

    def open_each(self, state: State, landed: Landed) -> Opened:
        """One pull request a task, each on the target or on that of the task below it."""
        idle = unchanged(landed)
        order = [TaskId(task) for task in landed.commits if task not in idle]
        commits, chains = self._branches(state, landed, order)
        opened: dict[TaskId, str] = {}
        for task in order:
            *below, _ = chains[task]
            branch = _branch(state, task)
            base = _branch(state, below[-1]) if below else self.way.base
            push(self.repo, self.way.remote, commits[task], branch)
            closes = _closed(state) if task == order[-1] else ""
            stands = {name: opened[name] for name in below}
            body = body_of(state, landed, task, stands)
            opened[task] = self._open(branch, base, title_of(state, task), body, closes)
        return Opened(tasks={state.label(task): where for task, where in opened.items()})

    def _branches(
        self, state: State, landed: Landed, order: Sequence[TaskId]
    ) -> tuple[dict[TaskId, Sha], dict[TaskId, Chain]]:
        """What each branch is to hold: the commit, and the tasks in it."""
        control, needs = prepare(self.repo), _needs(state, landed, order)
        candidate = candidate_of(state, landed)
        way = candidate.way if candidate is not None else 0
        while True:
            chains, commits = stacks(order, needs), dict[TaskId, Sha]()
            for task in order:
                chain = chains[task]
                made = assemble(control, train_of(state, landed.before, chain, way=way))
                earlier = order[: order.index(task)]
                if made.conflicts and not {*earlier} <= {*needs[task]}:
                    needs[task] = (*needs[task], *earlier)  # it does not go alone after all
                    break
                line = tuple(dict.fromkeys(made.commits.values()))
                signs = signature.wanted(control)
                # What is below was signed before, and is not signed again.
                known = [commits[name] for name in chain[:-1]]
                signed = signature.signed(control, landed.before, line, known) if signs else {}
                commits[task] = signed.get(made.commits[task], made.commits[task])
            else:
                return commits, chains

    def _open(self, branch: str, base: str, title: str, text: str, closes: str) -> str:
        """The pull request of a branch, made or brought up to date; its address."""
        body = with_issue(text[:_BODY], closes)
        words = ("--base", base, "--title", title, "--body-file", "-")
        if known := self._known(branch):
            self._told(("pr", "edit", known, *words), branch, body)
            return known
        try:
            out = self._told(("pr", "create", "--head", branch, *words), branch, body)
        except ExternalError as error:
            if "already exists" not in error.message or not (found := _address(error.message)):
                raise
            self._told(("pr", "edit", found, *words), branch, body)
            return found
        return _address(out) or out.strip()

    def _known(self, branch: str) -> str:
        """The address of the open pull request of a branch, if there is one."""
        words = ("pr", "list", "--head", branch, "--state", "open", "--json", "url")
        status, out, _ = self._answer(words)
        try:
            found = json.loads(out) if not status else []
        except ValueError:
            return ""
        urls = [item.get("url") for item in found if isinstance(item, dict)]
        return next((url for url in urls if isinstance(url, str) and "://" in url), "")

    def _told(self, words: tuple[str, ...], branch: str, body: str) -> str:
        """What `gh` says; ExternalError where it fails."""
        status, out, err = self._answer(words, body)
        if not status:
            return out
        said = " ".join(err.split()[-60:])
        raise ExternalError(
            f"gh {' '.join(words[:2])} ended with status {status}: {clean(said, 300)}",
            argv=(self.gh, *words),
            hint=f"the branch {branch} is at {self.way.remote}; see gh auth status, "
            "then run the same merge again",
        )

    def _answer(self, words: tuple[str, ...], body: str = "") -> tuple[int, str, str]:
        data = body.encode("utf-8", "replace")
        place = self.repo.toplevel or self.repo.common_dir
        return answer_of((self.gh, *words), place, data, timeout=_PATIENCE)


def _address(text: str) -> str:
    return next((word for word in reversed(text.split()) if "://" in word), "")


def _branch(state: State, task: TaskId | None = None) -> str:
    """The branch at the remote, of the whole or of one task; the same whenever it is asked for.

    Branches that wtman did not make get another run each time.
    """
    name = str(state.run)
    if state.kind.external:
        labels = sorted(map(state.label, state.tasks))
        name = f"{name.rpartition('-')[0]}-{digest(state.target, *labels)[:6]}"
    return f"wtman/{name}" + (f"-{state.label(task)}" if task is not None else "")


def _closed(state: State) -> str:
    """The issue that is done once all this is merged: none while something is left out."""
    landed = state.merge.landed if state.merge is not None else None
    left = {task for task, view in state.tasks.items() if not (view.merged or view.planned.lead)}
    done = landed is not None and left <= {*landed.commits}
    return state.issue.reference if state.issue is not None and done else ""


def _needs(
    state: State, landed: Landed, order: Sequence[TaskId]
) -> dict[TaskId, tuple[TaskId, ...]]:
    """What each stands on: what it needs, what it works only with, the parts of its unit before
    it; all that is earlier where it was joined with something."""
    needs = dict(landing_needs(state, order))
    for task, others in (landed.needs or {}).items():
        if task in needs:
            needs[TaskId(task)] = (*needs[TaskId(task)], *others)
    for parts in (landed.units or {}).values():
        for one, after in pairwise(part for part in parts if part in needs):
            needs[after] = (*needs[after], one)
    for item in landed.adapted:
        if item.task in needs:
            needs[item.task] = (*needs[item.task], *order[: order.index(item.task)])
    return needs
