"""`wtman ui`: a run on the whole screen. Needs the extra `tui`; imported only when asked for.

Looks, and appends requests; it drives nothing and holds no lock, so that it works beside
the terminal that does, on a run of any age, and in several terminals. What an agent or a
repository said is only ever shown as plain text.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.events import Key
from textual.screen import ModalScreen
from textual.widgets import DataTable, Footer, Label, RichLog, Static, TabbedContent, TabPane

from wtman.coordinator.outcome import next_command
from wtman.errors import WtmanError
from wtman.journal.replay_flow import options_of
from wtman.journal.state import FlowStep, State, TaskView
from wtman.model.actions import ActionKey, ActionKind
from wtman.model.ids import TaskId
from wtman.review.judgement import about
from wtman.sessions.activity import ActivityReport
from wtman.tasks.lifecycle import run_state, standings
from wtman.text.terminal import clean, count, fit
from wtman.ui.document import plain
from wtman.ui.facts import task_told
from wtman.ui.findings import evidence_of, finding_told, shown_by
from wtman.ui.flow import question_lines
from wtman.ui.logs import Tail
from wtman.ui.rows import Row, rows_of
from wtman.ui.table import attention, progress

_EVERY = 0.5  # seconds between two looks
_LINES = 5000  # of a log, and of a diff
_NAME, _HEAD = 30, 36  # columns of a name, and of the head of a group: the state is beside it
_ROWS = 500  # lines of the tree; what is alike is counted where they are more
_STYLES = {"good": "green", "bad": "red", "warn": "yellow", "busy": "cyan", "quiet": "dim"}
_COLOURS = {"+": "green", "-": "red", "@": "cyan"}
_COLUMNS = ("glyph", "task", "state", "#", "time", "used")
_PANES = ("log", "diff", "findings", "task")


@dataclass(frozen=True, slots=True)
class DashboardSource:
    """Where the dashboard reads, and whom it asks. `log` gives the streams of the newest
    attempt. `retry` raises WtmanError where it cannot be. `answer` takes the key of a question."""

    state: Callable[[], State]
    live: Callable[[], bool]
    told: Callable[[], ActivityReport]
    clock: Callable[[], float]
    log: Callable[[TaskId, int], tuple[Tail, ...]]
    diff: Callable[[TaskView], str]
    stop: Callable[[], object]
    retry: Callable[[TaskId], None]
    answer: Callable[[str, str], object]


class ConfirmScreen(ModalScreen[bool]):
    """A question with yes and no."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes"),
        Binding("n,escape,q", "answer(False)", "No"),
    ]

    def __init__(self, question: str) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        yield Label(f"{self._question}  [y/N]", id="question", markup=False)
        yield Footer()

    def action_answer(self, said: bool) -> None:
        self.dismiss(said)


