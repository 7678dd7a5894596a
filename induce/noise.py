"""Rules that say that a stretch of events is no intent of the user's own, each with a name.

Noise is kept and marked: it becomes memories of its own, so that an order stays one although the page before
it hung. Where several rules hold, the first of NOISE names it.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from induce.coded_events import BLANK
from records.induction import MemoryConfig

MACHINE = "machine"
DEAD_LOOP = "dead_loop"
GIFT = "gift"
CANCELLED = "cancelled"
MIS_CLICK = "mis_click"
NOISE = (MACHINE, DEAD_LOOP, GIFT, CANCELLED, MIS_CLICK)

_SAME_PACE = 0.1
"""Pauses within so much of the middle one are of the same pace…"""
_PACED_SHARE = 0.8
"""…and with such a share of them the pace is constant: people's pauses spread over decades."""
_SLOWEST_MS = 3_600_000
"""A slower pace than an event an hour is no machine's: a note a day has one too."""

Flags = NDArray[np.bool_]


def event_noise(frame: pl.DataFrame, config: MemoryConfig) -> pl.Series:
    """The rule that every event of `frame` (see `CodedEvents`) falls under by itself, "" for none."""
    return frame.select(
        pl.when(pl.Series(machines(frame, config)))
        .then(pl.lit(MACHINE))
        .when(pl.Series(dead_loops(frame, config)))
        .then(pl.lit(DEAD_LOOP))
        .when(gifts(frame))
        .then(pl.lit(GIFT))
        .otherwise(pl.lit(""))
        .alias("noise")
    ).to_series()


def machines(frame: pl.DataFrame, config: MemoryConfig) -> Flags:
    """Events of users, or of single sessions, that go on at a constant pace for `machine_events` events.

    A pace is constant where most pauses are within a tenth of the middle one, which is above zero (lines of
    a basket share a time) and at most an hour.
    """
    found = np.zeros(len(frame), dtype=np.bool_)
    pauses = frame.select("user", "session", pause=pl.col("timestamp").diff().dt.total_milliseconds())
    for part in ("user", "session"):
        inside = pauses.filter(pl.col(part) == pl.col(part).shift())
        large = inside.filter(pl.len().over(part) >= config.machine_events - 1)
        middle = pl.col("pause").median().over(part)
        paced = large.with_columns(
            steady=(pl.col("pause") - middle).abs() <= _SAME_PACE * middle,
            plausible=(middle > 0) & (middle <= _SLOWEST_MS),
        )
        guilty = (
            paced.group_by(part)
            .agg(pl.col("steady").mean(), pl.col("plausible").first())
            .filter((pl.col("steady") >= _PACED_SHARE) & pl.col("plausible"))[part]
        )
        found |= np.isin(frame[part].to_numpy(), guilty.to_numpy())
    return found


def dead_loops(frame: pl.DataFrame, config: MemoryConfig) -> Flags:
    """Events that repeat the user's event before them in a dead loop; the first is the user's own.

    A loop is `loop_events` or more of the same source, action and title in a row, none more than
    `loop_seconds` after the one before; of low-impact actions the same thing under another title will do.
    Copies at one and the same time are lines of a basket, no loop.
    """
    same = pl.lit(value=True)
    for name in ("user", "source", "action"):
        same &= pl.col(name) == pl.col(name).shift()
    title, thing = (
        (pl.col(name) != BLANK) & (pl.col(name) == pl.col(name).shift()) for name in ("content", "entity")
    )
    same &= title | (pl.col("low") & thing)
    pause = pl.col("timestamp").diff().dt.total_milliseconds()
    again = (same & (pause <= config.loop_seconds * 1000)).fill_null(value=False)
    runs = frame.select(again=again, time="timestamp").with_columns(run=(~pl.col("again")).cum_sum())
    long = (pl.len() >= config.loop_events) & (pl.col("time").last() > pl.col("time").first())
    return runs.select(pl.col("again") & long.over("run")).to_series().to_numpy()


def gifts(frame: pl.DataFrame) -> pl.Series:
    """Events marked as gifts, and those on the same thing in the same session and source."""
    thing = pl.when(pl.col("entity") == BLANK).then(pl.lit(None)).otherwise("entity")
    marked = frame.select("place", "gift", thing=thing)
    pairs = marked.filter("gift").select("place", "thing").drop_nulls().unique()
    also = marked.with_row_index().join(pairs, on=["place", "thing"], how="semi")["index"].to_numpy()
    found = marked["gift"].to_numpy().copy()
    found[also] = True
    return pl.Series(found)


def slips(frame: pl.DataFrame, config: MemoryConfig) -> pl.Series:
    """Events that are slips of the finger; `frame` has `memory` too.

    Such is a passive event (low-impact, not typed) that is a memory by itself, on a thing that never comes
    again for the user, while something else in its session and source has several events. Not of users with
    fewer than `slip_events` events, nor where the user only looks: there looking is meant.
    """
    once = (pl.col("entity") != BLANK) & (pl.len().over("user", "entity") == 1)
    known = pl.len().over("user") >= config.slip_events
    does_more = (~pl.col("low")).any().over("user", "source")
    passive = pl.col("low") & ~pl.col("typed")
    sized = frame.with_columns(size=pl.len().over("memory"))
    beside = (pl.col("size") == 1) & (pl.col("size").max().over("place") > 1)
    return sized.select(passive & beside & once & known & does_more).to_series()
