"""Pure functions that keep their newest answer: a loop asks nearly the same again at every turn.

Promises the answers of the functions themselves. For threads, too: what is kept is replaced whole.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

One = TypeVar("One")
Answer = TypeVar("Answer")


def last_answer(function: Callable[[One], Answer]) -> Callable[[One], Answer]:
    """Give the answer of before where the argument is: the same object, or an equal tuple."""
    newest: tuple[One, Answer] | None = None

    @wraps(function)
    def asked(one: One) -> Answer:
        nonlocal newest
        before = newest
        # Tuples of the same objects are soon compared; other values may be large.
        if before is not None and (
            before[0] is one or (isinstance(one, tuple) and before[0] == one)
        ):
            return before[1]
        answer = function(one)
        newest = (one, answer)
        return answer

    return asked


def going_on(
    function: Callable[[One, tuple[One, Answer] | None], Answer],
) -> Callable[[One], Answer]:
    """Give the function what it was asked before, too, with its answer: to go on from there."""
    newest: tuple[One, Any] | None = None

    @wraps(function)
    def asked(one: One) -> Answer:
        nonlocal newest
        answer = function(one, newest)
        newest = (one, answer)
        return answer

    return asked
