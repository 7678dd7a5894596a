"""Times of a log, however written, as UTC milliseconds."""

from collections.abc import Sequence
from datetime import UTC, datetime

import polars as pl


class TimesError(ValueError):
    """A column or a format that tells no times."""


UTC_MS = pl.Datetime("ms", "UTC")
EPOCH_UNITS = {"epoch_s": 1000.0, "epoch_ms": 1.0, "epoch_us": 0.001}
"""Named formats of counted time → milliseconds in one unit."""

NAMED_TIME_FORMATS = ("iso", *EPOCH_UNITS)
# A time outside is a mistaken unit (milliseconds read as seconds), not a time.
_FIRST = int(datetime(1900, 1, 1, tzinfo=UTC).timestamp() * 1000)
_LAST = int(datetime(2200, 1, 1, tzinfo=UTC).timestamp() * 1000) - 1

_OFFSET = r"(?:Z|[+-][0-9]{2}:?[0-9]{2})"
_CLOCK_OFFSET = r"(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)"  # PostgreSQL writes whole hours as +00
_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = r"[T ][0-9]{2}:[0-9]{2}"
_FRACTION = r"(?:[.,][0-9]+)?"
_ISO = rf"{_DATE}(?:{_CLOCK}(?::[0-9]{{2}})?{_FRACTION}\s*{_CLOCK_OFFSET}?|\s*{_OFFSET}?)$"
_ISO_DATE = rf"^(.{{10}})\s*({_OFFSET}?)$"
_ISO_WITH_SECONDS = rf"{_DATE}{_CLOCK}:[0-9]{{2}}{_FRACTION}\s*{_CLOCK_OFFSET}?$"


def utc_times(times: pl.Series, time_formats: Sequence[str], timezone: str) -> pl.Series:
    """`times` as Datetime("ms", "UTC"); null where unreadable.

    A date or datetime column is taken as it is. Otherwise every value is read by the first of `time_formats`
    that gives it a time between 1900 and 2199: iso (ISO 8601), epoch_s, epoch_ms, epoch_us, or a strptime
    format; without any, iso. So values of several formats and zones may stand in one column, each read by
    itself: an offset in the value (Z, +0800, %z) or in the column's type wins; a value without one is local
    to `timezone`. Local times that an autumn clock change repeats count as the earlier, those that a spring
    one leaves out are unreadable. Counted times (epoch) know no zone.

    Raises TimesError where the type of the column or a format makes no sense.
    """
    if times.dtype in (pl.Date, pl.Datetime):
        zone = getattr(times.dtype, "time_zone", None)
        return _plausible(_localised(times.cast(pl.Datetime("ms", zone)), timezone))
    if times.dtype.is_temporal():
        raise TimesError(f"holds {times.dtype}, not a point in time")
    formats = list(time_formats) or ["iso"]
    if times.dtype.is_numeric():
        formats = [time_format for time_format in formats if time_format != "iso"]
        if not formats:
            raise TimesError(f"holds {times.dtype}; set time_format to epoch_s or epoch_ms (or epoch_us)")
    else:
        times = times.cast(pl.String).str.strip_chars()
    first, *others = formats
    parsed = _read(times, first, timezone)
    for time_format in others:
        left = (parsed.is_null() & times.is_not_null()).arg_true()
        if len(left):
            parsed = parsed.scatter(left, _read(times.gather(left), time_format, timezone))
    return parsed


def _read(times: pl.Series, time_format: str, timezone: str) -> pl.Series:
    if time_format in EPOCH_UNITS:
        return _plausible(_counted(times, EPOCH_UNITS[time_format]))
    if time_format == "iso":
        return _plausible(_iso(times, timezone))
    # Python writes fractions of seconds as .%f, polars as %.f.
    chrono_format = time_format.replace(".%f", "%.f")
    try:
        parsed = times.cast(pl.String).str.to_datetime(chrono_format, strict=False, time_unit="ms")
        return _plausible(_localised(parsed, timezone))
    except pl.exceptions.PolarsError as error:
        raise TimesError(f"time_format {time_format!r} is no strptime format") from error


