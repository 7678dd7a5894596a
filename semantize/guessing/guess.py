"""What the columns of somebody's log may mean: a mapping guessed from a sample, with reasons.

sample ── columns ──> fits (field, column, sureness) ── best first ──> choices ──> Guess
                           └── ids without words ── files beside the log ──┘
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from records.errors import UserError
from records.events import EVENT_SCHEMA
from semantize.guessing.actions import Cancellation, RawAction, cancellations, raw_actions
from semantize.guessing.columns import Column, contents, describe, shown_examples
from semantize.guessing.fields import Fit, fit
from semantize.guessing.header import check_header
from semantize.guessing.joins import SideFile, side_file
from semantize.guessing.names import NOBODY, constant_action, is_side_key, named, spelled
from semantize.guessing.times import Times, is_time_of_day, read_times
from semantize.reading.cells import moments
from semantize.reading.mapping_checks import REQUIRED_FIELDS
from semantize.text import clean

_LEAST = 0.25  # sureness below which a field is rather left out
_SIDE_FIELDS = ("content", "category", "location")
_MAX_ALTERNATIVES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """An event field's column (exact name) or constant: how sure, 0 to 1, why, and what else might fit."""

    field: str
    column: str = ""
    constant: str = ""
    sureness: float
    why: str
    alternatives: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """A mapping, guessed.

    `choices` are in the order of EVENT_SCHEMA, without fields that nothing fits; `join` is a file beside the
    log that is used, `unexplained` an id column for which none was found (""); `actions` are the values of
    the action column; `anonymous` is the share of rows without a user, `nobody` values of the user column
    that stand for none; `clock` is a column of times of day that belongs to the dates (""), `unused` the
    other columns and what they hold. `native`: the log needs no mapping.
    """

    file: str
    rows: int
    choices: tuple[Choice, ...]
    times: Times
    join: SideFile | None = None
    unexplained: str = ""
    actions: tuple[RawAction, ...] = ()
    cancelled: Cancellation | None = None
    anonymous: float = 0.0
    nobody: tuple[str, ...] = ()
    clock: str = ""
    unused: tuple[tuple[str, str], ...] = ()
    native: bool = False

    def choice(self, field: str) -> Choice | None:
        """What was chosen for an event field, None where nothing fits."""
        return next((choice for choice in self.choices if choice.field == field), None)


def guess_mapping(frame: pl.DataFrame, file: str, tables: Mapping[str, pl.DataFrame]) -> Guess:
    """Guess from a sample of the log `file`; `tables` are files beside it by name (`neighbours`).

    Raises UserError where the log has no header, or no column can be the user or the time.
    """
    check_header(frame, file)
    columns = [describe(column) for column in frame.get_columns()]
    times = {column.name: read_times(column) for column in columns}
    native = _is_native(times)
    fits = [fit(field, column, times[column.name]) for field in EVENT_SCHEMA for column in columns]
    if native:
        fits = [_own(one) for one in fits if one.field == one.column.name]
    chosen = _assigned(fits)
    _check_found(chosen, columns, file)

    keys = [] if native or "content" in chosen else _keys(columns, chosen)
    join = _best_side(keys, frame.columns, tables)
    if join is not None:
        fits += [fit(field, column, None) for field in _SIDE_FIELDS for column in join.columns]
        chosen = _assigned(fits)
        if not {one.column.name for one in chosen.values()} & {column.name for column in join.columns}:
            join = None
    reading = times[chosen["timestamp"].column.name]
    assert reading is not None  # a column that reads as no time fits no timestamp
    free = [column for column in columns if column.name not in {one.column.name for one in chosen.values()}]
    clock = _clock(chosen["timestamp"].column, free) if reading.whole_days else None
    reading = reading if clock is None else clock[1]
    used = {one.column.name for one in chosen.values()} | ({join.on} if join else set())
    used |= set() if clock is None else {clock[0]}
    rest = [column for column in columns if column.name not in used]
    choices = [_choice(one, fits, used) for one in chosen.values()]
    choices += _constants(chosen, file, frame.columns)
    users = chosen["user_id"].column
    return Guess(
        file=file,
        rows=len(frame),
        choices=tuple(sorted(choices, key=lambda one: list(EVENT_SCHEMA).index(one.field))),
        times=reading,
        join=join,
        unexplained=next((key.name for key in keys if is_side_key(key.name) and not join), ""),
        actions=raw_actions(chosen["action"].column) if "action" in chosen else (),
        cancelled=None if "action" in chosen else cancellations(columns, _column_of(chosen, "count")),
        anonymous=1 - users.filled,
        nobody=tuple(value for value in users.values.unique().drop_nulls() if value.lower() in NOBODY),
        clock="" if clock is None else clock[0],
        unused=tuple(
            (column.name, contents(column, is_time=times[column.name] is not None)) for column in rest
        ),
        native=native and clock is None,
    )


