"""The merge of branches that wtman did not make, ordered.

No run and no configuration is needed. It is journalled as a run without a name of its
own, so that everything a merge guarantees holds here too; after a kill the same order
goes on where that journal ends. The branches themselves are never moved or deleted.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from wtman.config import load, repository_commands, worktrees_folder
from wtman.config.trust import approved
from wtman.coordinator.branches import heads_of, once
from wtman.coordinator.checks import typed
from wtman.coordinator.create import create
from wtman.coordinator.home import Home, newest_of, require_idle
from wtman.coordinator.merge import on_target, require_clean_target
from wtman.coordinator.start.approval import unapproved
from wtman.coordinator.start.requirements import in_sandbox, require_repository
from wtman.errors import UsageError
from wtman.git.control_dir import prepare
from wtman.git.discovery import Repository
from wtman.git.repo import checkouts, head_branch, identity, uncommitted
from wtman.integration.external import ExternalBranches, take
from wtman.journal.events import Approved, MergeAsked, Noted, Uncommitted
from wtman.journal.state import State, digest
from wtman.model.ids import Branch, Sha, TaskId
from wtman.model.plan import Plan
from wtman.model.settings import Settings
from wtman.model.states import RunKind
from wtman.model.values import dataclass
from wtman.text.words import did_you_mean, quoted

_MOST_PATHS = 200  # journalled of one worktree


@dataclass(frozen=True, slots=True)
class ExternalMerge:
    """The branches that are to be merged: where to, how judged, by whom.

    `asked` still has the names of branches in the place of tasks.
    """

    asked: MergeAsked
    heads: dict[str, Sha]  # by the name that the user gave
    same: Mapping[str, str]  # other names, with the first one
    settings: Settings
    notes: tuple[Noted, ...]

    @property
    def key(self) -> str:
        """What makes two orders the same merge."""
        given = [f"{name} {head}" for name, head in self.heads.items()]
        asked = replace(self.asked, out="", before=Sha(""))
        return digest("branches", *given, repr(asked), repr(self.settings))

    def interrupted(self, home: Home) -> State | None:
        """The journal of this very merge, where it has not come to its end."""
        state = newest_of(home, RunKind.MERGE, self.key)
        if state is None or state.merge is None or state.merge.over:
            return None
        require_idle(home, state.run)
        return state

    def take(self, home: Home) -> ExternalBranches:
        """What is to be merged, and what the target has already."""
        views = (view for run in home.store.runs() for view in home.state(run).tasks.values())
        landed = {view.head: view.merged for view in views if view.merged and view.head}
        asked = self.asked
        return take(prepare(home.repo), asked.before, self.heads, landed, asked.strategy)

    def uncommitted(self, repo: Repository) -> tuple[Uncommitted, ...]:
        """What lies in the worktrees of the branches and would be missed in the merge."""
        names = {name.removeprefix("refs/heads/"): name for name in (*self.heads, *self.same)}
        found: list[Uncommitted] = []
        for item in checkouts(repo):
            if item.branch == self.asked.target:
                continue  # git itself refuses to move it over changes
            if item.branch in names and item.path and os.path.isdir(item.path):
                if paths := uncommitted(repo, item.path):
                    kept = paths[:_MOST_PATHS]
                    found.append(Uncommitted(names[item.branch], item.path, kept))
        return tuple(found)

    def create(
        self,
        home: Home,
        found: ExternalBranches,
        unchecked: bool,
        left: tuple[Uncommitted, ...] = (),
    ) -> State:
        """Journal the merge of what was found."""
        asked = replace(
            self.asked,
            members=_tasks(found, self.asked.members, self.same),
            exclude=_tasks(found, self.asked.exclude, self.same),
            unchecked=unchecked,
            uncommitted=left,
            apart={str(task): why for task, why in found.apart.items()} or None,
        )
        target = asked.target or "HEAD"
        require_clean_target(home.repo, asked)
        run = create(
            home.store,
            Plan(f"merge {', '.join(item.name for item in found.branches)}", ()),
            self.settings,
            base=asked.before,
            target=asked.target,
            identity=identity(home.repo),
            kind=RunKind.MERGE,
            key=self.key,
            given=self.settings.check,
            notes=(
                *self.notes,
                *(Noted(item.text, pressing=True) for item in left),
                *(Noted(f"{name} is in {target} already") for name in found.present),
            ),
            branches=found.branches,
            then=(Approved(), asked),
        )
        return home.state(run)


def merge_of_branches(
    repo: Repository, names: Sequence[str], wanted: MergeAsked, allow_failing_base: bool
) -> ExternalMerge:
    """The merge of the branches `names`. Refuses names that there are not."""
    target = wanted.target or Branch(head_branch(repo))
    wanted = replace(wanted, check=typed(repo, wanted.check))
    asked = on_target(repo, replace(wanted, target=target), "HEAD")
    loaded = load(repo.toplevel, os.environ, {"check": wanted.check} if wanted.check else {}, None)
    used = {*loaded.settings.check, *loaded.settings.setup}
    theirs = [text for text in repository_commands(loaded) if text in used]
    if missing := approved(theirs, os.environ, repo.common_dir):
        raise unapproved(
            missing,
            "approve what you read with `wtman trust --yes`; --check CMD replaces its checks",
        )
    settings, notes = in_sandbox(loaded.settings, repo)
    heads, same = once(heads_of(repo, names))
    left = [name for name in heads if same.get(name, name) not in wanted.exclude]
    require_repository(repo, asked.before, [heads[name] for name in left])
    settings = replace(
        settings,
        allow_failing_base=allow_failing_base,
        worktrees=worktrees_folder(settings.worktrees, repo, os.environ),
    )
    return ExternalMerge(
        replace(asked, check=asked.check or settings.check), heads, same, settings, notes
    )


def _tasks(
    found: ExternalBranches, words: Iterable[str], same: Mapping[str, str]
) -> tuple[TaskId, ...]:
    """The ids of branches that --only and --exclude name."""
    names = tuple(dict.fromkeys(same.get(name, name) for name in words))
    ids: Mapping[str, TaskId] = {item.name: item.task for item in found.branches}
    known = (*ids, *found.present)
    for name in names:
        if name not in known:
            near = did_you_mean(name, known)
            raise UsageError(f"{quoted(name)} is none of the branches{near}")
    return tuple(ids[name] for name in names if name in ids)
