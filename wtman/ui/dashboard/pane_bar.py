"""One line above the pane: which panes there are, which is shown, and what it is at."""

from collections.abc import Mapping

from rich.text import Text
from textual.events import Click
from textual.message import Message
from textual.widget import Widget

from wtman.text.terminal import columns, fit


class PaneBar(Widget):
    """The names of the panes; each letter that is underlined is the key of one."""

    class Picked(Message):
        """A name was clicked."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self, names: tuple[str, ...], *, id: str) -> None:
        super().__init__(id=id)
        self._names = names
        self._shown = names[0]
        self._labels: Mapping[str, str] = {}
        self._told = ""

    def show(self, shown: str, labels: Mapping[str, str], told: str) -> None:
        """Which pane is shown, what is beside a name (`2` findings), and what the pane is at."""
        now = (shown, labels, told)
        if now != (self._shown, self._labels, self._told):
            self._shown, self._labels, self._told = now
            self.refresh()

    def _label(self, name: str) -> str:
        more = self._labels.get(name, "")
        return f" {name.title()}{' ' + more if more else ''} "

    def render(self) -> Text:
        text = Text(no_wrap=True)
        for name in self._names:
            label = self._label(name)
            start = len(text)
            text.append(label, "reverse bold" if name == self._shown else "")
            text.stylize("underline", start + 1, start + 2)
            text.append(" ")
        room = self.size.width - columns(text.plain) - 1
        told = fit(self._told, max(room, 0))
        return text.append(" " * max(room - columns(told), 0)).append(told, "dim")

    def on_click(self, event: Click) -> None:
        at = 0
        for name in self._names:
            end = at + columns(self._label(name)) + 1
            if at <= event.x < end:
                self.post_message(self.Picked(name))
            at = end
