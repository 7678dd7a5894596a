"""Rows on their way from the log to their user's partition, on disk.

A piece of a log is read once; each batch of it becomes one Arrow file with a record batch a partition, so
that a partition is read without the others. What a partition holds depends on the log and the number of
partitions alone.
"""

import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from records.files import written_whole
from semantize.coding import as_category, counted
from semantize.timeline import REPEATING

DISTINCT_SHARE = 0.1
"""Share of distinct texts up to which a column is kept as codes: all partitions read the distinct texts."""


def partitions_of(users: Sequence[str], partitions: int) -> list[int]:
    """The partition of each user: CRC-32 of the id, modulo their number; the same on every machine."""
    return [zlib.crc32(user.encode()) % partitions for user in users]


def write_spill(path: Path, rows: pl.DataFrame, partitions: int) -> None:
    """Write a batch of rows (ROW_SCHEMA), whole, those of a partition in the order of the log."""
    numbers = counted(rows["user_id"], lambda users: partitions_of(users, partitions))
    most = DISTINCT_SHARE * len(rows)
    plain = [name for name in REPEATING if rows[name].n_unique() > most]
    rows = rows.with_columns(pl.col(plain).cast(pl.String))
    order = np.argsort(numbers, kind="stable")
    table = rows[order].to_arrow(compat_level=pl.CompatLevel.oldest()).combine_chunks()
    ends = np.cumsum(np.bincount(numbers, minlength=partitions)).tolist()
    (batch,) = table.to_batches() or [pa.RecordBatch.from_pylist([], schema=table.schema)]
    with (
        written_whole(path) as aside,
        pa.OSFile(str(aside), "wb") as sink,
        pa.ipc.new_file(sink, table.schema) as writer,
    ):
        for begin, end in zip([0, *ends], ends, strict=False):
            writer.write_batch(batch.slice(begin, end - begin))


def read_spill(paths: Sequence[Path], partition: int) -> list[pl.DataFrame]:
    """The rows of a partition, a frame a file, repeating texts as categories."""
    frames = []
    for path in paths:
        with pa.OSFile(str(path)) as source:
            frame = pl.from_arrow(pa.ipc.open_file(source).get_batch(partition))
        assert isinstance(frame, pl.DataFrame)
        frames.append(frame.with_columns(as_category(name) for name in REPEATING))
    return frames
