"""The help of `wtman` itself, as typer would print it, whose import costs more than all else.

Made of the same tables; a test compares the two.
"""

import shutil
from collections.abc import Mapping
from itertools import chain
from textwrap import wrap

from wtman.cli.catalog import ABOUT, COMMANDS, EXAMPLES, GROUPS, ROOT_OPTIONS, USAGE, WIDEST

_NARROWEST = 50


def front_page() -> str:
    """The page for the terminal as it is."""
    width = max(min(shutil.get_terminal_size().columns, WIDEST) - 2, _NARROWEST)
    blocks = [[f"Usage: wtman {' '.join(USAGE)}"]]
    for part in ABOUT.split("\n\n"):
        blocks.append(wrap(part, width, initial_indent="  ", subsequent_indent="  "))
    for title, commands in GROUPS.items():
        blocks.append([f"{title}:", *_rows(commands, max(map(len, COMMANDS)), width)])
    wide = max(map(len, EXAMPLES[""]))
    examples = (f"  {line.ljust(wide)}  {text}" for line, text in EXAMPLES[""].items())
    blocks.append(["Examples:", *examples])
    blocks.append(["Options:", *_rows(ROOT_OPTIONS, max(map(len, ROOT_OPTIONS)), width)])
    return "\n\n".join("\n".join(lines) for lines in blocks)


def _rows(rows: Mapping[str, str], wide: int, width: int) -> list[str]:
    """Names and their texts in two columns."""
    first = wide + 2
    told = ((name, wrap(text, max(width - first - 2, 10))) for name, text in rows.items())
    return list(
        chain.from_iterable(
            (f"  {name.ljust(first)}{lines[0]}", *(f"{'':{first + 2}}{line}" for line in lines[1:]))
            for name, lines in told
        )
    )
