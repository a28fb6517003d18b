"""What a script's process is ended for from outside, whatever it does to its own limits."""

from wtman.flow.watchdog import CPU, MEMORY, SILENCE, Watchdog

LIMIT = CPU + 10


def test_computing_is_counted_between_two_calls() -> None:
    watchdog = Watchdog(0.0)
    assert watchdog.complaint(5, 3.0, 0, waits=False) == ""
    assert watchdog.complaint(10, 3.0 + LIMIT, 0, waits=False) == ""
    watchdog.talked = True
    assert watchdog.complaint(15, 5.0 + LIMIT, 0, waits=False) == ""
    assert watchdog.complaint(20, 5.0 + 2 * LIMIT, 0, waits=False) == ""
    ended = watchdog.complaint(25, 5.5 + 2 * LIMIT, 0, waits=False)
    assert ended == "it computed for more than 60 s between two calls"


def test_who_says_to_wait_may_not_compute_meanwhile() -> None:
    watchdog = Watchdog(0.0)
    assert watchdog.complaint(5, 1.0, 0, waits=True) == ""
    assert "computed" in watchdog.complaint(10, 2.0 + LIMIT, 0, waits=True)


def test_silence_counts_where_it_is_its_turn() -> None:
    watchdog = Watchdog(0.0)
    assert watchdog.complaint(9 * SILENCE, 1.0, 0, waits=True) == ""
    assert watchdog.complaint(20 * SILENCE, 1.0, 0, waits=True) == "", "sessions take their time"
    assert watchdog.complaint(21 * SILENCE, 1.0, 0, waits=False) == ""
    assert "said nothing for 600 s" in watchdog.complaint(21 * SILENCE + 1, 1.0, 0, waits=False)


def test_memory_counts_wherever_it_comes_from() -> None:
    watchdog = Watchdog(0.0)
    assert watchdog.complaint(5, 0.0, MEMORY, waits=True) == ""
    assert "512 MB" in watchdog.complaint(10, 0.0, 2 * MEMORY, waits=True)
