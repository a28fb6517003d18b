"""Keeps one program and everything it starts; a stand-alone program, standard library only.

    python -I -S -E -X utf8 keeper.py SPEC_FILE LEASE_FD < ENVIRONMENT

Why it exists: agents start tools in sessions of their own, daemonise and ignore
signals, and their coordinator may be killed at any moment. The keeper is the
parent that outlives all of that by a moment: orphans of its tree come to it
(child subreaper), and it holds the reading end of a pipe, the *lease*, whose
other end only the coordinator has.

It promises: when it is gone, so is the whole tree; `exit.json` is in the folder,
durably, if and only if the program's end is a fact (ended by itself, timeout,
stopped by order, too much output, could not be started). When the lease breaks
while the program runs, the tree is killed at once and there is no `exit.json`.

The program's environment comes as a JSON object on stdin and is never written down: it
holds keys. Orders on the lease: `S` stop politely, `K` kill now; end of file: the coordinator
is dead. It refuses nothing and prints nothing: a trouble of its own goes to
`keeper.err`, with the errno as exit status.
"""

from __future__ import annotations

import os
import resource
import select
import sys
import time

# A keeper starts for every session and check, and imports are most of its cost: `json` brings
# the regular expressions and `signal` the enums (27 ms of processor time with them, 20 without).
TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from typing import Any, NoReturn
else:
    import _signal as signal

LINUX = sys.platform == "linux"
TICK = 0.25  # seconds between looks at the clock and at the size of the output
LINGER = 1.0  # for what remains of the tree during a polite stop, once the program has ended
SHORT_GRACE = 0.2  # between TERM and KILL for what a program left behind
MARKER_MOST = 1024  # bytes: more than a marker takes
GIVE_UP = 10.0  # unkillable: another user's, or stuck in the kernel

EXITED, TIMEOUT, STOPPED, OUTPUT, UNSTARTED = "exited", "timeout", "stopped", "output", "unstarted"
LOST = ""  # the lease broke: nobody may take what happened for a completed session

Process = tuple[int, str, str]  # parent, start time, state
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


# --- processes, also used by wtman.execution.supervisor to sweep ---------------------


def table() -> dict[int, Process]:
    """Every process that can be seen, by its id."""
    if not LINUX:
        return _table_by_ps()
    found: dict[int, Process] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            known = process(int(name))
            if known is not None:
                found[int(name)] = known
    return found


def process(pid: int) -> Process | None:
    """One process, None when it is gone."""
    if not LINUX:
        return _table_by_ps().get(pid)
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            # The name, second field, may hold anything, also ") Z 1".
            rest = file.read(4096).rpartition(b")")[2].split()
        return int(rest[1]), rest[19].decode(), rest[0].decode()
    except (OSError, IndexError):
        return None


def _table_by_ps() -> dict[int, Process]:
    import subprocess

    columns = ["ps", "-A", "-o", "pid=,ppid=,state=,lstart="]
    listing = subprocess.run(columns, capture_output=True, text=True, check=False).stdout
    found: dict[int, Process] = {}
    for line in listing.splitlines():
        pid, parent, state, start = line.split(None, 3)
        found[int(pid)] = int(parent), start, state[0]
    return found


def environments_by_ps() -> list[tuple[int, bytes]]:
    """Command and environment of every process, each word behind NUL, where there is no /proc."""
    import subprocess

    columns = ["ps", "-axEww", "-o", "pid=,command="]
    listing = subprocess.run(columns, capture_output=True, check=False).stdout
    parts = (line.strip().partition(b" ") for line in listing.splitlines())
    return [(int(pid), b"\0" + rest.replace(b" ", b"\0")) for pid, _, rest in parts]


def descendants(root: int, processes: dict[int, Process]) -> list[int]:
    """Children of children included, `root` itself not."""
    children: dict[int, list[int]] = {}
    for pid, (parent, _, _) in processes.items():
        children.setdefault(parent, []).append(pid)
    found: list[int] = []
    todo = [root]
    while todo:
        below = children.pop(todo.pop(), [])
        found += below
        todo += below
    return found


