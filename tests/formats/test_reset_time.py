"""Words of providers on when a quota is back."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtman.formats.reset_time import reset_of, reset_time, told

NOW = datetime(2026, 12, 1, 10, 30, tzinfo=UTC).timestamp()
LOCAL = timezone(timedelta(hours=2))


@pytest.mark.parametrize("words, back", [
    ("Claude AI usage limit reached|1796130000", "2026-12-01 13:00"),
    ("You've hit your limit · resets 3pm (Europe/Berlin)", "2026-12-01 14:00"),
    ("You've hit your session limit · resets 1:30am (UTC)", "2026-12-02 01:30"),
    ("5-hour limit reached ∙ resets 3pm", "2026-12-01 13:00"),
    ("You've hit your weekly limit · resets Dec 3 at 9am (America/New_York)", "2026-12-03 14:00"),
    ("You've hit your usage limit. Upgrade to Pro, or try again in 3 days 4 hours 5 minutes.",
     "2026-12-04 14:35"),
    ("You've hit your usage limit. Try again in 52 minutes.", "2026-12-01 11:22"),
    ("You've hit your usage limit. Try again at 4:05 PM.", "2026-12-01 14:05"),
    ("usage limit reached, try again at Dec 3rd, 2026 4:05 PM.", "2026-12-03 14:05"),
    ("You have exhausted your capacity. Your quota will reset after 12h34m56s.",
     "2026-12-01 23:04"),
    ("Quota exceeded. Please retry in 34.5s.", "2026-12-01 10:30"),
    ("Please retry in 1 hour", "2026-12-01 11:30"),
    ('{"type":"usage_limit_reached","resets_at":1796130000}', "2026-12-01 13:00"),
    ("limit resets at 2026-12-01T15:00:00Z", "2026-12-01 15:00"),
    ("limit resets at 2026-12-01 15:00", "2026-12-01 13:00"),
    ("limit resets on 2026-12-01T15:00:00+01:00", "2026-12-01 14:00"),
])  # fmt: skip
def test_a_time_is_read(words: str, back: str) -> None:
    found = reset_time(words, NOW, LOCAL)
    assert found is not None
    assert f"{datetime.fromtimestamp(found, UTC):%Y-%m-%d %H:%M}" == back
    assert reset_of(told(words, NOW, LOCAL)) == int(found)
    assert told(told(words, NOW, LOCAL), NOW, LOCAL) == told(words, NOW, LOCAL)


def test_a_time_for_machines_is_told_for_people() -> None:
    at = "1796130000"
    for words in (f"limit reached|{at}", f"limit reached (resets at {at})"):
        assert told(words, NOW, LOCAL) == "limit reached (back 2026-12-01 13:00:00 UTC)"
    body = f'{{"message": "limit", "resets_at": {at}}}'
    assert told(body, NOW, LOCAL) == f"{body} (back 2026-12-01 13:00:00 UTC)"


@pytest.mark.parametrize("words", [
    "Your credit balance is too low",
    "invalid api key",
    "rate limit reached for 3 requests",
    "try again later",
    "resets 99:99",
    "resets 25pm (Nowhere/City)",
    "try again in 400 days",
    "Claude AI usage limit reached|1600000000",
    "resets Feb 31 at 9am",
    "retry in 0s",
])  # fmt: skip
def test_where_no_time_is_told_none_is_guessed(words: str) -> None:
    assert told(words, NOW, LOCAL) == words and reset_of(words) == 0.0


@given(st.text(max_size=200))
def test_any_words_are_read(words: str) -> None:
    found = reset_time(f"resets {words}", NOW, LOCAL)
    assert found is None or 0 < found - NOW <= 9 * 86_400
