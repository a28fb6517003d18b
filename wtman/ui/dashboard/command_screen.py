"""A command in the background, watched: what it prints, how long it takes, how it ended."""

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Footer, Static

from wtman.text.terminal import clean, duration, fit
from wtman.ui.dashboard.said import Said
from wtman.ui.dashboard.source import BackgroundCommand
from wtman.ui.dashboard.text_pane import TextPane

_EVERY = 0.25  # seconds


class CommandScreen(ModalScreen[int | None]):
    """Left with its exit status, or None while it goes on: leaving ends nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,enter", "leave", "Back")]

    def __init__(self, title: str, command: BackgroundCommand, clock: Callable[[], float]) -> None:
        super().__init__()
        self._title, self._command, self._clock = title, command, clock
        self._began = clock()
        self._status: int | None = None

    def compose(self) -> ComposeResult:
        with Vertical(id="box", classes="whole"):
            yield Static(id="command-head", markup=False)
            yield TextPane(id="command-text")
        yield Footer(compact=True)

    def on_mount(self) -> None:
        pane = self.query_one(TextPane)
        pane.follow = True
        pane.focus()
        self._look()
        self.set_interval(_EVERY, self._look)

    def _look(self) -> None:
        if self._status is not None:
            return
        # Asked before reading, so that what came last is still read.
        self._status = self._command.ended()
        pane = self.query_one(TextPane)
        pane.add(Said(clean(line)) for line in self._command.output())
        took = duration(self._clock() - self._began)
        head = self.query_one("#command-head", Static)
        if self._status is None:
            how = f"running for {took}; Esc leaves it running"
        else:
            how = "done" if self._status == 0 else f"ended with exit status {self._status}"
            how = f"{how}, after {took}"
        head.update(f"{fit(self._title, max(self.size.width - len(how) - 8, 20))}  {how}")

    def action_leave(self) -> None:
        self.dismiss(self._status)
