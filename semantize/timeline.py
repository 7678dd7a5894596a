"""Rows of a log → the timelines of its users: in order, without duplicates, every event with an id.

The rule for logs as they come: events are put in the order of their times, those of one time in the order
of the log. Times with an offset of their own count as what they are, others as local to the mapping's zone;
all are compared in UTC. A row that equals an earlier one in every field, and in every other column that the
mapping names, is a duplicate and left out. An id that is no user's first of that name gets the row's number
appended.
"""

import numpy as np
import polars as pl

from records.errors import UserError
from records.events import EVENT_SCHEMA
from semantize.coding import as_category, numbered
from semantize.reading.chunks import ROW as READ_ROW
from semantize.reading.fields import KEY as READ_KEY

ROW = "row"
"""Running number of an event's row over all files of a log, from 1."""

ID_FROM = "id_from"
"""Where an event's id comes from: log (as given), row (its number) or both (given, the number appended)."""

KEY = "key"
"""Further columns of the log that tell rows apart, as one text; in a folder its digest."""

REPEATING = ("user_id", "source", "action", "content", "category", "location", KEY)
"""Texts of which few are distinct."""

ROW_SCHEMA: dict[str, pl.DataType] = {**EVENT_SCHEMA, ROW: pl.Int64(), KEY: pl.String()}
"""Columns of rows that are to be timelines; `event_id` is null where the log gives none."""

TIMELINE_SCHEMA: dict[str, pl.DataType] = {**ROW_SCHEMA, ID_FROM: pl.String()}
"""Columns of timelines, sorted by user and time."""


def as_rows(events: pl.DataFrame, before: int = 0) -> pl.DataFrame:
    """What a reader gives (`readers.Batch.events`) as rows (ROW_SCHEMA), numbered after `before` others."""
    key = pl.col(READ_KEY) if READ_KEY in events.columns else pl.lit("")
    return events.with_columns((pl.col(READ_ROW) + before).alias(ROW), key.alias(KEY)).select(
        list(ROW_SCHEMA)
    )


def timelines(rows: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Timelines (TIMELINE_SCHEMA) of `rows` (ROW_SCHEMA), and how many duplicates are left out.

    Texts that repeat come out as categories: what follows reads each once.

    Raises:
        UserError: ids of the log repeat in a way that row numbers do not mend.
    """
    frame = _sorted(rows)
    same = (pl.col("user_id") == pl.col("user_id").shift()) & (
        pl.col("timestamp") == pl.col("timestamp").shift()
    )
    follows = frame.select(same.fill_null(value=False)).to_series()
    # Only rows of one user and time can be equal: the rest need no comparing.
    crowded = frame.filter(follows | follows.shift(-1, fill_value=False))
    fields = [name for name in ROW_SCHEMA if name != ROW]
    repeated = crowded.filter(~pl.struct(fields).is_first_distinct())[ROW]
    if len(repeated):
        frame = frame.filter(~pl.col(ROW).is_in(repeated.implode()))
    return _identified(frame), len(repeated)


def rows_of(timeline: pl.DataFrame) -> pl.DataFrame:
    """The rows (ROW_SCHEMA) that a timeline was made of, without those it left out."""
    given = (
        pl.when(pl.col(ID_FROM) == "log")
        .then("event_id")
        .when(pl.col(ID_FROM) == "both")
        .then(pl.col("event_id").str.strip_suffix(pl.format(".{}", ROW)))
    )
    return timeline.with_columns(event_id=given).select(list(ROW_SCHEMA))


def _sorted(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows in the order of users, times and the log, repeating texts as categories."""
    frame = rows.with_columns(as_category(name) for name in REPEATING)
    numbers, users = numbered(frame["user_id"])
    rank = np.empty(len(users), dtype=np.uint32)
    rank[sorted(range(len(users)), key=users.__getitem__)] = np.arange(len(users))
    key = pl.DataFrame({"user": rank[numbers], "time": frame["timestamp"], "row": frame[ROW]})
    order = key.select(pl.arg_sort_by("user", "time", "row")).to_series()
    return frame if order.is_sorted() else frame[order]


def _rises(ids: pl.Series) -> bool:
    return ids.is_sorted() and not (ids == ids.shift()).any()


def _identified(frame: pl.DataFrame) -> pl.DataFrame:
    given = frame["event_id"]
    if given.null_count():
        number = pl.format("e{}", pl.col(ROW).cast(pl.String).str.zfill(8))
        filled = frame.with_columns(
            event_id=pl.coalesce("event_id", number),
            id_from=pl.when(pl.col("event_id").is_null()).then(pl.lit("row")).otherwise(pl.lit("log")),
        )
    else:
        filled = frame.with_columns(id_from=pl.lit("log"))
    # Most logs number their events through, which is quickly seen; all the more where they rise.
    ids = filled["event_id"]
    if given.null_count() == len(frame) or _rises(ids) or ids.n_unique() == len(frame):
        return filled
    in_log_order = filled.select("user_id", "event_id", ROW).sort("user_id", ROW)
    again = in_log_order.filter(~pl.struct("user_id", "event_id").is_first_distinct())[ROW]
    if again.is_empty():
        return filled
    is_again = pl.col(ROW).is_in(again.implode())
    unique = filled.with_columns(
        event_id=pl.when(is_again).then(pl.format("{}.{}", "event_id", ROW)).otherwise("event_id"),
        id_from=pl.when(is_again & (pl.col(ID_FROM) == "log")).then(pl.lit("both")).otherwise(ID_FROM),
    )
    clash = unique.filter(unique.select("user_id", "event_id").is_duplicated())
    if len(clash):
        raise UserError(
            f"event ids of user {str(clash['user_id'][0])!r} repeat; leave event_id out of the mapping to "
            "have rows numbered"
        )
    return unique
