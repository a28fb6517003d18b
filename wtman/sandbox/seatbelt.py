"""The tier of macOS: sandbox-exec with a profile made for each command.

UNTESTED: written from Apple's documentation of the profile language and from profiles in
public use; nobody has run it on a Mac for this project. It means to hold what Landlock
holds, with `guard` too; there are no mounts, so the target of `binds` is not there, and no
limits. `sandbox-exec` is called deprecated by its manual, and is what others use too.
"""

import os

from wtman.model.command import Command
from wtman.sandbox import Reach, confine_command, mounts, system

PROGRAM = "/usr/bin/sandbox-exec"
_SYSTEM = (
    "/usr /bin /sbin /System /Library /opt /private/etc /private/var/db/timezone"
    " /private/var/db/dyld /private/var/run/resolv.conf /Applications/Xcode.app"
).split()
_DEVICES = '(regex #"^/dev/(null|zero|full|random|urandom|fd/.*)$")'
_TERMINAL = '(literal "/dev/tty")'  # the one it is started on, none other of the user's


class Seatbelt:
    """Commands under a profile of the system's own sandbox."""

    name = "seatbelt"
    mounts = False
    nests = False  # sandbox-exec refuses to run in one

    def probe(self) -> str:
        if os.uname().sysname != "Darwin":
            return "only on macOS"
        return "" if os.path.exists(PROGRAM) else f"{PROGRAM} is missing; it is part of macOS"

    def wrap(self, command: Command, reach: Reach) -> Command:
        text = profile(reach, confine_command.needed(command))
        beside: tuple[str, ...] = ()
        if reach.proxy and reach.network != "on":
            beside = confine_command.confined_by(
                "beside", "--proxy", str(reach.proxy_port), reach.proxy
            )
        argv = (*beside, PROGRAM, "-p", text, *command.argv)
        return confine_command.placed(command, reach, reach.scratch, argv)


def make() -> Seatbelt:
    return Seatbelt()


def profile(reach: Reach, programs: tuple[str, ...] = ()) -> str:
    """The profile; where rules disagree, the last one holds."""
    writes = [*reach.write, *(path for path in (reach.home, reach.scratch) if path)]
    reads = [*_SYSTEM, *programs, *reach.read]
    for source, _, writable in reach.binds:
        (writes if writable else reads).append(source)
    lines = [
        "(version 1)",
        "(deny default)",
        "(allow process-exec process-fork sysctl-read mach-lookup ipc-posix-shm pseudo-tty)",
        "(allow signal (target same-sandbox))",
        "(allow process-info* (target same-sandbox))",
        "(allow file-read-metadata)",
        '(allow file-read* (literal "/"))',
        f"(allow file-read* {_below(reads)})",
        f"(allow file-read* file-write* {_below(writes)})",
        f"(allow file-read* file-write* file-ioctl {_DEVICES})",
    ]
    if reach.terminal:
        lines.append(f"(allow file-read* file-write* file-ioctl {_TERMINAL})")
    if hidden := [*system.secrets(), *reach.hide]:
        lines.append(f"(deny file-read* file-write* {_below(hidden)})")
        # What is written is shown even in a folder that is hidden.
        if within := [path for path in writes if any(_is_in(path, item) for item in hidden)]:
            lines.append(f"(allow file-read* file-write* {_below(within)})")
    if kept := list(mounts.guarded(reach)):
        lines.append(f"(deny file-write* {_below(kept)})")
    return "\n".join([*lines, *_network(reach)]) + "\n"


def _network(reach: Reach) -> list[str]:
    if reach.network == "on":
        return ["(allow network* system-socket)"]
    lines = ['(allow network-bind network-inbound (local ip "localhost:*"))']
    ports = [*reach.ports, *reach.serves, *([reach.proxy_port] if reach.proxy else [])]
    lines += [f'(allow network-outbound (remote ip "localhost:{port}"))' for port in ports]
    return lines


def _is_in(path: str, folder: str) -> bool:
    path, folder = os.path.realpath(path), os.path.realpath(folder)
    return path != folder and system.is_below(path, folder)


def _below(paths: list[str]) -> str:
    """Each path as it is named and as it is, since the system compares real ones."""
    every = dict.fromkeys(name for path in paths for name in (path, os.path.realpath(path)))
    return " ".join(f"(subpath {_quoted(path)})" for path in every)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
