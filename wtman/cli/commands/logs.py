"""`wtman logs`: what sessions, setup and checks printed, as readable lines or as it was."""

import json
import os
import sys
import time
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from wtman.cli import options, planning_logs, streams, target
from wtman.cli.pager import paged
from wtman.coordinator.home import Home, a_run, a_task
from wtman.coordinator.outcome import FELL_SHORT
from wtman.errors import MissingError, UsageError
from wtman.journal.state import Attempt, State
from wtman.model.ids import RunId, TaskId
from wtman.model.session import Ended
from wtman.model.states import DEAD
from wtman.plan.planning_sessions import FAILED, planning_sessions
from wtman.tasks.lifecycle import standings, task_state
from wtman.text.terminal import clean
from wtman.ui.causes import Cause, causes, needed, run_causes
from wtman.ui.logs_json import Shown, answer, of_run

_POLL = 0.25  # seconds between two looks at the files


def logs(
    ctx: typer.Context,
    task: Annotated[
        str,
        typer.Argument(
            metavar="TASK",
            show_default=False,
            help="`id` or `RUN/id`; RUN lists what there is, with --failed all that failed.",
        ),
    ] = "",
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
    as_json: options.Json = False,
    directory: options.Directory = "",
) -> int:
    """Show what the sessions of a task said and did, then what its setup and checks printed."""
    from wtman.ui import logs as shown

    streams.end_when_unread()
    with (
        target.journal(ctx, directory) as home,
        paged(ctx, wanted=not (follow or record or as_json)),
    ):
        if failed and (run := _run_of(home, task)):
            return _failed_of_run(home, home.state(run), as_json=as_json)
        if not task:
            hint = "all that failed: wtman logs --failed; the tasks: wtman status"
            raise UsageError("name a task", hint=hint)
        if not (record or follow or raw or attempt) and (run := _run_of(home, task)):
            return _of_run(home, home.state(run), as_json=as_json)
        if (named := planning_logs.named_planning(home, task)) is not None:
            if record:
                raise UsageError("only a session of a task can be recorded, not the planning")
            return planning_logs.show_planning(
                home,
                named,
                follow=follow,
                raw=raw,
                failed=failed,
                attempt=attempt,
                as_json=as_json,
            )
        state, name = a_task(home, task)
        if as_json:
            print(json.dumps(_plain(home, state, name), ensure_ascii=True))
            return 0
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
        if failed:
            _show_failed(home, state, name)
            return 0
        if state.tasks[name].planned.lead:
            return _logs_of_lead(home, state, name, follow=follow, raw=raw)
        if follow:
            # Without an attempt there is nothing yet: wait for the first while the run is live.
            return _follow(home, state, name, folder, raw)
        found = () if raw or attempt else (*run_causes(state), *causes(state, name))
        if not attempts and not found:
            print(f"wtman: {name} has no session yet", file=sys.stderr)
        for item in attempts:
            place = os.path.join(folder, str(item.number))
            if raw:
                shown.copy_raw(place, sys.stdout.buffer)
            else:
                print(shown.heading(item, time.time()))
                shown.print_attempt(place, sys.stdout, teller)
        if not attempt:
            _repairs(home, state, name, raw=raw)
        if not raw and not attempt:
            for line in shown.passed(state, name):
                print(line)
        for cause in found:
            if cause.kind != "session":  # it is above
                shown.print_cause(cause, home.folder(state.run), sys.stdout, teller)
    return 0


# --- why it failed --------------------------------------------------------------------------------


def _run_of(home: Home, text: str) -> RunId | None:
    """The run that is meant, where no task is named."""
    if not text:
        return a_run(home, "")
    if "/" in text:
        return None
    found = [run for run in home.store.runs() if run.startswith(text)]
    if text in found:
        return RunId(text)  # also where there are only plans, which nothing else means
    if any(it.startswith(text) for it in home.state(a_run(home, "")).tasks):
        return None
    return found[0] if len(found) == 1 else None


def _of_run(home: Home, state: State, *, as_json: bool) -> int:
    """All that has logs: the sessions of the planning, then the tasks."""
    if not as_json:
        planning_logs.list_run(home, state)
        return 0
    told = of_run(state, _shown(home, state, run_causes(state)))
    planning = planning_logs.plain(home, state, planning_sessions(state))
    tasks = [_plain(home, state, task, whole=False) for task in state.tasks]
    print(json.dumps({**told, "planning": planning, "tasks": tasks}, ensure_ascii=True))
    return 0


def _failed_of_run(home: Home, state: State, *, as_json: bool) -> int:
    """All that failed: of the run as a whole, then of each task that fell short by itself."""
    fell = [task for task, item in standings(state).items() if item.state in FELL_SHORT]
    if as_json:
        told = of_run(state, _shown(home, state, run_causes(state)))
        tasks = [_plain(home, state, task, whole=False) for task in fell]
        lost = [item for item in planning_sessions(state) if item.state == FAILED]
        planning = planning_logs.plain(home, state, lost)
        print(json.dumps({**told, "planning": planning, "tasks": tasks}, ensure_ascii=True))
        return 0
    for cause in run_causes(state):
        _print(home, state, cause)
    several = len(fell) > 1
    for task in fell:
        if several:
            print(f"# {state.run}/{task}")
        _show_failed(home, state, task, whole=False)
    if not planning_logs.show_failed(home, state) and not fell and not run_causes(state):
        print(f"wtman: nothing of {state.run} has failed", file=sys.stderr)
    return 0


