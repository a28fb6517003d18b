"""Words looked up in very many short texts at once. Pure."""

from bisect import bisect_right
from collections.abc import Collection, Sequence
from functools import lru_cache
from itertools import accumulate


@lru_cache(maxsize=2)
def _joined(texts: tuple[str, ...]) -> tuple[str, list[int]]:
    """The texts as one, and where each ends in it: the same are asked about again."""
    return "\n".join(texts), [*accumulate(len(text) + 1 for text in texts)]


def texts_with(texts: Sequence[str], words: Collection[str]) -> set[int]:
    """The numbers of the texts that have one of these words, of one line each, in them."""
    whole, ends = _joined(tuple(texts))
    found = set()
    for word in words:
        at = whole.find(word)
        while at >= 0:
            number = bisect_right(ends, at)
            found.add(number)
            at = whole.find(word, ends[number])
    return found
