"""Foreign words as HTML. Everything that comes from outside passes here."""

from html import escape

from wtman.text.terminal import clean


def text(words: object, most: int = 2000) -> str:
    """Foreign words on one line, without controls."""
    said = clean(str(words))
    return escape(said if len(said) <= most else said[:most] + "…")


def lines(words: str, most: int = 200) -> str:
    """Foreign lines, cleaned one by one; the last ones where there are too many."""
    listed = [clean(line.expandtabs(4)) for line in words.splitlines()]
    cut = [f"… {len(listed) - most} lines before this"] if len(listed) > most else []
    return escape("\n".join([*cut, *listed[-most:]]))
