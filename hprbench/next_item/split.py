"""The next interaction of every user: what was before, and the first one after.

A log is a frame of interactions, one row each: `user_id`, `timestamp`, `session` (a basket, a visit), `item`
(what is predicted, a stable name), `title` (its words) and `event_id`. Rows of a user with the same time keep
the order of the frame.

Array suffixes: U users, E events of one user's history, I items of the vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from records.errors import UserError

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

COLUMNS = ("user_id", "timestamp", "session", "item", "title", "event_id")
SHARE = 0.8
MIN_EVENTS = 5
"""Fewer leave no history worth the name before the cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What one user did before the cut, oldest first.

    `sessions_E` numbers the user's sessions from 0 in the order in which they begin.
    """

    items_E: IntArray
    sessions_E: IntArray
    event_ids: tuple[str, ...]

    def before(self, events: int) -> "History":
        """The oldest `events` of them."""
        return History(
            items_E=self.items_E[:events],
            sessions_E=self.sessions_E[:events],
            event_ids=self.event_ids[:events],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Histories and what comes next; everything but `targets_U` is from before each user's own cut.

    `popularity_I` counts interactions with an item over all histories. `left_out` says how many users are not
    in the split, by reason.
    """

    users: tuple[str, ...]
    items: tuple[str, ...]
    titles: tuple[str, ...]
    popularity_I: IntArray
    histories: tuple[History, ...]
    targets_U: IntArray
    left_out: dict[str, int]

    @property
    def repeats_U(self) -> NDArray[np.bool_]:
        """Whether the user had the target before."""
        pairs = zip(self.histories, self.targets_U, strict=True)
        return np.array([bool((history.items_E == target).any()) for history, target in pairs], dtype=bool)

    def earlier(self) -> "Split":
        """The same task one event earlier: each user's last event before the cut is the target.

        What combines rankers is fitted on this one, which knows nothing of the targets of `self`. The
        vocabulary stays, popularity is counted anew. Users whose target occurs nowhere else are left out.
        """
        shorter = tuple(one.before(len(one.items_E) - 1) for one in self.histories)
        popularity_I = _popularity(shorter, len(self.items))
        last_U = np.array([one.items_E[-1] for one in self.histories], dtype=np.int64)
        kept = [
            user for user, target in enumerate(last_U) if popularity_I[target] and len(shorter[user].items_E)
        ]
        return replace(
            self,
            users=tuple(self.users[user] for user in kept),
            popularity_I=popularity_I,
            histories=tuple(shorter[user] for user in kept),
            targets_U=last_U[kept],
            left_out={"target not in the training part": len(self.users) - len(kept)},
        )


def split_log(log: pl.DataFrame, *, share: float = SHARE, min_events: int = MIN_EVENTS) -> Split:
    """Cut every user's log at `share` of the events (rounded down): those before are history, the next is it.

    Titles are those that items had first before anybody's cut. Users with fewer than `min_events`, and those
    whose target nobody had before a cut, are left out; events of the latter still count for popularity.

    Raises:
        UserError: a column is missing, a cell of one is empty, or no user is left.
    """
    log = _placed(log, share, min_events)
    enough = log.filter(pl.len().over("user_id") >= min_events)
    left_out = {f"fewer than {min_events} events": log["user_id"].n_unique() - enough["user_id"].n_unique()}
    before = enough.filter(pl.col("place") < pl.col("cut"))
    after = enough.filter(pl.col("place") == pl.col("cut"))
    words = before.group_by("item").agg(pl.col("title").first()).sort("item")
    number = {item: place for place, item in enumerate(words["item"])}
    histories = {
        str(user): _history(rows, number) for (user,), rows in before.group_by("user_id", maintain_order=True)
    }
    targets = {user: number[item] for user, item in after.select("user_id", "item").rows() if item in number}
    left_out["target not in the training part"] = len(histories) - len(targets)
    if not targets:
        raise UserError(f"next item: no user with {min_events} events and a known next item; give more")
    return Split(
        users=tuple(targets),
        items=tuple(words["item"]),
        titles=tuple(words["title"]),
        popularity_I=_popularity(tuple(histories.values()), len(words)),
        histories=tuple(histories[user] for user in targets),
        targets_U=np.array(list(targets.values()), dtype=np.int64),
        left_out=left_out,
    )


def before_cuts(log: pl.DataFrame, *, share: float = SHARE, min_events: int = MIN_EVENTS) -> pl.DataFrame:
    """Rows of the log before each user's cut, all columns, as `split_log` cuts: what personas may be of."""
    placed = _placed(log, share, min_events)
    return placed.filter(pl.col("place") < pl.col("cut")).drop("place", "cut")


def _placed(log: pl.DataFrame, share: float, min_events: int) -> pl.DataFrame:
    """The log by user and time, with `place` of the event in it and the `cut`, a place, of its user."""
    if not 0 < share < 1 or min_events * share < 1:
        raise ValueError(f"share {share} of {min_events} events leaves no history or no target")
    if missing := [name for name in COLUMNS if name not in log.columns]:
        raise UserError(f"next item: no column {', '.join(missing)}; give {', '.join(COLUMNS)}")
    for name in COLUMNS:
        if empty := log[name].null_count():
            raise UserError(f"next item: {empty} rows without {name}; fill or drop them")
    log = log.sort("user_id", "timestamp", maintain_order=True)
    place = pl.int_range(pl.len()).over("user_id")
    cut = (pl.len().over("user_id") * share).floor().cast(pl.Int64)
    return log.with_columns(place=place, cut=cut)


def _history(rows: pl.DataFrame, number: dict[str, int]) -> History:
    sessions = {name: place for place, name in enumerate(rows["session"].unique(maintain_order=True))}
    return History(
        items_E=np.array([number[item] for item in rows["item"]], dtype=np.int64),
        sessions_E=np.array([sessions[name] for name in rows["session"]], dtype=np.int64),
        event_ids=tuple(rows["event_id"]),
    )


def _popularity(histories: Sequence[History], items: int) -> IntArray:
    return np.bincount(np.concatenate([one.items_E for one in histories]), minlength=items)
