"""The sandbox for a Linux where bubblewrap is missing or refused: the kernel's Landlock.

It holds: writing only where the policy says so, and reading only there and in the system;
no signal to, and no look into, processes outside; TCP only as the policy says (kernel 6.7).

It does not hold, as nothing is mounted and no namespace made: paths are those of the host
and that a file exists can be seen (`stat`); `guard` and the target of `binds`; processes
of others are listed with their command lines; UDP, unix sockets by path, and below kernel
6.12 abstract ones and signals; shared memory in /dev/shm; without `on` a server of its
own on loopback has to listen on one of `serves`. Modes, times and extended attributes of
the user's own files can be changed (`chmod`, `touch`, `setfattr`): the kernel has no rule
for these. No pseudo-terminal can be opened, as it would be among the user's. /tmp is out
of reach, TMPDIR is `SandboxPolicy.scratch`. What outlives the keeper's own death is left to the
sweep.
"""

import os

from wtman.model.command import Command
from wtman.sandbox import confine, confine_command, system
from wtman.sandbox.advice import of_landlock
from wtman.sandbox.mounts import outermost
from wtman.sandbox.policy import SandboxPolicy
from wtman.sandbox.system import is_below

# Opened for writing by everybody; harmless, or the kernel's own to guard.
_DEVICES = "/dev/null /dev/zero /dev/full /dev/random /dev/urandom".split()
# The one it is started on, under whatever name; its own descriptors lead there, too. Never
# /dev/pts: that is every terminal of the user, and all of them may be used by root.
_TERMINAL = "/dev/tty"
_SHARED = "/dev/shm"
_PROC = "/proc"  # what is in it of others is guarded by the kernel: they are not traceable


class Landlock:
    """Commands that the kernel keeps to the files named."""

    name = "landlock"
    mounts = False
    nests = False  # whoever is confined by Landlock may not mount, which bubblewrap has to

    def probe(self) -> str:
        return of_landlock(confine.landlock_abi(), confine.LEAST_ABI)

    def wrap(self, command: Command, policy: SandboxPolicy) -> Command:
        words = [*_files(policy, confine_command.needed(command)), *_network(policy)]
        words += [
            *confine_command.narrowed(command, policy.limits, policy.terminal),
            "--oom",
            str(policy.limits.oom),
        ]
        argv = (*confine_command.confined_by("landlock", *words), *command.argv)
        return confine_command.placed(command, policy, policy.scratch, argv)


def _files(policy: SandboxPolicy, programs: tuple[str, ...]) -> list[str]:
    writes = [*policy.write, *(path for path in (policy.home, policy.scratch, _SHARED) if path)]
    reads = [*system.folders(), *system.strays(), _PROC, *programs, *policy.read]
    for source, _, writable in policy.binds:
        (writes if writable else reads).append(source)
    hidden = [os.path.realpath(path) for path in (*system.secrets(), *policy.hide)]
    words: list[str] = []
    for path in outermost(map(os.path.realpath, reads)):
        words += _readable(path, hidden)
    for path in (*_DEVICES, *((_TERMINAL,) if policy.terminal else ())):
        words += ["--use", path]
    for path in outermost(map(os.path.realpath, writes)):
        words += ["--write", path]
    return words


def _readable(path: str, hidden: list[str]) -> list[str]:
    """Rules only add, so a folder with something hidden in it is given entry by entry."""
    if any(is_below(path, secret) for secret in hidden):
        return []
    if not any(is_below(secret, path) for secret in hidden):
        return ["--read", path]
    words = ["--list", path]
    try:
        entries = sorted(os.scandir(path), key=lambda entry: entry.name)
    except OSError:
        return []
    for entry in entries:
        if not entry.is_symlink():  # where it leads has rules of its own
            words += _readable(entry.path, hidden)
    return words


def _network(policy: SandboxPolicy) -> list[str]:
    if policy.network == "on":
        return []
    words = ["--closed", "1"]
    for port in policy.ports:
        words += ["--connect", str(port)]
    for port in policy.serves:
        words += ["--serve", str(port)]
    if policy.proxy:
        words += ["--proxy", str(policy.proxy_port), policy.proxy]
    return words
