"""The front of everything that goes through the clean control directory.

`control_dir` says why it exists; `snapshot`, `history` and `merging` hold the functions.
"""

from wtman.git.checkouts.snapshot import Snapshot, checkout, show, snapshot
from wtman.git.control_dir import Control, prepare
from wtman.git.merges.merge_tree import Merged, merge, merge_heads, merge_many
from wtman.git.merges.sequence import AppliedSequence, Joined, Joiner, join_many, walk_many
from wtman.git.merges.union import Union
from wtman.git.objects.changes import Changes, RawChange, RawEntry, changes_many, meeting
from wtman.git.objects.history import (
    Stats,
    blob,
    commit,
    contents,
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
from wtman.git.objects.writer import Objects, quarantine

__all__ = [
    "AppliedSequence",
    "Changes",
    "Control",
    "Joined",
    "Joiner",
    "Merged",
    "Objects",
    "RawChange",
    "RawEntry",
    "Snapshot",
    "Stats",
    "Union",
    "blob",
    "changes_many",
    "checkout",
    "commit",
    "contents",
    "count_commits",
    "files",
    "fsck_ok",
    "is_ancestor",
    "join_many",
    "meeting",
    "merge",
    "merge_base",
    "merge_heads",
    "merge_many",
    "numstat",
    "numstat_many",
    "paths_changed",
    "paths_changed_many",
    "prepare",
    "quarantine",
    "show",
    "snapshot",
    "tree_of",
    "trees_of",
    "walk_many",
]
