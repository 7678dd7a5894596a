"""The most frequent titles of a log whose rows lie in the spill."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

PASS_ROWS = 20_000_000
"""Rows a pass over the files counts titles of: a search log may have no title twice."""

_COUNTS = {"content": pl.String(), "len": pl.Int64()}
_MERGE = 1_000_000
_TELLS = r"[\p{L}\p{N}]"


def frequent_titles(paths: Sequence[Path], limit: int) -> list[str]:
    """The `limit` most frequent distinct titles (column `content`) in spill files, ties by name.

    Titles without a letter or digit do not count. Memory is bounded: with many rows the files are read
    several times, each time for the titles of one residue of their hash.
    """
    rows = sum(pl.scan_ipc(path, glob=False).select(pl.len()).collect().item() for path in paths)
    passes = 1 + rows // PASS_ROWS
    best = pl.DataFrame(schema=_COUNTS)
    for residue in range(passes):
        counts = _counts(paths, pl.col("content").hash() % passes == residue)
        best = pl.concat([best, counts]).sort("len", "content", descending=[True, False]).head(limit)
    return best["content"].to_list()


def _counts(paths: Sequence[Path], wanted: pl.Expr) -> pl.DataFrame:
    counts = pl.DataFrame(schema=_COUNTS)
    waiting: list[pl.DataFrame] = []
    for path in paths:
        found = pl.scan_ipc(path, glob=False).group_by("content").agg(pl.len().cast(pl.Int64))
        texts = found.with_columns(pl.col("content").cast(pl.String))
        waiting.append(texts.filter(pl.col("content").str.contains(_TELLS), wanted).collect())
        # Merged when as many wait as are merged already, so that a title is not merged once a file.
        if sum(map(len, waiting)) > max(len(counts), _MERGE):
            counts, waiting = _merged([counts, *waiting]), []
    return _merged([counts, *waiting])


def _merged(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat(frames).group_by("content").agg(pl.col("len").sum())
