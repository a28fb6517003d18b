"""Where the manual explains a word. Pure."""

import re
from collections.abc import Iterator, Mapping

from wtman.model.values import dataclass

_HEADING = re.compile(r"#+ (.*)")


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a page that has the words: its heading and the first line that has one."""

    topic: str
    heading: str
    line: str
    weight: int


def passages(pages: Mapping[str, str], words: str, most: int = 8) -> tuple[Passage, ...]:
    """The parts of the pages that have all these words, the most telling first: those that are
    named so, then those that speak most of it. One a heading."""
    wanted = [re.compile(rf"(?i)(?<![a-z_]){re.escape(word)}") for word in words.split()]
    found = [
        item
        for topic, page in pages.items()
        for heading, text in _parts(page)
        if (item := _judged(topic, heading, text, wanted)) is not None
    ]
    found.sort(key=lambda item: -item.weight)
    return tuple(found[:most])


def _parts(page: str) -> Iterator[tuple[str, str]]:
    heading, lines, fenced = "", list[str](), False
    for line in page.splitlines():
        fenced ^= line.startswith("```")
        match = _HEADING.match(line)
        if match and not fenced:
            yield heading, "\n".join(lines)
            heading, lines = match[1].replace("`", ""), []
        else:
            lines.append(line)
    yield heading, "\n".join(lines)


def _judged(topic: str, heading: str, text: str, wanted: list[re.Pattern[str]]) -> Passage | None:
    if not wanted or not all(word.search(heading) or word.search(text) for word in wanted):
        return None
    named = sum(bool(word.search(heading)) for word in wanted)
    times = min(sum(len(word.findall(text)) for word in wanted), 20)
    lines = [line.strip() for line in text.splitlines()]
    first = next((line for line in lines if any(word.search(line) for word in wanted)), "")
    # Prose explains; the page of options only lists.
    prose = 0 if topic == "commands" else 5
    return Passage(topic, heading, first, 100 * named + times + prose)
