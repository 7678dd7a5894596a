"""The measurement of updated profiles: where logs are cut, and what counts as right."""

from datetime import datetime, timedelta

import polars as pl
import pytest

from benchmarks.profile_update import NEW, OLD, WHOLE, accuracy, cut, unread
from records.tags import NA, TAG_NAMES
from tests.test_hprbench_build import gold_user

START = datetime(2026, 1, 1)


def test_each_log_is_cut_at_a_share_of_its_own_time() -> None:
    days = {"ann": [0, 5, 8, 9, 10], "bob": [100, 150, 200]}
    events = pl.DataFrame(
        [(user, START + timedelta(days=day)) for user, told in days.items() for day in told],
        schema=["user_id", "timestamp"],
        orient="row",
    )
    parts = cut(events, 0.8)
    # Ann's eighth day is the last of the old ones, of Bob's hundred days the eightieth.
    assert parts[OLD]["user_id"].to_list() == ["ann"] * 3 + ["bob"] * 2
    assert parts[NEW]["user_id"].to_list() == ["ann"] * 2 + ["bob"]
    assert parts[WHOLE].equals(events)


def test_who_counts_as_read() -> None:
    profiles = {
        "read": {"error": None, "updated": []},
        "failed": {"error": "truncated"},
        "not updated": {"error": None, "update_error": "truncated"},
    }
    assert unread(profiles) == {"failed", "not updated"}


def test_what_is_right_by_hand() -> None:
    tags = {name: {"value": NA, "evidence": []} for name in TAG_NAMES}
    profiles = {
        "a": {"error": None, "tags": tags | {"pet": {"value": "cat", "evidence": []}}},
        "b": {"error": None, "tags": tags},
    }
    gold = {user: gold_user(user, pet="cat", gender="male") for user in profiles}
    found = accuracy(profiles, gold)
    # Gender is NA in both, the pet in one; all else is NA in truth.
    assert found["pet"] == 0.5
    assert found["gender"] == 0.0
    assert found["mean"] == pytest.approx((len(TAG_NAMES) - 2 + 0.5) / len(TAG_NAMES))
