"""What wtman is about to do to refs, HEAD and index, as values."""

from collections.abc import Iterable

from wtman.model.values import dataclass

ANY = "*"


@dataclass(frozen=True, slots=True)
class Move:
    """`what` as in a fingerprint (`refs/heads/main`, `HEAD`, `index`), from `old` to `new`.

    "" is absent, ANY whatever it was.
    """

    what: str
    old: str
    new: str


def leads(moves: Iterable[Move], what: str, old: str, new: str) -> bool:
    """Whether these moves, one after the other, make `new` out of `old`."""
    steps = [move for move in moves if move.what == what]
    reached, waiting = {old}, [old]
    while waiting:
        here = waiting.pop()
        for move in steps:
            if move.old in (here, ANY) and move.new not in reached:
                reached.add(move.new)
                waiting.append(move.new)
    return new in reached and new != old
