"""The session gap of a log's own pauses, and where sessions end by it."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from induce.sessions import DEFAULT_MINUTES, choose_gap, gap_of, pause_histogram, with_sessions

START = datetime(2026, 1, 1, tzinfo=UTC)
SCHEMA = {"user_id": pl.String(), "timestamp": pl.Datetime("ms", "UTC")}


def log(pauses: dict[str, list[float]]) -> pl.DataFrame:
    """Events of users, so many seconds after each other."""
    rows = [
        (user, START + timedelta(seconds=float(second)))
        for user, seconds in pauses.items()
        for second in np.cumsum([0.0, *seconds])
    ]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def pauses(seed: int, *kinds: tuple[float, int]) -> list[float]:
    """Log-normal pauses about so many seconds, so many of each, shuffled."""
    dice = np.random.default_rng(seed)
    parts = [middle * np.exp(0.8 * dice.standard_normal(size)) for middle, size in kinds]
    return dice.permutation(np.concatenate(parts)).tolist()


def test_gap_lies_in_the_valley_between_clicks_and_visits() -> None:
    gap = choose_gap(log({"u": pauses(1, (60, 400), (86_400, 200))}))
    assert gap.found
    # By logarithms the middle of a minute and a day is 38 minutes.
    assert 15 < gap.minutes < 90
    assert "valley" in gap.why


def test_gap_is_where_no_pause_falls() -> None:
    gap = choose_gap(log({str(user): [60, 86_400] * 20 for user in range(5)}))
    assert gap.found
    assert gap.minutes == pytest.approx(38, rel=0.15)  # √1440 minutes


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        ([], "no two events"),
        ([0, 0, 0], "no two events"),
        ([86_400 * days for days in (1, 3, 7, 2, 30)] * 40, "too few pauses are shorter"),  # no hours
        ([20.0] * 200, "too few pauses are longer"),
        (pauses(2, (3600, 500)), "no clear valley"),
        ([60, 60, 86_400], "too few pauses to tell"),
    ],
)
def test_without_a_clear_valley_the_default_stands_and_says_why(seconds: list[float], said: str) -> None:
    gap = choose_gap(log({"u": seconds}))
    assert not gap.found
    assert gap.minutes == DEFAULT_MINUTES
    assert said in gap.why


def test_baskets_whose_lines_share_a_time_leave_the_default() -> None:
    visits = pauses(3, (30 * 86_400, 60))
    gap = choose_gap(log({str(user): [0, 0, 0, *visits] for user in range(5)}))
    assert (gap.found, gap.minutes) == (False, DEFAULT_MINUTES)


def test_no_log_has_no_gap() -> None:
    assert not choose_gap(pl.DataFrame(schema=SCHEMA)).found


def test_a_very_active_user_does_not_outvote_the_others() -> None:
    robot = [72_000.0] * 40_000  # if each counted: too few pauses of others
    people = {str(user): pauses(user, (60, 60), (86_400, 40)) for user in range(20)}
    alone = choose_gap(log(people))
    assert alone.found
    with_robot = choose_gap(log({**people, "robot": robot}))
    assert with_robot.found
    assert with_robot.minutes == pytest.approx(alone.minutes, rel=0.3)
    assert pause_histogram(log({"robot": robot})).sum() == pytest.approx(200)


def test_histograms_of_parts_add_up() -> None:
    people = {str(user): pauses(user, (60, 60), (86_400, 40)) for user in range(6)}
    parts = [pause_histogram(log({user: seconds})) for user, seconds in people.items()]
    assert gap_of(np.sum(parts, axis=0)) == choose_gap(log(people))


def test_sessions_are_numbered_by_user() -> None:
    events = log({"b": [60, 1800, 1801, 5], "a": [7200]})
    found = with_sessions(events, 30.0)
    assert found["user_id"].to_list() == ["a", "a", "b", "b", "b", "b", "b"]
    assert found["session"].to_list() == [1, 2, 1, 1, 1, 2, 2]  # 1800 s are no more than 30 minutes


def test_no_events_have_no_sessions() -> None:
    assert with_sessions(pl.DataFrame(schema=SCHEMA), 30.0).schema["session"] == pl.Int64


@given(
    st.dictionaries(st.sampled_from("abc"), st.lists(st.integers(0, 4000), max_size=20), min_size=1),
    st.integers(1, 60),
    st.randoms(use_true_random=False),
)
def test_sessions_split_exactly_where_a_pause_is_longer(
    seconds: dict[str, list[int]], gap: int, dice: object
) -> None:
    events = log({user: list(map(float, each)) for user, each in seconds.items()})
    rows = list(range(len(events)))
    dice.shuffle(rows)  # type: ignore[attr-defined]
    found = with_sessions(events[rows], gap)
    for user, each in seconds.items():
        mine = found.filter(pl.col("user_id") == user)
        assert mine["timestamp"].is_sorted()
        expected = np.cumsum([1, *(second > 60 * gap for second in each)]).tolist()
        assert mine["session"].to_list() == expected
