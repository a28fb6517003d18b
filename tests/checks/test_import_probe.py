"""Which names a repository provides, and what the import probe's records say of them."""

import json
import tomllib

import pytest

from wtman.checks.import_probe import (
    ImportOrigin,
    blind_hint,
    own_names,
    own_workspaces,
    read_records,
    seen,
)


def test_names_from_files():
    files = (
        "shop/__init__.py",
        "shop/cart/__init__.py",
        "shop/cart/sums.py",
        "solo.py",
        "setup.py",
        "conftest.py",
        "tests/__init__.py",
        "tests/test_a.py",
        "docs/conf.py",
        "notes/a.py",
        "odd-name/__init__.py",
        "README.md",
    )
    assert own_names(files) == ("shop", "solo")


def test_names_below_source_roots():
    files = (
        "src/one/__init__.py",
        "src/single.py",
        "src/acme/shop/__init__.py",
        "src/acme/shop/deep/er.py",
        "src/acme/plain.py",
        "lib/two/__init__.py",
        "lib/loose/a.py",
        "python/three/__init__.py",
    )
    assert own_names(files) == ("acme.plain", "acme.shop", "one", "single", "three", "two")


def test_names_of_a_repository_without_python():
    assert own_names(("index.js", "src/a.ts")) == ()


def record(**modules: list[str]) -> bytes:
    return json.dumps({"pid": 1, "modules": modules}).encode() + b"\n"


def sight(*records: bytes, names: tuple[str, ...] = ("shop", "core")) -> ImportOrigin:
    return seen(read_records(records), "/srv/c/0", names)


def test_sights():
    assert sight(record(shop=["/srv/c/0/shop/__init__.py"])).kind == "inside"
    out = sight(record(shop=["/srv/u/shop/__init__.py"]), record())
    assert (out.kind, out.detail) == ("outside", "shop from /srv/u/shop/__init__.py")
    mixed = sight(record(shop=["/srv/c/0/shop"]), record(core=["/srv/c/01/core.py"]))
    assert (mixed.kind, mixed.detail) == ("mixed", "core from /srv/c/01/core.py")
    assert sight(record()).kind == "unknown"
    assert sight().kind == "unknown"
    assert sight(record(other=["/elsewhere/x.py"])).kind == "unknown"


@pytest.mark.parametrize("text", [b"", b"{", b"[1]", b'{"modules": 3}', b"\xff\xfe", b"null"])
def test_records_that_do_not_read_are_left_out(text: bytes):
    assert read_records([text]) == ()
    assert sight(b'{"modules": {"shop": 3, "core": [4, null]}}').kind == "unknown"


def test_workspaces():
    assert own_workspaces(("package.json",), b'{"workspaces": ["packages/*"]}')
    assert own_workspaces(("pnpm-workspace.yaml",), None)
    assert not own_workspaces(("package.json",), b'{"name": "x"}')
    assert not own_workspaces((), b"[1]")
    assert not own_workspaces((), b"{")


@pytest.mark.parametrize(
    ("files", "command", "words"),
    [
        (("pyproject.toml", "src/shop/__init__.py"), "pytest -q", "PYTHONPATH=src pytest -q"),
        (("pyproject.toml", "shop.py"), 'python3 -m pytest -k "a"', "PYTHONPATH=. python3 -m p"),
        (("shop.py",), "make test", "PYTHONPATH=. make test"),
        (("setup.py", "lib/shop.py"), "command:pytest", "command:env PYTHONPATH=lib pytest"),
    ],
)
def test_the_hint_is_lines_that_a_configuration_takes(
    files: tuple[str, ...], command: str, words: str
):
    hint = blind_hint(files, command)
    line = hint[hint.rindex("check = ") :]
    assert tomllib.loads(line)["check"][0].startswith(words)
    if "setup = " in hint:
        both = hint[hint.index("setup = ") : hint.index("; or")].replace(" and check", "\ncheck")
        lines = tomllib.loads(both)
        assert "pip install" in lines["setup"][0]
        assert lines["check"][0].startswith(".venv/bin/python -m pytest")
