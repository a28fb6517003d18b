"""The README: its help pages are those of the program, its commands and links are there."""

import re
import subprocess
import sys

from tests.kit import ROOT
from wtman.cli import _COMMANDS

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_help_pages_are_those_of_the_program() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts/readme"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_every_command_that_it_names_is_there() -> None:
    prose = README.partition("<!-- help")[0]
    named = set(re.findall(r"\bwtman ([a-z]+)\b", "\n".join(re.findall(r"`[^`\n]+`", prose))))
    named |= set(re.findall(r"^    wtman ([a-z]+)\b", prose, re.MULTILINE))
    assert named and named <= set(_COMMANDS), named - set(_COMMANDS)


def test_every_option_that_it_names_is_there() -> None:
    prose, _, help_ = README.partition("<!-- help")
    # Flags of other programs in examples.
    others = {"--fix", "--exit-zero", "--junitxml", "--no-sandbox"}
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", prose)) - others
    assert named <= set(re.findall(r"--[a-z][a-z-]+", help_)) | {"--all", "--help"}, sorted(
        named - set(re.findall(r"--[a-z][a-z-]+", help_))
    )


def test_its_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
