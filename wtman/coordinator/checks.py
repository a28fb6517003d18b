"""Checks that the user types: they mean the folder in which they are typed."""

from collections.abc import Iterable

from wtman.git.discovery import Repository
from wtman.model.check import CheckCommand


def typed(repo: Repository, texts: Iterable[str]) -> tuple[str, ...]:
    """Checks of the command line, in the folder where the user stands.

    One that names a folder itself keeps that; those of files start at the root.
    """
    return tuple(
        text if CheckCommand.of(text).folder else CheckCommand(text, repo.folder).text
        for text in texts
    )
