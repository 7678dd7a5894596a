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

PARTS = ("morning", "daytime", "night")
_PART_NOTES = (*(f" ~{part}" for part in PARTS), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slices:
    """Slices of users, what they show, and the events behind it.

    `table`: one row a slice in the order of users and time; `user_id`, the fields of its line (`source`,
    `time`, `action`, `count`, `place`), its `part` of day (place in PARTS, their
    number where it names none) and its `salience`.
    `shown`: `slice` (row of `table`), `entity` (number in `entities`), `events` and `note` (number in
    `notes`), best first in each slice.
    `behind`: `slice`, `entity`, `event_id` of every event in a slice, in time order in each user.
    `users`: `user_id`, `events`, and those left out as `repeats`, `old_low_impact`, `implied` or
    `beyond_top_k`.
    """

    table: pl.DataFrame
    shown: pl.DataFrame
    behind: pl.DataFrame
    entities: list[str]
    notes: list[str]
    users: pl.DataFrame


def build_slices(events: pl.DataFrame, config: SemantizeConfig, refiner: Refiner) -> Slices:
    """Slices of `events` (EVENT_SCHEMA, sorted by user and time).

    Events are filtered as `levels.filter_events` says. An entity is the refined content, else the refined
    category, else the action. Low-impact events on an entity that is also the object of a high-impact one
    in the same source and day, or month in the long horizon, are left out (`drop_implied`). What is left is
    one slice for every user, source, action and day, or month; they are numbered by user and period, in these
    by their first events.

    A line shows the `top_k` most frequent (ties by name). COUNT is the number of all events of the slice; the
    time names the part of day that most of them fall in (ties: the earlier; none where all are at midnight
    sharp, as in logs without hours); PLACE is the most frequent location (ties by name). With `entity_notes`
    an entity says how often it was, if not as often as COUNT (`×3`; once goes without saying where others are
    shown), and in which part of day mostly, if not in that of the line (`~night`).

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
    keys, kinds = _slice_keys(frame, filtered)
    frame = frame.with_columns(slice=pl.Series(_numbers(keys, kinds)))
    pairs = _pairs(frame, config)
    table = _table(frame, pairs, filtered, config)
    shown, notes = _noted(_best(pairs, config.top_k), table, config.entity_notes)
    unshown = table["count"].to_numpy() - _sums(shown, len(table))
    return Slices(
        table=table,
        shown=shown,
        behind=frame.select("slice", "entity", "event_id"),
        entities=entities,
        notes=notes,
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
    place = _periods(frame) * sources + frame["source_code"].to_numpy()
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


def _slice_keys(frame: pl.DataFrame, filtered: Filtered) -> tuple[Codes, int]:
    """One integer a slice, by user, start, source and action, and how many kinds of the last two it tells.

    A start tells the horizon: no day of a month that is told as one is told by itself.
    """
    kinds = len(filtered.sources) * len(filtered.actions)
    kind = frame["source_code"].to_numpy() * len(filtered.actions) + frame["action_code"].to_numpy()
    if kinds > len(frame):  # only those there are: numbers of users, days and kinds are multiplied
        found, kind = np.unique(kind, return_inverse=True)
        kinds = len(found)
    return np.asarray(_periods(frame) * kinds + kind), kinds


def _periods(frame: pl.DataFrame) -> Codes:
    """One integer for every user and start, in their order."""
    days = frame["start"].to_physical().to_numpy().astype(np.int64)
    day = days - days.min(initial=0)
    return np.asarray(frame["user"].to_numpy() * (int(day.max(initial=0)) + 1) + day)


def _numbers(keys: Codes, kinds: int) -> Codes:
    """Every row's slice, numbered by user and period (keys over `kinds`), in these by their first events."""
    order = pl.Series(keys).unique().sort()
    number = order.search_sorted(keys).to_numpy().astype(np.int64)
    first = np.zeros(len(order), dtype=np.int64)
    first[number[::-1]] = np.arange(len(keys))[::-1]  # rows are in the order of times: the first comes last
    place = np.zeros(len(order), dtype=np.int64)
    place[np.lexsort((first, order.to_numpy() // kinds))] = np.arange(len(order))
    return np.asarray(place[number])


def _table(
    frame: pl.DataFrame, pairs: pl.DataFrame, filtered: Filtered, config: SemantizeConfig
) -> pl.DataFrame:
    parts = pairs.group_by("slice", maintain_order=True).agg(pl.col("events", *PARTS).sum())
    # Rows are in the order of users and times: what is written last into a slice's place is its last event.
    last = np.zeros(len(parts), dtype=np.int64)
    last[frame["slice"].to_numpy()] = np.arange(len(frame))
    facts = frame.select(
        "user_id", "start", "is_long", "source_code", "action_code", "low_impact", "age_days"
    )[last].with_columns(slice=parts["slice"], count=parts["events"], part=_most(parts))
    weight = pl.when("low_impact").then(1.0).otherwise(config.high_impact_weight)
    # Whole half-lives apart, so that ages a half-life apart differ by exactly 2: ties are ties.
    halvings = (pl.col("age_days") / config.half_life_days).floor()
    rest = pl.col("age_days") - halvings * config.half_life_days
    recency = pl.lit(0.5).pow(halvings) * pl.lit(0.5).pow(rest / config.half_life_days)
    return facts.join(_places(frame), on="slice", how="left", maintain_order="left").select(
        "user_id",
        source=pl.Series(filtered.sources, dtype=pl.String).gather(facts["source_code"]),
        time=_time(),
        part="part",
        action=pl.Series(filtered.actions, dtype=pl.String).gather(facts["action_code"]),
        count="count",
        place=pl.col("place").fill_null(""),
        salience=pl.col("count") * weight * recency,
    )


def _time() -> pl.Expr:
    day = (
        pl.when("is_long")
        .then(pl.col("start").dt.strftime("%Y-%m"))
        .otherwise(pl.col("start").dt.strftime("%Y-%m-%d"))
    )
    return day + pl.lit(pl.Series([*(f" {part}" for part in PARTS), ""])).gather(pl.col("part"))


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


def _pairs(frame: pl.DataFrame, config: SemantizeConfig) -> pl.DataFrame:
    """Slices' entities with their events, also by part of day; most frequent first (ties by name)."""
    hours = np.arange(24)
    is_day = (config.day_hour <= hours) & (hours < config.night_hour)
    is_morning = (config.morning_hour <= hours) & (hours < config.day_hour)
    is_part = dict(zip(PARTS, (is_morning, is_day, ~is_morning & ~is_day), strict=True))
    hour = frame["hour"].to_numpy()
    return (
        frame.select(
            pair=pl.col("slice") * _ENTITIES + pl.col("entity"),
            # No hour is the last place.
            **{part: pl.Series(np.append(those, False)[hour]) for part, those in is_part.items()},
        )
        .group_by("pair")
        .agg(pl.len().cast(pl.Int64).alias("events"), pl.col(PARTS).sum().cast(pl.Int64))
        .select("events", *PARTS, slice=pl.col("pair") // _ENTITIES, entity=pl.col("pair") % _ENTITIES)
        .sort("slice", "events", "entity", descending=[False, True, False])
    )


def _best(pairs: pl.DataFrame, top_k: int) -> pl.DataFrame:
    """The first `top_k` pairs of each slice; every slice has a pair."""
    of_slice = pairs["slice"].to_numpy()
    begin = np.flatnonzero(np.diff(of_slice, prepend=-1))
    return pairs.filter(pl.Series(np.arange(len(pairs)) - begin[of_slice] < top_k))


def _most(parts: pl.DataFrame) -> Codes:
    """The part of day (number in PARTS) with most events; ties: the earlier; none: their number."""
    counts = parts.select(PARTS).to_numpy()
    return np.where(counts.any(axis=1), counts.argmax(axis=1), len(PARTS))


def _noted(shown: pl.DataFrame, table: pl.DataFrame, with_notes: bool) -> tuple[pl.DataFrame, list[str]]:
    """`shown` with the number of its note, and the notes."""
    columns = ("slice", "entity", "events")
    if not with_notes or shown.is_empty():
        return shown.select(*columns, note=pl.lit(0, pl.Int64)), [""]
    of_slice, events = shown["slice"].to_numpy(), shown["events"].to_numpy()
    is_alone = np.bincount(of_slice, minlength=len(table))[of_slice] == 1
    says_times = ((events > 1) | is_alone) & (events < table["count"].to_numpy()[of_slice])
    by_part = shown.select(*PARTS, none=pl.lit(0, pl.Int64)).to_numpy()
    elsewhere = by_part.max(axis=1) > by_part[np.arange(len(shown)), table["part"].to_numpy()[of_slice]]
    part = np.where(elsewhere, _most(shown), len(PARTS))
    keys, note = np.unique(np.where(says_times, events, 0) * len(_PART_NOTES) + part, return_inverse=True)
    notes = [
        (f" ×{key // len(_PART_NOTES)}" if key >= len(_PART_NOTES) else "")
        + _PART_NOTES[key % len(_PART_NOTES)]
        for key in keys.tolist()
    ]
    return shown.select(*columns, note=pl.Series(note, dtype=pl.Int64)), notes
