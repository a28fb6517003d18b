"""A page of the manual as a terminal shows it: the marks of Markdown become bold and dim.

The pages are our own, written to fit 80 columns, so nothing is wrapped or made safe here.
"""

import re
from collections.abc import Iterator
from textwrap import wrap

from wtman.text.terminal import paint

WIDTH = 80
_END = "\0"
_BOLD, _DIM = "1", "2"
_CODE = re.compile(r"`([^`]+)`")
# `[text](page)`, and `[text]` whose page stands in a line of its own, `[text]: page`.
_LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")
_NAMED = re.compile(r"^\[([^\]]+)\]: \S+$")
_FENCE = re.compile(r"(?ms)(?P<fence>^```.*?^```$)|(?:(?!^```).)+")
_RULE = re.compile(r"^\|[ :|-]+\|$")


def subject(page: str) -> str:
    """What a page is about: its title `# Name: subject`, without the name."""
    words = page.partition("\n")[0].partition(": ")[2]
    return words[:1].upper() + words[1:]


def unlinked(page: str) -> str:
    """The page without what its links lead to, where that is not in the text."""
    lines = page.splitlines()
    names = [found[1] for line in lines if (found := _NAMED.match(line))]
    for name in names:
        # A link may go on in the next line, as its text does.
        words = r"\s+".join(map(re.escape, name.split()))
        page = re.sub(rf"\[({words})\](?!:)", r"\1", page)
    return "\n".join(line for line in page.splitlines() if not _NAMED.match(line)).rstrip()


def painted(page: str) -> str:
    """Headings bold, code dim, tables in columns, links as their text."""
    kept = unlinked(page)
    return "".join(f"{line}\n" for line in _lines(_FENCE.sub(_each_line, kept)))


def _each_line(found: re.Match[str]) -> str:
    """Text between two fences, where code that goes on in the next line is marked in both."""
    if found["fence"]:
        return found[0]
    parts = found[0].split("`")
    parts[1::2] = [part.replace("\n", "`\n`") for part in parts[1::2]]
    return "`".join(parts)


def _lines(page: str) -> Iterator[str]:
    fenced = False
    table: list[list[str]] = []
    for line in [*page.splitlines(), _END]:
        if not fenced and line.startswith("|"):
            if not _RULE.match(line):
                table.append([cell.strip() for cell in _plain(line).strip("|").split(" |")])
            continue
        yield from _columns(table)
        table = []
        if line == _END:
            continue
        if line.startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            yield paint(f"  {line}" if fenced else line, _DIM, True) if line else ""
        elif line.startswith("#"):
            yield paint(line.lstrip("# ").replace("`", ""), _BOLD, True)
        else:
            yield _coded(_plain(line))


def _plain(line: str) -> str:
    """Without the marks of links and bold text; code keeps what looks like one."""
    parts = line.split("`")
    parts[::2] = [_LINK.sub(r"\1", part).replace("**", "") for part in parts[::2]]
    return "`".join(parts)


def _columns(table: list[list[str]]) -> Iterator[str]:
    """The rows of a table, the first bold, each column as wide as its widest cell. What the last
    one has no room for goes on below."""
    if not table:
        return
    widths = [max(map(len, map(_bare, column))) for column in zip(*table, strict=True)]
    before = sum(widths[:-1]) + 2 * len(widths[:-1])
    for number, row in enumerate(table):
        cells = [_coded(cell) + " " * (width - len(_bare(cell))) for cell, width in
                 zip(row[:-1], widths[:-1], strict=True)]  # fmt: skip
        kept = _CODE.sub(lambda code: code[0].replace(" ", "\0"), row[-1])
        parts = wrap(kept, WIDTH - before, break_on_hyphens=False, break_long_words=False) or [""]
        lines = [f"{' ' * before}{_coded(part)}".replace("\0", " ") for part in parts[1:]]
        first = "  ".join([*cells, _coded(parts[0]).replace("\0", " ")]).rstrip()
        yield paint(first, _BOLD, True) if number == 0 and first else first
        yield from lines


def _bare(cell: str) -> str:
    return cell.replace("`", "")


def _coded(text: str) -> str:
    return _CODE.sub(lambda code: paint(code[1], _DIM, True), text)
