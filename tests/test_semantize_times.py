"""Times of logs in every format, zone and type, as UTC."""

from datetime import UTC, datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semantize.reading.times import TimesError, utc_times


def at(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "time_format", "zone", "utc"),
    [
        ("2026-01-28 10:00", "", "UTC", "2026-01-28T10:00"),
        ("2026-01-28", "iso", "Asia/Shanghai", "2026-01-27T16:00"),
        ("2026-01-28T10:00:00.250+0530", "", "Asia/Shanghai", "2026-01-28T04:30:00.250"),
        ("2026-07-01T10:00:00-04:00", "", "UTC", "2026-07-01T14:00"),
        ("2026-01-28 10:00:00.25+00", "", "Asia/Shanghai", "2026-01-28T10:00:00.250"),  # as PostgreSQL writes
        ("2026-01-28 10:00-05", "", "UTC", "2026-01-28T15:00"),
        ("2026-01-28-05", "", "UTC", None),  # of a day rather its hour
        ("2026-10-25 01:30", "", "Europe/London", "2026-10-25T00:30"),  # told twice: the earlier
        ("2026-03-29 01:30", "", "Europe/London", None),  # never was
        ("28/01/26 10:00", "%d/%m/%y %H:%M", "America/New_York", "2026-01-28T15:00"),
        ("28/01/26 10:00 +0800", "%d/%m/%y %H:%M %z", "America/New_York", "2026-01-28T02:00"),
        ("Tue Apr 03 18:00:09 +0000 2012", "%a %b %d %H:%M:%S %z %Y", "UTC", "2012-04-03T18:00:09"),
        ("2026-01-28 10:00:00.5", "%Y-%m-%d %H:%M:%S.%f", "UTC", "2026-01-28T10:00:00.500"),
        ("20260128", "%Y%m%d", "UTC", "2026-01-28T00:00"),
        ("10:00", "%H:%M", "UTC", None),
        ("1769594400", "epoch_s", "Asia/Shanghai", "2026-01-28T10:00"),
        (" 1769594400.25 ", "epoch_s", "UTC", "2026-01-28T10:00:00.250"),
        ("1769594400123", "epoch_ms", "UTC", "2026-01-28T10:00:00.123"),
        ("1769594400123456", "epoch_us", "UTC", "2026-01-28T10:00:00.123"),
        ("1769594400123", "epoch_s", "UTC", None),
        ("nan", "epoch_s", "UTC", None),
        ("2026-13-01", "", "UTC", None),
        ("2026-1-2", "", "UTC", None),
        ("soon", "", "UTC", None),
    ],
)
def test_times(text: str, time_format: str, zone: str, utc: str | None) -> None:
    assert utc_times(pl.Series([text, None]), [time_format] if time_format else [], zone).to_list() == [
        at(utc),
        None,
    ]


def test_every_value_takes_the_first_format_that_reads_it() -> None:
    times = pl.Series(["2026-01-28T10:00+08:00", "1769594400", "1769594400123", "28.01.2026", "?", None])
    formats = ["iso", "epoch_s", "epoch_ms", "%d.%m.%Y"]
    assert utc_times(times, formats, "Asia/Shanghai").to_list() == [
        at("2026-01-28T02:00"),
        at("2026-01-28T10:00"),
        at("2026-01-28T10:00:00.123"),
        at("2026-01-27T16:00"),
        None,
        None,
    ]


def test_zones_may_differ_within_a_column() -> None:
    times = pl.Series(["2026-01-28T10:00:00Z", "2026-01-28 10:00:00", "2026-01-28T10:00:00 -00:30"])
    expected = [at("2026-01-28T10:00"), at("2026-01-28T02:00"), at("2026-01-28T10:30")]
    assert utc_times(times, [], "Asia/Shanghai").to_list() == expected


def test_typed_times() -> None:
    naive = pl.Series([datetime(2026, 1, 28, 10)])
    expected = at("2026-01-28T02:00")
    assert utc_times(naive, [], "Asia/Shanghai").to_list() == [expected]
    aware = naive.dt.replace_time_zone("Asia/Shanghai")
    assert utc_times(aware, [], "America/New_York").to_list() == [expected]
    assert utc_times(naive.dt.date(), [], "Asia/Shanghai").to_list() == [at("2026-01-27T16:00")]
    assert utc_times(pl.Series([1769594400, None]), ["epoch_s"], "UTC").to_list() == [
        at("2026-01-28T10:00"),
        None,
    ]
    assert utc_times(pl.Series([1769594400]), ["iso", "epoch_s"], "UTC").to_list() == [at("2026-01-28T10:00")]
    assert utc_times(pl.Series([20260128]), ["%Y%m%d"], "UTC").to_list() == [at("2026-01-28T00:00")]


def test_types_that_are_no_time_are_refused() -> None:
    with pytest.raises(TimesError, match="set time_format to epoch_s or epoch_ms"):
        utc_times(pl.Series([1769594400]), [], "UTC")
    with pytest.raises(TimesError, match="not a point in time"):
        utc_times(pl.Series([timedelta(hours=1)]), [], "UTC")


@st.composite
def iso_times(draw: st.DrawFn) -> tuple[str, datetime | None]:
    """A time as ISO text, and what it is in UTC where no zone means UTC + 8."""
    moment = draw(st.datetimes(datetime(1901, 1, 1), datetime(2198, 12, 31)))
    date, clock = moment.strftime("%Y-%m-%d"), draw(st.sampled_from(["", "%H:%M", "%H:%M:%S", "%H:%M:%S.%f"]))
    kept = datetime.strptime(date + moment.strftime(clock), "%Y-%m-%d" + clock)
    offset = draw(st.none() | st.integers(-14 * 60, 14 * 60))
    shown = ""
    if offset is not None:
        shown = "{}{:02d}{}{:02d}".format(
            "-" if offset < 0 else "+", abs(offset) // 60, draw(st.sampled_from(["", ":"])), abs(offset) % 60
        )
        if offset == 0 and draw(st.booleans()):
            shown = "Z"
    separator = draw(st.sampled_from("T ")) if clock else ""
    blank = st.sampled_from(["", " "])
    text = draw(blank) + date + separator + moment.strftime(clock) + draw(blank) + shown
    zone = timezone(timedelta(minutes=8 * 60 if offset is None else offset))
    millis = kept.replace(microsecond=kept.microsecond // 1000 * 1000, tzinfo=zone)
    return text, millis.astimezone(UTC)


@given(st.lists(iso_times(), min_size=1, max_size=8))
def test_iso_times_are_read_as_python_reads_them(times: list[tuple[str, datetime]]) -> None:
    texts, expected = zip(*times, strict=True)
    assert utc_times(pl.Series(texts), ["iso"], "Etc/GMT-8").to_list() == list(expected)
