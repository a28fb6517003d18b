"""Which sessions wait a moment, so that they read from the cache what the first one wrote there.

A provider keeps what many requests begin with (tools, system text) once the first of them is
being answered; those that come before each write it anew. So of the sessions that begin alike
(one agent, model and role: a group) the first goes ahead, and the others wait for its first
answer, at most three seconds. Measured with Claude Code 2.1.330 under one path inside
(`scripts/bench/prefix.py`): 23,182 of 36,576 bytes are the same and marked, some 5,800 tokens;
read instead of written by each further session, at the prices of Opus 5.5 $0.028.

Only for agents that say so (`shares_prefix`). Not for `api`, whose common part is below what
most models keep, and not for Codex, which sends a cache key of its own with each
conversation. Pure.
"""

from wtman.model.values import dataclass

SECONDS = 3.0  # about what the program needs to start, and its provider to begin an answer
_KEPT = 300.0  # seconds that Anthropic keeps a prefix after it was last read


@dataclass(frozen=True, slots=True)
class HeadStart:
    """When the first session of a group began, and when one of it was last answered."""

    begun: float
    answered: float = float("-inf")


def entered(known: HeadStart | None, now: float) -> tuple[HeadStart, bool]:
    """What is known once one more session of the group begins, and whether that one waits."""
    if known is not None and now - known.answered <= _KEPT:
        return known, False
    if known is not None and left(known, now):
        return known, True
    return HeadStart(now), False


def left(known: HeadStart, now: float) -> float:
    """How many seconds those that wait have to wait still."""
    if known.answered >= known.begun:
        return 0.0
    return max(known.begun + SECONDS - now, 0.0)
