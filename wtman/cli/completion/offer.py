"""What fits at a place of the command line. Pure."""

from wtman.model.values import dataclass


@dataclass(frozen=True, slots=True)
class Choice:
    """A word that fits, and what it is; `goes_on`: no space follows it."""

    word: str
    about: str = ""
    goes_on: bool = False


@dataclass(frozen=True, slots=True)
class Offer:
    """What fits; `else_`: what the shell adds itself, `files` or `dirs`."""

    candidates: tuple[Choice, ...] = ()
    else_: str = "words"
