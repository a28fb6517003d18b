"""A flow's script held against the journal of its run, before anything goes on."""

import asyncio

from wtman.coordinator.home import Home
from wtman.flow.steps import Rehearsal
from wtman.git.control_dir import prepare
from wtman.journal.state import State
from wtman.sandbox.choice import choose


def rehearsed(home: Home, state: State, *, failures: bool = False) -> Rehearsal:
    """What the script of the state finds answered in its journal."""
    from wtman.flow.rehearsal import rehearse

    sandbox = choose(state.settings.sandbox or "none")[0]
    control = prepare(home.repo)
    folder = home.folder(state.run)
    return asyncio.run(rehearse(state, control, sandbox, folder, failures=failures))
