"""What a command may touch, and what a sandbox is: plain values, and the protocol of its kinds."""

from dataclasses import field
from typing import Protocol

from wtman.model.command import Command
from wtman.model.values import dataclass
from wtman.sandbox.inside import SandboxView

GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Limits:
    """What a command may use up; 0 is no limit.

    `memory` is bytes of private memory of one process (RLIMIT_DATA), not of the whole
    tree; `processes` counts the processes of the sandbox and holds only for users other
    than root; `file` is bytes of one file. `oom` makes the kernel end it sooner than others
    when memory runs out (0 to 1000).
    """

    memory: int = 0
    processes: int = 0
    file: int = 0
    oom: int = 0


# What sessions, setups and checks run under. A file that large is a runaway; memory and
# processes have no number that is wrong for no honest work. When memory runs out they go
# before the coordinator, and before what its user works with.
USUAL = Limits(file=64 * GIB, oom=300)


@dataclass(frozen=True, slots=True)
class SandboxPolicy:
    """What one command may touch, as absolute paths; what is not named is out of reach.

    System folders and the programs that argv[0] and PATH name are readable anyway.
    `write` includes reading; `read` below a writable folder does not narrow it, `guard`
    does: read-only although a folder above is writable. A `.git` file at the top of a
    writable folder is guarded by itself. `hide` shows as empty, but for what of `write` and
    `home` is in it.

    `binds` are (source, target, writable): target shows what is at source. A sandbox without
    mounts gives source as it is, and target not at all.

    What is in a folder that `view` moves is shown there, and under its own path not at all: all
    other fields name it by its own. The command's `cwd` and HOME are what it sees.

    `home` is the session's own, writable; HOME names it. `tmp` is the size in bytes of the
    private /tmp, `scratch` the folder that takes its place where a sandbox has no mounts
    (TMPDIR names the one that holds).

    `network` is `off`, `allow-list` or `on`. Without `on`, 127.0.0.1 is the command's
    own, but for `ports` (1024 and above), which lead to the host's of the same numbers, and with
    `proxy` (the path of a unix socket) `proxy_port`, which leads to that socket.
    `serves` are ports where it may listen itself in a sandbox that has no network of its own.

    `terminal`: it keeps the terminal that it is started on (`wtman attach`).
    """

    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    guard: tuple[str, ...] = ()
    hide: tuple[str, ...] = ()
    binds: tuple[tuple[str, str, bool], ...] = ()
    home: str = ""
    view: SandboxView = field(default_factory=SandboxView)
    tmp: int = GIB
    scratch: str = ""
    network: str = "on"
    ports: tuple[int, ...] = ()
    proxy: str = ""
    proxy_port: int = 0
    serves: tuple[int, ...] = ()
    limits: Limits = field(default_factory=Limits)
    terminal: bool = False


class Sandbox(Protocol):
    """One way to confine a command. It rewrites the command; it starts only what `probe` needs.

    It promises no more than its `probe` found to work on this machine, and its file says in
    the docstring what it does not hold.
    """

    @property
    def name(self) -> str: ...

    @property
    def mounts(self) -> bool:
        """Whether `binds` and `guard` hold; if not, a private git needs its pointer rewritten."""
        ...

    @property
    def nests(self) -> bool:
        """Whether a sandbox that an agent makes for itself works inside this one."""
        ...

    def probe(self) -> str:
        """What keeps it from working here, with the fix; empty: it works."""
        ...

    def wrap(self, command: Command, policy: SandboxPolicy) -> Command:
        """The command that runs the given one confined to `policy`."""
        ...