def strike(pid: int, start: str, number: int) -> bool:
    """Send a signal to the very process that had this id and start time."""
    try:
        if not LINUX or not hasattr(os, "pidfd_open"):
            os.kill(pid, number)
            return True
        handle = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        # The handle is taken first: whoever passes the comparison is who is struck.
        known = process(pid)
        if known is None or known[1] != start:
            return False
        signal.pidfd_send_signal(handle, number)
        return True
    except OSError:
        return False
    finally:
        os.close(handle)


# --- JSON, by the part of it that is written in C ----------------------------------------------


def loads(text: str) -> Any:
    """What `json.loads` gives."""
    from _json import make_scanner

    return make_scanner(_Standard)(text, 0)[0]  # type: ignore[arg-type]


class _Standard:
    """The settings of json.JSONDecoder that its scanner looks at."""

    strict = True
    object_hook = object_pairs_hook = None
    parse_float = parse_constant = float
    parse_int = int


def dumps(facts: dict[str, Any]) -> str:
    """What `json.dumps` gives, for numbers and texts."""
    from _json import encode_basestring_ascii as quoted

    items = (
        quoted(key) + ": " + (quoted(value) if isinstance(value, str) else repr(value))
        for key, value in facts.items()
    )
    return "{" + ", ".join(items) + "}"


# --- starting the program -------------------------------------------------------------------


def _prctl(option: int, value: int) -> None:
    if LINUX:
        import ctypes

        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _start(spec: dict[str, Any], stdin: int, stdout: int, stderr: int) -> tuple[int, str]:
    """Process id of the started program, or why it could not be executed."""
    listen, report = os.pipe()
    keeper = os.getpid()
    child = os.fork()
    if child == 0:
        _become(spec, (stdin, stdout, stderr), report, keeper)
    os.close(report)
    with open(listen, "rb") as file:
        problem = file.read().decode("utf-8", "replace")  # ends empty when exec succeeds
    if problem:
        os.waitpid(child, 0)
    return child, problem


def _become(
    spec: dict[str, Any], files: tuple[int, int, int], report: int, keeper: int
) -> NoReturn:
    """In the forked child: turn into the program, or report why not."""
    where = spec["argv"][0]
    try:
        os.setsid()
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != keeper:
            os._exit(127)
        _restore_signals()
        if spec["nofile"]:
            hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            resource.setrlimit(resource.RLIMIT_NOFILE, (spec["nofile"], hard))
        for wanted, file in enumerate(files):
            os.dup2(file, wanted)
        where = spec["cwd"]
        os.chdir(spec["cwd"])
        where = spec["argv"][0]
        os.closerange(3, report)
        os.closerange(report + 1, 4096)  # all are close-on-exec anyway
        # A copy of keeper_server.py needs no new interpreter for a program of ours.
        if run := globals().get("run_program"):
            run(spec["argv"], spec["env"])
        os.execvpe(spec["argv"][0], spec["argv"], spec["env"])
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        os.write(report, f"{where}: {reason}".encode("utf-8", "replace"))
    finally:
        os._exit(127)


def _restore_signals() -> None:
    # Python ignores SIGPIPE, and a coordinator under nohup or `&` has more ignored:
    # ignored signals are inherited through exec.
    signal.set_wakeup_fd(-1)
    for number in range(1, signal.NSIG):
        try:
            signal.signal(number, signal.SIG_DFL)
        except (OSError, ValueError):
            continue
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


# --- keeping it -------------------------------------------------------------------------------


