"""The dashboard, played by Textual's pilot on a real run."""

import asyncio
import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import DataTable, Label, RichLog, Static, TabbedContent

from tests import kit
from tests.journal.runs import A_RUN
from wtman.cli.commands.ui import source_of
from wtman.coordinator.home import Home
from wtman.git.discovery import discover
from wtman.journal import events as e
from wtman.journal.store import Store
from wtman.model.ids import RunId
from wtman.ui.dashboard import AnswerScreen, Dashboard


@contextmanager
def dashboard(repo: Path, run: str) -> Iterator[Dashboard]:
    found = discover(str(repo))
    with Store.open(found.wtman_dir) as store:
        yield Dashboard(source_of(Home(found, store), RunId(run)))


def logged(app: Dashboard, name: str) -> str:
    return "\n".join(line.text for line in app.query_one(f"#{name}", RichLog).lines)


async def until(pilot: Pilot[None], said: Callable[[], bool]) -> None:
    """Let it go on until it says so; the deadline is for a hang."""
    deadline = time.monotonic() + 20
    while not said():
        assert time.monotonic() < deadline, pilot.app.export_screenshot()
        await pilot.pause(0.05)


def test_a_finished_run_can_be_read(repo: Path, built: Callable[..., str]) -> None:
    run = built("core", "bad", code=1)

    async def look(app: Dashboard) -> None:
        async with app.run_test(size=(120, 36)) as pilot:
            await until(pilot, lambda: "working on core" in logged(app, "log-text"))
            assert "a red word" in logged(app, "log-text")  # and no escape of it
            assert "! bad: exit status 3" in str(app.query_one("#needs", Static).content)
            assert f"next: wtman merge {run}" in str(app.query_one("#next", Static).content)
            await pilot.press("d")
            await until(pilot, lambda: "+core" in logged(app, "diff-text"))
            assert app.query_one("#panes", TabbedContent).active == "diff"
            await pilot.press("down", "t")
            await until(pilot, lambda: "bad  failed" in logged(app, "task-text"))
            await pilot.press("l")
            await until(pilot, lambda: "no luck" in logged(app, "log-text"))
            await pilot.press("f")
            await until(pilot, lambda: "no finding" in logged(app, "findings-text"))
            await pilot.press("s", "r")  # nobody drives it
            await pilot.pause()
            told = [item.message for item in app._notifications]
            assert any("is not running" in text for text in told), told
            assert any(f"wtman retry {run}/bad" in text for text in told), told

    with dashboard(repo, run) as app:
        asyncio.run(look(app))


def test_a_live_run_is_watched_and_stopped(repo: Path, wtman: kit.Program, agent: str) -> None:
    words = ["--task", "slow: do it", "--agent", agent, "--check", "true", "--yes"]
    process = wtman.start("split", "one and all", *words, cwd=repo)
    assert process.stdout is not None
    run = next(found[1] for line in process.stdout if (found := re.match(r"run (\S+)", line)))

    async def look(app: Dashboard) -> None:
        async with app.run_test(size=(80, 30)) as pilot:
            await until(pilot, lambda: "started" in logged(app, "log-text"))
            await pilot.press("s", "n")
            await pilot.pause()
            assert process.poll() is None
            await pilot.press("s", "y")
            await until(
                pilot, lambda: "wtman resume" in str(app.query_one("#next", Static).content)
            )

    try:
        with dashboard(repo, run) as app:
            asyncio.run(look(app))
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

    async def look(app: Dashboard) -> None:
        async with app.run_test(size=(120, 36)) as pilot:
            await until(pilot, lambda: "reason" in logged(app, "log-text"))
            assert f"== {lead}, planning 1 ==" in logged(app, "log-text")
            table = app.query_one(DataTable)
            rows = [list(map(str, table.get_row_at(row))) for row in range(2)]
            assert [row[2] for row in rows] == ["verified", "verified"]
            assert rows[1][1].startswith("  …") and rows[1][1].endswith("-long_part")
            shown = sum(
                table.columns[key].get_render_width(table) for key in list(table.columns)[:3]
            )
            assert shown <= table.size.width

    with dashboard(repo, str(done.jsonl()[0]["run"])) as app:
        asyncio.run(look(app))


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

    async def look(app: Dashboard) -> None:
        async with app.run_test(size=(100, 30)) as pilot:
            needs = app.query_one("#needs", Static)
            await until(pilot, lambda: "? Keep two? (press a to answer)" in str(needs.content))
            cells = [str(app.query_one(DataTable).get_row_at(row)[1]) for row in range(2)]
            assert cells == ["phase last", "  question"]
            await pilot.press("a")
            await until(pilot, lambda: isinstance(app.screen, AnswerScreen))
            shown = str(app.screen.query_one("#question", Label).content)
            assert shown == "? Keep two?\n  one\n  two\n\n1  keep\n2  drop\n3  no"
            await pilot.press("2")
            await until(pilot, lambda: not isinstance(app.screen, AnswerScreen))

    with dashboard(repo, run) as app:
        asyncio.run(look(app))
    with Store.open(discover(str(repo)).wtman_dir) as store:
        assert store.events(run)[-1].event == e.Answered("k1", "drop")
