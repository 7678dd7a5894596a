"""The first level of filtering: which events reach a slice at all, and how finely time is told for them."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from records.config import SemantizeConfig
from semantize.coding import coded, numbered
from semantize.text import clean

NO_HOUR = -1
"""Hour of events at midnight sharp: what has no time of day is written so."""
_MINUTE_MS = 60_000
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Filtered:
    """Events that are told, and how many of each user are not, by reason.

    `events` has what a slice needs of EVENT_SCHEMA and: `user` (number), `is_long`,
    `start` (local day, or first day of the month in the long horizon), `hour` (local, or NO_HOUR),
    `age_days` (whole days before the user's last event), `source_code`, `action_code`, `low_impact`.
    `users`: `user_id`, `events`, and those left out as `repeats` or `old_low_impact`.
    """

    events: pl.DataFrame
    sources: list[str]
    actions: list[str]
    users: pl.DataFrame


def filter_events(events: pl.DataFrame, config: SemantizeConfig) -> Filtered:
    """Tell the horizons apart and leave out repeats and old low-impact events.

    `events` (EVENT_SCHEMA) are sorted by user and time. Days, months and hours are those of
    `config.timezone`. The short horizon is the last `short_term_days` calendar days up to and with that of
    the user's last event and keeps every action. The long one keeps high-impact actions; low-impact ones stay
    where the user does nothing else in that source (a search log is made of searches), and where there are at
    least `long_low_impact` of the same on the same thing in the month.

    A repeat is a low-impact event that equals the user's event just before it in source, action and content
    and follows within `repeat_minutes`: a page loaded again, a double click, a dead loop. Orders are never
    repeats: two packs in one basket are two.
    """
    sources, source_names = coded(events["source"], named)
    actions, action_names = coded(events["action"], named)
    is_low = pl.Series(action_names, dtype=pl.String).str.contains(config.low_impact).to_numpy()
    local = pl.col("timestamp").dt.convert_time_zone(config.timezone or "UTC")
    frame = events.select(
        "user_id",
        "timestamp",
        "content",
        "category",
        "location",
        "event_id",
        pl.col("user_id").rle_id().cast(pl.Int64).alias("user"),
        pl.Series("source_code", sources),
        pl.Series("action_code", actions),
        pl.Series("low_impact", is_low[actions] if len(actions) else [], dtype=pl.Boolean),
        local.dt.date().alias("day"),
        pl.when(local.dt.time() == datetime.time())
        .then(NO_HOUR)
        .otherwise(local.dt.hour())
        .cast(pl.Int8)
        .alias("hour"),
    )

    same = pl.lit(value=True)
    for name in ("user", "source_code", "action_code", "content"):
        same &= pl.col(name) == pl.col(name).shift()
    pause = pl.col("timestamp").diff().dt.total_milliseconds()
    repeat = (pl.col("low_impact") & same & (pause <= config.repeat_minutes * _MINUTE_MS)).fill_null(False)
    everyone = frame["user"].to_numpy()
    if config.repeat_minutes:
        frame = frame.filter(~repeat)
    unrepeated = frame["user"].to_numpy()

    frame = frame.with_columns(_horizons(frame, config.short_term_days))
    told = _only_low(frame, len(source_names)) | _adds_up(frame, config.long_low_impact)
    kept = frame.filter(~(pl.col("is_long") & pl.col("low_impact")) | told).drop("day")
    begin = np.flatnonzero(np.diff(everyone, prepend=-1))
    counts = [np.bincount(each, minlength=len(begin)) for each in (everyone, unrepeated, kept["user"])]
    users = pl.DataFrame(
        {
            "user_id": events["user_id"].gather(begin).cast(pl.String),
            "events": counts[0],
            "repeats": counts[0] - counts[1],
            "old_low_impact": counts[1] - counts[2],
        }
    )
    return Filtered(events=kept, sources=source_names, actions=action_names, users=users)


def _horizons(frame: pl.DataFrame, short_term_days: int) -> list[pl.Series]:
    """`is_long`, `start` and `age_days` of events sorted by user and time.

    In numbers rather than times, as this is a good part of all work.
    """
    user = frame["user"].to_numpy()
    last = np.flatnonzero(np.diff(user, append=-1))[user]
    day = frame["day"].to_physical().to_numpy().astype(np.int64)
    is_long = day <= day[last] - short_term_days
    first = int(day.min(initial=0))
    days = pl.Series(np.arange(first, int(day.max(initial=first)) + 1)).cast(pl.Date)
    month = days.dt.month_start().to_physical().to_numpy()
    time = frame["timestamp"].to_physical().to_numpy()
    return [
        pl.Series("is_long", is_long),
        pl.Series("start", np.where(is_long, month[day - first], day)).cast(pl.Date),
        pl.Series("age_days", (time[last] - time) // _DAY_MS),
    ]


def named(texts: Sequence[str]) -> list[str]:
    """Names of sources, actions and places as they stand in a line's brackets.

    Bounded in bytes too: the bracketed part of a line cannot be shortened to meet the budget, and a
    byte-level tokenizer may need a token a byte.
    """
    return [clean(text, 40).encode()[:64].decode(errors="ignore").strip() or "Unknown" for text in texts]


def _only_low(frame: pl.DataFrame, sources: int) -> pl.Series:
    """Whether all that the event's user does in its source is low-impact."""
    if frame.is_empty():
        return pl.Series(dtype=pl.Boolean)
    key = pl.Series(frame["user"].to_numpy() * sources + frame["source_code"].to_numpy())
    high = key.filter(~frame["low_impact"]).unique()
    return ~key.is_in(high.implode())


def _adds_up(frame: pl.DataFrame, least: int) -> pl.Series:
    """Whether the user has so many events of the same source, action and content in the month (or day)."""
    if not least:
        return pl.Series([False]).new_from_index(0, len(frame))
    content, _ = numbered(frame["content"])
    keys = frame.select("user", "start", "source_code", "action_code", content=pl.Series(content))
    return keys.select(pl.len().over(keys.columns) >= least).to_series()
