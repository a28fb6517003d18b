"""Tracked files of a commit, and paths that differ between two."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TrackedFile:
    """A tracked file and its size in bytes."""

    path: str
    size: int


@dataclass(frozen=True, slots=True)
class PathChange:
    """A path that differs between two trees, with what it was in the first."""

    path: str
    mode: str
    blob: str
    added: bool
