"""What agents say on their streams: JSON lines, read without trusting a byte of them.

Every reader here takes anything and gives a value of the type it promises: a model, a
provider or a version that nobody knows yet wrote it. `trouble_of` tells a provider's
refusals apart: those that waiting mends and those that only a person can.
"""

import json
import re
from typing import Any, Literal

from wtman.text.late_pattern import late

Trouble = Literal["", "limited", "fatal"]
_MOST = 2**53  # a number of tokens that is larger is no number of tokens


def parsed(line: bytes) -> dict[str, Any] | None:
    """The JSON object of a line; None where it is anything else."""
    if b"{" not in line[:64]:
        return None
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def field(value: Any, *path: str) -> Any:
    """What is at the end of the path, None where there is nothing."""
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def text(value: Any, *path: str) -> str:
    """The text there, empty where there is none; always such as UTF-8 can hold."""
    found = field(value, *path)
    return found.encode("utf-8", "replace").decode() if isinstance(found, str) else ""


def number(value: Any, *path: str) -> int:
    """The whole number there, 0 where there is none or it is below."""
    found = field(value, *path)
    if isinstance(found, bool) or not isinstance(found, int | float) or found != found:
        return 0
    return int(min(max(found, 0), _MOST))


def money(value: Any, *path: str) -> float | None:
    """The amount there, None where it is unknown."""
    found = field(value, *path)
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    return float(found) if 0 <= found < _MOST else None


def items(value: Any, *path: str) -> tuple[dict[str, Any], ...]:
    """The objects of the list there."""
    found = field(value, *path)
    return (
        tuple(item for item in found if isinstance(item, dict)) if isinstance(found, list) else ()
    )


def fed(words: str) -> bytes:
    """A prompt as bytes. Those of a file name that is no UTF-8 come back as they were; half
    a character, such as a model's JSON can hold, becomes a question mark."""
    try:
        return words.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return words.encode("utf-8", "replace")


def argument(words: str) -> str:
    """The words as a program can get them in one argument."""
    return fed(words.replace("\0", "")).decode("utf-8", "surrogateescape")


# --- trouble with the provider ------------------------------------------------------------------

# Only a person mends these: no credit, a limit of the plan, no sign-in. A quota often comes
# with status 429, so words are looked at before the status.
_UNPAID = late(
    r"credit balance|out of credit|insufficient[ _](credit|balance|funds|quota)|payment required"
    r"|current quota|quota (is )?exhausted|quota exceeded|exhausted your|billing|extra usage"
    r"|(usage|hour|daily|weekly|monthly|spend(ing)?|session|plan) limit|hit your\b.{0,20}\blimit",
    re.IGNORECASE,
)
_UNKNOWN = late(
    r"(invalid|incorrect|missing|expired|disabled) (x-)?api[- ]?key|api[- ]?key (is |has )?"
    r"(invalid|incorrect|missing|expired|not valid|been disabled)|not (logged|signed) in"
    r"|run /login|log ?in again|sign ?in again|oauth token|token (is |has )?(been )?"
    r"(expired|revoked)|unauthorized|authentication[ _](failed|error)|does not have access",
    re.IGNORECASE,
)
_LIMITED = late(
    r"rate.?limit|too many requests|overloaded|high demand|temporarily unavailable"
    r"|stream disconnected|connection (error|failed|refused|reset)|unable to connect"
    r"|error sending request|fetch failed|stream ended|premature close|socket hang up"
    r"|socket connection was closed|ECONN(REFUSED|RESET)|timed? ?out",
    re.IGNORECASE,
)
# What a proxy answers in the place of a provider.
_PAGE = late(r"<(?:!doctype\s+html|html|head|body)\b.*?(?:</html>|$)", re.I | re.S)
_TITLE = late(r"<(title|h1)\b[^>]*>\s*([^<>]+?)\s*</\1>", re.I)
_STATUS = late(
    r"(?:status(?: code)?:?|API Error:|HTTP|rejected \(|a web page, \")\s*([1-5]\d\d)\b", re.I
)


def trouble_of(said: str, status: int = 0) -> Trouble:
    """What kind of refusal a provider's error is: by its text and, where known, HTTP status.

    `limited` goes away by waiting, `fatal` only when somebody pays or signs in; empty is
    an error of this session alone. For error texts only, never for what a model says.
    """
    said = without_page(said)
    if not status and (found := _STATUS.search(said)):
        status = int(found[1])
    if status in (401, 402, 403) or _UNPAID.search(said) or _UNKNOWN.search(said):
        return "fatal"
    if status in (408, 429) or status >= 500:
        return "limited"
    return "limited" if not status and _LIMITED.search(said) else ""


def without_page(said: str) -> str:
    """The words, with a page of HTML in them told by its title."""
    return _PAGE.sub(_titled, said) if "<" in said else said


def _titled(page: re.Match[str]) -> str:
    title = _TITLE.search(page[0])
    return f'a web page, "{title[2]}"' if title else "a web page"


def way_on(refusal: str, sign_in: str) -> str:
    """What a user does about a `fatal` refusal; `sign_in` is how to, in the agent's words."""
    return "add credit, or wait for the quota" if _UNPAID.search(refusal) else sign_in
