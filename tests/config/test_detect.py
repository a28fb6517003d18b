"""What files say about tests and setup: one case an ecosystem."""

import json
import tomllib

import pytest

from wtman.cli.commands.init import text
from wtman.config.detect import habits

VENV = "python3 -m venv .venv && .venv/bin/python -m pip install -q"
PROJECT = '[project]\nname = "x"\n[build-system]\nrequires = []\n'


def found(texts, more=(), local=()):
    return habits({*texts, *more}, texts, local)


@pytest.mark.parametrize(
    ("texts", "more", "check", "setup"),
    [
        # Standard library only: nothing to set up.
        ({"t/test_a.py": "import unittest"}, ["t/__init__.py"], "python3 -m unittest -q", ""),
        (
            {"tests/test_a.py": "import unittest"},
            ["shop/__init__.py"],
            "python3 -m unittest discover -q -s tests -t .",
            "",
        ),
        ({"tests/test_a.py": "def test(): pass"}, [], "python3 -m pytest -q", ""),
        # A package: an environment of its own, with what its tests need.
        (
            {"pyproject.toml": PROJECT, "tests/test_a.py": "", ".gitignore": ".venv/\n"},
            [],
            ".venv/bin/python -m pytest -q",
            f"{VENV} -e . pytest",
        ),
        (
            {
                "pyproject.toml": PROJECT + '[project.optional-dependencies]\ndev = ["pytest"]\n',
                "tests/test_a.py": "",
            },
            [],
            ".venv/bin/python -m pytest -q",
            "python3 -m venv .venv && echo '*' > .venv/.gitignore"
            " && .venv/bin/python -m pip install -q -e '.[dev]'",
        ),
        (
            {"pyproject.toml": PROJECT + '[dependency-groups]\ndev = ["pytest"]\n', "uv.lock": ""},
            ["test_a.py"],
            "uv run --no-sync pytest -q",
            "uv sync -q",
        ),
        (
            {"requirements.txt": "flask\npytest\n", ".gitignore": "/.venv"},
            ["test_a.py"],
            ".venv/bin/python -m pytest -q",
            f"{VENV} -r requirements.txt pytest",
        ),
        (
            {"package.json": '{"scripts": {"test": "jest"}, "devDependencies": {"a": "1"}}'},
            ["package-lock.json"],
            "npm test",
            "npm ci",
        ),
        (
            {"package.json": json.dumps({"scripts": {"test": "x"}, "dependencies": {"a": "1"}})},
            ["pnpm-lock.yaml"],
            "pnpm test",
            "pnpm install --frozen-lockfile",
        ),
        ({"package.json": '{"scripts": {"test": "echo \\"Error: no test specified\\" && exit 1"}}'},
         [], "", ""),
        ({"package.json": "[broken"}, [], "", ""),
        ({"go.mod": "module x"}, ["a_test.go", "go.sum"], "go test ./...", "go mod download"),
        ({"Cargo.toml": ""}, ["Cargo.lock"], "cargo test", "cargo fetch"),
        ({"Makefile": "all:\n\ttrue\ntest: all\n\ttrue\n"}, [], "make test", ""),
        ({"Makefile": "test := 1\n"}, [], "", ""),
        ({"README.md": ""}, [], "", ""),
    ],
)  # fmt: skip
def test_an_ecosystem_and_what_it_takes(texts, more, check, setup):
    told = found(texts, more)
    assert ("\n".join(told.check), "\n".join(told.setup)) == (check, setup)


def test_two_ecosystems_are_both_judged():
    texts = {"package.json": '{"scripts": {"test": "x"}}', "tests/test_a.py": ""}
    assert found(texts).check == ("python3 -m pytest -q", "npm test")


def test_a_makefile_counts_where_nothing_else_tests():
    assert found({"Makefile": "test:\n\tgo test\n", "go.mod": ""}, ["a_test.go"]).check == (
        "go test ./...",
    )


def test_submodules_come_first():
    assert found({".gitmodules": "", "Cargo.toml": ""}, ["Cargo.lock"]).setup == (
        "git submodule update --init --recursive",
        "cargo fetch",
    )


@pytest.mark.parametrize(
    "told",
    [
        found({}),
        found({"pyproject.toml": PROJECT + "[tool.ruff]\n[tool.mypy]\n"}, ["test_a.py"], [".env"]),
        found({".gitmodules": "", "Cargo.toml": "", "tests/test_a.py": ""}, ["Cargo.lock"]),
    ],
)
def test_the_file_is_toml_and_holds_what_was_found_and_nothing_of_the_ideas(told):
    values = tomllib.loads(text(told))
    assert values == {
        key: list(value) for key, value in (("check", told.check), ("setup", told.setup)) if value
    }
    ideas = "\n".join(
        line.removeprefix("# ")
        for line in text(told).splitlines()
        if line.startswith("# copy") or line.startswith("# protect")
    )
    assert tomllib.loads(ideas)["copy"] == list(told.copy or (".env.test",))
