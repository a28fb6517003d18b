"""What shows a notification on the desktop that the user sits at, if there is one. Pure.

Foreign words are arguments, never the text of a script.
"""

import html
from collections.abc import Callable, Mapping

# The words are arguments of a script that never changes.
_SCRIPT = (
    "on run argv",
    "display notification (item 2 of argv) with title (item 1 of argv)",
    "end run",
)


def notification(
    title: str,
    words: str,
    platform: str,
    environ: Mapping[str, str],
    found: Callable[[str], str | None],
    socket: Callable[[str], bool],
) -> tuple[str, ...]:
    """The argv that shows it; empty where there is no desktop. `found` looks a program up,
    `socket` says whether a path is there. `title` begins with a letter."""
    if environ.get("SSH_CONNECTION") or environ.get("SSH_TTY"):
        return ()  # it would come up where nobody sits
    if platform == "darwin":
        program = found("osascript")
        lines = [part for line in _SCRIPT for part in ("-e", line)]
        return (program, *lines, title, words) if program else ()
    bus = environ.get("DBUS_SESSION_BUS_ADDRESS", "")
    if not bus and not _has_bus(environ.get("XDG_RUNTIME_DIR", ""), socket):
        return ()
    program = found("notify-send")
    # The body is markup.
    body = html.escape(words, quote=False)
    return (program, "--app-name=wtman", "--", title, body) if program else ()


def _has_bus(folder: str, socket: Callable[[str], bool]) -> bool:
    return folder.startswith("/") and socket(f"{folder}/bus")
