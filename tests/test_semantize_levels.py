"""Which events are told: horizons by calendar and zone, repeats, low-impact actions that add up."""

from datetime import UTC, datetime

import polars as pl
import pytest

from records.config import SemantizeConfig
from records.errors import UserError
from records.events import EVENT_SCHEMA
from semantize.checks import check_semantize
from semantize.levels import filter_events


def log(*rows: tuple[str, str, str, str]) -> pl.DataFrame:
    """Events of one user in one shop from (UTC time, action, content, id)."""
    events = [
        {
            "user_id": "u", "timestamp": datetime.fromisoformat(time).replace(tzinfo=UTC), "source": "Shop",
            "action": action, "content": content, "category": "", "location": "", "count": 1,
            "event_id": name,
        }
        for time, action, content, name in rows
    ]  # fmt: skip
    return pl.DataFrame(events, schema=EVENT_SCHEMA)


def told(events: pl.DataFrame, **config: float | str) -> list[str]:
    return filter_events(events, SemantizeConfig(**config)).events["event_id"].to_list()  # type: ignore[arg-type]


def test_repeats_of_low_impact_actions_are_one() -> None:
    events = log(
        ("2026-01-01T10:00:00", "Click", "Tea", "a"),
        ("2026-01-01T10:00:50", "Click", "Tea", "again"),
        ("2026-01-01T10:01:40", "Click", "Tea", "and again"),  # 50 s after the one before it
        ("2026-01-01T10:02:41", "Click", "Tea", "b"),  # 61 s
        ("2026-01-01T10:02:42", "Click", "Milk", "c"),
        ("2026-01-01T10:02:43", "Click", "Tea", "d"),  # not the event just before
        ("2026-01-01T10:02:44", "Order", "Tea", "e"),
        ("2026-01-01T10:02:44", "Order", "Tea", "f"),  # two packs are two
    )
    assert told(events) == ["a", "b", "c", "d", "e", "f"]
    assert told(events, repeat_minutes=0) == events["event_id"].to_list()
    counts = filter_events(events, SemantizeConfig()).users.row(0, named=True)
    assert counts == {"user_id": "u", "events": 8, "repeats": 2, "old_low_impact": 0}


def test_old_low_impact_actions_stay_where_they_add_up() -> None:
    events = log(
        ("2026-01-05T10:00:00", "Click", "Tea", "tea 1"),
        ("2026-01-06T10:00:00", "page view", "Tea", "view"),
        ("2026-01-20T10:00:00", "Click", "Tea", "tea 2"),
        ("2026-01-21T10:00:00", "Order", "Milk", "order"),
        ("2026-02-01T10:00:00", "Click", "Tea", "tea of another month"),
        ("2026-06-01T10:00:00", "Click", "Pot", "new"),
    )
    assert told(events, short_term_days=30, long_low_impact=0) == ["order", "new"]
    assert told(events, short_term_days=30, long_low_impact=2) == ["tea 1", "tea 2", "order", "new"]
    assert told(events, short_term_days=30, long_low_impact=1) == events["event_id"].to_list()
    assert told(events, short_term_days=200, long_low_impact=0) == events["event_id"].to_list()
    none_low = told(events, short_term_days=30, long_low_impact=0, low_impact="^never$")
    assert none_low == events["event_id"].to_list()


def test_ages_are_whole_days_before_the_last_event() -> None:
    events = log(
        ("2026-01-05T11:00:00", "Order", "Tea", "a"),
        ("2026-01-05T13:00:00", "Order", "Tea", "b"),
        ("2026-01-07T12:00:00", "Order", "Tea", "last"),
    )
    assert filter_events(events, SemantizeConfig()).events["age_days"].to_list() == [2, 1, 0]


def test_a_source_of_low_impact_actions_alone_is_told() -> None:
    events = log(
        ("2025-01-01T10:00:00", "Search", "pram", "old"), ("2026-01-01T10:00:00", "Search", "cot", "new")
    )
    assert told(events, long_low_impact=0) == ["old", "new"]


def test_days_and_hours_are_those_of_the_zone() -> None:
    events = log(("2026-01-01T20:00:00", "Order", "Tea", "a"), ("2026-01-31T20:00:00", "Order", "Tea", "b"))
    for zone, hour, is_long in (("UTC", 20, [False, False]), ("Asia/Shanghai", 4, [False, False])):
        frame = filter_events(events, SemantizeConfig(timezone=zone, short_term_days=31)).events
        assert frame["hour"].to_list() == [hour, hour]
        assert frame["is_long"].to_list() == is_long
    shanghai = filter_events(events, SemantizeConfig(timezone="Asia/Shanghai", short_term_days=31)).events
    assert [str(day) for day in shanghai["start"]] == ["2026-01-02", "2026-02-01"]


def test_no_events() -> None:
    filtered = filter_events(log(), SemantizeConfig())
    assert filtered.events.is_empty()
    assert filtered.users.is_empty()


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (
            {"timezone": "localtime"},
            "semantize.timezone 'localtime' is unknown; did you mean ",
        ),
        (
            {"timezone": "Europe/Berln"},
            "semantize.timezone 'Europe/Berln' is unknown; did you mean 'Europe/Berlin'",
        ),
        ({"morning_hour": 12}, "semantize.morning_hour 12, day_hour 11 and night_hour 18 must rise"),
        ({"low_impact": "("}, "semantize.low_impact: '\\(' is no regular expression"),
    ],
)
def test_what_makes_no_sense_is_refused(changed: dict[str, object], told: str) -> None:
    with pytest.raises(UserError, match=told):
        check_semantize(SemantizeConfig(**changed))  # type: ignore[arg-type]
