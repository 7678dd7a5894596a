"""The second and third level: events in slices, slices weighed, and what of each is shown.

    events ── horizon ──> (user, day | month, source, action) = slice ── most frequent entities ──> top K

A slice depends on its user's events alone, so any split of users over workers gives the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from records.config import SemantizeConfig
from semantize.coding import Codes, coded, coded_together
from semantize.levels import Filtered, filter_events, named
from semantize.refining.refine import Refiner
from semantize.text import entity_text

_ENTITIES = 2**32
"""A pair of slice and entity is one integer: grouping by one is faster than by two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slices:
    """Slices of users, what they show, and the events behind it.

    `table`: one row a slice in the order of users and time; `user_id`, the fields of its line (`source`,
    `time`, `action`, `count`, `place`) and its `salience`.
    `shown`: `slice` (row of `table`), `entity` (number in `entities`) and `events`, best first in each slice.
    `behind`: `slice`, `entity`, `event_id` of every event in a slice, in time order in each user.
    `users`: `user_id`, `events`, and those left out as `repeats`, `old_low_impact`, `implied` or
    `beyond_top_k`.
    """

    table: pl.DataFrame
    shown: pl.DataFrame
    behind: pl.DataFrame
    entities: list[str]
    users: pl.DataFrame


def build_slices(events: pl.DataFrame, config: SemantizeConfig, refiner: Refiner) -> Slices:
    """Slices of `events` (EVENT_SCHEMA, sorted by user and time).

    Events are filtered as `levels.filter_events` says. An entity is the refined content, else the refined
    category, else the action. Low-impact events on an entity that is also the object of a high-impact one
    in the same source and day, or month in the long horizon, are left out (`drop_implied`). What is left is
    one slice for every user, source, action and day, or month. A line shows the `top_k` most frequent (ties
    by name); COUNT is the number of all events of the slice. The time names a part of day that at least
    `part_of_day_share` of the events fall in; PLACE is the most frequent location (ties by name).

    Salience (ours) = events x (`high_impact_weight` if high-impact) x 2^(-age / `half_life_days`), the age
    being that of the slice's last event at the user's last: frequency first, an order worth several clicks,
    old habits less than new ones.
    """
    filtered = filter_events(events, config)
    frame, entities = _with_entities(filtered, refiner)
    implied = _implied(frame, len(filtered.sources)) if config.drop_implied else None
    users = filtered.users.with_columns(implied=_by_user(frame, implied, len(filtered.users)))
    if implied is not None:
        frame = frame.filter(~implied)
    keys = _slice_keys(frame, filtered)
    order = pl.Series(keys).unique().sort()
    frame = frame.with_columns(pl.Series("slice", order.search_sorted(keys), dtype=pl.Int64))
    table = _table(frame, filtered, config)
    pairs = _pairs(frame)
    shown = pairs.filter(pl.int_range(pl.len()).over("slice") < config.top_k)
    unshown = table["count"].to_numpy() - _sums(shown, len(table))
    return Slices(
        table=table,
        shown=shown,
        behind=frame.select("slice", "entity", "event_id"),
        entities=entities,
        users=users.with_columns(
            beyond_top_k=pl.Series(
                np.bincount(table["user_id"].rle_id(), unshown, minlength=len(users)).astype(np.int64)
            )
        ),
    )


def shown_events(slices: Slices) -> Codes:
    """Events behind what each slice shows."""
    return _sums(slices.shown, len(slices.table))


def _sums(shown: pl.DataFrame, slices: int) -> Codes:
    return np.bincount(shown["slice"], shown["events"], minlength=slices).astype(np.int64)


def _with_entities(filtered: Filtered, refiner: Refiner) -> tuple[pl.DataFrame, list[str]]:
    def refined(titles: Sequence[str]) -> list[str]:
        return [entity_text(entity.text) for entity in refiner.refine(titles)]

    def plain(names: Sequence[str]) -> list[str]:
        return [entity_text(name) for name in names]

    frame = filtered.events
    actions = pl.Series(filtered.actions, dtype=pl.String)
    (content, category, action), entities = coded_together(
        [(frame["content"], refined), (frame["category"], refined), (actions, plain)]
    )
    blank = entities.index("") if "" in entities else -1
    own = np.where(category != blank, category, action[frame["action_code"].to_numpy()] if len(frame) else 0)
    return frame.with_columns(pl.Series("entity", np.where(content != blank, content, own))), entities


