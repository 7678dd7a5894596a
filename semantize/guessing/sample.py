"""The beginning of a log, whatever its format."""

from pathlib import Path

import polars as pl

from records.errors import UserError
from semantize.reading.tables import ROW, open_table, read_chunks

SAMPLE_ROWS = 20_000


def sample(path: Path, rows: int = SAMPLE_ROWS) -> pl.DataFrame:
    """The first `rows` rows of a file, all columns (typed in Parquet, text in text formats).

    Rows that are no record are left out. Raises UserError for a missing, unreadable or empty file and for
    an unknown extension.
    """
    if path.is_dir():
        raise UserError(f"{path}: is a directory; name a file in it")
    if path.suffix.lower() == ".parquet":
        return _head_of_parquet(path, rows)
    frames = []
    left = rows
    names = open_table(path, ()).names
    for chunk in read_chunks(path, names):
        frames.append(chunk.frame.drop(ROW).head(left))
        left -= len(frames[-1])
        if left <= 0:
            break
    frame = pl.concat(frames, how="diagonal") if frames else pl.DataFrame()
    if frame.is_empty():
        raise UserError(f"{path}: holds no rows")
    return frame


def _head_of_parquet(path: Path, rows: int) -> pl.DataFrame:
    try:
        frame = pl.scan_parquet(path, glob=False).head(rows).collect()
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = str(error).split("\n", maxsplit=1)[0]
        raise UserError(f"{path}: not a readable .parquet file ({reason}); export it again") from error
    if frame.is_empty():
        raise UserError(f"{path}: holds no rows")
    return frame
