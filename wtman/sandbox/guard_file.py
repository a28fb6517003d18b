"""What the guard saw of the user's repository last, on disk for the next coordinator.

One small file in the run's evidence, replaced as a whole. Its time is that of the last
look. Whoever confines itself cannot write there; a session without a sandbox can.
"""

import json
import os
import secrets
import stat
from contextlib import suppress
from dataclasses import dataclass

_CAP = 256 << 20


@dataclass(frozen=True, slots=True)
class GuardRecord:
    """`facts` of the last fingerprint; `alive` are sessions and their isolation, `slates` what is
    blamed on which session: what -> line. `when` is the time of the last look, in seconds."""

    facts: dict[str, str]
    alive: dict[str, str]
    slates: dict[str, dict[str, str]]
    when: float = 0.0


def store(path: str, kept: GuardRecord) -> None:
    """Write it; a kill leaves the one from before. Blocking."""
    body = {"facts": kept.facts, "alive": kept.alive, "slates": kept.slates}
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    draft = f"{path}.{secrets.token_hex(4)}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with open(os.open(draft, flags, 0o600), "wb") as file:
            file.write(json.dumps(body).encode())
        os.replace(draft, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(draft)
        raise


def seen_now(path: str) -> None:
    """Nothing has changed since it was written. Blocking."""
    with suppress(OSError):
        os.utime(path, follow_symlinks=False)


def load(path: str) -> GuardRecord | None:
    """What was written last, None where that cannot be read. Blocking."""
    try:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with open(os.open(path, flags), "rb") as file:
            facts = os.fstat(file.fileno())
            if not stat.S_ISREG(facts.st_mode):
                return None
            body = json.loads(file.read(_CAP))
        slates = {str(name): _texts(slate) for name, slate in body["slates"].items()}
        return GuardRecord(_texts(body["facts"]), _texts(body["alive"]), slates, facts.st_mtime)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _texts(value: dict[object, object]) -> dict[str, str]:
    return {str(key): str(item) for key, item in value.items()}
