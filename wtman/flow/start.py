"""How the process of a script is started, what it may reach, and what its end means."""

import os
from functools import cache
from importlib.util import find_spec

from wtman.flow.watchdog import CPU, MEMORY
from wtman.model.command import Command
from wtman.sandbox import system
from wtman.sandbox.policy import Limits, SandboxPolicy
from wtman.text.terminal import clean

_FILE = 16 << 20  # bytes of one file
_TMP = 16 << 20
_FLAGS = ("-P", "-s", "-S", "-B", "-X", "utf8")
_NEEDED = "pydantic pydantic_core annotated_types typing_extensions typing_inspection".split()
_LOST = 3  # the status of program.py when its pipe was closed
_TIME = (-24, 128 + 24)  # SIGXCPU, and how bubblewrap tells it


def script_command(source: int = 0, sink: int = 1) -> Command:
    """The program that runs a script; `source` and `sink` are descriptors that it inherits.

    It finds no environment and no file of the user's; the script comes over the pipe.
    """
    program = os.path.join(os.path.dirname(__file__), "program.py")
    argv = (system.interpreter(), *_FLAGS, program, str(source), str(sink), *_places())
    return Command(argv, "/", {"PYTHONHASHSEED": "0"})


def script_policy() -> SandboxPolicy:
    """What that program may reach: Python, wtman and pydantic, to read."""
    limits = Limits(memory=MEMORY, file=_FILE, oom=300)
    return SandboxPolicy(read=_places(), network="off", tmp=_TMP, limits=limits)


def reason_of_end(status: int, said: str) -> str:
    """Why a script's process ended without telling its end; `said` is what it printed last."""
    if status in _TIME:
        return f"the script computed for more than {CPU} s between two calls"
    if status in (-9, 128 + 9):
        return f"it was killed, likely for want of memory ({MEMORY >> 20} MB)"
    if status == _LOST:
        return "it lost its pipe"
    return clean(said) or (f"signal {-status}" if status < 0 else f"exit status {status}")


@cache
def _places() -> tuple[str, ...]:
    """Where pydantic and what it needs are, a folder or a file each; they are not loaded here."""
    specs = [find_spec(name) for name in _NEEDED]
    files = [spec.origin for spec in specs if spec is not None and spec.origin is not None]
    return tuple(
        os.path.dirname(file) if os.path.basename(file) == "__init__.py" else file for file in files
    )
