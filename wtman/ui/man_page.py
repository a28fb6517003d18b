"""The manual as man pages: wtman(1) of the help texts, wtman-TOPIC(7) of each page.

Pure, and the standard library only: it runs when a wheel is built. Markdown is read as our
pages are written: headings, paragraphs, lists, tables, code.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from wtman.ui.manual_page import subject, unlinked

_COMMAND = re.compile(r"(?ms)^## (wtman[ a-z-]*)\n\n```text\n(.*?)\n```")
_ITEM = re.compile(r"(?P<indent> *)(?P<mark>[-*]|\d+\.) +(?P<text>.*)")
_INLINE = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*|(?<![\w*])\*([^*\s][^*]*)\*|\[([^\]]+)\]\([^)]+\)")
_ROW = re.compile(r"  (?P<term>\S.*?)(?:  +(?P<text>\S.*))?")
_MARKS = str.maketrans(
    {"\\": "\\e", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti"}
)
_MOST_INDENTED = 68  # columns
# Some name a command and a page: the page of that topic is in section 7.
ALIAS = ".so man1/wtman.1\n"


def man_pages(pages: Mapping[str, str], version: str) -> dict[str, str]:
    """Each man page by its path below `share/man`; `pages` are those of the manual by topic."""
    found = {"man1/wtman.1": _commands(pages, version), "man1/git-wtman.1": ALIAS}
    for topic, page in pages.items():
        if topic != "commands":
            found[f"man7/wtman-{topic}.7"] = _topic(topic, page, version)
    return found


def _commands(pages: Mapping[str, str], version: str) -> str:
    (_, whole), *each = _COMMAND.findall(pages["commands"])
    usage, about, sections = _parts(whole)
    lines = [
        _head("wtman", 1, version),
        ".SH NAME",
        f"wtman {_text(chr(45))} {_text(about[0][:1].lower() + about[0][1:].rstrip('.'))}",
        ".SH SYNOPSIS",
        *_verbatim(usage),
        ".SH DESCRIPTION",
        *_paragraphs(about),
    ]
    groups = [(title, rows) for title, rows in sections if title not in ("Options", "Examples")]
    lines += [".SH COMMANDS"]
    for title, rows in groups:
        lines += [f".SS {_text(title)}", *_listed(rows)]
    for title, rows in sections:
        if (title, rows) not in groups:
            lines += [f".SH {title.upper()}", *_section(title, rows)]
    lines += [".SH EACH COMMAND"]
    for name, text in each:
        usage, about, sections = _parts(text)
        lines += [f".SS {_text(name)}", *_verbatim(usage), *_paragraphs(about)]
        for title, rows in sections:
            lines += [".PP", f"\\fB{_text(title)}:\\fR", *_section(title, rows)]
    lines += [".SH PAGES OF THE MANUAL"]
    for topic, page in pages.items():
        if topic != "commands":
            lines += [".TP", f"\\fBwtman\\-{_text(topic)}\\fR(7)", _text(subject(page))]
    lines += [".PP", "The same in a terminal without man: \\fBwtman help\\fR."]
    lines += [".SH SEE ALSO", "\\fBgit\\fR(1), \\fBgit\\-worktree\\fR(1), \\fBgh\\fR(1)"]
    return "\n".join(lines) + "\n"


def _topic(topic: str, page: str, version: str) -> str:
    body = unlinked(page).partition("\n")[2]
    about = subject(page)
    lines = [
        _head(f"wtman-{topic}", 7, version),
        ".SH NAME",
        f"wtman\\-{_text(topic)} \\- {_text(about[:1].lower() + about[1:])}",
        ".SH DESCRIPTION",
        *_blocks(body.splitlines()),
        ".SH SEE ALSO",
        "\\fBwtman\\fR(1)",
    ]
    return "\n".join(lines) + "\n"


def _head(name: str, section: int, version: str) -> str:
    title = f'.TH {_text(name.upper())} {section} "" "wtman {version}" "wtman manual"'
    return f"{title}\n.nh\n.ad l"  # no hyphens in names to type, no gaps between words


def _text(text: str) -> str:
    """Text that no macro sees."""
    safe = text.translate(_MARKS)
    return f"\\&{safe}" if safe.startswith((".", "\\(aq")) else safe


def _inline(text: str) -> str:
    """Code and strong words bold, links as their words."""
    out, at = [], 0
    for match in _INLINE.finditer(text):
        code, strong, slanted, link = match.groups()
        out.append(text[at : match.start()].translate(_MARKS))
        font, words = ("I", slanted) if slanted else ("B", code or strong or "")
        out.append(link.translate(_MARKS) if link else f"\\f{font}{words.translate(_MARKS)}\\fR")
        at = match.end()
    line = "".join([*out, text[at:].translate(_MARKS)])
    return f"\\&{line}" if line.startswith((".", "\\(aq")) else line


def _verbatim(lines: Sequence[str]) -> list[str]:
    """As it is; wide lines begin further left, to be whole at 80 columns."""
    wide = max(map(len, lines), default=0) > _MOST_INDENTED
    before, after = ([".in 2"], [".in"]) if wide else ([".RS 2"], [".RE"])
    return [".PP", *before, ".nf", *(_text(line) for line in lines), ".fi", *after]


# --- the text of --help ---------------------------------------------------------------------------

Section = tuple[str, list[str]]  # its title and its lines


def _parts(text: str) -> tuple[list[str], list[str], list[Section]]:
    """A help text: the lines of its usage, its paragraphs, its sections."""
    usage: list[str] = []
    about: list[str] = []
    sections: list[Section] = []
    for filled, chunk in groupby(text.splitlines(), bool):
        lines = list(chunk)
        if not filled:
            continue
        if lines[0].startswith("Usage: "):
            usage = [lines[0].removeprefix("Usage: "), *(line.strip() for line in lines[1:])]
        elif not lines[0].startswith(" "):
            sections.append((lines[0].rstrip(":"), lines[1:]))
        elif not sections:
            about.append(" ".join(line.strip() for line in lines))
    return usage, about, sections


def _section(title: str, lines: Sequence[str]) -> list[str]:
    if title == "Examples":
        return _verbatim([line[2:] for line in lines])
    return _listed(lines)


def _listed(lines: Sequence[str]) -> list[str]:
    """Terms with their texts; a line that is indented more goes on with the one before."""
    rows: list[list[str]] = []
    for line in lines:
        match = _ROW.fullmatch(line)
        if match:
            rows.append([match["term"], match["text"] or ""])
        elif rows:
            rows[-1][1] = f"{rows[-1][1]} {line.strip()}".strip()
    return [text for term, said in rows for text in (".TP", f"\\fB{_text(term)}\\fR", _text(said))]


def _paragraphs(texts: Sequence[str]) -> list[str]:
    return [line for text in texts for line in (".PP", _inline(text))]


# --- Markdown -------------------------------------------------------------------------------------


def _blocks(lines: Sequence[str]) -> Iterator[str]:
    at = 0
    while at < len(lines):
        line = lines[at]
        if line.startswith("```"):
            end = next(i for i in range(at + 1, len(lines)) if lines[i].startswith("```"))
            yield from _verbatim(lines[at + 1 : end])
            at = end + 1
        elif line.startswith("#"):
            level, _, title = line.partition(" ")
            yield f".{'SH' if len(level) < 3 else 'SS'} {_text(title.replace('`', ''))}"
            at += 1
        elif not line.strip():
            at += 1
        else:
            end = at
            while (
                end < len(lines) and lines[end].strip() and not lines[end].startswith(("```", "#"))
            ):
                end += 1
            yield from _block(lines[at:end])
            at = end


def _block(lines: Sequence[str]) -> Iterator[str]:
    """A table, code, or a paragraph with the list below it."""
    if lines[0].startswith("|"):
        yield from _table(lines)
    elif all(line.startswith("    ") for line in lines) and not _ITEM.fullmatch(lines[0]):
        yield from _verbatim([line[4:] for line in lines])
    else:
        yield from _prose(lines)


def _prose(lines: Sequence[str]) -> Iterator[str]:
    mark, said = "", list[str]()
    for line in (*lines, ""):
        item = _ITEM.fullmatch(line)
        if said and (item or not line):
            yield from ([f".IP {mark} 3"] if mark else [".PP"])
            yield _inline(" ".join(said))
            said = []
        if item:
            mark = "\\(bu" if item["mark"] in "-*" else item["mark"]
            said = [item["text"]]
        elif line:
            said.append(line.strip())


def _table(lines: Sequence[str]) -> Iterator[str]:
    """A term a row; a row without one goes on with the one before."""
    rows: list[list[str]] = []
    for line in lines[2:]:
        first, *rest = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if first or not rows:
            rows.append([first, ": ".join(cell for cell in rest if cell)])
        else:
            rows[-1][1] += " " + " ".join(rest)
    for term, said in rows:
        yield from (".TP", f"\\fB{_inline(term).replace(chr(92) + 'fR', chr(92) + 'fB')}\\fR")
        yield _inline(said.strip())
