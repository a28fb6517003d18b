"""The places that are the same in every sandbox with mounts, whoever runs there.

What setup makes is full of absolute paths: the first line of a script in a virtual
environment, an editable install, a link. It is valid wherever it is carried, because setup,
sessions, reviewers and checks all see their checkout, their HOME and the packages of the
repository at these paths. The name of the repository stays in the checkout's, for tools
make names of it. Pure.
"""

import posixpath
import re
from collections.abc import Iterable

from wtman.model.values import dataclass

# The sandboxes that can show a folder elsewhere than it is.
SANDBOXES = frozenset({"bubblewrap"})

_ROOT = "/wtman"
HOME = f"{_ROOT}/home"
CACHE = f"{_ROOT}/cache"  # of package managers: the repository's, or a private one
PACKAGES = f"{_ROOT}/packages"  # the repository's, read-only, which a private one refers to


def checkout_of(repository: str) -> str:
    """Where a checkout is seen; `repository` is the path of the main checkout, or of its git."""
    name = posixpath.basename(repository.rstrip("/")).removesuffix(".git") or "repository"
    # A blank in it would break the first line of every script that an installer writes.
    return f"{_ROOT}/work/{re.sub(r'[^A-Za-z0-9._+-]+', '-', name)}"


@dataclass(frozen=True, slots=True)
class SandboxView:
    """Where folders are, and where a confined program sees them instead.

    `moved` are (folder, where it is seen), absolute; all other paths are the same inside as
    outside. Without any, as where a sandbox has no mounts, everything is where it is.
    """

    moved: tuple[tuple[str, str], ...] = ()

    def seen(self, path: str) -> str:
        """Where a confined program finds what is at `path`."""
        return _carried(path, self.moved)

    def real(self, path: str) -> str:
        """Where that is what a confined program calls `path`."""
        return _carried(path, ((seen, folder) for folder, seen in self.moved))

    def told(self, text: str) -> str:
        """What a program said, its checkout called `.` and its HOME `~`.

        Nobody outside finds either under the name that it has inside.
        """
        for seen in dict.fromkeys((*(seen for _, seen in self.moved), HOME)) if self.moved else ():
            name = "~" if seen == HOME else "."
            text = re.sub(rf"(?:file://|(?<![\w./-])){re.escape(seen)}(?![\w+-]|\.\w)", name, text)
        return text


def is_in_the_way(repository: str) -> bool:
    """Whether a repository is itself where sandboxes show theirs."""
    return f"{repository}/".startswith(f"{_ROOT}/")


def view(mounts: bool, repository: str, checkout: str, home: str = "") -> SandboxView:
    """What is seen where by a program that works in `checkout`, with `home` as its HOME.

    `mounts`: whether its sandbox has them. A repository that is itself where these places
    are stays where it is, and so do its checkouts.
    """
    if not mounts or is_in_the_way(repository):
        return SandboxView()
    homes = ((home, HOME),) if home else ()
    return SandboxView(((checkout, checkout_of(repository)), *homes))


def _carried(path: str, moved: Iterable[tuple[str, str]]) -> str:
    for folder, target in moved:
        if path == folder or path.startswith(f"{folder}/"):
            return target + path[len(folder) :]
    return path
