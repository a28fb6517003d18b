"""The README and the manual say what is true: commands, options, keys and links.

Their code blocks are run by tests/manual/."""

import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journal.runs import A_RUN, played
from tests.kit import ROOT
from wtman.cli.catalog import COMMANDS
from wtman.config.keys import KEYS
from wtman.ui.manual_page import painted, subject
from wtman.ui.status_json import status

MANUAL = ROOT / "wtman/manual"
PAGES = sorted(MANUAL.glob("*.md"))
README = ROOT / "README.md"
# What people wrote: all but the page that is generated.
WRITTEN = [README, *(page for page in PAGES if page.stem != "commands")]
# Examples whose text names commands: those of the plugin are what an agent goes by.
EXAMPLES = [
    *sorted((ROOT / "examples/claude-plugin").rglob("*.md")),
    *sorted((ROOT / "examples/github-action").glob("*.md")),
]
OPTIONS = {
    name: set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", text))
    for name, text in re.findall(
        r"(?ms)^## (wtman[ a-z]*)\n\n```text\n(.*?)\n```", (MANUAL / "commands.md").read_text()
    )
}
# Options of other programs, and of flows, in examples.
FOREIGN = {
    *("--fix", "--exit-zero", "--folder", "--git", "--junitxml", "--no-sandbox"),
    *("--items", "--kills", "--output-format"),
}


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"(?ms)^```{language}(?: [^\n]*)?\n(.*?)^```$", text_of(path))


def words_of(path: Path) -> str:
    """Its text without the files of others that it shows."""
    return re.sub(r"(?ms)^```(?:toml|yaml)\b.*?^```$", "", text_of(path))


def command_lines(path: Path) -> Iterator[list[str]]:
    """The calls of wtman in shell blocks and CI jobs, as words."""
    jobs = re.findall(r"(?m)^ +(?:- )?(wtman .*)", "\n".join(blocks(path, "yaml")))
    for line in "\n".join([*blocks(path, "sh"), *jobs]).replace("\\\n", " ").splitlines():
        if line.startswith("wtman "):
            yield shlex.split(line, comments=True)


by_name = pytest.mark.parametrize("path", [*WRITTEN, *EXAMPLES], ids=lambda path: path.stem)


