"""`wtman help`: the manual in a pipe, in a pager, and beside the pages of the commands."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer.main

from tests import kit
from tests.cli.terminal import Terminal
from wtman.cli.front_page import front_page
from wtman.cli.root import app

MANUAL = kit.ROOT / "wtman/manual"


def test_without_a_topic_it_lists_them(wtman: kit.Program) -> None:
    told = wtman("help").out
    titles = {page.stem: page.read_text().splitlines()[0] for page in MANUAL.glob("*.md")}
    rows = [f"  {name:<15}  {title.partition(': ')[2]}" for name, title in sorted(titles.items())]
    assert told.lower().splitlines() == [
        "topics:",
        *(row.lower() for row in rows),
        "",
        "json schemas (draft 2020-12): merge-schema, status-schema",
        "",
        "show one: wtman help topic, or wtman help command. search: wtman help word",
    ]
    assert "  flows            A plan as a Python program\n" in told


def test_a_pipe_gets_the_page_as_it_is_written(wtman: kit.Program) -> None:
    assert wtman("help", "guide").out == (MANUAL / "guide.md").read_text()


def test_a_command_gets_its_help_page(wtman: kit.Program) -> None:
    assert wtman("help", "split").out == wtman("split", "--help").out


def test_a_topic_that_is_a_command_too_gets_both(wtman: kit.Program) -> None:
    page, options = (MANUAL / "merge.md").read_text(), wtman("merge", "--help").out
    both = f"{page}\n## The command\n\n```text\n{options}```\n"
    assert wtman("help", "merge").out == both


@pytest.mark.parametrize(("word", "near"), [("saftey", "safety"), ("splitt", "split")])
def test_an_unknown_topic_names_the_nearest(wtman: kit.Program, word: str, near: str) -> None:
    assert wtman("help", word, check_status=2).err == (
        f'wtman: there is no help topic "{word}", and no page has that word; '
        f'did you mean "{near}"?\n'
        "  hint: list the topics: wtman help\n"
    )


def test_a_terminal_gets_the_page_in_its_pager_with_headings_bold(
    terminal: Callable[..., Terminal], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAGER", f"env > {tmp_path}/env; cat > {tmp_path}/page; echo paged")
    shown = terminal("help", "guide", colour=True)
    assert shown.end() == 0
    assert shown.raw == "paged\r\n"
    page = (tmp_path / "page").read_text()
    assert page.startswith("\x1b[1mGuide: ")
    assert "\x1b[2m" in page and "```" not in page and "\n#" not in page
    plain = re.sub(r"\x1b\[\d*m", "", page)
    assert plain.splitlines()[0] == (MANUAL / "guide.md").read_text().splitlines()[0][2:]
    assert "LESS=FRX\n" in (tmp_path / "env").read_text()


def test_no_color_reaches_the_pager(
    terminal: Callable[..., Terminal], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAGER", f"cat > {tmp_path}/page")
    assert terminal("help", "guide").end() == 0
    assert (tmp_path / "page").read_text() == (MANUAL / "guide.md").read_text()


@pytest.mark.parametrize("pager", ["", "cat", "no-such-pager"])
def test_without_a_pager_the_page_is_printed(
    terminal: Callable[..., Terminal], monkeypatch: pytest.MonkeyPatch, pager: str
) -> None:
    monkeypatch.setenv("PAGER", pager)
    shown = terminal("help", "guide")
    assert shown.end() == 0
    page = (MANUAL / "guide.md").read_text().replace("\n", "\r\n")
    assert shown.raw.endswith(page)


def test_ctrl_c_belongs_to_the_pager(
    terminal: Callable[..., Terminal], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAGER", "trap 'echo caught' INT; echo paging; read line < /dev/tty")
    shown = terminal("help", "guide")
    shown.until("paging")
    shown.child.sendintr()
    shown.until("caught")
    shown.child.send("\r")
    assert shown.end() == 0


@pytest.mark.parametrize("columns", [20, 52, 60, 71, 80, 100, 240])
def test_the_front_page_is_what_typer_prints(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    group: Any = typer.main.get_command(app)
    group.main(["--help"], prog_name="wtman", standalone_mode=False)
    assert front_page() == capsys.readouterr().out.rstrip("\n")


def test_the_front_page_needs_no_typer(wtman: kit.Program, repo: Path) -> None:
    code = "import sys; from wtman.cli import main; main(['--help']); "
    code += "print('typer' in sys.modules, file=sys.stderr)"
    assert kit.Program(repo, (sys.executable, "-c", code), wtman.extra)().err == "False\n"
