"""Tracked files of a commit."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TrackedFile:
    """A tracked file and its size in bytes."""

    path: str
    size: int
