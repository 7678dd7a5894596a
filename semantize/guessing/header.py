"""Whether a file begins with names or at once with data."""

import polars as pl

from records.errors import UserError
from semantize.guessing.columns import Column, describe
from semantize.guessing.names import ACTION_CODES, says_anything
from semantize.guessing.times import read_times
from semantize.text import clean

_SHOWN = 6


def check_header(frame: pl.DataFrame, file: str) -> None:
    """Raise UserError where the names of a text file's columns look like its first row of data."""
    if not frame.columns or any(kind != pl.String for kind in frame.dtypes) or _numbered(frame.columns):
        return
    # Logs pasted together hold their header again; it is no sign that it was data.
    again = pl.Series([True] * len(frame))
    for column in frame.get_columns():
        again &= (column.rename("v") == column.name).fill_null(False)
    columns = [describe(column.filter(~again)) for column in frame.get_columns()]
    data = [column.name for column in columns if _looks_like_value(column)]
    names = [column.name for column in columns if column.name not in data]
    if len(data) > len(names) or (data and not any(says_anything(name) for name in names)):
        first = ", ".join(clean(name, 30) for name in frame.columns[:_SHOWN])
        mark = "\\t" if ".tsv" in file else ","
        example = mark.join(_proposed(column, place) for place, column in enumerate(columns, start=1))
        dots = ", …" if len(columns) > _SHOWN else ""
        raise UserError(
            f"{file}: has no header: its first row ({first}{dots}) looks like data; write a line of names "
            f"above it, with user_id over the users: sed '1i {example}' FILE > NAMED_FILE"
        )


def _looks_like_value(column: Column) -> bool:
    name = pl.Series("name", [column.name])
    if name.cast(pl.Float64, strict=False).is_finite().fill_null(False).item():
        return column.numbers >= 0.9
    if read_times(describe(name)) is not None and read_times(column) is not None:
        return True
    return bool((column.values == column.name).any())


def _numbered(names: list[str]) -> bool:
    """Whether the names are 0, 1, 2, … or 1, 2, 3, …, as tools write that know none."""
    return len(names) > 1 and names in (
        [str(place) for place in range(start, start + len(names))] for start in (0, 1)
    )


def _proposed(column: Column, place: int) -> str:
    if read_times(column) is not None:
        return "timestamp"
    codes = column.values.drop_nulls().str.to_lowercase().is_in(list(ACTION_CODES))
    return "action" if len(codes) and codes.all() else f"column{place}"
