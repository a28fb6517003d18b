"""The places that are the same in every sandbox with mounts, whoever runs there.

What setup makes is full of absolute paths: the first line of a script in a virtual
environment, an editable install, a link. It is valid wherever it is carried, because setup,
sessions, reviewers and checks all see their checkout, their HOME and the packages of the
repository at these paths. The name of the repository stays in the checkout's, for tools
make names of it. Pure.
"""

import posixpath
import re

# The sandboxes that can show a folder elsewhere than it is.
SANDBOXES = frozenset({"bubblewrap"})

_ROOT = "/wtman"
HOME = f"{_ROOT}/home"
CACHE = f"{_ROOT}/cache"


def checkout_of(repository: str) -> str:
    """Where a checkout is seen; `repository` is the path of the main checkout, or of its git."""
    name = posixpath.basename(repository.rstrip("/")).removesuffix(".git") or "repository"
    # A blank in it would break the first line of every script that an installer writes.
    return f"{_ROOT}/work/{re.sub(r'[^A-Za-z0-9._+-]+', '-', name)}"
