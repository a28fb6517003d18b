"""Places in code: read and written."""

import pytest

from wtman.model.places import Place, place

ROUND = {
    "src/a.py": Place("src/a.py"),
    "src/a.py::Session.close": Place("src/a.py", "Session.close"),
    "src/a.py::after Session.close": Place("src/a.py", "Session.close", "after"),
    "src/a.py::before x": Place("src/a.py", "x", "before"),
    "src/a.py::in Session": Place("src/a.py", "Session", "in"),
    "src/a.py::at end": Place("src/a.py", "end", "at"),
    "src/a.py::Session@12-15": Place("src/a.py", "Session", "", 12, 15),
    "src/a.py::after Session@12": Place("src/a.py", "Session", "after", 12, 12),
    "src/a.py::@7": Place("src/a.py", "", "", 7, 7),
    "src/a.py::after": Place("src/a.py", "after"),  # a function may be called so
    "odd @ name/a.py::f": Place("odd @ name/a.py", "f"),
}


@pytest.mark.parametrize("text, value", ROUND.items())
def test_a_place_is_read_and_written_alike(text: str, value: Place) -> None:
    assert place(text) == value
    assert str(value) == text


@pytest.mark.parametrize("text", ["", "::f", "/etc/passwd::f", "a/../b", "a.py::at middle", "a\nb"])
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a path|says `at`"):
        place(text)


def test_lines_the_wrong_way_round_are_refused() -> None:
    with pytest.raises(ValueError, match="end before"):
        place("a.py::f@9-3")
