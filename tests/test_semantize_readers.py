"""Logs of every kind and format, damaged ones included, as events by a mapping alone."""

import gzip
import json
from pathlib import Path

import polars as pl
import pytest

from records.errors import UserError
from records.events import EVENT_SCHEMA
from semantize.reading import cells
from semantize.reading.fields import KEY
from semantize.reading.mapping import Condition, Mapping, Override, SideTable, load_mapping
from semantize.reading.quarantine import QUARANTINE_SCHEMA
from semantize.reading.readers import LogReader
from semantize.reading.tables import ROW
from semantize.reading.whole_log import ReadResult, read_log

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
        ("log.json", b'{\n"user_id": "a"\n}', "no column 'user_id', as the first rows hold no objects"),
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
    with pytest.raises(UserError, match="holds no files that end in .parquet, .csv"):
        read(tmp_path)


def test_event_ids_become_unique(tmp_path: Path) -> None:
    text = "user_id,timestamp,source,action,event_id\n"
    text += "u,2026-01-01,S,A,x\nu,2026-01-02,S,A,x\nu,2026-01-03,S,A,\n"
    events = read(write(tmp_path / "log.csv", text)).events
    assert events["event_id"].to_list() == ["x", "x.2", "e00000003"]


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
    assert result.quarantined == {"join:repeated_key": 1, "join:wrong_field_count": 1}


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


def test_search_log_with_raw_action_codes(tmp_path: Path) -> None:
    mapping = write(
        tmp_path / "search.yaml",
        "columns: {user_id: AnonID, timestamp: QueryTime, content: Query, action: Kind}\n"
        "constants: {source: Search}\n"
        "actions: {q: Search, c: Click result}\n"
        "where: [{column: Query, matches: '^-?$', negate: true}]\n",
    )
    (tmp_path / "logs").mkdir()
    header = "AnonID\tQuery\tQueryTime\tKind\n"
    write(
        tmp_path / "logs" / "part-01.tsv.gz",
        header + "142\trent a car\t2006-03-01 07:17:12\tq\n142\t-\t2006-03-01 07:18:00\tq\n",
    )
    write(tmp_path / "logs" / "part-02.tsv", header + "142\tcars.com\t2006-03-01 07:17:20\t c \n")
    write(tmp_path / "logs" / "part-03.tsv", header)
    result = read(tmp_path / "logs", load_mapping(str(mapping)))
    assert result.events.select("user_id", "action", "content", "event_id").rows() == [
        ("142", "Search", "rent a car", "e00000001"),
        ("142", "Click result", "cars.com", "e00000003"),
    ]
    assert (result.rows, result.filtered, result.quarantined) == (3, 1, {})


def test_check_ins_with_venues_and_a_zone_in_the_time(tmp_path: Path) -> None:
    mapping = write(
        tmp_path / "checkins.yaml",
        "columns: {user_id: user, timestamp: when, content: category, location: country}\n"
        "constants: {source: Maps, action: Check in}\n"
        "time_format: '%a %b %d %H:%M:%S %z %Y'\n"
        "join: {path: venues.csv, on: venue, key: id, columns: [category, country]}\n",
    )
    write(tmp_path / "venues.csv", "id,category,country\n4f0f,Jazz Club,US\n4a43,Gym,TR\n")
    write(
        tmp_path / "checkins.csv",
        "user,venue,when\n"
        "50756,4f0f,Tue Apr 03 18:00:06 +0000 2012\n"
        "50756,4a43,Tue Apr 03 18:00:07 -0400 2012\n"
        "50756,none,Tue Apr 03 2012\n",
    )
    result = read(tmp_path, load_mapping(str(mapping)))  # the venues are no log
    assert result.events.select("timestamp", "content", "location").cast(pl.String).rows() == [
        ("2012-04-03 18:00:06.000+00:00", "Jazz Club", "US"),
        ("2012-04-03 22:00:07.000+00:00", "Gym", "TR"),
    ]
    assert result.quarantined == {"unreadable_time": 1}


