"""Cells of a column as text, keys and numbers."""

import polars as pl

_SAMPLE = 1000


def text(cells: pl.Series) -> pl.Series:
    """The cells as trimmed text, null where empty."""
    if cells.dtype.is_numeric() or cells.dtype.is_temporal() or cells.dtype == pl.Boolean:
        return cells.cast(pl.String)
    cells = cells.cast(pl.String)
    # Where values repeat, nearby or everywhere, to find them takes half the time of trimming all cells.
    if cells.slice(len(cells) // 2, _SAMPLE).n_unique() < _SAMPLE // 2:
        values = cells.unique().drop_nulls()
        if ((values == values.str.strip_chars()) & (values != "")).all():
            return cells
    trimmed = cells.str.strip_chars()
    return trimmed.set(trimmed == "", None)


def key(cells: pl.Series) -> pl.Series:
    """The cells as text, whole numbers without a fraction.

    Columns of whole numbers with gaps come out of many tools as floats: 17850.0 is the key 17850.
    """
    texts = text(cells)
    if cells.dtype.is_integer() or not texts.str.ends_with(".0").any():
        return texts
    return texts.str.replace(r"^(\d+)\.0$", "$1")


def moments(days: pl.Series, clocks: pl.Series) -> pl.Series:
    """Days and times of day as one text each; the day alone where there is no time of day."""
    day = text(days.dt.date() if days.dtype == pl.Datetime else days)
    clock = text(clocks).str.replace(r"^(\d):", "0$1:")
    return (day + " " + clock).zip_with(clock.is_not_null(), day)


def number(cells: pl.Series) -> pl.Series:
    """The cells as Float64, null where they are no finite number."""
    # A Float32 goes by its text: 0.1 stays 0.1.
    exact = cells.dtype.is_integer() or cells.dtype == pl.Float64
    numbers = (cells if exact else text(cells)).cast(pl.Float64, strict=False)
    return numbers.set(~numbers.is_finite().fill_null(True), None)


def whole(cells: pl.Series) -> pl.Series:
    """The cells as rounded Int64, null where they are no number."""
    if cells.dtype.is_integer():
        return cells.cast(pl.Int64, strict=False)
    return number(cells).round().cast(pl.Int64, strict=False)
