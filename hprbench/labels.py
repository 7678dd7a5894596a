"""Labels that somebody gives for a log of his own: a table with a row a user and a column a tag.

user_id,age_group,pet          NA: the log cannot show it, which is an answer like any other
ann,25-34,cat                  empty: nothing is known; of this user the tag is neither taught nor scored
bob,,NA
"""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from records.config import LabelConfig
from records.errors import UserError
from records.tags import GIVEN, NA, TAG, TAG_NAMES, GoldTag, in_order
from semantize.reading import cells
from semantize.reading.mapping_checks import nearest
from semantize.reading.tables import ROW, open_table, read_table
from semantize.text import clean

LIST_SEPARATOR = ";"
"""What parts the values of a tag that takes several."""


def label_table(path: Path, user_column: str) -> pl.DataFrame:
    """The table of labels with its column of users (`user_id`, or as the log calls it) named `user_id`.

    All columns are text, null where empty.

    Raises:
        UserError: it cannot be read, has no such column, or a row is damaged, without a user or of one that
            an earlier row is of.
    """
    names = open_table(path, ()).names
    name = next((name for name in ("user_id", user_column) if name in names), None)
    if name is None:
        raise UserError(f"{path}: no column user_id or {user_column!r}; name the column of users so")
    table = read_table(path, names)
    if table.bad:
        bad = table.bad[0]
        raise UserError(f"{path}: row {bad.row} is damaged ({bad.reason}); mend it")
    users = cells.key(table.frame[name]).alias("user_id")
    frame = table.frame.select(ROW, users, *[cells.text(table.frame[one]) for one in names if one != name])
    for fault, rows in (
        ("has no user", pl.col("user_id").is_null()),
        ("is of a user that an earlier row is of", ~pl.col("user_id").is_first_distinct()),
    ):
        if len(found := frame.filter(rows)):
            raise UserError(f"{path}: row {found[ROW][0]} {fault}; mend it")
    return frame.drop(ROW)


def read_labels(
    path: Path, user_column: str, tags: Mapping[str, LabelConfig]
) -> dict[str, dict[str, GoldTag]]:
    """User → tag → label, of users and tags of which the table at `path` says something.

    `tags` says where tags stand that have no column of their own name, and what their values mean; columns
    that are no tags are not read.

    Raises:
        UserError: as `label_table`, or a column is missing, a value is none of the tag's, or no label is
            there.
    """
    table = label_table(path, user_column)
    columns = {name: tags[name].column if name in tags else "" for name in TAG_NAMES}
    labels: dict[str, dict[str, GoldTag]] = {}
    for tag in in_order({*tags, *table.columns}):
        column = columns[tag] or tag
        if column not in table.columns:
            hint = nearest(column, table.columns)
            raise UserError(
                f"{path}: no column {column!r}; did you mean {hint!r}? Mend log.tags.{tag}.column"
            )
        meant = tags[tag].values if tag in tags else {}
        for row, (user, cell) in enumerate(table.select("user_id", column).iter_rows(), start=1):
            text = "" if cell is None else meant.get(cell, cell)
            if not text:
                continue
            try:
                values = label_values(tag, text)
            except ValueError as error:
                raise UserError(
                    f"{path}: row {row}: {column}: {error}; say what {cell!r} means in log.tags.{tag}.values"
                ) from None
            labels.setdefault(user, {})[tag] = GoldTag(
                user_id=user, tag=tag, values=values, event_ids=(), difficulty=GIVEN
            )
    if not labels:
        raise UserError(
            f"{path}: holds no label; name columns as tags are called ({', '.join(TAG_NAMES)}), or say in "
            "log.tags which is which"
        )
    return labels


def label_values(tag: str, text: str) -> tuple[str, ...]:
    """The values of `tag` that `text` writes, empty for NA.

    Raises:
        ValueError: they are none that the tag can have.
    """
    if text == NA:
        return ()
    known = TAG[tag]
    parts = text.split(LIST_SEPARATOR) if known.max_values > 1 else [text]
    values = tuple(dict.fromkeys(value for part in parts if (value := clean(part))))
    if NA in values or not 1 <= len(values) <= known.max_values:
        raise ValueError(f"{clean(text)!r} is not 1 to {known.max_values} values of {tag}")
    for value in values:
        if not known.is_open and value not in known.values:
            raise ValueError(f"{value!r} is none of {tag}'s {', '.join(known.values)}")
    return values
