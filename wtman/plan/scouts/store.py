"""Answers of scouts, kept for the next time that the same is asked of the same tree.

Below `<git-common-dir>/wtman/scouts`, one file an answer, the oldest removed where there are too
many. What does not read is as good as absent.
"""

import contextlib
import json
import os

from wtman import files
from wtman.formats.codec import from_plain, to_plain
from wtman.model.scout import ScoutReport

_MOST = 400  # answers that are kept
_BYTES = 1 << 18  # of one


def kept_report(folder: str, key: str) -> ScoutReport | None:
    """The answer that was kept under this key. Blocking."""
    path = os.path.join(folder, f"{key}.json")
    raw = files.head(path, _BYTES + 1)
    if raw is None or len(raw) > _BYTES:
        return None
    try:
        report = from_plain(ScoutReport, json.loads(raw))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # what is used stays
    return report if isinstance(report, ScoutReport) else None


def keep_report(folder: str, key: str, report: ScoutReport) -> None:
    """Keep an answer. That it cannot be kept is no trouble: it is asked for again. Blocking."""
    data = json.dumps(to_plain(report)).encode()
    if len(data) > _BYTES:
        return
    with contextlib.suppress(OSError):
        os.makedirs(folder, mode=0o700, exist_ok=True)
        files.replace(os.path.join(folder, f"{key}.json"), data)
        _drop_oldest(folder)


def _drop_oldest(folder: str) -> None:
    names = [name for name in os.listdir(folder) if name.endswith(".json")]
    if len(names) <= _MOST:
        return
    paths = [os.path.join(folder, name) for name in names]
    for path in sorted(paths, key=os.path.getmtime)[: len(paths) - _MOST]:
        os.unlink(path)
