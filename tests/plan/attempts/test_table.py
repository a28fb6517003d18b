"""The table of attempts: which rows a figure is drawn from, and what a file of it may hold."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtman.git.discovery import Repository
from wtman.model.foreseen import ObservedPair
from wtman.plan.attempts.store import keep_attempts, load_attempts
from wtman.plan.attempts.table import (
    FIVE,
    INTERRUPTED,
    AttemptRow,
    Attempts,
    SessionKind,
    agent_key,
    quantile,
    rows_of,
    rows_plain,
    spread_of,
)

HIGH = SessionKind("implementer", "claude", "opus", "high")


def rows(number: int, seconds: float, **more: object) -> tuple[AttemptRow, ...]:
    row = {"role": "implementer", "agent": "claude", "model": "opus", "effort": "high"} | more
    return tuple(AttemptRow(seconds=seconds, **row) for _ in range(number))


def test_the_narrowest_group_of_five_is_taken() -> None:
    here, low = rows(5, 10.0), rows(5, 20.0, effort="low")
    far, other = rows(5, 40.0), rows(5, 80.0, model="sonnet")
    everything = Attempts((*here, *low), (*far, *other))
    assert everything.values(HIGH, "seconds") == (10.0,) * 5
    # Four of the effort are too few: then all of the model count, whatever their effort.
    assert set(Attempts((*here[:4], *low), far).values(HIGH, "seconds")) == {10.0, 20.0}
    # Four of the repository are too few, then those of others count, too.
    assert set(Attempts(here[:4], far).values(HIGH, "seconds")) == {10.0, 40.0}
    assert Attempts(here[:4], other).values(HIGH, "seconds") == (80.0,) * 5 + (10.0,) * 4
    assert Attempts(rows(4, 1.0), rows(9, 2.0, agent="codex")).spread(HIGH, "seconds").p50 is None


def test_a_figure_that_is_unknown_says_what_is_missing() -> None:
    told = Attempts(rows(4, 10.0)).spread(HIGH, "usd")
    assert (told.p50, told.p90, told.samples) == (None, None, 0)
    assert told.because == "needs 5 past sessions of claude that tell money"
    assert Attempts(rows(4, 10.0)).spread(HIGH, "seconds").samples == 4


def test_an_interrupted_session_says_nothing_of_how_long_one_takes() -> None:
    assert Attempts(rows(9, 1.0, verdict=INTERRUPTED)).values(HIGH, "seconds") == ()


def test_the_path_of_a_program_is_in_no_row() -> None:
    told = agent_key("command:python3 /home/ada/secret.py")
    assert told.startswith("command:") and "ada" not in told
    assert told != agent_key("command:python3 /home/ada/other.py")


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=50))
def test_the_median_is_never_above_the_90th_percentile(values: list[float]) -> None:
    told = spread_of(values, "too few")
    if len(values) < FIVE:
        assert told.p50 is None and told.because == "too few"
    else:
        assert told.p50 is not None and told.p90 is not None
        assert min(values) <= told.p50 <= told.p90 <= max(values)
    assert quantile(sorted(values), 0.0) == min(values)


def test_rows_come_back_as_they_were() -> None:
    made = rows(2, 1.5, usd=0.25, tokens_in=10, tokens_out=2, tries=3, done=True, rounds=1)
    pairs = (ObservedPair(("a", "b"), True, 0.25, ("x.py",)),)
    plain = json.loads(json.dumps(rows_plain(made, pairs)))
    assert rows_of(plain) == (made, (ObservedPair(("", ""), True, 0.25),))
    assert "x.py" not in json.dumps(plain)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seconds", -1.0),
        ("seconds", float("inf")),
        ("seconds", "long"),
        ("usd", 1e300),
        ("tries", 1.5),
        ("role", 7),
        ("agent", "x" * 1000),
        ("done", "yes"),
    ],
)
def test_a_row_that_does_not_fit_is_left_out(name: str, value: object) -> None:
    plain = rows_plain(rows(2, 1.0), ())
    plain["rows"][0][plain["columns"].index(name)] = value
    assert rows_of(plain) == (rows(1, 1.0), ())


def test_what_another_version_knows_besides_is_passed_over() -> None:
    plain = rows_plain(rows(1, 1.0), ())
    plain["columns"].append("colour")
    plain["rows"][0].append("blue")
    assert rows_of(plain)[0] == rows(1, 1.0)


# --- on disk --------------------------------------------------------------------------------------


def at(folder: Path) -> Repository:
    folder.mkdir(exist_ok=True)
    return Repository(str(folder), str(folder), str(folder), str(folder))


def test_files_are_replaced_and_apart_by_repository(tmp_path: Path) -> None:
    environ = {"XDG_STATE_HOME": str(tmp_path / "state")}
    one, other = at(tmp_path / "one"), at(tmp_path / "other")
    assert load_attempts(one, environ) == Attempts()
    pairs = (ObservedPair(("a", "b"), True, 0.5),)
    for seconds in (1.0, 2.0):
        keep_attempts(one, "run-1", rows(1, seconds), pairs, environ)
    keep_attempts(other, "run-1", rows(1, 3.0), pairs, environ)
    known = load_attempts(one, environ)
    assert [row.seconds for row in known.here] == [2.0]
    assert [row.seconds for row in known.elsewhere] == [3.0]
    assert len(known.pairs) == 1, "what was observed elsewhere calibrates nothing here"
    assert load_attempts(one, environ, but="run-1").here == ()
    folder = tmp_path / "state/wtman/attempts"
    assert len(list(folder.iterdir())) == 2
    assert folder.stat().st_mode & 0o077 == 0


def test_a_damaged_file_is_passed_over_and_old_ones_go(tmp_path: Path) -> None:
    environ = {"XDG_STATE_HOME": str(tmp_path / "state")}
    repo = at(tmp_path / "one")
    keep_attempts(repo, "good", rows(1, 1.0), (), environ)
    folder = tmp_path / "state/wtman/attempts"
    for number, text in enumerate((b"", b"{", b"[]", b'{"rows": 1}', b"\xff\xfe", b"[" * 90_000)):
        (folder / f"{number}.json").write_bytes(text)
    (folder / "link.json").symlink_to("/dev/zero")
    assert [row.seconds for row in load_attempts(repo, environ).here] == [1.0]
    for number in range(300):
        path = folder / f"old-{number}.json"
        path.write_text("{}")
        os.utime(path, (number, number))
    keep_attempts(repo, "good", rows(1, 2.0), (), environ)
    assert len(list(folder.iterdir())) == 200
    assert [row.seconds for row in load_attempts(repo, environ).here] == [2.0]


def test_without_a_home_or_a_place_to_write_nothing_is_kept(tmp_path: Path) -> None:
    repo = at(tmp_path / "one")
    keep_attempts(repo, "run", rows(1, 1.0), (), {})
    (tmp_path / "file").write_text("")
    keep_attempts(repo, "run", rows(1, 1.0), (), {"XDG_STATE_HOME": str(tmp_path / "file")})
    assert load_attempts(repo, {}) == Attempts()
