"""Numbers of a log against values worked by hand; shards add up to one log; nothing breaks on little."""

import json
import math
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from records.events import EVENT_SCHEMA
from simulate.measure.encoding import CLICK, CONSUME, OTHER, PURCHASE, REACT, SEARCH, VISIT, kind_of
from simulate.measure.festivals import FestivalWindows
from simulate.measure.formulas import (
    burstiness,
    divergence,
    entropy,
    gap_histogram,
    gap_quantile,
    normalised_entropy,
    zipf_exponent,
)
from simulate.measure.statistics import MAX_PLATFORMS, LogStatistics, measure
from simulate.measure.tally import Counts
from simulate.measure.targets import check

START = datetime(2025, 1, 6, tzinfo=UTC)  # a Monday
DAY = 86_400.0


def event(user, seconds, source="Shop", action="Click", content="x", category="c"):
    """One event, `seconds` after START."""
    return {
        "user_id": user,
        "timestamp": START + timedelta(seconds=seconds),
        "source": source,
        "action": action,
        "content": content,
        "category": category,
        "location": "",
        "count": 1,
        "value": None,
        "event_id": f"{user}-{seconds}",
    }


def log(*events) -> pl.DataFrame:
    return pl.DataFrame(list(events), schema=EVENT_SCHEMA)


def at(user, *seconds, **rest):
    return [event(user, second, **rest) for second in seconds]


def whole(*events, **options):
    return measure([log(*events)], **options).whole


# Formulas


def test_burstiness_is_minus_one_for_a_clock_and_zero_for_chance():
    values = burstiness([2.0, 1.0, 1.0, 0.0], [0.0, 1.0, 3.0, 0.0])
    # (0 − 2)/2, (1 − 1)/2, (3 − 1)/4, and nothing to divide by.
    assert values[:3] == pytest.approx([-1, 0, 0.5])
    assert math.isnan(values[3])


def test_entropies():
    # Halves and quarters: 1/2·1 + 2·1/4·2 = 1.5 bits.
    assert entropy([2, 1, 0, 1]) == pytest.approx(1.5 * math.log(2))
    assert normalised_entropy([2, 1, 0, 1], 4) == pytest.approx(0.75)
    assert entropy([]) == 0
    assert normalised_entropy([0, 0], 2) is None
    assert normalised_entropy([3], 1) is None


def test_zipf_exponent_of_exact_power_laws():
    # 12/1, 12/2, 12/3, 12/4 and 144/1, 144/4, 144/9, 144/16: the logs lie on lines of slope −1 and −2.
    assert zipf_exponent([6, 12, 3, 4]) == pytest.approx(1)
    assert zipf_exponent([144, 36, 16, 9]) == pytest.approx(2)
    assert zipf_exponent([5, 5, 5, 5]) == pytest.approx(0, abs=1e-12)
    # Only the head counts.
    assert zipf_exponent([12, 6, 4, 3] + [1] * 100, top=4) == pytest.approx(1)
    assert zipf_exponent([12, 6, 0]) is None


def test_divergence_is_one_bit_for_what_shares_nothing():
    assert divergence([1, 0], [0, 3]) == pytest.approx(1)
    assert divergence([1, 3], [2, 6]) == pytest.approx(0, abs=1e-12)
    assert divergence([0, 0], [1, 1]) is None


def test_gap_quantiles_are_within_a_bin():
    counts = gap_histogram(np.array([1_000] * 10 + [60_000] * 80 + [86_400_000] * 10, dtype=np.int64))
    assert gap_quantile(counts, 0.05) == pytest.approx(1, rel=0.003)
    assert gap_quantile(counts, 0.5) == pytest.approx(60, rel=0.003)
    assert gap_quantile(counts, 0.95) == pytest.approx(86_400, rel=0.003)
    assert gap_quantile(np.zeros_like(counts), 0.5) is None


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("Search", SEARCH),
        ("Product-View", CLICK),
        ("order", PURCHASE),
        ("Place_Order", PURCHASE),
        ("Book", PURCHASE),
        ("Check-in", VISIT),
        ("WATCH", CONSUME),
        ("Like", REACT),
        ("Cancel order", OTHER),
        ("Bookworm", OTHER),
        ("", OTHER),
    ],
)
def test_kinds_of_actions(action, kind):
    assert kind_of(action) == kind


