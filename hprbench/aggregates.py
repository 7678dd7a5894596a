"""Users as numbers that an analyst would take from a log: how much, where, when, and of what."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

MOST_VALUES = 30
"""Most frequent values of a column that are counted, in as many users as they are; the others are one."""

KINDS = ("source", "action", "category", "location")
"""Columns whose values are counted."""

Table = NDArray[np.float64]


def aggregates(events: pl.DataFrame, train: Sequence[str], users: Sequence[str]) -> tuple[Table, Table]:
    """The aggregates of training users and of others, a row each, in their order.

    `events`: EVENT_SCHEMA. Which values are counted is decided on the training users alone. Columns are the
    logarithm of the number of events, sources, days and contents, mean and largest value, shares of six parts
    of day and of weekends, shares of the last 30 days, and of each counted value the share of events.
    """
    columns = [_plain(events)]
    for name in KINDS:
        seen = events.filter(pl.col("user_id").is_in(list(train)) & (pl.col(name) != ""))
        counts = seen.group_by(name).agg(users=pl.col("user_id").n_unique())
        counts = counts.sort("users", name, descending=[True, False])
        columns += [_shares(events, name, counts[name].head(MOST_VALUES).to_list())]
    whole = pl.concat(columns, how="align").sort("user_id")
    place = {user: row for row, user in enumerate(whole["user_id"])}
    numbers = np.vstack([whole.drop("user_id").fill_null(0.0).to_numpy(), np.zeros(whole.width - 1)])
    nobody = len(place)  # a user without events
    return tuple(numbers[[place.get(user, nobody) for user in side]] for side in (train, users))  # type: ignore[return-value]


def _plain(events: pl.DataFrame) -> pl.DataFrame:
    time = pl.col("timestamp")
    hour = [((time.dt.hour() // 4) == part).mean().alias(f"hours {part}") for part in range(6)]
    recent = time > time.max() - pl.duration(days=30)
    return events.group_by("user_id").agg(
        pl.len().cast(pl.Float64).log1p().alias("events"),
        pl.col("source").n_unique().cast(pl.Float64).log1p().alias("sources"),
        time.dt.date().n_unique().cast(pl.Float64).log1p().alias("days"),
        pl.col("content").n_unique().cast(pl.Float64).log1p().alias("contents"),
        pl.col("value").mean().alias("mean value"),
        pl.col("value").max().alias("largest value"),
        *hour,
        (time.dt.weekday() > 5).mean().alias("weekends"),
        recent.mean().alias("recent"),
    )


def _shares(events: pl.DataFrame, name: str, values: Sequence[str]) -> pl.DataFrame:
    shares = [(pl.col(name) == value).mean().alias(f"{name}: {value}") for value in values]
    return events.group_by("user_id").agg(*shares)
