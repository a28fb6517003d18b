"""What the guard saw of the user's repository last, on disk for the next coordinator.

One small file in the run's evidence, replaced as a whole. Its time is that of the last
look. Whoever confines itself cannot write there; a session without a sandbox can.
"""

import json
import os
from contextlib import suppress

from wtman import files
from wtman.model.values import dataclass

_CAP = 256 << 20


@dataclass(frozen=True, slots=True)
class GuardRecord:
    """`facts` of the last fingerprint; `alive` are sessions and their isolation, `blamed` what is
    blamed on which session: what -> line. `when` is the time of the last look, in seconds."""

    facts: dict[str, str]
    alive: dict[str, str]
    blamed: dict[str, dict[str, str]]
    when: float = 0.0


def store(path: str, kept: GuardRecord) -> None:
    """Write it; a kill leaves the one from before. Blocking."""
    body = {"facts": kept.facts, "alive": kept.alive, "blamed": kept.blamed}
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    files.replace(path, json.dumps(body).encode())


def seen_now(path: str) -> None:
    """Nothing has changed since it was written. Blocking."""
    with suppress(OSError):
        os.utime(path, follow_symlinks=False)


def load(path: str) -> GuardRecord | None:
    """What was written last, None where that cannot be read. Blocking."""
    try:
        content, facts = files.read(path, _CAP)
        body = json.loads(content)
        blamed = {str(name): _texts(lines) for name, lines in body["blamed"].items()}
        return GuardRecord(_texts(body["facts"]), _texts(body["alive"]), blamed, facts.st_mtime)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _texts(value: dict[object, object]) -> dict[str, str]:
    return {str(key): str(item) for key, item in value.items()}
