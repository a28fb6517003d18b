"""`wtman logs`: what sessions, setup and checks printed, as readable lines or as it was."""

import os
import sys
import time
from typing import Annotated

import typer

from wtman.cli import options, streams, target
from wtman.cli.pager import paged
from wtman.coordinator.home import Home, a_task
from wtman.errors import MissingError, UsageError
from wtman.journal.state import Attempt, State
from wtman.model.ids import TaskId
from wtman.model.session import Ended

_POLL = 0.25  # seconds between two looks at the files


def logs(
    ctx: typer.Context,
    task: options.Task,
    follow: Annotated[
        bool, typer.Option("-f", "--follow", help="Follow until the attempt ends.")
    ] = False,
    failed: Annotated[bool, typer.Option("--failed", help="Show only why it failed.")] = False,
    raw: Annotated[bool, typer.Option("--raw", help="Print the agent's own stream.")] = False,
    attempt: Annotated[
        int, typer.Option("--attempt", metavar="N", help="Show only this one.", show_default=False)
    ] = 0,
    record: Annotated[
        str, typer.Option(metavar="FILE", help="Record the newest one, for `replay:FILE`.")
    ] = "",
    directory: options.Directory = "",
) -> int:
    """Show what the sessions of a task said and did, then what its setup and checks printed."""
    from wtman.ui import logs as shown

    streams.end_when_unread()
    with target.journal(ctx, directory) as home, paged(ctx, wanted=not (follow or record)):
        state, name = a_task(home, task)
        attempts = [item for item in state.tasks[name].attempts if attempt in (0, item.number)]
        if not attempts and attempt:
            raise UsageError(f"task {name} has no attempt {attempt}")
        folder = os.path.join(home.folder(state.run), "tasks", name)
        teller = shown.teller(home.repo, state, name)
        if record:
            if not attempts:
                raise UsageError(f"task {name} has no session yet")
            path = target.path_of(record)
            _write_recording(home, state, name, attempts[-1], path)
            print(f"replay it with: --agent replay:{path}")
            return 0
        if state.tasks[name].planned.lead:
            return _logs_of_lead(home, state, name, follow=follow, raw=raw, failed=failed)
        if follow:
            # Without an attempt there is nothing yet: wait for the first while the run is live.
            return _follow(home, state, name, folder, raw)
        told = () if raw or attempt else tuple(shown.commands(state, name, home.folder(state.run)))
        told = tuple(item for item in told if item.failed or not failed)
        if not attempts and not told:
            print(f"wtman: {name} has no session yet", file=sys.stderr)
        if failed:
            shown_last = bool(attempts) and attempts[-1].ended is Ended.FAILED
            if not shown_last and not told and attempts:
                print(f"wtman: nothing of {name} has failed", file=sys.stderr)
            attempts = attempts[-1:] if shown_last else []
        for item in attempts:
            place = os.path.join(folder, str(item.number))
            if raw:
                shown.copy_raw(place, sys.stdout.buffer)
            else:
                print(shown.heading(item, time.time()))
                shown.print_attempt(place, sys.stdout, teller)
        for command in told:
            command.print(sys.stdout, teller)
    return 0


def _logs_of_lead(
    home: Home, state: State, lead: TaskId, *, follow: bool, raw: bool, failed: bool
) -> int:
    """What the planner of a lead said in each of its sessions, then why it is not done."""
    from wtman.execution.output import read_exit
    from wtman.tasks.lifecycle import task_state
    from wtman.ui import logs as shown

    folders = shown.planning_folders(home.folder(state.run), lead)
    while follow and not folders and home.store.live(state.run):
        time.sleep(_POLL)
        folders = shown.planning_folders(home.folder(state.run), lead)
    teller = shown.teller(home.repo, state, lead)
    if not folders:
        print(f"wtman: {lead} is not cut yet", file=sys.stderr)
    for folder in [] if failed else folders[-1:] if follow else folders:
        if not raw:
            number, session = folder.split(os.sep)[-2:]
            print(f"== planning {number}, session {session} ==", flush=True)

        def over(place: str = folder) -> bool:
            return read_exit(place) is not None or not home.store.live(state.run)

        out = sys.stdout
        steps = (
            shown.follow_raw(folder, out.buffer, over)
            if raw
            else shown.follow_attempt(folder, out, over, teller)
        )
        for _ in steps:
            time.sleep(_POLL)
    standing = task_state(home.state(state.run), lead)
    if not raw and standing.reason:
        print(f"{lead}: {standing.state}: {standing.reason}")
    return 0


def _follow(home: Home, state: State, task: TaskId, folder: str, raw: bool) -> int:
    from wtman.ui import logs as shown

    run = state.run
    while not state.tasks[task].attempts and home.store.live(run):
        time.sleep(_POLL)
        state = home.state(run)
    if not state.tasks[task].attempts:
        print(f"wtman: {task} has no session yet, and the run is not running", file=sys.stderr)
        return 0
    newest = state.tasks[task].attempts[-1]
    place = os.path.join(folder, str(newest.number))

    def over() -> bool:
        view = home.state(run).tasks[task]
        item = next(item for item in view.attempts if item.number == newest.number)
        return item.ended is not None or not home.store.live(run)

    if raw:
        steps = shown.follow_raw(place, sys.stdout.buffer, over)
    else:
        print(shown.heading(newest, time.time()), flush=True)
        steps = shown.follow_attempt(place, sys.stdout, over, shown.teller(home.repo, state, task))
    for _ in steps:
        time.sleep(_POLL)
    return 0


def _write_recording(home: Home, state: State, task: TaskId, attempt: Attempt, path: str) -> None:
    """Write the recording of an attempt to `path`, which must not be there."""
    from wtman.agents.recording import recording
    from wtman.execution.output import read_exit
    from wtman.git.control_dir import prepare
    from wtman.git.objects.contents import edits

    if attempt.outcome is None:
        raise MissingError(
            f"attempt {attempt.number} of {task} has not ended",
            hint="wait for its end, or stop it: wtman stop",
        )
    folder = os.path.join(home.folder(state.run), "tasks", task, str(attempt.number))
    ended = read_exit(folder)
    status = ended.code if ended is not None and ended.code is not None else 1
    # The player's own exit status is all that is judged then: an agent may fail with 0.
    status = 0 if attempt.ended is Ended.OK else (status or 1)
    # The commit with what the session left, counted or not.
    left = attempt.outcome.head if attempt.ended is Ended.OK else attempt.outcome.saved
    changed = edits(prepare(home.repo), attempt.at, left or attempt.at)
    lines = recording(
        task,
        attempt.agent,
        _read(os.path.join(folder, "stdout")),
        _read(os.path.join(folder, "stderr")),
        changed,
        status,
    )
    try:
        # Exclusively: what is there may be the only copy of another recording.
        with open(path, "x", encoding="ascii", newline="\n") as file:
            file.writelines(lines)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error


def _read(path: str) -> bytes:
    from wtman.execution.output import stream

    try:
        with stream(path) as source:
            return source.read()
    except FileNotFoundError:
        return b""
