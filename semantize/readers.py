"""Somebody's log → behaviour events, with every row accounted for.

file ── tables ──> columns ── join ──> event fields ──> events
             └── damaged ──> quarantine file <── unusable ──┘
"""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from records.errors import UserError
from records.events import EVENT_SCHEMA
from records.files import written_whole
from semantize.mapping import REQUIRED_FIELDS, Mapping, SideTable, nearest
from semantize.tables import ROW, Table, read_table
from semantize.times import utc_times

QUARANTINE_SCHEMA: dict[str, pl.DataType] = {"row": pl.Int64(), "reason": pl.String(), "raw": pl.String()}
"""Columns of the quarantine file: 1-based row (header not counted), reason code, the row's text."""

_TEXT_FIELDS = tuple(name for name, kind in EVENT_SCHEMA.items() if kind == pl.String())


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadResult:
    """What a log held.

    `events` follows EVENT_SCHEMA, sorted by user and time; `rows` counts the rows of the log; `quarantined`
    counts rows set aside by reason (reasons that begin with "join:" are rows of the side table);
    `duplicates` counts rows dropped as equal to an earlier one in every field and in every other column that
    the mapping names (two products of one kind in one basket are two events).
    """

    events: pl.DataFrame
    rows: int
    quarantined: dict[str, int]
    duplicates: int


def read_log(
    path: Path, mapping: Mapping | None, *, quarantine: Path, max_quarantine_share: float
) -> ReadResult:
    """Read a log as events; unusable rows go to the Parquet file `quarantine` (QUARANTINE_SCHEMA).

    Without a mapping the log's columns are named as in EVENT_SCHEMA. Reasons: wrong_field_count,
    malformed_json, not_an_object, missing_user, missing_time, unreadable_time, missing_source,
    missing_action. A count that is no number becomes 1, such a value becomes null. Events without an id
    get "e" and their row number; ids that occur twice get the row number appended.

    Raises UserError for a log that cannot be read at all, for columns it lacks, and when the share of rows
    set aside is above `max_quarantine_share`; the quarantine file is there to look at in the last case.
    """
    log = _log_file(path, mapping)
    table = read_table(log, _wanted_columns(mapping))
    if mapping is None:
        mapping = _identity_mapping(log, table)
    side = None if mapping.join is None else _side_table(mapping.join, log)
    _check_columns(mapping, log, table)

    frame = table.frame if side is None else _joined(table.frame, side.frame)
    frame = frame.with_columns(pl.selectors.float().fill_nan(None))  # many tools write missing ids as NaN
    fields = _event_fields(frame, mapping, log)
    reasons = _row_reasons(fields)
    unusable = _quarantine_rows(frame.filter(reasons.is_not_null()), reasons.drop_nulls())
    damaged = [(bad.row, bad.reason, bad.raw) for bad in table.bad]
    side_damaged = [(bad.row, f"join:{bad.reason}", bad.raw) for bad in (side.bad if side else ())]
    set_aside = pl.concat(
        [pl.DataFrame(damaged + side_damaged, schema=QUARANTINE_SCHEMA, orient="row"), unusable]
    ).sort("row", maintain_order=True)
    with written_whole(quarantine) as aside:
        set_aside.write_parquet(aside)
    counts = dict(sorted(Counter(set_aside["reason"].to_list()).items()))
    _check_share(log, table.rows, counts, mapping, max_quarantine_share, quarantine)

    usable = fields.filter(reasons.is_null())
    unique = usable.unique(pl.selectors.exclude(ROW), keep="first", maintain_order=True)
    events = (
        _with_event_ids(unique, log)
        .sort("user_id", "timestamp", maintain_order=True)
        .select(pl.col(name).cast(kind) for name, kind in EVENT_SCHEMA.items())
    )
    return ReadResult(
        events=events, rows=table.rows, quarantined=counts, duplicates=len(usable) - len(unique)
    )


