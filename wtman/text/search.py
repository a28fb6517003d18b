"""Very many short texts kept as one: a word is looked up in all of them at once. Pure."""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import overload

_END = b"\0"


class ManyTexts(Sequence[str]):
    """Texts without NUL, each ended by one in `data` (UTF-8; what is none of it survives)."""

    __slots__ = ("_ends", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._ends: list[int] = []

    @classmethod
    def of(cls, texts: Iterable[str]) -> "ManyTexts":
        """These texts, if they are not that already."""
        if isinstance(texts, cls):
            return texts
        return cls.joined([text.encode("utf-8", "surrogateescape") for text in texts])

    @classmethod
    def in_small_letters(cls, texts: Iterable[str]) -> "ManyTexts":
        """These texts, each in small letters."""
        return cls("\0".join((*texts, "")).lower().encode("utf-8", "surrogateescape"))

    @classmethod
    def joined(cls, parts: Sequence[bytes]) -> "ManyTexts":
        """The texts of which these are the `parts`."""
        return cls(_END.join((*parts, b"")))

    def parts(self) -> list[bytes]:
        """Each text as bytes."""
        return self.data.split(_END)[:-1]

    @property
    def ends(self) -> list[int]:
        """Where the one behind each begins."""
        if not self._ends:
            self._ends = [*accumulate(size + 1 for size in self.sizes())]
        return self._ends

    def sizes(self) -> list[int]:
        """The bytes of each text."""
        return [*map(len, self.parts())]

    def counts(self, word: str) -> dict[int, int]:
        """How often each text has the word (not an empty one) in it that has it, by its number."""
        data, ends, wanted = self.data, self.ends, word.encode("utf-8", "surrogateescape")
        found: dict[int, int] = {}
        number, at = 0, data.find(wanted)
        while at >= 0:
            number = bisect_right(ends, at, number)
            found[number] = data.count(wanted, at, ends[number])
            at = data.find(wanted, ends[number])
        return found

    def having(self, words: Collection[str]) -> set[int]:
        """The numbers of the texts that have one of these words in them."""
        return {number for word in words for number in self.counts(word)}

    def __len__(self) -> int:
        return self.data.count(_END)

    def __iter__(self) -> Iterator[str]:
        return iter(self.data.decode("utf-8", "surrogateescape").split("\0")[:-1])

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> "ManyTexts": ...
    def __getitem__(self, at: int | slice) -> "str | ManyTexts":
        if isinstance(at, slice):
            return ManyTexts.joined(self.parts()[at])
        number = range(len(self.ends))[at]
        start = self.ends[number - 1] if number else 0
        return self.data[start : self.ends[number] - 1].decode("utf-8", "surrogateescape")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ManyTexts) and self.data == other.data

    def __hash__(self) -> int:
        return hash(self.data)
