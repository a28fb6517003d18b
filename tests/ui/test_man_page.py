"""The man pages: groff finds nothing to warn of, and they are whole at 80 columns."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests import kit
from wtman.cli.catalog import COMMANDS, GROUPS
from wtman.ui.man_page import man_pages

FOLDER = kit.ROOT / "wtman/manual"
PAGES = man_pages({page.stem: page.read_text() for page in FOLDER.glob("*.md")}, "1.2.3")


def test_there_is_a_page_of_the_commands_and_one_of_each_topic() -> None:
    topics = {page.stem for page in FOLDER.glob("*.md")} - {"commands"}
    names = {"man1/wtman.1", "man1/git-wtman.1", *(f"man7/wtman-{it}.7" for it in topics)}
    assert set(PAGES) == names
    text = PAGES["man1/wtman.1"]
    assert [name for name in COMMANDS if f".SS wtman {name}\n" not in text] == []
    assert [title for title in GROUPS if f".SS {title}\n" not in text] == []
    assert "\\fB\\-\\-budget\\-usd N\\fR" in text


def test_what_looks_like_a_request_stays_text() -> None:
    page = "# X: y\n\n.so /etc/passwd\n'x `-a\\b` **c** and [d](e.md)\n\n```sh\n.so f\n\\n\n```\n"
    text = man_pages({"commands": "## wtman\n\n```text\nUsage: w\n\n  A.\n```\n", "x": page}, "1")
    assert "\n.so" not in text["man7/wtman-x.7"]
    assert "\\&.so /etc/passwd \\(aqx \\fB\\-a\\eb\\fR \\fBc\\fR and d" in text["man7/wtman-x.7"]


@pytest.mark.parametrize("path", sorted(PAGES))
def test_groff_has_nothing_to_warn_of(path: str, tmp_path: Path) -> None:
    if shutil.which("man") is None or shutil.which("groff") is None:
        pytest.skip("man-db or groff is not installed")
    kit.write_files(tmp_path, PAGES)
    done = subprocess.run(
        ["man", "--warnings", "-P", "cat", "-l", str(tmp_path / path)],
        cwd=tmp_path,  # where what `.so` names is looked for
        env={**os.environ, "MANWIDTH": "80"},
        capture_output=True,
        text=True,
        check=False,
    )
    shown = re.sub(r".\x08|\x1b\[[\d;]*m", "", done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert "NAME\n       wtman" in shown
    assert [line for line in shown.splitlines() if len(line) > 80] == []
