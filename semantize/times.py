"""Times of a log, however written, as UTC milliseconds."""

import polars as pl

UTC_MS = pl.Datetime("ms", "UTC")
_ISO = r"^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(:\d{2})?([.,]\d+)?)?\s*(Z|[+-]\d{2}:?\d{2})?$"
_YEARS = (1900, 2199)  # a time outside is a mistaken unit (milliseconds read as seconds), not a time


def utc_times(times: pl.Series, time_format: str, timezone: str) -> pl.Series:
    """`times` as Datetime("ms", "UTC"); null where unreadable.

    `time_format` is iso or empty (ISO 8601 text, or a date or datetime column), epoch_s, epoch_ms, or a
    strptime format. Times without an offset of their own are local to `timezone`; in the hour that is
    repeated in autumn they count as the earlier, in the hour left out in spring they are unreadable.
    Raises ValueError where the type of the column or the format makes no sense.
    """
    if times.dtype.is_temporal() and times.dtype not in (pl.Date, pl.Datetime):
        raise ValueError(f"holds {times.dtype}, not a point in time")
    if times.dtype.is_temporal():
        parsed = _localised(times.cast(pl.Datetime("ms", getattr(times.dtype, "time_zone", None))), timezone)
    elif time_format in ("epoch_s", "epoch_ms"):
        factor = 1000.0 if time_format == "epoch_s" else 1.0
        millis = (times.cast(pl.Float64, strict=False) * factor).round()
        # NaN and infinities fail the bound, so that the cast to integers cannot.
        usable = millis.set(~(millis.abs() < 1e14).fill_null(False), None)
        parsed = usable.cast(pl.Int64).cast(UTC_MS)
    elif times.dtype != pl.String:
        raise ValueError(f"holds {times.dtype}; set time_format to epoch_s or epoch_ms")
    elif time_format in ("", "iso"):
        parsed = _iso_times(times, timezone)
    else:
        try:
            naive = times.str.strip_chars().str.to_datetime(time_format, strict=False, time_unit="ms")
        except pl.exceptions.PolarsError as error:
            raise ValueError(f"time_format {time_format!r} is no strptime format") from error
        parsed = _localised(naive, timezone)
    return parsed.set(~parsed.dt.year().is_between(*_YEARS).fill_null(False), None)


def _localised(times: pl.Series, timezone: str) -> pl.Series:
    if getattr(times.dtype, "time_zone", None) is None:
        times = times.dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null")
    return times.dt.convert_time_zone("UTC")


def _iso_times(times: pl.Series, timezone: str) -> pl.Series:
    # Polars infers one format a column; a log may mix seconds, fractions and offsets.
    stripped = pl.col("time").str.strip_chars()
    parts = (
        pl.DataFrame({"time": times})
        .select(
            date=stripped.str.extract(_ISO, 1),
            minutes=stripped.str.extract(_ISO, 2).fill_null("00:00"),
            seconds=stripped.str.extract(_ISO, 3).fill_null(":00"),
            fraction=stripped.str.extract(_ISO, 4).fill_null(".0").str.replace(",", ".").str.head(4),
            offset=stripped.str.extract(_ISO, 5).str.replace("Z", "+0000").str.replace(":", ""),
        )
        .with_columns(
            naive=pl.concat_str("date", pl.lit("T"), "minutes", "seconds").str.to_datetime(
                "%Y-%m-%dT%H:%M:%S", strict=False, time_unit="ms"
            )
            + pl.duration(milliseconds=pl.col("fraction").cast(pl.Float64) * 1000, time_unit="ms"),
            sign=pl.when(pl.col("offset").str.starts_with("-")).then(-1).otherwise(1),
            hours=pl.col("offset").str.slice(1, 2).cast(pl.Int64),
            odd_minutes=pl.col("offset").str.slice(3, 2).cast(pl.Int64),
        )
    )
    offset = pl.duration(
        minutes=pl.col("sign") * (pl.col("hours") * 60 + pl.col("odd_minutes")), time_unit="ms"
    )
    own = parts.select(time=(pl.col("naive") - offset).dt.replace_time_zone("UTC"))["time"]
    local = _localised(parts["naive"], timezone)
    return pl.select(pl.coalesce(own, local)).to_series()
