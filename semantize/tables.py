"""Files as tables of columns: Parquet, CSV, TSV and JSON lines, damaged or not.

A damaged row costs itself and nothing else: rows that fit no record are returned apart, with the reason.
"""

import codecs
import csv
import gzip
import json
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import polars as pl

from records.errors import UserError

ROW = "__row__"
"""Name of the column that holds the 1-based row number."""

FORMATS = (".parquet", ".csv", ".tsv", ".jsonl", ".ndjson", ".json")
_CHUNK_ROWS = 50_000
_MAX_RECORD_LINES = 50  # longest legal multi-line CSV record; past it a quote is taken for a stray one


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRow:
    """A row that is no record: its 1-based number, a reason code and its text."""

    row: int
    reason: str
    raw: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A file's records.

    `frame` has ROW and the wanted columns that exist (typed in Parquet, text in text formats);
    `names` are all columns of the file; `bad` are the rows that are no record.
    """

    frame: pl.DataFrame
    names: tuple[str, ...]
    bad: tuple[BadRow, ...]

    @property
    def rows(self) -> int:
        return len(self.frame) + len(self.bad)


def read_table(path: Path, wanted: Collection[str]) -> Table:
    """Read the `wanted` columns of a file; rows are numbered from 1 without header and blank lines.

    Raises UserError for a missing, unreadable or empty file and for an unknown extension.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    kind = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    if kind.lower() not in FORMATS or (kind == ".parquet" and path.suffix == ".gz"):
        raise UserError(
            f"{path}: unknown extension; rename it to one of {', '.join(FORMATS)} (text also .gz)"
        )
    try:
        if kind.lower() == ".parquet":
            table = _read_parquet(path, wanted)
        elif kind.lower() in (".csv", ".tsv"):
            with _open_text(path) as lines:
                table = _read_separated(lines, "\t" if kind.lower() == ".tsv" else ",", wanted)
        else:
            with _open_text(path) as lines:
                table = _read_json_lines(lines, wanted)
    except (OSError, EOFError, zlib.error, csv.Error, pl.exceptions.PolarsError) as error:
        reason = str(error).split("\n", maxsplit=1)[0]
        raise UserError(f"{path}: not a readable {kind} file ({reason}); export it again") from error
    if kind.lower() in (".json", ".jsonl", ".ndjson") and table.bad and table.bad[0].raw.startswith("["):
        raise UserError(f"{path}: row 1 begins a JSON array; write one object a line")
    if not table.rows:
        raise UserError(f"{path}: holds no rows")
    return table


def _open_text(path: Path) -> TextIO:
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            raise UserError(f"{path}: written in UTF-16; save it as UTF-8")
    # Undecodable bytes become U+FFFD: one Latin-1 pound sign must not cost a row. newline="" leaves line
    # ends to the CSV parser, as quoted fields may contain them.
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", errors="replace", newline="")
    return path.open(encoding="utf-8-sig", errors="replace", newline="")


def _read_parquet(path: Path, wanted: Collection[str]) -> Table:
    names = tuple(pl.read_parquet_schema(path))
    columns = [name for name in names if name in wanted]
    height = pl.scan_parquet(path).select(pl.len()).collect().item()
    numbers = pl.DataFrame({ROW: pl.int_range(1, height + 1, eager=True)})
    frame = numbers.hstack(pl.read_parquet(path, columns=columns).get_columns()) if columns else numbers
    return Table(frame=frame, names=names, bad=())


def _read_separated(lines: TextIO, separator: str, wanted: Collection[str]) -> Table:
    header_line = next(lines, "")
    if separator == "," and "," not in header_line:
        separator = next((mark for mark in ";\t|" if mark in header_line), separator)
    names = tuple(name.strip() for name in next(csv.reader([header_line], delimiter=separator), []))
    kept = [names.index(name) for name in dict.fromkeys(names) if name in wanted]
    sink = _Columns([names[index] for index in kept])
    bad: list[BadRow] = []
    for row, (fields, raw) in enumerate(_records(lines, separator, len(names)), start=1):
        if fields is None:
            bad.append(BadRow(row=row, reason="wrong_field_count", raw=raw))
        else:
            sink.append((row, *[fields[index] for index in kept]))
    return Table(frame=sink.frame(), names=names, bad=tuple(bad))


