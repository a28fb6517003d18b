"""What every sandbox that works here holds, on real programs; and exactly what one does not.

A sandbox that mounts (`mounts`) holds everything; the tests name what the others do not.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tests import kit
from tests.sandbox.world import World, untouched
from wtman.model.command import ExitReason
from wtman.sandbox import confine
from wtman.sandbox.inside import view
from wtman.sandbox.policy import Limits

TRY_TO_CONNECT = (
    "import socket, sys\n"
    "for port in map(int, sys.argv[1:]):\n"
    "    try:\n"
    "        way = socket.create_connection(('127.0.0.1', port), 5)\n"
    "        way.sendall(b'ping'); way.shutdown(1)\n"
    "        answer = b''\n"
    "        while piece := way.recv(99): answer += piece\n"
    "        print(answer.decode() or 'closed')\n"
    "    except OSError as error: print(type(error).__name__)\n"
)


@contextmanager
def server(answer: bytes, path: str = "") -> Iterator[int]:
    """Answers everybody who connects to a port of the host, or to this unix socket."""
    kind = socket.AF_UNIX if path else socket.AF_INET
    with socket.socket(kind, socket.SOCK_STREAM) as listener:
        listener.bind(path or ("127.0.0.1", 0))
        listener.listen()

        def serve() -> None:
            while True:
                try:
                    way, _ = listener.accept()
                except OSError:
                    return
                with way:
                    while way.recv(99):
                        continue
                    way.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield 0 if path else listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


@pytest.mark.skipif(confine.landlock_abi() < 6, reason="the kernel cannot scope them")
def test_abstract_sockets_of_others_are_out_of_reach(world: World) -> None:
    """A session that got there would be given open folders by another; its own serve it."""
    name = f"wtman-{os.getpid()}-{world.tier.name}"
    ask = (
        "import socket, sys\n"
        "own = socket.socket(socket.AF_UNIX)\n"
        "own.bind('\\0' + sys.argv[1] + '-own'); own.listen()\n"
        "for name in (sys.argv[1] + '-own', sys.argv[1]):\n"
        "    try: socket.socket(socket.AF_UNIX).connect('\\0' + name); print('connected')\n"
        "    except OSError as error: print(type(error).__name__)\n"
    )
    with server(b"", f"\0{name}"):
        ran = world.run(sys.executable, "-c", ask, name, network="on")
    assert ran.out.split() == ["connected", "PermissionError"], ran


# --- files -----------------------------------------------------------------------------------


def test_writes_nowhere_else(world: World) -> None:
    root = world.root
    targets = (
        f"{root}/repo/file {root}/repo/.git/config {root}/repo/.git/hooks {root}/trees/sibling/file"
        f" {root}/user/.ssh/id {root}/user/.bashrc /new /etc/wtman-new /usr/new /dev/new"
    ).split()
    ran = world.run(
        "sh", "-c", 'for f; do (echo x > "$f") && echo "wrote $f"; done; echo end', "-", *targets
    )
    assert ran.out.split("\n") == ["end", ""], ran
    assert untouched(root)
    assert not Path("/etc/wtman-new").exists()


def test_destroys_nothing_else(world: World) -> None:
    root = world.root
    world.sh(
        f"rm -rf {root}/trees/sibling {root}/repo {root}/user; mv {root}/trees/sibling own2;"
        f" ln {root}/repo/file mine; ln -s {root}/repo/file link; echo x > link;"
        f" rmdir {root}/trees; rm -rf {root}/home {root}/trees/own"
    )
    assert untouched(root)
    assert world.own.is_dir() and (root / "home").is_dir()


def test_pointer_of_the_worktree(world: World) -> None:
    ran = world.sh("echo x > .git; rm -f .git; mv .git old; mkdir -p .git; cat .git")
    if world.tier.mounts:
        assert (ran.out, (world.own / ".git").read_text()) == ("pointer", "pointer")
    else:
        assert not (world.own / ".git").is_file()  # not held: who starts it puts it back


def test_the_checkout_and_home_are_seen_at_places_of_their_own(world: World) -> None:
    """Where there are mounts, and there alone: not at their real paths as well."""
    (world.own / "deep").mkdir()
    (world.own / "deep/kept").write_text("kept")
    (world.own / "secret").write_text("SECRET")
    (world.root / "home/kept").write_text("kept")
    ran = world.sh(
        "pwd; echo x > deep/new; rm -f deep/kept; echo x > secret; echo x > .git; cat secret;"
        f" cd deep; pwd; ls -d {world.own}/deep; ls -d {world.root}/home/kept",
        guard=(str(world.own / "deep/kept"),),
        hide=(str(world.own / "secret"),),
    )
    assert (world.own / "deep/new").read_text() == "x\n"
    if not world.tier.mounts:
        real = [f"{world.own}/deep", f"{world.root}/home/kept"]
        assert [ran.out.split()[0], *ran.out.split()[-2:]] == [str(world.own), *real]
        return
    assert ran.out.split() == ["/wtman/work/repo", "/wtman/work/repo/deep"], ran
    assert (world.own / "deep/kept").read_text() == "kept"
    assert (world.own / "secret").read_text() == "SECRET"
    assert (world.own / ".git").read_text() == "pointer"


def test_a_checkout_that_is_only_read_is_seen_there_too(world: World) -> None:
    (world.own / "bin").mkdir()
    (world.own / "bin/tool").write_text("#!/bin/sh\necho tool\n")
    (world.own / "bin/tool").chmod(0o755)
    ran = world.run("bin/tool", write=(), read=(str(world.own),))
    assert (ran.out, ran.code) == ("tool\n", 0), ran
    ran = world.sh("echo x > new; cat .git", write=(), read=(str(world.own),))
    assert ran.out == "pointer" and not (world.own / "new").exists()


def test_what_is_shown_twice_is_guarded_and_hidden_twice(world: World) -> None:
    if not world.tier.mounts:
        pytest.skip("shown once, without mounts")
    (world.own / "kept").write_text("kept")
    (world.own / "secret").write_text("SECRET")
    both = f"{world.own} /wtman/work/repo"
    ran = world.sh(
        f"for d in {both}; do echo x > $d/kept; echo x > $d/.git; cat $d/secret; done; echo end",
        binds=((str(world.own), str(world.own), True),),
        guard=(str(world.own / "kept"),),
        hide=(str(world.own / "secret"),),
    )
    assert ran.out == "end\n", ran
    assert (world.own / "kept").read_text() == "kept"
    assert (world.own / ".git").read_text() == "pointer"


def test_reads_nothing_else(world: World) -> None:
    root = world.root
    ran = world.sh(
        f"cat {root}/user/.ssh/id {root}/repo/.git/config {root}/trees/sibling/file;"
        f" ls {root} {root}/trees {root}/user; cat /proc/{os.getpid()}/environ /etc/shadow;"
        f" ls /proc/{os.getpid()}/root/ /proc/{os.getpid()}/cwd/; tail -c 99 {root}/evidence/*/*;"
        " cat /run/docker.sock /var/log/dpkg.log"
    )
    shown = set(ran.out.split())
    # Where there are mounts, the folders above what is shown exist, with nothing else in them.
    allowed = {"own", "trees", "home", f"{root}:", f"{root}/trees:"}
    assert shown <= (allowed if world.tier.mounts else set()), ran


def test_home_and_temporary_folder_are_its_own(world: World) -> None:
    ran = world.sh(
        "echo mine > ~/file; echo $HOME; f=$(mktemp); echo $f; echo x > $TMPDIR/y; ls ~; ls $TMPDIR"
    )
    home, file, *rest = ran.out.split()
    assert home == world.home
    assert (world.root / "home/file").read_text() == "mine\n"
    assert rest[0] == "file" and "y" in rest
    if world.tier.mounts:
        assert file.startswith("/tmp/") and not Path(file).exists()
        mark = f"zz-{world.root.name}"
        again = world.sh(
            f"cd /tmp; ls . /var/tmp /dev/shm; echo x > {mark} && echo x > /var/tmp/{mark} && ls"
        )
        # Not even the way to its checkout and HOME, which are seen elsewhere.
        assert again.out.split()[-1] == mark
        assert world.root.relative_to("/tmp").parts[0] not in again.out.split()
        assert not Path("/tmp", mark).exists()
    else:
        assert file.startswith(str(world.root / "scratch"))
        denied = world.sh("ls /tmp; echo x > /tmp/wtman-x; cat /tmp/wtman-x")
        assert denied.out == ""


def test_size_of_the_temporary_folder(world: World) -> None:
    if not world.tier.mounts:
        pytest.skip("not held: its folder is one of the host's")
    ran = world.sh("head -c 9000000 /dev/zero > /tmp/big; stat -c %s /tmp/big", tmp=8 << 20)
    assert "No space left" in ran.err and int(ran.out) <= 8 << 20


def test_binds(world: World) -> None:
    """A private git in place of the repository's; outside, nothing of it changes."""
    private, common = world.root / "private", world.root / "repo/.git"
    private.mkdir()
    (private / "config").write_text("private")
    ran = world.sh(
        f"cat {common}/config; echo new > {common}/new; ls {world.root}/repo; cat {private}/config",
        binds=((str(private), str(common), True),),
    )
    assert untouched(world.root)
    if world.tier.mounts:
        assert ran.out == "private"  # `.git` is not listed, and where it is from is not seen
        assert (private / "new").read_text() == "new\n"
    else:
        assert ran.out == "private"  # at its own place; the target is out of reach
        ran = world.sh(f"echo new > {private}/new", binds=((str(private), str(common), True),))
        assert (private / "new").exists()
    ran = world.sh(
        f"for f in {common} {private}; do echo no > $f/no; done",
        binds=((str(private), str(common), False),),
    )
    assert not (private / "no").exists()


