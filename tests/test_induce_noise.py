"""What is no intent of the user's own: kept, marked, named."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from tests.memory_logs import log, memories, told

START = datetime(2026, 1, 1, tzinfo=UTC)


def at(second: float) -> str:
    return (START + timedelta(seconds=second)).isoformat()


def test_a_dead_loop_leaves_its_first_event() -> None:
    events = log(
        (at(0), "Search", "Tea"),
        *[(at(60 + 2 * number), "Order", "Tea") for number in range(4)],
        (at(120), "Order", "Tea"),
    )
    assert told(events) == [("e0 e1 e5", ""), ("e2 e3 e4", "dead_loop")]


@pytest.mark.parametrize(
    "seconds",
    [
        (0, 2, 4),  # thrice is impatience
        (0, 2, 4, 9.1),  # as if someone looked
        (0, 0, 0, 0),  # copies of a line of a basket
    ],
)
def test_no_dead_loop(seconds: tuple[float, ...]) -> None:
    events = log(*[(at(second), "Click", "Tea") for second in seconds])
    assert told(events) == [(" ".join(f"e{number}" for number in range(len(seconds))), "")]


def test_a_loop_is_of_one_user_title_and_action() -> None:
    def clicks(*seconds: int, user: str = "u") -> pl.DataFrame:
        return log(*[(at(second), "Click", "Tea") for second in seconds], user=user)

    whole, first, last = clicks(0, 1, 3, 4), clicks(0, 1), clicks(3, 4)
    assert {noise for _, noise in told(whole)} == {"", "dead_loop"}
    pot, view = log((at(2), "Click", "Pot")), log((at(2), "View", "Tea"))
    for events in (pl.concat([first, pot, last]), pl.concat([first, view, last])):
        assert {noise for _, noise in told(events)} == {""}
    assert {noise for _, noise in told(pl.concat([first, clicks(3, 4, user="v")]))} == {""}
    titles = [{"content": title} for title in ("TEA", "NICE TEA", "TEA!", "BEST TEA")]
    clicked = log(*[(at(n), "Click", "Tea", title) for n, title in enumerate(titles)])
    ordered = log(*[(at(n), "Order", "Tea", title) for n, title in enumerate(titles)])
    assert {noise for _, noise in told(clicked)} == {"", "dead_loop"}
    assert {noise for _, noise in told(ordered)} == {""}  # four sorts of tea
    untold = log(*[(at(number), "Click", "") for number in range(9)])
    assert {noise for _, noise in told(untold)} == {""}


def test_gifts_take_along_what_was_looked_at_for_them() -> None:
    mark = {"category": "Food", "gift": True}
    events = log(
        (at(0), "Click", "Tea", {"category": "Food"}),
        (at(60), "Order", "Tea", mark),
        (at(90), "Order", "Milk", {"category": "Food"}),
        (at(9000), "Order", "Tea", {"category": "Food"}),
    )
    assert told(events) == [("e0 e1", "gift"), ("e2", ""), ("e3", "")]


def test_what_was_given_back_is_no_want() -> None:
    events = log(
        (at(0), "Order", "Tea", {"count": 2}),
        (at(60), "Cancel", "Tea", {"count": -2}),
        (at(60), "Order", "Pot", {"count": 3}),
        (at(90), "Cancel", "Pot", {"count": 1}),  # one of three, counted without a sign
        (at(95), "Order", "Mug", {"count": -1}),  # known by its sign alone
        (at(99), "View returns", "Hat"),  # looking gives nothing back
    )
    assert told(events) == [("e0 e1", "cancelled"), ("e2 e3", ""), ("e4", "cancelled"), ("e5", "")]


def test_a_cancelled_order_takes_its_value_away() -> None:
    events = log(
        (at(0), "Order", "Pot", {"count": 3, "value": 5.0}),
        (at(9), "Cancel", "Pot", {"count": -1, "value": 5.0}),
    )
    assert memories(events)[0]["value"] == 10.0
    assert memories(events[1:])[0]["value"] == -5.0


def slip(**further: object) -> pl.DataFrame:
    """Twenty orders of tea and, among the first two, one click on a lawn mower."""
    times = [0, 60, *(3600 * number for number in range(1, 19))]
    orders = [(at(time), "Order", "Tea", {"category": "Food"}) for time in times]
    return log((at(30), "Click", "Lawn Mower", {"category": "Garden", **further}), *orders)


def test_a_lone_click_beside_the_matter_on_what_never_comes_again_is_a_mis_click() -> None:
    assert {events for events, noise in told(slip()) if noise == "mis_click"} == {"e0"}


@pytest.mark.parametrize(
    "events",
    [
        slip(action="Order"),  # no slip
        slip(action="Search"),  # typed
        slip(source="Elsewhere"),  # where nothing else is done, looking is meant
        slip(category="Food"),  # of a kind with what the session is about
        slip(entity="Tea", category=""),  # a thing that comes again
        slip(entity=""),  # nobody knows what it was
        slip(timestamp=START + timedelta(hours=-5)),  # all that the session is about
        slip()[[0, 1, *range(3, 21)]],  # nothing in the session has more events
        slip()[:19],  # too few events to tell
    ],
)
def test_no_mis_click(events: pl.DataFrame) -> None:
    assert {noise for _, noise in told(events)} == {""}


def paced(size: int, seconds: float, jitter: float = 0.0) -> pl.DataFrame:
    """Clicks on ever new things, `seconds` after each other, every other later by `jitter`."""
    return log(*[(at(seconds * n + jitter * seconds * (n % 2)), "Click", f"Thing {n}") for n in range(size)])


def test_machines_keep_their_pace() -> None:
    assert {noise for _, noise in told(paced(100, 7), machine_events=100)} == {"machine"}
    assert {noise for _, noise in told(paced(100, 3000), machine_events=100)} == {"machine"}  # own sessions
    assert {noise for _, noise in told(paced(99, 7), machine_events=100)} == {""}
    assert {noise for _, noise in told(paced(100, 7, jitter=0.5), machine_events=100)} == {""}
    assert {noise for _, noise in told(paced(100, 86_400), machine_events=100)} == {""}  # a note a day
    assert {noise for _, noise in told(paced(100, 0), machine_events=100)} == {""}  # a large basket


def test_a_machines_session_leaves_the_others() -> None:
    own = log(*[(at(-9000 * n), "Order", "Tea", {"event_id": f"o{n}"}) for n in range(1, 40)])
    found = told(pl.concat([own, paced(100, 7)]), machine_events=100)
    assert {noise for events, noise in found if events.startswith("o")} == {""}
    assert {noise for events, noise in found if events.startswith("e")} == {"machine"}
