"""Names that differ only in case, where the file system of the checkout does not tell them apart.

git merges `A.py` of one branch with `a.py` of another without a word: they are two files.
Where `core.ignorecase` says that a checkout can hold one of the two, that is refused before
anything is spent. Blocking.
"""

from collections.abc import Sequence

from wtman.errors import MissingError
from wtman.git import config
from wtman.git.control_dir import Control
from wtman.git.objects.history import files, merge_base
from wtman.model.ids import Sha


def require_distinct(ctl: Control, base: Sha, heads: Sequence[Sha]) -> None:
    """Refuse heads that together with the base hold two names of one file; what the base
    itself holds stays as it is."""
    settings = config.entries(ctl.repo.git_dir)
    if not heads or config.value_of(settings, "core.ignorecase").lower() not in ("true", "1"):
        return
    known = files(ctl, base)
    first = {path.lower(): path for path in known}
    held = frozenset(known)
    for head in dict.fromkeys(heads):
        names = files(ctl, head)
        began = merge_base(ctl, base, head)
        gone = frozenset(files(ctl, began) if began else ()).difference(names)
        for path in names:
            other = first.setdefault(path.lower(), path)
            if other != path and other not in gone and not (path in held and other in held):
                raise MissingError(
                    f"{other} and {path} would land together, and this checkout's file system "
                    "does not tell them apart (core.ignorecase)",
                    hint="rename one of them on its branch, or merge without that branch",
                    code="case",
                )
