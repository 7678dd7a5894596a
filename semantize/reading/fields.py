"""Columns of a log → the fields of its events, as a mapping says."""

from collections import Counter

import polars as pl

from records.events import EVENT_SCHEMA
from semantize.reading import cells
from semantize.reading.chunks import ROW
from semantize.reading.mapping import Condition, Mapping, cell_text
from semantize.reading.mapping_checks import REQUIRED_FIELDS
from semantize.reading.times import utc_times

KEY = "__key__"
"""Column of text that tells rows apart besides the event fields, as the mapping names it to decide by."""

_BETWEEN = "\x1f"
_TEXT_FIELDS = tuple(name for name, kind in EVENT_SCHEMA.items() if kind == pl.String())
_MAY_BE_EMPTY = ("content", "category", "location")


def passes(frame: pl.DataFrame, condition: Condition) -> pl.Series:
    """Whether each row meets `condition`."""
    column = frame[condition.column]
    texts = cells.key(column).fill_null("")
    if condition.equals is not None:
        met = texts == cell_text(condition.equals)
    elif condition.one_of:
        met = texts.is_in([cell_text(value) for value in condition.one_of])
    elif condition.matches:
        met = texts.str.contains(condition.matches)
    else:
        met = _within(column, condition)
    return ~met if condition.negate else met


def event_fields(frame: pl.DataFrame, mapping: Mapping) -> pl.DataFrame:
    """ROW, the event fields, null where a required one or the id is missing, and KEY where there is one.

    Raises TimesError for times of a type or format that makes no sense.
    """
    fields = {name: _text_field(frame, mapping, name) for name in _TEXT_FIELDS}
    for override in mapping.overrides:
        matched = frame[override.column].cast(pl.String).str.contains(override.matches).fill_null(False)
        value = pl.Series([override.value]).new_from_index(0, len(frame))
        fields[override.field] = value.zip_with(matched, fields[override.field])
    for name in _MAY_BE_EMPTY:
        fields[name] = fields[name].fill_null("")
    fields["timestamp"] = utc_times(_times(frame, mapping), mapping.time_format, mapping.timezone)
    fields["count"] = cells.whole(_raw(frame, mapping, "count")).fill_null(1)
    fields["value"] = cells.number(_raw(frame, mapping, "value"))
    result = pl.DataFrame([frame[ROW], *[fields[name].alias(name) for name in EVENT_SCHEMA]])
    told_apart = _told_apart_by(mapping)
    if told_apart:
        texts = frame.select(pl.col(told_apart).cast(pl.String).fill_null(""))
        result = result.with_columns(texts.select(pl.concat_str(pl.all(), separator=_BETWEEN).alias(KEY)))
    return result


def reasons(frame: pl.DataFrame, fields: pl.DataFrame, mapping: Mapping) -> pl.Series | None:
    """Why each row of `frame`, with its `fields`, is no event, null for one that is; None if all are."""
    if not any(fields[name].null_count() for name in REQUIRED_FIELDS):
        return None
    has_time = cells.text(_times(frame, mapping)).is_not_null()
    return fields.select(
        pl.when(pl.col("user_id").is_null())
        .then(pl.lit("missing_user"))
        .when(~pl.lit(has_time))
        .then(pl.lit("missing_time"))
        .when(pl.col("timestamp").is_null())
        .then(pl.lit("unreadable_time"))
        .when(pl.col("source").is_null())
        .then(pl.lit("missing_source"))
        .when(pl.col("action").is_null())
        .then(pl.lit("missing_action"))
        .alias("reason")
    ).to_series()


def gaps(frame: pl.DataFrame, fields: pl.DataFrame, mapping: Mapping) -> Counter[str]:
    """How many events, `fields` of `frame`, have a count or a value that is no number."""
    found: Counter[str] = Counter()
    for name in ("count", "value"):
        raw = _raw(frame, mapping, name)
        if not raw.dtype.is_integer() and raw.null_count() < len(raw):
            given = raw if raw.dtype.is_numeric() else cells.text(raw)
            found[f"unreadable_{name}"] = int((given.is_not_null() & cells.number(raw).is_null()).sum())
    return found


def _told_apart_by(mapping: Mapping) -> list[str]:
    names = [override.column for override in mapping.overrides]
    names += [mapping.join.on] if mapping.join else []
    names += [condition.column for condition in mapping.where]
    return list(dict.fromkeys(names))


def _raw(frame: pl.DataFrame, mapping: Mapping, field: str) -> pl.Series:
    """The cells of an event field as the log has them, else its constant, else null."""
    column = mapping.columns.get(field)
    if column in frame.columns:
        return frame[column]
    constant = pl.Series([mapping.constants.get(field)], dtype=pl.String)
    return constant.new_from_index(0, len(frame))


def _text_field(frame: pl.DataFrame, mapping: Mapping, field: str) -> pl.Series:
    if mapping.columns.get(field) not in frame.columns:
        return _raw(frame, mapping, field)
    raw = _raw(frame, mapping, field)
    if field == "action" and mapping.actions:
        texts = cells.key(raw).replace(mapping.actions)
    else:
        texts = cells.key(raw) if field == "user_id" else cells.text(raw)
    return texts.fill_null(mapping.constants[field]) if field in mapping.constants else texts


def _times(frame: pl.DataFrame, mapping: Mapping) -> pl.Series:
    days = _raw(frame, mapping, "timestamp")
    return cells.moments(days, frame[mapping.time_of_day]) if mapping.time_of_day else days


def _within(column: pl.Series, condition: Condition) -> pl.Series:
    bounds = [bound for bound in (condition.min, condition.max) if bound is not None]
    values = cells.text(column) if isinstance(bounds[0], str) else cells.number(column)
    met = values.is_not_null()
    if condition.min is not None:
        met &= values >= condition.min
    if condition.max is not None:
        met &= values <= condition.max
    return met.fill_null(False)
