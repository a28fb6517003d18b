"""The dashboard itself: what is looked at, how often, and what its keys ask for."""

import shlex
from dataclasses import replace
from typing import ClassVar

from rich.text import Text
from textual.app import App, ComposeResult, SuspendNotSupported
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.events import Key
from textual.widgets import Footer, Input, Label, Static

from wtman.errors import WtmanError
from wtman.journal.state import PersonQuestion
from wtman.model.ids import RunId, TaskId
from wtman.model.states import Standing
from wtman.sessions.activity import ActivityReport
from wtman.tasks.lifecycle import standings
from wtman.text.terminal import clean, count
from wtman.ui.dashboard import head
from wtman.ui.dashboard.availability import ON_TASKS, merge_lines, merge_words, refused_of_run
from wtman.ui.dashboard.choice import ORDERS, Item, items_of, told_of
from wtman.ui.dashboard.command_screen import CommandScreen
from wtman.ui.dashboard.keys import SHORTCUTS, name_of
from wtman.ui.dashboard.pane_bar import PaneBar
from wtman.ui.dashboard.panes import ChosenLine, ChosenPanes
from wtman.ui.dashboard.screens import (
    AnswerScreen,
    ConfirmScreen,
    KeysScreen,
    MessageScreen,
    RunsScreen,
)
from wtman.ui.dashboard.source import BackgroundCommand, DashboardSource
from wtman.ui.dashboard.style import CSS, THEME
from wtman.ui.dashboard.task_list import TaskList
from wtman.ui.dashboard.text_pane import TextPane
from wtman.ui.failures import FailedTask, failures
from wtman.ui.questions import shown_lines
from wtman.ui.rows import Moment, Row, places_of, row_of
from wtman.ui.tree import BUSY, Node, TreeLine

_EVERY = 0.5  # seconds between two looks
_RUNS_EVERY = 4  # looks between two at which runs there are
_DURATIONS_EVERY = 20  # looks between two at what past work took
_WIDE = 100  # columns from which on tasks and pane stand side by side
_BINDINGS: list[BindingType] = [
    Binding(item.keys, item.action, item.short or item.does, show=bool(item.short))
    for group in SHORTCUTS.values()
    for item in group
    if item.keys
]


