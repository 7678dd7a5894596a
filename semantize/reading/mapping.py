"""How the columns of somebody's log map onto behaviour events: a small YAML.

    columns: {user_id: CustomerID, timestamp: InvoiceDate, content: Description}
    constants: {source: E-commerce, action: Order}
    time_format: ["%Y-%m-%d %H:%M", epoch_s]
    where: [{column: Quantity, min: 1}]

`user_id`, `timestamp`, `source` and `action` need a column or a constant; every other field may be left out.
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from records.errors import UserError
from records.events import EVENT_SCHEMA
from records.options import opt
from semantize.reading.mapping_checks import check_keys, check_list, check_values

_BUILT_IN = Path(__file__).parent / "mappings"


@dataclass
class SideTable:
    """A second file, looked up by key, that says what the ids in the log mean."""

    path: str = opt("", "File, relative to the mapping or to the log.")
    on: str = opt("", "Key column of the log.")
    key: str = opt("", "Name of the key column in the side table; empty: the same.")
    columns: list[str] = opt([], "Columns of the side table that the mapping may name.")


@dataclass
class Condition:
    """What a row must show to count, by one of equals, one_of, matches, or min and max.

    Cells are compared as trimmed text, an empty one as "" and 5.0 as 5; with `min` and `max` as numbers where
    the bound is a number, and an empty or unreadable cell lies outside.
    """

    column: str = opt("", "Column of the log that is looked at.")
    equals: Any = opt(None, "The cell is this value.")
    one_of: list[Any] = opt([], "The cell is one of these values.")
    matches: str = opt("", "Regular expression, searched in the cell.")
    min: Any = opt(None, "The cell is this or more.")
    max: Any = opt(None, "The cell is this or less.")
    negate: bool = opt(False, "Keep the rows that fail the test instead.")


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
    actions: dict[str, str] = opt({}, "Action as the log writes it → name; others stay as they are.")
    overrides: list[Override] = opt([], "Exceptions, applied in order after columns and constants.")
    where: list[Condition] = opt([], "Conditions; rows that fail any are left out.")
    time_format: list[str] = opt(
        [], "iso, epoch_s, epoch_ms, epoch_us or strptime formats, tried in order; none: iso."
    )
    time_of_day: str = opt("", "Column of the time of day, where that of the timestamp tells the day alone.")
    timezone: str = opt("UTC", "Time zone of times that carry none.")
    log: str = opt("", "The log's file name, or a glob, where the input is a directory.")
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


def cell_text(value: Any) -> str:
    """A value of a mapping as the text that the same value has in a cell: true, 5 (also for 5.0), x."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def _parse(content: Any, path: Path) -> Mapping:
    where = f"mapping {path}"
    if not isinstance(content, dict):
        raise UserError(f"{where}: needs keys such as columns: and constants:")
    check_keys(content, _names(Mapping), where)
    for section in ("columns", "constants"):
        check_keys(content.get(section), EVENT_SCHEMA, f"{where}: {section}", plain=True)
    check_keys(content.get("actions"), None, f"{where}: actions", plain=True)
    join = content.get("join")
    if isinstance(join, dict) and True in join:
        join["on"] = join.pop(True)  # YAML 1.1 reads a bare `on` as true
    check_keys(join, _names(SideTable), f"{where}: join")
    check_list(content.get("overrides"), _names(Override), f"{where}: overrides")
    check_list(content.get("where"), _names(Condition), f"{where}: where")
    if isinstance(content.get("time_format"), str):
        content["time_format"] = [content["time_format"]] if content["time_format"] else []
    if content.get("actions"):
        content["actions"] = {cell_text(key): name for key, name in content["actions"].items()}
    try:
        mapping = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(Mapping), content))
    except OmegaConfBaseException as error:
        reason = str(error).split("\n", maxsplit=1)[0]
        raise UserError(f"{where}: {error.full_key}: {reason}") from error
    assert isinstance(mapping, Mapping)
    check_values(mapping, where)
    return mapping


def _names(section: type) -> list[str]:
    return [field.name for field in fields(section)]
