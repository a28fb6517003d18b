#!/usr/bin/env python3
"""What confining a session costs, tier by tier.

Processor time, keeper included, of `true` run the way that a session is, in the tiers
that work here: against the tier `none`, as milliseconds more and as a ratio. Also what
making the command costs the coordinator, the first time and later.

Run with the Python of .venv: `.venv/bin/python scripts/bench/sandbox.py [COUNT]`.
"""

import asyncio
import os
import resource
import sys
import tempfile
import time
from dataclasses import replace

from wtman.execution.spawn import install_child_watcher
from wtman.execution.supervisor import run_kept
from wtman.model.command import Command, Work
from wtman.sandbox import choice
from wtman.sandbox.policy import Limits, Sandbox, SandboxPolicy

MOST = 150.0  # milliseconds that the default tier may cost a session


def children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def sessions(tier: Sandbox, folder: str, policy: SandboxPolicy, count: int) -> float:
    """Milliseconds of processor time of one."""
    command = Command(("true",), policy.write[0], {"PATH": os.environ["PATH"]})
    before = children()
    for number in range(count):
        place = os.path.join(folder, f"{tier.name}-{number}-{time.monotonic_ns()}")
        ended = await run_kept(Work(f"bench/{number}", tier.wrap(command, policy), place))
        if ended.code != 0:
            raise SystemExit(f"{tier.name}: {ended}")
    return 1000 * (children() - before) / count


def wrapping(tier: Sandbox, policy: SandboxPolicy) -> tuple[float, float]:
    """Milliseconds of the first and of a later time."""
    command = Command(("true",), policy.write[0], {"PATH": os.environ["PATH"]})
    begin = time.process_time()
    tier.wrap(command, policy)
    first = time.process_time()
    for _ in range(20):
        tier.wrap(command, policy)
    return 1000 * (first - begin), 50 * (time.process_time() - first)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    install_child_watcher()
    with tempfile.TemporaryDirectory() as folder:
        places = [os.path.join(folder, name) for name in ("tree", "home", "scratch")]
        for place in places:
            os.mkdir(place)
        tree, home, scratch = places
        policy = SandboxPolicy(write=(tree,), home=home, scratch=scratch)
        ways = {"on": policy, "off": replace(policy, network="off", limits=Limits(file=1 << 30))}
        ways["port"] = replace(policy, network="off", ports=(8123,))
        print(f"{'tier':12} {'network':8} {'CPU ms':>8} {'more':>8} {'ratio':>6} {'wrap ms':>14}")
        bare = 0.0
        for name in ("none", *choice.NAMES[:-1]):
            if problem := choice.trouble(name):
                print(f"{name:12} {problem}")
                continue
            tier = choice.load(name)
            costs = "{:.1f}, then {:.1f}".format(*wrapping(tier, policy))
            for way, given in ways.items():
                spent = asyncio.run(sessions(tier, folder, given, count))
                bare = bare or spent
                verdict = "" if spent - bare <= MOST else "  TOO MUCH"
                print(
                    f"{name:12} {way:8} {spent:8.1f} {spent - bare:8.1f} {spent / bare:6.2f}"
                    f" {costs:>14}{verdict}"
                )


if __name__ == "__main__":
    main()
