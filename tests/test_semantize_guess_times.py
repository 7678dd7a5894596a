"""Time formats told from values."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from semantize.guessing.columns import describe
from semantize.guessing.times import Times, is_time_of_day, read_times
from semantize.reading.times import utc_times

MOMENTS = [datetime(2021, 3, 1, 7, 5, 9, 250_000, tzinfo=UTC) + timedelta(hours=31 * n) for n in range(60)]


def times_of(values: list[object] | pl.Series) -> Times | None:
    return read_times(describe(values if isinstance(values, pl.Series) else pl.Series("t", values)))


def read(values: list[object] | pl.Series) -> Times:
    times = times_of(values)
    assert times is not None
    return times


@pytest.mark.parametrize(
    ("written", "time_format", "zoned"),
    [
        (lambda t: f"{t:%Y-%m-%d %H:%M:%S}", "iso", False),
        (lambda t: f"{t:%Y-%m-%dT%H:%M:%S}.250Z", "iso", True),
        (lambda t: f"{t:%Y-%m-%dT%H:%M:%S}+02:00", "iso", True),
        (lambda t: f"{t:%Y-%m-%d %H:%M:%S} UTC", "%Y-%m-%d %H:%M:%S UTC", True),
        (lambda t: str(int(t.timestamp())), "epoch_s", True),
        (lambda t: f"{t.timestamp():.3f}", "epoch_s", True),
        (lambda t: str(int(t.timestamp() * 1e3)), "epoch_ms", True),
        (lambda t: str(int(t.timestamp() * 1e6)), "epoch_us", True),
        (lambda t: f"{t:%d.%m.%Y %H:%M}", "%d.%m.%Y %H:%M", False),
        (lambda t: f"{t.day}/{t.month}/{t.year} {t.hour}:{t.minute:02d}", "%d/%m/%Y %H:%M", False),
        (lambda t: f"{t.month}/{t.day}/{t:%y} {t.hour}:{t.minute:02d}", "%m/%d/%y %H:%M", False),
        (lambda t: f"{t:%m/%d/%Y %I:%M:%S %p}", "%m/%d/%Y %I:%M:%S %p", False),
        (lambda t: f"{t:%Y%m%d%H%M%S}", "%Y%m%d%H%M%S", False),
        (lambda t: f"{t:%Y年%m月%d日 %H:%M}", "%Y年%m月%d日 %H:%M", False),
        (lambda t: f"{t:%d %b %Y, %H:%M}", "%d %B %Y, %H:%M", False),
        (lambda t: f"{t:%B %d, %Y %I:%M %p}", "%B %d, %Y %I:%M %p", False),
        (lambda t: f"{t:%a %b %d %H:%M:%S +0000 %Y}", "%a %b %d %H:%M:%S %z %Y", True),
        (lambda t: f"{t:%d/%b/%Y:%H:%M:%S} +0100", "%d/%b/%Y:%H:%M:%S %z", True),
        (lambda t: f"{t:%a, %d %b %Y %H:%M:%S} GMT", "%a, %d %b %Y %H:%M:%S GMT", True),
    ],
)
def test_formats(written: Callable[[datetime], str], time_format: str, zoned: bool) -> None:
    times = read([written(moment) for moment in MOMENTS])
    assert times == Times(formats=(time_format,), share=1.0, zoned=zoned, whole_days=False, note=times.note)


def test_formats_read_what_was_written() -> None:
    written = pl.Series("t", [f"{moment:%d.%m.%Y %H:%M:%S}" for moment in MOMENTS])
    (time_format,) = read(written).formats
    assert utc_times(written, [time_format], "UTC").to_list() == [
        moment.replace(microsecond=0) for moment in MOMENTS
    ]


@pytest.mark.parametrize("time_format", ["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%Y%m%d"])
def test_days_without_a_time_of_day(time_format: str) -> None:
    times = read([moment.strftime(time_format) for moment in MOMENTS])
    assert times.whole_days
    assert times.share == 1.0


def test_typed_columns_need_no_format() -> None:
    assert read(pl.Series("t", [moment.replace(tzinfo=None) for moment in MOMENTS])) == Times(
        formats=(), share=1.0, zoned=False, whole_days=False
    )
    assert read(pl.Series("t", MOMENTS)).zoned
    assert read(pl.Series("t", [date(2021, 3, 1), date(2021, 3, 2)])).whole_days
    assert times_of(pl.Series("t", [moment.time() for moment in MOMENTS])) is None


def test_day_and_month_are_told_apart_by_days_past_the_twelfth() -> None:
    times = read([f"{day}/3/2021" for day in range(1, 31)])
    assert (times.formats, times.unsure) == (("%d/%m/%Y",), False)
    assert times.note == "day first: the other way round some dates do not exist"


def test_day_and_month_are_told_apart_by_days_that_lie_together() -> None:
    times = read([f"12/{day}/2010 8:26" for day in range(1, 9)])
    assert (times.formats, times.unsure) == (("%m/%d/%Y %H:%M",), False)
    assert times.note == "month first: both read, but so the days lie close together"
    assert read([f"{day}/12/2010 8:26" for day in range(1, 9)]).formats == ("%d/%m/%Y %H:%M",)


def test_day_and_month_that_nothing_tells_apart_are_unsure() -> None:
    times = read([f"03/04/2021 {hour}:00" for hour in range(24)])
    assert times.unsure
    assert times.note == "ambiguous, month first is taken: if wrong, write %d/%m/%Y %H:%M"


def test_two_formats_in_one_column() -> None:
    values: list[object] = [
        f"{moment:%d.%m.%Y %H:%M}" if n % 3 == 0 else f"{moment:%Y-%m-%d %H:%M:%S}"
        for n, moment in enumerate(MOMENTS)
    ]
    times = read(values)
    assert (times.formats, times.share) == (("iso", "%d.%m.%Y %H:%M"), 1.0)


def test_damaged_values_cost_only_their_share() -> None:
    values: list[object] = [f"{moment:%Y-%m-%d %H:%M:%S}" for moment in MOMENTS]
    values[:6] = ["?", "soon", "0000-00-00", "2021-13-01", "1", "n/a"]
    assert read(values).share == 0.9
    assert read([None, " ", *values[6:]]).share == 1.0


@pytest.mark.parametrize(
    "values",
    [
        ["17850", "13047"],
        ["536365", "C536379"],
        ["31198570044", "31198655051"],
        ["2017", "2018"],
        ["49bbd6c0f964a520f4531fe3", "4bf58dd8d48988d127951735"],
        ["10.0.0.1", "10.0.0.2"],
        ["3.14", "2.71"],
        ["White (1998)", "Red 2"],
        ["08:15", "09:15"],
        ["1951-03-04", "1948-01-02"],
        [None, None],
        ["x" * 10_000 + "1", "\x00"],
    ],
)
def test_what_is_no_time(values: list[object]) -> None:
    assert times_of(pl.Series("t", values, dtype=pl.String)) is None


@pytest.mark.parametrize(
    ("values", "is_one"),
    [(["08:15", "23:59:01"], True), (["8:15 AM", None], True), (["12", "13"], False), ([None], False)],
)
def test_times_of_day(values: list[object], is_one: bool) -> None:
    assert is_time_of_day(describe(pl.Series("t", values, dtype=pl.String))) is is_one
