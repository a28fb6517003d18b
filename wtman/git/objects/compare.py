"""Contents compared line by line, in one process however many there are.

Promises to compare lines the way git merges them, so that the two agree on which changed.
"""

from collections.abc import Collection, Mapping

from wtman.errors import ExternalError
from wtman.formats.git_output import lines_of, text_diffs
from wtman.git.control_dir import Control, call, scratch
from wtman.git.objects.history import blobs
from wtman.git.objects.writer import Objects
from wtman.model.changes import Comparison, Entry, Pair

# What merge-ort compares by. With no context git would cut common ends before it looks for the
# difference.
_LIKE_A_MERGE = ["--diff-algorithm=histogram", "--no-indent-heuristic", "-U1"]
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
    found = {ordered[number]: diff for number, diff in text_diffs(out)}
    if len(found) != len(ordered):
        raise ExternalError(f"git diff-tree compared {len(found)} of {len(ordered)} contents")
    texts = blobs(ctl, {pair[0] for pair, diff in found.items() if diff is not None and pair[0]})
    known = {"": [], **{name: lines_of(content) for name, content in texts.items()}}
    return {
        pair: diff.applied(known[pair[0]]) if diff is not None else None
        for pair, diff in found.items()
    }
