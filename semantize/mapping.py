"""How the columns of somebody's log map onto behaviour events: a small YAML.

    columns: {user_id: CustomerID, timestamp: InvoiceDate, content: Description}
    constants: {source: E-commerce, action: Order}
    time_format: "%Y-%m-%d %H:%M"

`user_id`, `timestamp`, `source` and `action` need a column or a constant; every other field may be left out.
"""

import difflib
import zoneinfo
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import polars as pl
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from records.errors import UserError
from records.events import EVENT_SCHEMA
from records.options import opt

REQUIRED_FIELDS = ("user_id", "timestamp", "source", "action")
NAMED_TIME_FORMATS = ("iso", "epoch_s", "epoch_ms")
_BUILT_IN = Path(__file__).parent / "mappings"


@dataclass
class SideTable:
    """A second file, looked up by key, that says what the ids in the log mean."""

    path: str = opt("", "File, relative to the mapping or to the log.")
    on: str = opt("", "Key column, under the same name in the log and in the side table.")
    columns: list[str] = opt([], "Columns of the side table that `columns` of the mapping may name.")


@dataclass
class Override:
    """Where a column of the log matches a pattern, an event field takes another value."""

    field: str = opt("", "Event field that is set.")
    column: str = opt("", "Column of the log that is looked at.")
    matches: str = opt("", "Regular expression, searched in the column's text.")
    value: str = opt("", "What the field becomes.")


@dataclass
class Mapping:
    """A log's columns as event fields."""

    columns: dict[str, str] = opt({}, "Event field → column of the log.")
    constants: dict[str, str] = opt({}, "Event field → value where the field has no column or an empty one.")
    overrides: list[Override] = opt([], "Exceptions, applied in order after columns and constants.")
    time_format: str = opt("", "strptime format, epoch_s, epoch_ms, or iso; empty: iso or a datetime column.")
    timezone: str = opt("UTC", "Time zone of times that carry none.")
    log: str = opt("", "The log's file name where the input is a directory.")
    join: SideTable | None = opt(None, "A side table.")
    anonymous_ok: bool = opt(False, "Rows without a user are set aside but do not count as damage.")


def load_mapping(name_or_path: str) -> Mapping:
    """A built-in mapping by name (complete_journey, online_retail) or one from a YAML file.

    A side table that lies beside the YAML file is found there, otherwise it is looked for beside the log.
    Raises UserError naming the file and key for anything that is no mapping.
    """
    built_in = _BUILT_IN / f"{name_or_path}.yaml"
    path = built_in if built_in in _BUILT_IN.iterdir() else Path(name_or_path)
    if not path.is_file():
        known = sorted(file.stem for file in _BUILT_IN.glob("*.yaml"))
        raise UserError(f"mapping {name_or_path}: no such file; built-in mappings are {', '.join(known)}")
    try:
        content = OmegaConf.to_container(OmegaConf.load(path), resolve=True)
    except Exception as error:  # the YAML parser has error types of its own, and all mean the same here
        raise UserError(f"mapping {path}: not readable as YAML: {' '.join(str(error).split())}") from error
    mapping = _parse(content, path)
    if mapping.join is not None and (path.parent / mapping.join.path).is_file():
        mapping.join.path = str((path.parent / mapping.join.path).resolve())
    return mapping


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name closest to `name` regardless of case ("" when nothing is known)."""
    by_folded = {candidate.casefold(): candidate for candidate in known}
    matches = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.0)
    return by_folded[matches[0]] if matches else ""


def _parse(content: Any, path: Path) -> Mapping:
    if not isinstance(content, dict):
        raise UserError(f"mapping {path}: needs keys such as columns: and constants:")
    _check_keys(content, [field.name for field in fields(Mapping)], f"mapping {path}")
    for section in ("columns", "constants"):
        _check_keys(content.get(section), EVENT_SCHEMA, f"mapping {path}: {section}")
        for key, value in (content.get(section) or {}).items():
            if isinstance(value, dict | list):
                raise UserError(f"mapping {path}: {section}: {key}: needs one value, not a list or a mapping")
    join = content.get("join")
    if isinstance(join, dict) and True in join:
        join["on"] = join.pop(True)  # YAML 1.1 reads a bare `on` as true
    _check_keys(join, [field.name for field in fields(SideTable)], f"mapping {path}: join")
    overrides = content.get("overrides")
    if overrides is not None and not isinstance(overrides, list):
        raise UserError(f"mapping {path}: overrides: needs a list")
    for override in overrides or []:
        _check_keys(override, [field.name for field in fields(Override)], f"mapping {path}: overrides")
    try:
        mapping = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(Mapping), content))
    except OmegaConfBaseException as error:
        reason = str(error).split("\n", maxsplit=1)[0]
        raise UserError(f"mapping {path}: {error.full_key}: {reason}") from error
    assert isinstance(mapping, Mapping)
    _check_values(mapping, path)
    return mapping


def _check_keys(section: Any, known: Iterable[str], where: str) -> None:
    if section is None:
        return
    if not isinstance(section, dict):
        raise UserError(f"{where}: needs keys and values, such as {next(iter(known))}: …")
    for key in section:
        if key not in known:
            raise UserError(f"{where}: unknown key {key!r}; did you mean {nearest(str(key), known)!r}?")


def _check_values(mapping: Mapping, path: Path) -> None:
    for name in REQUIRED_FIELDS:
        if name not in mapping.columns and name not in mapping.constants:
            raise UserError(f"mapping {path}: {name} needs a column (columns:) or a value (constants:)")
    if mapping.timezone not in zoneinfo.available_timezones():
        guess = nearest(mapping.timezone, sorted(zoneinfo.available_timezones()))
        raise UserError(f"mapping {path}: timezone {mapping.timezone!r} is unknown; did you mean {guess!r}?")
    time_format = mapping.time_format
    if time_format and time_format not in NAMED_TIME_FORMATS and "%" not in time_format:
        guess = nearest(time_format, NAMED_TIME_FORMATS)
        raise UserError(f"mapping {path}: time_format {time_format!r} is unknown; did you mean {guess!r}?")
    if mapping.join is not None and not (mapping.join.path and mapping.join.on and mapping.join.columns):
        raise UserError(f"mapping {path}: join needs path, on and columns")
    for override in mapping.overrides:
        _check_override(override, path)


def _check_override(override: Override, path: Path) -> None:
    texts = [name for name, kind in EVENT_SCHEMA.items() if kind == pl.String()]
    if override.field not in texts:
        guess = nearest(override.field, texts)
        raise UserError(
            f"mapping {path}: overrides: no text field {override.field!r}; did you mean {guess!r}?"
        )
    if not override.column:
        raise UserError(f"mapping {path}: overrides: {override.field} needs a column to look at")
    try:
        pl.Series([""]).str.contains(override.matches)
    except pl.exceptions.ComputeError as error:
        raise UserError(
            f"mapping {path}: overrides: {override.matches!r} is no regular expression"
        ) from error