class Tree:
    """The running program and all that came from it."""

    def __init__(self, child: int, session: str, lease: int, wake: int) -> None:
        self.child = child
        self.session = session
        self.status: int | None = None  # of the program, once it has ended
        self.order = ""  # the gravest so far: "" < stop < kill < gone
        self._lease = lease
        self._wake = wake
        self._poll = select.poll()
        self._poll.register(lease, select.POLLIN)
        self._poll.register(wake, select.POLLIN)

    def wait(self, seconds: float) -> None:
        """Sleep until a child ends, an order comes or the time is over."""
        for file, _ in self._poll.poll(max(0.0, seconds) * 1000):
            if file == self._wake:
                self._hear_signals(os.read(self._wake, 4096))
            else:
                self._hear_orders(os.read(self._lease, 64))

    def gone(self) -> bool:
        """Reap what has ended; True when nothing of the tree is left."""
        try:
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return False
                if pid == self.child:
                    self.status = status
        except ChildProcessError:
            # With a subreaper nobody of the tree can have another ancestor.
            return LINUX or not self.alive()

    def alive(self) -> list[tuple[int, str]]:
        """Process id and start time of every member that is no mere zombie."""
        processes = table()
        members = descendants(os.getpid(), processes)
        if not LINUX:
            mark = b"\0WTMAN_SESSION=" + os.fsencode(self.session) + b"\0"
            marked = [pid for pid, words in environments_by_ps() if mark in words + b"\0"]
            members = sorted({*members, *marked} - {os.getpid()})
        return [
            (pid, processes[pid][1])
            for pid in members
            if pid in processes and processes[pid][2] not in "ZX"
        ]

    def strike(self, *numbers: int) -> int:
        """Send them to every member; to how many."""
        members = self.alive()
        for number in numbers:
            for pid, start in members:
                strike(pid, start, number)
        return len(members)

    def ask(self, grace: float) -> None:
        """INT, then TERM, within `grace` seconds together; returns early when all are gone.

        Waits for the whole tree, not just the program: wrappers die first while
        the agent below still saves its conversation.
        """
        begin = time.monotonic()
        for number, end in ((signal.SIGINT, begin + grace / 2), (signal.SIGTERM, begin + grace)):
            if self.gone() or self.order in ("kill", "gone"):
                return
            self.strike(number)
            while not self.gone() and self.order not in ("kill", "gone"):
                now = time.monotonic()
                if self.status is not None:
                    end = min(end, now + LINGER)
                if now >= end:
                    break
                self.wait(min(TICK, end - now))

    def clear(self) -> int:
        """End what the program left behind; how many processes that were."""
        if self.gone():
            return 0
        left = self.strike(signal.SIGTERM)
        end = time.monotonic() + SHORT_GRACE
        while not self.gone() and time.monotonic() < end:
            self.wait(end - time.monotonic())
        self.kill()
        return left

    def kill(self) -> None:
        """Kill until nobody is left."""
        end = time.monotonic() + GIVE_UP
        pause = 0.01
        while not self.gone() and time.monotonic() < end:
            # Two chances for each look at them: a storm of forks gets no turn in between.
            self.strike(signal.SIGSTOP, signal.SIGKILL)
            if not self.gone():
                self.wait(pause)
            pause = min(pause * 2, TICK)

    def _hear_signals(self, numbers: bytes) -> None:
        if not self.order and any(number != signal.SIGCHLD for number in numbers):
            self.order = "stop"

    def _hear_orders(self, orders: bytes) -> None:
        if not orders:
            self.order = "gone"
            self._poll.unregister(self._lease)
        elif b"K" in orders:
            self.order = "kill"
        elif not self.order:
            self.order = "stop"


def _watch(tree: Tree, spec: dict[str, Any], outputs: tuple[int, int]) -> str:
    """Wait for the program's end, and see to it; the reason."""
    deadline = time.monotonic() + spec["timeout"] if spec["timeout"] is not None else float("inf")
    reason = EXITED
    while not tree.gone() and tree.status is None:
        if tree.order:
            reason = STOPPED
        elif time.monotonic() >= deadline:
            reason = TIMEOUT
        elif sum(_sizes(outputs)) > spec["output_cap"]:
            reason = OUTPUT
        if reason != EXITED:
            # A program that floods the disk is not given long to do so.
            tree.ask(min(spec["grace"], LINGER) if reason == OUTPUT else spec["grace"])
            break
        tree.wait(min(TICK, deadline - time.monotonic()))
    tree.gone()
    tree.wait(0)
    # What came together with the program's end may be its cause (a machine going down
    # signals everybody at once); only a success is a success in any case.
    if tree.order == "gone" and tree.status != 0:
        return LOST
    if tree.order and reason == EXITED and tree.status != 0:
        return STOPPED
    return EXITED if tree.order == "gone" else reason


def _sizes(outputs: tuple[int, int]) -> tuple[int, int]:
    return os.fstat(outputs[0]).st_size, os.fstat(outputs[1]).st_size


