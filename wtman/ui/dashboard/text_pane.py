"""A pane of text: whole lines, searched, following its end or held where it is read."""

from collections.abc import Iterable, Sequence

from rich.segment import Segment
from rich.style import Style
from textual.events import Resize
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from wtman.text.terminal import columns
from wtman.ui.dashboard.said import STYLES, Said, folded

_MOST = 10_000  # lines kept of what goes on
_FOUND = Style.parse("reverse")


class TextPane(ScrollView, can_focus=True):
    """Lines as they are. Wrapped where `wrap` is on, at whatever width the pane has by now."""

    class Moved(Message):
        """It follows its end, or was stopped; or the search went on."""

    def __init__(self, *, id: str, wrap: bool = True) -> None:
        super().__init__(id=id)
        self.wrap = wrap
        self.follow = False
        self.term = ""
        self.matches: list[int] = []  # lines in which the term is
        self._at = -1  # the match that is shown
        self._lines: list[Said] = []
        self._rows: list[tuple[str, int]] = []  # text, and the line that it is of
        self._width = 0

    @property
    def text(self) -> str:
        """All that it has, as text."""
        return "\n".join(line.text for line in self._lines)

    def show(self, lines: Sequence[Said], *, follow: bool = False, keep: bool = False) -> None:
        """Show these lines from their beginning, from their end (`follow`), or where it was."""
        if keep and lines == self._lines:
            return
        self._lines = list(lines)
        self.follow = follow
        self._layout()
        if self.follow:
            self._to_end()
        elif not keep:
            self.scroll_to(0, 0, animate=False)
        self._search_again()

    def add(self, lines: Iterable[Said]) -> None:
        """Show more lines below."""
        new = list(lines)
        if not new:
            return
        self._lines += new
        if len(self._lines) > _MOST * 5 // 4:
            del self._lines[: len(self._lines) - _MOST]
            self._layout()
        else:
            self._fold(len(self._lines) - len(new))
            self._measure()
        if self.follow:
            self._to_end()
        self._search_again()

    # --- search -----------------------------------------------------------------------------------

    def search(self, term: str) -> None:
        """Mark what contains the term, and go to the first such line from here on."""
        self.term = term.casefold()
        self._search_again()
        top = self._rows[self.scroll_offset.y][1] if self._rows[self.scroll_offset.y :] else 0
        later = [at for at, line in enumerate(self.matches) if line >= top]
        self._at = (later or [0])[0] - 1
        self.next_match(1)

    def next_match(self, step: int) -> None:
        """Go to the next or the previous line with the term."""
        if not self.matches:
            self._at = -1
            self.refresh()
            self.post_message(self.Moved())
            return
        self._at = (self._at + step) % len(self.matches)
        line = self.matches[self._at]
        row = next(at for at, (_, of) in enumerate(self._rows) if of == line)
        self.follow = False
        self.scroll_to(0, max(row - self.size.height // 3, 0), animate=False)
        self.refresh()
        self.post_message(self.Moved())

    def _search_again(self) -> None:
        term = self.term
        found = [at for at, line in enumerate(self._lines) if term in line.text.casefold()]
        self.matches = found if term else []
        self.post_message(self.Moved())

    @property
    def told(self) -> str:
        """What the bar above it says of it."""
        if self.term:
            return f"{self._at + 1} of {len(self.matches)} found" if self.matches else "not found"
        if self.follow:
            return "following"
        return "" if self.max_scroll_y <= 0 else f"{self._percent} %"

    @property
    def _percent(self) -> int:
        return round(100 * min(self.scroll_offset.y / max(self.max_scroll_y, 1), 1.0))

    # --- moving -----------------------------------------------------------------------------------

    def toggle_follow(self) -> None:
        """Hold what is shown, or go to the end and follow."""
        self.follow = not self.follow
        if self.follow:
            self._to_end()
        self.post_message(self.Moved())

    def toggle_wrap(self) -> None:
        self.wrap = not self.wrap
        self._layout()
        self.scroll_to(0, self.scroll_offset.y, animate=False)

    def _to_end(self) -> None:
        """Go to the end once that is known, if it is still wanted then."""

        def go() -> None:
            if self.follow:
                self.scroll_to(0, self.virtual_size.height, animate=False)

        self.call_after_refresh(go)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if new_value < old_value and new_value < self.max_scroll_y:
            self.follow = False  # whoever goes up wants to read
        self.post_message(self.Moved())

    def on_resize(self, event: Resize) -> None:
        if self.scrollable_content_region.width != self._width:
            at = self._rows[self.scroll_offset.y][1] if self._rows[self.scroll_offset.y :] else 0
            follow = self.follow
            self._layout()
            row = next((row for row, (_, line) in enumerate(self._rows) if line >= at), 0)
            self.call_after_refresh(self.scroll_to, 0, row, animate=False)
            self.follow = follow
        if self.follow:
            self._to_end()

    # --- drawing ----------------------------------------------------------------------------------

    def _layout(self) -> None:
        self._width = self.scrollable_content_region.width
        self._rows = []
        self._fold(0)
        self._measure()

    def _fold(self, start: int) -> None:
        width = self._width if self.wrap else 0
        for number, line in enumerate(self._lines[start:], start):
            rows = folded(line.text, width) if width > 1 else [line.text]
            self._rows += [(row, number) for row in rows]

    def _measure(self) -> None:
        widest = 1 if self.wrap else max((columns(row) for row, _ in self._rows), default=1)
        self.virtual_size = Size(widest, len(self._rows))
        self.refresh()

    def render_line(self, y: int) -> Strip:
        left, top = self.scroll_offset
        width = self.size.width
        row = y + top
        base = self.rich_style
        if row >= len(self._rows):
            return Strip.blank(width, base)
        text, number = self._rows[row]
        style = base + Style.parse(STYLES[self._lines[number].kind])
        strip = Strip(self._marked(text, style))
        return strip.crop_extend(left, left + width, base)

    def _marked(self, text: str, style: Style) -> list[Segment]:
        """The text with what was searched for marked in it."""
        folded_text = text.casefold()
        if not self.term or self.term not in folded_text or len(folded_text) != len(text):
            return [Segment(text, style)]
        pieces, at = [], 0
        while (found := folded_text.find(self.term, at)) >= 0:
            end = found + len(self.term)
            pieces += [Segment(text[at:found], style), Segment(text[found:end], style + _FOUND)]
            at = end
        return [*pieces, Segment(text[at:], style)]
