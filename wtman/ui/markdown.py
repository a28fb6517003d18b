"""A report as Markdown. Pure: foreign words are only ever words in it."""

from collections.abc import Iterator, Sequence

from wtman.text.terminal import clean
from wtman.ui.document import Card, Facts, Line, Section, Table, Verbatim, Words, spans

_MOST = 40  # lines of an output


def markdown(
    title: Line,
    head: Sequence[Line],
    warnings: Sequence[str],
    sections: Sequence[Section],
    *,
    folds: bool = True,
) -> str:
    """The whole as one text. With `folds` long outputs are there, folded, which a page shows
    and a terminal does not; without, only their telling lines and the command for the rest."""
    lines = [f"# {_said(title)}", "", *(_said(item) for item in head)]
    lines += [f"\n> {_escaped(text)}" for text in warnings]
    for section in sections:
        if body := [text for block in section.blocks for text in _block(block, folds)]:
            lines += ["", f"## {section.title}", *body]
    return "\n".join(lines).rstrip() + "\n"


def _block(block: Facts | Table | Verbatim | Card, folds: bool) -> Iterator[str]:
    """Its lines, an empty one before; none where there is nothing in it."""
    match block:
        case Card():
            yield from ("", f"### {_said(block.title)}")
            for inner in block.blocks:
                yield from _block(inner, folds)
        case Facts() if block.lines:
            yield ""
            yield from (f"- {_said(item)}" for item in block.lines)
        case Table():
            yield from ("", _row(block.head), _row(["---"] * len(block.head)))
            yield from (_row([_said(cell, True) for cell in row]) for row in block.rows)
        case Verbatim() if block.telling:
            yield from ("", *_code(block.telling))
            if block.folds and folds:
                yield from ("", "<details><summary>Output</summary>", "")
                yield from (*_code(block.text.splitlines()[-_MOST:]), "", "</details>")
            if block.shown:
                yield from ("", f"all of it: `{clean(block.shown)}`")
        case Verbatim():
            yield from ("", "reproduce:", "") if block.runs else ("",)
            yield from _code(block.text.splitlines()[-_MOST:])


def _code(lines: Sequence[str]) -> Iterator[str]:
    return (f"    {clean(text.expandtabs(4), 2000)}".rstrip() for text in lines)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _said(item: Line, in_table: bool = False) -> str:
    return "".join(_words(words, in_table) for words in item).strip()


def _words(words: Words, in_table: bool) -> str:
    if words.style == "code":
        text = clean(words.text, 400).replace("`", "'")
        return f"`{text.replace('|', chr(92) + '|') if in_table else text}`"
    if not words.style:
        parts = spans(clean(words.text, 400))
        return "".join(_words(it, in_table) if it.style else _escaped(it.text) for it in parts)
    text = _escaped(words.text)
    return f"**{text}**" if words.style in ("strong", "badge", "bad", "warn") else text


def _escaped(text: str) -> str:
    """Foreign words on one line that Markdown and HTML leave as words."""
    escaped = clean(text, 400)
    for letter in "\\`*_[]|#":
        escaped = escaped.replace(letter, "\\" + letter)
    return escaped.replace("<", "&lt;")
