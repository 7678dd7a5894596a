"""Records of separated text one by one, with care for stray quotes: slow, but the reference."""

import csv
from collections.abc import Iterator, Sequence

MAX_RECORD_LINES = 50  # longest legal multi-line record; past it a quote is taken for a stray one


def record_at(lines: Sequence[str], at: int, separator: str, width: int) -> tuple[list[str] | None, int]:
    """The record of `width` fields that begins at line `at`, and how many lines it takes.

    None, and one line, if none begins there. A quoted field may span lines. A stray quote would swallow the
    rows after it, so a record over several lines counts only if it is legal CSV of the right width; else its
    first line alone is given up. `lines` have their ends, and reach MAX_RECORD_LINES past `at` or to the end.
    """
    text = lines[at].rstrip("\r\n")
    if '"' not in text:
        fields = text.split(separator)
        return (fields if len(fields) == width else None), 1
    record = parse_record([text], separator)
    if record is not None:
        return (record if len(record) == width else None), 1
    for end in range(at + 2, min(at + MAX_RECORD_LINES, len(lines)) + 1):
        # Only a line with a quote can end the quoted field.
        if '"' in lines[end - 1]:
            record = parse_record(lines[at:end], separator)
            if record is not None:
                return (record, end - at) if len(record) == width else (None, 1)
    return None, 1


def parse_record(lines: Sequence[str], separator: str) -> list[str] | None:
    """The fields of the one record that `lines` hold, or None if they are not exactly one record."""
    reader = csv.reader(lines, delimiter=separator, strict=True)
    try:
        fields = next(reader)
    except (csv.Error, StopIteration):
        return None
    return fields if reader.line_num == len(lines) else None


def records(lines: Sequence[str], separator: str, width: int) -> Iterator[tuple[list[str] | None, str]]:
    """Every record of `lines`, or None, with the text of its first line; blank lines between are skipped."""
    at = 0
    while at < len(lines):
        text = lines[at].rstrip("\r\n")
        fields, used = record_at(lines, at, separator, width) if text else (None, 1)
        if text:
            yield fields, text
        at += used
