"""Contents compared line by line, in one process however many there are.

Promises to compare lines the way git merges them, so that the two agree on which changed.
"""

from collections.abc import Collection, Mapping

from wtman.errors import ExternalError
from wtman.formats.git_output import comparisons
from wtman.git.control_dir import Control, call, scratch
from wtman.git.objects.writer import Objects
from wtman.model.changes import Comparison, Entry, Pair

# What merge-ort compares by. The context is all there is, so that both files can be read
# off the answer; with none git would cut common ends before it looks for the difference.
_LIKE_A_MERGE = ["--diff-algorithm=histogram", "--no-indent-heuristic", "-U999999999"]
_PLAIN = ["--no-renames", "--no-ext-diff", "--no-textconv", "--no-color", "--submodule=short"]


def contents(ctl: Control, pairs: Collection[Pair]) -> Mapping[Pair, Comparison | None]:
    """Each pair of blobs (or "" for no file), line by line; None where one is no text."""
    ordered = sorted(pairs)
    if not ordered:
        return {}
    with scratch(ctl) as objects:
        # Of one side there may be nothing, so both say which names this repository has.
        size = max(len(name) for pair in ordered for name in pair)
        made = Objects(ctl, objects, "0" * size)
        old, new = (
            made.tree(
                {
                    b"%08d" % number: Entry("100644", pair[side])
                    for number, pair in enumerate(ordered)
                    if pair[side]
                }
            )
            for side in (0, 1)
        )
        made.spill()
        args = ["-c", "core.attributesFile=/dev/null", "-c", "diff.suppressBlankEmpty=false"]
        args += ["diff-tree", "-r", "-p", "--full-index", *_LIKE_A_MERGE, *_PLAIN, old, new]
        out = call(ctl, args, objects=objects).out
    found = {ordered[number]: compared for number, compared in comparisons(out)}
    if len(found) != len(ordered):
        raise ExternalError(f"git diff-tree compared {len(found)} of {len(ordered)} contents")
    return found