def _log_file(path: Path, mapping: Mapping | None) -> Path:
    if not path.is_dir():
        return path
    if mapping is None or not mapping.log:
        raise UserError(f"{path}: is a directory; name a file, or a mapping with a log: key")
    return path / mapping.log


def _wanted_columns(mapping: Mapping | None) -> dict[str, None]:
    """Columns to read from the log, in order and once each."""
    if mapping is None:
        return dict.fromkeys(EVENT_SCHEMA)
    names = [*mapping.columns.values(), *[override.column for override in mapping.overrides]]
    if mapping.join is not None:
        names = [mapping.join.on, *[name for name in names if name not in mapping.join.columns]]
    return dict.fromkeys(names)


def _identity_mapping(log: Path, table: Table) -> Mapping:
    for name in REQUIRED_FIELDS:
        if name not in table.names:
            guess = nearest(name, table.names)
            raise UserError(
                f"{log}: no column {name!r} (nearest is {guess!r}); say how it maps with a mapping"
            )
    return Mapping(columns={name: name for name in EVENT_SCHEMA if name in table.names})


def _check_columns(mapping: Mapping, path: Path, table: Table) -> None:
    for name in _wanted_columns(mapping):
        if name not in table.names:
            guess = nearest(name, table.names)
            raise UserError(f"{path}: no column {name!r}; did you mean {guess!r}? Mend it in the mapping")
    for name, kind in table.frame.schema.items():
        if kind.is_nested() or kind in (pl.Binary, pl.Object, pl.Duration):
            raise UserError(f"{path}: column {name!r} holds {kind}; map a column of plain values")


def _side_table(join: SideTable, log: Path) -> Table:
    path = log.parent / join.path  # an absolute path, found beside the mapping, stays itself
    table = read_table(path, dict.fromkeys([join.on, *join.columns]))
    _check_columns(Mapping(columns={name: name for name in (join.on, *join.columns)}), path, table)
    ordered = table.frame.select(_key(join.on), *[pl.col(name) for name in join.columns if name != join.on])
    unique = ordered.filter(pl.col(join.on).is_not_null()).unique(join.on, keep="first", maintain_order=True)
    return replace(table, frame=unique)


def _joined(frame: pl.DataFrame, side: pl.DataFrame) -> pl.DataFrame:
    on = side.columns[0]
    return frame.with_columns(_key(on)).join(side, on=on, how="left", maintain_order="left")


def _key(name: str) -> pl.Expr:
    # Columns of whole numbers with gaps come out of many tools as floats: 17850.0 is the key 17850.
    return _text(name).str.replace(r"^(\d+)\.0$", "$1").alias(name)


def _text(name: str) -> pl.Expr:
    """The column as trimmed text, null where empty."""
    trimmed = pl.col(name).cast(pl.String).str.strip_chars()
    return pl.when(trimmed != "").then(trimmed)


def _event_fields(frame: pl.DataFrame, mapping: Mapping, log: Path) -> pl.DataFrame:
    """ROW, `has_time` (one is given, readable or not) and the event fields, null where nothing is said.

    The columns read that are no field follow, as they tell equal events apart.
    """
    fields = {name: pl.lit(None, pl.String) for name in _TEXT_FIELDS}
    for name in _TEXT_FIELDS:
        if name in mapping.columns:
            fields[name] = (_key if name == "user_id" else _text)(mapping.columns[name])
        if name in mapping.constants:
            fields[name] = pl.coalesce(fields[name], pl.lit(mapping.constants[name]))
    for override in mapping.overrides:
        matched = pl.col(override.column).cast(pl.String).str.contains(override.matches)
        fields[override.field] = (
            pl.when(matched).then(pl.lit(override.value)).otherwise(fields[override.field])
        )
    numbers = {
        name: pl.col(mapping.columns[name]).cast(pl.String).str.strip_chars().cast(pl.Float64, strict=False)
        if name in mapping.columns
        else pl.lit(mapping.constants.get(name)).cast(pl.Float64, strict=False)
        for name in ("count", "value")
    }
    times = _raw_times(frame, mapping)
    told_apart_by = [override.column for override in mapping.overrides] + (
        [mapping.join.on] if mapping.join else []
    )
    return frame.select(
        ROW,
        pl.lit(times.cast(pl.String).str.strip_chars().fill_null("") != "").alias("has_time"),
        pl.lit(_utc(times, mapping, log)).alias("timestamp"),
        *[expression.alias(name) for name, expression in fields.items()],
        numbers["count"].round().cast(pl.Int64, strict=False).fill_null(1).alias("count"),
        pl.when(numbers["value"].is_finite()).then(numbers["value"]).alias("value"),
        *[pl.col(name).alias(f"__read_{name}") for name in dict.fromkeys(told_apart_by)],
    )


