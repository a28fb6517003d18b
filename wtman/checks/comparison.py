"""Whether a test that fails says anything of the product, where no other tree is known to pass.

Pure. The test is run once more without the files that it is about. What fails there with the same
words does not depend on them: `exit 1`, a test with a mistake of its own, an assertion of nothing.
"""

import re
from collections.abc import Collection

from wtman.checks import excerpt
from wtman.checks.failure import Rank
from wtman.formats.gitignore import matches
from wtman.formats.test_paths import TESTS
from wtman.text.late_pattern import late

# Below a folder of tests too: these decide how every test runs.
STEERING = (
    *("conftest.py", "sitecustomize.py", "usercustomize.py", "*.pth", "pytest.ini", ".pytest.ini"),
    *("tox.ini", "setup.cfg", "pyproject.toml", "package.json", "jest.config.*", "vitest.config.*"),
    *(".gitattributes", ".gitmodules", ".env", ".envrc", "Makefile", "Cargo.toml", "go.mod"),
)
_TELLING = late(
    r"(?:Error|Exception|Failure|panicked)\b|\b(?:assert|expected|received|actual|got)\b",
    re.IGNORECASE,
)
_EXIT = late(r"[\w.]*Exit(?:: ?-?\d*)?")
_MISUSE = late(
    r"[\w.]*(?:TypeError|AttributeError|NameError|ReferenceError|UnboundLocalError|ImportError"
    r"|ModuleNotFoundError|SyntaxError|IndentationError|NoMethodError|ArgumentError)\b"
)
_ADDRESS = late(r"\b0x[0-9a-fA-F]+")


def told_by(output: str) -> frozenset[str]:
    """The errors and comparisons that a run names, to tell whether two fail alike."""
    lines = (line.strip() for line in output.splitlines())
    return frozenset(_ADDRESS.sub("0x", line) for line in lines if _TELLING.search(line))


def reasons(output: str) -> frozenset[str]:
    """Why it fails, as far as it says: that a program has ended says nothing."""
    told = excerpt.failures(output)
    if not told:
        return told_by(output)
    found = (_ADDRESS.sub("0x", item.why) for item in told if item.rank is not Rank.WEAK)
    return frozenset(why for why in found if not _EXIT.fullmatch(why))


def is_misuse(output: str, own: Collection[str]) -> bool:
    """Whether it fails by mistakes of its own: a call or a name in the test itself, whose files
    are `own`, that the product does not know."""
    told = excerpt.failures(output)
    return bool(told) and all(
        _MISUSE.match(item.why) and _is_at(item.place.rpartition(":")[0], own) for item in told
    )


def _is_at(path: str, own: Collection[str]) -> bool:
    return path.startswith("<") or any(path == it or path.endswith(f"/{it}") for it in own)


def accused(
    files: Collection[str], paths: Collection[str], own: Collection[str]
) -> tuple[tuple[str, ...], str]:
    """The files to do without, and what they are called.

    Those at `paths` (files or folders) of all `files`; where nothing is there, or it steers how
    tests run, all but tests. Never `own`: those that the test itself brings.
    """
    free = [path for path in files if path not in own and not matches(STEERING, path)]
    named = tuple(path for path in paths if path)
    found = [p for p in free if any(p == at or p.startswith(f"{at.rstrip('/')}/") for at in named)]
    if found:
        return tuple(found), ", ".join(named)
    return tuple(path for path in free if not matches(TESTS, path)), "anything but tests"
