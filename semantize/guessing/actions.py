"""What raw actions mean, and which rows take an action back."""

from collections.abc import Sequence
from dataclasses import dataclass

from semantize.guessing.columns import Column
from semantize.guessing.names import ACTION_CODES, is_order_number

_MAX_ACTIONS = 20
_CANCELLED = r"^C\d"


@dataclass(frozen=True, slots=True, kw_only=True)
class RawAction:
    """A value of the action column, the rows that hold it, and what it means ("" where that is not known)."""

    raw: str
    rows: int
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancellation:
    """Rows whose `column` matches take an order back; `sure` if the values leave no doubt."""

    column: str
    matches: str
    rows: int
    sure: bool


def raw_actions(column: Column) -> tuple[RawAction, ...]:
    """The most frequent values of an action column."""
    counts = column.values.drop_nulls().rename("raw").value_counts(name="rows")
    ordered = counts.sort(["rows", "raw"], descending=[True, False]).head(_MAX_ACTIONS)
    return tuple(
        RawAction(raw=raw, rows=rows, meaning=ACTION_CODES.get(raw.lower(), ""))
        for raw, rows in ordered.iter_rows()
    )


def cancellations(columns: Sequence[Column], count: Column | None) -> Cancellation | None:
    """How a log of orders marks those taken back: invoice numbers with a C, or negative quantities."""
    for column in columns:
        values = column.values.drop_nulls()
        marked = int(values.str.contains(_CANCELLED).sum())
        plain = int(values.str.contains(r"^\d").sum())
        if is_order_number(column.name) and 0 < marked < plain:
            return Cancellation(column=column.name, matches="^C", rows=marked, sure=True)
    if count is not None:
        negative = int(count.values.drop_nulls().str.contains(r"^-").sum())
        if negative:
            return Cancellation(column=count.name, matches="^-", rows=negative, sure=False)
    return None
