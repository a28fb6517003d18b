"""Pieces of HTML. Everything that comes from outside passes `text` or `code` first."""

from collections.abc import Iterable, Sequence
from html import escape

from wtman.text.terminal import clean

_NUMBER = ' class="n"'


def text(words: object, most: int = 2000) -> str:
    """Foreign words on one line, without controls, as HTML."""
    said = clean(str(words))
    return escape(said if len(said) <= most else said[:most] + "…")


def code(words: object) -> str:
    """Foreign words in a typewriter's face."""
    return f"<code>{text(words)}</code>"


def lines(words: str, most: int = 200) -> str:
    """Foreign lines, cleaned one by one; the last ones where there are too many."""
    listed = [clean(line.expandtabs(4)) for line in words.splitlines()]
    cut = [f"… {len(listed) - most} lines before this"] if len(listed) > most else []
    return escape("\n".join([*cut, *listed[-most:]]))


def badge(words: str, kind: str) -> str:
    """A word in a pill; colour never says more than the word does."""
    return f'<span class="badge {kind}">{text(words)}</span>'


def table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: int = 0) -> str:
    """A table whose cells are HTML; the last `numbers` columns are aligned as numbers."""
    wide = len(head) - numbers

    def row(cells: Sequence[str], tag: str) -> str:
        scope = ' scope="col"' if tag == "th" else ""
        made = (
            f"<{tag}{scope}{_NUMBER if at >= wide else ''}>{cell}</{tag}>"
            for at, cell in enumerate(cells)
        )
        return f"<tr>{''.join(made)}</tr>"

    body = "".join(row(cells, "td") for cells in rows)
    return (
        f'<div class="wide"><table><thead>{row(head, "th")}</thead><tbody>{body}</tbody></table>'
        "</div>"
    )


def section(name: str, title: str, body: str) -> str:
    """A part of the page with a heading; nothing where there is nothing in it."""
    return f'<section id="{name}"><h2>{title}</h2>{body}</section>' if body else ""


def listed(items: Iterable[str]) -> str:
    """A list of pieces of HTML."""
    made = "".join(f"<li>{item}</li>" for item in items)
    return f"<ul>{made}</ul>" if made else ""
