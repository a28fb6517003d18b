"""A user's machine in a folder, and commands run in it through a sandbox and a keeper."""

import asyncio
import os
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from wtman.execution.spawn import install_child_watcher
from wtman.execution.supervisor import run_kept
from wtman.model.command import Command, Exit, Work
from wtman.sandbox import choice
from wtman.sandbox.inside import view
from wtman.sandbox.policy import Limits, Sandbox, SandboxPolicy

SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True)
class Ran:
    """How a command ended, and what it said."""

    exit: Exit
    out: str
    err: str

    @property
    def code(self) -> int | None:
        return self.exit.code


@dataclass
class World:
    """Home of the user, main checkout, two worktrees, and what one session is given."""

    root: Path
    tier: Sandbox
    path: str = SYSTEM_PATH
    count: int = 0
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("user/.ssh", "repo/.git", "trees/own", "trees/sibling", "home", "scratch"):
            (self.root / name).mkdir(parents=True)
        (self.root / "user/.ssh/id").write_text("SECRET")
        (self.root / "repo/.git/config").write_text("theirs")
        (self.root / "repo/file").write_text("theirs")
        (self.root / "trees/sibling/file").write_text("theirs")
        (self.root / "trees/own/.git").write_text("pointer")

    @property
    def own(self) -> Path:
        return self.root / "trees/own"

    @property
    def home(self) -> str:
        """What the session calls its HOME."""
        return self.policy.view.seen(str(self.root / "home"))

    @property
    def policy(self) -> SandboxPolicy:
        return SandboxPolicy(
            write=(str(self.own),),
            home=str(self.root / "home"),
            view=view(self.tier.mounts, f"{self.root}/repo", str(self.own), f"{self.root}/home"),
            scratch=str(self.root / "scratch"),
            network="off",
        )

    def command(self, *argv: str, stdin: bytes = b"") -> Command:
        env = {"PATH": self.path, **self.env}
        return Command(argv, str(self.own), env, stdin)

    def run(self, *argv: str, stdin: bytes = b"", timeout: float = 60, **policy: Any) -> Ran:
        """Run it confined to the world's own reach, changed by `reach`."""
        given = replace(self.policy, **policy)
        return self.keep(self.tier.wrap(self.command(*argv, stdin=stdin), given), timeout)

    def sh(self, text: str, **more: Any) -> Ran:
        return self.run("sh", "-c", text, **more)

    def python(self, text: str, **more: Any) -> Ran:
        return self.run("/usr/bin/python3", "-I", "-S", "-c", text, **more)

    def keep(self, command: Command, timeout: float) -> Ran:
        self.count += 1
        folder = self.root / f"evidence/{self.count}"
        work = Work(f"box/{os.getpid()}/{self.count}", command, str(folder), timeout, grace=4)
        ended = asyncio.run(run_kept(work))
        out, err = ((folder / name).read_text(errors="replace") for name in ("stdout", "stderr"))
        return Ran(ended, out, err)


def untouched(root: Path) -> bool:
    """Whether everything that is not the session's own is as it was made."""
    places = ("user", "repo", "trees/sibling")
    found = {
        str(file.relative_to(root)): file.read_text()
        for place in places
        for file in (root / place).rglob("*")
        if file.is_file()
    }
    return found == {
        "user/.ssh/id": "SECRET",
        "repo/.git/config": "theirs",
        "repo/file": "theirs",
        "trees/sibling/file": "theirs",
    }


def as_somebody_else(root: str, tier: str) -> None:
    """The short battery, for a process that has become another user; asserts."""
    install_child_watcher()
    os.environ["HOME"] = root + "/user"
    found = choice.load(tier)
    assert found.probe() == "", found.probe()
    world = World(Path(root), found)
    ran = world.sh(
        "id -u; touch kept ~/kept $TMPDIR/kept && echo yes;"
        f" cat {root}/user/.ssh/id {root}/trees/sibling/file;"
        f" echo x > {root}/repo/file; rm -rf {root}/trees/sibling; kill {os.getpid()}"
    )
    assert ran.out.split() == [str(os.getuid()), "yes"], ran
    assert untouched(world.root), ran
    assert (world.own / "kept").exists() and (world.root / "home/kept").exists()
    nested = world.sh("bwrap --ro-bind / / --unshare-pid true")
    assert (nested.code == 0) == found.nests, nested
    few = world.sh(
        "for i in 1 2 3 4 5 6 7 8 9; do sleep 3 & done; echo here",
        limits=Limits(processes=6),
    )
    # The kernel counts by user and user namespace: elsewhere the user's own count, too.
    if tier == "bubblewrap":
        assert "fork" in few.err, few
    print("held")


if __name__ == "__main__":
    as_somebody_else(sys.argv[1], sys.argv[2])
