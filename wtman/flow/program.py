"""The process that a script runs in; a stand-alone program.

    python -P -s -S -B -X utf8 program.py IN OUT PLACE...

IN and OUT are descriptors of the pipe (0 and 1 will do); each PLACE is a package or module that
the script may import besides the standard library and wtman.flow: those of pydantic. It starts
itself again with an empty environment and PYTHONHASHSEED=0, because `-I` would ignore that.

It promises, before the first line of the script runs: limits on memory, processor time and files;
no way to start a program or a thread or to open a socket (Linux); a clock and chance that raise
NotReproducible. It ends with status 0 when it told its end; 3 when the other end went away.
"""

import os
import resource
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import spec_from_file_location
from types import FrameType
from typing import BinaryIO

MEMORY = 512 << 20  # bytes
_ADDRESSES = 1 << 30  # bytes: what is shared counts only here
CPU = 60  # seconds between two calls
_FILE = 16 << 20  # bytes of one file
_DESCRIPTORS = 64
_AGAIN = "--again"
_FLAGS = ("-P", "-s", "-S", "-B", "-X", "utf8")
_OURS = "wtman.flow"


class _Packages:
    """Finds the packages that a script may import beside the standard library, and no others."""

    def __init__(self, places: Sequence[str]) -> None:
        ours = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        named = {os.path.basename(place).removesuffix(".py"): place for place in places}
        self._places = {**named, "wtman": ours}

    def find_spec(self, name: str, path: object = None, target: object = None) -> object:
        ours = name == "wtman" or f"{name}.".startswith(f"{_OURS}.")
        if name.startswith("wtman.") and not ours:
            raise ModuleNotFoundError(f"a flow imports {_OURS}, not {name}", name=name)
        place = self._places.get(name)
        if place is None:
            return None
        if place.endswith(".py"):
            return spec_from_file_location(name, place)
        start = os.path.join(place, "__init__.py")
        return spec_from_file_location(name, start, submodule_search_locations=[place])


def main(words: list[str]) -> int:
    if words[0] != _AGAIN:
        argv = [sys.executable, *_FLAGS, os.path.abspath(__file__), _AGAIN, *words]
        # The mark by which a sweep finds what outlived its coordinator stays; the script is not
        # shown it.
        kept = {name: text for name, text in os.environ.items() if name == "WTMAN_SESSION"}
        os.execve(sys.executable, argv, {"PYTHONHASHSEED": "0", **kept})
    _narrow()
    source, sink = _pipe(int(words[1]), int(words[2]))
    sys.meta_path.insert(0, _Packages(words[3:]))  # type: ignore[arg-type]
    from wtman.flow import bans, execution, seccomp
    from wtman.flow.connection import Connection
    from wtman.flow.errors import OutOfTime, Stopped

    def out_of_time(_: int, __: FrameType | None) -> None:
        raise OutOfTime(f"the script computed for {CPU} s between two calls")

    @contextmanager
    def narrowed() -> Iterator[None]:
        signal.signal(signal.SIGPROF, out_of_time)
        os.environ.clear()
        seccomp.forbid()
        bans.install()
        _wind_up()
        yield

    def read() -> bytes:
        _wind_up()
        line = source.readline()
        _wind_up()
        return line

    def write(line: bytes) -> None:
        _wind_up()
        sink.write(line)
        sink.flush()

    try:
        execution.run(Connection(read, write), narrowed)
    except (Stopped, OSError):
        return 3
    return 0


def _pipe(source: int, sink: int) -> tuple[BinaryIO, BinaryIO]:
    """Both ends as files; standard input is empty then, and what is printed goes to stderr."""
    taken, given = os.dup(source), os.dup(sink)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    for descriptor in {source, sink, nothing} - {0, 1, 2}:
        os.close(descriptor)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    return open(taken, "rb", buffering=1 << 16), open(given, "wb", buffering=1 << 16)


def _narrow() -> None:
    for kind, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_DATA, MEMORY),
        (resource.RLIMIT_AS, _ADDRESSES),
        (resource.RLIMIT_FSIZE, _FILE),
        (resource.RLIMIT_NOFILE, _DESCRIPTORS),
    ):
        hard = resource.getrlimit(kind)[1]
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (least, least))


def _wind_up() -> None:
    """Give the time until the next call: a signal with the script's lines, then the end."""
    signal.setitimer(signal.ITIMER_PROF, CPU)
    used = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    soft = int(used.ru_utime + used.ru_stime) + CPU + 5
    if hard != resource.RLIM_INFINITY:
        soft = min(soft, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


if __name__ == "__main__":
    os._exit(main(sys.argv[1:]))  # whatever the script left behind has no say any more
