"""`merge --branches`: the merge train for branches that wtman did not make.

No run and no configuration is needed. It is journalled as a run without a name of its
own, so that everything a merge guarantees holds here too; after a kill the same command
goes on where that journal ends. The branches themselves are never moved or deleted.
"""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import typer

from wtman.cli import target as where
from wtman.cli import terminal
from wtman.cli.land import run as landing
from wtman.config import Loaded, default_worktrees, load, repository_commands
from wtman.config.trust import approved
from wtman.coordinator.branches import heads_of, once
from wtman.coordinator.create import branch_added, branch_task, create, open_store
from wtman.coordinator.home import Home, require_idle
from wtman.coordinator.start.approval import unapproved
from wtman.coordinator.start.requirements import in_sandbox
from wtman.errors import MissingError, UsageError
from wtman.git import refs
from wtman.git.control_dir import prepare
from wtman.git.discovery import Repository
from wtman.git.repo import head_branch, identity, resolve
from wtman.integration.external import ExternalBranches, take
from wtman.journal.events import Approved, MergeAsked, Noted, Resumed
from wtman.journal.state import State, digest
from wtman.model.ids import Branch, RunId, Sha, TaskId
from wtman.model.plan import Identity, Plan
from wtman.model.settings import Settings
from wtman.model.states import SCHEMA, RunKind
from wtman.text.terminal import clean, count
from wtman.text.words import did_you_mean, quoted


@dataclass(frozen=True, slots=True)
class ExternalMerge:
    """The branches that are to be merged: where to, how judged, by whom."""

    heads: dict[str, Sha]  # by the name that the user gave
    target: Branch
    before: Sha
    settings: Settings
    identity: Identity
    notes: tuple[Noted, ...] = ()
    same: Mapping[str, str] = field(default_factory=dict)  # other names, with the first one

    def key(self, wanted: landing.MergeOptions) -> str:
        """What makes two commands the same merge."""
        given = [f"{name} {head}" for name, head in self.heads.items()]
        options = (repr(replace(wanted, out="")), repr(self.settings))
        return digest("branches", self.target, *given, *options)


def merge(
    ctx: typer.Context,
    names: Sequence[str],
    wanted: landing.MergeOptions,
    *,
    allow_failing_base: bool,
    pr: bool,
    as_json: bool,
    directory: str,
) -> int:
    """Merge the branches `names`; the exit status."""
    landing.require_strategy(wanted)
    repo = where.repository(ctx, directory)
    order = _order(repo, names, wanted, allow_failing_base)
    publish = None
    if pr:
        from wtman.cli.land.pull_request import publisher

        publish = publisher(repo, order.target).publish
    control = prepare(repo)
    if order.settings.check and not wanted.check:
        wanted = replace(wanted, check=order.settings.check)
    with open_store(repo) as store:
        home = Home(repo, store)
        key = order.key(wanted)
        left = _interrupted(home, key)
        for name, first in () if as_json else order.same.items():
            print(f"{clean(name)}  is {clean(first)}, named once more")
        if left is not None:
            external = {view.branch for view in left.tasks.values()}
            present = {name: tip for name, tip in order.heads.items() if name not in external}
            return landing.finish(home, left, [Resumed("merge")], as_json, present, publish)
        external_branches = take(control, order.before, order.heads, _landed(home), wanted.strategy)
        if not external_branches.branches:
            return _nothing(order, external_branches, wanted, as_json)
        wanted = _asked_unchecked(wanted, external_branches, as_json)
        state = home.state(_journalled(home, order, external_branches, wanted, key))
        return landing.finish(home, state, [], as_json, external_branches.present, publish)


# --- what is meant ------------------------------------------------------------------------------


def _order(
    repo: Repository, names: Sequence[str], wanted: landing.MergeOptions, allow_failing_base: bool
) -> ExternalMerge:
    target = Branch(wanted.into or head_branch(repo))
    before = _before(repo, target, wanted.patch_only or wanted.dry_run)
    flags = {"check": wanted.check} if wanted.check else {}
    loaded = load(repo.toplevel, os.environ, flags, None)
    _require_approved(repo, loaded)
    settings, notes = in_sandbox(loaded.settings)
    heads, same = once(heads_of(repo, names))
    return ExternalMerge(
        heads=heads,
        same=same,
        target=target,
        before=before,
        notes=notes,
        settings=replace(
            settings,
            allow_failing_base=allow_failing_base,
            worktrees=loaded.settings.worktrees
            or default_worktrees(repo.main or repo.common_dir, os.environ),
        ),
        identity=identity(repo),
    )


def _before(repo: Repository, target: Branch, aside: bool) -> Sha:
    if not target:
        if aside:
            return resolve(repo, "HEAD")
        raise UsageError(
            "there is no branch to land on: HEAD is detached",
            hint="name one with --into BRANCH, or take --patch-only",
        )
    before = refs.read_one(repo, f"refs/heads/{target}")
    if before is None:
        resolve(repo, "HEAD")  # says so where there is no commit at all
        known = refs.read(repo, "refs/heads")
        near = did_you_mean(target, (ref.removeprefix("refs/heads/") for ref in known))
        raise UsageError(
            f"there is no branch {quoted(target)} to land on{near}",
            hint="--into takes a local branch",
        )
    return before