def test_the_page_of_commands_is_what_the_program_prints() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts/manual"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_examples_that_name_commands_are_found() -> None:
    assert {path.stem for path in EXAMPLES} == {"split", "status", "merge", "SKILL", "README"}
    assert all(list(command_lines(path)) for path in EXAMPLES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_has_a_title_and_fits_a_terminal(page: Path) -> None:
    text = text_of(page)
    assert text.partition("\n")[0].lower().startswith(f"# {page.stem}: ")
    assert 0 < len(subject(text)) < 62
    assert [line for line in text.splitlines() if len(line) > 80] == []


def test_each_variable_that_programs_are_given_is_in_the_table() -> None:
    given = set()
    for name in ("sessions", "provision/command.py", "checks/execute.py"):
        place = ROOT / "wtman" / name
        for path in sorted(place.glob("*.py")) if place.is_dir() else [place]:
            given |= set(re.findall(r'"(WTMAN_[A-Z_]+)"', path.read_text()))
    page = (ROOT / "wtman/manual/configuration.md").read_text()
    table = set(re.findall(r"^\| `(WTMAN_[A-Z_]+)` \|", page, re.M))
    probe = {"WTMAN_IMPORT_PROBE", "WTMAN_IMPORT_PROBE_NAMES"}  # of checks, for wtman's own use
    assert given - probe | {"WTMAN_SESSION"} == table


def test_each_key_of_a_decision_is_in_the_table() -> None:
    from wtman.plan.repair_answer import RepairAnswer, RepairPart

    page = (ROOT / "wtman/manual/agents.md").read_text()
    table = set(re.findall(r"^\| `([a-z]+)` \| .* \| .* \|$", page, re.M))
    assert set(RepairAnswer.model_fields) <= table
    assert all(f"`{name}`" in page for name in RepairPart.model_fields)


@by_name
def test_every_command_that_is_named_is_there(path: Path) -> None:
    named = set(re.findall(r"`wtman ([a-z]+)\b", text_of(path)))
    named |= {words[1] for words in command_lines(path)}
    assert named <= set(COMMANDS), named - set(COMMANDS)


@by_name
def test_every_option_that_is_named_is_there(path: Path) -> None:
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", words_of(path))) - FOREIGN
    known = set().union(*OPTIONS.values())
    assert named <= known, sorted(named - known)


@by_name
def test_a_command_in_an_example_has_the_options_that_it_is_given(path: Path) -> None:
    for words in command_lines(path):
        given = {word for word in words[2:] if re.fullmatch(r"--?[a-z][a-z-]*", word)}
        assert given <= OPTIONS[f"wtman {words[1]}"], words


@by_name
def test_every_topic_that_is_named_is_there(path: Path) -> None:
    named = set(re.findall(r"`wtman\s+help\s+([a-z]+)`", text_of(path)))
    assert named <= {page.stem for page in PAGES}, named


def test_the_readme_leads_to_every_page() -> None:
    links = set(re.findall(r"\]\(([^)#]+)\)", text_of(README)))
    assert {f"wtman/manual/{page.name}" for page in PAGES} <= links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_key_of_the_configuration_is_explained() -> None:
    page, of_agents = text_of(MANUAL / "configuration.md"), text_of(MANUAL / "agents.md")
    for key in (key for key in KEYS if key.in_files):
        own = key.name == "agents"
        words = set(key.place) - {"agents", "*"}
        assert [word for word in words if f"`{word}`" not in (of_agents if own else page)] == []


def test_the_status_in_the_manual_has_the_keys_of_the_program() -> None:
    shown = json.loads(blocks(MANUAL / "json.md", "json")[0])
    told = status(played(A_RUN), live=True)
    assert set(shown) == set(told)
    assert set(shown["run"]) == set(told["run"])
    assert set(shown["tasks"][0]) == set(told["tasks"][0])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_fits_a_terminal_as_it_is_painted(page: Path) -> None:
    lines = re.sub(r"\x1b\[\d*m", "", painted(text_of(page))).splitlines()
    assert [line for line in lines if len(line) > 80] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_that_is_named_can_be_followed_on_the_web(page: Path) -> None:
    """`wtman help OTHER` is a link, written [`wtman help OTHER`] with its line at the end."""
    text = text_of(page)
    leads = dict(re.findall(r"(?m)^\[`wtman help ([a-z]+)`\]: ([a-z]+)\.md$", text))
    assert all(name == to for name, to in leads.items())
    text = re.sub(r"(?ms)^```.*?^```$", "", text)
    named = re.findall(r"(\[?)`wtman\s+help\s+([a-z]+)`", text.partition("\n\n[`wtman")[0])
    pages = {other.stem for other in PAGES} - {page.stem}
    assert [name for mark, name in named if name in pages and not mark] == []
    assert {name for mark, name in named if mark} == set(leads)


def test_a_table_stands_in_columns_and_a_link_is_its_text() -> None:
    page = "# A: b\n\n| `x y` | what |\n| --- | --- |\n| 1 | " + "long `a b` " * 9 + "|\n"
    page += "\nSee [`wtman\nhelp json`].\n\n[`wtman help json`]: json.md\n"
    lines = re.sub(r"\x1b\[\d*m", "", painted(page)).splitlines()
    assert lines[2:5] == [
        "x y  what",
        "1    long a b long a b long a b long a b long a b long a b long",
        "     a b long a b long a b",
    ]
    assert lines[5:] == ["", "See wtman", "help json."]


def test_a_page_is_painted_without_its_marks() -> None:
    page = "# Guide: how\n\nRun `wtman` **now**, see [it](x.md).\n\n"
    page += "```sh\nwtman demo\n\n```\n- `a/**`: b\n"
    assert painted(page) == (
        "\x1b[1mGuide: how\x1b[0m\n\nRun \x1b[2mwtman\x1b[0m now, see it.\n\n"
        "\x1b[2m  wtman demo\x1b[0m\n\n- \x1b[2ma/**\x1b[0m: b\n"
    )


def test_the_manual_is_in_what_is_published() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    assert build["targets"]["wheel"] == {
        "packages": ["wtman"],
        "hooks": {"custom": {"path": "scripts/man_pages.py"}},
    }
    assert {"/wtman", "/scripts", "/CHANGELOG.md", "/CONTRIBUTING.md"} <= set(
        build["targets"]["sdist"]["include"]
    )
