"""Usages and caps: their sums, and what is made of money that nobody knows."""

from wtman.model.session import Cap, Usage


def test_a_sum_is_known_only_where_every_part_of_it_is():
    assert Usage(1, 1, 0.5, 1) + Usage(1, 1, 0.5, 2) == Usage(2, 2, 1.0, 3)
    assert Usage(3, 2, 1.0) + Usage(3, 2, None) == Usage(6, 4, None)
    assert Usage(3, 2, None) + Usage(3, 2, 1.0) == Usage(6, 4, None)


def test_what_has_used_nothing_adds_nothing():
    assert Usage(3, 2, 1.0) + Usage() == Usage(3, 2, 1.0)
    assert Usage() + Usage(3, 2, 1.0) == Usage(3, 2, 1.0)
    assert Usage() + Usage() == Usage()


def test_a_difference_takes_off_only_what_is_known():
    assert Usage(5, 5, 0.5, 1) - Usage(3, 9, None, 4) == Usage(2, 0, 0.5, 0)
    assert Usage(5, 5) - Usage(3, 3, 0.1) == Usage(2, 2, None, 0)


def test_a_cap_is_reached_by_what_is_known():
    cap = Cap(0.5, 100)
    assert cap.reached(Usage(60, 40, 0.1)) == "100 tokens"
    assert cap.reached(Usage(1, 1, 0.5)) == "$0.50"
    assert cap.reached(Usage(99, 0)) == ""
    assert Cap().reached(Usage(99, 99, 99.0)) == ""


def test_nothing_is_left_of_a_cap_where_nobody_knows_what_was_spent():
    assert Cap(0.5, 100).after(Usage(50, 10, 0.125)) == Cap(0.375, 40)
    assert Cap(0.5, 100).after(Usage(1, 0)) is None
    assert Cap(0.5, 100).after(Usage(1, 0, 0.5)) is None
    assert Cap(0.0, 100).after(Usage(1, 0)) == Cap(0.0, 99)
    assert Cap(0.5).after(Usage()) == Cap(0.5)


def test_caps_add_up_and_never_fall_below_nothing():
    assert Cap(0.5, 1) + Cap(0.25, 2) == Cap(0.75, 3)
    assert Cap(0.5, 1) - Cap(0.25, 2) == Cap(0.25, 0)
