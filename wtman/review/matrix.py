"""The reproducer matrix: what a proof shows, run on base, on each branch and on all together.

Pure. The reviewer's words play no part: the verdict follows from which trees the
command fails on. It promises that only a failure that the base does not have, seen
every time it was run, confirms anything.

    base   alone          together   ->
    pass   A fails        any        regression of A
    pass   all pass       fails      interaction; so too where only one passes, the base lacking it
    pass   all pass       pass       not reproduced
    fail   one passes     any        already broken on base
    fail   all fail       fails      invalid: it fails everywhere

"Fails everywhere" is what a wrong test looks like, and also a right one for what only the
branch has. Where the base cannot even begin the test (an import or a name is missing) and
the branch fails in an assertion of it, nothing is proven either way: `unproven`.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from wtman.formats.gitignore import matches
from wtman.formats.junit import TestRun
from wtman.formats.test_paths import TESTS
from wtman.model.finding import BASE, SHOWS, Cell
from wtman.model.ids import TaskId

TIMES = 3  # runs that a failure has to be seen in before it counts, and most of a flickering one


Result = Literal["passed", "failed", "broken", "unrun"]


@dataclass(frozen=True, slots=True)
class MatrixResult:
    """What the matrix shows. `kind` is regression, interaction, not reproduced, base, invalid,
    unproven or flaky, in an audit also defect; `culprits` the branches that it names."""

    kind: str
    culprits: tuple[TaskId, ...] = ()
    reason: str = ""

    @property
    def confirmed(self) -> bool:
        return self.kind in SHOWS


def combined(members: Sequence[TaskId]) -> str:
    """The name of the tree that holds all of them."""
    return "+".join(members)


def again(
    cells: Sequence[Cell], below: Mapping[TaskId, Collection[TaskId]] | None = None
) -> tuple[str, ...]:
    """The trees that have to be run once more before the verdict may stand.

    Only what would confirm is doubted: a false alarm costs a session, a missed one does
    not go away. A cell that has flickered needs no more.
    """
    shown = judge(cells, _members(cells), below)
    if shown.kind in ("base", "invalid"):
        # What is thrown out because of the base was seen to fail there by more than chance.
        return tuple(
            cell.tree for cell in cells if cell.tree == BASE and cell.bad and cell.runs < 2
        )
    if not shown.confirmed:
        return ()
    return tuple(
        cell.tree
        for cell in cells
        if cell.runs < TIMES
        and not cell.flickers
        and cell.result != "unrun"
        # Where the base does not pass, the verdict leans on a branch that does.
        and (cell.bad or cell.tree == BASE or shown.kind == "interaction" or below)
    )


def _members(cells: Sequence[Cell]) -> tuple[TaskId, ...]:
    return tuple(TaskId(c.tree) for c in cells if c.tree != BASE and "+" not in c.tree)


def judge(
    cells: Sequence[Cell],
    members: Collection[TaskId],
    below: Mapping[TaskId, Collection[TaskId]] | None = None,
) -> MatrixResult:
    """What the cells show of the branches `members`; `below`: what each was built on."""
    at = {cell.tree: cell for cell in cells}
    base = at.get(BASE)
    alone = [at[name] for name in members if name in at]
    if base is None and alone:
        return _judge_audit(alone)
    joint = [cell for cell in cells if "+" in cell.tree]
    if base is None or not alone:
        return MatrixResult("unproven", (), "there was no tree to run it on")
    ran = [cell for cell in (*alone, *joint) if cell.result != "unrun"]
    if not ran:
        detail = next((cell.detail for cell in alone if cell.detail), "it does not apply")
        return MatrixResult("invalid", (), detail)
    shaky = [cell.tree for cell in (base, *alone, *joint) if cell.flickers]
    if shaky:
        return MatrixResult("flaky", (), f"it fails only sometimes on {', '.join(shaky)}")
    if base.result == "unrun":
        return MatrixResult("unproven", (), f"it cannot be run on the base: {base.detail}")
    if base.bad:
        return _bad_on_base(base, alone, joint, below or {})
    culprits = tuple(TaskId(cell.tree) for cell in alone if cell.result == "failed")
    if culprits:
        return MatrixResult(
            "regression", culprits, f"passes on the base, fails on {', '.join(culprits)}"
        )
    broken = [cell.tree for cell in alone if cell.result == "broken"]
    if broken:
        # The base gets as far as judging and the branch does not: it took away what is tested.
        names = tuple(TaskId(name) for name in broken)
        return MatrixResult(
            "regression", names, f"passes on the base, cannot even run on {broken[0]}"
        )
    if shown := _together(alone, joint):
        return shown
    return MatrixResult("not reproduced", (), "passes wherever it was run")


def _judge_audit(alone: Sequence[Cell]) -> MatrixResult:
    """Of a tree without any branch: there is nothing to compare it with."""
    cell = alone[0]
    if cell.result == "unrun":
        return MatrixResult("invalid", (), cell.detail or "it does not apply")
    if cell.flickers:
        return MatrixResult("flaky", (), "it fails only sometimes")
    if cell.result == "failed":
        return MatrixResult("defect", (TaskId(cell.tree),), "it fails")
    if cell.result == "broken":
        return MatrixResult("invalid", (), "it cannot even run")
    return MatrixResult("not reproduced", (), "it passes")


def _together(alone: Sequence[Cell], joint: Sequence[Cell]) -> MatrixResult | None:
    """The smallest combination that fails although the test passes on one of it."""
    passing = {cell.tree for cell in alone if cell.result == "passed"}
    for cell in sorted(joint, key=lambda cell: cell.tree.count("+")):
        names = tuple(TaskId(name) for name in cell.tree.split("+"))
        good = [name for name in names if name in passing]
        if cell.bad and good:
            each = "each" if len(good) == len(names) else ", ".join(good)
            reason = f"passes on {each} alone, fails on {' with '.join(names)}"
            return MatrixResult("interaction", names, reason)
    return None


def _bad_on_base(
    base: Cell,
    alone: Sequence[Cell],
    joint: Sequence[Cell],
    below: Mapping[TaskId, Collection[TaskId]],
) -> MatrixResult:
    """It fails on the base. Where the base only lacks what it tests, a branch on which it passes
    can show that the test is right."""
    passing = [cell.tree for cell in (*alone, *joint) if cell.result == "passed"]
    spoilt = tuple(
        TaskId(cell.tree)
        for cell in alone
        if cell.bad and set(below.get(TaskId(cell.tree), ())) & set(passing)
    )
    if spoilt and base.result == "broken":
        good = ", ".join(name for name in passing if name in below.get(spoilt[0], ()))
        reason = f"passes on {good}, fails on {', '.join(spoilt)}, which is built on it"
        return MatrixResult("regression", spoilt, reason)
    if base.result == "broken" and (shown := _together(alone, joint)):
        return shown
    if passing:
        return MatrixResult(
            "base", (), f"fails on the base already, passes on {', '.join(passing)}"
        )
    # Broken for another reason than the base: it gets further, and fails there.
    failing = [
        cell
        for cell in (*alone, *joint)
        if cell.result == "failed" or (cell.result == "broken" and cause(cell) != cause(base))
    ]
    if base.result == "broken" and failing:
        reason = "the base lacks what it tests, so nothing shows that the test is right"
        return MatrixResult("unproven", (), reason)
    return MatrixResult("invalid", (), "it fails everywhere, on the base too")


def cause(cell: Cell) -> str:
    """The last error that a run names, to tell whether two fail alike."""
    named = [line.strip() for line in cell.detail.splitlines() if _ERROR.match(line.strip())]
    return named[-1] if named else ""


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
        if matches(_STEERING, path) or name in ("", ".", ".."):
            return f"it touches what steers the tests: {path}"
        if not matches(TESTS, path):
            return f"it touches more than tests: {path}"
    return ""


def result_of(passed: bool, code: int | None, tests: TestRun | None, output: str) -> Result:
    """How a run of the command reads: did it judge, and what.

    `code` is None for a run that did not end by itself.
    """
    if passed:
        return "passed"
    if code is None or code in (126, 127):
        return "broken"
    if tests is not None and tests.tests and not any(s.bad for s in tests.tests.values()):
        return "broken"
    # An error is no failed assertion, but it judges: unittest says so of every exception.
    return "broken" if _MISSING.search(output) and not _ASSERTED.search(output) else "failed"


# Below a folder of tests too: these decide how every test runs.
_STEERING = (
    *("conftest.py", "sitecustomize.py", "usercustomize.py", "*.pth", "pytest.ini", ".pytest.ini"),
    *("tox.ini", "setup.cfg", "pyproject.toml", "package.json", "jest.config.*", "vitest.config.*"),
    *(".gitattributes", ".gitmodules", ".env", ".envrc", "Makefile", "Cargo.toml", "go.mod"),
)


_ERROR = re.compile(r"(?:E +)?[\w.]*(?:Error|Exception|Failure|panicked)\b")


_MISSING = re.compile(
    r"\b(ModuleNotFoundError|ImportError|AttributeError: module|NameError|Cannot find module"
    r"|undefined: |unresolved import|cannot find (?:function|value|type)|SyntaxError"
    r"|No such file or directory|command not found)"
)


_ASSERTED = re.compile(r"\b(AssertionError|assertion failed|panicked at|expect\(.*\)|E +assert )")
