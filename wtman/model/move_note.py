"""What is about to be done to a checkout: noted before, kept until it is done."""

from wtman.model.ids import Sha
from wtman.model.values import dataclass


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
