"""Space on a disk: what files take, and what is free."""

from wtman.model.values import dataclass


@dataclass(frozen=True, slots=True)
class DiskUse:
    """Space on a disk: bytes in whole blocks; files, folders and links (inodes)."""

    size: int = 0
    files: int = 0

    def __add__(self, other: "DiskUse") -> "DiskUse":
        return DiskUse(self.size + other.size, self.files + other.files)

    def __sub__(self, other: "DiskUse") -> "DiskUse":
        """The difference, which is never less than nothing."""
        return DiskUse(max(self.size - other.size, 0), max(self.files - other.files, 0))

    def __mul__(self, number: int) -> "DiskUse":
        return DiskUse(self.size * number, self.files * number)


@dataclass(frozen=True, slots=True)
class FreeSpace:
    """Bytes and inodes that are free; `files` is None where none are counted.

    `size` is what `df` says, `usable` what this user may write, which is more for root.
    `reserve` is what should stay free of it, `block` the least that a file takes, in bytes;
    of the inodes `spare` should stay free.
    """

    size: int
    usable: int
    files: int | None
    reserve: int
    block: int
    spare: int = 1000

    def lacks(self, need: DiskUse) -> bool:
        """Whether `need` does not fit in besides the reserve."""
        few = self.files is not None and self.files < need.files + bool(need.files) * self.spare
        return self.usable < need.size + self.reserve or few
