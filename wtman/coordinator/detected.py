"""What a checkout says of its tests and setup: its files read for `config.detect`."""

import os
from collections.abc import Iterable

from wtman.config.detect import Habits, TrackedPaths, habits, read_first
from wtman.errors import ExternalError, MissingError
from wtman.git.discovery import Repository

_CAP = 1 << 18  # bytes of each file that is looked into


def of_repository(repo: Repository) -> Habits:
    """What the checkout that the user stands in says about itself. Blocking."""
    tracked = TrackedPaths(_tracked(repo))
    texts = {}
    for path in read_first(tracked):
        content = _read(os.path.join(repo.toplevel, path))
        if content is not None:
            texts[path] = content
    local = {name for name in os.listdir(repo.toplevel) if name not in tracked}
    return habits(tracked, texts, local)


def _tracked(repo: Repository) -> Iterable[str]:
    """Paths of HEAD, or before the first commit what is in the folder."""
    from wtman.git.control_dir import prepare
    from wtman.git.objects.history import files
    from wtman.git.repo import resolve

    try:
        return files(prepare(repo), resolve(repo, "HEAD"))
    except (MissingError, ExternalError):
        names = os.listdir(repo.toplevel)
        below = (f"tests/{name}" for name in _listed(os.path.join(repo.toplevel, "tests")))
        return (*names, *below)


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _read(path: str) -> str | None:
    try:
        if not os.path.isfile(path):
            return None  # a link that leads nowhere, or to a device
        with open(path, "rb") as file:
            return file.read(_CAP).decode("utf-8", "replace")
    except OSError:
        return None