def test_clickstream_of_json_lines(tmp_path: Path) -> None:
    mapping = write(
        tmp_path / "clicks.yaml",
        "columns: {user_id: uid, timestamp: ts, action: event, content: item, value: price, event_id: id}\n"
        "constants: {source: Shop}\n"
        "time_format: [epoch_ms, iso]\n"
        "actions: {view: View, buy: Order}\n"
        "where:\n"
        "  - {column: event, one_of: [view, buy, 3]}\n"
        "  - {column: bot, equals: true, negate: true}\n"
        "  - {column: price, max: 100}\n",
    )
    clicks = [
        {
            "uid": 7,
            "ts": 1769594400123,
            "event": "view",
            "item": "Tea",
            "price": 3.5,
            "id": "x",
            "meta": {"a": [1]},
        },
        {"uid": 7, "ts": "2026-01-28T10:00:01Z", "event": "buy", "item": "Tea", "price": 3.0, "id": "x"},
        {"uid": 8, "ts": 1769594400123, "event": 3.0, "item": "Café", "price": 1, "id": "x"},
        {"uid": 7, "ts": 1769594400123, "event": "scroll", "price": 1},
        {"uid": 7, "ts": 1769594400123, "event": "view", "bot": True, "price": 1},
        {"uid": 7, "ts": 1769594400123, "event": "view", "price": 101},
        {"uid": 7, "ts": 1769594400123, "event": "view"},
    ]
    log = write(tmp_path / "clicks.jsonl", "\n".join(json.dumps(click) for click in clicks) + "\n{")
    result = read(log, load_mapping(str(mapping)))
    assert result.events.select("user_id", "action", "content", "value", "event_id").rows() == [
        ("7", "View", "Tea", 3.5, "x"),
        ("7", "Order", "Tea", 3.0, "x.2"),
        ("8", "3", "Café", 1.0, "x"),
    ]
    assert (result.rows, result.filtered, result.quarantined) == (8, 4, {"malformed_json": 1})


def test_a_reader_gives_batches_and_accounts_for_every_row(tmp_path: Path) -> None:
    write(
        tmp_path / "a.csv", "u,t,item,kind\n1.0,2026-01-01,x,view\n,2026-01-01,y,\nbad\n2,2026-01-02,,hide\n"
    )
    write(tmp_path / "b.csv", "u,t,item,kind\n")
    pl.DataFrame({"u": [3.0], "t": ["2026-01-03"], "item": ["z"], "kind": ["buy"]}).write_parquet(
        tmp_path / "c.parquet"
    )
    write(tmp_path / "items.csv", "item,title\nx,Tea\nbroken\nx,Tea\nx,Pot\n,Jar\n")
    mapping = Mapping(
        columns={"user_id": "u", "timestamp": "t", "content": "title", "action": "kind"},
        constants={"source": "S", "action": "View"},
        join=SideTable(path="items.csv", on="item", columns=["title"]),
        where=[Condition(column="kind", equals="hide", negate=True)],
        overrides=[Override(field="category", column="kind", matches="^b", value="Paid")],
    )
    reader = LogReader(tmp_path, mapping)
    assert [file.name for file in reader.files] == ["a.csv", "c.parquet"]
    assert reader.pieces() == [(0, None), (1, None)]
    items = str(tmp_path / "items.csv")
    assert reader.side_quarantine.rows() == [
        (items, 2, "join:wrong_field_count", "broken"),
        (items, 4, "join:repeated_key", '{"item":"x","title":"Pot"}'),
        (items, 5, "join:missing_key", '{"item":"","title":"Jar"}'),
    ]
    first, second = [batch for index, piece in reader.pieces() for batch in reader.read(index, piece)]
    assert first.events.columns == [ROW, *EVENT_SCHEMA, KEY]
    assert first.events.select(ROW, "user_id", "content", "action", "event_id", KEY).rows() == [
        (1, "1", "Tea", "view", None, "view\x1fx")
    ]
    assert dict(first.quarantine.schema) == QUARANTINE_SCHEMA
    assert first.quarantine.select("row", "reason").rows() == [(2, "missing_user"), (3, "wrong_field_count")]
    assert (first.rows, first.filtered) == (4, 1)
    assert second.events.select("user_id", "action", "category").rows() == [("3", "buy", "Paid")]
    assert (first.gaps, second.gaps) == ({}, {"not_in_side_table": 1})


def test_numbers_that_are_none_are_counted(tmp_path: Path) -> None:
    log = write(
        tmp_path / "log.csv",
        "user_id,timestamp,source,action,count,value\n"
        "u,2026-01-01,S,Buy,two,1.5\nu,2026-01-02,S,Buy,,\nu,2026-01-03,S,Buy,2,dear\n,2026-01-03,S,Buy,x,y\n",
    )
    mapping = Mapping(
        columns={name: name for name in ("user_id", "timestamp", "source", "action", "count", "value")}
    )
    (batch,) = LogReader(log, mapping).read(0)
    assert batch.gaps == {"unreadable_count": 1, "unreadable_value": 1}
    assert batch.events.select("count", "value").rows() == [(1, 1.5), (1, None), (2, None)]