def _implied(frame: pl.DataFrame, sources: int) -> pl.Series:
    """Whether a high-impact event of the same user, source, period and entity says what the event says."""
    days = frame["start"].to_physical().to_numpy().astype(np.int64)
    period = (days - days.min(initial=0)) * 2 + frame["is_long"].to_numpy()
    place = frame["user"].to_numpy().astype(np.int64) * sources + frame["source_code"].to_numpy()
    place = place * (int(period.max(initial=0)) + 1) + period
    low = frame["low_impact"]
    keys = pl.DataFrame({"place": place, "entity": frame["entity"]})
    high = keys.filter(~low).unique()
    found = keys.with_row_index().join(high, on=["place", "entity"], how="semi")["index"].to_numpy()
    implied = np.zeros(len(frame), dtype=bool)
    implied[found] = True
    return pl.Series(implied) & low


def _by_user(frame: pl.DataFrame, chosen: pl.Series | None, users: int) -> pl.Series:
    """How many of the chosen events each user has."""
    numbers = frame["user"] if chosen is None else frame["user"].filter(chosen)
    return pl.Series(np.bincount(numbers[:0] if chosen is None else numbers, minlength=users))


def _slice_keys(frame: pl.DataFrame, filtered: Filtered) -> Codes:
    """One integer a slice, in the order of user, start, horizon, source and action."""
    days = frame["start"].to_physical().to_numpy().astype(np.int64)
    day = days - days.min(initial=0)
    key = frame["user"].to_numpy().astype(np.int64) * (int(day.max(initial=0)) + 1) + day
    key = key * 2 + frame["is_long"].to_numpy()
    key = key * len(filtered.sources) + frame["source_code"].to_numpy()
    return np.asarray(key * len(filtered.actions) + frame["action_code"].to_numpy())


def _table(frame: pl.DataFrame, filtered: Filtered, config: SemantizeConfig) -> pl.DataFrame:
    morning, day, night = config.morning_hour, config.day_hour, config.night_hour
    hour = pl.col("hour")
    facts = (
        frame.group_by("slice")
        .agg(
            pl.col("user_id", "start", "is_long", "source_code", "action_code", "low_impact").first(),
            pl.len().cast(pl.Int64).alias("count"),
            hour.is_between(morning, day, closed="left").mean().alias("morning"),
            hour.is_between(day, night, closed="left").mean().alias("daytime"),
            (hour.lt(morning) | hour.ge(night)).mean().alias("night"),
            pl.col("age_days").min(),
        )
        .sort("slice")
    )
    weight = pl.when("low_impact").then(1.0).otherwise(config.high_impact_weight)
    # Whole half-lives apart, so that ages a half-life apart differ by exactly 2: ties are ties.
    halvings = (pl.col("age_days") / config.half_life_days).floor()
    rest = pl.col("age_days") - halvings * config.half_life_days
    recency = pl.lit(0.5).pow(halvings) * pl.lit(0.5).pow(rest / config.half_life_days)
    return facts.join(_places(frame), on="slice", how="left", maintain_order="left").select(
        "user_id",
        source=pl.Series(filtered.sources, dtype=pl.String).gather(facts["source_code"]),
        time=_time(config.part_of_day_share),
        action=pl.Series(filtered.actions, dtype=pl.String).gather(facts["action_code"]),
        count="count",
        place=pl.col("place").fill_null(""),
        salience=pl.col("count") * weight * recency,
    )


def _time(share: float) -> pl.Expr:
    day = (
        pl.when("is_long")
        .then(pl.col("start").dt.strftime("%Y-%m"))
        .otherwise(pl.col("start").dt.strftime("%Y-%m-%d"))
    )
    part = pl.lit("")
    for name in ("morning", "daytime", "night"):
        part = pl.when(pl.col(name) >= share).then(pl.lit(f" {name}")).otherwise(part)
    return day + part


def _places(frame: pl.DataFrame) -> pl.DataFrame:
    located = frame.select("slice", "location").filter(pl.col("location") != "")
    codes, names = coded(located["location"], named)
    best = (
        located.select("slice", pl.Series("code", codes))
        .group_by("slice", "code")
        .len()
        .sort("slice", "len", "code", descending=[False, True, False])
        .unique("slice", keep="first", maintain_order=True)
    )
    return best.select("slice", place=pl.Series(names, dtype=pl.String).gather(best["code"]))


def _pairs(frame: pl.DataFrame) -> pl.DataFrame:
    """Slices' entities with their events, most frequent first in each slice (ties by name)."""
    return (
        frame.select(pair=pl.col("slice") * _ENTITIES + pl.col("entity"))
        .group_by("pair")
        .agg(pl.len().cast(pl.Int64).alias("events"))
        .select(slice=pl.col("pair") // _ENTITIES, entity=pl.col("pair") % _ENTITIES, events="events")
        .sort("slice", "events", "entity", descending=[False, True, False])
    )
