"""A report as Markdown. Pure: foreign words are only ever words in it."""

from collections.abc import Iterator, Sequence

from wtman.text.terminal import clean
from wtman.ui.document import Card, Facts, Line, Section, Table, Verbatim, Words

_MOST = 40  # lines of an output


def markdown(
    title: Line, head: Sequence[Line], warnings: Sequence[str], sections: Sequence[Section]
) -> str:
    """The whole as one text."""
    lines = [f"# {_said(title)}", "", *(_said(item) for item in head)]
    lines += [f"\n> {_escaped(text)}" for text in warnings]
    for section in sections:
        if body := [text for block in section.blocks for text in _block(block)]:
            lines += ["", f"## {section.title}", *body]
    return "\n".join(lines).rstrip() + "\n"


def _block(block: Facts | Table | Verbatim | Card) -> Iterator[str]:
    """Its lines, an empty one before; none where there is nothing in it."""
    match block:
        case Card():
            yield from ("", f"### {_said(block.title)}")
            for inner in block.blocks:
                yield from _block(inner)
        case Facts() if block.lines:
            yield ""
            yield from (f"- {_said(item)}" for item in block.lines)
        case Table():
            yield from ("", _row(block.head), _row(["---"] * len(block.head)))
            yield from (_row([_said(cell, True) for cell in row]) for row in block.rows)
        case Verbatim():
            yield from ("", "reproduce:", "") if block.runs else ("",)
            yield from (f"    {clean(text, 2000)}" for text in block.text.splitlines()[-_MOST:])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _said(item: Line, in_table: bool = False) -> str:
    return "".join(_words(words, in_table) for words in item).strip()


def _words(words: Words, in_table: bool) -> str:
    if words.style == "code":
        text = clean(words.text, 400).replace("`", "'")
        return f"`{text.replace('|', chr(92) + '|') if in_table else text}`"
    text = _escaped(words.text)
    return f"**{text}**" if words.style in ("strong", "badge", "bad", "warn") else text


def _escaped(text: str) -> str:
    """Foreign words on one line that Markdown and HTML leave as words."""
    escaped = clean(text, 400)
    for letter in "\\`*_[]|#":
        escaped = escaped.replace(letter, "\\" + letter)
    return escaped.replace("<", "&lt;")