# A log


def test_activity_of_users():
    # 28 and 84 events from the first day to the 28th: 1 and 3 a day, mean 2, standard deviation 1. Poisson
    # counting alone would vary by 1/28 and 3/28, on average 1/14.
    days = [DAY * day for day in range(28)]
    stats = whole(*at("a", *days), *at("b", *days, *[d + 60 for d in days], *[d + 90 for d in days]))
    activity = stats.activity
    assert (stats.users, stats.events, stats.span_days) == (2, 112, pytest.approx(27 + 90 / DAY))
    assert (activity.median, activity.max) == (56, 84)
    assert activity.p95 == pytest.approx(28 + 0.95 * 56)
    assert activity.top_tenth_share == pytest.approx(84 / 112)
    assert (activity.rate_mean, activity.rate_cv, activity.rate_variance) == pytest.approx((2, 0.5, 1))
    assert activity.rate_dispersion == pytest.approx(14)


def test_burstiness_of_users_with_enough_events():
    # a: a clock, B = −1. b: 18 gaps of 10 s and one of 200 s: μ = 20, σ² = (18·10² + 180²)/19 = 1800,
    # B = (√1800 − 20)/(√1800 + 20) = 0.3592. c has 19 events, too few.
    clock = at("a", *[10 * i for i in range(20)])
    bursty = at("b", *[10 * i for i in range(19)], 380)
    few = at("c", *range(19))
    rhythm = whole(*clock, *bursty, *few).rhythm
    high = (math.sqrt(1800) - 20) / (math.sqrt(1800) + 20)
    assert rhythm.burstiness_users == 2
    assert rhythm.burstiness == pytest.approx((high - 1) / 2, abs=1e-6)
    assert rhythm.burstiness_q3 == pytest.approx(-1 + 0.75 * (1 + high), abs=1e-6)


def test_lines_of_one_basket_are_one_moment():
    # Three lines at each of 20 times a minute apart: the gaps are minutes, none is 0.
    rhythm = whole(*[e for i in range(20) for e in at("a", 60 * i, 60 * i, 60 * i)]).rhythm
    assert rhythm.gap_p10 == pytest.approx(60, rel=0.003)
    assert rhythm.burstiness == pytest.approx(-1, abs=1e-6)


def test_hours_and_weekdays():
    # Monday 0 h and 6 h, Tuesday 0 h and 12 h: hour 0 half, two others a quarter, which is 1.5 bits.
    rhythm = whole(*at("a", 0, 6 * 3600, DAY, DAY + 12 * 3600)).rhythm
    assert {hour: share for hour, share in enumerate(rhythm.hours) if share} == {0: 0.5, 6: 0.25, 12: 0.25}
    assert rhythm.hour_entropy == pytest.approx(1.5 / math.log2(24))
    assert rhythm.weekdays == (0.5, 0.5, 0, 0, 0, 0, 0)


def test_hours_before_1970_are_hours_too():
    seconds = -(START - datetime(1969, 12, 31, 23, 30, tzinfo=UTC)).total_seconds()
    rhythm = whole(*at("a", seconds)).rhythm
    assert rhythm.hours[23] == 1
    assert rhythm.weekdays[2] == 1  # a Wednesday


