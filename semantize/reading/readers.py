"""Somebody's log → behaviour events in batches, with every row accounted for.

files ── chunks ── join ── where ──> event fields ──> events
            └── damaged ──> quarantine <── unusable ──┘
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from records.errors import UserError
from records.events import EVENT_SCHEMA
from semantize.reading import cells
from semantize.reading.chunks import ROW, BadRow, Chunk, Table
from semantize.reading.fields import event_fields, gaps, passes, reasons
from semantize.reading.mapping import Mapping, SideTable
from semantize.reading.mapping_checks import REQUIRED_FIELDS, nearest
from semantize.reading.quarantine import JOIN, QUARANTINE_SCHEMA
from semantize.reading.tables import find_files, has_column, open_table, read_chunks, read_table
from semantize.reading.times import TimesError

_MEND = "; did you mean {!r}? Mend it in the mapping"
_NO_OBJECTS = ", as the first rows hold no objects; write one object a line"
_MAP = " (nearest is {!r}); say how it maps with a mapping"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What consecutive rows of a log held.

    `events` has ROW (Int64, the row in its file), the columns of EVENT_SCHEMA, with event_id null where the
    log gives none, and a text column KEY if the mapping decides by columns that are no event fields (those of
    overrides, conditions and the join): rows that differ there are different events. `quarantine`
    (QUARANTINE_SCHEMA) are the rows set aside, `rows` counts all, `filtered` those left out by conditions.
    `gaps` counts events that lack a part: `unreadable_count` (taken as 1), `unreadable_value` (left empty),
    `not_in_side_table`.
    """

    events: pl.DataFrame
    quarantine: pl.DataFrame
    rows: int
    filtered: int
    gaps: Counter[str]


class LogReader:
    """The events of a log, file by file and piece by piece.

    `source` is a file, a folder or a glob. Without a mapping its columns are named as in EVENT_SCHEMA.
    Rows are set aside as wrong_field_count, malformed_json, not_an_object, missing_user, missing_time,
    unreadable_time, missing_source or missing_action; those of a side table also as join:missing_key and
    join:repeated_key, where its first row of that key says something else.

    Raises UserError for a log that cannot be read, that holds no rows, or that lacks columns.
    """

    files: tuple[Path, ...]
    mapping: Mapping
    side_quarantine: pl.DataFrame
    """Rows of the side table that tell nothing, by QUARANTINE_SCHEMA."""

    def __init__(self, source: str | Path, mapping: Mapping | None) -> None:
        self.mapping = mapping or Mapping(columns={name: name for name in EVENT_SCHEMA})
        files = find_files(source, self.mapping.log)
        self._side: pl.DataFrame | None = None
        self.side_quarantine = pl.DataFrame(schema=QUARANTINE_SCHEMA)
        if self.mapping.join is not None:
            side = side_path(source, files, self.mapping.join)
            files = [file for file in files if file.resolve() != side.resolve()] or files
            self._side, self.side_quarantine = _side_table(side, self.mapping.join)
        self._wanted = _wanted_columns(self.mapping)
        tables = [open_table(file, self._wanted) for file in files]
        if all(table.empty for table in tables):
            raise UserError(_no_rows(source, files))
        self._tables = [table for table in tables if not table.empty]
        self.files = tuple(table.path for table in self._tables)
        if mapping is None:
            _check_columns(self._tables, REQUIRED_FIELDS, _MAP)
        else:
            _check_columns(self._tables, self._wanted)

    def pieces(self) -> list[tuple[int, int | None]]:
        """(file index, piece) of all there is to `read`, in order; the piece is None where a file has one."""
        return [
            (index, piece if table.pieces > 1 else None)
            for index, table in enumerate(self._tables)
            for piece in range(table.pieces)
        ]

    def read(self, file_index: int, piece: int | None = None) -> Iterator[Batch]:
        """The rows of one file, or of one of its pieces, in order.

        Raises UserError for a damaged file and for times that make no sense with the mapping.
        """
        path = self.files[file_index]
        for chunk in read_chunks(path, self._wanted, piece):
            try:
                batch = self._batch(path, chunk)
            except TimesError as error:
                name = self.mapping.columns.get("timestamp", "timestamp")
                raise UserError(f"{path}: column {name!r} {error}") from error
            yield batch

    def _batch(self, path: Path, chunk: Chunk) -> Batch:
        frame = chunk.frame
        if self._side is not None:
            on = self._side.columns[0]
            keyed = frame.with_columns(cells.key(frame[on]))
            frame = keyed.join(self._side, on=on, how="left", maintain_order="left")
        frame = frame.with_columns(pl.selectors.float().fill_nan(None))  # many tools write missing ids as NaN
        for condition in self.mapping.where:
            frame = frame.filter(passes(frame, condition))
        filtered = len(chunk.frame) - len(frame)
        events = event_fields(frame, self.mapping)
        quarantine = _bad_rows(path, chunk.bad)
        faults = reasons(frame, events, self.mapping)
        if faults is not None:
            unusable = _unusable_rows(path, frame.filter(faults.is_not_null()), faults.drop_nulls())
            quarantine = pl.concat([quarantine, unusable]).sort("row")
            frame, events = frame.filter(faults.is_null()), events.filter(faults.is_null())
        found = gaps(frame, events, self.mapping)
        if self._side is not None:
            found["not_in_side_table"] = len(frame) - int(frame[on].is_in(self._side[on].implode()).sum())
        return Batch(events=events, quarantine=quarantine, rows=chunk.rows, filtered=filtered, gaps=+found)


