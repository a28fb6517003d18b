"""The HTML report in a real browser: both schemes, wide and narrow, and nothing is asked for."""

import re
import shutil
import subprocess
import zlib
from pathlib import Path

import pytest

from tests.journal.runs import NOW
from tests.ui.test_html import DIFF, whole
from wtman.model.ids import TaskId
from wtman.ui.html import page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here"),
]


def chromium(folder: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """Run it without a screen; its stderr has what the page was refused."""
    assert CHROMIUM is not None
    return subprocess.run(
        # A test runs confined already; the browser's own sandbox needs rights that are not there.
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
         "--enable-logging=stderr", f"--user-data-dir={folder}/profile", *flags],
        capture_output=True, text=True, timeout=100, check=True,
    )  # fmt: skip


def first_pixel(png: bytes) -> tuple[int, ...]:
    """Red, green and blue of the upper left corner: there no filter has anything to add."""
    at, data = 8, b""
    while at < len(png):
        length, kind = int.from_bytes(png[at : at + 4], "big"), png[at + 4 : at + 8]
        data += png[at + 8 : at + 8 + length] if kind == b"IDAT" else b""
        at += length + 12
    return tuple(zlib.decompress(data)[1:4])


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "report.html"
    path.write_text(page(whole(), {TaskId("core"): DIFF}, NOW))
    return path


def test_the_page_is_what_was_meant(report: Path, tmp_path: Path) -> None:
    done = chromium(tmp_path, "--dump-dom", f"file://{report}")
    assert "CONSOLE" not in done.stderr, done.stderr  # neither errors nor refused requests
    assert re.search(r'<details class="file"><summary>&lt;b&gt;x', done.stdout)
    assert "<script" not in done.stdout and "onerror" in done.stdout


@pytest.mark.parametrize("width", [1280, 500])
def test_it_has_a_light_and_a_dark_face(report: Path, tmp_path: Path, width: int) -> None:
    found = {}
    for name, flags in (("light", ()), ("dark", ("--blink-settings=preferredColorScheme=0",))):
        shot = tmp_path / f"{name}.png"
        size = f"--window-size={width},900"
        chromium(tmp_path, *flags, size, f"--screenshot={shot}", f"file://{report}")
        found[name] = sum(first_pixel(shot.read_bytes()))
    assert found["light"] > 700 and found["dark"] < 120, found
