"""The conservation proof of an assembled train, from the repository's own objects.

Says nothing about how the train was made and takes nobody's word for it: commits, trees
and contents are read anew, in four git processes whatever the number of members.
Blocking; touches nothing.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from wtman.git.control_dir import Control
from wtman.git.merges.attributes import merge_of
from wtman.git.objects import compare
from wtman.git.objects.history import changes_many, trees_of
from wtman.integration.assemble import Assembled, Train
from wtman.merge.proof.expected import MemberStep, plans
from wtman.merge.proof.proof import Proof, judge
from wtman.merge.proof.violations import Violation
from wtman.model.changes import Change
from wtman.model.ids import Sha, TaskId


def prove(
    ctl: Control,
    train: Train,
    assembled: Assembled,
    *,
    resolved: Mapping[TaskId, Collection[str]] | None = None,
) -> Proof:
    """The proof that `assembled` holds the whole of every part of `train`, and its target.

    `resolved`: the paths of a task in which something other than the rule decided a clash;
    everything around the clash is proved all the same.
    """
    ctl = replace(ctl, trees={})  # a judge takes nobody's word: git says of every commit anew
    commits, broken = _line(train, assembled)
    named = [train.on, *(item for part in train.parts for item in (part.start, part.head))]
    found = trees_of(ctl, [*named, *commits, assembled.commit])
    on, ends = found[0], found[1 : len(named)]
    line = found[len(named) : -1]
    if found[-1] != assembled.tree or (line or (on,))[-1] != assembled.tree:
        task = train.parts[-1].task if train.parts else TaskId("")
        broken.append(Violation("tip", task, "", "", ""))
    claims = plans(_steps(ctl, train, on, ends, line))
    pairs = {pair for plan in claims for pair in plan.pairs}
    contents = compare.contents(ctl, pairs)
    proof = judge(claims, contents, resolved=resolved, broken=broken)
    doubtful = sorted({item.path for item in proof.violations if item.kind == "clash"})
    wanted = merge_of(ctl, train.on, doubtful)
    unions = [path for path, how in wanted.items() if how == b"union"]
    if unions:
        # All lines of both sides are what the target wants there, whatever a side took away.
        proof = judge(claims, contents, resolved=resolved, unions=unions, broken=broken)
    return proof


def _line(train: Train, assembled: Assembled) -> tuple[list[Sha], list[Violation]]:
    """What each part became, in order; who became nothing is broken."""
    commits, broken, last = [], [], train.on
    for part in train.parts:
        if part.task not in assembled.commits:
            broken.append(Violation("tip", part.task, "", "", ""))
        last = assembled.commits.get(part.task, last)
        commits.append(last)
    return commits, broken


def _steps(
    ctl: Control, train: Train, on: Sha, ends: Sequence[Sha], line: Sequence[Sha]
) -> list[MemberStep]:
    starts, heads = ends[0::2], ends[1::2]
    before = (on, *line)[: len(line)]
    asked = [*zip(starts, heads, strict=True), *zip(before, line, strict=True)]
    asked += [(start, on) for start in starts]
    found = dict(zip(asked, changes_many(ctl, asked), strict=True))
    moved: dict[Sha, dict[str, Change]] = {
        start: {change.path: change for change in found[start, on]} for start in set(starts)
    }
    return [
        MemberStep(
            part.task,
            part.needs,
            found[starts[at], heads[at]],
            found[before[at], line[at]],
            moved[starts[at]],
        )
        for at, part in enumerate(train.parts)
    ]