def _records(lines: TextIO, separator: str, width: int) -> Iterator[tuple[list[str] | None, str]]:
    """Records of `width` fields, or None with the text of a line that starts no such record.

    A quoted field may span lines. A stray quote would swallow the rows after it, so a record over several
    lines counts only if it is legal CSV of the right width; else its first line alone is given up and
    reading goes on at the second.
    """
    ahead: list[str] = []
    while True:
        line = ahead.pop(0) if ahead else next(lines, "")
        if not line:
            return
        text = line.rstrip("\r\n")
        if not text:
            continue
        fields = _parse_record([text], separator) if '"' in text else text.split(separator)
        if fields is None:
            for used in range(1, _MAX_RECORD_LINES):
                if used > len(ahead):
                    ahead.append(next(lines, ""))
                if not ahead[used - 1]:
                    break
                # Only a line with a quote can end the quoted field.
                if '"' in ahead[used - 1]:
                    longer = _parse_record([line, *ahead[:used]], separator)
                    if longer is not None:
                        if len(longer) == width:
                            fields = longer
                            del ahead[:used]
                        break
            ahead = [unread for unread in ahead if unread]
        yield (fields if fields is not None and len(fields) == width else None), text


def _parse_record(lines: list[str], separator: str) -> list[str] | None:
    """The fields of the one record that `lines` hold, or None if they are not exactly one record."""
    reader = csv.reader(lines, delimiter=separator, strict=True)
    try:
        fields = next(reader)
    except (csv.Error, StopIteration):
        return None
    return fields if reader.line_num == len(lines) else None


def _read_json_lines(lines: TextIO, wanted: Collection[str]) -> Table:
    sink = _Columns(list(wanted))
    names: dict[str, None] = {}
    bad: list[BadRow] = []
    row = 0
    for line in lines:
        text = line.strip()
        if not text:
            continue
        row += 1
        try:
            record = json.loads(text)
        except (ValueError, RecursionError):
            bad.append(BadRow(row=row, reason="malformed_json", raw=text))
            continue
        if not isinstance(record, dict):
            bad.append(BadRow(row=row, reason="not_an_object", raw=text))
            continue
        names.update(dict.fromkeys(record))
        sink.append((row, *[_plain_text(record.get(name)) for name in wanted]))
    frame = sink.frame()
    return Table(
        frame=frame.select(ROW, *[name for name in wanted if name in names]),
        names=tuple(names),
        bad=tuple(bad),
    )


def _plain_text(value: object) -> str | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    # JSON can spell half of a surrogate pair, which is no Unicode text.
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


class _Columns:
    """Rows gathered into text columns, chunk by chunk to bound the Python objects alive."""

    def __init__(self, names: list[str]) -> None:
        self._schema: dict[str, pl.DataType] = {ROW: pl.Int64(), **dict.fromkeys(names, pl.String())}
        self._rows: list[tuple[int | str | None, ...]] = []
        self._chunks = [pl.DataFrame(schema=self._schema)]

    def append(self, row: tuple[int | str | None, ...]) -> None:
        self._rows.append(row)
        if len(self._rows) == _CHUNK_ROWS:
            self._flush()

    def frame(self) -> pl.DataFrame:
        self._flush()
        return pl.concat(self._chunks)

    def _flush(self) -> None:
        if self._rows:
            columns = zip(self._schema.items(), zip(*self._rows, strict=True), strict=True)
            self._chunks.append(
                pl.DataFrame([pl.Series(name, values, dtype=kind) for (name, kind), values in columns])
            )
            self._rows = []
