"""`wtman stop`: asks the coordinator of a run to end it, and waits."""

import json
import time

import typer

from wtman.cli import options, target
from wtman.coordinator.home import a_run
from wtman.journal.events import Requested
from wtman.model.states import SCHEMA

_POLL = 0.1
_SPARE = 15.0  # seconds beyond the grace that sessions have


def stop(
    ctx: typer.Context,
    run: options.Run = "",
    as_json: options.Json = False,
    directory: options.Directory = "",
) -> int:
    """Stop a run: its sessions are ended, nothing is lost, and `wtman resume` continues it."""
    with target.journal(ctx, directory) as home:
        name = a_run(home, run, lambda state: bool(home.store.live(state.run)))
        pid = home.store.live(name)
        if pid:
            home.store.append(name, [Requested("stop")], time.time())
            until = time.monotonic() + home.state(name).settings.grace + _SPARE
            while home.store.live(name) and time.monotonic() < until:
                time.sleep(_POLL)
        stopped = not home.store.live(name)
        if as_json:
            print(json.dumps({"schema": SCHEMA, "run": name, "live": not stopped}))
        elif not pid:
            print(f"run {name} is not running")
        elif stopped:
            print(target.here(f"run {name} has stopped\nnext: wtman resume {name}"))
        else:
            print(f"run {name} has not stopped yet (process {pid})")
    return int(not stopped)
