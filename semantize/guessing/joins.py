"""Files beside a log that say what its ids mean."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from records.errors import UserError
from semantize.guessing.columns import Column, describe, flaw_of
from semantize.guessing.names import spelled
from semantize.guessing.sample import sample

SIDE_ROWS = 200_000
_MAX_FILES = 20
_LEAST_KNOWN = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class SideFile:
    """A file that explains a key of the log.

    `key` is its name for the log's column `on`; `known` the share of the log's keys that it holds; `columns`
    its columns of words, each aligned to the rows of the log's sample.
    """

    path: str
    on: str
    key: str
    known: float
    columns: tuple[Column, ...]


def neighbours(log: Path, names: Sequence[str]) -> dict[str, pl.DataFrame]:
    """The beginnings of files in the log's folder that have a column named like one of `names`, by file name.

    Files that cannot be read are passed over.
    """
    found: dict[str, pl.DataFrame] = {}
    # A mapping would take "${" in a path for a reference.
    tables = sorted(
        file
        for file in log.parent.iterdir()
        if file.is_file() and file.name != log.name and "${" not in file.name
    )
    for file in tables[:_MAX_FILES]:
        try:
            header = sample(file, 1).columns
            if any(_key_of(file.name, name, header) for name in names):
                found[file.name] = sample(file, SIDE_ROWS)
        except UserError:
            continue
    return found


def side_file(key: Column, taken: Sequence[str], tables: Mapping[str, pl.DataFrame]) -> SideFile | None:
    """The file that explains most values of `key`, or None; `taken` are the log's own column names."""
    found = [_explained(key, taken, name, table) for name, table in tables.items()]
    return max((one for one in found if one is not None), key=lambda one: one.known, default=None)


def _explained(key: Column, taken: Sequence[str], file: str, table: pl.DataFrame) -> SideFile | None:
    name = _key_of(file, key.name, table.columns)
    if not name or flaw_of(table[name]):
        return None
    ids = _ids(table[name])
    known = ids.drop_nulls()
    if known.n_unique() < 0.99 * len(known):
        return None
    wanted = _ids(key.values).to_frame()
    explained = float(wanted["id"].drop_nulls().is_in(known.implode()).mean() or 0.0)  # type: ignore[arg-type]
    others = [
        column.name
        for column in table.get_columns()
        if column.name not in (name, *taken) and not flaw_of(column)
    ]
    if explained < _LEAST_KNOWN or not others:
        return None
    lookup = table.select(others).insert_column(0, ids.alias("__id__"))
    lookup = lookup.filter(ids.is_not_null()).unique("__id__", keep="first", maintain_order=True)
    joined = wanted.join(lookup, left_on="id", right_on="__id__", how="left", maintain_order="left")
    columns = [describe(joined[column]) for column in others]
    wordy = tuple(column for column in columns if column.words >= 0.5)
    return SideFile(path=file, on=key.name, key=name, known=explained, columns=wordy) if wordy else None


def _key_of(file: str, key: str, names: Sequence[str]) -> str:
    """The column of a file that `key` may point to: of the same name, or the `id` of items.csv."""
    if key in names:
        return key
    same = [name for name in names if spelled(name).replace(" ", "") == spelled(key).replace(" ", "")]
    if same:
        return same[0]
    thing, _, is_id = spelled(key).rpartition(" ")
    if is_id == "id" and thing and spelled(file).startswith(thing):
        return next((name for name in names if spelled(name) == "id"), "")
    return ""


def _ids(column: pl.Series) -> pl.Series:
    """Ids as the reader compares them: trimmed text, whole numbers without a point."""
    return (
        column.rename("id")
        .cast(pl.String)
        .str.strip_chars()
        .str.replace(r"^(\d+)\.0$", "$1")
        .replace("", None)
    )
