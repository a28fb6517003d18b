"""`split --json`: the run as one JSON object a line.

The first line names the run, the last its state and the exit status; in between is
every event of the journal as it is, with its number and time; each step of a flow is told
by a line of its own as well, whenever its state is another, and so is a plan that was made.
"""

import json
from collections.abc import Sequence
from typing import Any, TextIO

from wtman.coordinator.start.proposal import Proposal
from wtman.errors import WtmanError
from wtman.journal.record import Recorded, encode
from wtman.journal.state import State
from wtman.model.states import SCHEMA
from wtman.tasks.lifecycle import run_state
from wtman.text.words import iso
from wtman.ui.flow import steps_told
from wtman.ui.proposal import proposal_json


class JsonLines:
    """Writes the stream; `watch` fits `drive`."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def begin(self, state: State) -> None:
        """The line that names the run."""
        facts = {"request": state.request, "base": state.base, "target": state.target}
        self._write("run", run=state.run, **facts, tasks=list(state.tasks))

    def watch(self, state: State, news: Sequence[Recorded]) -> None:
        """One line for each new event."""
        for record in news:
            kind, body = encode(record.event)
            self._write(kind, seq=record.seq, at=iso(record.at), data=body)
            for step in steps_told(state, record.event):
                self._write("step", seq=record.seq, at=iso(record.at), step=step)

    def proposal(self, proposal: Proposal, dry_run: bool) -> None:
        """The line that shows the plan that a planner has made, with its forecast."""
        self._write("proposal", **{**proposal_json(proposal), "dry_run": dry_run})

    def error(self, error: WtmanError) -> None:
        """The line of what ends the stream before its time."""
        told = {"code": error.code, "message": error.message, "hint": error.hint}
        self._write("error", error=told)

    def end(self, state: State, exit_status: int) -> None:
        """The line that says how it ended."""
        self._write("end", run=state.run, state=str(run_state(state)), exit=exit_status)

    def _write(self, event: str, **told: Any) -> None:
        # ASCII keeps lone surrogates and controls out of whatever reads the stream.
        line = {"schema": SCHEMA, "event": event, **told}
        self._out.write(json.dumps(line, ensure_ascii=True) + "\n")
        self._out.flush()
