"""Only the tests that failed, run again: for the runner that can do that.

Pure. pytest reads which tests failed last from its cache, so the second look at a red tree
gets a cache that says so: the command stays what the user wrote. Where an id of the
result file cannot be traced to a file nothing is claimed, and the whole check runs again.
"""

import json
import re
from collections.abc import Iterable, Set

from wtman.checks.runners import is_pytest, with_results
from wtman.provision.command_text import JUNIT

CACHE = "v/cache/lastfailed"  # where pytest looks, below its cache folder
_MOST = 200  # beyond these the whole check is no more work
_PLAIN = re.compile(r"[\w@%+=:,./-]+")


def lastfailed(failing: Iterable[str], files: Set[str]) -> str:
    """The content of pytest's cache for these ids of a result file; empty: it cannot be told."""
    found = [_node(name, files) for name in failing]
    if not found or len(found) > _MOST or not all(found):
        return ""
    return json.dumps(dict.fromkeys(found, True))


def _node(name: str, files: Set[str]) -> str:
    """`pkg.test_a.TestOne::test_x` as `pkg/test_a.py::TestOne::test_x`."""
    owner, _, test = name.partition("::")
    parts = owner.split(".")
    for length in range(len(parts), 0, -1):
        path = "/".join(parts[:length]) + ".py"
        if path in files:
            return "::".join([path, *parts[length:], *((test,) if test else ())])
    return ""


def only_failed(command: str, cache: str) -> str:
    """The command for what failed as the folder `cache` has it; empty: it has no such form."""
    text = with_results(command).replace(JUNIT, "JUNIT")
    direct = "command:" if text.startswith("command:") else ""
    at = is_pytest(text)
    if at is None or not _PLAIN.fullmatch(cache):
        return ""
    words = text.removeprefix("command:").split()
    words[at + 1 : at + 1] = ["--lf", "-o", f"cache_dir={cache}"]
    kept = " ".join(words).replace(" -p no:cacheprovider", "").replace(" -pno:cacheprovider", "")
    return direct + kept.replace("JUNIT", JUNIT)