def _plausible(times: pl.Series) -> pl.Series:
    return times.set(~times.cast(pl.Int64).is_between(_FIRST, _LAST).fill_null(True), None)


def _localised(times: pl.Series, timezone: str) -> pl.Series:
    zone = getattr(times.dtype, "time_zone", None)
    if zone is None:
        times, zone = (
            times.dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null"),
            timezone,
        )
    return times if zone == "UTC" else times.dt.convert_time_zone("UTC")


def _counted(times: pl.Series, factor: float) -> pl.Series:
    millis = (times.cast(pl.Float64, strict=False) * factor).round()
    # NaN and infinities fail the bound, so that the cast to integers cannot.
    usable = millis.set(~(millis.abs() < 1e14).fill_null(False), None)
    return usable.cast(pl.Int64).cast(UTC_MS)


def _iso(texts: pl.Series, timezone: str) -> pl.Series:
    # Polars infers one format a column; a log may mix seconds, fractions and offsets. Parts are cut out by
    # position, as captures of a regular expression take many times as long.
    if not texts.str.contains(_ISO_WITH_SECONDS).all():
        texts = _with_seconds(texts.set(~texts.str.contains(_ISO).fill_null(False), None))
    head = texts.str.head(19)
    if (texts.str.slice(10, 1) == " ").any():
        head = head.str.replace(" ", "T", literal=True)
    naive = head.str.to_datetime("%Y-%m-%dT%H:%M:%S", strict=False, time_unit="ms", cache=False)
    tail = texts.str.slice(19)
    if not tail.is_in(["", "Z"]).all():
        return _with_tail(naive, tail, timezone)
    absolute = tail == "Z"
    if not absolute.any():
        return _localised(naive, timezone)
    own = naive.dt.replace_time_zone("UTC")
    return own if absolute.all() else own.zip_with(absolute, _localised(naive, timezone))


def _with_seconds(texts: pl.Series) -> pl.Series:
    if texts.str.contains(_ISO_DATE).any():
        texts = texts.str.replace(_ISO_DATE, "${1}T00:00:00$2")
    whole = texts.str.contains(rf"{_DATE}{_CLOCK}:")
    return texts.zip_with(whole, texts.str.head(16) + ":00" + texts.str.slice(16))


def _with_tail(naive: pl.Series, tail: pl.Series, timezone: str) -> pl.Series:
    """`naive` moved by the fractions of seconds and the offsets that `tail` holds."""
    frame = pl.DataFrame({"tail": tail})
    parts = frame.join(_tail_parts(tail.unique()), on="tail", how="left", maintain_order="left")
    clock = naive + parts["shift"]
    own = clock.dt.replace_time_zone("UTC")
    absolute = parts["absolute"]
    return own if absolute.all() else own.zip_with(absolute, _localised(clock, timezone))


def _tail_parts(tail: pl.Series) -> pl.DataFrame:
    """The `shift` of the clock that every `tail` means, and whether the result is `absolute` (UTC)."""
    fraction = tail.str.extract(r"^[.,]([0-9]{1,3})").str.pad_end(3, "0").cast(pl.Int64).fill_null(0)
    offset = (
        tail.str.extract(rf"({_CLOCK_OFFSET})$").replace("Z", "+00").str.replace(":", "").str.pad_end(5, "0")
    )
    signed = offset.cast(pl.Int64)  # +0530 as 530
    minutes = (signed.abs() // 100 * 60 + signed.abs() % 100) * signed.sign()
    shift = fraction - (minutes * 60_000).fill_null(0)
    return pl.DataFrame(
        {"tail": tail, "shift": shift.cast(pl.Duration("ms")), "absolute": offset.is_not_null()}
    )