def test_users_who_share_no_category_diverge_fully():
    apart = whole(*at("a", *range(20), category="x"), *at("b", *range(20), category="y")).variety
    assert (apart.entropy_within, apart.entropy_pooled, apart.divergence) == pytest.approx((0, 1, 1))
    # Alike users, each with three quarters and a quarter: H = 0.8113 bits of 1 everywhere.
    alike = whole(
        *[e for u in "ab" for e in at(u, *range(15), category="x") + at(u, *range(15, 20), category="y")]
    ).variety
    bits = -(0.75 * math.log2(0.75) + 0.25 * math.log2(0.25))
    assert (alike.entropy_within, alike.entropy_pooled) == pytest.approx((bits, bits))
    assert alike.divergence == pytest.approx(0, abs=1e-12)


def test_events_without_a_category_count_for_no_category():
    variety = whole(*at("a", *range(20), category="x"), *at("a", *range(20, 60), category="")).variety
    assert variety.categories == 1
    assert variety.entropy_within is None


def test_zipf_exponent_of_items_and_categories():
    # Items 12, 6, 4, 3 times (exponent 1), all of two categories.
    counts = {"p": 12, "q": 6, "r": 4, "s": 3}
    events = [
        e for name, n in counts.items() for e in at("a", *range(n), content=name, category=f"of {name}")
    ]
    for variety in (whole(*events).variety, whole(*events, item="category").variety):
        assert (variety.items, variety.categories) == (4, 4)
        assert (variety.zipf_items, variety.zipf_categories) == pytest.approx((1, 1))


def test_category_stands_in_for_an_item_that_is_not_said():
    stats = whole(event("a", 0, content="", category="milk"), event("a", 1, content="tea", category="drinks"))
    assert sorted(stats.curves.top_items) == [("milk", 1), ("tea", 1)]
    stats = whole(event("a", 0, content="007", category=""), item="category")
    assert stats.curves.top_items == [("007", 1)]
    assert whole(event("a", 0, content="", category="")).curves.top_items == []


def test_repeat_rates():
    # Clicks x, x, y: one of three repeats. Orders x, x, z: the first is none, although x was clicked before.
    # A basket of y and y is one y, and another user's x is new.
    variety = whole(
        *at("a", 0, 1, content="x"),
        event("a", 2, content="y"),
        *at("a", 3, 4, content="x", action="Order"),
        event("a", 5, content="z", action="Order"),
        *at("b", 6, 6, content="y", action="Order"),
        event("b", 7, content="x", action="Check-in"),
    ).variety
    assert variety.repeat_other == pytest.approx(1 / 3)
    assert variety.repeat_high == pytest.approx(1 / 5)
    assert variety.repeat_rate == pytest.approx(2 / 8)


def test_sessions_and_funnel():
    minute = 60
    events = [
        # First session: search, click, order. 30 minutes of silence end it.
        event("a", 0, action="Search"),
        event("a", 5 * minute, action="Click"),
        event("a", 10 * minute, action="Order"),
        # Second: search and click. Third, 30 minutes later: search alone.
        event("a", 40 * minute, action="Search"),
        event("a", 41 * minute, action="Click"),
        event("a", 71 * minute, action="Search"),
        # Another user and another platform have sessions of their own.
        event("b", 71 * minute, action="Click"),
        event("a", 72 * minute, source="Map", action="Check-in"),
    ]
    stats = measure([log(*events)])
    shop, place = stats.platforms
    assert (shop.name, place.name) == ("Shop", "Map")
    funnel = shop.funnel
    assert (funnel.sessions, funnel.events_per_session) == (4, 7 / 4)
    assert (funnel.with_search, funnel.with_click, funnel.with_purchase) == (3 / 4, 3 / 4, 1 / 4)
    assert funnel.click_given_search == pytest.approx(2 / 3)
    assert funnel.purchase_given_click == pytest.approx(1 / 3)
    counted = {name: n for name, n in stats.whole.funnel.actions.items() if n}
    assert counted == {"search": 3, "click": 3, "purchase": 1, "visit": 1}
    assert (stats.whole.funnel.sessions, stats.whole.funnel.with_search) == (5, 3 / 5)
    assert (place.funnel.sessions, place.funnel.purchase_given_click) == (1, None)


