"""Beside the tasks: log, diff, findings and facts of the chosen line, one of them shown."""

from collections.abc import Iterator, Mapping

from textual import work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import ContentSwitcher
from textual.worker import get_current_worker

from wtman.coordinator.outcome import FELL_SHORT
from wtman.errors import WtmanError
from wtman.journal.state import State
from wtman.model.ids import TaskId
from wtman.model.states import Standing
from wtman.model.values import dataclass
from wtman.text.terminal import clean
from wtman.ui.dashboard import pane_text
from wtman.ui.dashboard.choice import Item
from wtman.ui.dashboard.pane_bar import PaneBar
from wtman.ui.dashboard.said import Said
from wtman.ui.dashboard.source import RunSource, TaskLog
from wtman.ui.dashboard.text_pane import TextPane
from wtman.ui.failures import FailedTask
from wtman.ui.tree import BUSY

_PANES = ("log", "diff", "findings", "task")


@dataclass(frozen=True, slots=True)
class ChosenLine:
    """What is known of the chosen line; `task` is empty for a head or a step. `doing` is what the
    task does now."""

    run: RunSource
    state: State
    known: Mapping[TaskId, Standing]
    item: Item
    task: TaskId
    failed: FailedTask | None
    doing: str
    now: float

    @property
    def standing(self) -> Standing:
        """Of its task."""
        return self.known[self.task]


class ChosenPanes(Vertical):
    """Log and diff may take long: they are read in threads, and shown if they are still wanted."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._chosen: ChosenLine | None = None
        self._logged: tuple[object, ...] = ()
        self._log: TaskLog | None = None
        self._diffed: tuple[object, ...] = ()
        self._found = 0  # findings of the task

    def compose(self) -> ComposeResult:
        yield PaneBar(_PANES, id="bar")
        with ContentSwitcher(id="panes", initial="log"):
            for name in _PANES:
                yield TextPane(id=name, wrap=name != "diff")

    @property
    def pane(self) -> TextPane:
        """The pane that is shown."""
        return self._named(str(self.query_one(ContentSwitcher).current))

    def _named(self, name: str) -> TextPane:
        return self.query_one(f"#{name}", TextPane)

    def turn_to(self, name: str) -> None:
        """Show the pane of that name."""
        focused = isinstance(self.screen.focused, TextPane)
        self.query_one(ContentSwitcher).current = name
        if focused:
            self.pane.focus()
        self.tell()

    def tell(self) -> None:
        """Say above the panes which is shown, and what it is at."""
        labels = {"findings": str(self._found)} if self._found else {}
        self.query_one(PaneBar).show(self.pane.id or "", labels, self.pane.told)

    def show(self, chosen: ChosenLine | None) -> None:
        """Show what there is of the line; what is shown already stays where it was scrolled to."""
        self._chosen = chosen
        if chosen is None or not chosen.task:
            node = chosen.item.line.node if chosen is not None else None
            lines = list(pane_text.node_lines(chosen.state, node)) if chosen and node else []
            for name in _PANES:
                self._named(name).show(lines, keep=True)
            self._logged, self._log, self._diffed, self._found = (), None, (), 0
        else:
            self._show_task(chosen)
        self.tell()

    def _show_task(self, chosen: ChosenLine) -> None:
        state, task = chosen.state, chosen.task
        self._show_log(chosen)
        diffed = (chosen.run.run, task, state.tasks[task].head)
        if self._diffed != diffed:
            self._diffed = diffed
            self._read_diff(chosen, diffed)
        facts = pane_text.task_lines(state, chosen.known, task, chosen.doing, chosen.now)
        self._named("task").show(list(facts), keep=True)
        self._found = pane_text.findings_of(state, task)
        self._named("findings").show(list(pane_text.findings_lines(state, task)), keep=True)

    # --- the log ----------------------------------------------------------------------------------

    def _show_log(self, chosen: ChosenLine) -> None:
        """Read a log anew where there is more than lines that follow; else go on with it."""
        view, standing = chosen.state.tasks[chosen.task], chosen.standing
        last = view.attempts[-1].ended if view.attempts else None
        attempt = (chosen.run.run, chosen.task, view.last, view.team.attempt)
        now = (attempt, last, standing.state, standing.reason, view.checked, view.setup)
        if self._logged != now:
            new = self._logged[:1] != (attempt,)
            self._logged = now
            if new:
                self._log = None
                self._named("log").show([Said("reading …", "quiet")])
            self._read_log(chosen, now, new)
        elif self._log is not None:
            self._named("log").add(Said(line) for line in self._log.more())

    # Described, or Textual would describe it by all of its arguments: the whole state.
    @work(thread=True, exclusive=True, group="log", description="log")
    def _read_log(self, chosen: ChosenLine, wanted: tuple[object, ...], new: bool) -> None:
        try:
            log = chosen.run.log(chosen.state, chosen.task)
        except WtmanError as error:
            log = TaskLog([Said(clean(error.message), "bad")], (), lambda: iter(()))
        if not get_current_worker().is_cancelled:
            self.app.call_from_thread(self._got_log, chosen, wanted, log, new)

    def _got_log(
        self, chosen: ChosenLine, wanted: tuple[object, ...], log: TaskLog, new: bool
    ) -> None:
        if wanted != self._logged:
            return
        pane, standing = self._named("log"), chosen.standing
        self._log = log
        lines = [*pane_text.failure(standing, chosen.failed, log.telling), *log.lines]
        follow = standing.state in BUSY and (new or pane.follow)
        pane.show(lines, follow=follow, keep=not new and standing.state not in FELL_SHORT)

    # --- the diff ---------------------------------------------------------------------------------

    @work(thread=True, exclusive=True, group="diff", description="diff")
    def _read_diff(self, chosen: ChosenLine, wanted: tuple[object, ...]) -> None:
        lines = list(_diff(chosen))
        if not get_current_worker().is_cancelled:
            self.app.call_from_thread(self._got_diff, wanted, lines)

    def _got_diff(self, wanted: tuple[object, ...], lines: list[Said]) -> None:
        if self._diffed == wanted:
            self._named("diff").show(lines)


def _diff(chosen: ChosenLine) -> Iterator[Said]:
    try:
        patch = chosen.run.diff(chosen.state.tasks[chosen.task])
    except WtmanError as error:
        yield Said(clean(error.message), "bad")
        return
    yield from pane_text.diff_lines(patch)
