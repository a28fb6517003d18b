"""How many sessions the memory of the machine has room for at once."""

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from wtman.agents import load
from wtman.journal.events import Noted
from wtman.model.settings import Settings
from wtman.text.terminal import count, storage

_SHARE = 0.8  # of what is free: checks and everybody else want some
_MIB = 1 << 20
_CGROUP = Path("/sys/fs/cgroup")


def fitted(
    settings: Settings, agents: Iterable[str], free: int, *, insisted: bool
) -> tuple[Settings, tuple[Noted, ...]]:
    """The settings with no more `jobs` than the largest of the agents fits into `free` bytes, and
    what there is to say of it; 0 is not known. Who `insisted` on a number keeps it, warned."""
    needs = {spec: load.load(spec, settings.agents).needs.memory for spec in set(agents)}
    spec, most = max(needs.items(), key=lambda item: (item[1], item[0]), default=("", 0))
    jobs = max(int(free * _SHARE) // (most * _MIB), 1) if most and free else settings.jobs
    if jobs >= settings.jobs:
        return settings, ()
    why = f"a session of {spec} takes about {storage(most * _MIB)}, {storage(free)} are free"
    if insisted:
        return settings, (Noted(f"memory: {why}: {count(jobs, 'session')} fit at once"),)
    text = f"{count(jobs, 'session')} at once, not {settings.jobs}: {why}; --jobs overrules it"
    return replace(settings, jobs=jobs), (Noted(text),)


def free_memory() -> int:
    """Bytes that programs can still have, within the limit of a container; 0: not known."""
    found = [free for free in (_of_machine(), _of_container()) if free]
    return min(found, default=0)


def _of_machine() -> int:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        # No such file on macOS, where free memory has no one figure: half of what it has.
        names = os.sysconf_names
        if not {"SC_PHYS_PAGES", "SC_PAGE_SIZE"} <= names.keys():
            return 0
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    free = next((line.split() for line in lines if line.startswith("MemAvailable:")), None)
    return int(free[1]) * 1024 if free and len(free) > 1 and free[1].isdigit() else 0


def _of_container() -> int:
    """What a control group leaves; its caches count as free. 0 without a limit."""
    try:
        most = (_CGROUP / "memory.max").read_text().strip()
        used = int((_CGROUP / "memory.current").read_text())
        stat = (_CGROUP / "memory.stat").read_text().split()
    except (OSError, ValueError):
        return 0
    if not most.isdigit():
        return 0
    cached = stat[stat.index("inactive_file") + 1] if "inactive_file" in stat else "0"
    return max(int(most) - used + int(cached), _MIB)
