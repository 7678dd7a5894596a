"""What reading a file gives: its columns, and its rows chunk by chunk."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import polars as pl

ROW = "__row__"
"""Name of the column that holds the 1-based row number in the file; header and blank lines do not count."""

CHUNK_ROWS = 500_000
CHUNK_BYTES = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRow:
    """A row that is no record: its 1-based number, a reason code and its text."""

    row: int
    reason: str
    raw: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Consecutive rows of a file, in its order.

    `frame` has ROW and the wanted columns that exist (typed in Parquet, text in text formats), `bad` are the
    rows that are no record.
    """

    frame: pl.DataFrame
    bad: tuple[BadRow, ...] = ()

    @property
    def rows(self) -> int:
        return len(self.frame) + len(self.bad)


def gathered(chunks: Iterator[Chunk], count: int) -> Iterator[Chunk]:
    """The same rows in chunks of `count` of `chunks` each."""
    while held := list(islice(chunks, count)):
        frame = pl.concat([chunk.frame for chunk in held], rechunk=True)
        yield Chunk(frame=frame, bad=tuple(bad for chunk in held for bad in chunk.bad))


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A file of rows, as its header or schema tells.

    `names` are its columns; unless `fixed` (JSON lines) those of the first rows and the wanted ones that any
    row has, and a row may lack any. `pieces` are row ranges that can be read independently.
    """

    path: Path
    names: tuple[str, ...]
    pieces: int = 1
    empty: bool = False
    fixed: bool = True
