"""The reproducer matrix: what a proof shows, run on base, on each branch and on several together.

Pure. The reviewer's words play no part: the verdict follows from which trees the command
fails on. It promises that only a failure seen every time it was run, on a tree that holds
more than one on which the test passes, confirms anything.

Every tree is a set of branches: the base is the empty one, and a branch that was built on
others holds them too. A tree that fails is *spoilt* if the test passes on a smaller one,
and the smallest spoilt trees are to blame:

    passes on        fails on                ->
    base             A                       regression of A
    base             A+B, not on A or B      interaction of A and B
    B                base, A+B               interaction too: A breaks what B brings
    A                base, B built on A      regression of B
    A+B              base, A, B, A+B+C       interaction of all three
    all that ran     nothing                 not reproduced
    a branch         base                    already broken on base
    nothing          base and all others     invalid: it fails everywhere

"Fails everywhere" is what a wrong test looks like, and also a right one for what was
promised and is not there. Where a branch fails it in another way than the base, or what it
lacks was asked for, nothing is proven either way: `promise`. What was not run where it had
to be is `unproven`: two branches that do not merge, a setup that fails on the base, a patch
that does not apply or adds more than tests.

In an audit there is one tree, and nothing that it is compared with but that tree without the files
that the finding is about: a `defect` fails there in another way, or passes. A test that fails in
the same way says nothing of them and may be one that never passes: `unproven`.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal

from wtman.checks.comparison import STEERING, is_misuse, reasons, told_by
from wtman.formats.gitignore import matches
from wtman.formats.junit import TestRun
from wtman.formats.test_paths import TESTS
from wtman.model.finding import BASE, SHOWS, Cell
from wtman.model.ids import TaskId
from wtman.model.values import dataclass
from wtman.text.words import listed

TIMES = 3  # runs that a failure has to be seen in before it counts, and most of a flickering one
WITHOUT = "without "  # how the tree is called that an audit compares with; no id has a space
Below = Mapping[TaskId, Collection[TaskId]]

Result = Literal["passed", "failed", "broken", "unrun"]


@dataclass(frozen=True, slots=True)
class MatrixResult:
    """What the matrix shows. `kind` is regression, interaction, promise, not reproduced, base,
    invalid, unproven or flaky, in an audit also defect; `culprits` the branches that it names;
    `leans` the trees that it follows from."""

    kind: str
    culprits: tuple[TaskId, ...] = ()
    reason: str = ""
    leans: tuple[str, ...] = ()

    @property
    def confirmed(self) -> bool:
        return self.kind in SHOWS


def combined(members: Sequence[TaskId]) -> str:
    """The name of the tree that holds all of them."""
    return "+".join(members)


def members_of(tree: str) -> tuple[TaskId, ...]:
    """The branches that a tree is named after."""
    return () if tree == BASE else tuple(map(TaskId, tree.split("+")))


def holds(tree: str, below: Below) -> frozenset[TaskId]:
    """All branches in a tree, with those that they were built on."""
    names = members_of(tree)
    return frozenset(names).union(*(below.get(name, ()) for name in names))


def again(cells: Sequence[Cell], below: Below | None = None, *, asked: bool = False) -> list[str]:
    """The trees that have to be run once more before the verdict may stand.

    Only what would confirm is doubted: a false alarm costs a session, a missed one does
    not go away. A cell that has flickered needs no more.
    """
    shown = judge(cells, _members(cells), below, asked=asked)
    if shown.kind in ("base", "invalid"):
        # What is thrown out because of the base was seen to fail there by more than chance.
        return [c.tree for c in cells if c.tree == BASE and c.bad and c.runs < 2]
    return [
        cell.tree
        for cell in cells
        if cell.tree in shown.leans
        and cell.runs < TIMES
        and not cell.flickers
        and cell.result != "unrun"
    ]


def uncompared(cells: Sequence[Cell]) -> Cell | None:
    """The tree of an audit on which it fails, and nothing is there yet to compare it with."""
    names = _members(cells)
    if len(cells) > 1 or not names or judge(cells, names).kind != "defect":
        return None
    return cells[0]


def _members(cells: Sequence[Cell]) -> tuple[TaskId, ...]:
    names = (c.tree for c in cells if c.tree != BASE and not c.tree.startswith(WITHOUT))
    return tuple(TaskId(name) for name in names if "+" not in name)


def judge(
    cells: Sequence[Cell],
    members: Collection[TaskId],
    below: Below | None = None,
    *,
    asked: bool = False,
) -> MatrixResult:
    """What the cells show of the branches `members`; `below`: what each was built on.

    `asked`: what the test looks for was asked of these branches, so that its failing
    everywhere may mean that it is missing.
    """
    at = {cell.tree: cell for cell in cells}
    base = at.get(BASE)
    alone = [at[name] for name in members if name in at]
    if base is None and alone:
        control = next((cell for cell in cells if cell.tree.startswith(WITHOUT)), None)
        return _judge_audit(alone[0], control)
    if base is None or not alone:
        return MatrixResult("unproven", (), "there was no tree to run it on")
    if shown := _spoilt(cells, below or {}):
        return shown
    others = [cell for cell in cells if cell is not base]
    shaky = [cell.tree for cell in cells if cell.flickers]
    if shaky:
        return MatrixResult("flaky", (), f"it fails only sometimes on {listed(shaky)}")
    if all(cell.result == "unrun" and not cell.commit for cell in others):
        detail = next((cell.detail for cell in others if cell.detail), "it does not apply")
        return MatrixResult("invalid" if base.bad else "unproven", (), f"it was not run: {detail}")
    passing = [cell.tree for cell in others if cell.result == "passed"]
    missing = _not_run(others)
    if missing is None and len(passing) == len(_ran(others)):
        if base.bad:
            return MatrixResult("base", (), _on_base(passing))
        return MatrixResult("not reproduced", (), "passes wherever it was run")
    if base.result == "unrun":
        return MatrixResult("unproven", (), f"it cannot be run on the base: {base.detail}")
    if missing is not None:
        where = listed(members_of(missing.tree))
        return MatrixResult("unproven", (), f"it was not run on {where}: {missing.detail}")
    if passing:
        return MatrixResult("base", (), _on_base(passing))
    return _everywhere(base, others, asked=asked)


def _ran(cells: Iterable[Cell]) -> list[Cell]:
    return [cell for cell in cells if cell.result != "unrun"]


def _on_base(passing: Sequence[str]) -> str:
    return f"fails on the base already, passes on {listed(passing)}"


def _not_run(others: Sequence[Cell]) -> Cell | None:
    """A branch, or all of them together, on which it was not run; smaller ones may lack."""
    most = max(len(members_of(cell.tree)) for cell in others)
    needed = [c for c in others if "+" not in c.tree or len(members_of(c.tree)) == most]
    return next((cell for cell in needed if cell.result == "unrun"), None)


def _judge_audit(cell: Cell, control: Cell | None) -> MatrixResult:
    """Of a tree without any branch: what it is compared with is that tree without the files that
    the finding is about. None: that is run next."""
    names = (TaskId(cell.tree),)
    if cell.result == "unrun":
        return MatrixResult(
            "unproven", (), f"its test was not run: {cell.detail or 'it does not apply'}"
        )
    if cell.flickers:
        return MatrixResult("flaky", (), "its test fails only sometimes")
    if cell.result == "passed":
        return MatrixResult("not reproduced", (), "its test passes on the commit")
    if cell.result == "broken":
        return MatrixResult("unproven", (), "its test cannot run on the commit, or does not end")
    if control is None:
        return MatrixResult("defect", names, "its test fails on the commit", (cell.tree,))
    if control.result == "unrun":
        why = f"its test fails on the commit, and cannot be run {control.tree}: {control.detail}"
        return MatrixResult("unproven", (), why)
    if control.flickers:
        return MatrixResult("flaky", (), f"its test fails only sometimes {control.tree}")
    both, failed = (cell.tree, control.tree), "its test fails on the commit"
    if control.result == "passed":
        return MatrixResult("defect", names, f"{failed}, and passes {control.tree}", both)
    told = reasons(cell.detail)
    if told - reasons(control.detail):
        return MatrixResult("defect", names, f"{failed}, and in another way {control.tree}", both)
    why = f"in the same way {control.tree}" if told else "and does not say why"
    return MatrixResult("unproven", (), f"{failed}, {why}")


def _spoilt(cells: Sequence[Cell], below: Below) -> MatrixResult | None:
    """The least trees that fail although it passes on a smaller one; branches alone first."""
    sets = {cell.tree: holds(cell.tree, below) for cell in cells}
    good = [sets[c.tree] for c in cells if c.result == "passed" and not c.flickers]
    shaky = [sets[c.tree] for c in cells if c.flickers]
    spoilt = [
        cell
        for cell in cells
        if cell.bad
        and any(smaller < sets[cell.tree] for smaller in good)
        # What flickers on less proves nothing of more.
        and not any(smaller <= sets[cell.tree] for smaller in shaky)
    ]
    least = [one for one in spoilt if not any(sets[c.tree] < sets[one.tree] for c in spoilt)]
    if not least:
        return None
    single = [cell for cell in least if "+" not in cell.tree]
    if single:
        names = tuple(TaskId(cell.tree) for cell in single)
        wanted = {BASE, *names}
        if frozenset() not in good:
            wanted |= {tree for tree in sets if any(sets[tree] < sets[name] for name in names)}
        leans = tuple(cell.tree for cell in cells if cell.tree in wanted)
        return MatrixResult("regression", names, _why_alone(single, sets, good), leans)
    cell = min(least, key=lambda one: len(members_of(one.tree)))
    held = sets[cell.tree]
    leans = tuple(tree for tree, smaller in sets.items() if smaller <= held)
    names = members_of(cell.tree)
    return MatrixResult("interaction", names, _why_together(names, cells, sets), leans)


def _why_alone(
    single: Sequence[Cell],
    sets: Mapping[str, frozenset[TaskId]],
    good: Collection[frozenset[TaskId]],
) -> str:
    names = ", ".join(cell.tree for cell in single)
    if frozenset() not in good:
        first = sets[single[0].tree]
        kept = [tree for tree, held in sets.items() if held < first and held in good]
        return f"passes on {', '.join(kept)}, fails on {names}, which is built on it"
    # The base gets as far as judging and the branch does not: it took away what is tested.
    broken = all(cell.result == "broken" for cell in single)
    return f"passes on the base, {'cannot even run' if broken else 'fails'} on {names}"


def _why_together(
    names: Sequence[TaskId], cells: Sequence[Cell], sets: Mapping[str, frozenset[TaskId]]
) -> str:
    whole = sets[combined(names)]
    inside = [c for c in cells if c.tree != BASE and sets[c.tree] < whole]
    good = [cell.tree for cell in inside if cell.result == "passed"]
    alone = [tree for tree in good if "+" not in tree]
    if not good:
        where = "the base"
    elif len(good) == len(inside):
        where = "each alone" if len(names) == 2 else "each alone and on less than all of them"
    else:
        where = f"{listed(alone)} alone" if alone else listed(good)
    together = " with ".join(names) if len(names) == 2 else f"{listed(names)} together"
    return f"passes on {where}, fails on {together}"


def _everywhere(base: Cell, others: Sequence[Cell], *, asked: bool) -> MatrixResult:
    """It passes nowhere. A wrong test, or a right one for what is not there yet."""
    failing = [cell for cell in others if cell.bad]
    leans = tuple(cell.tree for cell in (base, *failing))
    if any(_other_way(cell, base) for cell in failing):
        reason = "fails on the base too, but in another way: nothing shows that the test is right"
        return MatrixResult("promise", (), reason, leans)
    if asked:
        reason = "fails everywhere, as it would if what was asked for is missing"
        return MatrixResult("promise", (), reason, leans)
    return MatrixResult("invalid", (), "it fails everywhere, on the base too")


def _other_way(cell: Cell, base: Cell) -> bool:
    """Whether it gets further than on the base, or is told something else there."""
    if cell.result == "failed" and base.result == "broken":
        return True
    return told_by(cell.detail) != told_by(base.detail)


def trespass(touched: Collection[tuple[str, str, str, int]]) -> str:
    """Why a patch is more than an added test, or nothing.

    `touched`: path, git's letter, mode and number of removed lines of each changed path.
    """
    for path, kind, mode, removed in touched:
        name = path.rpartition("/")[2]
        if kind not in "AM" or removed:
            return f"it changes what is there: {path}"
        if mode not in ("100644", "100755"):
            return f"it adds something that is no plain file: {path}"
        if matches(STEERING, path) or name in ("", ".", ".."):
            return f"it touches what steers the tests: {path}"
        if not matches(TESTS, path):
            return f"it touches more than tests: {path}"
    return ""


def result_of(
    passed: bool, code: int | None, tests: TestRun | None, output: str, own: Collection[str] = ()
) -> Result:
    """How a run of the command reads: did it judge, and what.

    `code` is None for a run that did not end by itself; `own` are the files of its patch.
    """
    if passed:
        return "passed"
    if code is None or code in (126, 127):
        return "broken"
    if tests is not None and tests.tests and not any(s.bad for s in tests.tests.values()):
        return "broken"
    if is_misuse(output, own):
        return "broken"
    # An error is no failed assertion, but it judges: unittest says so of every exception.
    return "broken" if _MISSING.search(output) and not _ASSERTED.search(output) else "failed"


_MISSING = re.compile(
    r"\b(ModuleNotFoundError|ImportError|AttributeError: module|NameError|Cannot find module"
    r"|undefined: |unresolved import|cannot find (?:function|value|type)|SyntaxError"
    r"|No such file or directory|command not found)"
)


_ASSERTED = re.compile(r"\b(AssertionError|assertion failed|panicked at|expect\(.*\)|E +assert )")
