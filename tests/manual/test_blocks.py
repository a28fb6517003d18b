"""Every code block of README and manual does what it says, or is named here as not run."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from tests.kit import ROOT, Program, create_repo
from tests.manual.blocks import Block, blocks_of
from tests.manual.place import Place, place
from tests.manual.stacks import STACKS
from wtman.config.settings import load
from wtman.flow.outline import outline_lines, read_script
from wtman.plan.file import parse

# What people wrote: `commands` is generated, and compared with the program elsewhere.
PAGES = [
    ROOT / "README.md",
    *sorted(page for page in (ROOT / "wtman/manual").glob("*.md") if page.stem != "commands"),
]
LANGUAGES = {"sh", "text", "toml", "json", "python", "yaml", "markdown"}
WORDS = re.compile(r"file=\S+|exit=\d+|init=\S+|shows|not-run")

# Why a block is not run. Its command lines are held against the options of the program all
# the same (tests/test_manual.py).
NOT_RUN = {
    "README: forecast   3 branches, 3 to 9 sessions, 1 stage": "a screen of a real project",
    "README: uv tool install '.[tui]'": "installs from the network: CONTRIBUTING.md, *A release*",
    "configuration: $ wtman resume": "needs an edited run: tests/cli/test_acting.py",
    "terminal: mkdir -p ~/.local/share/man": "needs an installation by uv",
    "terminal: wtman completion --install": "needs the shell of a person: tests of completion",
    'terminal: eval "$(wtman completion bash)"': "three shells: tests of completion",
    "reviews: wtman split --findings RUN": "needs confirmed findings: tests/cli/test_findings.py",
    "plans: wtman answer RUN": "needs a run that waits: tests/cli/test_repairs.py",
    "flows: wtman answer RUN": "needs a run that waits: tests/cli/test_flows.py",
    'flows: wtman plan "docs for every module" --as-code': (
        "needs a planner that writes flows: tests/cli/test_written_flow.py"
    ),
}

by_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


@pytest.mark.timeout(600)
@by_page
def test_a_page_is_tried_from_top_to_bottom(page: Path, tmp_path: Path) -> None:
    """In one repository a page, so that a block may build on those above it."""
    blocks = blocks_of(page)
    here = place(tmp_path) if any(tried_in_a_place(block) for block in blocks) else None
    for block in blocks:
        if "not-run" in block.words:
            continue
        if here is not None and (name := block.value("file")):
            here.write(name, block.text)
        if block.language == "sh":
            assert here is not None
            run(block, here)
        elif block.language == "yaml":
            run_job(block, place(tmp_path / str(block.line)))
        elif "shows" in block.words:
            assert here is not None
            assert_shown(block, here.printed)
        else:
            READ[block.language](block)


def tried_in_a_place(block: Block) -> bool:
    return block.language == "sh" or bool(block.value("file"))


def run(block: Block, here: Place) -> None:
    """Each line ends as the block says; what all printed is left for a block that shows it."""
    printed = ""
    for line in block.lines():
        wanted = int(block.value("exit") or 0)
        status = here.run(line)
        assert status == wanted, (
            f"{block.place}: `{line}` ended with {status}\n{here.printed[-3000:]}"
        )
        assert "Traceback" not in here.printed, f"{block.place}: `{line}`\n{here.printed}"
        printed += here.printed
    here.printed = printed


def run_job(block: Block, here: Place) -> None:
    """What a CI job runs of git and wtman, in a repository of its own, with our agent."""
    given = {"REQUEST": "add OAuth everywhere", "BRANCHES": "origin/fix-a origin/fix-b"}
    here.env = {**here.env, **given}
    assert "\t" not in block.text
    lines = re.findall(r"(?m)^ +(?:- )?((?:git|wtman) .*)$", block.text)
    assert any(line.startswith("wtman ") for line in lines), block.place
    for line in lines:
        # Our agent stands in for the api; it tells no prices.
        status = here.run(line.replace(" --agent api", "").replace(" --budget-usd 20", ""))
        assert status == 0, f"{block.place}: `{line}` ended with {status}\n{here.printed[-3000:]}"


def assert_shown(block: Block, printed: str) -> None:
    """Each line of the block stands in what was printed, in this order; figures may differ."""
    left = [plain(line) for line in printed.splitlines()]
    for line in block.text.splitlines():
        if line.strip() in ("", "..."):
            continue
        wanted = plain(line)
        found = [at for at, shown in enumerate(left) if wanted in shown]
        assert found, f"{block.place}: not printed: {line}\n{printed}"
        left = left[found[0] + 1 :]


def plain(line: str) -> str:
    """A line without what differs from run to run: ids, hashes, figures, the width of columns."""
    line = line.replace("…", "")
    line = re.sub(r"\b[0-9a-f]{7,40}\b(\.\.[0-9a-f]+)?", "SHA", line)
    line = re.sub(r"\b([a-z]+(?:-[a-z]+)*)-[0-9a-f]{4}\b", r"\1-RUN", line)
    line = re.sub(r"[\d.,]+", "N", line)
    return " ".join(line.split())


def read_toml(block: Block) -> None:
    if "[[task]]" in block.text:
        assert parse(block.text, block.page).tasks
    else:
        text = block.text.encode()
        load(str(ROOT), {}, {}, lambda name: text * (name == "wtman.toml"))


@pytest.mark.parametrize("name", STACKS)
def test_a_recipe_is_what_init_proposes(name: str, wtman: Program, tmp_path: Path) -> None:
    recipes = blocks_of(ROOT / "wtman/manual/recipes.md")
    (block,) = [block for block in recipes if block.value("init") == name]
    repo = create_repo(tmp_path / name, STACKS[name])
    proposed = tomllib.loads(wtman("init", "--no-try", "--print", cwd=repo).out)
    recipe = tomllib.loads(block.text)
    for key in ("setup", "check"):
        texts = [" ".join(text.split()) for text in recipe.get(key, [])]
        assert texts == proposed.get(key, []), block.place


def test_a_recipe_that_names_a_stack_has_one() -> None:
    named = {block.value("init") for page in PAGES for block in blocks_of(page)} - {""}
    assert named == set(STACKS)


def read_json(block: Block) -> None:
    lines = block.text.splitlines() if "}\n{" in block.text else [block.text]
    assert all(isinstance(json.loads(line), dict) for line in lines)


def read_python(block: Block) -> None:
    outline = read_script(block.text, block.page)
    assert outline.problems == (), f"{block.place}: {outline_lines(outline)}"


def read_markdown(block: Block) -> None:
    assert block.value("file"), f"{block.place}: say `file=`, or `not-run`"


def read_text(block: Block) -> None:
    raise AssertionError(f"{block.place}: say whether it `shows` something, or `not-run`")


READ = {
    "toml": read_toml,
    "json": read_json,
    "python": read_python,
    "markdown": read_markdown,
    "text": read_text,
}


@by_page
def test_every_block_has_a_rule(page: Path) -> None:
    for block in blocks_of(page):
        assert block.language in LANGUAGES, f"{block.place}: a block of {block.language!r}"
        for word in block.words:
            assert WORDS.fullmatch(word), f"{block.place}: unknown word {word!r}"
    text = re.sub(r"(?ms)^```.*?^```$", "", page.read_text(encoding="utf-8"))
    assert re.findall(r"(?m)\n\n    \S.*", text) == [], "an indented block: use a fence"


def test_a_block_that_is_not_run_is_named_with_the_reason() -> None:
    left_out = [
        block.name for page in PAGES for block in blocks_of(page) if "not-run" in block.words
    ]
    assert sorted(left_out) == sorted(NOT_RUN)