def test_reads_what_it_may_and_no_more(world: World) -> None:
    repo = str(world.root / "repo")
    (world.root / "repo/secret").mkdir()
    (world.root / "repo/secret/key").write_text("KEY")
    (world.root / "repo/.env").write_text("KEY")
    ran = world.sh(
        f"cat {repo}/file {repo}/secret/* {repo}/.env; echo x > {repo}/file",
        read=(repo, str(world.root / "not-there")),
        hide=(repo + "/secret", repo + "/.env"),
    )
    assert ran.out == "theirs"
    (world.own / "judge").mkdir()
    (world.own / "judge/test").write_text("as it was")
    ran = world.sh("echo x > judge/test; cat judge/test", guard=(str(world.own / "judge"),))
    assert ran.out == ("as it was" if world.tier.mounts else "x\n")


@pytest.mark.parametrize("moved", [False, True])
def test_folders_behind_links(world: World, moved: bool) -> None:
    link = world.root / "link"
    link.symlink_to("trees")
    (world.root / "trees/again").symlink_to(world.own)
    (world.root / "home-link").symlink_to(world.root / "home")
    place, home = str(link / "again"), str(world.root / "home-link")
    seen = view(moved and world.tier.mounts, f"{world.root}/repo", place, home)
    there = seen.seen(place)
    text = f"cd {there} && echo x > file; echo y > ~/file; cat {there}/../file"
    command = replace(world.command("sh", "-c", text), cwd=there)
    policy = replace(world.policy, write=(place,), home=home, view=seen)
    ran = world.keep(world.tier.wrap(command, policy), 60)
    assert ((world.own / "file").read_text(), ran.code) == ("x\n", 1), ran
    assert (world.root / "home/file").read_text() == "y\n"


