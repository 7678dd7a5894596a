"""Which time format a column is written in."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from itertools import product

import polars as pl

from semantize.guessing.columns import Column
from semantize.reading.times import UTC_MS, utc_times

_DATES = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d-%m-%Y", "%m-%d-%Y",
    "%m/%d/%y", "%d/%m/%y", "%d.%m.%y", "%d-%m-%y", "%m-%d-%y", "%Y%m%d", "%Y年%m月%d日",
    "%d %B %Y", "%d-%B-%Y", "%B %d, %Y", "%B %d %Y",
)  # fmt: skip
_CLOCKS = (
    "", " %H:%M", " %H:%M:%S", " %H:%M:%S%.f", " %I:%M %p", " %I:%M:%S %p", ", %H:%M", ", %H:%M:%S",
    "T%H:%M:%S", " %H:%M:%S UTC", " %H:%M:%S %z",
)  # fmt: skip
_WHOLE = (
    "%Y%m%d%H%M%S", "%Y%m%d%H%M", "%a %b %d %H:%M:%S %z %Y", "%a %b %d %H:%M:%S %Y",
    "%a, %d %b %Y %H:%M:%S %z", "%a, %d %b %Y %H:%M:%S GMT", "%d/%b/%Y:%H:%M:%S %z",
)  # fmt: skip
_FORMATS = (*_WHOLE, *(date + clock for date, clock in product(_DATES, _CLOCKS)))

_EPOCH_UNITS = {"epoch_s": 1, "epoch_ms": 1_000, "epoch_us": 1_000_000}
_EPOCH_SPAN = (788_918_400, 2_208_988_800)  # 1995 to 2040, so that few other numbers pass for times
_SPAN = (datetime(1990, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
_TRIED = 1_000  # distinct values that formats are tried on
_FIRST_LOOK = 20
_MAX_FORMATS = 3
_SURE = 0.98
_TIME_OF_DAY = r"(?i)^\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?( ?[ap]m)?$"


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """How a column reads as times.

    `formats` is empty for a column of dates or datetimes; `share` of the filled rows is read by them;
    `zoned`: the times are UTC or carry an offset; `whole_days`: no time of day is in them; `unsure`: day and
    month may be the other way round; `note` says how day and month were told apart, "" where no need was.
    """

    formats: tuple[str, ...]
    share: float
    zoned: bool
    whole_days: bool
    unsure: bool = False
    note: str = ""


def read_times(column: Column) -> Times | None:
    """The formats that read most of a column, or None where none reads half of it."""
    if column.flaw or not column.distinct:
        return None
    if column.raw.dtype.is_temporal():
        return _typed(column)
    known = column.values.drop_nulls()
    tried = known.unique(maintain_order=True)
    tried = _some(tried, _TRIED)
    unit = _epoch_unit(tried)
    if unit:
        share = _share(_in_span(known, unit))
        return Times(formats=(unit,), share=share, zoned=True, whole_days=False)
    if column.raw.dtype != pl.String:
        return None
    formats, unsure, note = _formats(tried)
    if not formats:
        return None
    times = _parsed(known, formats)
    found = times.drop_nulls()
    return Times(
        formats=formats,
        share=len(found) / len(known),
        zoned=formats[0].endswith(("%z", "%z %Y", "UTC", "GMT"))
        or (formats[0] == "iso" and known.str.contains(r"\d(Z|[+-]\d{2}:?\d{2})$").all()),
        whole_days=_are_whole_days(found),
        unsure=unsure,
        note=note,
    )


def is_time_of_day(column: Column) -> bool:
    """Whether the column holds clock times without a day."""
    if column.raw.dtype == pl.Time:
        return True
    return column.distinct > 0 and column.values.drop_nulls().str.contains(_TIME_OF_DAY).all()


def _typed(column: Column) -> Times | None:
    if column.raw.dtype not in (pl.Date, pl.Datetime):
        return None
    times = column.raw.drop_nulls().cast(pl.Datetime("ms"))
    share = _share(times.dt.replace_time_zone("UTC").is_between(*_SPAN))
    if share < 0.5:
        return None
    return Times(
        formats=(),
        share=share,
        zoned=getattr(column.raw.dtype, "time_zone", None) is not None,
        whole_days=_are_whole_days(times),
    )


def _are_whole_days(times: pl.Series) -> bool:
    return times.n_unique() > 1 and (times.dt.time() == time(0)).all()


def _some(values: pl.Series, many: int) -> pl.Series:
    return values.sample(min(many, len(values)), seed=0)  # not every n-th: rows may alternate


def _share(mask: pl.Series) -> float:
    return int(mask.sum()) / max(1, len(mask))


def _epoch_unit(tried: pl.Series) -> str:
    shares = {unit: _share(_in_span(tried, unit)) for unit in _EPOCH_UNITS}
    best = max(shares, key=lambda unit: shares[unit])
    return best if shares[best] >= 0.5 else ""


def _in_span(values: pl.Series, unit: str) -> pl.Series:
    low, high = (bound * _EPOCH_UNITS[unit] for bound in _EPOCH_SPAN)
    return values.cast(pl.Float64, strict=False).is_between(low, high).fill_null(False)


def _formats(tried: pl.Series) -> tuple[tuple[str, ...], bool, str]:
    """The formats that together read most of the values, whether day and month are unsure, and why."""
    formats: list[str] = []
    unsure, notes = False, []
    left = tried
    while len(formats) < _MAX_FORMATS and len(left) > 0.01 * len(tried):
        best, share = _best(left, _plausible(left))
        if share < 0.3:
            break
        best, is_unsure, note = _day_or_month(left, best)
        unsure |= is_unsure
        notes += [note] if note else []
        formats.append(best)
        left = tried.filter(_parsed(tried, formats).is_null())
    if len(left) > 0.5 * len(tried):
        return (), False, ""
    return tuple(formats), unsure, "; ".join(notes)


def _plausible(values: pl.Series) -> list[str]:
    """Formats that read any of a few values."""
    few = _some(values, _FIRST_LOOK)
    if not few.str.contains(r"^\D{0,12}[0-9].{0,60}[0-9].{0,10}$").any():
        return []
    # All in one go, as a call a format would take most of the time of a guess.
    read = few.to_frame("v").select(
        pl.col("v").str.to_datetime(one, strict=False).is_not_null().any().alias(one) for one in _FORMATS
    )
    iso = ["iso"] if few.str.contains(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}").any() else []
    return iso + [one for one, reads in zip(_FORMATS, read.row(0), strict=True) if reads]


def _best(values: pl.Series, formats: Sequence[str]) -> tuple[str, float]:
    shares = {one: _share(_parsed(values, [one]).is_not_null()) for one in formats}
    best = max(shares, key=lambda one: shares[one], default="")
    return best, shares.get(best, 0.0)


def _day_or_month(tried: pl.Series, best: str) -> tuple[str, bool, str]:
    """Decide between day first and month first, by the data where they can tell."""
    swapped = _swapped(best)
    if not swapped:
        return best, False, ""
    spans = {}
    for one in (best, swapped):
        times = _parsed(tried, [one])
        if _share(times.is_not_null()) >= _SURE:
            millis = times.drop_nulls().dt.epoch("ms").to_list()
            spans[one] = max(millis) - min(millis)
    if len(spans) < 2:
        return best, False, f"{_order(best)}: the other way round some dates do not exist"
    # Read the wrong way round, days that follow each other fly apart into months.
    near, far = sorted((best, swapped), key=lambda one: spans[one])
    if spans[near] < 0.5 * spans[far]:
        return near, False, f"{_order(near)}: both read, but so the days lie close together"
    return best, True, f"ambiguous, {_order(best)} is taken: if wrong, write {swapped}"


def _order(time_format: str) -> str:
    return "month first" if time_format.find("%m") < time_format.find("%d") else "day first"


def _swapped(time_format: str) -> str:
    for one, other in (("%d{0}%m{0}", "%m{0}%d{0}"), ("%m{0}%d{0}", "%d{0}%m{0}")):
        for mark in "/-.":
            if time_format.startswith(one.format(mark)):
                return time_format.replace(one.format(mark), other.format(mark))
    return ""


def _parsed(values: pl.Series, formats: Sequence[str]) -> pl.Series:
    """The times that the formats, tried in order, read; null where none does or the year is odd."""
    times = pl.Series(values.name, [None] * len(values), dtype=UTC_MS)
    for one in formats:
        read = utc_times(values, [one], "UTC")
        times = times.zip_with(times.is_not_null(), read)
    return times.set(~times.is_between(*_SPAN).fill_null(False), None)