def _show_failed(home: Home, state: State, task: TaskId, *, whole: bool = True) -> None:
    """Why one task fell short, or where that is told."""
    found = (*(run_causes(state) if whole else ()), *causes(state, task))
    for cause in found:
        _print(home, state, cause, task)
    known = standings(state)
    dead = frozenset(name for name, item in known.items() if item.state in DEAD)
    for name in needed(state, task, dead) if known[task].state in FELL_SHORT else ():
        print(f"== {state.label(task)} needs {state.label(name)} ==")
        print(f"wtman logs --failed {state.run}/{name}")
    if not found and known[task].state in FELL_SHORT and known[task].reason:
        print(f"{state.label(task)}: {known[task].state}: {clean(known[task].reason)}")
    elif not found and known[task].state not in FELL_SHORT:
        print(f"wtman: nothing of {task} has failed", file=sys.stderr)


def _print(home: Home, state: State, cause: Cause, task: TaskId | None = None) -> None:
    from wtman.ui import logs as shown

    told = shown.teller(home.repo, state, task) if task is not None else str
    shown.print_cause(cause, home.folder(state.run), sys.stdout, told)


def _shown(
    home: Home, state: State, found: Iterable[Cause], task: TaskId | None = None
) -> list[tuple[Cause, Shown]]:
    """Each cause with its telling lines and the files of its output."""
    from wtman.ui import logs as shown

    told = shown.teller(home.repo, state, task) if task is not None else str
    folder = home.folder(state.run)
    return [
        (
            cause,
            (
                cause.lines(shown.output_of(cause, folder, told)),
                _files(shown.log_of(cause, folder)),
            ),
        )
        for cause in found
    ]


def _plain(home: Home, state: State, task: TaskId, *, whole: bool = True) -> dict[str, Any]:
    found = (*(run_causes(state) if whole else ()), *causes(state, task))
    place = os.path.join(home.folder(state.run), "tasks", task)
    attempts = state.tasks[task].attempts
    files = {item.number: _files(os.path.join(place, str(item.number))) for item in attempts}
    standing = task_state(state, task)
    return answer(state, task, standing, _shown(home, state, found, task), files)


def _files(folder: str) -> list[str]:
    """The outputs that are kept in a folder of the evidence."""
    paths = [os.path.join(folder, name) for name in ("stdout", "stderr")] if folder else []
    return [path for path in paths if os.path.isfile(path)]


# --- what was said --------------------------------------------------------------------------------


def _logs_of_lead(home: Home, state: State, lead: TaskId, *, follow: bool, raw: bool) -> int:
    """What the planner of a lead said in each of its sessions, then why it is not done."""
    from wtman.execution.output import read_exit
    from wtman.ui import logs as shown

    folders = shown.planning_folders(home.folder(state.run), lead)
    while follow and not folders and home.store.live(state.run):
        time.sleep(_POLL)
        folders = shown.planning_folders(home.folder(state.run), lead)
    teller = shown.teller(home.repo, state, lead)
    if not folders:
        print(f"wtman: {lead} is not cut yet", file=sys.stderr)
    for folder in folders[-1:] if follow else folders:
        if not raw:
            number, session = folder.split(os.sep)[-2:]
            print(f"== planning {number}, session {session} ==", flush=True)

        def over(place: str = folder) -> bool:
            return read_exit(place) is not None or not home.store.live(state.run)

        out = sys.stdout
        steps = (
            shown.follow_raw(folder, out.buffer, over)
            if raw
            else shown.follow_attempt(folder, out, over, teller, answers=True)
        )
        for _ in steps:
            time.sleep(_POLL)
    if not follow:
        _repairs(home, state, lead, raw=raw)
    standing = task_state(home.state(state.run), lead)
    if not raw and standing.reason:
        print(f"{lead}: {standing.state}: {standing.reason}")
    return 0


def _repairs(home: Home, state: State, task: TaskId, *, raw: bool) -> None:
    """What the repairer said, and what came of it."""
    from wtman.ui import logs as shown
    from wtman.ui.repairs import repair_story

    teller = shown.teller(home.repo, state, task)
    for folder in shown.repair_folders(home.folder(state.run), task):
        if raw:
            shown.copy_raw(folder, sys.stdout.buffer)
            continue
        number, session = folder.split(os.sep)[-2:]
        print(f"== repair {number}, session {session} ==")
        shown.print_attempt(folder, sys.stdout, teller, answers=True)
    for line in repair_story(state, task, task_state(state, task)) if not raw else ():
        print(line)


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
