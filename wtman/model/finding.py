"""A reviewer's claim, its reproducer, and what running that showed."""

import re
from collections.abc import Collection
from hashlib import sha256

from wtman.model.ids import TaskId
from wtman.model.values import dataclass

_NEAR = 15  # lines that the same place may have moved by
_ALIKE = 0.6  # share of words that two titles of the same finding have in common
_EMPTY = frozenset("a an and are as at be by for from has in is it its not of on or the to".split())
_ADDED = re.compile(r"^\+\+\+ b/(.+?)\s*$", re.MULTILINE)


def files_of(patch: str) -> tuple[str, ...]:
    """The files that a patch changes, as its lines name them."""
    return tuple(dict.fromkeys(_ADDED.findall(patch)))


@dataclass(frozen=True, slots=True)
class Reproducer:
    """An executable proof: `command` fails where the claim holds. `patch` adds its test."""

    command: str
    patch: str = ""

    @property
    def key(self) -> str:
        """What makes two proofs the same."""
        return sha256(f"{self.command.strip()}\0{self.patch.strip()}".encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim of a reviewer that something is wrong. `branches` are task ids."""

    title: str
    severity: str
    branches: tuple[TaskId, ...]
    why: str
    path: str = ""
    line: int = 0
    reproducer: Reproducer | None = None


def finding_id(claim: Claim, about: Collection[TaskId] = ()) -> str:
    """A short name that follows from what is claimed of which branches, and from the proof."""
    names = sorted(about or claim.branches)
    proof = claim.reproducer.key if claim.reproducer is not None else ""
    parts = (*names, claim.path, " ".join(sorted(_words(claim.title))), proof)
    return "f" + sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:6]


def same(one: Claim, two: Claim) -> bool:
    """Whether two claims about the same branches are one finding.

    Two proofs are two findings, however alike their titles are: what the one shows says
    nothing of the other.
    """
    if one.reproducer is not None and two.reproducer is not None:
        return one.reproducer.key == two.reproducer.key
    if one.path != two.path:
        return False
    if one.line and two.line and abs(one.line - two.line) > _NEAR:
        return False
    first, second = _words(one.title), _words(two.title)
    if not first or not second:
        return one.title == two.title
    return len(first & second) / len(first | second) >= _ALIKE


def _words(title: str) -> frozenset[str]:
    return frozenset(word for word in re.findall(r"\w+", title.lower()) if word not in _EMPTY)


BASE = "base"
SHOWS = frozenset({"regression", "interaction", "defect"})
DISPROVES = frozenset({"not reproduced", "base", "invalid"})
# It fails, and whether the test is right follows from no run: only refuters can say.
MEANT = "changed on purpose?"
UNPROVEN = "unproven"  # it was not run where it had to be, or nothing shows that it can pass
DOUBTFUL = frozenset({"promise", MEANT})


@dataclass(frozen=True, slots=True)
class Cell:
    """One tree of the matrix. `tree` is `base`, a task id, or several joined with `+`.

    `failed`: the command judged and said no. `broken`: it could not get as far as judging
    (no test collected, an import missing, setup failed, timeout). `unrun`: there is no such
    tree, or the patch does not apply to it; `detail` says why. `commit` is the tree with the
    patch, kept for whoever runs it by hand.
    """

    tree: str
    result: str
    runs: int = 1
    failures: int = 0
    detail: str = ""
    commit: str = ""
    seconds: float = 0.0
    log: str = ""

    @property
    def flickers(self) -> bool:
        return 0 < self.failures < self.runs

    @property
    def bad(self) -> bool:
        return self.result in ("failed", "broken")
