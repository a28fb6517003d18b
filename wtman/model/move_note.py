"""What is about to be done to a checkout: noted before, kept until it is done."""

from dataclasses import dataclass

from wtman.model.ids import Sha


@dataclass(frozen=True, slots=True)
class MoveNote:
    """Branch `branch`, checked out at `path`, goes from `before` to `after`.

    `began` is in seconds since the epoch; `repaired`: files are being put back already.
    """

    path: str
    branch: str
    before: Sha
    after: Sha
    began: float
    repaired: bool = False
