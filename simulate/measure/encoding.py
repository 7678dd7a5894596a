"""Events as numbers: what the counting works on instead of text.

A frame of events becomes arrays over its events, sorted by user and time. Codes of categories are the same
in every frame; users are numbered within theirs.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

KINDS = ("search", "click", "purchase", "visit", "consume", "react", "other")
"""What an action is for; purchases (orders, bookings) and visits (check-ins) are the high-impact ones."""

SEARCH, CLICK, PURCHASE, VISIT, CONSUME, REACT, OTHER = range(len(KINDS))

_WORDS = {
    SEARCH: {"search", "searches", "searched", "query", "queries"},
    CLICK: {"click", "clicks", "clicked", "view", "views", "viewed", "browse", "browsed", "open", "opened"},
    PURCHASE: {
        "order", "ordered", "buy", "bought", "purchase", "purchased", "book", "booked", "booking",
        "pay", "paid", "payment", "reserve", "reserved", "reservation", "checkout", "rent", "rented",
    },
    VISIT: {"checkin", "visit", "visits", "visited"},
    CONSUME: {"play", "played", "watch", "watched", "listen", "listened", "read", "stream", "streamed"},
    REACT: {
        "like", "liked", "share", "shared", "comment", "commented", "follow", "followed", "rate", "rated",
        "review", "reviewed", "save", "saved", "favorite", "favourite", "collect", "post", "posted",
    },
}  # fmt: skip

Item = Literal["content", "category"]
"""The field that says what an event is about; where it is empty, the other one does."""

NEEDED = ("user_id", "timestamp", "source", "action", "content", "category")
"""Columns of EVENT_SCHEMA that are read."""

_CALENDAR = (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))


def kind_of(action: str) -> int:
    """The kind of an action by its words, whatever their case: "Product-View" is a click.

    A cancelled or returned purchase is none.
    """
    words = re.findall(r"[^\W\d_]+", action.casefold().replace("check-in", "checkin").replace("_", " "))
    if {"cancel", "cancelled", "canceled", "return", "returned", "refund"} & set(words):
        return OTHER
    return next((kind for kind, known in _WORDS.items() if known & set(words)), OTHER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """E events of U users, sorted by user and time.

    `start_U` are the places where users begin, `user_U` hashes of their ids, `time_E` milliseconds since
    1970 (UTC), `kind_E` places in KINDS, `category_E` codes of categories (−1: none), `item_E` hashes of what
    the event is about (0: nothing). `row_E` are places in `text_F`, the items of the whole frame as text.
    """

    user_U: NDArray[np.uint64]
    start_U: NDArray[np.int64]
    user_E: NDArray[np.uint32]
    time_E: NDArray[np.int64]
    kind_E: NDArray[np.uint8]
    category_E: NDArray[np.int32]
    item_E: NDArray[np.uint64]
    row_E: NDArray[np.int64]
    text_F: pl.Series


class Encoder:
    """Turns frames of events into numbers; codes of categories grow with the frames."""

    def __init__(self, item: Item) -> None:
        self.categories: dict[str, int] = {}
        self._item = item

    def encode(self, frame: pl.DataFrame) -> tuple[Events, dict[str, Events]]:
        """All events of `frame` (NEEDED columns of EVENT_SCHEMA, whole users), and those of each source.

        Raises ValueError where user, time, source or action are null, and for times that no calendar has.
        """
        for name in ("user_id", "timestamp", "source", "action"):
            if nulls := frame[name].null_count():
                raise ValueError(f"{name} is null in {nulls:,} events")
        if outside := len(frame) - int(frame["timestamp"].is_between(*_CALENDAR).sum()):
            raise ValueError(f"timestamp lies outside the years 1 to 9999 in {outside:,} events")
        frame = _sorted(frame.select(NEEDED))
        user = frame["user_id"].rle_id()
        category_E, known = _codes(frame["category"].fill_null(""))
        codes = [
            -1 if name == "" else self.categories.setdefault(name, len(self.categories)) for name in known
        ]
        action_E, actions = _codes(frame["action"])
        first, second = (self._item, "content" if self._item == "category" else "category")
        text = frame.select(
            pl.when(pl.col(first).fill_null("") != "").then(first).otherwise(pl.col(second).fill_null(""))
        ).to_series()
        user_E = user.to_numpy()
        everything = Events(
            user_U=frame["user_id"].gather(_starts(user_E)).hash(0).to_numpy(),
            start_U=_starts(user_E),
            user_E=user_E,
            time_E=frame["timestamp"].dt.epoch("ms").to_numpy(),
            kind_E=np.array([kind_of(name) for name in actions], dtype=np.uint8)[action_E],
            category_E=np.array(codes, dtype=np.int32)[category_E],
            item_E=np.where((text != "").to_numpy(), text.hash(0).to_numpy(), np.uint64(0)),
            row_E=np.arange(len(frame)),
            text_F=text,
        )
        source_E, sources = _codes(frame["source"])
        if len(sources) == 1:
            return everything, {sources[0]: everything}
        return everything, {
            name: _taken(everything, np.flatnonzero(source_E == code)) for code, name in enumerate(sources)
        }


def _sorted(frame: pl.DataFrame) -> pl.DataFrame:
    user_E = frame["user_id"].rle_id().to_numpy()
    runs = int(user_E[-1]) + 1 if len(user_E) else 0
    back = (np.diff(frame["timestamp"].to_physical().to_numpy()) < 0) & (np.diff(user_E) == 0)
    if runs == frame["user_id"].n_unique() and not back.any():
        return frame
    return frame.sort("user_id", "timestamp", maintain_order=True)


def _codes(texts: pl.Series) -> tuple[NDArray[np.uint32], list[str]]:
    """Places of `texts` among the texts that occur, which follow in order of their bytes."""
    known: Sequence[str] = texts.unique().sort().to_list()
    return texts.cast(pl.Enum(known)).to_physical().cast(pl.UInt32).to_numpy(), list(known)


def _starts(user_E: NDArray[np.uint32]) -> NDArray[np.int64]:
    if not len(user_E):
        return np.zeros(0, dtype=np.int64)
    return np.concatenate([[0], np.flatnonzero(np.diff(user_E)) + 1])


def _taken(events: Events, place: NDArray[np.int64]) -> Events:
    user_E = events.user_E[place]
    start_U = _starts(user_E)
    return Events(
        user_U=events.user_U[user_E[start_U]],
        start_U=start_U,
        user_E=user_E,
        time_E=events.time_E[place],
        kind_E=events.kind_E[place],
        category_E=events.category_E[place],
        item_E=events.item_E[place],
        row_E=events.row_E[place],
        text_F=events.text_F,
    )
