"""Counts over many frames of events: what is kept grows with users, items and days, not with events.

`UserTally` counts what a user does (of the whole log, or of a platform), `ActionTally` what is done on a
platform. Frames are added one by one; both hold whole users, so the order of frames does not matter.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from simulate.environment import DAY_MS
from simulate.measure.encoding import KINDS, PURCHASE, VISIT, Events
from simulate.measure.formulas import GAP_BINS, burstiness, gap_histogram

MIN_EVENTS = 20
"""Events from which on a user's own burstiness, rate and entropy are measured; below, they are chance."""

MIN_DAYS = 28
"""Days from first to last event from which on a user's events a day are a rate: four whole weeks."""

SESSION_GAP_MS = 30 * 60 * 1000
"""A pause of a user on a platform that ends a session, the usual convention of web analytics."""

HOUR_MS = 60 * 60 * 1000
NAMED = 64
"""Items of a frame whose texts are kept: enough to name the most frequent of all."""

_IS_HIGH = np.array([kind in (PURCHASE, VISIT) for kind in range(len(KINDS))], dtype=np.uint64)
_SPREAD = np.uint64(0x9E3779B97F4A7C15)  # odd constants that spread small integers over 64 bits
_SPREAD_TIME = np.uint64(0xC2B2AE3D27D4EB4F)
_PENDING = 1 << 18


class Counts:
    """Sums by key over many frames; the keys that stand for most are kept, at most `most` of them.

    What is forgotten beyond has small sums, so the head stays right; `complete` tells whether anything was.
    """

    def __init__(self, most: int = 1_000_000) -> None:
        self.complete = True
        self._most = most
        self._parts: list[pl.DataFrame] = []
        self._merged = self._waiting = 0

    def add(self, frame: pl.DataFrame) -> None:
        """Add rows of `key` and `n`."""
        self._parts.append(frame)
        self._waiting += len(frame)
        # Merging when as much waits as is merged keeps the work in proportion to the rows.
        if self._waiting > max(_PENDING, self._merged):
            self._merge()

    def sums(self) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Keys, once each and in no order, and their sums."""
        self._merge()
        if not self._parts:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        return self._parts[0]["key"].to_numpy(), self._parts[0]["n"].to_numpy()

    def _merge(self) -> None:
        if not self._parts:
            return
        merged = pl.concat(self._parts).group_by("key").agg(pl.col("n").sum())
        if len(merged) > self._most:
            self.complete = False
            merged = merged.sort("n", descending=True).head(self._most // 2)
        self._parts, self._merged, self._waiting = [merged], len(merged), 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Users:
    """What is known of each of U users; NaN where a user has too little.

    `user_U` hashes of ids, `events_U` counts, `rate_U` events a day and `days_U` days from the first to the
    last event, both counted in, `burstiness_U` as in `formulas.burstiness`, `entropy_U` nats of categories.
    """

    user_U: NDArray[np.uint64]
    events_U: NDArray[np.int64]
    days_U: NDArray[np.int64]
    rate_U: NDArray[np.float64]
    burstiness_U: NDArray[np.float64]
    entropy_U: NDArray[np.float64]


class UserTally:
    """Users one by one, gaps between their events, and how they spread over categories."""

    def __init__(self) -> None:
        self.gaps = np.zeros(GAP_BINS, dtype=np.int64)
        """Gaps between one moment of a user and the next, as `formulas.gap_histogram`."""
        self.category_C = np.zeros(0)
        """Events by code of category."""
        self.mixture_C = np.zeros(0)
        """Sum over users of MIN_EVENTS events of their own shares by category."""
        self.first_ms: int | None = None
        self.last_ms: int | None = None
        self._users: list[Users] = []

    def add(self, events: Events, categories: int) -> None:
        """Count `events`, which know `categories` codes so far."""
        if not len(events.time_E):
            return
        time, start = events.time_E, events.start_U
        last = np.append(start[1:], len(time)) - 1
        self.first_ms = min(int(time[start].min()), time[0] if self.first_ms is None else self.first_ms)
        self.last_ms = max(int(time[last].max()), time[0] if self.last_ms is None else self.last_ms)
        count = np.diff(np.append(start, len(time)))
        days = time[last] // DAY_MS - time[start] // DAY_MS + 1
        enough = count >= MIN_EVENTS
        gap = np.diff(time, prepend=time[:1])
        gap[start] = 0
        self.gaps += gap_histogram(gap[gap > 0])
        self._users.append(
            Users(
                user_U=events.user_U,
                events_U=count,
                days_U=days,
                rate_U=np.where(enough & (days >= MIN_DAYS), count / days, np.nan),
                burstiness_U=np.where(enough, _user_burstiness(gap, start), np.nan),
                entropy_U=self._entropies(events, count, categories),
            )
        )

    def users(self) -> Users:
        """All users so far."""
        names = Users.__slots__
        if not self._users:
            empty = np.zeros(0)
            return Users(
                user_U=empty.astype(np.uint64),
                events_U=empty.astype(np.int64),
                days_U=empty.astype(np.int64),
                rate_U=empty,
                burstiness_U=empty,
                entropy_U=empty,
            )
        return Users(
            **{name: np.concatenate([getattr(part, name) for part in self._users]) for name in names}
        )

    def _entropies(self, events: Events, count_U: NDArray[np.int64], categories: int) -> NDArray[np.float64]:
        """Entropy of categories of every user, NaN under MIN_EVENTS events with a category."""
        self.category_C = _longer(self.category_C, categories)
        self.mixture_C = _longer(self.mixture_C, categories)
        entropy = np.full(len(count_U), np.nan)
        place = np.repeat(np.arange(len(count_U)), count_U)
        known = events.category_E >= 0
        if not known.any():
            return entropy
        key = place[known] * categories + events.category_E[known]
        cells = pl.Series("key", key).value_counts(name="n", sort=False).sort("key")
        user, category = np.divmod(cells["key"].to_numpy(), categories)
        n = cells["n"].to_numpy().astype(np.float64)
        self.category_C += np.bincount(category, weights=n, minlength=categories)
        total = np.bincount(user, weights=n, minlength=len(entropy))
        share = n / total[user]
        enough = total >= MIN_EVENTS
        in_nats = np.bincount(user, weights=-share * np.log(share), minlength=len(entropy))
        entropy[enough] = in_nats[enough]
        self.mixture_C += np.bincount(category, weights=share * enough[user], minlength=categories)
        return entropy


def _user_burstiness(gap_E: NDArray[np.int64], start_U: NDArray[np.int64]) -> NDArray[np.float64]:
    """Burstiness of every user's gaps above 0, NaN without two of them."""
    seconds = gap_E / 1000
    n = np.add.reduceat((gap_E > 0).astype(np.int64), start_U)
    mean = np.add.reduceat(seconds, start_U) / np.maximum(n, 1)
    square = np.add.reduceat(seconds * seconds, start_U) / np.maximum(n, 1)
    result = burstiness(mean, np.sqrt(np.maximum(square - mean * mean, 0)))
    result[n < 2] = np.nan
    return result


