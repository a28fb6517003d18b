"""`wtman logs TASK --record FILE`: a finished session as a recording to replay."""

import os

from wtman.agents.recording import recording
from wtman.coordinator.home import Home
from wtman.errors import MissingError, UsageError
from wtman.journal.state import Attempt, State, TaskView
from wtman.model.ids import Sha
from wtman.model.session import Ended


def record(home: Home, state: State, view: TaskView, attempt: Attempt, path: str) -> None:
    """Write the recording of an attempt to `path`, which must not be there."""
    from wtman.execution.output import read_exit
    from wtman.git.control_dir import prepare
    from wtman.git.objects.contents import edits

    if attempt.outcome is None:
        raise MissingError(
            f"attempt {attempt.number} of {view.task.id} has not ended",
            hint="wait for its end, or stop it: wtman stop",
        )
    folder = os.path.join(home.folder(state.run), "tasks", view.task.id, str(attempt.number))
    ended = read_exit(folder)
    status = ended.code if ended is not None and ended.code is not None else 1
    # The player's own exit status is all that is judged then: an agent may fail with 0.
    status = 0 if attempt.ended is Ended.OK else (status or 1)
    changed = edits(prepare(home.repo), attempt.at, _left(attempt))
    lines = recording(
        view.task.id,
        attempt.agent,
        _read(os.path.join(folder, "stdout")),
        _read(os.path.join(folder, "stderr")),
        changed,
        status,
    )
    try:
        # Exclusively: what is there may be the only copy of another recording.
        with open(path, "x", encoding="ascii", newline="\n") as target:
            target.writelines(lines)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error


def _left(attempt: Attempt) -> Sha:
    """The commit with what the session left, counted or not."""
    assert attempt.outcome is not None
    if attempt.ended is Ended.OK:
        return attempt.outcome.head
    return attempt.outcome.saved or attempt.at


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as source:
            return source.read()
    except FileNotFoundError:
        return b""
