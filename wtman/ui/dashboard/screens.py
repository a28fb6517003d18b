"""Questions over the dashboard: yes or no, an answer, a message, which run, the keys."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.table import Table as Grid
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.events import Key
from textual.screen import ModalScreen
from textual.widgets import Footer, Input, Label, OptionList, Static
from textual.widgets.option_list import Option

from wtman.text.terminal import clean, duration, fit, pad
from wtman.ui.dashboard.keys import MOVE, PANES, RUN, TASK, TEXT, key_lines, widest
from wtman.ui.dashboard.said import STYLES
from wtman.ui.dashboard.source import RunLine

_LEAVE = "escape,q"
_STATE = 16  # columns of the state of a run


class ConfirmScreen(ModalScreen[bool]):
    """A question with yes and no."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes"),
        Binding(f"n,{_LEAVE}", "answer(False)", "No"),
    ]

    def __init__(self, question: str) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="box"):
            yield Label(f"{self._question}  [y/N]", id="question", markup=False)
        yield Footer(compact=True)

    def action_answer(self, said: bool) -> None:
        self.dismiss(said)


class AnswerScreen(ModalScreen[str]):
    """A question of a flow, answered by the number of an option."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding(_LEAVE, "leave", "Not now")]

    def __init__(self, lines: Sequence[str], options: tuple[str, ...]) -> None:
        super().__init__()
        self._lines = lines
        self._options = options

    def compose(self) -> ComposeResult:
        numbered = (f"{number}  {clean(text)}" for number, text in enumerate(self._options, 1))
        text = "\n".join([*self._lines, "", *numbered])
        with VerticalScroll(id="box"):
            yield Label(text, id="question", markup=False)
        yield Footer(compact=True)

    def on_key(self, event: Key) -> None:
        word = event.character or ""
        number = int(word) if word.isascii() and word.isdecimal() else 0
        if 0 < number <= len(self._options):
            self.dismiss(self._options[number - 1])

    def action_leave(self) -> None:
        self.dismiss("")


class MessageScreen(ModalScreen[str | None]):
    """A line of text, which may be empty; None where it is left."""

    AUTO_FOCUS = "#message"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Cancel")]

    def __init__(self, title: str, empty: str) -> None:
        super().__init__()
        self._title, self._empty = title, empty

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="box"):
            yield Label(self._title, markup=False)
            yield Input(placeholder=self._empty, id="message", compact=True)
            yield Label("Enter: go, Esc: cancel", classes="quiet", markup=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip())

    def action_leave(self) -> None:
        self.dismiss(None)


class RunsScreen(ModalScreen[str]):
    """The runs of the repository, the newest first."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "move(1)", show=False),
        Binding("k", "move(-1)", show=False),
        Binding("enter", "pick", "Show"),
        Binding(f"{_LEAVE},R", "leave", "Back"),
    ]

    def __init__(self, runs: Sequence[RunLine], current: str, now: float) -> None:
        super().__init__()
        self._runs, self._current, self._now = runs, current, now

    def compose(self) -> ComposeResult:
        room = max(min(self.app.size.width * 96 // 100, 110) - 10, 20)
        name = min(max((len(run.run) for run in self._runs), default=0), 40)
        with VerticalScroll(id="box", classes="wide"):
            yield Label("Runs, newest first", classes="title", markup=False)
            options = (Option(self._line(run, name, room), id=run.run) for run in self._runs)
            yield OptionList(*options, id="runs", compact=True, markup=False)
        yield Footer(compact=True)

    def _line(self, run: RunLine, name: int, room: int) -> Text:
        mark = "▸" if run.run == self._current else " "
        age = f"{duration(max(self._now - run.created, 0.0))} ago" if run.created else ""
        text = Text(no_wrap=True)
        text.append(f"{mark} {pad(run.run, name)}  ")
        text.append(pad(run.state, _STATE), STYLES[run.kind])
        text.append(f" {age:>13}  ", "dim")
        left = room - name - _STATE - 21
        return text.append(fit(clean(run.request), left)) if left > 8 else text

    def on_mount(self) -> None:
        options = self.query_one(OptionList)
        options.highlighted = next(
            (at for at, run in enumerate(self._runs) if run.run == self._current), 0
        )
        options.focus()

    def action_move(self, by: int) -> None:
        options = self.query_one(OptionList)
        if by > 0:
            options.action_cursor_down()
        else:
            options.action_cursor_up()

    def action_pick(self) -> None:
        self.query_one(OptionList).action_select()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_id or "")

    def action_leave(self) -> None:
        self.dismiss("")


class KeysScreen(ModalScreen[None]):
    """All keys in groups; what cannot be had now is dim, with the reason below."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(f"{_LEAVE},question_mark,enter", "leave", "Back")
    ]

    def __init__(self, refused: Callable[[], dict[str, str]]) -> None:
        super().__init__()
        self._refused = refused

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="box", classes="wide"):
            yield Static(self._grid(), id="keys-text")
        yield Footer(compact=True)

    def _grid(self) -> Grid:
        refused = self._refused()
        grid = Grid.grid(padding=(0, 2, 0, 0))
        both = self.app.size.width >= 2 * widest() + 10
        columns = ((MOVE, PANES, TEXT), (TASK, RUN)) if both else ((MOVE, PANES, TEXT, TASK, RUN),)
        cells = [self._column(groups, refused) for groups in columns]
        grid.add_row(*cells)
        return grid

    def _column(self, groups: Sequence[str], refused: dict[str, str]) -> Text:
        text = Text(no_wrap=True)
        for group in groups:
            text.append(("\n\n" if text.plain else "") + group, "bold")
            for line, can in key_lines(group, refused):
                text.append(f"\n{line}", "" if can else "dim")
        return text

    def action_leave(self) -> None:
        self.dismiss(None)
