"""The front of everything that goes through the clean control directory.

`control_dir` says why it exists; `snapshot`, `history` and `merging` hold the functions.
"""

from wtman.git.control_dir import Control, prepare
from wtman.git.history import (
    Stats,
    blob,
    commit,
    count_commits,
    files,
    fsck_ok,
    is_ancestor,
    merge_base,
    numstat,
    numstat_many,
    paths_changed,
    paths_changed_many,
    tree_of,
    trees_of,
)
from wtman.git.merging import Merged, merge, merge_many
from wtman.git.snapshot import Snapshot, checkout, show, snapshot

__all__ = [
    "Control",
    "Merged",
    "Snapshot",
    "Stats",
    "blob",
    "checkout",
    "commit",
    "count_commits",
    "files",
    "fsck_ok",
    "is_ancestor",
    "merge",
    "merge_base",
    "merge_many",
    "numstat",
    "numstat_many",
    "paths_changed",
    "paths_changed_many",
    "prepare",
    "show",
    "snapshot",
    "tree_of",
    "trees_of",
]
