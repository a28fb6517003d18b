"""A page of the manual as a terminal shows it: the marks of Markdown become bold and dim.

The pages are our own, written to fit 80 columns, so nothing is wrapped or made safe here.
"""

import re
from collections.abc import Iterator

from wtman.text.terminal import paint

_BOLD, _DIM = "1", "2"
_CODE = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")


def subject(page: str) -> str:
    """What a page is about: its title `# Name: subject`, without the name."""
    words = page.partition("\n")[0].partition(": ")[2]
    return words[:1].upper() + words[1:]


def painted(page: str) -> str:
    """Headings bold, code dim."""
    return "".join(f"{line}\n" for line in _lines(page))


def _lines(page: str) -> Iterator[str]:
    fenced = False
    for line in page.splitlines():
        if line.startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            indent = "    " if line else ""
            yield indent + paint(line.strip() if not fenced else line, _DIM, bool(line))
        elif line.startswith("#"):
            yield paint(line.lstrip("# ").replace("`", ""), _BOLD, True)
        else:
            line = _LINK.sub(r"\1", line).replace("**", "")
            yield _CODE.sub(lambda code: paint(code[1], _DIM, True), line)
