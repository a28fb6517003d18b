"""A program that does not want to go: daemons, sessions of their own, ignored signals.

    stubborn.py FILE [stay]

Appends the ids of all its processes to FILE, then either stays or ends well and
leaves the others behind. One of them has an empty environment, too.
"""

import os
import signal
import sys
import time
from pathlib import Path


def refuse_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)


def note(path: str) -> None:
    with open(path, "a") as file:
        file.write(f"{os.getpid()}\n")


def stay(path: str) -> None:
    note(path)
    while True:
        time.sleep(3600)


def daemon(path: str) -> None:
    """Forked twice, in a session of its own: nobody's child."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            refuse_signals()
            stay(path)
        os._exit(0)


def nameless(path: str) -> None:
    """As a daemon, and its environment tells nothing."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            refuse_signals()
            note(path)
            os.execve("/bin/sleep", ["sleep", "3600"], {})
        os._exit(0)


def own_group(path: str) -> None:
    if os.fork() == 0:
        os.setpgid(0, 0)
        refuse_signals()
        stay(path)


def own_session(path: str) -> None:
    if os.fork() == 0:
        os.setsid()
        refuse_signals()
        if os.fork() == 0:
            stay(path)
        stay(path)


def main() -> None:
    path = sys.argv[1]
    refuse_signals()
    for start in (daemon, nameless, own_group, own_session):
        start(path)
    note(path)
    while len(Path(path).read_text().split()) < 6:
        time.sleep(0.01)
    print("ready", flush=True)
    if sys.argv[2:] == ["stay"]:
        stay(os.devnull)


main()
