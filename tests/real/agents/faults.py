"""What providers, and what stands between them and us, answer instead: in no API's own shape."""

from collections.abc import Callable
from dataclasses import replace

from tests.apiagent.server import Turn
from tests.real.ledger import NOTHING, Asked, cut, error, words

Fault = Callable[[Asked], Turn]
_PAGE = """<!DOCTYPE html>
<html><head><title>{title}</title></head>
<body><center><h1>{title}</h1></center><hr><center>nginx</center></body></html>
"""
_LONG = " ".join(f"Part {n} of an answer that is not going to be whole." for n in range(40))


def page(status: int, title: str) -> Fault:
    """A page for people, of a proxy that stands before the provider."""
    body = _PAGE.format(title=f"{status} {title}").encode()
    return lambda asked: Turn(body, status, {"content-type": "text/html"})


def refusal(status: int, kind: str, message: str, **headers: str) -> Fault:
    return lambda asked: error(asked, status, kind, message, **headers)


def busy(retry_after: str) -> Fault:
    return refusal(429, "rate_limit_error", "Too many requests", retry_after=retry_after)


def broken_off(end: str) -> Fault:
    return lambda asked: cut(words(asked, _LONG), end=end)


def slowly(turn: Turn) -> Turn:
    """The whole answer, in small pieces that are no events."""
    return replace(turn, end="drip")


def nothing(asked: Asked) -> Turn:
    """A stream that is over before it began, with status 200."""
    return Turn(b"", usage=NOTHING, first=NOTHING)