def _is_native(times: Mapping[str, Times | None]) -> bool:
    reading = times.get("timestamp")
    return (
        all(name in times for name in REQUIRED_FIELDS)
        and reading is not None
        and reading.formats in ((), ("iso",))
    )


def _own(one: Fit) -> Fit:
    return Fit(field=one.field, column=one.column, sureness=1.0, why="the event field of that name")


def _assigned(fits: Sequence[Fit]) -> dict[str, Fit]:
    """The surest fit first, each field and each column once; equals in the order of fields and columns."""
    chosen: dict[str, Fit] = {}
    taken: set[str] = set()
    for one in sorted(fits, key=lambda one: -one.sureness):
        if one.sureness >= _LEAST and one.field not in chosen and one.column.name not in taken:
            chosen[one.field] = one
            taken.add(one.column.name)
    return chosen


def _check_found(chosen: Mapping[str, Fit], columns: Sequence[Column], file: str) -> None:
    names = ", ".join(clean(column.name, 30) or "?" for column in columns[:12])
    if "timestamp" not in chosen:
        late = [column for column in columns if named("timestamp", column.name) and column.examples]
        seen = f"; {clean(late[0].name, 30)} holds {late[0].examples[0]}, no known format" if late else ""
        raise UserError(f"{file}: no column reads as times ({names}){seen}; write them like 2026-01-31 18:05")
    if "user_id" not in chosen:
        raise UserError(
            f"{file}: no column can be the user ({names}); name one user_id, or write a mapping, with "
            "constants: {user_id: me} if all rows are one person's"
        )


def _keys(columns: Sequence[Column], chosen: Mapping[str, Fit]) -> list[Column]:
    """Columns free to be looked up in another file, ids of known things first."""
    taken = {one.column.name for one in chosen.values() if one.sureness > 0.5}
    free = [
        column
        for column in columns
        if column.name not in taken and (is_side_key(column.name) or spelled(column.name).endswith("id"))
    ]
    return sorted(free, key=lambda column: not is_side_key(column.name))


def _best_side(
    keys: Sequence[Column], names: Sequence[str], tables: Mapping[str, pl.DataFrame]
) -> SideFile | None:
    found = [side_file(key, names, tables) for key in keys]
    return max((one for one in found if one is not None), key=lambda one: one.known, default=None)


def _column_of(chosen: Mapping[str, Fit], field: str) -> Column | None:
    return chosen[field].column if field in chosen else None


def _clock(days: Column, columns: Sequence[Column]) -> tuple[str, Times] | None:
    """The column of times of day that goes with `days`, and how both together read."""
    for column in columns:
        if not column.flaw and is_time_of_day(column):
            together = read_times(describe(moments(days.raw, column.raw).rename(days.name)))
            if together is not None:
                return column.name, together
    return None


def _choice(one: Fit, fits: Sequence[Fit], used: set[str]) -> Choice:
    others = sorted((other for other in fits if other.field == one.field), key=lambda other: -other.sureness)
    least = max(_LEAST, one.sureness / 2)
    free = [
        clean(other.column.name, 40)
        for other in others
        if other.sureness >= least and other.column.name not in used
    ]
    return Choice(
        field=one.field,
        column=one.column.name,
        sureness=one.sureness,
        why=one.why,
        alternatives=tuple(free[:_MAX_ALTERNATIVES]),
        examples=shown_examples(one.column, is_time=one.field == "timestamp"),
    )


def _constants(chosen: Mapping[str, Fit], file: str, names: Sequence[str]) -> list[Choice]:
    constants = []
    if "source" not in chosen:
        stem = spelled(file.lstrip(".").partition(".")[0]).title()[:40].strip()
        why = "no column names one; from the file's name"
        source = stem if any(letter.isalpha() for letter in stem) else "Log"
        constants.append(Choice(field="source", constant=source, sureness=0.5, why=why))
    if "action" not in chosen:
        action, word = constant_action([*names, file])
        why = f"no column names one, but “{word}” does" if word else "no column names one"
        constants.append(Choice(field="action", constant=action, sureness=0.7 if word else 0.3, why=why))
    return constants
