"""The keys of the dashboard: the one table behind its bindings, its footer and `?`. Pure."""

from collections.abc import Collection

from wtman.model.values import dataclass
from wtman.text.terminal import columns, pad


@dataclass(frozen=True, slots=True)
class Shortcut:
    """A key. `keys` as Textual calls them, `shown` as people do; `short` is its word in the
    footer, empty where it is only under `?`."""

    keys: str
    shown: str
    action: str
    does: str
    short: str = ""


MOVE, PANES, TEXT, TASK, RUN = "Tasks", "Panes", "In a pane", "Chosen task", "Run"

SHORTCUTS: dict[str, tuple[Shortcut, ...]] = {
    MOVE: (
        Shortcut("", "↑ ↓ j k", "", "choose a task"),
        Shortcut("slash", "/", "find", "filter: id, title, state …", "Filter"),
        Shortcut("o", "o", "order", "sort: plan, need, time …", "Sort"),
    ),
    PANES: (
        Shortcut("l", "l", "pane('log')", "log, failures first"),
        Shortcut("d", "d", "pane('diff')", "diff"),
        Shortcut("f", "f", "pane('findings')", "findings of reviews"),
        Shortcut("t", "t", "pane('task')", "task: facts and prompt"),
        Shortcut("z", "z ⏎", "zoom", "whole screen and back"),
        Shortcut("", "Tab", "", "tasks or pane"),
    ),
    TEXT: (
        Shortcut("space", "Space", "follow", "follow its end, or pause"),
        Shortcut("", "/", "", "search; n N: next, last"),
        Shortcut("n", "n", "match(1)", ""),
        Shortcut("N", "N", "match(-1)", ""),
        Shortcut("w", "w", "wrap", "wrap long lines, or cut"),
        Shortcut("escape", "Esc", "leave", "end search, filter, zoom"),
    ),
    TASK: (
        Shortcut("r", "r", "retry", "retry, with a message", "Retry"),
        Shortcut("e", "e", "open", "open in $EDITOR", "Edit"),
        Shortcut("exclamation_mark", "!", "shell", "shell in its sandbox"),
        Shortcut("c", "c", "attach", "attach to its session", "Attach"),
    ),
    RUN: (
        Shortcut("m", "m", "merge", "merge the verified tasks", "Merge"),
        Shortcut("a", "a", "answer", "answer its question", "Answer"),
        Shortcut("s", "s", "stop", "stop it; nothing is lost"),
        Shortcut("u", "u", "resume", "resume it"),
        Shortcut("R", "R", "runs", "switch to another run", "Runs"),
        Shortcut("F", "F", "newest", "follow new runs, or stay"),
        Shortcut("question_mark", "?", "keys", "these keys", "Keys"),
        Shortcut("q", "q", "quit", "quit; the run goes on", "Quit"),
    ),
}


def name_of(action: str) -> str:
    """An action without its arguments."""
    return action.partition("(")[0]


def key_lines(group: str, refused: Collection[str]) -> list[tuple[str, bool]]:
    """The lines of a group below its title, each with whether it can be had now."""
    return [
        (f"{pad(item.shown, 7)} {item.does}", name_of(item.action) not in refused)
        for item in SHORTCUTS[group]
        if item.does
    ]


def widest() -> int:
    """Columns of the longest line."""
    return max(columns(text) for group in SHORTCUTS for text, _ in key_lines(group, ()))
