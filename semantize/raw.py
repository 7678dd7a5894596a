"""The raw log that histories are compared with."""

import polars as pl


def raw_lines(events: pl.DataFrame) -> pl.Series:
    """One `time source action content` line an event."""
    text = [pl.col(name).cast(pl.String).fill_null("") for name in ("source", "action", "content")]
    time = pl.col("timestamp").dt.strftime("%Y-%m-%d %H:%M:%S")
    return events.select(line=pl.format("{} {} {} {}", time, *text)).to_series()
