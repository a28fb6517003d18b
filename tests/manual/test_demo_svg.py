"""The picture of the README: recorded from the program, small, and nothing but text."""

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.kit import ROOT

SVG = "{http://www.w3.org/2000/svg}"
STORY = (
    "$ wtman split",
    "5 verified",
    "$ wtman merge",
    "fails only together with subtotal",
    "Integrity check passed",
    "$ wtman retry receipt",
    "$ git log --oneline",
)


def assert_tells_the_story(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.encode()) < 150_000
    root = ElementTree.fromstring(text)
    assert {node.tag.removeprefix(SVG) for node in root.iter()} <= {
        *("svg", "title", "desc", "style", "defs", "g", "use", "rect", "text"),
    }
    assert all(link.startswith("#") for link in re.findall(r'href="([^"]*)"', text))
    assert "url(" not in text and "@import" not in text
    lines = ["".join(node.itertext()) for node in root.iter(f"{SVG}text")]
    shown = " ".join(" ".join(lines).split())
    assert [words for words in STORY if words not in shown] == []
    assert str(ROOT) not in text


def test_the_picture_of_the_readme_tells_the_story() -> None:
    assert_tells_the_story(ROOT / "examples/demo.svg")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_picture_can_be_recorded_again(tmp_path: Path) -> None:
    picture = tmp_path / "demo.svg"
    argv = [sys.executable, str(ROOT / "scripts/demo-svg"), str(picture)]
    subprocess.run(argv, check=True, timeout=500)
    assert_tells_the_story(picture)
