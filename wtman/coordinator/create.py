"""Runs made: the first events of each kind of run, journalled in one transaction."""

import os
import secrets
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from wtman.git.discovery import Repository
from wtman.git.disk import on_network
from wtman.journal import events as e
from wtman.journal import record
from wtman.journal.replay import replay
from wtman.journal.state import State
from wtman.journal.store import Store
from wtman.model.ids import Branch, RunId, Sha
from wtman.model.plan import Identity, Plan, Task
from wtman.model.settings import Settings
from wtman.plan.file import slug

if TYPE_CHECKING:
    from wtman.integration.external import ExternalBranch


def open_store(repo: Repository) -> Store:
    """The repository's journal. Raises MissingError where it cannot be used."""
    os.makedirs(repo.wtman_dir, mode=0o700, exist_ok=True)
    return Store.open(repo.wtman_dir, network=on_network(repo.wtman_dir))


def create_run(
    store: Store,
    plan: Plan,
    settings: Settings,
    *,
    base: Sha,
    target: str,
    identity: Identity,
    given: tuple[str, ...] = (),
    notes: Sequence[str] = (),
    begin: Sequence[record.Event] = (),
) -> RunId:
    """Journal a new run in state `planned`; nothing is started. `settings.check` is its check.

    `begin` is what comes before the tasks: roles, and for a plan without tasks who makes it.
    """
    run = _new_id(store, plan.request)
    created = e.RunCreated(
        run=run,
        request=plan.request,
        base=base,
        target=Branch(target),
        settings=settings,
        identity=identity,
        context=plan.context,
        given=given,
    )
    events: list[record.Event] = [created, *begin, *(e.TaskAdded(task) for task in plan.tasks)]
    store.append(run, [*events, *(e.Noted(note) for note in notes)], time.time())
    return run


def create_external(
    store: Store,
    branches: Sequence["ExternalBranch"],
    settings: Settings,
    asked: e.MergeAsked,
    identity: Identity,
    *,
    key: str,
    notes: Sequence[str] = (),
) -> RunId:
    """Journal an anonymous run: the merge of branches that wtman did not make.

    `key` is what the same merge is known by after a kill. One transaction, so that a kill
    leaves all of it or nothing.
    """
    run = _new_id(store, "merge " + " ".join(item.name for item in branches[:3]))
    names = ", ".join(item.name for item in branches)
    events: list[record.Event] = [
        e.RunCreated(
            run=run,
            request=f"merge {names}",
            base=asked.before,
            target=asked.target,
            settings=settings,
            identity=identity,
            context=key,
            given=settings.check,
        )
    ]
    for item in branches:
        events.append(e.TaskAdded(Task(item.task, prompt="", title=item.name, needs=item.needs)))
        branch = Branch(item.name)
        events.append(
            e.ExternalBranchAdded(
                item.task, branch, item.start, item.head, item.message, item.author
            )
        )
    events += [e.Approved(), *(e.Noted(note) for note in notes), asked]
    store.append(run, events, time.time())
    return run


def create_reviewed(
    store: Store,
    branches: Sequence["ExternalBranch"],
    settings: Settings,
    *,
    base: Sha,
    request: str,
    identity: Identity,
    key: str,
    begin: Sequence[record.Event] = (),
    notes: Sequence[str] = (),
) -> RunId:
    """Journal an anonymous run: the reviews of branches that wtman did not make.

    `key` is what the same reviews are known by. One that starts where it ends is an audit.
    """
    run = _new_id(store, request)
    created = e.RunCreated(
        run=run,
        request=request,
        base=base,
        target=Branch(""),
        settings=settings,
        identity=identity,
        context=key,
        given=tuple(text for text in (settings.agent, *settings.reviewed_by) if text),
    )
    events: list[record.Event] = [created, *begin]
    for item in branches:
        events.append(e.TaskAdded(Task(item.task, prompt="", title=item.name, needs=item.needs)))
        branch = Branch(item.name)
        external = e.ExternalBranchAdded(
            item.task, branch, item.start, item.head, item.message, item.author
        )
        events.append(external)
    events += [e.Approved(), *(e.Noted(note) for note in notes)]
    store.append(run, events, time.time())
    return run


def _new_id(store: Store, request: str) -> RunId:
    run = RunId(f"{slug(request)}-{secrets.token_hex(2)}")
    known = store.runs()
    while run in known:
        run = RunId(f"{slug(request)}-{secrets.token_hex(4)}")
    return run


def load_state(store: Store, run: RunId) -> State:
    """The run, replayed."""
    return replay(store.events(run))
