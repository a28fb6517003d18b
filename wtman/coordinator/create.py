"""Runs made: the first events of each kind of run, journalled in one transaction."""

import os
import secrets
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from wtman.git.discovery import Repository
from wtman.git.disk import on_network
from wtman.journal import events as e
from wtman.journal.replay import replay
from wtman.journal.state import State
from wtman.journal.store import Store
from wtman.model.ids import Branch, RunId, Sha
from wtman.model.plan import Identity, Plan, Task
from wtman.model.settings import Settings
from wtman.model.states import RunKind
from wtman.plan.file import slug

if TYPE_CHECKING:
    from wtman.integration.external import ExternalBranch


def open_store(repo: Repository) -> Store:
    """The repository's journal. Raises MissingError where it cannot be used."""
    os.makedirs(repo.wtman_dir, mode=0o700, exist_ok=True)
    return Store.open(repo.wtman_dir, network=on_network(repo.wtman_dir))


def create(
    store: Store,
    plan: Plan,
    settings: Settings,
    *,
    base: Sha,
    target: str,
    identity: Identity,
    kind: RunKind = RunKind.SPLIT,
    key: str = "",
    given: tuple[str, ...] = (),
    notes: Sequence[e.Noted] = (),
    branches: "Sequence[ExternalBranch]" = (),
    begin: Sequence[e.Event] = (),
    then: Sequence[e.Event] = (),
) -> RunId:
    """Journal a new run, of any kind; nothing is started. `settings.check` is its check.

    `begin` is what comes before the tasks: roles, and for a plan without tasks who makes it.
    `branches` that wtman did not make are tasks, too, each with where its work is.
    `then` comes last. One transaction, so that a kill leaves all of it or nothing.
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
        kind=kind,
        key=key,
    )
    external = (Task(item.task, prompt="", title=item.name, needs=item.needs) for item in branches)
    tasks = (e.TaskAdded(task) for task in (*plan.tasks, *external))
    places = (
        e.ExternalBranchAdded(
            item.task, Branch(item.name), item.start, item.head, item.message, item.author
        )
        for item in branches
    )
    store.append(run, [created, *begin, *tasks, *notes, *places, *then], time.time())
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