def _require_approved(repo: Repository, loaded: Loaded) -> None:
    """Commands that came with the repository and that this merge would run."""
    used = {*loaded.settings.check, *loaded.settings.setup}
    theirs = [text for text in repository_commands(loaded) if text in used]
    if missing := approved(theirs, os.environ, repo.common_dir):
        raise unapproved(
            missing,
            "approve what you read with `wtman trust --yes`; --check CMD replaces its checks",
        )


def _asked_unchecked(
    wanted: landing.MergeOptions, external_branches: ExternalBranches, as_json: bool
) -> landing.MergeOptions:
    """Nothing lands that no check has judged, unless somebody says so."""
    if wanted.check or wanted.unchecked:
        return wanted
    if as_json or not (terminal.may_ask()):
        raise MissingError(
            "there is no check to judge these branches, and no terminal to ask on",
            hint="give one with --check CMD; or say --unchecked",
            code="unchecked",
        )
    print(
        f"no check judges {count(len(external_branches.branches), 'branch')}: "
        "only conflicts would be found"
    )
    return replace(wanted, unchecked=bool(terminal.ask("Land unchecked?")))


# --- the journal --------------------------------------------------------------------------------


def _interrupted(home: Home, key: str) -> State | None:
    """The journal of this very merge, where it has not come to its end."""
    for run in reversed(home.store.runs()):
        state = home.state(run)
        if state.kind is not RunKind.MERGE or state.key != key or state.merge is None:
            continue
        if state.merge.over:
            return None
        require_idle(home, run)
        return state
    return None


def _landed(home: Home) -> dict[Sha, Sha]:
    """Tips that wtman has landed so far, with the commit that each became."""
    views = (view for run in home.store.runs() for view in home.state(run).tasks.values())
    return {view.head: view.merged for view in views if view.merged and view.head}


def _journalled(
    home: Home,
    order: ExternalMerge,
    external_branches: ExternalBranches,
    wanted: landing.MergeOptions,
    key: str,
) -> RunId:
    asked = MergeAsked(
        target=order.target,
        before=order.before,
        members=_tasks(external_branches, wanted.only, order.same),
        exclude=_tasks(external_branches, wanted.exclude, order.same),
        strategy=wanted.strategy,
        check=wanted.check,
        unchecked=wanted.unchecked,
        patch_only=wanted.patch_only,
        dry_run=wanted.dry_run,
        out=wanted.out,
        apart={str(task): why for task, why in external_branches.apart.items()} or None,
    )
    where = order.target or "HEAD"
    there = (Noted(f"{name} is in {where} already") for name in external_branches.present)
    notes = (*order.notes, *there)
    landing.require_clean(home.repo, asked)
    branches = external_branches.branches
    names = ", ".join(item.name for item in branches)
    return create(
        home.store,
        Plan(f"merge {names}", tuple(branch_task(item) for item in branches)),
        order.settings,
        base=asked.before,
        target=asked.target,
        identity=order.identity,
        kind=RunKind.MERGE,
        key=key,
        given=order.settings.check,
        notes=notes,
        then=(*(branch_added(item) for item in branches), Approved(), asked),
    )


def _tasks(
    external_branches: ExternalBranches, words: Iterable[str], same: Mapping[str, str]
) -> tuple[TaskId, ...]:
    """The ids of branches that --only and --exclude name."""
    names = tuple(dict.fromkeys(same.get(name, name) for name in words))
    ids: Mapping[str, TaskId] = {item.name: item.task for item in external_branches.branches}
    known = (*ids, *external_branches.present)
    for name in names:
        if name not in known:
            near = did_you_mean(name, known)
            raise UsageError(f"{quoted(name)} is none of the branches{near}")
    return tuple(ids[name] for name in names if name in ids)


def _nothing(
    order: ExternalMerge,
    external_branches: ExternalBranches,
    wanted: landing.MergeOptions,
    as_json: bool,
) -> int:
    """All of it is in the target already."""
    if as_json:
        told = {
            "schema": SCHEMA,
            "run": None,
            "target": order.target,
            "before": order.before,
            "after": order.before,
            "dry_run": wanted.dry_run,
            "landed": list(external_branches.present),
            "commits": dict(external_branches.present),
            "adapted": [],
            "excluded": [],
            "checks": 0,
            "flaky": [],
            "needs": {},
            "present": list(external_branches.present),
            "notes": [],
            "patches": "",
        }
        print(json.dumps(told, ensure_ascii=True))
        return 0
    for name in external_branches.present:
        print(f"{clean(name)} is in {clean(order.target) or 'HEAD'} already")
    print("there is nothing to merge")
    return 0