class AnswerScreen(ModalScreen[str]):
    """A question of a flow, answered by the number of an option."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "leave", "Not now")]

    def __init__(self, lines: list[str], options: tuple[str, ...]) -> None:
        super().__init__()
        self._lines = lines
        self._options = options

    def compose(self) -> ComposeResult:
        numbered = (f"{number}  {clean(text)}" for number, text in enumerate(self._options, 1))
        yield Label("\n".join([*self._lines, "", *numbered]), id="question", markup=False)
        yield Footer()

    def on_key(self, event: Key) -> None:
        word = event.character or ""
        number = int(word) if word.isascii() and word.isdecimal() else 0
        if 0 < number <= len(self._options):
            self.dismiss(self._options[number - 1])

    def action_leave(self) -> None:
        self.dismiss("")


class Dashboard(App[None]):
    """Tasks on the left; log, diff, findings and facts of the chosen one on the right."""

    TITLE = "wtman"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #head { height: auto; padding: 0 1; background: $panel; }
    #needs { height: auto; max-height: 6; padding: 0 1; color: $warning; }
    #tasks { width: 45%; min-width: 30; }
    #right { width: 1fr; }
    #next { height: 1; padding: 0 1; background: $panel; }
    RichLog, #findings-text, #task-text { padding: 0 1; }
    ConfirmScreen, AnswerScreen { align: center middle; }
    #question { padding: 1 3; border: thick $warning; background: $surface; width: auto; }
    Screen.-narrow Horizontal { layout: vertical; }
    Screen.-narrow #tasks { width: 100%; height: 40%; }
    """
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (90, "-wide")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("l", "pane('log')", "Log"),
        Binding("d", "pane('diff')", "Diff"),
        Binding("f", "pane('findings')", "Findings"),
        Binding("t", "pane('task')", "Task"),
        Binding("a", "answer", "Answer"),
        Binding("s", "stop", "Stop"),
        Binding("r", "retry", "Retry"),
        Binding("q", "quit", "Quit"),
    ]

    def __init__(self, source: DashboardSource) -> None:
        super().__init__()
        self._source = source
        self._state = source.state()
        self._chosen: TaskId | None = next(iter(self._state.tasks), None)
        self._rows: dict[str, TaskId] = {}  # the tasks of the lines, by their keys
        self._tails: tuple[Tail, ...] = ()
        self._logged: tuple[TaskId | None, int] = (None, 0)
        self._diffed: tuple[TaskId | None, str] = (None, "")

    def compose(self) -> ComposeResult:
        yield Static(id="head", markup=False)
        yield Static(id="needs", markup=False)
        with Horizontal():
            yield DataTable(id="tasks", cursor_type="row", zebra_stripes=False)
            with Vertical(id="right"), TabbedContent(id="panes"):
                for name in _PANES:
                    with TabPane(name.title(), id=name):
                        yield RichLog(
                            id=f"{name}-text",
                            max_lines=_LINES,
                            wrap=name != "diff",
                            min_width=20,
                            markup=False,
                        )
        yield Static(id="next", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        table = self.query_one("#tasks", DataTable)
        for name in _COLUMNS:
            table.add_column("" if name == "glyph" else name, key=name)
        self._look()
        self.set_interval(_EVERY, self._look)
        table.focus()

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
        self._state = self._source.state()
        live, told = self._source.live(), self._source.told()
        known = standings(self._state)
        now = self._source.clock() if live else self._state.updated
        head = f"{self._state.run}  {run_state(self._state, known)}  {clean(self._state.request)}"
        self.query_one("#head", Static).update(f"{head}\n{progress(self._state, known, now)}")
        pressing = attention(self._state, known, live)
        for step in self._questions[:1]:
            question = clean(str(step.spec.get("question", "")), 200)
            pressing.insert(0, f"? {question} (press a to answer)")
        needs = self.query_one("#needs", Static)
        needs.update("\n".join(pressing))
        needs.display = bool(pressing)
        follow = next_command(self._state, live, known)
        self.query_one("#next", Static).update(f"next: {follow}" if not live else "live")
        self._fill(now, told)
        self._show_log()
        self._show_rest(told)

    def _fill(self, now: float, told: ActivityReport) -> None:
        table = self.query_one("#tasks", DataTable)
        rows = _keyed(rows_of(self._state, now, told.used, _ROWS))
        shown = [str(key.value) for key in table.rows]
        if shown != list(rows)[: len(shown)]:
            # What is new stands between what is there: all are put in again, in their order.
            chosen = table.cursor_row
            table.clear()
            shown = []
            self.call_after_refresh(table.move_cursor, row=chosen)
        self._rows = {key: row.task for key, row in rows.items() if not row.head}
        for key, row in rows.items():
            cells = _cells(row)
            if key not in table.rows:
                table.add_row(*cells.values(), key=key)
                continue
            for column, cell in cells.items():
                if table.get_cell(key, column) != cell:
                    table.update_cell(key, column, cell, update_width=True)

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        chosen = self._rows.get(str(event.row_key.value))
        if chosen and chosen != self._chosen and chosen in self._state.tasks:
            self._chosen = chosen
            self._show_log()
            self._show_rest(self._source.told())

    def _show_log(self) -> None:
        """The newest attempt's output, from where it was left."""
        task = self._chosen
        if task is None or task not in self._state.tasks:
            return
        log = self.query_one("#log-text", RichLog)
        number, what = _session_of(self._state, task)
        if self._logged != (task, number):
            self._logged = (task, number)
            self._tails = self._source.log(task, number) if number else ()
            log.clear()
            said = f"== {task}, {what} {number} ==" if number else f"{task} has no session yet"
            log.write(Text(said, "bold"))
        for tail in self._tails:
            for line in tail.lines():
                log.write(Text(line))

    def _show_rest(self, told: ActivityReport) -> None:
        task = self._chosen
        if task is None or task not in self._state.tasks:
            return
        view = self._state.tasks[task]
        if self._diffed != (task, view.head):
            self._diffed = (task, view.head)
            self._read_diff(task, view)
        facts = [f"{task}  {standings(self._state)[task].state}", clean(view.task.title)]
        facts += [f"worktree {clean(view.worktree)}"] if view.worktree else []
        facts.append(f"now: {clean(told.said[task], 200)}" if task in told.said else "")
        facts += [f"owns {clean(', '.join(view.task.owns))}" if view.task.owns else ""]
        facts += [clean(plain(item), 400) for item in task_told(self._state, task)]
        prompt = [clean(line) for line in view.task.prompt.splitlines()]
        self._write("task-text", [line for line in facts if line] + ["", *prompt])
        self._write("findings-text", self._findings(task))

    def _findings(self, task: TaskId) -> list[str]:
        lines = []
        for finding, judged in about(self._state, task):
            lines.append(clean(finding.claim.title))
            lines += [f"  {clean(text)}" for text in finding_told(self._state, finding, judged)]
            proof = shown_by(finding, judged)
            if proof is not None:
                lines += [f"    {clean(cell.tree)}: {cell.result}" for cell in proof.cells]
                lines += [f"    | {clean(line)}" for line in evidence_of(proof).splitlines()]
                lines += [f"    $ {clean(proof.by_hand)}"] if proof.by_hand else []
            lines.append("")
        return lines or ["no finding concerns this task"]

    def _write(self, name: str, lines: list[str]) -> None:
        """Show these lines, unless they are what is shown."""
        log = self.query_one(f"#{name}", RichLog)
        text = "\n".join(lines)
        if getattr(log, "shown", None) != text:
            log.shown = text  # type: ignore[attr-defined]
            log.clear()
            for line in lines:
                log.write(Text(line), scroll_end=False)

    @work(thread=True, exclusive=True, group="diff")
    def _read_diff(self, task: TaskId, view: TaskView) -> None:
        text = self._source.diff(view)
        self.call_from_thread(self._show_diff, task, text)

    def _show_diff(self, task: TaskId, text: str) -> None:
        if task != self._chosen:
            return
        log = self.query_one("#diff-text", RichLog)
        log.clear()
        lines = text.splitlines()
        for line in lines[:_LINES] or ["nothing is committed yet"]:
            style = _COLOURS.get(line[:1], "bold" if line.startswith("diff ") else "")
            log.write(Text(clean(line.expandtabs(4)), style), scroll_end=False)

    # --- keys -------------------------------------------------------------------------------------

    def action_pane(self, name: str) -> None:
        self.query_one("#panes", TabbedContent).active = name

    def action_stop(self) -> None:
        """Ask, then stop the run politely."""
        if not self._source.live():
            self.notify("the run is not running", markup=False)
            return

        def said(yes: bool | None) -> None:
            if yes:
                self._source.stop()
                self.notify("stopping; no work is lost", markup=False)

        busy = sum(view.in_flight is not None for view in self._state.tasks.values())
        self.push_screen(ConfirmScreen(f"Stop the run and end {count(busy, 'session')}?"), said)

    @property
    def _questions(self) -> tuple[FlowStep, ...]:
        flow = self._state.flow
        return flow.questions if flow is not None else ()

    def action_answer(self) -> None:
        """Show the oldest question that the run waits with, and take its answer."""
        step = next(iter(self._questions), None)
        if step is None:
            self.notify("the run asks nothing", markup=False)
            return

        def said(answer: str | None) -> None:
            if answer:
                self._source.answer(step.key, answer)
                more = "" if self._source.live() else f"; next: wtman resume {self._state.run}"
                self.notify(f"answered: {answer}{more}", markup=False)

        lines = question_lines(self._state, step, self.size.width - 12)[:-1]
        self.push_screen(AnswerScreen(lines[:20], options_of(step)), said)

    def action_retry(self) -> None:
        """One more attempt of the chosen task, by whoever drives the run."""
        if self._chosen is None:
            return
        try:
            self._source.retry(self._chosen)
        except WtmanError as error:
            said = error.message + (f": {error.hint}" if error.hint else "")
            self.notify(said, severity="warning", markup=False)
            return
        self.notify(f"{self._chosen} gets one more attempt", markup=False)


def _keyed(rows: list[Row]) -> dict[str, Row]:
    """The lines by a key that stays theirs; a task that stands in two places has two."""
    found: dict[str, Row] = {}
    for row in rows:
        key = row.task or f"{row.depth} {row.name}"
        number = 1
        while (name := key if number == 1 else f"{key} #{number}") in found:
            number += 1
        found[name] = row
    return found


def _session_of(state: State, task: TaskId) -> tuple[int, str]:
    """The number of the newest attempt at a task, or planning of a lead (0: none), and which."""
    view = state.tasks[task]
    if not view.planned.lead:
        return view.last, "attempt"
    team = view.team
    begun = team.planned or team.failed or ActionKey(ActionKind.PLAN, task) in state.intents
    return (team.attempt if begun else 0), "planning"


def _cells(row: Row) -> dict[str, Text]:
    style, indent = _STYLES[row.kind], "  " * row.depth
    if row.head:
        head = fit(indent + row.head, _HEAD)
        return {name: Text("") for name in _COLUMNS} | {"task": Text(head, "bold")}
    return {
        "glyph": Text(row.glyph, style),
        "task": Text(indent + row.shown(_NAME - len(indent))),
        "state": Text(row.state, style),
        "#": Text(row.attempt, justify="right"),
        "time": Text(row.time, justify="right"),
        "used": Text(row.used, justify="right"),
    }
