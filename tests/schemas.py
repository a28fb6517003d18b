"""The JSON schemas of the package, held against what the program prints."""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import pytest

from tests import kit

FOLDER = kit.ROOT / "wtman/manual"


@lru_cache
def validator(name: str) -> Any:
    """Of the schema called `status` or `merge`."""
    from jsonschema import Draft202012Validator

    schema = json.loads((FOLDER / f"{name}.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def flaws(name: str, value: Any) -> list[str]:
    """What of a value its schema does not allow, each with its place."""
    found = []
    for error in validator(name).iter_errors(value):
        # Of `oneOf` the branch that fits best is the one that tells.
        deep = max(error.context, key=lambda it: len(it.absolute_path), default=error)
        found.append(f"{'/'.join(map(str, deep.absolute_path))}: {deep.message[:300]}")
    return found


def hold(words: Sequence[str], out: str) -> None:
    """Fail the test where `wtman WORDS` printed JSON that its schema does not allow."""
    name = next(iter(words), "")
    if name not in ("status", "merge") or "--json" not in words:
        return
    for line in out.splitlines():
        if found := flaws(name, json.loads(line)):
            pytest.fail(f"{name}.schema.json does not allow it: {found}\n{line[:2000]}")
