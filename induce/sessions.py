"""Where a session ends: the gap told by a log's own pauses, and sessions numbered by it.

Pauses within a session and pauses between sessions differ by orders of magnitude, so that their logarithms
have two peaks and a valley between (Halfaker et al., 2015, "User Session Identification Based on Strong
Regularities in Inter-activity Time").
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from semantize.coding import numbered

DEFAULT_MINUTES = 30.0
"""The gap of web analytics, taken where pauses show no valley."""

SHORTEST_MINUTES, LONGEST_MINUTES = 5.0, 720.0
"""Bounds of the gap. A page may be read for minutes; a night's sleep parts sessions, and who comes every
evening pauses for a day, with room for an early and a late one."""

_USER_PAUSES = 200
"""Pauses that a user weighs at most: a log's most active users are no rule for all."""

# Decades of minutes: from a hundredth of a millisecond to twenty years.
_BIN = 0.05
_EDGES = np.arange(-7.0, 7.0 + _BIN / 2, _BIN)
_MIDDLES = (_EDGES[1:] + _EDGES[:-1]) / 2
_SMOOTH = 3
"""Deviation of the smoothing in bins: factors of 1.4, so that whole minutes and whole days leave no comb."""

_DEEP = 0.7
"""Depth of a valley: at most so much of the lower peak."""
_CLEAR_SD = 3.0
"""The lower peak stands above the valley by so many deviations of chance."""
_CLEAR_SHARE = 0.05
"""Share of all pauses, at least, on either side."""

_MINUTE_MS = 60_000

Histogram = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Silence of more than `minutes` ends a session; `found` in the data, or set or assumed as `why` says."""

    minutes: float
    found: bool
    why: str


def in_order(events: pl.DataFrame) -> pl.DataFrame:
    """`events` by user (order of texts) and time; those of one time stay as they come."""
    numbers, users = numbered(events["user_id"])
    rank = np.empty(len(users), dtype=np.uint32)
    rank[sorted(range(len(users)), key=users.__getitem__)] = np.arange(len(users))
    key = pl.DataFrame({"user": rank[numbers], "time": events["timestamp"], "row": np.arange(len(events))})
    order = key.select(pl.arg_sort_by("user", "time", "row")).to_series()
    return events if order.is_sorted() else events[order]


def pause_histogram(events: pl.DataFrame) -> Histogram:
    """Weight of pauses by the logarithm of their length; histograms of parts of a log, users whole, add up.

    `events` has `user_id` and `timestamp`, in any order. Events at one time have no pause between them.
    """
    ordered = in_order(events.select("user_id", "timestamp"))
    user = ordered["user_id"].rle_id().to_numpy().astype(np.int64)
    pause = np.diff(ordered["timestamp"].dt.epoch("ms").to_numpy())
    counted = (pause > 0) & (np.diff(user) == 0)
    pause, user = pause[counted], user[1:][counted]
    own = np.bincount(user)
    weight = np.minimum(1.0, _USER_PAUSES / np.maximum(own, 1))[user]
    return np.histogram(np.log10(pause / _MINUTE_MS), bins=_EDGES, weights=weight)[0].astype(np.float64)


def choose_gap(events: pl.DataFrame) -> Gap:
    """The session gap of `events` (any order); see `gap_of`."""
    return gap_of(pause_histogram(events))


def gap_of(histogram: Histogram) -> Gap:
    """The deepest valley of a smoothed `pause_histogram` within the bounds, if it is clear; else the default.

    The depth at a place is its weight over the lower of the highest peaks before and after it. Where the
    valley is flat the middle is taken.
    """
    total = float(histogram.sum())
    if total == 0:
        return _default("no two events of a user at different times")
    density = _smoothed(histogram)
    before = np.maximum.accumulate(density)
    after = np.maximum.accumulate(density[::-1])[::-1]
    lower = np.minimum(before, after)
    depth = density / np.maximum(lower, 1e-12)
    inside = np.flatnonzero((10**_MIDDLES >= SHORTEST_MINUTES) & (10**_MIDDLES <= LONGEST_MINUTES))
    deepest = int(inside[depth[inside].argmin()])
    bounds = f"{SHORTEST_MINUTES:g} and {LONGEST_MINUTES:g} minutes"
    if depth[deepest] > _DEEP:
        return _default(f"pauses show no clear valley between {bounds}")
    place = int(np.clip(_middle_of_flat(depth, deepest), inside[0], inside[-1]))
    share = float(histogram[: place + 1].sum()) / total
    if min(share, 1 - share) < _CLEAR_SHARE:
        side = "shorter" if share < _CLEAR_SHARE else "longer"
        return _default(f"too few pauses are {side} than any valley between {bounds}")
    # Variance of a Poisson count under a Gaussian kernel; weights up to 1 make it an upper bound.
    chance = np.sqrt((lower[place] + density[place]) / (2 * _SMOOTH * np.sqrt(np.pi)))
    if lower[place] - density[place] < _CLEAR_SD * chance:
        return _default(f"too few pauses to tell a valley between {bounds}")
    peaks = [_told(int(np.argmax(density[:place]))), _told(place + int(np.argmax(density[place:])))]
    why = f"valley between the pauses of about {peaks[0]} and those of about {peaks[1]}"
    return Gap(minutes=float(np.round(10 ** _MIDDLES[place])), found=True, why=why)


def with_sessions(events: pl.DataFrame, gap_minutes: float) -> pl.DataFrame:
    """`events` in order of user and time, with `session` (Int64), from 1 by user.

    A session ends where the pause to the user's next event is longer than `gap_minutes`.
    """
    ordered = in_order(events)
    if ordered.is_empty():
        return ordered.with_columns(session=pl.lit(None, dtype=pl.Int64))
    user = ordered["user_id"].rle_id().to_numpy().astype(np.int64)
    pause = np.diff(ordered["timestamp"].dt.epoch("ms").to_numpy(), prepend=0)
    begins = np.diff(user, prepend=-1) > 0
    running = np.cumsum(begins | (pause > gap_minutes * _MINUTE_MS))
    return ordered.with_columns(session=pl.Series(running - running[begins][user] + 1, dtype=pl.Int64))


def _smoothed(histogram: Histogram) -> Histogram:
    reach = np.arange(-4 * _SMOOTH, 4 * _SMOOTH + 1)
    kernel = np.exp(-0.5 * (reach / _SMOOTH) ** 2)
    return np.convolve(histogram, kernel / kernel.sum(), mode="same")


def _middle_of_flat(depth: Histogram, place: int) -> int:
    flat = depth <= depth[place] + 0.01
    first = last = place
    while first > 0 and flat[first - 1]:
        first -= 1
    while last + 1 < len(flat) and flat[last + 1]:
        last += 1
    return (first + last) // 2


def _default(reason: str) -> Gap:
    return Gap(minutes=DEFAULT_MINUTES, found=False, why=f"{reason}: the usual {DEFAULT_MINUTES:g} minutes")


def _told(place: int) -> str:
    minutes = float(10 ** _MIDDLES[place])
    for unit, length in (("d", 1440.0), ("h", 60.0), ("min", 1.0)):
        if minutes >= length:
            return f"{minutes / length:.2g} {unit}"
    return f"{minutes * 60:.2g} s"
