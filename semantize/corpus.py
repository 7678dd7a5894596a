"""Corpus construction: events → slices → histories within a token budget.

    events ── clean, refine ──> horizon ──> (source, action, day | month) ──> top-K ──> slices
    slices ── by salience, against the budget ──> numbered lines in time order

A user's history depends on that user's events alone, so any split of users over workers gives the same.
"""

from collections.abc import Callable, Sequence

import polars as pl

from records.config import SemantizeConfig
from records.events import EVENT_SCHEMA
from records.history import SemanticHistory
from semantize.budget import UserSlices, fit_users
from semantize.refine import Refiner
from semantize.text import clean, clean_all

SLICE_SCHEMA: dict[str, pl.DataType] = {
    "user_id": pl.String(),
    "head": pl.String(),
    "entities": pl.List(pl.String()),
    "event_ids": pl.List(pl.List(pl.String())),
    "salience": pl.Float64(),
}
"""Columns of slices, sorted by user and time: the line's bracketed part, its entities, and the ids of the
events behind each entity."""

LOW_IMPACT = r"(?i)(?:^|[\s_-])(?:click|view|impression|search|brows|exposure)(?:e?s|ed|ing|e)?(?:$|[\s_-])"
"""Actions that cost the user nothing and say little after a month."""

HIGH_IMPACT_WEIGHT = 3.0
HALF_LIFE_DAYS = 180.0
PART_OF_DAY_SHARE = 0.6
_SLICE = ("user_id", "start", "is_long", "source", "action")


def build_slices(events: pl.DataFrame, config: SemantizeConfig, refiner: Refiner) -> pl.DataFrame:
    """Slices (SLICE_SCHEMA) of `events` (EVENT_SCHEMA).

    Horizons: the last `short_term_days` calendar days (UTC) up to and with the day of the user's last event
    keep every action, a slice for every source, action and day. What is older keeps high-impact actions
    only, a slice for every source, action and month; low-impact ones stay where the user does nothing else
    in that source (a search log is made of searches).

    An entity is the refined content, else the refined category, else the action. A line shows the `top_k`
    most frequent (ties by name); COUNT is the number of all events of the slice. The time names a part of
    day (morning 5-11, daytime 11-18, night 18-5, UTC) that at least 60 % of the events fall in; PLACE is
    the most frequent location.

    Salience (ours) = events x (3 if high-impact) x 2^(-age / 180 days), the age being that of the slice's
    last event at the user's last: frequency first, an order worth three clicks, half a year halves it.
    """
    frame = _prepared(events, config, refiner)
    slices = frame.select(_SLICE).unique().sort(_SLICE).with_row_index("slice")
    frame = frame.join(slices, on=list(_SLICE)).sort("slice", "timestamp", maintain_order=True)

    hour = pl.col("timestamp").dt.hour()
    facts = frame.group_by("slice", maintain_order=True).agg(
        pl.len().alias("count"),
        hour.is_between(5, 10).mean().alias("morning"),
        hour.is_between(11, 17).mean().alias("daytime"),
        (hour.lt(5) | hour.ge(18)).mean().alias("night"),
        (pl.col("user_last") - pl.col("timestamp").max()).first().dt.total_days().alias("age_days"),
        pl.col("low_impact").first(),
    )
    places = _most_frequent(frame.filter(pl.col("location") != ""), "location", 1).select(
        "slice", pl.col("location").list.first().alias("place")
    )
    entities = _most_frequent(frame, "entity", config.top_k).rename({"entity": "entities"})
    return (
        slices.join(facts, on="slice", maintain_order="left")
        .join(places, on="slice", how="left", maintain_order="left")
        .join(entities, on="slice", maintain_order="left")
        .select("user_id", _head(), "entities", "event_ids", _salience())
    )


def fit(
    slices: pl.DataFrame, config: SemantizeConfig, count_tokens: Callable[[Sequence[str]], list[int]]
) -> list[SemanticHistory]:
    """Histories of at most `token_budget` tokens each, users in the order of `slices`.

    The least salient slices are dropped first (ties: the older); the more salient of those dropped that
    still fit come back. See `budget.fit_users` for what is exact. Raises UserError when the budget holds
    not even one line.
    """
    users = [
        UserSlices(user_id=user, heads=heads, entities=entities, event_ids=ids, salience=salience)
        for user, heads, entities, ids, salience in slices.group_by("user_id", maintain_order=True)
        .agg("head", "entities", "event_ids", "salience")
        .iter_rows()
    ]
    return fit_users(users, config.token_budget, count_tokens)


