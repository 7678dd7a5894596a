"""Parquet: typed columns, in row ranges that can be read independently."""

from collections.abc import Collection, Iterator
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from records.errors import UserError
from semantize.reading.chunks import CHUNK_BYTES, CHUNK_ROWS, ROW, Chunk, Table

_PIECE_ROWS = 1_000_000


def open_parquet(path: Path, wanted: Collection[str]) -> Table:
    """The columns of a file; raises UserError if a `wanted` one holds lists, structs or bytes."""
    schema = pl.read_parquet_schema(path)
    for name, kind in schema.items():
        if name in wanted and (kind.is_nested() or kind in (pl.Binary, pl.Object, pl.Duration)):
            raise UserError(f"{path}: column {name!r} holds {kind}; map a column of plain values")
    ranges = _ranges(pq.read_metadata(path))
    return Table(path=path, names=tuple(schema), pieces=max(1, len(ranges)), empty=not ranges)


def read_parquet(path: Path, wanted: Collection[str], piece: int | None) -> Iterator[Chunk]:
    """The rows of one of the file's pieces, or of all, numbered in the whole file."""
    metadata = pq.read_metadata(path)
    columns = [name for name in pl.read_parquet_schema(path) if name in wanted]
    step = _chunk_rows(metadata, columns)
    frame = pl.scan_parquet(path, glob=False).select(columns)
    for start, end in _ranges(metadata) if piece is None else [_ranges(metadata)[piece]]:
        for first in range(start, end, step):
            rows = min(step, end - first)
            numbers = pl.int_range(first + 1, first + rows + 1, dtype=pl.Int64, eager=True).alias(ROW)
            cells = frame.slice(first, rows).collect().get_columns() if columns else []
            yield Chunk(frame=pl.DataFrame([numbers, *cells]))


def _ranges(metadata: pq.FileMetaData) -> list[tuple[int, int]]:
    """Row ranges of whole row groups with about _PIECE_ROWS rows each."""
    ranges: list[tuple[int, int]] = []
    start = end = 0
    for group in range(metadata.num_row_groups):
        end += metadata.row_group(group).num_rows
        if end - start >= _PIECE_ROWS:
            ranges.append((start, end))
            start = end
    return [*ranges, (start, end)] if end > start else ranges


def _chunk_rows(metadata: pq.FileMetaData, columns: Collection[str]) -> int:
    groups = [metadata.row_group(group) for group in range(metadata.num_row_groups)]
    parts = [group.column(at) for group in groups for at in range(group.num_columns)]
    size = sum(int(part.total_uncompressed_size) for part in parts if part.path_in_schema in columns)
    return max(1, min(CHUNK_ROWS, CHUNK_BYTES * int(metadata.num_rows) // max(1, size)))