class Dashboard(App[None]):
    """Tasks on the left; log, diff, findings and facts of the chosen one on the right."""

    TITLE = "wtman"
    ENABLE_COMMAND_PALETTE = False
    CSS = CSS
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (_WIDE, "-wide")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        *_BINDINGS,
        Binding("enter", "zoom", show=False),
        Binding("ctrl+z", "suspend_process", show=False),
        Binding("ctrl+c", "interrupt", show=False, priority=True),
    ]

    def __init__(self, source: DashboardSource, run: RunId, follows: bool = False) -> None:
        super().__init__(ansi_color=True)
        self._source = source
        self._follows = follows
        self._newest = source.newest()
        self._looks = 0
        self._words = ""  # that tasks are filtered by
        self._order = ORDERS[0]
        self._asks = ""  # what the line at the bottom is for: filter or search
        self._begun: list[tuple[BackgroundCommand, str, int]] = []
        self._open(run)

    def _open(self, run: RunId) -> None:
        """Look at this run from now on."""
        self._run = self._source.open(run)
        self._state = self._run.state()
        self._known: dict[TaskId, Standing] = standings(self._state)
        self._live = self._run.live()
        self._told = ActivityReport()
        self._durations = self._source.durations()  # of past work, for the estimate
        self._places: dict[TaskId, int] = {}  # in the queue
        self._failed: dict[TaskId, FailedTask] = {}
        self._listed: tuple[object, ...] = ()
        self._items: list[Item] = []
        self._item: Item | None = None
        self._refused: dict[str, str] = {}

    def compose(self) -> ComposeResult:
        yield Static(id="head", markup=False)
        yield Static(id="needs", markup=False)
        with Horizontal(id="body"):
            yield TaskList(id="tasks")
            yield ChosenPanes(id="right")
        with Horizontal(id="ask"):
            yield Label(id="ask-name", markup=False)
            yield Input(id="ask-text", compact=True)
            yield Label(id="ask-told", markup=False)
        yield Static(id="next", markup=False)
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        self.register_theme(THEME)
        self.theme = THEME.name
        self.query_one("#ask").display = False
        self._look()
        self.set_interval(_EVERY, self._look)
        self.query_one(TaskList).focus()

    def _fatal_error(self) -> None:
        """End; the command's door tells of it, without a traceback."""
        self._close_messages_no_wait()

    @property
    def failure(self) -> Exception | None:
        """What ended it, if it was a fault."""
        return self._exception

    # --- looking ----------------------------------------------------------------------------------

    def _look(self) -> None:
        """Read on, and show what is new."""
        if not self.is_running:
            return  # its timer ticks once more while the screen is taken down
        self._look_for_runs()
        state, live = self._run.state(), self._run.live()
        changed = state is not self._state or live != self._live or not self._listed
        if state is not self._state:
            self._state, self._known = state, standings(state)
        self._live = live
        if changed:
            self._failed = {it.task: it for it in failures(state, self._known)}
            self._places = places_of(state, self._known) if live else {}
        self._told = self._run.told() if live else ActivityReport()
        if live and not self._looks % _DURATIONS_EVERY:
            self._durations = self._source.durations()
        if changed or live:
            self._show_head()
            self._fill()
        self._show_chosen(changed)
        self._watch_begun()

    def _look_for_runs(self) -> None:
        """Go to a new run, or tell of it."""
        self._looks += 1
        if self._looks % _RUNS_EVERY or (newest := self._source.newest()) == self._newest:
            return
        self._newest = newest
        if self._follows:
            self._switch(newest)
        else:
            self.notify(f"new run {newest}: R shows the runs, F follows new ones", markup=False)

    @property
    def _now(self) -> float:
        return self._source.clock() if self._live else self._state.updated

    def _doing(self, task: TaskId) -> str:
        """What a task does now, and for how long; empty where nothing goes on."""
        standing = self._known[task]
        if standing.state not in BUSY:
            return ""
        line = TreeLine(0, Node("task", task, standing.state, standing.reason, (task,)))
        return self._row(Item(task, task, line)).note

    def _show_head(self) -> None:
        state, known, live, now = self._state, self._known, self._live, self._now
        width, high = max(self.size.width - 2, 20), self.size.height >= 34
        text = Text.assemble(*head.title(state, known, live, self._follows, width), no_wrap=True)
        for line in head.facts(state, known, self._durations if live else None, now, width):
            text.append(f"\n{line}")
        if drawn := head.bar_line(known, width):
            text.append("\n").append_text(Text.from_ansi(drawn))
        self.query_one("#head", Static).update(text)
        lines = head.pressing(state, known, live, width, 5 if high else 2)
        needs = self.query_one("#needs", Static)
        needs.update("\n".join(lines))
        needs.set_class(not lines, "-empty")
        follow = head.next_line(state, known, live)
        place = self.query_one("#next", Static)
        place.update(follow)
        place.set_class(not follow, "-empty")

    def _fill(self) -> None:
        """Show the lines of the list; made anew only where something moved."""
        sorts = self._now // 5 if self._order in ("time", "cost") and self._live else 0
        now = (self._state, self._words, self._order, sorts)
        if self._listed != now:
            self._listed = now
            self._items = items_of(self._state, self._known, self._words, self._order, self._now)
        usages = (self._state.usage, *self._told.used.values())
        paid = any(usage.tokens or usage.usd for usage in usages)
        self.query_one(TaskList).show(self._items, self._row, self._order, paid)
        told = told_of(self._items, self._words, len(self._known))
        if self._asks == "filter":
            self.query_one("#ask-told", Label).update(f"{told}  Enter keeps, Esc clears")

    def _row(self, item: Item) -> Row:
        """What is in a line; asked for those that are seen. Of a task that fell short, why."""
        told = self._told
        at = Moment(self._now, self._live, told.said, told.since, told.used)
        row = row_of(self._state, item.line, self._known, at, self._places)
        failed = self._failed.get(item.task) if item.task else None
        if failed is None or row.head:
            return row
        told_by_check = failed.telling and not failed.what.startswith("session")
        return replace(row, note=failed.telling if told_by_check else failed.what)

    @property
    def _chosen(self) -> TaskId | None:
        task = self._item.task if self._item is not None else None
        return task if task and task in self._state.tasks else None

    def on_task_list_chosen(self, event: TaskList.Chosen) -> None:
        self._item = event.item
        self._show_chosen(True)

    def on_task_list_opened(self) -> None:
        self.action_zoom()

    def _show_chosen(self, changed: bool) -> None:
        """The panes of the chosen line, and which keys can be had on it."""
        self._item = item = self.query_one(TaskList).item
        task = self._chosen
        if item is None:
            self._panes.show(None)
        else:
            doing = self._doing(task) if task else ""
            failed = self._failed.get(task) if task else None
            self._panes.show(
                ChosenLine(
                    self._run,
                    self._state,
                    self._known,
                    item,
                    task or TaskId(""),
                    failed,
                    doing,
                    self._now,
                )
            )
        if changed:
            self._refuse(task)

    @property
    def _panes(self) -> ChosenPanes:
        return self.query_one(ChosenPanes)

    def on_text_pane_moved(self) -> None:
        if self.is_running and len(self.screen_stack) == 1:
            self._panes.tell()
            if self._asks == "search":
                self.query_one("#ask-told", Label).update(self._panes.pane.told)

    def on_pane_bar_picked(self, event: PaneBar.Picked) -> None:
        self.action_pane(event.name)

    # --- what can be done -------------------------------------------------------------------------

    def _refuse(self, task: TaskId | None) -> None:
        """Find out which keys can be had now, and show it in the footer."""
        found = refused_of_run(self._state, self._known, self._live)
        for action in ON_TASKS:
            if task is None:
                found[action] = "choose a task first"
            elif reason := self._run.refusal(action, self._state, task):
                found[action] = reason
        if found != self._refused:
            self._refused = found
            self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey what cannot be had now; why is told when its key is pressed."""
        return None if action in self._refused else True

    def on_key(self, event: Key) -> None:
        if len(self.screen_stack) > 1 or isinstance(self.focused, Input):
            return
        for group in SHORTCUTS.values():
            for item in group:
                reason = self._refused.get(name_of(item.action), "")
                if reason and item.keys in (event.key, *event.aliases):
                    self.notify(reason, severity="warning", markup=False)

    # --- keys: what is shown ----------------------------------------------------------------------

    def action_pane(self, name: str) -> None:
        self._panes.turn_to(name)

    def action_zoom(self) -> None:
        """The pane alone on the screen, or beside the tasks again."""
        self.screen.toggle_class("-zoom")
        place = self._panes.pane if self.screen.has_class("-zoom") else self.query_one(TaskList)
        place.focus()

    def action_order(self) -> None:
        self._order = ORDERS[(ORDERS.index(self._order) + 1) % len(ORDERS)]
        self._fill()
        self.notify(f"sorted by {self._order}", timeout=2)

    def action_follow(self) -> None:
        self._panes.pane.toggle_follow()

    def action_wrap(self) -> None:
        self._panes.pane.toggle_wrap()

    def action_match(self, step: int) -> None:
        self._panes.pane.next_match(step)

    def action_find(self) -> None:
        """Filter the tasks, or search in the pane that is focused."""
        self._asks = "search" if isinstance(self.focused, TextPane) else "filter"
        self.query_one("#ask").display = True
        self.query_one("#ask-name", Label).update(f"{self._asks}: ")
        line = self.query_one("#ask-text", Input)
        line.value = self._panes.pane.term if self._asks == "search" else self._words
        self.set_focus(line)  # now: what is typed on is for it, and no key of the dashboard

    def on_input_changed(self, event: Input.Changed) -> None:
        if event.input.id != "ask-text":
            return
        if self._asks == "search":
            self._panes.pane.search(event.value)
        elif self._asks == "filter" and event.value != self._words:
            self._words = event.value
            self._fill()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.input.id == "ask-text":
            self._leave_line(clear=not event.value)

    def _leave_line(self, clear: bool) -> None:
        """Go back to where the line was for; a filter stays to be seen while it filters."""
        asks, self._asks = self._asks, "" if clear else self._asks
        if clear or asks == "search":
            self.query_one("#ask").display = False
        if clear and asks == "search":
            self._panes.pane.search("")
        elif clear:
            self._words = ""
            self._fill()
        (self._panes.pane if asks == "search" else self.query_one(TaskList)).focus()
        self._panes.tell()

    def action_leave(self) -> None:
        """End what is nearest: a search, the whole screen, a filter."""
        if isinstance(self.focused, Input) or self._asks == "search":
            self._leave_line(clear=True)
        elif self._panes.pane.term:
            self._panes.pane.search("")
        elif self.screen.has_class("-zoom"):
            self.action_zoom()
        elif isinstance(self.focused, TextPane):
            self.query_one(TaskList).focus()
        elif self._words:
            self._asks = "filter"
            self._leave_line(clear=True)

    def action_keys(self) -> None:
        self.push_screen(KeysScreen(lambda: self._refused))

    # --- keys: runs -------------------------------------------------------------------------------

    def _switch(self, run: RunId) -> None:
        self._open(run)
        self._look()

    def action_runs(self) -> None:
        def picked(run: str | None) -> None:
            if run:
                self._switch(RunId(run))

        runs = self._source.runs()
        self.push_screen(RunsScreen(runs, self._run.run, self._source.clock()), picked)

    def action_newest(self) -> None:
        self._follows = not self._follows
        self.notify("new runs are shown as they start" if self._follows else "stays with this run")
        self._show_head()

    def action_stop(self) -> None:
        """Ask, then stop the run politely."""

        def said(yes: bool | None) -> None:
            if yes:
                self._run.stop()
                self.notify("stopping; no work is lost", markup=False)

        busy = sum(view.in_flight is not None for view in self._state.tasks.values())
        self.push_screen(ConfirmScreen(f"Stop the run and end {count(busy, 'session')}?"), said)

    def action_resume(self) -> None:
        """Go on in the background; what is to be asked is asked on the terminal."""
        self._at_terminal("resume", self._run.run, "--detach")

    def action_merge(self) -> None:
        """Show what would land, ask, and watch the merge."""
        state, known = self._state, self._known
        words = merge_words(state, known)
        lines = [clean(line, max(self.size.width - 12, 20)) for line in merge_lines(state, known)]

        def said(yes: bool | None) -> None:
            if yes:
                title = shlex.join(["wtman", *words])
                command = self._source.aside(state.run, words)
                self.push_screen(CommandScreen(title, command, self._source.clock))

        self.push_screen(ConfirmScreen("\n".join([*lines, "", "Merge?"])), said)

    @property
    def _question(self) -> PersonQuestion | None:
        """The chosen question, else the oldest."""
        asked = self._state.questions
        chosen = self._item.line.node.step if self._item is not None else None
        return next(
            (it for it in asked if chosen and it.key == chosen.key), next(iter(asked), None)
        )

    def action_answer(self) -> None:
        """Show a question that the run waits with, and take its answer."""
        question = self._question
        if question is None:
            return

        def said(answer: str | None) -> None:
            if answer:
                self._run.answer(question, answer)
                more = "" if self._run.live() else "; u resumes the run"
                self.notify(f"answered: {answer}{more}", markup=False)

        lines = shown_lines(question, max(self.size.width - 12, 20))
        self.push_screen(AnswerScreen(lines, question.options), said)

    # --- keys: the chosen task --------------------------------------------------------------------

    def action_retry(self) -> None:
        """One more attempt: by whoever drives the run, else by a process in the background."""
        task = self._chosen
        if task is None:
            return
        name = f"{self._state.run}/{task}"

        def said(message: str | None) -> None:
            if message is None:
                return
            if not self._run.live():
                words = ["retry", name, *(["-m", message] if message else [])]
                command = self._source.aside(self._state.run, words)
                self._begun.append((command, shlex.join(["wtman", *words]), self._state.seq))
                self.notify(f"{task} gets one more attempt, in the background", markup=False)
                return
            try:
                self._run.retry(self._run.state(), task, message)
            except WtmanError as error:
                self.notify(told_error(error), severity="warning", markup=False)
                return
            self.notify(f"{task} gets one more attempt", markup=False)

        screen = MessageScreen(f"Retry {task}. What to tell its session:", "nothing more")
        self.push_screen(screen, said)

    def _watch_begun(self) -> None:
        """Tell of a command in the background that ended before it did anything."""
        for item in list(self._begun):
            command, words, seq = item
            status = command.ended()
            if status is None:
                continue
            self._begun.remove(item)
            said = [clean(line, 200) for line in command.output()]
            if status and self._state.seq == seq:
                told = "\n".join([f"{words}: exit status {status}", *said[-6:]])
                self.notify(told, severity="error", timeout=30, markup=False)

    def action_open(self) -> None:
        self._at_terminal("open", self._named)

    def action_shell(self) -> None:
        self._at_terminal("shell", self._named)

    def action_attach(self) -> None:
        self._at_terminal("attach", self._named)

    @property
    def _named(self) -> str:
        return f"{self._state.run}/{self._chosen or ''}"

    def _at_terminal(self, *words: str) -> None:
        """Give the terminal to a command, and come back."""
        try:
            with self.suspend():
                self._source.at_terminal(words)
        except SuspendNotSupported:
            told = f"not in this terminal: type it in another: {shlex.join(['wtman', *words])}"
            self.notify(told, severity="warning", markup=False)
        self._look()

    def action_interrupt(self) -> None:
        self.exit(return_code=130)


def told_error(error: WtmanError) -> str:
    """An error and its next step as one text."""
    return error.message + (f": {error.hint}" if error.hint else "")