def _prepared(events: pl.DataFrame, config: SemantizeConfig, refiner: Refiner) -> pl.DataFrame:
    """Events that reach a slice, with clean text, their entity and the key of their slice."""
    frame = events.select(list(EVENT_SCHEMA)).with_columns(
        *[_mapped(events[name], _names).alias(name) for name in ("source", "action", "location")],
        _mapped(events["content"], lambda titles: _entities(refiner, titles)).alias("content"),
        _mapped(events["category"], lambda titles: _entities(refiner, titles)).alias("category"),
        pl.col("timestamp").max().over("user_id").alias("user_last"),
    )
    frame = frame.with_columns(
        pl.when(pl.col(name) == "").then(pl.lit("Unknown")).otherwise(name).alias(name)
        for name in ("source", "action")
    ).with_columns(
        entity=pl.when(pl.col("content") != "")
        .then("content")
        .when(pl.col("category") != "")
        .then("category")
        .otherwise("action"),
        low_impact=pl.col("action").str.contains(LOW_IMPACT),
        day=pl.col("timestamp").dt.date(),
        first_short_day=pl.col("user_last").dt.date().dt.offset_by(f"-{config.short_term_days - 1}d"),
    )
    is_long = pl.col("day") < pl.col("first_short_day")
    only_low = pl.col("low_impact").all().over("user_id", "source")
    return frame.filter(~is_long | ~pl.col("low_impact") | only_low).with_columns(
        is_long=is_long, start=pl.when(is_long).then(pl.col("day").dt.month_start()).otherwise("day")
    )


def _mapped(values: pl.Series, function: Callable[[Sequence[str]], list[str]]) -> pl.Series:
    """`function` over the distinct texts of `values`, put back in place."""
    distinct = values.fill_null("").unique()
    results = function(distinct.to_list())
    if len(results) != len(distinct):
        raise ValueError(f"refining {len(distinct)} titles gave {len(results)}")
    return values.fill_null("").replace_strict(distinct, pl.Series(results, dtype=pl.String))


def _names(texts: Sequence[str]) -> list[str]:
    # Bounded in bytes too: the bracketed part of a line cannot be shortened to meet the budget, and a
    # byte-level tokenizer may need a token a byte.
    return [clean(text, 40).encode()[:64].decode(errors="ignore").strip() for text in texts]


def _entities(refiner: Refiner, titles: Sequence[str]) -> list[str]:
    # A comma parts entities, so none may stand within one.
    return [text.replace(",", ";") for text in clean_all(refiner.refine(titles))]


def _most_frequent(frame: pl.DataFrame, name: str, limit: int) -> pl.DataFrame:
    """Every slice's `limit` most frequent values of `name`, and each one's event ids in time order."""
    return (
        frame.group_by("slice", name, maintain_order=True)
        .agg(pl.len().alias("events"), pl.col("event_id").alias("event_ids"))
        .sort("slice", "events", name, descending=[False, True, False])
        .group_by("slice", maintain_order=True)
        .agg(pl.col(name).head(limit), pl.col("event_ids").head(limit))
    )


def _head() -> pl.Expr:
    day = (
        pl.when("is_long")
        .then(pl.col("start").dt.strftime("%Y-%m"))
        .otherwise(pl.col("start").dt.strftime("%Y-%m-%d"))
    )
    part = pl.lit("")
    for name in ("morning", "daytime", "night"):
        part = pl.when(pl.col(name) >= PART_OF_DAY_SHARE).then(pl.lit(f" {name}")).otherwise(part)
    place = pl.when(pl.col("place").is_null()).then(pl.lit("")).otherwise(pl.format(" [PLACE: {}]", "place"))
    return pl.format(
        "[Source: {}] [TIME: {}{}] [TYPE: {}] [COUNT: {}]{}", "source", day, part, "action", "count", place
    ).alias("head")


def _salience() -> pl.Expr:
    impact = pl.when("low_impact").then(1.0).otherwise(HIGH_IMPACT_WEIGHT)
    recency = (-pl.col("age_days") / HALF_LIFE_DAYS * pl.lit(2.0).log()).exp()
    return (pl.col("count") * impact * recency).alias("salience")
