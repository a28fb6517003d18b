"""A terminal for the program: pexpect runs it, pyte keeps what the screen shows."""

import re
import sys
from pathlib import Path

import pexpect
import pyte
import pytest

COLUMNS, LINES = 80, 24


class Terminal:
    """A program on a screen of its own."""

    def __init__(self, cwd: Path, env: dict[str, str], *words: str) -> None:
        self.screen = pyte.Screen(COLUMNS, LINES)
        self._stream = pyte.Stream(self.screen)
        self.raw = ""
        self.child = pexpect.spawn(
            sys.executable,
            ["-m", "wtman", *words],
            cwd=str(cwd),
            env=env,
            dimensions=(LINES, COLUMNS),
            encoding="utf-8",
            timeout=60,
        )

    def until(self, pattern: str) -> str:
        """Read on until the screen shows it; the screen."""
        while not re.search(pattern, self.shown()):
            try:
                self._feed()
            except pexpect.EOF:
                pytest.fail(f"ended without {pattern!r}:\n{self.shown()}")
            except pexpect.TIMEOUT:
                pytest.fail(f"no {pattern!r} on the screen:\n{self.shown()}")
        return self.shown()

    def end(self) -> int:
        """Read to the end; the exit status."""
        try:
            while True:
                self._feed()
        except pexpect.EOF:
            self.child.close()
        return int(self.child.exitstatus)

    def _feed(self) -> None:
        read = self.child.read_nonblocking(4096, timeout=60)
        self.raw += read
        self._stream.feed(read)

    def shown(self) -> str:
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip()
