"""What tells one state of the machine from another, for results that follow from it. Blocking."""

import glob
import os
from collections.abc import Iterable, Mapping

from wtman.context import Context
from wtman.model.settings import Settings

# What differs from one terminal to the next and decides no result.
_VOLATILE = frozenset(
    "TERM NO_COLOR TMPDIR WTMAN_RUN SHELL COLUMNS LINES COLORTERM TERM_PROGRAM "
    "TERM_PROGRAM_VERSION TERM_SESSION_ID TMUX TMUX_PANE STY WINDOW WINDOWID DISPLAY "
    "WAYLAND_DISPLAY SSH_CLIENT SSH_CONNECTION SSH_TTY XDG_SESSION_ID VTE_VERSION "
    "PYTEST_CURRENT_TEST PYTEST_XDIST_WORKER".split()
)


def stable(env: Mapping[str, str]) -> list[str]:
    """The variables that count, one a line."""
    return [f"{name}={value}" for name, value in sorted(env.items()) if name not in _VOLATILE]


def packages_around(ctx: Context, settings: Settings, env: Mapping[str, str]) -> list[str]:
    """The packages of what is on the PATH, and of what `symlink` shows."""
    source = ctx.repo.main or ctx.repo.toplevel
    prefixes = [os.path.dirname(part.rstrip("/")) for part in env["PATH"].split(os.pathsep)]
    home = ctx.environ.get("HOME", "")
    prefixes += [env.get("VIRTUAL_ENV", ""), os.path.join(home, ".local") if home else ""]
    if source:
        # An environment in the main checkout reaches the checks by `copy` or `symlink`.
        prefixes += [os.path.join(source, name.strip("/")) for name in settings.symlink]
    return _packages(prefixes)


def marks_of(paths: Iterable[str]) -> tuple[str, ...]:
    """What tells one state of these programs and environments from another."""
    shown = [path for path in paths if os.path.exists(path)]
    return (*_stamped(shown), *_packages(shown))


def _packages(prefixes: Iterable[str]) -> list[str]:
    """Installing a package changes the folder that it goes to."""
    found = (
        glob.glob(os.path.join(glob.escape(prefix), "lib/python3*/*-packages"))
        for prefix in dict.fromkeys(prefixes)
        if os.path.isabs(prefix)
    )
    return _stamped(folder for folders in found for folder in sorted(folders))


def _stamped(paths: Iterable[str]) -> list[str]:
    return [f"{path} {os.stat(path).st_mtime_ns}" for path in paths]