def test_festivals_against_the_days_around():
    # 60 days of one click and one order a day; 6 events, 4 of them orders, on the days 30 and 31. A second
    # festival on day 35 has 10 clicks and is not among the days around the first.
    events = [e for d in range(60) for e in (event("a", d * DAY), event("a", d * DAY + 60, action="Order"))]
    events += [event("b", d * DAY + i, action="Order") for d in (30, 31) for i in range(3)]
    events += [event("b", d * DAY + 10) for d in (30, 31)]
    events += at("c", *[35 * DAY + i for i in range(8)])
    day = START.date()
    festivals = [
        FestivalWindows(name="two days", days=((day + timedelta(30), day + timedelta(31)),)),
        FestivalWindows(name="one day", days=((day + timedelta(35), day + timedelta(35)),)),
        FestivalWindows(name="not reached", days=((date(1990, 1, 1), date(1990, 1, 2)),)),
    ]
    first, second, third = whole(*events, festivals=festivals).festivals
    assert (first.windows, first.ratio, first.purchase_ratio) == (1, 3, 4)
    assert (first.purchase_share, first.purchase_share_around) == (pytest.approx(4 / 6), 0.5)
    assert first.share_of_purchases == pytest.approx(8 / 66)
    assert second.ratio == 5
    assert (third.windows, third.ratio, third.share_of_purchases) == (0, None, None)


def test_days_without_events_count_and_days_outside_the_log_do_not():
    # Events on day 0 (2) and day 4 (4), log of five days. Window: days 4 to 20, of which one is in the log:
    # 4 a day inside, 2 in four days around, 8 times as much.
    day = START.date()
    late = FestivalWindows(name="late", days=((day + timedelta(4), day + timedelta(20)),))
    (effect,) = whole(*at("a", 0, 1), *at("a", *[4 * DAY + i for i in range(4)]), festivals=[late]).festivals
    assert effect.ratio == pytest.approx(8)


# Shards


@st.composite
def logs(draw):
    """A log of up to six users, and a shard number for each user."""
    users = draw(st.integers(0, 6))
    rows = []
    for user in range(users):
        for _ in range(draw(st.integers(1, 30))):
            rows.append(
                event(
                    f"u{user}",
                    draw(st.sampled_from([0, 1, 60, 3600, 40_000, 90_000])) * draw(st.integers(0, 40)),
                    source=draw(st.sampled_from(["Shop", "Map"])),
                    action=draw(st.sampled_from(["Search", "Click", "Order", "Check-in"])),
                    content=draw(st.sampled_from(["x", "y", "z", ""])),
                    category=draw(st.sampled_from(["c", "d", "e", ""])),
                )
            )
    shards = draw(st.lists(st.integers(0, 2), min_size=users, max_size=users))
    return log(*draw(st.permutations(rows))), {f"u{user}": shard for user, shard in enumerate(shards)}


FESTIVAL = FestivalWindows(name="f", days=((date(2025, 1, 8), date(2025, 1, 9)),))


def leaves(value, path=""):
    """Every number and text of plain JSON, with where it stands."""
    if isinstance(value, dict):
        return [leaf for key, inner in value.items() for leaf in leaves(inner, f"{path}.{key}")]
    if isinstance(value, list):
        return [
            (path, len(value)),
            *[leaf for i, inner in enumerate(value) for leaf in leaves(inner, f"{path}[{i}]")],
        ]
    return [(path, value)]


def assert_same(left: LogStatistics, right: LogStatistics) -> None:
    for (place, one), (other_place, other) in zip(
        leaves(left.to_json()), leaves(right.to_json()), strict=True
    ):
        assert place == other_place
        if "histogram" not in place:  # a value on an edge may fall on either side, by rounding
            assert one == (pytest.approx(other, rel=1e-9, abs=1e-9) if isinstance(other, float) else other), (
                place
            )


