"""The code blocks of README and manual, with what their fence says about how they are tried.

A fence is "```LANGUAGE WORD...": the language is what a reader's renderer colours, the words
after it are seen by nobody else. They are

* `file=NAME`: the block is written to NAME in the page's repository before what follows runs;
* `exit=N`: what the lines of a shell block end with, when that is not 0;
* `shows`: a `text` block holds lines that the shell block before it printed, `...` where some
  are left out and `…` where the end of a line is;
* `not-run`: nobody runs it; NOT_RUN of the test says why.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"(?ms)^```(?P<head>[^\n`]*)\n(?P<text>.*?)^```$")


@dataclass(frozen=True)
class Block:
    """One block: its page, the line of its fence, language, words by name, and text."""

    page: str
    line: int
    language: str
    words: tuple[str, ...]
    text: str

    def value(self, name: str) -> str:
        """What stands behind `name=`; empty without it."""
        found = [word.partition("=")[2] for word in self.words if word.startswith(f"{name}=")]
        return found[0] if found else ""

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def name(self) -> str:
        """Page and first line, without its comment: what a table of blocks calls it."""
        first = self.text.strip().splitlines()[0]
        return f"{self.page}: {re.split(r'  +#', first)[0]}"

    def lines(self) -> Iterator[str]:
        """The command lines of a shell block, continued ones as one, without comments."""
        joined = self.text.replace("\\\n", " ")
        for line in joined.splitlines():
            if line.strip() and not line.lstrip().startswith("#"):
                yield line.strip()


def blocks_of(path: Path) -> list[Block]:
    """Its blocks from top to bottom."""
    text = path.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        language, *words = match["head"].split() or [""]
        line = text.count("\n", 0, match.start()) + 1
        found.append(Block(path.stem, line, language, tuple(words), match["text"]))
    return found