def _raw_times(frame: pl.DataFrame, mapping: Mapping) -> pl.Series:
    if "timestamp" in mapping.columns:
        return frame[mapping.columns["timestamp"]]
    return pl.Series([mapping.constants["timestamp"]]).new_from_index(0, len(frame))


def _utc(times: pl.Series, mapping: Mapping, log: Path) -> pl.Series:
    try:
        return utc_times(times, mapping.time_format, mapping.timezone)
    except ValueError as error:
        name = mapping.columns.get("timestamp", "timestamp")
        raise UserError(f"{log}: column {name!r} {error}") from error


def _row_reasons(fields: pl.DataFrame) -> pl.Series:
    """The first reason against every row, null for a usable one."""
    return fields.select(
        pl.when(pl.col("user_id").is_null())
        .then(pl.lit("missing_user"))
        .when(~pl.col("has_time"))
        .then(pl.lit("missing_time"))
        .when(pl.col("timestamp").is_null())
        .then(pl.lit("unreadable_time"))
        .when(pl.col("source").is_null())
        .then(pl.lit("missing_source"))
        .when(pl.col("action").is_null())
        .then(pl.lit("missing_action"))
        .alias("reason")
    ).to_series()


def _quarantine_rows(rows: pl.DataFrame, reasons: pl.Series) -> pl.DataFrame:
    texts = rows.select(pl.struct(pl.exclude(ROW).cast(pl.String)).struct.json_encode())
    return pl.DataFrame(
        [rows[ROW].rename("row"), reasons.rename("reason"), texts.to_series().rename("raw")],
        schema=QUARANTINE_SCHEMA,
    )


def _check_share(
    log: Path, rows: int, counts: dict[str, int], mapping: Mapping, limit: float, quarantine: Path
) -> None:
    of_log = {reason: count for reason, count in counts.items() if not reason.startswith("join:")}
    told = ", ".join(f"{count:,} {reason}" for reason, count in of_log.items())
    if sum(of_log.values()) == rows:
        raise UserError(
            f"{log}: none of {rows:,} rows is usable ({told}); see {quarantine}, mend the mapping"
        )
    damage = sum(of_log.values()) - (of_log.get("missing_user", 0) if mapping.anonymous_ok else 0)
    if damage > limit * rows:
        raise UserError(
            f"{log}: {damage / rows:.1%} of {rows:,} rows are unusable ({told}), more than {limit:.1%}; "
            f"see {quarantine}, then mend the log or raise semantize.max_quarantine_share"
        )


def _with_event_ids(events: pl.DataFrame, log: Path) -> pl.DataFrame:
    numbered = pl.format("e{}", pl.col(ROW).cast(pl.String).str.zfill(8))
    filled = events.with_columns(pl.coalesce("event_id", numbered).alias("event_id"))
    repeated = pl.int_range(pl.len()).over("event_id") > 0
    unique = filled.with_columns(
        pl.when(repeated).then(pl.format("{}.{}", "event_id", ROW)).otherwise("event_id").alias("event_id")
    )
    if unique["event_id"].n_unique() < len(unique):
        raise UserError(f"{log}: event ids repeat; leave event_id out of the mapping to have rows numbered")
    return unique.with_columns(pl.col(*_TEXT_FIELDS).fill_null(""))
