"""The dashboard, played by Textual's pilot on a real run, and by keys on a real terminal."""

import asyncio
import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Label, OptionList, Static

from tests import kit
from tests.cli.terminal import Terminal
from tests.journal.runs import A_RUN
from wtman.cli.commands.ui import source_of
from wtman.coordinator.home import Home
from wtman.git.discovery import discover
from wtman.journal import events as e
from wtman.journal.store import Store
from wtman.model.ids import RunId
from wtman.ui.dashboard.app import Dashboard
from wtman.ui.dashboard.command_screen import CommandScreen
from wtman.ui.dashboard.pane_bar import PaneBar
from wtman.ui.dashboard.screens import AnswerScreen, ConfirmScreen, RunsScreen
from wtman.ui.dashboard.task_list import TaskList
from wtman.ui.dashboard.text_pane import TextPane


@contextmanager
def dashboard(repo: Path, run: str, follows: bool = False) -> Iterator[Dashboard]:
    found = discover(str(repo))
    with Store.open(found.wtman_dir) as store:
        yield Dashboard(source_of(Home(found, store)), RunId(run), follows)


def pane(app: Dashboard, name: str) -> str:
    return app.screen_stack[0].query_one(f"#{name}", TextPane).text


def static(app: Dashboard, name: str) -> str:
    return str(app.screen_stack[0].query_one(f"#{name}", Static).content)


def shown(app: Dashboard) -> list[str]:
    """The lines of the screen."""
    strips = app.screen._compositor.render_strips()
    return ["".join(piece.text for piece in strip).rstrip() for strip in strips]


def told(app: Dashboard) -> list[str]:
    return [item.message for item in app._notifications]


async def until(pilot: Pilot[None], said: Callable[[], bool]) -> None:
    """Let it go on until it says so; the deadline is for a hang."""
    deadline = time.monotonic() + 30
    while not said():
        assert time.monotonic() < deadline, "\n".join(shown(pilot.app))  # type: ignore[arg-type]
        await pilot.pause(0.05)


def play(app: Dashboard, look: Callable[[Pilot[None]], object], width: int, height: int) -> None:
    async def go() -> None:
        async with app.run_test(size=(width, height)) as pilot:
            await look(pilot)  # type: ignore[misc]

    asyncio.run(go())
    assert app.failure is None


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40)])
def test_a_finished_run_can_be_read(
    repo: Path, built: Callable[..., str], width: int, height: int
) -> None:
    run = built("core", "bad", code=1)

    async def look(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, Dashboard)
        await until(pilot, lambda: "working on core" in pane(app, "log"))
        assert "a red word" in pane(app, "log")  # and no escape of it
        assert f"next: wtman merge {run}" in static(app, "next")
        # The footer is whole.
        await until(pilot, lambda: shown(app)[-1].endswith("q Quit") and len(shown(app)) == height)
        await pilot.press("d")
        await until(pilot, lambda: "+core" in pane(app, "diff"))
        await pilot.press("down", "t")
        await until(pilot, lambda: "bad  failed" in pane(app, "task"))
        await pilot.press("l")
        await until(pilot, lambda: "no luck" in pane(app, "log"))
        assert pane(app, "log").startswith("session failed: exit status 3")
        await pilot.press("f")
        await until(pilot, lambda: "no finding" in pane(app, "findings"))
        await pilot.press("s", "a")  # nobody drives it, and it asks nothing
        await pilot.pause()
        assert "the run is not running" in told(app)
        assert "the run asks nothing" in told(app)
        # The mouse: a line of the list, a name of a pane, a key of the footer.
        await pilot.click(TaskList, offset=(5, 1))
        await pilot.click(PaneBar, offset=(9, 0))
        await until(pilot, lambda: "+core" in pane(app, "diff"))
        await pilot.resize_terminal(200, 50)
        await until(pilot, lambda: len(shown(app)) == 50 and shown(app)[-1].endswith("q Quit"))

    with dashboard(repo, run) as app:
        play(app, look, width, height)


