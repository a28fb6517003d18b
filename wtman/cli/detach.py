"""A run handed over to a process of its own, which no terminal ends."""

import json
import os
import sys
import time
from collections.abc import Sequence

from wtman.cli.target import here
from wtman.coordinator.home import Home
from wtman.errors import WtmanError
from wtman.journal.events import Event
from wtman.model.ids import RunId
from wtman.model.states import SCHEMA
from wtman.tasks.lifecycle import run_state
from wtman.text.terminal import clean

_PATIENCE = 30.0  # seconds until it must have taken the run
_POLL = 0.05
_LOG = "detached.log"


def detach(home: Home, run: RunId, events: Sequence[Event], as_json: bool) -> int:
    """Journal `events`, which approve the run, and continue it in the background.

    Says how to watch and stop it. Returns when that process has taken the run, or has ended.
    """
    from wtman.execution.spawn import start_apart

    folder = home.folder(run)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    log = os.path.join(folder, _LOG)
    with home.store.lock(run):
        home.store.append(run, events, time.time())
    before = home.state(run).seq
    place = home.repo.toplevel or home.repo.common_dir
    # The folder that it stands in is no place to import from.
    argv = (sys.executable, "-P", "-m", "wtman", "resume", run, "--yes")
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    with open(os.open(log, flags, 0o600), "wb") as out:
        pid, ended = start_apart(argv, place, out)
    until = time.monotonic() + _PATIENCE
    while not (live := home.store.live(run)) and ended() is None and time.monotonic() < until:
        time.sleep(_POLL)
    # A short run may be over already: then its journal has grown.
    if not live and home.state(run).seq == before:
        raise WtmanError(
            f"run {run} did not start in the background: {_last_line(log)}",
            hint=f"see {log}, or start it here: wtman resume {run}",
            code="detach",
        )
    if as_json:
        told = {"event": "detached", "run": run, "pid": pid if live else None, "log": log}
        print(json.dumps({"schema": SCHEMA, **told}, ensure_ascii=True))
        return 0
    if live:
        lines = [
            f"run {run} continues in the background (process {pid})",
            f"  watch it: wtman status {run} --watch",
            f"  stop it:  wtman stop {run}",
        ]
    else:
        lines = [
            f"run {run} continued in the background and is {run_state(home.state(run))}",
            f"  see it:   wtman status {run}",
        ]
    print(here("\n".join(lines)))
    print(f"  its log:  {clean(log)}")
    return 0


def _last_line(log: str) -> str:
    try:
        with open(log, encoding="utf-8", errors="replace") as file:
            lines = [line for line in file.read()[-4096:].splitlines() if line.strip()]
    except OSError:
        lines = []
    return clean(lines[-1], 300) if lines else "it said nothing"