def test_what_is_given_beats_what_is_around_it(world: World) -> None:
    """A worktree in the main checkout, which may be read; a checkout in it, which may not."""
    inner = world.root / "repo/.worktrees/own"
    inner.mkdir(parents=True)
    ran = world.run(
        "sh",
        "-c",
        f"echo x > {inner}/file; echo x > {inner}/../no; cat {inner}/file",
        read=(str(world.root / "repo"), str(inner)),
        write=(str(inner), str(world.own)),
    )
    assert ran.out == "x\n"
    assert [path.name for path in inner.parent.iterdir()] == ["own"]


# --- programs --------------------------------------------------------------------------------


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_programs_of_the_users_home_run_and_nothing_else_of_it_is_seen(world: World) -> None:
    user = world.root / "user"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", user / "proj/.venv"], check=True)
    venv = user / "proj/.venv"
    (user / "proj/notes").write_text("SECRET")
    site = next(venv.glob("lib/python*/site-packages"))
    (site / "inside.py").write_text("print('venv')")
    script(user / ".local/bin/plain", "#!/bin/sh\necho plain\n")
    script(user / ".local/bin/by-env", "#!/usr/bin/env -S odd -u\n")
    script(user / "tools/odd", '#!/bin/sh\necho odd "$1"\n')
    (user / ".local/share/pipx/venvs").mkdir(parents=True)
    shutil.copytree(venv, user / ".local/share/pipx/venvs/app", symlinks=True)
    app = user / ".local/share/pipx/venvs/app"
    script(app / "bin/app", f"#!{app}/bin/python\nimport inside\nprint('app')\n")
    (user / ".local/bin/app").symlink_to("../share/pipx/venvs/app/bin/app")
    (user / ".local/share/keyrings").mkdir()
    (user / ".local/share/keyrings/login").write_text("SECRET")
    world.path = os.pathsep.join(
        map(str, (venv / "bin", user / ".local/bin", user / "tools", "/usr/bin", "/bin"))
    )
    ran = world.sh(
        "plain; by-env; app; python -m inside; echo;"
        f"cat {user}/proj/notes {user}/.local/share/keyrings/login {user}/.ssh/id;"
        f"echo x > {user}/.local/bin/new; echo x > {venv}/new"
    )
    assert ran.out.split() == ["plain", "odd", "-u", "venv", "app", "venv"], ran
    by_path = world.run(str(venv / "bin/python"), "-c", "import inside, sys; print(sys.prefix)")
    assert by_path.out.split() == ["venv", str(venv)]
    assert not (venv / "new").exists() and not (user / ".local/bin/new").exists()


