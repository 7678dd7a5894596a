"""Files of rows, whatever their format: Parquet, CSV, TSV and JSON lines, text also compressed.

A damaged row costs itself and nothing else: rows that fit no record are returned apart, with the reason.
A damaged file costs the run: it is refused where the damage is met.
"""

import csv
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pyarrow as pa

from records.errors import UserError
from semantize.reading.chunks import ROW, BadRow, Chunk, Table, gathered
from semantize.reading.compression import COMPRESSED
from semantize.reading.json_lines import has_key, open_json_lines, read_json_lines
from semantize.reading.parquet import open_parquet, read_parquet
from semantize.reading.separated import open_separated, read_separated

__all__ = [
    "FORMATS",
    "ROW",
    "BadRow",
    "Chunk",
    "Table",
    "find_files",
    "has_column",
    "open_table",
    "read_chunks",
    "read_table",
]

FORMATS = (".parquet", ".csv", ".tsv", ".jsonl", ".ndjson", ".json")
_BLOCKS = 8  # of text in a chunk: small ones are parsed faster, but every chunk has a cost
_SEPARATORS = {".csv": ",", ".tsv": "\t"}


def find_files(source: str | Path, pattern: str = "") -> list[Path]:
    """The files that `source` names: one file, a folder or a glob.

    Of a folder the files that match the glob `pattern`, or without one all files of known formats at any
    depth; if there are events*.parquet, as this project writes them, only those. Sorted by path; hidden files
    do not count. Raises UserError if there are none.
    """
    path = Path(source)
    if path.is_file():
        return [path]
    if path.is_dir():
        found = _in_folder(path, pattern)
        wanted = f"match {pattern}" if pattern else f"end in {', '.join(FORMATS)} (text also .gz, .zst)"
        if not found:
            raise UserError(
                f"{path}: holds no files that {wanted}; name a file, or a mapping with a log: key"
            )
        return found
    matching = Path(path.anchor).glob(str(path.relative_to(path.anchor)))
    files = sorted(file for file in matching if file.is_file())
    if not files:
        raise UserError(f"{path}: no such file")
    return files


def open_table(path: Path, wanted: Collection[str]) -> Table:
    """What the header or schema of a file tells.

    Raises UserError for a missing or unreadable file, an unknown extension, and `wanted` columns of a type
    that is no plain value.
    """
    with _readable(path) as kind:
        if kind == ".parquet":
            return open_parquet(path, wanted)
        if kind in _SEPARATORS:
            return open_separated(path, _SEPARATORS[kind])
        return open_json_lines(path)


def has_column(table: Table, name: str) -> bool:
    """Whether any row of a file has this column; of JSON lines all may have to be looked at."""
    if name in table.names or table.fixed:
        return name in table.names
    with _readable(table.path):
        return has_key(table.path, name)


def read_chunks(path: Path, wanted: Collection[str], piece: int | None = None) -> Iterator[Chunk]:
    """All rows of a file in order, or those of one of its pieces; rows are numbered in the whole file.

    A chunk holds at most about 500,000 rows or 64 MB. Raises UserError as `open_table`, and for a file that
    turns out to be damaged or cut short after any number of chunks.
    """
    with _readable(path) as kind:
        if kind == ".parquet":
            yield from read_parquet(path, wanted, piece)
        elif kind in _SEPARATORS:
            yield from gathered(read_separated(path, _SEPARATORS[kind], wanted), _BLOCKS)
        else:
            yield from gathered(read_json_lines(path, wanted), _BLOCKS)


def read_table(path: Path, wanted: Collection[str]) -> Chunk:
    """All rows of a file at once."""
    chunks = list(read_chunks(path, wanted))
    frames = [chunk.frame for chunk in chunks] or [pl.DataFrame(schema={ROW: pl.Int64()})]
    return Chunk(frame=pl.concat(frames), bad=tuple(bad for chunk in chunks for bad in chunk.bad))


def _format(path: Path) -> str:
    """The format that the name tells, without compression, or ""."""
    packed = path.suffix.lower() in COMPRESSED
    kind = (path.with_suffix("") if packed else path).suffix.lower()
    return kind if kind in FORMATS and not (packed and kind == ".parquet") else ""


def _in_folder(folder: Path, pattern: str) -> list[Path]:
    try:
        found = sorted(path for path in folder.glob(pattern or "**/*") if path.is_file())
    except (ValueError, NotImplementedError) as error:  # pathlib's for an empty and an absolute pattern
        raise UserError(f"{pattern}: is no pattern of files inside {folder}") from error
    if pattern:
        return found
    shown = [path for path in found if not any(p.startswith(".") for p in path.relative_to(folder).parts)]
    written = [path for path in shown if path.match("events*.parquet")]
    return written or [path for path in shown if _format(path)]


@contextmanager
def _readable(path: Path) -> Iterator[str]:
    """The format of a file that is read within; what goes wrong becomes a UserError."""
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    kind = _format(path)
    if not kind:
        raise UserError(
            f"{path}: unknown extension; rename it to one of {', '.join(FORMATS)} (text also .gz, .zst)"
        )
    try:
        yield kind
    except (OSError, EOFError, zlib.error, csv.Error, pa.ArrowException, pl.exceptions.PolarsError) as error:
        reason = str(error).split("\n", maxsplit=1)[0]
        raise UserError(f"{path}: not a readable {kind} file ({reason}); export it again") from error