@given(logs())
@settings(max_examples=40, deadline=None)
def test_shards_add_up_to_one_log(drawn):
    frame, shard_of = drawn
    number = frame["user_id"].replace_strict(shard_of, return_dtype=pl.Int64)
    shards = [frame.filter(number == shard) for shard in range(3)]
    in_order = frame.sort("user_id", "timestamp")
    assert_same(measure(shards, [FESTIVAL]), measure([in_order], [FESTIVAL]))
    assert_same(measure(shards[::-1], [FESTIVAL]), measure([in_order], [FESTIVAL]))


@given(logs())
@settings(max_examples=40, deadline=None)
def test_numbers_lie_in_their_ranges(drawn):
    stats = measure([drawn[0]])
    assert sum(platform.events for platform in stats.platforms) == stats.whole.events == len(drawn[0])
    for one in (stats.whole, *stats.platforms):
        variety, funnel = one.variety, one.funnel
        shares = [variety.repeat_rate, variety.entropy_within, variety.entropy_pooled, variety.divergence]
        shares += [funnel.with_search, funnel.with_click, funnel.with_purchase, one.rhythm.hour_entropy]
        assert all(0 <= share <= 1 + 1e-9 for share in shares if share is not None)
        assert sum(funnel.actions.values()) == one.events
        assert sum(one.rhythm.hours) == pytest.approx(1 if one.events else 0)
        assert sum(events for _, events, _ in one.curves.days) == one.events


@pytest.mark.parametrize("frames", [[], [log()], [log(), log()]])
def test_a_log_without_events_has_no_numbers(frames):
    stats = measure(frames, [FESTIVAL])
    assert (stats.whole.users, stats.whole.events, stats.platforms) == (0, 0, ())
    assert stats.whole.rhythm.burstiness is None
    assert stats.whole.festivals[0].ratio is None
    json.dumps(stats.to_json(), allow_nan=False)
    assert not any(one.ok for one in check(stats))


def test_a_user_with_one_event_is_a_user():
    stats = measure([log(event("a", 0))])
    assert (stats.whole.users, stats.whole.activity.median, stats.whole.span_days) == (1, 1, 0)
    assert (stats.whole.rhythm.gap_p50, stats.whole.variety.zipf_items) == (None, None)
    assert stats.whole.funnel.sessions == 1
    json.dumps(stats.to_json(), allow_nan=False)


def test_twenty_events_at_one_time_have_no_burstiness():
    assert whole(*at("a", *[0] * 20)).rhythm.burstiness is None


def test_empty_optional_fields_may_be_null():
    frame = log(*at("a", 0, 1)).with_columns(
        content=pl.lit(None, pl.String), category=pl.lit(None, pl.String)
    )
    variety = measure([frame]).whole.variety
    assert (variety.items, variety.categories, variety.repeat_rate) == (0, 0, None)


def test_a_log_that_cannot_be_measured_is_refused():
    with pytest.raises(ValueError, match="source is null in 1 events"):
        measure([log(event("a", 0)).with_columns(source=pl.lit(None, pl.String))])
    with pytest.raises(ValueError, match="outside the years 1 to 9999 in 1 events"):
        measure(
            [
                log(event("a", 0)).with_columns(
                    pl.lit(10**15).cast(EVENT_SCHEMA["timestamp"]).alias("timestamp")
                )
            ]
        )
    with pytest.raises(ValueError, match="several frames"):
        measure([log(event("a", 0)), log(event("a", 1))])
    with pytest.raises(ValueError, match="more than 100 sources"):
        measure([log(*[event("a", i, source=f"s{i}") for i in range(MAX_PLATFORMS + 1)])])


def test_counts_keep_the_most_frequent():
    counts = Counts(most=10)
    for _ in range(3):
        counts.add(pl.DataFrame({"key": range(8), "n": [2**i for i in range(8)]}))
    assert counts.complete
    counts.add(pl.DataFrame({"key": range(8, 16), "n": [1] * 8}))
    key, n = counts.sums()
    assert not counts.complete
    assert sorted(zip(key, n, strict=True)) == [(k, 3 * 2**k) for k in range(3, 8)]