@pytest.mark.skipif(not shutil.which("node"), reason="no node here")
def test_node_runs(world: World) -> None:
    world.path = os.environ["PATH"]
    ran = world.run("node", "-e", "require('fs').writeFileSync('n', 'x'); console.log(1 + 1)")
    assert (ran.out, ran.code) == ("2\n", 0), ran


def test_environment_is_exactly_that_of_the_command(world: World) -> None:
    world.env = {"ONE": "1", "WEIRD": "a\nb=c é", "LANG": "xx", "TMP": "/nowhere"}
    ran = world.run("/usr/bin/env", "-0")
    found = dict(line.split("=", 1) for line in ran.out.split("\0") if line)
    session = found.pop("WTMAN_SESSION")
    assert session.startswith("box/")
    temporary = "/tmp" if world.tier.mounts else str(world.root / "scratch")
    assert found == {
        "PATH": world.path,
        "HOME": world.home,
        "TMPDIR": temporary,
        "ONE": "1",
        "WEIRD": "a\nb=c é",
        "LANG": "xx",
    }


def test_a_command_ends_as_it_would_without(world: World) -> None:
    assert world.run("cat", stdin=b"given").out == "given"
    assert world.sh("exit 77").code == 77
    assert world.sh("echo out; echo err >&2; echo more >> /dev/stderr").err == "err\nmore\n"
    assert world.run("no-such-program").code == 127
    said = world.run("no-such-program").err
    assert "no-such-program" in said and said.endswith("No such file or directory\n")
    killed = world.sh("kill -SEGV $$").exit
    assert (killed.code, killed.signal) in ((139, None), (None, 11))


# --- processes ---------------------------------------------------------------------------------


def test_cannot_kill_or_look_into_others(world: World) -> None:
    with subprocess.Popen(["sleep", "60"], env={"TOKEN": "SECRET"}) as victim:
        ran = world.sh(
            f"kill -9 {victim.pid}; cat /proc/{victim.pid}/environ /proc/{victim.pid}/maps;"
            f" ls /proc/{victim.pid}/fd; cat /proc/{os.getpid()}/environ"
        )
        assert victim.poll() is None
        assert "SECRET" not in ran.out
        victim.kill()


def test_nothing_outlives_it(world: World) -> None:
    ran = world.sh(
        "(setsid sleep 61 >/dev/null 2>&1 &) ; setsid -f sleep 62; nohup sleep 63 >/dev/null 2>&1 &"
        " echo started"
    )
    assert (ran.out, ran.code) == ("started\n", 0)
    left = [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if process.info["cmdline"] in (["sleep", "61"], ["sleep", "62"], ["sleep", "63"])
    ]
    assert left == []