@pytest.mark.parametrize(
    ("condition", "kept"),
    [
        (Condition(column="n", equals=5), ["5", "5.0"]),
        (Condition(column="n", equals="five"), ["five"]),
        (Condition(column="n", equals=""), [""]),
        (Condition(column="n", one_of=["five", 7.0]), ["7", "five"]),
        (Condition(column="n", matches="^[57]"), ["5", "5.0", "7"]),
        (Condition(column="n", min=6), ["7"]),
        (Condition(column="n", min=5, max=6.5), ["5", "5.0"]),
        (Condition(column="n", min="7"), ["7", "five"]),
        (Condition(column="n", min=6, negate=True), ["5", "5.0", "five", ""]),
    ],
)
def test_conditions_leave_rows_out(tmp_path: Path, condition: Condition, kept: list[str]) -> None:
    cells = ["5", "5.0", " 7 ", "five", ""]
    log = write(tmp_path / "log.csv", "u,t,n\n" + "".join(f"u,2026-01-01,{cell}\n" for cell in cells))
    mapping = Mapping(
        columns={"user_id": "u", "timestamp": "t", "content": "n"},
        constants={"source": "S", "action": "A"},
        where=[condition],
    )
    result = read(log, mapping, limit=0.0)
    assert result.events["content"].to_list() == [cell.strip() for cell in kept]
    assert (result.rows, result.filtered) == (5, 5 - len(kept))


def test_conditions_that_leave_nothing_are_told(tmp_path: Path) -> None:
    log = write(tmp_path / "log.csv", separated(","))
    columns = {name: name for name in NAMES}
    with pytest.raises(UserError, match="where: leaves out all 3 rows"):
        read(log, Mapping(columns=columns, where=[Condition(column="action", equals="order")]))


def test_parquet_cells_of_every_type_become_fields(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "user_id": [17850.0, None, float("nan"), 2.5],
            "timestamp": pl.Series(["2026-01-01"] * 4).str.to_date(),
            "source": pl.Series(["S"] * 4, dtype=pl.Categorical),
            "action": [True, False, True, False],
            "content": [1, None, 3, 4],
            "count": [2.6, None, 1.0, float("inf")],
            "value": pl.Series([0.1, 1, 2, 3], dtype=pl.Float32),
        }
    )
    frame.write_parquet(tmp_path / "log.parquet")
    result = read(tmp_path / "log.parquet")
    assert result.events.select("user_id", "source", "action", "content", "count", "value").rows() == [
        ("17850", "S", "true", "1", 3, 0.1),
        ("2.5", "S", "false", "4", 1, 3.0),
    ]
    assert result.quarantined == {"missing_user": 2}


@pytest.mark.parametrize("distinct", [3, 3000])
def test_text_is_trimmed_whether_values_repeat_or_not(distinct: int) -> None:
    clean = [f"value {number % distinct}" for number in range(3000)]
    messy = pl.Series([f" {text}\u3000" if number % 7 == 0 else text for number, text in enumerate(clean)])
    assert cells.text(messy).to_list() == cells.text(pl.Series(clean)).to_list() == clean
    assert cells.text(pl.Series([*clean, " ", "", None])).to_list() == [*clean, None, None, None]


def test_files_of_one_log_need_the_mapped_columns(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "user_id,timestamp,source,action,content\nu,2026-01-01,S,A,Tea\n")
    write(tmp_path / "b.csv", "user_id,timestamp,source,action\nu,2026-01-02,S,A\n")
    assert read(tmp_path).events["content"].to_list() == ["Tea", ""]
    mapping = Mapping(columns={name: name for name in NAMES})
    with pytest.raises(UserError, match=r"b\.csv: no column 'content'; did you mean"):
        read(tmp_path, mapping)
    (tmp_path / "b.csv").unlink()
    row = {"user_id": "u", "timestamp": "2026-01-02", "source": "S", "action": "A"}
    write(tmp_path / "c.jsonl", json.dumps(row) + "\n" + json.dumps({**row, "content": "Milk"}) + "\n")
    write(tmp_path / "d.jsonl", json.dumps(row) + "\n")
    assert read(tmp_path, mapping).events["content"].to_list() == ["Tea", "", "Milk"]
    write(tmp_path / "c.jsonl", json.dumps(row) + "\n")
    with pytest.raises(UserError, match=r"c\.jsonl: no column 'content'"):
        read(tmp_path, mapping)


def test_a_folder_without_rows_names_its_files(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "")
    write(tmp_path / "b.jsonl", "\n\n")
    with pytest.raises(UserError, match=r"none of its 2 files holds rows \(a\.csv, b\.jsonl\)"):
        read(tmp_path)


def test_times_of_a_senseless_type_are_told(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    pl.DataFrame({"user_id": ["u"], "timestamp": [1], "source": ["S"], "action": ["A"]}).write_parquet(path)
    with pytest.raises(UserError, match=r"log\.parquet: column 'timestamp' holds Int64; set time_format"):
        read(path)


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
