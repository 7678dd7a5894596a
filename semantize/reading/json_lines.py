"""JSON lines: flat objects of the usual keys are read column by column, the others one by one."""

import json
from collections.abc import Collection, Iterator
from io import StringIO
from pathlib import Path

import polars as pl

from records.errors import UserError
from semantize.reading.chunks import ROW, BadRow, Chunk, Table
from semantize.reading.compression import split_lines, text_blocks
from semantize.reading.json_shapes import has_shape

_SAMPLE_ROWS = 100  # rows that name the columns
_MAX_SHAPES = 8  # orders of keys looked for in a block of lines
_MAX_SAMPLES = 32  # lines looked at to find one
_MAX_LOST = 100  # lines read one by one as one of them is no JSON


def open_json_lines(path: Path) -> Table:
    """The columns that the first rows of a file have; raises UserError for a file that is one JSON array."""
    names: dict[str, None] = {}
    rows = 0
    for line in _lines(path):
        if not rows and line.startswith("["):
            raise UserError(f"{path}: row 1 begins a JSON array; write one object a line")
        rows += 1
        names.update(dict.fromkeys(_object(line)))
        if rows == _SAMPLE_ROWS:
            break
    return Table(path=path, names=tuple(names), empty=not rows, fixed=False)


def has_key(path: Path, name: str) -> bool:
    """Whether any row of a file has this column."""
    # A key may be spelt with escapes.
    spellings = (json.dumps(name, ensure_ascii=False), "\\u")
    return any(name in _object(line) for line in _lines(path, spellings))


def _lines(path: Path, spellings: Collection[str] = ()) -> Iterator[str]:
    """The lines of a file without blank ones, of blocks without all `spellings` none."""
    for block in text_blocks(path):
        if not spellings or any(spelling in block for spelling in spellings):
            yield from filter(None, map(str.strip, StringIO(block, newline="")))


def read_json_lines(path: Path, wanted: Collection[str]) -> Iterator[Chunk]:
    """The rows of a file with all the `wanted` columns; cells are text, null where a row has no such key.

    Numbers, truth values, lists and objects become their JSON text. Of equal keys the last counts.
    """
    row = 0
    for block in text_blocks(path):
        chunk = _read_block(block, list(dict.fromkeys(wanted)), row)
        row += chunk.rows
        yield chunk


def _read_block(text: str, wanted: list[str], row: int) -> Chunk:
    lines = split_lines(text)
    lines = lines.filter(lines != "")
    plain = _plain_lines(lines, wanted)
    decoded = _decode(lines.filter(plain), pl.Struct(dict.fromkeys(wanted, pl.String())))
    plain = plain.scatter(plain.arg_true().filter(decoded.is_null()), False)
    frame = decoded.drop_nulls().struct.unnest()
    odd = {at: lines[at].strip() for at in (~plain).arg_true()}
    starts = pl.repeat(True, len(lines), eager=True).scatter([at for at in odd if not odd[at]], False)
    numbers = starts.cum_sum().cast(pl.Int64) + row
    frame.insert_column(0, numbers.filter(plain).alias(ROW))
    cells: list[list[int | str | None]] = []
    bad: list[BadRow] = []
    for at, line in odd.items():
        if line:
            record = _parse(line)
            if isinstance(record, dict):
                cells.append([numbers[at], *[_cell(record.get(name)) for name in wanted]])
            else:
                bad.append(BadRow(row=numbers[at], reason=record, raw=line))
    if cells:
        frame = pl.concat([frame, pl.DataFrame(cells, schema=frame.schema, orient="row")]).sort(ROW)
    return Chunk(frame=frame, bad=tuple(bad))


def _parse(line: str) -> dict[str, object] | str:
    """The object on a line, or the reason why it is none."""
    try:
        record = json.loads(line.strip())
    except (ValueError, RecursionError):
        return "malformed_json"
    return record if isinstance(record, dict) else "not_an_object"


def _object(line: str) -> dict[str, object]:
    """The object on a line, empty if it is none."""
    record = _parse(line)
    return record if isinstance(record, dict) else {}


def _cell(value: object) -> str | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    # JSON can spell half of a surrogate pair, which is no Unicode text.
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _plain_lines(lines: pl.Series, wanted: list[str]) -> pl.Series:
    """Whether every line has the shape of some line seen, so that `_decode` reads it right."""
    plain = pl.repeat(False, len(lines), eager=True)
    tried: set[tuple[str, ...]] = set()
    for _ in range(_MAX_SHAPES if wanted else 0):
        left = (~plain).arg_true()
        samples = map(_object, lines.gather(left.head(_MAX_SAMPLES)))
        shapes = (tuple(key for key in sample if key in wanted) for sample in samples)
        shape = next((shape for shape in shapes if shape not in tried), None)
        if shape is None:
            break
        tried.add(shape)
        plain = plain.scatter(left.filter(has_shape(lines.gather(left), shape, wanted)), True)
    return plain


def _decode(lines: pl.Series, kind: pl.Struct) -> pl.Series:
    """The objects on `lines`, null where some of up to _MAX_LOST lines is none."""
    if lines.is_empty():
        return pl.Series([], dtype=kind)
    try:
        return lines.str.json_decode(kind)
    except pl.exceptions.PolarsError:
        half = len(lines) // 2
        if half < _MAX_LOST:
            return pl.Series([None], dtype=kind).new_from_index(0, len(lines))
        return _decode(lines.head(half), kind).append(_decode(lines.slice(half), kind))