def test_is_asked_politely_before_it_is_killed(world: World) -> None:
    ran = world.python(
        "import signal, sys, time\n"
        "def bye(number, _):\n"
        "    time.sleep(0.5); print('saved after', number); sys.stdout.flush(); sys.exit(3)\n"
        "signal.signal(signal.SIGINT, bye); signal.signal(signal.SIGTERM, bye)\n"
        "print('ready', flush=True); time.sleep(60)",
        timeout=1.0,
    )
    assert ran.out == "ready\nsaved after 2\n", ran
    assert (ran.exit.reason, ran.code) == (ExitReason.TIMEOUT, 3)


def test_default_signals_end_it(world: World) -> None:
    begin = time.monotonic()
    ran = world.sh("sleep 60; echo never", timeout=0.5)
    assert ran.exit.reason == ExitReason.TIMEOUT and time.monotonic() - begin < 4
    assert ran.out == ""


def test_has_no_rights_of_root(world: World) -> None:
    ran = world.sh(
        "grep -E 'CapEff|NoNewPrivs' /proc/self/status; mount -t tmpfs x /mnt;"
        " unshare -m true; mknod n c 1 3; chroot / true"
    )
    assert ran.out.split() == ["CapEff:", "0" * 16, "NoNewPrivs:", "1"], ran


# What it opens it never writes: the machine of whoever runs the tests is not to be changed.
KERNEL = """
import ctypes, os
def tell(what, path):
    try: os.close(os.open(path, os.O_WRONLY)); print(what, path)
    except OSError: pass
paths = "sys/kernel/core_pattern sys/vm/drop_caches sysrq-trigger irq/default_smp_affinity".split()
for path in paths: tell("opened", "/proc/" + path)
library = ctypes.CDLL(None)
if library.unshare(0x10000000 | 0x20000 | 0x2000000 | 0x40000000) == 0:
    for kind in (b"cgroup2", b"proc", b"sysfs"):
        if library.mount(b"x", b"/dev/shm", kind, 0, None) == 0:
            print("mounted", kind)
            for path in (*paths, "cgroup.kill", "cgroup.procs"): tell("opened", "/dev/shm/" + path)
print("end")
"""


def test_cannot_reach_the_kernels_settings(world: World) -> None:
    """Nor in a user namespace of its own, which gives capabilities over what is mounted there."""
    assert world.python(KERNEL).out == "end\n"


def test_cannot_type_into_a_terminal_that_it_keeps(world: World) -> None:
    ran = world.python(
        "import errno, fcntl, termios\n"
        "for call in (termios.TIOCSTI, 0x541C, termios.TIOCGWINSZ):\n"
        "    try: fcntl.ioctl(0, call, b' ' * 8)\n"
        "    except OSError as error: print(errno.errorcode[error.errno])",
        terminal=True,
    )
    assert ran.out.split() == ["EPERM", "EPERM", "ENOTTY"], ran


@pytest.mark.parametrize("terminal", [False, True])
def test_the_users_terminals_are_out_of_reach(world: World, terminal: bool) -> None:
    """Also for root, whom their owner and mode would not stop."""
    ours, theirs = os.openpty()
    try:
        ran = world.run(
            *("/usr/bin/python3", "-I", "-S", "-c"),
            "import os, sys\n"
            "for path in sys.argv[1:]:\n"
            "    for how in (os.O_RDONLY, os.O_WRONLY):\n"
            "        try: print('opened', path, os.open(path, how | os.O_NONBLOCK | os.O_NOCTTY))\n"
            "        except OSError: pass\n"
            "try: print('listed', os.listdir('/dev/pts'))\n"
            "except OSError: pass",
            os.ttyname(theirs),
            terminal=terminal,
        )
        assert "opened" not in ran.out, ran
        assert os.path.basename(os.ttyname(theirs)) not in ran.out
    finally:
        os.close(ours)
        os.close(theirs)


