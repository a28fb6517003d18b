"""The checks run on the base, as a run would do it first, and nothing of it kept but verdicts.

Its journal entry is one that no other command takes for a run of the user's, and is taken
back at the end.
"""

import asyncio
import os
from collections.abc import Mapping

from wtman.checks.actions import CheckBase
from wtman.git.discovery import Repository
from wtman.git.repo import identity
from wtman.journal.events import BaseChecked
from wtman.journal.store import Store
from wtman.model.ids import RunId, Sha
from wtman.model.plan import Plan
from wtman.model.settings import Settings
from wtman.model.states import RunKind


def base_checked(
    repo: Repository, settings: Settings, base: Sha, environ: Mapping[str, str]
) -> BaseChecked:
    """What the checks of `settings` say of the commit `base`, in checkouts of their own."""
    from wtman.coordinator.create import create, load_state, open_store
    from wtman.git.trees import remove_tree
    from wtman.worktrees.clean import remove_traces

    with open_store(repo) as store:
        run = create(
            store,
            Plan("doctor", (), check=settings.check),
            settings,
            base=base,
            target="",
            identity=identity(repo),
            kind=RunKind.BASE_CHECK,
        )
        try:
            return asyncio.run(_check(repo, store, run, base, environ))
        finally:
            state = load_state(store, run)
            store.forget(run, 0, state.seq)
            remove_traces(state)
            remove_tree(os.path.join(store.folder, "runs", run))


async def _check(
    repo: Repository, store: Store, run: RunId, base: Sha, environ: Mapping[str, str]
) -> BaseChecked:
    from wtman.checks import perform
    from wtman.coordinator.create import load_state
    from wtman.coordinator.open import open_run

    async with open_run(repo, store, run, environ) as ctx:
        (event,) = await perform.perform(ctx, load_state(store, run), CheckBase(base))
    assert isinstance(event, BaseChecked)
    return event
