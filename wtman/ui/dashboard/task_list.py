"""The list of tasks: only the lines on the screen are made, however many there are."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.events import Click, Resize
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from wtman.ui.dashboard.choice import Item
from wtman.ui.dashboard.row_line import columns_for, header, pieces
from wtman.ui.rows import Row


class TaskList(ScrollView, can_focus=True):
    """Lines below a head that stays; one of them is chosen, and stays chosen by its key."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home,g", "move(-1_000_000_000)", show=False),
        Binding("end,G", "move(1_000_000_000)", show=False),
    ]

    class Chosen(Message):
        """Another line is chosen."""

        def __init__(self, item: Item | None) -> None:
            super().__init__()
            self.item = item

    class Opened(Message):
        """The chosen line was clicked twice, or Enter pressed on it."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.items: Sequence[Item] = ()
        self.cursor = 0
        self._row_of: Callable[[Item], Row] | None = None
        self._order = "plan"
        self._shape = columns_for((), 80, "plan", False)
        self._paid = False

    @property
    def item(self) -> Item | None:
        """The chosen line."""
        return self.items[self.cursor] if self.cursor < len(self.items) else None

    def show(
        self, items: Sequence[Item], row_of: Callable[[Item], Row], order: str, paid: bool
    ) -> None:
        """Show these lines; `row_of` says what is in one that is seen. `paid`: some used tokens
        or money."""
        before = self.item
        now = (order, paid)
        if items is not self.items or now != (self._order, self._paid):
            self.items, self._order, self._paid = items, order, paid
            places = {item.key: at for at, item in enumerate(items)}
            key = before.key if before is not None else ""
            self.cursor = places.get(key, min(self.cursor, max(len(items) - 1, 0)))
            self._layout()
            self._reveal()
        self._row_of = row_of
        self.refresh()
        after = self.item
        if (after and after.key) != (before and before.key):
            self.post_message(self.Chosen(after))

    def choose(self, cursor: int) -> None:
        """Choose a line by its place."""
        cursor = max(min(cursor, len(self.items) - 1), 0)
        if cursor != self.cursor:
            self.cursor = cursor
            self._reveal()
            self.refresh()
            self.post_message(self.Chosen(self.item))

    def action_move(self, by: int) -> None:
        self.choose(self.cursor + by)

    def action_page(self, by: int) -> None:
        self.choose(self.cursor + by * max(self.size.height - 2, 1))

    def on_click(self, event: Click) -> None:
        if event.y > 0:
            self.choose(min(event.y - 1 + self.scroll_offset.y, len(self.items) - 1))
            if event.chain == 2:
                self.post_message(self.Opened())

    def on_resize(self, event: Resize) -> None:
        self._layout()
        self._reveal()

    def _layout(self) -> None:
        width = self.scrollable_content_region.width
        self._shape = columns_for(self.items, width, self._order, self._paid)
        self.virtual_size = Size(width, len(self.items) + 1)

    def _reveal(self) -> None:
        """Scroll so far that the chosen line is seen below the head."""
        top, room = self.scroll_offset.y, max(self.size.height - 1, 1)
        if self.cursor < top:
            self.scroll_to(0, self.cursor, animate=False)
        elif self.cursor >= top + room:
            self.scroll_to(0, self.cursor - room + 1, animate=False)

    def render_line(self, y: int) -> Strip:
        width, base = self.size.width, self.rich_style
        if y == 0:
            title = Segment(header(self._shape, self._order), base + Style(bold=True, dim=True))
            return Strip([title]).crop_extend(0, width, base)
        place = y - 1 + self.scroll_offset.y
        if place >= len(self.items) or self._row_of is None:
            return Strip.blank(width, base)
        found = pieces(self._row_of(self.items[place]), self._shape, width)
        if place == self.cursor:
            # In no colour of its own: on each theme of a terminal the reverse can be read.
            mark = base + Style(reverse=True, bold=self.has_focus)
            return Strip([Segment(text, mark) for text, _ in found]).crop_extend(0, width, mark)
        told = [Segment(text, base + Style.parse(style)) for text, style in found]
        return Strip(told).crop_extend(0, width, base)
