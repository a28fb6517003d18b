"""What only a terminal shows: the question, the live table, Ctrl-C."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import kit
from tests.cli.terminal import LINES, Terminal
from wtman.cli.terminal import say


def words(agent: str, *tasks: str) -> list[str]:
    quick = [word for task in tasks for word in ("--task", f"{task}: do {task}")]
    more = ["--agent", agent, "--check", "true", "--allow-overlap", "--attempts", "1"]
    return ["split", "one and all", *quick, *more]


def test_no_is_no(
    terminal: Callable[..., Terminal], wtman: kit.Program, repo: Path, agent: str
) -> None:
    asked = terminal(*words(agent, "core"))
    assert "core  do core" in asked.until(r"Start\? \[y/N\]")
    asked.child.send("what\r")
    asked.until(r"Start\? \[y/N\] what\s+Start\? \[y/N\]")
    asked.child.send("n\r")
    assert asked.end() == 0
    assert "nothing was started" in asked.shown()
    assert "there is no run" in wtman("status", cwd=repo, check_status=3).err


def test_yes_shows_the_run_live_and_leaves_the_last_picture(
    terminal: Callable[..., Terminal], agent: str, masked: Callable[[str], str]
) -> None:
    asked = terminal(*words(agent, "core", "bad"), colour=True)
    asked.until(r"Start\? \[y/N/one\]")
    asked.child.send("y\r")
    assert asked.end() == 1
    shown = masked(asked.shown())
    assert shown[shown.rindex("run RUN") :] == (
        "run RUN\n"
        "RUN  ready 1 of 2  one and all\n"
        "2 tasks: 1 verified, 1 failed · N s · no sandbox\n"
        "\n"
        "    task  state      attempt       time  what\n"
        "  ✓ core  verified        #1 N s  1 file, +1 -0\n"
        "  ✗ bad   failed          #1 N s\n"
        "\n"
        "✗ bad: session failed: exit status 3: no luck\n"
        "    wtman logs --failed RUN/bad\n"
        "\n"
        "next: wtman merge RUN"
    )


def test_diff_shows_what_a_branch_would_do_to_the_terminal(
    terminal: Callable[..., Terminal], wtman: kit.Program, repo: Path, tmp_path: Path
) -> None:
    hostile = "\x1b]0;title\x07\x1b[8mhidden\x1b[0m \u202eltr\n"
    (tmp_path / "text").write_text(hostile)
    (tmp_path / "odd.sh").write_text(f"cp {tmp_path}/text 'odd\u2066.txt'\n")
    wtman(*words(f"command:sh {tmp_path}/odd.sh", "core"), "--yes", cwd=repo)
    shown = terminal("diff", "core", colour=True)
    assert shown.end() == 0
    assert "\x1b[32m+^[]0;title^G^[[8mhidden^[[0m \\u202eltr\x1b[0m" in shown.raw
    assert not {"\x07", "\u202e", "\u2066"} & set(shown.raw)
    assert hostile in wtman("diff", "core", cwd=repo).out
    assert " odd\\u2066.txt | 1 +" in wtman("diff", "--stat", cwd=repo).out


def test_ctrl_c_stops_politely_and_resume_goes_on(
    terminal: Callable[..., Terminal],
    wtman: kit.Program,
    repo: Path,
    agent: str,
    tmp_path: Path,
) -> None:
    running = terminal(*words(agent, "slow"), "--yes")
    running.until(r"● slow +running +#1")
    running.child.sendintr()
    assert running.end() == 130
    assert re.search(r"stopped  one and all", running.shown())
    assert "next: wtman resume" in running.shown()
    assert wtman("status", "--json", cwd=repo).json()["run"]["state"] == "stopped"
    script = tmp_path / "agent.sh"
    script.write_text(script.read_text().replace("slow*)", "never)"))
    assert "slow  session 2 finished" in wtman("resume", cwd=repo).out


def test_commands_of_the_repository_are_approved_by_the_yes(
    terminal: Callable[..., Terminal],
    wtman: kit.Program,
    repo: Path,
    agent: str,
    commit: Callable[..., str],
) -> None:
    commit(repo, {"wtman.toml": 'check = "test -e README.md"\n'})
    asked = terminal("split", "one and all", "--task", "core: do it", "--agent", agent)
    shown = asked.until(r"Start\? \[y/N\]")
    assert "need your approval:\n    test -e README.md" in shown
    asked.child.send("y\r")
    assert asked.end() == 0
    assert "\nnothing to approve; " in wtman("trust", cwd=repo).out


@pytest.mark.slow
def test_unchecked_branches_are_asked_about(
    terminal: Callable[..., Terminal], wtman: kit.Program, repo: Path, agent: str
) -> None:
    wtman("split", "x", "--task", "core: do it", "--agent", agent, "--yes", cwd=repo)
    asked = terminal("merge")
    assert "judged by no check: core" in asked.until(r"Land it unchecked\? \[y/N\]")
    asked.child.send("y\r")
    assert asked.end() == 0
    assert (repo / "core.txt").exists()


def test_another_terminal_sees_what_a_task_is_doing(
    terminal: Callable[..., Terminal], wtman: kit.Program, repo: Path, agent: str
) -> None:
    process = wtman.start(*words(agent, "slow"), "--yes", cwd=repo)
    try:
        run = re.search(r"run (\S+)", str(process.stdout and process.stdout.readline()))
        watching = terminal("status", *([run[1]] if run else []), "--watch")
        watching.until(r"● slow +running +#1 .* started")
        assert "started" in wtman("status", cwd=repo).out
    finally:
        wtman("stop", cwd=repo)
        process.communicate(timeout=30)
    assert watching.end() == 0
    assert "stopped" in watching.shown()


FIVE = """\
request = "vouchers, stock, receipts and a price list for the shop"
[[task]]
id = "vouchers"
prompt = "Vouchers: a percentage off, rounded in the favour of the shop"
owns = ["shop/vouchers.py", "tests/test_vouchers.py"]
[[task]]
id = "stock"
prompt = "How many of a product are left"
owns = ["shop/catalog.py"]
[[task]]
id = "subtotal"
prompt = "Rename what is called total"
owns = ["shop/cart.py"]
[[task]]
id = "receipt"
prompt = "A receipt as text"
owns = ["shop/receipt.py"]
[[task]]
id = "pricelist"
prompt = "A price list"
owns = ["shop/pricelist.py"]
needs = ["stock"]
"""


def test_five_tasks_and_a_command_to_approve_fit_one_screen_with_the_question(
    terminal: Callable[..., Terminal],
    commit: Callable[..., str],
    repo: Path,
    agent: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Everything that a yes is about, on 80 columns and 24 lines, and the plan in an editor."""
    commit(repo, {"wtman.toml": 'check = "python3 -m unittest -q"\nsandbox = "none"\n'})
    (tmp_path / "plan.toml").write_text(FIVE)
    editor = tmp_path / "editor.sh"
    editor.write_text('#!/bin/sh\nsed -i "s/A price list/A list of prices/" "$1"\n')
    editor.chmod(0o755)
    monkeypatch.setenv("EDITOR", str(editor))
    monkeypatch.delenv("WTMAN_SANDBOX")
    asked = terminal("split", "--plan", "../plan.toml", "--agent", agent, "--edit")
    shown = asked.until(r"Start\? \[y/N\]")
    for words in (
        "vouchers, stock, receipts and a price list",
        "  pricelist  A list of prices (needs stock) [shop/pricelist.py]",
        *("base ", ", target ", "agent ", "reviews ", "checks ", "sandbox ", "forecast "),
        *("limits ", "need your approval:", "    python3 -m unittest -q", "    sandbox = none"),
    ):
        assert words in shown
    asked.child.send("n\r")
    assert asked.end() == 0


