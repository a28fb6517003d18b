"""The sandbox of Linux: a picture of the machine of its own, made by bubblewrap.

It holds: the system read-only, nothing of the user's home folder, of other worktrees and
of the main checkout but what the policy names; processes, System V memory, host name and
(without `on`) network of its own; no capabilities, no new privileges; /tmp, /var/tmp and
/dev/shm private and sized; a dead keeper or coordinator takes everything with it.

It does not hold: with network `on`, everything on the host's loopback can be reached, and
below kernel 6.12 abstract unix sockets; the kernel is the host's; what may be read may be
sent wherever the network leads; the memory of the whole tree has no limit (one process
may, `Limits`), and the number of processes has none for root. Options are visible to the
command, the paths in them too. A command that a signal ends gives 128 and its number.

No sandbox can be made within this one (`nests`), unless bubblewrap is older than 0.8 and
wtman not run by root: a browser in a test needs its `--no-sandbox`.
"""

import os
import shutil
import stat
from dataclasses import replace
from functools import cache

from wtman.errors import ExternalError
from wtman.execution import spawn
from wtman.model.command import Command
from wtman.sandbox import confine_command, mounts, system
from wtman.sandbox.advice import of_bubblewrap
from wtman.sandbox.policy import SandboxPolicy
from wtman.sandbox.system import is_below

_DEFAULT = ("--default-signal=INT", "--default-signal=TERM")
_TRY = 32 << 20  # bytes of /tmp in the probe
# A user namespace made within would give capabilities back: over mounts, control groups
# (`cgroup.kill` of the one that wtman is in), and most of the kernel's ways to be broken.
_STRICT = ("--unshare-user", "--disable-userns")  # since bubblewrap 0.8
_USERS = (_STRICT, ("--unshare-user",))
_USERS_OF_ROOT = (_STRICT, ())


class Bubblewrap:
    """Commands in namespaces of their own."""

    name = "bubblewrap"
    mounts = True

    @property
    def nests(self) -> bool:
        return os.geteuid() != 0 and _tried(_program())[0] != _STRICT

    def probe(self) -> str:
        return _tried(_program())[1]

    def wrap(self, command: Command, policy: SandboxPolicy) -> Command:
        cwd = policy.view.seen(command.cwd)
        # Who starts it stands outside, where only the real folder is.
        command = replace(command, cwd=policy.view.real(cwd))
        ports = () if policy.network == "on" else policy.ports
        outside = ["--oom", str(policy.limits.oom)]
        outside += [word for port in ports for word in ("--port", str(port))]
        inside = [word for port in ports for word in ("--listen", str(port))]
        narrow = ["--apart", "1"] if policy.network == "on" else []
        if policy.proxy and policy.network != "on":
            outside += ["--proxy", str(policy.proxy_port), policy.proxy]
            inside += ["--listen", str(policy.proxy_port)]
        narrow += confine_command.narrowed(command, policy.limits, policy.terminal)
        if not inside and not policy.terminal and (start := _without_interpreter(command)):
            # Nothing is left to do within that a program of the system cannot do.
            outside += narrow
        else:
            start = confine_command.confined_by("inside", *inside, *narrow)
        argv = (
            *confine_command.confined_by("outside", *outside),
            _program(),
            *_tried(_program())[0],
            *_options(policy, confine_command.needed(command)),
            *("--chdir", cwd, "--"),
            *start,
            *command.argv,
        )
        return confine_command.placed(command, policy, "/tmp", argv)


def _program() -> str:
    return shutil.which("bwrap") or "bwrap"


def _without_interpreter(command: Command) -> tuple[str, ...]:
    """What takes back within what `confine outside` set, by `env`; empty where it cannot be.

    It spares the start of an interpreter in every session and check.
    """
    if "=" in command.argv[0] or not _env() or _is_privileged(_program()):
        return ()
    unset = () if "PWD" in command.env else ("--unset=PWD",)  # bubblewrap puts it there
    return (_env(), *_DEFAULT, *unset, "--")


@cache
def _env() -> str:
    """The `env` of the system, where it can give signals their usual meaning (GNU, since 8.31)."""
    found = shutil.which("env", path="/usr/bin:/bin") or ""
    try:
        works = bool(found) and spawn.answer_of((found, *_DEFAULT, "true"), "/")[0] == 0
    except ExternalError:
        works = False
    return found if works else ""


@cache
def _is_privileged(program: str) -> bool:
    """Whether it gets rights by its file, which a process that gave up all new ones does not."""
    try:
        facts = os.stat(program)
        return bool(facts.st_mode & (stat.S_ISUID | stat.S_ISGID)) or _has_capabilities(program)
    except OSError:
        return True


def _has_capabilities(program: str) -> bool:
    return "security.capability" in os.listxattr(program)


@cache
def _tried(program: str) -> tuple[tuple[str, ...], str]:
    """The strictest user namespace that this bubblewrap can make, and what is wrong if none."""
    complaint = ""
    # Everything that wrap asks for: each of it may be forbidden alone.
    policy = SandboxPolicy(network="off", tmp=_TRY)
    for users in _USERS_OF_ROOT if os.geteuid() == 0 else _USERS:
        argv = (program, *users, *_options(policy, ()), "--chdir", "/", "--", "/bin/sh", "-c", ":")
        try:
            status, _, said = spawn.answer_of(argv, "/")
        except ExternalError:
            return users, of_bubblewrap("")
        if status == 0:
            return users, ""
        complaint = said or f"it ended with status {status}"
    return (), of_bubblewrap(complaint)


def _options(policy: SandboxPolicy, programs: tuple[str, ...]) -> list[str]:
    """The picture, in the order in which it is put together."""
    words = ["--die-with-parent", "--unshare-pid", "--unshare-ipc", "--unshare-uts"]
    words += ["--unshare-cgroup-try", "--cap-drop", "ALL"]
    if policy.network != "on":
        words.append("--unshare-net")
    if not policy.terminal:
        words.append("--new-session")
    for folder in system.folders():
        if os.path.islink(folder):
            words += ["--symlink", os.readlink(folder), folder]
        else:
            words += ["--ro-bind", folder, folder]
    words += ["--proc", "/proc", "--dev", "/dev"]
    for folder in ("/tmp", "/var/tmp", "/dev/shm"):
        words += ["--perms", "1777", "--size", str(policy.tmp), "--tmpfs", folder]
    words += ["--remount-ro", "/dev", "--dir", "/run"]
    if os.geteuid() == 0:
        # Root needs no capability to write the kernel's settings below /proc/sys: tried.
        words += ["--remount-ro", "/proc"]
    return words + _seen(mounts.picture(policy, programs)) + ["--remount-ro", "/"]


def _seen(picture: mounts.MountPlan) -> list[str]:
    words: list[str] = []
    for path, text in picture.links:
        words += ["--symlink", text, path]
    for mount in picture.mounts:
        words += ["--bind" if mount.writable else "--ro-bind", mount.source, mount.target]
    for path in picture.hidden:
        if os.path.isdir(path):
            words += ["--tmpfs", path]
            for mount in picture.mounts:
                if mount.writable and mount.target != path and is_below(mount.target, path):
                    words += ["--bind", mount.source, mount.target]
            words += ["--remount-ro", path]
        else:
            words += ["--ro-bind", "/dev/null", path]
    for mount in picture.guarded:
        words += ["--ro-bind", mount.source, mount.target]
    return words