def test_tasks_are_filtered_sorted_and_a_log_is_searched(
    repo: Path, built: Callable[..., str]
) -> None:
    run = built("core", "bad", "docs", code=1)

    async def look(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, Dashboard)
        tasks = app.query_one(TaskList)

        def names() -> list[str]:
            return [item.task for item in tasks.items]

        await until(pilot, lambda: names() == ["core", "bad", "docs"])
        await pilot.press("o")
        assert names() == ["bad", "core", "docs"]
        await pilot.press(*"/verified", "enter")
        assert names() == ["core", "docs"]
        assert "2 of 3 tasks" in str(app.query_one("#ask-told", Label).content)
        await pilot.press("escape")
        assert names() == ["bad", "core", "docs"]
        await pilot.press("j", "l")
        await until(pilot, lambda: "working on" in pane(app, "log"))
        await pilot.press("tab", *"/working", "enter")
        log = app.query_one("#log", TextPane)
        assert len(log.matches) == 1
        assert log.told == "1 of 1 found"
        await pilot.press(*"/no such", "enter")
        assert log.told == "not found"
        await pilot.press("escape", "escape", "question_mark")
        await pilot.pause()
        keys = "\n".join(shown(app))
        for words in ("Chosen task", "sort:", "merge the verified", "switch to another run"):
            assert words in keys
        await pilot.press("escape")

    with dashboard(repo, run) as app:
        play(app, look, 80, 24)


def test_a_run_is_merged_by_the_command_itself(repo: Path, built: Callable[..., str]) -> None:
    run = built("core", "bad", code=1)

    async def look(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, Dashboard)
        await until(pilot, lambda: "ready" in static(app, "head"))
        await pilot.press("m")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        asked = str(app.screen.query_one("#question", Label).content)
        assert "Merge 1 task into main" in asked
        assert "✗ bad  failed" in asked
        await pilot.press("n")
        await pilot.pause()
        assert not (repo / "core.txt").exists()
        await pilot.press("m", "y")
        await until(pilot, lambda: isinstance(app.screen, CommandScreen))
        screen = app.screen
        await until(
            pilot, lambda: "after" in str(screen.query_one("#command-head", Static).content)
        )
        assert "1 task landed on main" in screen.query_one(TextPane).text
        assert (repo / "core.txt").is_file()
        await pilot.press("escape")
        await until(pilot, lambda: "merged" in static(app, "head"))
        await pilot.press("m")
        await pilot.pause()
        assert "the run is merged" in told(app)

    with dashboard(repo, run) as app:
        play(app, look, 100, 30)


def test_a_retry_takes_a_message_where_nobody_drives_the_run(
    repo: Path, built: Callable[..., str]
) -> None:
    run = built("core", "bad", code=1)

    async def look(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, Dashboard)
        await pilot.press("down", "r")
        await pilot.pause()
        await pilot.press(*"try harder", "enter")
        await until(pilot, lambda: len(app._state.tasks["bad"].attempts) == 2)  # type: ignore[index]
        assert app._state.tasks["bad"].attempts[1].request.told == "try harder"  # type: ignore[index]
        await until(pilot, lambda: not app._begun)  # whoever did it has ended

    with dashboard(repo, run) as app:
        play(app, look, 100, 30)


def test_another_run_is_shown_and_new_ones_followed(
    repo: Path, wtman: kit.Program, built: Callable[..., str]
) -> None:
    first = built("core")
    second = built("docs")

    async def look(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, Dashboard)
        await pilot.press("R")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))
        runs = app.screen.query_one(OptionList)
        assert [option.id for option in runs.options] == [second, first]
        await pilot.press("down", "enter")
        await until(pilot, lambda: first in static(app, "head"))
        await pilot.press("F")
        third = await asyncio.to_thread(built, "api")
        await until(pilot, lambda: third in static(app, "head"))
        await pilot.press("F")
        fourth = await asyncio.to_thread(built, "web")
        await until(pilot, lambda: any(fourth in text for text in told(app)))
        assert third in static(app, "head")

    with dashboard(repo, second) as app:
        play(app, look, 100, 30)


def test_a_live_run_is_watched_and_stopped(repo: Path, wtman: kit.Program, agent: str) -> None:
    words = ["--task", "slow: do it", "--agent", agent, "--check", "true", "--yes"]
    process = wtman.start("split", "one and all", *words, cwd=repo)
    assert process.stdout is not None
    run = next(found[1] for line in process.stdout if (found := re.match(r"run (\S+)", line)))

    async def look(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, Dashboard)
        await until(pilot, lambda: "started" in pane(app, "log"))
        log = app.query_one("#log", TextPane)
        assert log.told == "following"
        await pilot.press("space")
        assert log.told != "following"
        await pilot.press("e", "m")
        await pilot.pause()
        assert any("a session is at work in slow" in text for text in told(app))
        assert any("the run is running" in text for text in told(app))
        await pilot.press("s", "n")
        await pilot.pause()
        assert process.poll() is None
        await pilot.press("s", "y")
        await until(pilot, lambda: "wtman resume" in static(app, "next"))

    try:
        with dashboard(repo, run) as app:
            play(app, look, 80, 30)
            app._look()  # a timer that ticks once more, behind the end
        assert process.wait(20) == 130
    finally:
        process.kill()
        process.communicate()


