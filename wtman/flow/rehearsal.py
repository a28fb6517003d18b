"""A script played against a journal without beginning anything: what it finds answered there.

So a resume can say first what it reuses, and a flow's own tests can hold it against a run.
"""

import asyncio
import os
from collections.abc import Sequence
from typing import Any

from wtman.execution.spawn import start_piped
from wtman.flow.play import Play
from wtman.flow.start import script_command, script_policy
from wtman.flow.steps import Rehearsal
from wtman.git.control_dir import Control
from wtman.journal import events as e
from wtman.journal.record import Recorded
from wtman.journal.replay import replay
from wtman.journal.state import State
from wtman.plan.attempts.table import Attempts
from wtman.sandbox.choice import strongest
from wtman.sandbox.policy import Sandbox


async def rehearse(
    state: State, control: Control, sandbox: Sandbox, folder: str, *, failures: bool = False
) -> Rehearsal:
    """Play the script of the state. `failures`: what failed then fails again, instead of being
    asked for anew. `folder` is the run's, for what the process prints beside."""
    loop = asyncio.get_running_loop()

    def in_thread(function: Any, /, *args: Any) -> Any:
        return loop.run_in_executor(None, lambda: function(*args))

    run = _MemoryRun(state)
    confined = await in_thread(strongest, sandbox)
    command = confined.wrap(script_command(), script_policy())
    process = await start_piped(command, os.path.join(folder, "flow", "rehearsal"))
    try:
        play = Play(run, process, control, in_thread, rehearses=True, failures=failures)
        await play.run()
    finally:
        await process.end()
    flow = run.state.flow
    assert flow is not None
    asked = [flow.steps[key] for key in play.asked]
    return Rehearsal(
        reused=tuple(step for step in asked if not step.open),
        wanted=tuple(step for step in asked if step.open),
        unused=tuple(
            step for step in flow.steps.values() if step.answered and step.key not in play.asked
        ),
        error=play.ended.error if play.ended is not None else {},
    )


class _MemoryRun:
    """Events that are kept nowhere, and a state that only they change."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._changed = asyncio.Event()

    @property
    def state(self) -> State:
        return self._state

    @property
    def changed(self) -> asyncio.Event:
        return self._changed

    async def past(self) -> Attempts:
        return Attempts()

    def journal(self, events: Sequence[e.Event]) -> None:
        recorded = [Recorded(self._state.seq, self._state.updated, event) for event in events]
        self._state = replay(recorded, self._state)
