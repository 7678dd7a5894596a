"""CSV and TSV: lines that are plainly one record are read column by column, the others one by one."""

import csv
import io
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from semantize.reading.chunks import ROW, BadRow, Chunk, Table
from semantize.reading.compression import lines_with_ends, split_lines, text_blocks
from semantize.reading.csv_records import MAX_RECORD_LINES, record_at


def open_separated(path: Path, separator: str) -> Table:
    """The columns of a CSV (`separator` ",") or TSV file ("\\t")."""
    form, blocks = _begin(path, separator)
    empty = all(not block.strip("\r\n") for block in blocks)
    return Table(path=path, names=form.names if form else (), empty=empty)


def read_separated(path: Path, separator: str, wanted: Collection[str]) -> Iterator[Chunk]:
    """The rows of a CSV or TSV file; every cell is text, an empty one ""."""
    form, blocks = _begin(path, separator)
    if form is None:
        return
    kept = {name: form.names.index(name) for name in dict.fromkeys(form.names) if name in wanted}
    row, left = 0, ""
    for block in blocks:
        chunk, left = _read_block(left + block, form, kept, row, last=False)
        row += chunk.rows
        yield chunk
    if left:
        yield _read_block(left, form, kept, row, last=True)[0]


@dataclass(frozen=True, slots=True)
class _Form:
    names: tuple[str, ...]
    separator: str

    @property
    def width(self) -> int:
        return len(self.names)


def _begin(path: Path, separator: str) -> tuple[_Form | None, Iterator[str]]:
    """The form that the header tells (None without a header), and the text after it."""
    blocks = text_blocks(path)
    for block in blocks:
        text = block.lstrip("\r\n")
        if text:
            header = re.split(r"[\r\n]", text, maxsplit=1)[0]
            if separator == "," and "," not in header:
                separator = next((mark for mark in ";\t|" if mark in header), separator)
            names = tuple(name.strip() for name in next(csv.reader([header], delimiter=separator), []))
            return _Form(names, separator), _chain(text[len(header) :], blocks)
    return None, iter(())


def _chain(first: str, blocks: Iterator[str]) -> Iterator[str]:
    yield first
    yield from blocks


def _read_block(text: str, form: _Form, kept: dict[str, int], row: int, *, last: bool) -> tuple[Chunk, str]:
    """The records of `text`, numbered from `row` + 1, and the text left for the next block.

    A record over several lines that may not be whole yet is left, unless this is the `last` block.
    """
    lines = split_lines(text)
    whole, right = _plain_lines(lines, form)
    starts = lines != ""
    odd: dict[int, list[str]] = {}
    left = ""
    if not whole.all():
        raw = lines_with_ends(text)
        taken, odd, cut = _odd_records(raw, (starts & ~whole).arg_true().to_list(), form, last=last)
        starts = starts.scatter(taken, False) & (pl.int_range(len(lines), eager=True) < cut)
        left = "".join(raw[cut:])
    numbers = starts.cum_sum().cast(pl.Int64) + row
    good = starts & right
    frame = _cells(lines.filter(good), form, kept).insert_column(0, numbers.filter(good).alias(ROW))
    if odd:
        picked = [[numbers[at], *[fields[index] for index in kept.values()]] for at, fields in odd.items()]
        others = pl.DataFrame(picked, schema=frame.schema, orient="row")
        frame = pl.concat([frame, others]).sort(ROW)
    faulty = (starts & ~right).scatter(list(odd), False)
    bad = zip(numbers.filter(faulty), lines.filter(faulty), strict=True)
    chunk = Chunk(
        frame=frame,
        bad=tuple(BadRow(row=number, reason="wrong_field_count", raw=line) for number, line in bad),
    )
    return chunk, left


def _plain_lines(lines: pl.Series, form: _Form) -> tuple[pl.Series, pl.Series]:
    """Whether every line is plainly one record or none, and whether it is one of the right width."""
    quoted = lines.str.contains('"', literal=True)
    if not quoted.any():
        return ~quoted, lines.str.count_matches(form.separator, literal=True) == form.width - 1
    separator = re.escape(form.separator)
    field = f'(?:"(?:[^"]|"")*"|[^"{separator}]*)'
    right = lines.str.contains(f"^{field}(?:{separator}{field}){{{form.width - 1}}}$", strict=False)
    if right.null_count():  # the regular expression became too large
        return pl.repeat(False, len(lines), eager=True), pl.repeat(False, len(lines), eager=True)
    # The careful parser gives up on longer quoted fields.
    right &= ~quoted | (lines.str.len_bytes() <= csv.field_size_limit())
    return ~quoted | right, right


def _odd_records(
    lines: list[str], begins: list[int], form: _Form, *, last: bool
) -> tuple[list[int], dict[int, list[str]], int]:
    """The records that begin at lines `begins` and are no plain ones: the lines that others take up, the
    fields by line, and the line at which to stop as the record there may go on past the block."""
    taken: list[int] = []
    found: dict[int, list[str]] = {}
    after = 0
    for at in begins:
        if at < after:
            continue
        if not last and at + MAX_RECORD_LINES > len(lines):
            return taken, found, at
        fields, used = record_at(lines, at, form.separator, form.width)
        if fields is not None:
            found[at] = fields
        after = at + used
        taken.extend(range(at + 1, after))
    return taken, found, len(lines)


def _cells(lines: pl.Series, form: _Form, kept: dict[str, int]) -> pl.DataFrame:
    """The `kept` columns of plain lines of the right width."""
    if lines.is_empty() or not kept:
        return pl.DataFrame(schema=dict.fromkeys(kept, pl.String()))
    header = form.separator.join(str(index) for index in range(form.width))
    text = "\n".join([header, lines.str.join("\n")[0]])
    frame = pl.read_csv(
        io.BytesIO(text.encode()),
        columns=[str(index) for index in kept.values()],
        separator=form.separator,
        infer_schema=False,
    )
    return frame.select(pl.col(str(index)).fill_null("").alias(name) for name, index in kept.items())
