"""The sandbox of macOS: sandbox-exec with a profile made for each command.

UNTESTED: written from Apple's documentation of the profile language and from profiles in
public use; nobody has run it on a Mac for this project. It means to hold what Landlock
holds, with `guard` too; there are no mounts, so the target of `binds` is not there, and no
limits. `sandbox-exec` is called deprecated by its manual, and is what others use too.
"""

import os

from wtman.model.command import Command
from wtman.sandbox import confine_command, mounts, system
from wtman.sandbox.policy import SandboxPolicy

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

    def wrap(self, command: Command, policy: SandboxPolicy) -> Command:
        text = profile(policy, confine_command.needed(command))
        beside: tuple[str, ...] = ()
        if policy.proxy and policy.network != "on":
            beside = confine_command.confined_by(
                "beside", "--proxy", str(policy.proxy_port), policy.proxy
            )
        argv = (*beside, PROGRAM, "-p", text, *command.argv)
        return confine_command.placed(command, policy, policy.scratch, argv)


def profile(policy: SandboxPolicy, programs: tuple[str, ...] = ()) -> str:
    """The profile; where rules disagree, the last one holds."""
    writes = [*policy.write, *(path for path in (policy.home, policy.scratch) if path)]
    reads = [*_SYSTEM, *programs, *policy.read]
    for source, _, writable in policy.binds:
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
    if policy.terminal:
        lines.append(f"(allow file-read* file-write* file-ioctl {_TERMINAL})")
    if hidden := [*system.secrets(), *policy.hide]:
        lines.append(f"(deny file-read* file-write* {_below(hidden)})")
        # What is written is shown even in a folder that is hidden.
        if within := [path for path in writes if any(_is_in(path, item) for item in hidden)]:
            lines.append(f"(allow file-read* file-write* {_below(within)})")
    if kept := list(mounts.guarded(policy)):
        lines.append(f"(deny file-write* {_below(kept)})")
    return "\n".join([*lines, *_network(policy)]) + "\n"


def _network(policy: SandboxPolicy) -> list[str]:
    if policy.network == "on":
        return ["(allow network* system-socket)"]
    lines = ['(allow network-bind network-inbound (local ip "localhost:*"))']
    ports = [*policy.ports, *policy.serves, *([policy.proxy_port] if policy.proxy else [])]
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
