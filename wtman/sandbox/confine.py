"""Becomes a command, with fewer rights than its own; a stand-alone program, standard library only.

    confine.py outside [LIMITS] [--port N] [--proxy N SOCKET] -- PROGRAM ...
    confine.py inside [LIMITS] [--listen N] -- ARGV...
    confine.py beside [--proxy N SOCKET] -- PROGRAM ...
    confine.py landlock [RULES] [LIMITS] [--proxy N SOCKET] -- ARGV...

Why it exists: some things cannot be said on the command line of bubblewrap. *outside*
runs before it and makes it deaf to INT and TERM, which the keeper sends to everybody of
a session: the agent may end politely, its isolation must not fall before it. *inside* runs
within and takes that back, and opens listening sockets on the loopback of the sandbox. These
go through an inherited socket to *outside*, which serves them with what the host has on the
same port, or with a unix socket: nothing of it can be killed from within. Limits, among them
no way to abstract unix sockets of others (`--apart`), are set by either. *beside* serves the
same way where the network is the host's, and *landlock* confines itself by the kernel's
Landlock and turns into the command.

It promises that the command runs with everything asked for, or not at all: 126 and one
line on stderr. 127 says, as of a shell, that the program is not there.
"""

from __future__ import annotations

import os
import resource
import sys
import time

# As in the keeper: imports are most of what a start costs.
TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Callable
    from socket import socket
    from typing import NoReturn
else:
    import _signal as signal

_LIMITS = {
    "--memory": resource.RLIMIT_DATA,
    "--processes": getattr(resource, "RLIMIT_NPROC", -1),
    "--file": resource.RLIMIT_FSIZE,
}
_PIECE = 1 << 16
_BACKLOG = 128
_PAUSE = 0.05  # seconds

# --- Landlock, linux/landlock.h ---------------------------------------------------------

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # the same numbers on every architecture
_SECCOMP, _NO_NEW_PRIVS, _CAPBSET_DROP, _CAPABILITIES_3 = 22, 38, 24, 0x20080522
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_READ = EXECUTE | READ_FILE | READ_DIR
_OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | _TRUNCATE | _IOCTL_DEV
_BIND, _CONNECT = 1 << 0, 1 << 1
_ABSTRACT, _SIGNALS = 1 << 0, 1 << 1  # abstract unix sockets, signals
_SCOPED_ABI = 6
LEAST_ABI = 3


def landlock_abi() -> int:
    """The version of Landlock that this kernel has; 0 without one."""
    if sys.platform != "linux":
        return 0
    return max(0, _syscall(_CREATE, None, 0, 1))


class Ruleset:
    """What stays allowed. Everything else that this kernel can deny is denied."""

    def __init__(self, abi: int, network: bool) -> None:
        import ctypes

        self.files = (1 << (16 if abi >= 5 else 15)) - 1
        ports = 0 if network or abi < 4 else _BIND | _CONNECT
        scopes = _ABSTRACT | _SIGNALS
        attributes = [
            self.files,
            *([ports] if abi >= 4 else []),
            *([scopes] if abi >= _SCOPED_ABI else []),
        ]
        packed = b"".join(value.to_bytes(8, sys.byteorder) for value in attributes)
        self.handle = _syscall(_CREATE, ctypes.c_char_p(packed), len(packed), 0)
        _must(self.handle, "landlock_create_ruleset")
        self._ports = ports

    def path(self, path: str, rights: int) -> None:
        """Allow `rights` on this file, or below this folder; nothing when it is gone."""
        import ctypes

        try:
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)  # type: ignore[attr-defined,unused-ignore]
        except OSError:
            return
        is_folder = os.fstat(place).st_mode & 0o170000 == 0o040000
        rights &= self.files if is_folder else self.files & _OF_FILES
        packed = rights.to_bytes(8, sys.byteorder) + place.to_bytes(4, sys.byteorder)
        _must(_syscall(_ADD, self.handle, 1, ctypes.c_char_p(packed), 0), path)
        os.close(place)

    def port(self, number: int, rights: int) -> None:
        import ctypes

        if self._ports:
            packed = rights.to_bytes(8, sys.byteorder) + number.to_bytes(8, sys.byteorder)
            _must(_syscall(_ADD, self.handle, 2, ctypes.c_char_p(packed), 0), f"port {number}")

    def restrict(self) -> None:
        _restrict(self.handle)


