"""How well a column fits an event field: what its name says, tempered by what its values are."""

from collections.abc import Callable
from dataclasses import dataclass

from semantize.guessing.columns import Column
from semantize.guessing.names import ACTION_CODES, named, says_anything
from semantize.guessing.times import Times

FEW = 50
"""Distinct values that an action or a source has at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A column as an event field: how sure, 0 to 1, and why."""

    field: str
    column: Column
    sureness: float
    why: str


def fit(field: str, column: Column, times: Times | None) -> Fit:
    """Judge one column as one field; `times` is what `read_times` says of the column."""
    if column.flaw or not column.distinct:
        return Fit(field=field, column=column, sureness=0.0, why="")
    if field == "timestamp":
        sureness, why = _timestamp(column, times)
    else:
        sureness, why = _TESTS[field](column, named(field, column.name))
        if times is not None and not named(field, column.name):
            sureness = 0.0
    return Fit(field=field, column=column, sureness=min(1.0, sureness), why=why)


def _timestamp(column: Column, times: Times | None) -> tuple[float, str]:
    if times is None:
        return 0.0, ""
    strength = named("timestamp", column.name)
    sureness = times.share * (0.5 + 0.5 * strength) * (0.8 if times.whole_days else 1.0) * _fullness(column)
    if not strength and times.formats and times.formats[0].startswith("epoch"):
        sureness *= 0.6  # an id may happen to look like seconds
    how = f"as {' or '.join(times.formats)}" if times.formats else "by its type"
    return sureness, f"{_said(strength)}, {times.share:.1%} of it reads as times {how}"


def _user_id(column: Column, strength: float) -> tuple[float, str]:
    if column.numbers > 0.9 and column.whole_numbers < 0.9:
        return 0.0, ""
    shape = f"{column.distinct:,} values, {column.repeats:.1f} rows each"
    if strength:
        single = column.repeats < 1.01 or column.distinct == 1
        fitness = (0.6 if single else 1.0) * (0.3 if column.length > 60 else 1.0) * _fullness(column)
        return strength * fitness, f"{_said(strength)}; {shape}"
    if says_anything(column.name):
        return 0.0, ""
    is_key = column.whole_numbers > 0.99 or (column.words < 0.1 and column.length < 40)
    if is_key and column.distinct >= 3 and column.repeats >= 1.5 and column.filled > 0.5:
        return 0.3, f"no name says user, but its values repeat as a user's would; {shape}"
    return 0.0, ""


def _action(column: Column, strength: float) -> tuple[float, str]:
    rows = column.repeats * column.distinct
    if column.distinct > min(FEW, max(3, rows / 3)):
        return 0.0, ""
    known = column.values.drop_nulls().str.to_lowercase().is_in(list(ACTION_CODES)).mean()
    if isinstance(known, float) and known >= 0.8:
        return max(strength, 0.9), f"{column.distinct} values, known names of behaviours"
    return strength, f"{_said(strength)}; {column.distinct} values"


def _source(column: Column, strength: float) -> tuple[float, str]:
    if column.distinct > FEW or column.words < 0.5 or column.filled < 0.5:
        return 0.0, ""
    return strength, f"{_said(strength)}; {column.distinct} values"


def _content(column: Column, strength: float) -> tuple[float, str]:
    shape = f"{column.distinct:,} texts of {column.length:.0f} characters"
    if column.words >= 0.5:
        if strength > 0.4:
            variety = 0.01 / column.repeats  # of two texts the more varied one
            return strength - 0.01 + variety, f"{_said(strength)}; {shape}"
        if not says_anything(column.name) and column.length >= 6 and column.distinct >= 5:
            longer = min(column.length, 100) / 1000
            return 0.3 + longer, f"no name says content, but it holds words; {shape}"
    elif strength and column.values.str.contains(r"^\D*[/.]").mean() == 1.0:
        return min(strength, 0.35), f"addresses, for want of words; {shape}"
    return 0.0, ""


def _words(column: Column, strength: float) -> tuple[float, str]:
    if column.words < 0.5:
        return 0.0, ""
    return strength, f"{_said(strength)}; {column.distinct:,} values"


def _count(column: Column, strength: float) -> tuple[float, str]:
    if column.whole_numbers < 0.95:
        return 0.0, ""
    return strength, f"{_said(strength)}; whole numbers"


def _value(column: Column, strength: float) -> tuple[float, str]:
    if column.numbers < 0.95:
        return 0.0, ""
    return strength, f"{_said(strength)}; numbers"


def _event_id(column: Column, strength: float) -> tuple[float, str]:
    if column.filled < 1 or column.repeats > 1:
        return 0.0, ""
    return strength, f"{_said(strength)}; another in every row"


def _fullness(column: Column) -> float:
    return 0.6 + 0.4 * column.filled  # a quarter of a shop's customers may well be unknown


def _said(strength: float) -> str:
    if strength >= 0.75:
        return "its name says so"
    return "its name hints at it" if strength else "no name says so"


_TESTS: dict[str, Callable[[Column, float], tuple[float, str]]] = {
    "user_id": _user_id,
    "source": _source,
    "action": _action,
    "content": _content,
    "category": _words,
    "location": _words,
    "count": _count,
    "value": _value,
    "event_id": _event_id,
}