def test_limits(world: World) -> None:
    limits = Limits(memory=256 << 20, file=1 << 20, oom=500)
    ran = world.python(
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "try: bytearray(400 << 20)\n"
        "except MemoryError: print('memory')\n"
        "try:\n"
        "    with open('big', 'wb') as file: file.write(bytes(2 << 20))\n"
        "except OSError: print('file')\n"
        "print(open('/proc/self/oom_score_adj').read())",
        limits=limits,
    )
    assert ran.out.split() == ["memory", "file", "500"], ran
    assert (world.own / "big").stat().st_size == 1 << 20


# --- network -----------------------------------------------------------------------------------


def test_network_off_reaches_no_server_of_the_host_but_on_its_ports(world: World) -> None:
    with server(b"open") as open_port, server(b"shut") as shut_port:
        both = (str(open_port), str(shut_port))
        ports = {"ports": (open_port,)}
        ran = world.run("/usr/bin/python3", "-c", TRY_TO_CONNECT, *both, **ports)
        assert ran.out.split()[0] == "open" and ran.out.split()[1].endswith("Error"), ran
        ran = world.run("/usr/bin/python3", "-c", TRY_TO_CONNECT, *both)
        assert len(ran.out.split()) == 2 and "open" not in ran.out and "shut" not in ran.out
        ran = world.run("/usr/bin/python3", "-c", TRY_TO_CONNECT, *both, network="on", **ports)
        assert ran.out.split() == ["open", "shut"]


def test_port_where_nobody_listens(world: World) -> None:
    port = kit_port()
    ran = world.run("/usr/bin/python3", "-c", TRY_TO_CONNECT, str(port), ports=(port,))
    assert ran.out.strip() in (
        "closed",
        "OSError",  # closed before it could say that it is done
        "ConnectionRefusedError",
        "ConnectionResetError",
    )


def kit_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_proxy_is_the_only_way_out(world: World) -> None:
    # A path of a unix socket has at most 107 bytes.
    with tempfile.TemporaryDirectory() as short, server(b"shut") as shut_port:
        with server(b"proxy", f"{short}/s"):
            port = kit_port()
            ran = world.run(
                "/usr/bin/python3", "-c", TRY_TO_CONNECT * 2, str(port), str(shut_port),
                network="allow-list", proxy=f"{short}/s", proxy_port=port,
            )  # fmt: skip
            assert ran.out.split()[::2] == ["proxy", "proxy"], ran
            assert "shut" not in ran.out
            ended = world.sh("exit 5", network="allow-list", proxy=f"{short}/s", proxy_port=port)
            assert ended.code == 5
            polite = world.sh(
                "trap 'echo bye; exit 4' INT; echo on; sleep 9 & wait", timeout=0.5,
                network="allow-list", proxy=f"{short}/s", proxy_port=port,
            )  # fmt: skip
            assert (polite.out, polite.code) == ("on\nbye\n", 4)


def test_a_server_of_its_own(world: World) -> None:
    port = kit_port()
    ran = world.python(
        "import socket\n"
        f"one = socket.create_server(('127.0.0.1', {port}))\n"
        f"two = socket.create_connection(('127.0.0.1', {port}))\n"
        "print('met')",
        serves=(port,),
    )
    assert ran.out == "met\n", ran


# --- others -------------------------------------------------------------------------------------


def test_nests_is_true(world: World) -> None:
    """Whether another bubblewrap works inside is what the sandbox says."""
    if not shutil.which("bwrap"):
        pytest.skip("no bwrap here")
    ran = world.sh("bwrap --ro-bind / / --unshare-pid --unshare-net true")
    assert (ran.code == 0) == world.tier.nests, ran


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_holds_for_others_than_root(tier: str) -> None:
    nobody = 65534
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(
            kit.ROOT / "wtman", f"{folder}/code/wtman", ignore=shutil.ignore_patterns("__pycache__")
        )
        shutil.copytree(Path(__file__).parent, f"{folder}/code/tests/sandbox")
        Path(folder, "code/tests/__init__.py").touch()
        Path(folder, "world").mkdir()
        for path in (Path(folder), *Path(folder).rglob("*")):
            os.chown(path, nobody, nobody)
        done = subprocess.run(
            ["/usr/bin/python3", "-m", "tests.sandbox.world", f"{folder}/world", tier],
            cwd=f"{folder}/code", env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True,
            user=nobody, group=nobody, extra_groups=(), check=False,
        )  # fmt: skip
        assert done.stdout == "held\n", done.stderr
