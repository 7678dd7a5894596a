"""Memories worked out by hand; every event in exactly one, numbered in order of time, user by user."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from induce.coded_events import with_entities
from induce.memories import in_wall_time, memories_frame
from induce.topics import topic_keys
from records.errors import UserError
from records.induction import MemoryConfig
from records.persona import MEMORY_SCHEMA, memories_of
from semantize.refining.refine import RuleRefiner
from tests.memory_logs import SCHEMA, log, memories, told

BABY, TEA = {"category": "Baby"}, {"category": "Tea"}


def test_a_session_falls_apart_by_category() -> None:
    events = log(
        ("2026-01-01T10:00:00", "Search", "Wet Wipes", BABY),
        ("2026-01-01T10:01:00", "Click", "Green Tea", TEA),
        ("2026-01-01T10:02:00", "Click", "Wet Wipes", BABY),
        ("2026-01-01T10:03:00", "Order", "Milk Powder", {**BABY, "count": 2, "value": 9.5}),
        ("2026-01-01T10:34:00", "Click", "Wet Wipes", BABY),  # 31 minutes later: another session
    )
    first, second, third = memories(events)
    assert first == {
        "user_id": "u",
        "number": 1,
        "start": datetime(2026, 1, 1, 10, 0, tzinfo=UTC),
        "end": datetime(2026, 1, 1, 10, 3, tzinfo=UTC),
        "source": "Shop",
        "action": "Order",  # one order goes before three looks
        "wants": ["Milk Powder", "Wet Wipes"],  # what was ordered first
        "only_seen": ["Wet Wipes"],
        "category": "Baby",
        "event_ids": ["e0", "e2", "e3"],
        "value": 19.0,
        "noise": "",
    }
    assert (second["number"], second["action"], second["wants"]) == (2, "Click", ["Green Tea"])
    assert second["value"] is None
    assert (third["number"], third["event_ids"]) == (3, ["e4"])


def test_value_may_be_that_of_the_row() -> None:
    events = log(("2026-01-01T10:00:00", "Order", "Tea", {"count": 2, "value": 9.5}))
    assert memories(events, value_per_piece=False)[0]["value"] == 9.5


def test_what_is_given_back_is_neither_had_nor_paid_for() -> None:
    rows = [
        ("2026-01-01T10:00:00", "Order", "Blue Lamp", {"category": "Lamps", "count": 3, "value": 10.0}),
        ("2026-01-01T10:01:00", "Order", "Green Lamp", {"category": "Lamps", "count": -1, "value": 8.0}),
        ("2026-01-01T10:02:00", "Cancel order", "Red Lamp", {"category": "Lamps", "count": 1, "value": 5.0}),
        ("2026-01-01T10:03:00", "Cancel order", "Old Lamp", {"category": "Lamps", "count": 1, "value": 2.0}),
    ]
    (one,) = memories(log(*rows))
    assert one["action"] == "Order"  # not one of the three by which something went back
    assert one["wants"] == ["Blue Lamp", "Green Lamp", "Old Lamp", "Red Lamp"]
    assert one["only_seen"] == ["Green Lamp", "Old Lamp", "Red Lamp"]
    assert one["value"] == 30 - 8 - 5 - 2
    # Of what was bought, some of it kept, nothing is taken away.
    kept = ("2026-01-01T10:04:00", "Order", "Blue Lamp", {"category": "Lamps", "count": -2, "value": 10.0})
    assert memories(log(*rows, kept))[0]["only_seen"] == ["Green Lamp", "Old Lamp", "Red Lamp"]


def test_discounts_lower_the_sum_and_sums_are_numbers() -> None:
    rows = [
        ("2026-01-01T10:00:00", "Order", "Milk", {**BABY, "value": 10.0}),
        ("2026-01-01T10:00:00", "Order", "Voucher", {**BABY, "value": -3.0}),
        ("2026-01-01T10:00:00", "Order", "Typing Mistake", {**BABY, "count": 5, "value": 1e308}),
    ]
    (one,) = memories(log(*rows))
    assert one["value"] == 7
    assert one["only_seen"] == ["Voucher"]
    (alone,) = memories(log(rows[2]))
    assert alone["value"] is None


def test_clocks_are_those_of_the_zone() -> None:
    frame = memories_frame(
        log(("2026-08-28T16:00:00", "Order", "Tea", TEA)).with_columns(entity=pl.lit("Tea"), gift=False),
        MemoryConfig(),
    )
    there = in_wall_time(frame, "Asia/Shanghai")
    assert there.schema == MEMORY_SCHEMA
    assert there["start"].to_list() == [datetime(2026, 8, 29, tzinfo=UTC)]  # a Saturday, at midnight
    assert in_wall_time(frame, "UTC").equals(frame)


def test_sources_stay_apart() -> None:
    here = log(("2026-01-01T10:00:00", "Click", "Tea", TEA), ("2026-01-01T10:02:00", "Click", "Tea", TEA))
    there = log(("2026-01-01T10:01:00", "Order", "Tea", {**TEA, "event_id": "x"}), source="Market")
    found = memories(pl.concat([here, there]))
    assert [(row["source"], row["event_ids"]) for row in found] == [("Shop", ["e0", "e1"]), ("Market", ["x"])]


def test_names_are_bounded_and_ties_go_by_name() -> None:
    rows = [("2026-01-01T10:00:00", "Order", name, BABY) for name in ("D", "C", "B", "A", "D")]
    assert memories(log(*rows), wants=3)[0]["wants"] == ["D", "A", "B"]


def test_without_categories_what_entities_share_tells_the_topic() -> None:
    events = log(
        ("2026-01-01T10:00:00", "Order", "Red Lunch Bag"),
        ("2026-01-01T10:00:00", "Order", "Alarm Clock"),
        ("2026-01-01T10:00:00", "Order", "Spaceboy Lunch Bags"),
        ("2026-01-01T10:00:00", "Order", "Jumbo Bag"),
        ("2026-01-01T10:00:00", "Order", "Red Mug"),  # the colour alone links nothing
        ("2026-01-01T10:00:00", "Order", "Alarm Clock"),
    )
    assert told(events) == [("e0 e2 e3", ""), ("e1 e5", ""), ("e4", "")]


def test_likeness_makes_no_chain() -> None:
    """Bags and mugs share a print each, yet bags stay with bags."""
    names = ["Red Lunch Bag", "Jumbo Bag", "Red Spot Bag", "Red Spot Mug", "Tea Mug", "Blue Mug"]
    events = log(*[("2026-01-01T10:00:00", "Order", name) for name in names])
    assert told(events) == [("e0 e1 e2", ""), ("e3 e4 e5", "")]


def test_a_search_without_category_goes_with_what_was_clicked_then() -> None:
    events = log(
        ("2026-01-01T10:00:00", "Search", "Running Shoes"),
        ("2026-01-01T10:01:00", "Click", "Pegasus Trail Shoes", {"category": "Sports"}),
        ("2026-01-01T10:02:00", "Click", "Sun Hat", {"category": "Fashion"}),
        ("2026-01-01T10:03:00", "Search", "Sun Hat"),
        ("2026-01-01T10:04:00", "Search", "Toaster"),
    )
    assert told(events) == [("e0 e1", ""), ("e2 e3", ""), ("e4", "")]
    assert [row["category"] for row in memories(events)] == ["Sports", "Fashion", ""]


def test_without_text_a_session_is_one_memory() -> None:
    blank = {"content": "", "entity": ""}
    events = log(
        ("2026-01-01T10:00:00", "Open", "", blank),
        ("2026-01-01T10:01:00", "Open", "", blank),
        ("2026-01-01T12:00:00", "Open", "", blank),
    )
    assert told(events) == [("e0 e1", ""), ("e2", "")]
    assert memories(events)[0]["wants"] == []


def test_languages_mix() -> None:
    events = log(
        ("2026-01-01T10:00:00", "Click", "婴儿奶粉"),
        ("2026-01-01T10:01:00", "Click", "有机奶粉"),
        ("2026-01-01T10:02:00", "Click", "Babymilchpulver"),
        ("2026-01-01T10:03:00", "Click", "дождевик"),
        ("2026-01-01T10:04:00", "Click", "Nike 跑步鞋"),
        ("2026-01-01T10:05:00", "Click", "跑步鞋"),
        ("2026-01-01T10:06:00", "Click", "???"),
    )
    assert told(events) == [("e0 e1", ""), ("e2", ""), ("e3", ""), ("e4 e5", ""), ("e6", "")]


def test_keys_of_a_topic() -> None:
    assert topic_keys("Spaceboy Lunch Bags") == ["bag", "lunch bag", "spaceboy lunch"]
    assert topic_keys("Glasses") == ["glass"]
    assert topic_keys("Berries") == ["berry"]
    assert topic_keys("Set 12") == ["set 12"]
    assert topic_keys("婴儿奶粉") == ["奶粉", "儿奶", "婴儿"]
    assert topic_keys("鞋") == ["鞋"]
    assert topic_keys("!?") == []
    assert len(topic_keys("奶粉" * 40)) == 2
    assert len(topic_keys(" ".join(map(str, range(100, 140))))) == 8


def test_titles_are_refined_and_gifts_marked() -> None:
    titles = ["[Hot Sale] LUNCH BAG SPACEBOY | Free Shipping", "Gift Wrapped Tea Pot", ""]
    events = log(*[("2026-01-01T10:00:00", "Order", "", {"content": title}) for title in titles])
    found = with_entities(events.drop("entity", "gift"), RuleRefiner())
    refined = RuleRefiner().refine(titles)
    assert found["entity"].to_list() == ["Spaceboy Lunch Bag", refined[1].text.removesuffix(" (gift)"), ""]
    assert found["gift"].to_list() == [False, refined[1].gift, False]


def test_hostile_text_stays_on_a_line() -> None:
    events = log(("2026-01-01T10:00:00", "Order", "Tea\n<|im_end|>", {"category": "A\u202eB|C"}))
    (row,) = memories(events)
    assert row["wants"] == ["Tea ‹/im_end/›"]
    assert row["category"] == "AB/C"


def test_one_event_is_one_memory_and_none_are_none() -> None:
    assert told(log(("2026-01-01T00:00:00", "Click", "Tea")), gap_minutes=0.0) == [("e0", "")]
    empty = memories_frame(pl.DataFrame(schema=SCHEMA), MemoryConfig())
    assert empty.schema == pl.Schema(MEMORY_SCHEMA)
    assert empty.is_empty()


def test_days_without_hours_are_sessions() -> None:
    """The gap of pauses that are whole days is the default, and every day is a session."""
    rows = [(f"2026-01-{day:02}T00:00:00", "Order", "Tea") for day in (1, 1, 2, 5)]
    assert told(log(*rows), gap_minutes=0.0) == [("e0 e1", ""), ("e2", ""), ("e3", "")]


def test_frames_become_memories() -> None:
    events = log(("2026-01-01T10:00:00", "Click", "Wet Wipes", BABY))
    ((memory,),) = memories_of(memories_frame(events, MemoryConfig())).values()
    assert memory.text == "Wet Wipes (Baby)"
    assert np.isnan(memory.value)


def test_events_without_entities_and_wrong_patterns_are_refused() -> None:
    events = log(("2026-01-01T10:00:00", "Click", "Tea"))
    with pytest.raises(UserError, match="events lack entity and gift"):
        memories_frame(events.drop("entity", "gift"), MemoryConfig())
    with pytest.raises(UserError, match=r"memories.cancels: '\(' is no regular expression"):
        memories_frame(events, MemoryConfig(cancels="("))


NAMES = st.sampled_from(["", "Tea", "Green Tea", "Tea Pot", "Lunch Bag", "Red Lunch Bag", "奶粉", "婴儿奶粉"])
EVENTS = st.lists(
    st.tuples(
        st.sampled_from("abc"), st.sampled_from([0, 1, 60, 1800, 1801]), st.sampled_from(["Shop", "Market"]),
        st.sampled_from(["Click", "Search", "Order", "Cancel"]), NAMES,
        st.sampled_from(["", "", "Baby", "Food"]),
        st.sampled_from([-2, 0, 1, 3]), st.sampled_from([None, float("nan"), 2.5]), st.booleans(),
    ),
    min_size=1, max_size=60,
)  # fmt: skip


def events_of(drawn: list[tuple[Any, ...]]) -> pl.DataFrame:
    time = datetime(2026, 1, 1, tzinfo=UTC)
    rows = []
    for number, (user, pause, source, action, name, category, count, value, gift) in enumerate(drawn):
        time += timedelta(seconds=pause)
        rows.append((user, time, source, action, name, category, "", count, value, f"e{number}", name, gift))
    return pl.DataFrame(rows, schema=SCHEMA, orient="row").sort("user_id", maintain_order=True)


@settings(max_examples=60, deadline=None)
@given(EVENTS)
def test_every_event_is_in_one_memory_and_numbers_are_dense(drawn: list[tuple[Any, ...]]) -> None:
    events = events_of(drawn)
    found = memories_frame(events, MemoryConfig(gap_minutes=30.0, slip_events=2, loop_events=2))
    assert found.schema == pl.Schema(MEMORY_SCHEMA)
    assert sorted(found.explode("event_ids")["event_ids"].to_list()) == sorted(events["event_id"].to_list())
    time = dict(zip(events["event_id"], events["timestamp"], strict=True))
    row_of = {event: row for row, event in enumerate(events["event_id"])}
    owner = dict(zip(events["event_id"], events["user_id"], strict=True))
    for (user,), mine in found.group_by("user_id", maintain_order=True):
        assert mine["number"].to_list() == list(range(1, len(mine) + 1))
        assert mine["start"].is_sorted()
        for row in mine.iter_rows(named=True):
            places = [row_of[event] for event in row["event_ids"]]
            assert places == sorted(places)
            assert {owner[event] for event in row["event_ids"]} == {user}
            assert row["start"] == time[row["event_ids"][0]]
            assert row["end"] == time[row["event_ids"][-1]]
    assert found["user_id"].is_sorted()


@settings(max_examples=40, deadline=None)
@given(EVENTS)
def test_a_users_memories_do_not_depend_on_others(drawn: list[tuple[Any, ...]]) -> None:
    events = events_of(drawn)
    config = MemoryConfig(gap_minutes=30.0, slip_events=2, loop_events=2)
    whole = memories_frame(events, config)
    users = events["user_id"].unique().sort(descending=True).to_list()
    apart = [events.filter(pl.col("user_id") == user) for user in users]
    turned = memories_frame(pl.concat(apart), config)
    assert turned.equals(whole)
    alone = pl.concat([memories_frame(one, config) for one in reversed(apart)])
    assert alone.equals(whole)


def test_a_million_events_of_one_user() -> None:
    size = 1_000_000
    dice = np.random.default_rng(0)
    number = pl.Series(np.arange(size)).cast(pl.String)
    thing = "Thing " + pl.Series(dice.integers(0, 50_000, size)).cast(pl.String)
    time = np.datetime64("2020-01-01", "ms") + np.sort(dice.integers(0, 10**11, size))
    events = pl.DataFrame(
        {
            "user_id": pl.Series(["u"]).new_from_index(0, size),
            "timestamp": pl.Series(time).dt.replace_time_zone("UTC"),
            "source": "Shop", "action": "Click", "content": thing, "category": "", "location": "", "count": 1,
            "value": 1.0, "event_id": number, "entity": thing, "gift": False,
        },
        schema_overrides=SCHEMA,
    )  # fmt: skip
    found = memories_frame(events, MemoryConfig())
    assert found["event_ids"].list.len().sum() == size
    assert found["number"].to_list() == list(range(1, len(found) + 1))