def _wanted_columns(mapping: Mapping) -> tuple[str, ...]:
    """Columns to read from the log, once each."""
    names = [*mapping.columns.values(), *[override.column for override in mapping.overrides]]
    names += [condition.column for condition in mapping.where]
    names += [mapping.time_of_day] if mapping.time_of_day else []
    if mapping.join is not None:
        names = [mapping.join.on, *[name for name in names if name not in mapping.join.columns]]
    return tuple(dict.fromkeys(names))


def _no_rows(source: str | Path, files: Sequence[Path]) -> str:
    if len(files) == 1:
        return f"{files[0]}: holds no rows"
    shown = ", ".join(file.name for file in files[:5]) + (", …" if len(files) > 5 else "")
    return f"{source}: none of its {len(files)} files holds rows ({shown})"


def _check_columns(tables: Sequence[Table], wanted: Iterable[str], advice: str = _MEND) -> None:
    """Raise UserError, with `advice` on the nearest name, unless every table has the `wanted` columns.

    Rows of JSON lines leave out what they have no value for: there it is enough if one file has the column.
    """
    sparse = [table for table in tables if not table.fixed]
    known = tuple(dict.fromkeys(name for table in sparse for name in table.names))
    for name in wanted:
        lacking = [(table.path, table.names) for table in tables if table.fixed and name not in table.names]
        if sparse and name not in known and not any(has_column(table, name) for table in sparse):
            lacking.append((sparse[0].path, known))
        for path, names in lacking:
            hint = advice.format(nearest(name, names)) if names else _NO_OBJECTS
            raise UserError(f"{path}: no column {name!r}{hint}")


def side_path(source: str | Path, files: Sequence[Path], join: SideTable) -> Path:
    """Where the side table of a log of these `files` is."""
    folder = Path(source) if Path(source).is_dir() else files[0].parent
    return folder / join.path  # an absolute path, found beside the mapping, stays itself


def _side_table(path: Path, join: SideTable) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The join's columns by key, under its name in the log, once each; and the rows that tell nothing."""
    key = join.key or join.on
    wanted = dict.fromkeys([key, *join.columns])
    table = open_table(path, wanted)
    if table.empty:
        raise UserError(_no_rows(path, [path]))
    _check_columns([table], wanted)
    whole = read_table(path, wanted)
    others = whole.frame.select(name for name in join.columns if name != join.on)
    frame = pl.DataFrame([cells.key(whole.frame[key]).alias(join.on), *others])
    is_missing = frame[join.on].is_null()
    said = pl.struct(pl.all())  # a row that says the same again is nothing to tell of
    is_repeated = ~is_missing & frame.select(said != said.first().over(join.on)).to_series()
    faults = pl.select(
        pl.when(is_missing)
        .then(pl.lit(f"{JOIN}missing_key"))
        .when(is_repeated)
        .then(pl.lit(f"{JOIN}repeated_key"))
    ).to_series()
    unusable = _unusable_rows(path, whole.frame.filter(faults.is_not_null()), faults.drop_nulls())
    unique = frame.drop_nulls(join.on).unique(join.on, keep="first", maintain_order=True)
    return unique, pl.concat([_bad_rows(path, whole.bad, JOIN), unusable]).sort("row")


def _bad_rows(path: Path, bad: Iterable[BadRow], prefix: str = "") -> pl.DataFrame:
    rows = [(str(path), one.row, prefix + one.reason, one.raw) for one in bad]
    return pl.DataFrame(rows, schema=QUARANTINE_SCHEMA, orient="row")


def _unusable_rows(path: Path, rows: pl.DataFrame, faults: pl.Series) -> pl.DataFrame:
    texts = rows.select(pl.struct(pl.exclude(ROW).cast(pl.String)).struct.json_encode()).to_series()
    file = pl.Series([str(path)]).new_from_index(0, len(rows))
    return pl.DataFrame([file, rows[ROW], faults, texts], schema=QUARANTINE_SCHEMA)