def test_a_lead_shows_how_it_was_cut_and_long_names_leave_room_for_states(
    tmp_path: Path, repo: Path, wtman: kit.Program, agent: str
) -> None:
    lead = "a-lead-with-a-name-of-forty-columns-long"
    plan = {"plan.toml": f'[[task]]\nid = "{lead}"\nprompt = "all"\nlead = true\n'}
    cut = json.dumps({"tasks": [{"id": "part", "prompt": "do part"}], "reason": "a small one"})
    kit.write_files(tmp_path, {**plan, "planner.py": f"print({cut!r})\n"})
    planner = f"lead=command:{sys.executable} {tmp_path}/planner.py"
    words = ("--plan", str(tmp_path / "plan.toml"), "--agent", agent, "--role", planner)
    done = wtman("split", *words, "--check", "true", "--json", "--yes", cwd=repo)

    async def look(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, Dashboard)
        await until(pilot, lambda: "reason" in pane(app, "log"))
        assert "== planning 1 ==" in pane(app, "log")
        await until(
            pilot,
            lambda: any(re.search(r"✓ +…\S*-long_part +verified", line) for line in shown(app)),
        )

    with dashboard(repo, str(done.jsonl()[0]["run"])) as app:
        play(app, look, 120, 36)


def test_without_the_extra_it_says_what_to_install(
    repo: Path, wtman: kit.Program, built: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "textual.py").write_text("raise ModuleNotFoundError(name='textual')\n")
    done = wtman("ui", cwd=repo, env={"PYTHONPATH": str(tmp_path)}, check_status=3)
    assert "pip install 'wtman[tui]'" in done.err
    done = wtman("ui", cwd=repo, check_status=3)
    assert "needs a terminal" in done.err


def test_a_question_of_a_flow_is_answered(repo: Path) -> None:
    run = RunId("oauth-7f3a")
    asks = {"question": "Keep two?", "options": ["keep", "drop"], "show": "one\ntwo"}
    phase = (("phase", "last"),)
    events = [A_RUN[0], e.FlowAdded("port", "", "d1"), e.Approved(), e.ScriptBegan()]
    events += [e.StepAsked("k1", "approve", (), "Keep two?", asks, path=phase), e.ScriptHeld()]
    with Store.open(discover(str(repo)).wtman_dir) as store:
        store.append(run, events, 1.0)

    async def look(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, Dashboard)
        await until(pilot, lambda: "? Keep two? (press a to answer)" in static(app, "needs"))
        items = app.query_one(TaskList).items
        assert [item.line.node.title for item in items] == ["phase last", "question"]
        await pilot.press("down")
        await until(pilot, lambda: "options: keep, drop, no" in pane(app, "log"))
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, AnswerScreen))
        asked = str(app.screen.query_one("#question", Label).content)
        assert asked == "? Keep two?\n  one\n  two\n\n1  keep\n2  drop\n3  no"
        await pilot.press("2")
        await until(pilot, lambda: not isinstance(app.screen, AnswerScreen))

    with dashboard(repo, run) as app:
        play(app, look, 100, 30)
    with Store.open(discover(str(repo)).wtman_dir) as store:
        assert store.events(run)[-1].event == e.Answered("k1", "drop")


def test_the_terminal_is_given_away_and_comes_back_whole(
    built: Callable[..., str], terminal: Callable[..., Terminal], monkeypatch: pytest.MonkeyPatch
) -> None:
    built("core")
    monkeypatch.setenv("EDITOR", "echo edited in")
    monkeypatch.setenv("NO_COLOR", "1")
    ui = terminal("ui")
    ui.until("q Quit")
    ui.child.send("e")
    ui.until("edited in")
    ui.screen.reset()  # what a terminal does as it goes back to its other screen
    ui.until("q Quit")
    ui.child.send("!")
    ui.until("exit leaves it")
    ui.child.send("exit\n")
    ui.until("press Enter to go back")
    ui.screen.reset()
    ui.child.send("\n")
    ui.until("core +verified[^$]*q Quit")
    ui.child.send("q")
    assert ui.end() == 0
    assert not re.search(r"\x1b\[[\d;]*\b(3[0-7]|4[0-7])m", ui.raw)  # in no colour
