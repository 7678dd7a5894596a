"""A whole log at once, for logs that fit in memory: distinct events with ids, sorted by user and time."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from records.events import EVENT_SCHEMA
from records.files import written_whole
from semantize.reading.mapping import Mapping
from semantize.reading.quarantine import check_share
from semantize.reading.readers import Batch, LogReader
from semantize.timeline import as_rows, timelines


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadResult:
    """What a log held.

    `events` follows EVENT_SCHEMA, sorted by user and time; `rows` counts the rows of the log, `filtered`
    those left out by conditions; `quarantined` counts rows set aside by reason (those that begin with "join:"
    are rows of the side table); `duplicates` counts rows dropped as equal to an earlier one in all fields and
    in all columns that the mapping decides by (two products of one kind in a basket are two events).
    """

    events: pl.DataFrame
    rows: int
    filtered: int
    quarantined: dict[str, int]
    duplicates: int


def read_log(
    source: str | Path, mapping: Mapping | None, *, quarantine: Path, max_quarantine_share: float
) -> ReadResult:
    """Read a log as events; unusable rows go to the Parquet file `quarantine` (QUARANTINE_SCHEMA).

    Events without an id get "e" and their row number, counted over all files; an id that a user has twice
    gets the row number appended.

    Raises UserError as LogReader does, and when the share of rows set aside is above `max_quarantine_share`;
    the quarantine file is there to look at in the last case.
    """
    reader = LogReader(source, mapping)
    batches: list[Batch] = []
    events: list[pl.DataFrame] = []
    before = 0  # rows of the files before
    for index in range(len(reader.files)):
        of_file = list(reader.read(index))
        batches += of_file
        events += [as_rows(batch.events, before) for batch in of_file]
        before += sum(batch.rows for batch in of_file)
    set_aside = pl.concat([reader.side_quarantine, *[batch.quarantine for batch in batches]])
    with written_whole(quarantine) as aside:
        set_aside.write_parquet(aside)
    rows = sum(batch.rows for batch in batches)
    filtered = sum(batch.filtered for batch in batches)
    counts = dict(sorted(Counter(set_aside["reason"].to_list()).items()))
    check_share(
        source,
        rows,
        counts,
        quarantine,
        filtered=filtered,
        limit=max_quarantine_share,
        anonymous_ok=reader.mapping.anonymous_ok,
    )
    timeline, duplicates = timelines(pl.concat(events))
    return ReadResult(
        events=timeline.select(pl.col(name).cast(kind) for name, kind in EVENT_SCHEMA.items()),
        rows=rows,
        filtered=filtered,
        quarantined=counts,
        duplicates=duplicates,
    )