def test_the_first_ctrl_c_is_said_to_be_polite_and_the_second_ends_at_once(
    terminal: Callable[..., Terminal], wtman: kit.Program, repo: Path, tmp_path: Path
) -> None:
    deaf = tmp_path / "deaf.sh"
    deaf.write_text("trap '' INT TERM\necho started\nwhile :; do sleep 0.05; done\n")
    running = terminal(*words(f"command:sh {deaf}", "core"), "--yes")
    running.until(r"core +running +#1 .* started")
    running.child.sendintr()
    running.until(r"! stopping: waits for 1 session to end, nothing is lost")
    running.child.sendintr()
    assert running.end() == 130
    kit.assert_no_leftover_processes(tmp_path, patience=20)
    assert wtman("status", "--json", cwd=repo).json()["run"]["live"] is False


def test_a_terminal_that_gets_narrower_is_drawn_anew(
    terminal: Callable[..., Terminal], wtman: kit.Program, repo: Path, agent: str
) -> None:
    running = terminal(*words(agent, "slow"), "--yes")
    running.until(r"● slow +running +#1 .* started")
    before = len(running.raw)
    running.screen.resize(LINES, 60)
    running.child.setwinsize(LINES, 60)
    shown = running.until(r"(?m)^╍{48} 0 of 1$")
    assert shown.count("running  one and all") == 1, shown
    # A real terminal has wrapped the longer lines by now, which this screen does not do.
    assert running.raw[before:].count("\x1b[H\x1b[2J") == 1
    wtman("stop", cwd=repo)
    assert running.end() == 130


@pytest.mark.slow
def test_the_report_is_written_as_one_page(
    wtman: kit.Program, repo: Path, built: Callable[..., str], tmp_path: Path
) -> None:
    built("core")
    wtman("merge", cwd=repo)
    told = wtman("report", "--html", "r.html", cwd=repo)
    assert told.out == f"the report is in {repo}/r.html\n"
    page = (repo / "r.html").read_text()
    assert "1 task landed on main" in page and '<span class="a">+core</span>' in page
    lost = wtman("report", "--html", tmp_path / "no/such.html", cwd=repo, check_status=2)
    assert "cannot write" in lost.err


def test_what_clean_says_is_not_torn_within_a_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = "add-oauth-everywhere-7f3a/billing  kept: 1 commit not merged"
    say(told)
    assert capsys.readouterr().out == f"{told}\n", "a pipe has each line whole"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "50")
    say(f"  {told}")
    assert capsys.readouterr().out == (
        "  add-oauth-everywhere-7f3a/billing  kept: 1\n    commit not merged\n"
    )