def _longer(values: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    return np.concatenate([values, np.zeros(length - len(values))])


class ActionTally:
    """Sessions and their actions, items and how often they come again, events by hour: of one platform."""

    def __init__(self) -> None:
        self.actions_K = np.zeros(len(KINDS), dtype=np.int64)
        """Events by kind of action (KINDS)."""
        self.sessions_F = np.zeros(1 << len(KINDS), dtype=np.int64)
        """Sessions by the set of kinds they contain: bit k of the place is set for kind k."""
        self.had_I = np.zeros((2, 2), dtype=np.int64)
        """[other, high-impact] x [new to the user, had before]: items at moments."""
        self.items = Counts()
        """Events by hash of item."""
        self.texts: dict[int, str] = {}
        """Texts by hash of the items that were among the NAMED most frequent of a frame."""
        self.hours = Counts()
        """Events by hours since 1970, twice that plus 1 for purchases."""

    def add(self, events: Events) -> None:
        """Count `events` of this platform."""
        if not len(events.time_E):
            return
        self.actions_K += np.bincount(events.kind_E, minlength=len(KINDS))
        self._add_sessions(events)
        purchase = events.kind_E == PURCHASE
        hour = pl.DataFrame({"key": events.time_E // HOUR_MS * 2 + purchase})
        self.hours.add(hour.group_by("key").agg(n=pl.len().cast(pl.Int64)))
        place = np.flatnonzero(events.item_E)
        about = pl.DataFrame({"key": events.item_E[place], "row": events.row_E[place]})
        counted = about.group_by("key").agg(pl.col("row").first(), n=pl.len().cast(pl.Int64))
        self.items.add(counted.select("key", "n"))
        head = counted.top_k(NAMED, by=["n", "key"])
        self.texts.update(zip(head["key"], events.text_F.gather(head["row"]), strict=True))
        self._add_repeats(events, place)

    def _add_sessions(self, events: Events) -> None:
        begins = np.diff(events.time_E, prepend=events.time_E[:1]) >= SESSION_GAP_MS
        begins[events.start_U] = True
        bits = np.left_shift(np.uint8(1), events.kind_E)
        kinds = np.bitwise_or.reduceat(bits, np.flatnonzero(begins))
        self.sessions_F += np.bincount(kinds, minlength=len(self.sessions_F))

    def _add_repeats(self, events: Events, place: NDArray[np.int64]) -> None:
        """Count items that their user had at an earlier moment; lines of an item at one moment count once.

        High-impact events (purchases, visits) are compared with high-impact ones alone, and others with
        others: that an order follows the click on the same thing is no repetition.
        """
        high = _IS_HIGH[events.kind_E[place]]
        time = events.time_E[place]
        whose = (events.user_E[place].astype(np.uint64) * np.uint64(2) + high) * _SPREAD
        pair = events.item_E[place] + whose
        cell = high.astype(np.int64) * 2 + ~pl.Series(pair).is_first_distinct().to_numpy()
        if (np.diff(time) == 0).any():
            moment = pl.Series(pair + time.astype(np.uint64) * _SPREAD_TIME)
            cell = cell[moment.is_first_distinct().to_numpy()]
        self.had_I += np.bincount(cell, minlength=4).reshape(2, 2)


def joined_actions(parts: Sequence[ActionTally]) -> ActionTally:
    """The tallies of several platforms as one; what stands on two platforms is two items."""
    whole = ActionTally()
    for part in parts:
        whole.actions_K += part.actions_K
        whole.sessions_F += part.sessions_F
        whole.had_I += part.had_I
        hour, events = part.hours.sums()
        whole.hours.add(pl.DataFrame({"key": hour, "n": events}))
    return whole
