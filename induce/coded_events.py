"""Events as numbers, in sessions: what noise rules and memories work on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from induce.sessions import choose_gap, with_sessions
from records.errors import UserError
from records.induction import MemoryConfig
from semantize.coding import Codes, coded
from semantize.levels import named
from semantize.refining.refine import Refiner
from semantize.text import entity_text

BLANK = -1
"""Code of what an event does not name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodedEvents:
    """Events in order of user and time, and the sorted texts behind their codes.

    `frame`: `user_id`, `event_id`, `timestamp`, `user` (number), `session` (number, over all users),
    `place` (number of session and source), `source`, `action`, `content`, `category`, `entity` (codes; the
    last three BLANK where empty), `gift`, `low` (low-impact), `typed` (a search), `pieces` (negative where
    something is given back) and `value` (of all pieces, negative for what was given back or taken off; null
    where unknown).
    """

    frame: pl.DataFrame
    sources: list[str]
    actions: list[str]
    categories: list[str]
    entities: list[str]


def with_entities(timeline: pl.DataFrame, refiner: Refiner) -> pl.DataFrame:
    """`timeline` with `entity` (String, "" where `content` tells nothing) and `gift` (Boolean)."""
    gifts: set[str] = set()

    def refined(titles: Sequence[str]) -> list[str]:
        found = refiner.refine(titles)
        gifts.update(title for title, entity in zip(titles, found, strict=True) if entity.gift)
        return [entity_text(entity.text.removesuffix(" (gift)")) for entity in found]

    codes, names = coded(timeline["content"], refined)
    entity = pl.Series(names, dtype=pl.String).gather(codes)
    gift = timeline["content"].cast(pl.String).is_in(pl.Series(sorted(gifts), dtype=pl.String).implode())
    return timeline.with_columns(entity=entity, gift=gift.fill_null(value=False))


def coded_events(events: pl.DataFrame, config: MemoryConfig) -> CodedEvents:
    """`events` (EVENT_SCHEMA, `entity`, `gift`; any order) as numbers.

    Raises:
        UserError: `events` lack a column, or a pattern of `config` is no regular expression.
    """
    missing = [name for name in ("entity", "gift") if name not in events.columns]
    if missing:
        raise UserError(f"events lack {' and '.join(missing)}: refine their titles first (with_entities)")
    check_patterns(config)
    ordered = with_sessions(events, config.gap_minutes or choose_gap(events).minutes)
    columns = {name: coded(ordered[name], named) for name in ("source", "action")}
    columns |= {name: coded(ordered[name], _clean) for name in ("category", "entity")}
    columns["content"] = coded(ordered["content"], list)
    user = ordered["user_id"].rle_id().cast(pl.Int64)
    session = pl.struct(user, ordered["session"]).rle_id().cast(pl.Int64)
    action_names = pl.Series(columns["action"][1], dtype=pl.String)
    code = columns["action"][0]

    def of_action(pattern: str) -> pl.Series:
        return action_names.str.contains(pattern).gather(code)

    gives_back = (of_action(config.cancels) & ~of_action(config.low_impact)) | (ordered["count"] < 0)
    count = ordered["count"].fill_null(1).abs()
    signed = pl.when(gives_back.fill_null(value=False)).then(-count).otherwise(count)
    money = pl.col("value").fill_nan(None).abs() * pl.when(config.value_per_piece).then(count).otherwise(1)
    money = pl.when(money.is_finite()).then(money)  # a product may be beyond what numbers hold
    less = (signed < 0) | (pl.col("value") < 0).fill_null(value=False)  # given back, or a discount
    frame = ordered.select(
        pl.col("user_id").cast(pl.String),
        "event_id",
        "timestamp",
        user.alias("user"),
        session.alias("session"),
        *(_codes(name, *columns[name]) for name in ("source", "action", "content", "category", "entity")),
        pl.col("gift").fill_null(value=False),
        of_action(config.low_impact).alias("low"),
        of_action(config.searches).alias("typed"),
        signed.alias("pieces"),
        (money * pl.when(less).then(-1).otherwise(1)).alias("value"),
    )
    place = pl.col("session") * len(columns["source"][1]) + pl.col("source")
    return CodedEvents(
        frame=frame.with_columns(place=place),
        sources=columns["source"][1],
        actions=columns["action"][1],
        categories=columns["category"][1],
        entities=columns["entity"][1],
    )


def check_patterns(config: MemoryConfig) -> None:
    """Refuse what is no regular expression.

    Raises:
        UserError: naming the key.
    """
    for name in ("low_impact", "searches", "cancels"):
        pattern = getattr(config, name)
        try:
            pl.Series([""]).str.contains(pattern)
        except pl.exceptions.ComputeError:
            raise UserError(f"induce.memories.{name}: {pattern!r} is no regular expression") from None


def _clean(texts: Sequence[str]) -> list[str]:
    return [entity_text(text) for text in texts]


def _codes(name: str, codes: Codes, texts: list[str]) -> pl.Series:
    """Codes, BLANK for the empty text, which is the first of the sorted ones."""
    if name in ("source", "action") or not texts or texts[0]:
        return pl.Series(name, codes, dtype=pl.Int64)
    return pl.Series(name, np.where(codes == 0, BLANK, codes), dtype=pl.Int64)
