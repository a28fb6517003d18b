"""What lands together or not at all; trains that a script returned: coordinator/test_flow.py."""

from tests.journal.runs import A_RUN, played
from wtman.formats.codec import from_plain, to_plain
from wtman.journal import events as e
from wtman.journal.units import units
from wtman.model.plan import Task


def part(name: str, *needs: str, lead: bool = False) -> e.TaskAdded:
    above, _, _ = name.rpartition("_")
    return e.TaskAdded(Task(name, "do", needs=needs, lead=lead, part_of=above))


TEAM = (
    part("shop", "base", lead=True),
    part("base"),
    part("user", "shop"),
    part("shop_ui", "shop_api"),
    part("shop_api", lead=True),
    part("shop_api_v2", "shop_api_v1"),
    part("shop_api_v1"),
)


def test_the_parts_of_a_lead_are_a_unit_in_the_order_of_their_needs() -> None:
    state = played([A_RUN[0], *TEAM])
    assert units(state) == {"shop": ("shop_api_v1", "shop_api_v2", "shop_ui")}


def test_a_lead_that_is_not_cut_yet_is_no_unit() -> None:
    assert units(played([A_RUN[0], part("shop", lead=True), part("docs")])) == {}
    assert units(played(A_RUN)) == {}


def test_a_part_is_read_back_from_the_journal() -> None:
    assert all(from_plain(e.TaskAdded, to_plain(event)) == event for event in TEAM)
