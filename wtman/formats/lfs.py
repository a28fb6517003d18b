"""Pointers of Git LFS: small files that stand in git for large ones."""

import re

_POINTER = re.compile(rb"version http\S+/spec/v1\n(?:.*\n)*?size (\d{1,15})\n")


def size_in(text: bytes) -> int:
    """The bytes of the file that a pointer stands for; 0 for what is no pointer."""
    found = _POINTER.match(text)
    return int(found[1]) if found else 0
