"""What a mapping may say; every refusal names the file, the key and the nearest known name."""

import difflib
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from records.errors import UserError
from records.events import EVENT_SCHEMA
from records.zones import check_zone
from semantize.reading.times import NAMED_TIME_FORMATS, utc_times

if TYPE_CHECKING:
    from semantize.reading.mapping import Condition, Mapping, Override

REQUIRED_FIELDS = ("user_id", "timestamp", "source", "action")
_SAMPLE_TIME = pl.Series([datetime(2001, 2, 3, 14, 5, 6, tzinfo=UTC)])


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name closest to `name` regardless of case ("" when nothing is known)."""
    by_folded = {candidate.casefold(): candidate for candidate in known}
    matches = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.0)
    return by_folded[matches[0]] if matches else ""


def check_keys(section: Any, known: Collection[str] | None, where: str, *, plain: bool = False) -> None:
    """Raise UserError unless `section` is missing or has keys that are all `known` (None: any will do).

    With `plain` the values may be no lists or sections.
    """
    if section is None:
        return
    if not isinstance(section, dict):
        raise UserError(f"{where}: needs keys and values, such as {next(iter(known or ['view']))}: …")
    for key, value in section.items():
        if known is not None and key not in known:
            raise UserError(f"{where}: unknown key {key!r}; did you mean {nearest(str(key), known)!r}?")
        if plain and isinstance(value, dict | list):
            raise UserError(f"{where}: {key}: needs one value, not a list or a mapping")


def check_list(section: Any, known: Collection[str], where: str) -> None:
    """Raise UserError unless `section` is missing or a list of sections with `known` keys."""
    if section is not None and not isinstance(section, list):
        raise UserError(f"{where}: needs a list")
    for item in section or []:
        check_keys(item, known, where)


def check_values(mapping: "Mapping", where: str) -> None:
    """Raise UserError for values that can mean nothing."""
    for name in REQUIRED_FIELDS:
        if name not in mapping.columns and name not in mapping.constants:
            raise UserError(f"{where}: {name} needs a column (columns:) or a value (constants:)")
    if mapping.time_of_day and "timestamp" not in mapping.columns:
        raise UserError(f"{where}: time_of_day needs the column of the days (columns: timestamp)")
    check_zone(mapping.timezone, f"{where}: timezone")
    for time_format in mapping.time_format:
        _check_time_format(time_format, where)
    if mapping.join is not None and not (mapping.join.path and mapping.join.on and mapping.join.columns):
        raise UserError(f"{where}: join needs path, on and columns")
    for override in mapping.overrides:
        _check_override(override, f"{where}: overrides")
    for condition in mapping.where:
        _check_condition(condition, f"{where}: where")


def _check_time_format(time_format: str, where: str) -> None:
    if time_format in NAMED_TIME_FORMATS:
        return
    if "%" not in time_format:
        guess = nearest(time_format, NAMED_TIME_FORMATS)
        raise UserError(f"{where}: time_format {time_format!r} is unknown; did you mean {guess!r}?")
    try:
        readable = utc_times(_SAMPLE_TIME.dt.strftime(time_format), [time_format], "UTC").is_not_null()
    except (ValueError, pl.exceptions.PolarsError):
        readable = pl.Series([False])
    if not readable.all():
        raise UserError(f"{where}: time_format {time_format!r} is no strptime format of a date with its year")


def _check_override(override: "Override", where: str) -> None:
    texts = [name for name, kind in EVENT_SCHEMA.items() if kind == pl.String()]
    if override.field not in texts:
        guess = nearest(override.field, texts)
        raise UserError(f"{where}: no text field {override.field!r}; did you mean {guess!r}?")
    if not override.column:
        raise UserError(f"{where}: {override.field} needs a column to look at")
    _check_pattern(override.matches, where)


def _check_condition(condition: "Condition", where: str) -> None:
    if not condition.column:
        raise UserError(f"{where}: every condition needs a column to look at")
    bounds = [bound for bound in (condition.min, condition.max) if bound is not None]
    tests = [condition.equals is not None, bool(condition.one_of), bool(condition.matches), bool(bounds)]
    if sum(tests) != 1:
        raise UserError(f"{where}: {condition.column} needs one of equals, one_of, matches, or min and max")
    values = [*bounds, *condition.one_of, condition.equals]
    if any(isinstance(value, dict | list) for value in values):
        raise UserError(f"{where}: {condition.column}: compare with plain values, not lists or mappings")
    if len({isinstance(bound, str) for bound in bounds}) > 1:
        raise UserError(f"{where}: {condition.column}: min and max must both be numbers or both be text")
    _check_pattern(condition.matches, where)


def _check_pattern(pattern: str, where: str) -> None:
    try:
        pl.Series([""]).str.contains(pattern)
    except pl.exceptions.ComputeError as error:
        raise UserError(f"{where}: {pattern!r} is no regular expression") from error