def _cap(outputs: tuple[int, int], cap: int) -> bool:
    """Cut the output down to the cap, stderr's quarter reserved; True if there was too much."""
    out, err = _sizes(outputs)
    if out + err <= cap:
        return False
    kept = min(err, max(cap // 4, cap - out))
    os.ftruncate(outputs[0], min(out, cap - kept))
    os.ftruncate(outputs[1], kept)
    return True


def _record(folder: str, facts: dict[str, Any]) -> None:
    """Write `exit.json` so that it is there completely or not at all, power cuts included."""
    path = os.path.join(folder, "exit.json")
    file = os.open(path + ".tmp", os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    os.ftruncate(file, os.write(file, dumps(facts).encode()))
    os.fsync(file)
    os.close(file)
    os.rename(path + ".tmp", path)
    parent = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(parent)
    os.close(parent)


def _reserve(folder: str) -> None:
    """Take the space of `exit.json` beforehand: the program may fill the disk."""
    path = os.path.join(folder, "exit.json.tmp")
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    os.write(file, bytes(MARKER_MOST))
    os.close(file)


def _listen() -> int:
    """A descriptor that becomes readable with every signal."""
    wake, ring = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(ring, False)
    signal.set_wakeup_fd(ring, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    return wake


def _open_files(folder: str) -> tuple[int, int, int]:
    writing = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_NOFOLLOW
    stdin = os.path.join(folder, "stdin")
    if not os.path.exists(stdin):
        stdin = os.devnull
    return (
        os.open(stdin, os.O_RDONLY),
        os.open(os.path.join(folder, "stdout"), writing, 0o600),
        os.open(os.path.join(folder, "stderr"), writing, 0o600),
    )


def keep(folder: str, spec: dict[str, Any], lease: int) -> None:
    """Run the program of `spec` to its end and record it."""
    wake = _listen()
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    _reserve(folder)
    stdin, *rest = _open_files(folder)
    outputs = (rest[0], rest[1])
    started, begin = time.time(), time.monotonic()
    child, problem = _start(spec, stdin, *outputs)
    facts: dict[str, Any] = {"reason": UNSTARTED, "detail": problem}
    if not problem:
        facts = _see_through(Tree(child, spec["id"], lease, wake), spec, outputs)
    if facts["reason"] == LOST:
        return
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    facts["started"] = started
    facts["ended"] = started + time.monotonic() - begin
    facts["cpu"] = round(used.ru_utime + used.ru_stime, 6)
    facts["max_rss"] = used.ru_maxrss * (1024 if LINUX else 1)
    for output in outputs:
        os.fsync(output)  # a marker promises that the transcript is complete
    _record(folder, facts)


def _see_through(tree: Tree, spec: dict[str, Any], outputs: tuple[int, int]) -> dict[str, Any]:
    """From the program's start until nothing of it is left."""
    try:
        reason = _watch(tree, spec, outputs)
        leftover = tree.clear() if tree.status is not None else 0
    finally:
        tree.kill()
    if _cap(outputs, spec["output_cap"]) and reason == EXITED:
        reason = OUTPUT
    facts = {"reason": reason, "leftover": leftover}
    if tree.status is None:
        facts["detail"] = "could not be killed"
    elif os.WIFSIGNALED(tree.status):
        facts["signal"] = os.WTERMSIG(tree.status)
    else:
        facts["code"] = os.WEXITSTATUS(tree.status)
    return facts


def main() -> int:
    path, lease = sys.argv[1], int(sys.argv[2])
    os.set_inheritable(lease, False)
    folder = os.path.dirname(path)
    try:
        with open(path, encoding="ascii") as file:
            spec = loads(file.read())
        with open(0, encoding="ascii") as file:
            spec["env"] = loads(file.read())
        os.open(os.devnull, os.O_RDONLY)  # as number 0, where nobody can read it again
        keep(folder, spec, lease)
    except Exception as error:
        import traceback

        with open(os.path.join(folder, "keeper.err"), "a") as report:
            traceback.print_exc(file=report)
        return (error.errno if isinstance(error, OSError) else 0) or 1
    return 0


if __name__ == "__main__":
    os._exit(main())  # nothing is left to tidy up, and tidying costs
