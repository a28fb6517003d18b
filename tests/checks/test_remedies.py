"""What outputs say of programs that are not there, and the lines that bring them."""

import pytest

from wtman.checks.remedies import lines, not_found, outermost
from wtman.model.settings import Settings


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("/bin/sh: 1: foo: not found", "foo"),
        ("x\ns.sh: 2: foo: not found\nmake: *** [Makefile:6: v] Error 127", "foo"),
        ("s.sh: line 2: foo: command not found", "foo"),
        ("/bin/sh: 1: /v/bin/python: not found", "/v/bin/python"),
        ("/bin/sh: 1: .: cannot open .venv/bin/activate: No such file", ".venv/bin/activate"),
        ("bash: line 1: .venv/bin/activate: No such file or directory", ".venv/bin/activate"),
        ("timeout: failed to run command ‘foo’: No such file or directory", "foo"),
        ("env: 'foo': No such file or directory", "foo"),
        ("make: /h/v/bin/python: No such file or directory", "/h/v/bin/python"),
        ("sh: 1: jest: not found", "jest"),
        ("AssertionError: page: not found", ""),
        ("cat: /x: No such file or directory", ""),
    ],
)
def test_the_program_that_is_not_found(said: str, name: str) -> None:
    assert not_found(said) == name


def test_the_part_of_a_path_that_git_does_not_carry() -> None:
    files = {"packages/app/package.json", "a.py"}
    assert outermost("packages/app/node_modules/.bin/jest", files) == "packages/app/node_modules"
    assert outermost(".venv/bin/pytest", files) == ".venv"
    assert outermost("packages/check.sh", files) == "packages/check.sh"


@pytest.mark.parametrize(
    ("top", "files", "kind", "expected"),
    [
        (".venv", {"a.py"}, "folder", ['symlink = [".venv"]']),
        (".venv", {"uv.lock"}, "folder", ['setup = ["uv sync"]', 'symlink = [".venv"]']),
        ("node_modules", {"package-lock.json"}, "", ['setup = ["npm ci"]']),
        ("web/node_modules", {"web/package-lock.json"}, "folder",
         ['setup = ["cd web && npm ci"]', 'symlink = ["web/node_modules"]']),
        ("node_modules", {"package.json"}, "", ['setup = ["npm install"]']),
        ("check.sh", set(), "file", ['copy = ["check.sh"]']),
        ("target", set(), "", []),
    ],
)  # fmt: skip
def test_the_lines_for_it(top: str, files: set[str], kind: str, expected: list[str]) -> None:
    assert list(lines(top, files, Settings(), lambda _: True, kind=kind)) == expected


def test_what_is_configured_stays_and_what_is_not_installed_is_not_advised() -> None:
    known = Settings(symlink=("data",), setup=("make",))
    found = lines(".venv", {"uv.lock"}, known, lambda program: program != "uv", kind="folder")
    assert found == ('symlink = ["data", ".venv"]',)
    found = lines("node_modules", {"yarn.lock"}, known, lambda _: True, kind="")
    assert found == ('setup = ["make", "yarn install --frozen-lockfile"]',)