def _syscall(number: int, *arguments: object) -> int:
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    answer: int = library.syscall(number, *arguments)
    return answer


def _must(answer: int, what: str) -> None:
    if answer < 0:
        import ctypes

        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def _stand_apart() -> None:
    """No way to abstract unix sockets of others, where the kernel knows one (6.12).

    Through them another session could be handed an open folder, and write there later.
    """
    import ctypes

    if landlock_abi() < _SCOPED_ABI:
        return
    packed = b"".join(value.to_bytes(8, sys.byteorder) for value in (0, 0, _ABSTRACT))
    handle = _syscall(_CREATE, ctypes.c_char_p(packed), len(packed), 0)
    _must(handle, "landlock_create_ruleset")
    _restrict(handle)


def _restrict(handle: int) -> None:
    """From here on it holds, for this process and all that come from it."""
    import ctypes

    _must(ctypes.CDLL(None).prctl(_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    _must(_syscall(_RESTRICT, handle, 0), "landlock_restrict_self")
    os.close(handle)


# --- seccomp, for what keeps a terminal --------------------------------------------------

_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
_ARCHITECTURES = {"x86_64": (0xC000003E, 16), "aarch64": (0xC00000B7, 29)}  # and its ioctl
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050001  # EPERM


def _forbid_typing() -> None:
    """No pushing of characters into the terminal, which its owner's shell would read."""
    import ctypes

    machine = os.uname().machine
    if machine not in _ARCHITECTURES:
        _give_up(f"confine: a terminal cannot be guarded on {machine}", 126)
    architecture, ioctl = _ARCHITECTURES[machine]
    steps = (
        (_LOAD, 0, 0, 4),
        (_EQUAL, 0, 7, architecture),
        (_LOAD, 0, 0, 0),
        (_AT_LEAST, 5, 0, 0x40000000),  # the same calls under other numbers (x32)
        (_EQUAL, 0, 3, ioctl),
        (_LOAD, 0, 0, 24),
        (_EQUAL, 2, 0, _TIOCSTI),
        (_EQUAL, 1, 0, _TIOCLINUX),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    )
    packed = b"".join(
        code.to_bytes(2, "little") + bytes((yes, no)) + value.to_bytes(4, "little")
        for code, yes, no, value in steps
    )
    program = ctypes.create_string_buffer(packed, len(packed))
    place = ctypes.addressof(program).to_bytes(8, "little")
    library = ctypes.CDLL(None, use_errno=True)
    _must(library.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    header = ctypes.c_char_p(len(steps).to_bytes(8, "little") + place)
    _must(library.prctl(_SECCOMP, 2, header, 0, 0), "seccomp")


# --- the ways ------------------------------------------------------------------------


class ConfineOptions:
    """What the words before `--` say; each name may come more than once."""

    def __init__(self, words: list[str]) -> None:
        end = words.index("--")
        self.argv = words[end + 1 :]
        self._said: dict[str, list[str]] = {}
        self.proxies: list[tuple[int, str]] = []
        rest = iter(words[:end])
        for name in rest:
            if name == "--proxy":
                self.proxies.append((int(next(rest)), next(rest)))
            else:
                self._said.setdefault(name, []).append(next(rest))

    def all(self, name: str) -> list[str]:
        return self._said.get(name, [])

    def numbers(self, name: str) -> list[int]:
        return [int(text) for text in self.all(name)]

    def one(self, name: str) -> int:
        return (self.numbers(name) or [0])[-1]


def outside(wishes: ConfineOptions) -> NoReturn:
    """Before bubblewrap: deaf to polite signals, and the host's side of the ports."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _narrow(wishes)  # among it `--oom`: inside, /proc may be read-only
    ways: dict[int, str | int] = {port: port for port in wishes.numbers("--port")}
    ways.update(wishes.proxies)
    if not ways:
        _become(wishes.argv)
    ours, theirs = _pair()
    child = os.fork()
    if child == 0:
        ours.close()
        os.dup2(theirs.fileno(), 3, inheritable=True)
        _become(wishes.argv)
    theirs.close()
    _thread(_receive, ours, ways)
    _end_like(child)


def inside(wishes: ConfineOptions) -> NoReturn:
    """Within bubblewrap: listening sockets handed out, limits, signals as they should be."""
    ports = wishes.numbers("--listen")
    if ports:
        _hand_out([_listening(port) for port in ports])
    _narrow(wishes)
    if wishes.all("--terminal"):
        _forbid_typing()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _become(wishes.argv)


def landlock(wishes: ConfineOptions) -> NoReturn:
    """Confine this process by Landlock and turn into the command."""
    _stay_beside(wishes.proxies)
    rules = Ruleset(landlock_abi(), not wishes.all("--closed"))
    for name, rights in (
        ("--list", READ_DIR),
        ("--read", _READ),
        ("--use", READ_FILE | WRITE_FILE | READ_DIR | _IOCTL_DEV),
        ("--write", -1),
    ):
        for path in wishes.all(name):
            rules.path(path, rules.files if rights == -1 else rights)
    for descriptor in range(3):
        # `> /dev/stderr` opens the file again, which is in a folder that it may not touch. No rule
        # can be made for a pipe, and it needs none.
        if not _is_pipe(descriptor):
            rules.path(
                f"/proc/self/fd/{descriptor}", READ_FILE | WRITE_FILE | _TRUNCATE | _IOCTL_DEV
            )
    for port in [*wishes.numbers("--connect"), *(port for port, _ in wishes.proxies)]:
        rules.port(port, _CONNECT)
    for port in wishes.numbers("--serve"):
        rules.port(port, _CONNECT | _BIND)
    _narrow(wishes)
    _drop_capabilities()
    rules.restrict()
    if wishes.all("--terminal"):
        _forbid_typing()
    _become(wishes.argv)


def _is_pipe(descriptor: int) -> bool:
    try:
        return os.fstat(descriptor).st_mode & 0o170000 in (0o010000, 0o140000)  # or a socket
    except OSError:
        return True  # closed: no rule either


def beside(wishes: ConfineOptions) -> NoReturn:
    """The command as it is, with a way to the proxy beside it, outside of its isolation."""
    _stay_beside(wishes.proxies)
    _become(wishes.argv)


def _stay_beside(proxies: list[tuple[int, str]]) -> None:
    """Where there is a way to serve, fork: returns in the child, the parent serves it."""
    listeners = [(_listening(port), path) for port, path in proxies]
    child = os.fork() if listeners else 0
    if child:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        for listener, path in listeners:
            _thread(_serve, listener, path)
        _end_like(child)
    for listener, _ in listeners:
        listener.close()


def _drop_capabilities() -> None:
    """For good. With them, root may read the environment of others whatever Landlock says."""
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    for number in range(64):
        library.prctl(_CAPBSET_DROP, number, 0, 0, 0)  # refused where there are none
    header = _CAPABILITIES_3.to_bytes(4, sys.byteorder) + bytes(4)
    _must(library.capset(ctypes.c_char_p(header), ctypes.c_char_p(bytes(24))), "capset")


def _narrow(wishes: ConfineOptions) -> None:
    """Only what was asked for; a limit that is lower already stays."""
    for name in wishes.all("--unset"):  # what this interpreter or bubblewrap put there
        os.environ.pop(name, None)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for name, kind in _LIMITS.items():
        wanted = wishes.one(name)
        if wanted:
            hard = resource.getrlimit(kind)[1]
            most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(kind, (most, most))
    _go_first(wishes.one("--oom"))
    if wishes.all("--apart"):
        _stand_apart()


def _go_first(score: int) -> None:
    """Be ended sooner than others when memory runs out."""
    if score and sys.platform == "linux":
        try:
            with open("/proc/self/oom_score_adj", "w") as file:
                file.write(str(score))
        except OSError:
            pass  # a courtesy to the others: it may be higher already


def _become(argv: list[str]) -> NoReturn:
    try:
        os.execvp(argv[0], argv)
    except OSError as error:
        _give_up(f"{argv[0]}: {error.strerror}", 127 if isinstance(error, _ABSENT) else 126)


_ABSENT = (FileNotFoundError, NotADirectoryError)


def _end_like(child: int) -> NoReturn:
    """Wait for it, and end as it did."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # ending by its signal leaves no core here
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == child:
            break
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.WEXITSTATUS(status))


def _give_up(why: str, status: int) -> NoReturn:
    os.write(2, f"{why}\n".encode("utf-8", "replace"))
    os._exit(status)


# --- ports ------------------------------------------------------------------------------------


def _pair() -> tuple[socket, socket]:
    import socket

    return socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)


def _thread(body: Callable[..., None], *arguments: object) -> None:
    import _thread

    _thread.start_new_thread(body, arguments)


def _listening(port: int) -> socket:
    import socket

    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind(("127.0.0.1", port))
    except OSError as error:
        _give_up(f"127.0.0.1:{port}: {error.strerror}", 126)
    made.listen(_BACKLOG)
    return made


def _hand_out(listeners: list[socket]) -> None:
    """Give them through descriptor 3 to whoever is outside; they keep listening there."""
    import socket

    way = socket.socket(fileno=3)
    for listener in listeners:
        socket.send_fds(way, [b"L"], [listener.fileno()])
        listener.close()
    way.close()


def _receive(way: socket, ways: dict[int, str | int]) -> None:
    import socket

    for _ in ways:
        said, descriptors, _, _ = socket.recv_fds(way, 1, 1)
        if not said:
            return
        listener = socket.socket(fileno=descriptors[0])
        _thread(_serve, listener, ways[listener.getsockname()[1]])
    way.close()


def _serve(listener: socket, to: str | int) -> None:
    """Join every connection with one to this port of the host, or to this unix socket."""
    while True:
        try:
            near, _ = listener.accept()
        except OSError:
            time.sleep(_PAUSE)  # too many files are open: not forever
            continue
        try:
            _thread(_join, near, to)
        except RuntimeError:
            near.close()  # too many threads


def _join(near: socket, to: str | int) -> None:
    import socket

    far = socket.socket(socket.AF_UNIX if isinstance(to, str) else socket.AF_INET)
    try:
        far.connect(to if isinstance(to, str) else ("127.0.0.1", to))
    except OSError:
        near.close()  # as if nobody listened
        far.close()
        return
    try:
        _thread(_pump, near, far)
        _pump(far, near)
    except RuntimeError:
        near.close()
        far.close()


def _pump(source: socket, sink: socket) -> None:
    """One direction, to its end; the sockets close when both are done with them."""
    try:
        while piece := source.recv(_PIECE):
            sink.sendall(piece)
        sink.shutdown(1)
    except OSError:
        for end in (source, sink):
            try:
                end.shutdown(2)
            except OSError:
                continue


def main() -> NoReturn:
    ways = {"outside": outside, "inside": inside, "beside": beside, "landlock": landlock}
    try:
        ways[sys.argv[1]](ConfineOptions(sys.argv[2:]))
    except OSError as error:
        _give_up(f"confine: {error.filename or ''}: {error.strerror}", 126)


if __name__ == "__main__":
    main()
