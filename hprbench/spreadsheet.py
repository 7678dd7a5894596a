"""CSV files that people open: nothing in them is taken for a formula.

What begins as a formula does is written with an apostrophe before it, and read without: a cell, and what
follows in it on a separator, as in half of the world a spreadsheet splits the line there whatever the quotes.
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from records.errors import UserError
from records.files import write_text

_FORMULA = "=+-@\t\r'"
_START = r"""((?:^|[;\t\r\n])[ "]*)"""
"""Where a program that takes other separators may see a cell begin."""


def write_csv(path: Path, header: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Write `rows` (header name → cell) to `path`, whole; None is an empty cell."""
    text = io.StringIO()
    writer = csv.DictWriter(text, header, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _safe(row[name]) for name in header} for row in rows)
    write_text(path, text.getvalue())


def read_csv(path: Path, needed: Sequence[str]) -> list[dict[str, str]]:
    """Rows of the file at `path`, header name → cell without space around it.

    Raises:
        UserError: there is no such table, or it lacks one of the `needed` columns.
    """
    try:
        # With BOM and semicolons: that is how spreadsheets of half the world save CSV.
        text = path.read_text(encoding="utf-8-sig")
        first = text.partition("\n")[0]
        rows = list(
            csv.DictReader(io.StringIO(text), delimiter=";" if first.count(";") > first.count(",") else ",")
        )
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: no readable table ({error}); give a CSV file in UTF-8") from error
    lacking = [name for name in needed if rows and name not in rows[0]] if rows else list(needed)
    if lacking:
        raise UserError(f"{path}: no column {', '.join(lacking)}; keep the columns of the exported file")
    return [{name: _plain(cell) for name, cell in row.items() if name is not None} for row in rows]


def _safe(value: Any) -> str:
    text = "" if value is None else str(value)
    return text if _is_number(text) else re.sub(f"{_START}(?=[{re.escape(_FORMULA)}])", r"\1'", text)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _plain(cell: str | list[str] | None) -> str:
    text = cell if isinstance(cell, str) else ""
    return re.sub(f"{_START}'", r"\1", text).strip()
