"""What governs a run: defaults, files, environment and flags, made into `Settings`.

`load` reads them all; every wrong key or value is a UsageError that names the
source, the line where there is one, and the key. Commands that came with the
repository are marked as such (`repository_commands`), because they need the
user's approval before they run; approvals themselves are `wtman.config.trust`.
"""

from wtman.config.folders import worktrees_folder
from wtman.config.settings import (
    NO_COMMANDS,
    Loaded,
    RepositoryText,
    judged_flags,
    load,
    repository_commands,
    repository_texts,
)
from wtman.config.sources import Kind, Source

__all__ = [
    "NO_COMMANDS",
    "Kind",
    "Loaded",
    "RepositoryText",
    "Source",
    "judged_flags",
    "load",
    "repository_commands",
    "repository_texts",
    "worktrees_folder",
]
