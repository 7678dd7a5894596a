"""Files of rows in every format, packed, damaged and large, read chunk by chunk."""

import csv
import gzip
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.errors import UserError
from semantize.reading import compression, parquet
from semantize.reading.csv_records import records
from semantize.reading.tables import ROW, find_files, has_column, open_table, read_chunks, read_table

Row = tuple[int | str | None, ...]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tables")


def pack(path: Path, content: bytes) -> Path:
    if path.suffix == ".gz":
        content = gzip.compress(content)
    elif path.suffix in (".zst", ".zstd"):
        packed = pa.BufferOutputStream()
        with pa.CompressedOutputStream(packed, "zstd") as stream:
            stream.write(content)
        content = packed.getvalue().to_pybytes()
    path.write_bytes(content)
    return path


def read(path: Path, *wanted: str, block: int = 8 << 20) -> tuple[list[Row], list[tuple[int, str, str]]]:
    """All records, with their row numbers, and all bad rows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compression, "_BLOCK_BYTES", block)
        chunks = list(read_chunks(path, wanted))
    rows = [row for chunk in chunks for row in chunk.frame.rows()]
    return rows, [(bad.row, bad.reason, bad.raw) for chunk in chunks for bad in chunk.bad]


CSV_CELLS = st.sampled_from(
    ["a", "", " ", "x y", "é", "\x00", "'", "#", "null", "\ufeff", "a\x0bb", "\u2028", '"q"', '"a""b"', '""']
    + ['"m,n;o\tp|q"', '"l1\nl2"', '"l1\r\nl2"', '"l1\rl2"', 'a"b', '"', '"open', '"shut"x']
)
CSV_NOISE = st.lists(
    st.sampled_from(['"', '""', ",", ";", "\n", "\r\n", "\r", "a", "\t", '"x\n', "\n\n"]), max_size=8
)


@st.composite
def hostile_csv(draw: st.DrawFn) -> tuple[int, str, bytes]:
    """The width and separator of a CSV file, and the file."""
    width, mark = draw(st.integers(1, 4)), draw(st.sampled_from(",,;\t|"))
    end = draw(st.sampled_from(["\n", "\n", "\r\n", "\r"]))
    text = (
        draw(st.sampled_from(["", "\ufeff", "\n"])) + mark.join(f"c{place}" for place in range(width)) + end
    )
    for _ in range(draw(st.integers(0, 12))):
        size = draw(st.sampled_from([width, width, width, width + 1, width - 1]))
        text += mark.join(draw(CSV_CELLS) for _ in range(size)) + draw(st.sampled_from([end, end, "\n", ""]))
        text += "".join(draw(CSV_NOISE)) if draw(st.booleans()) else ""
    content = text.encode()
    if draw(st.booleans()):
        content = content.replace("é".encode(), b"\xe9")
    return width, mark if width > 1 else ",", content


@given(hostile_csv(), st.sampled_from([1, 5, 20, 60, 1 << 20]))
def test_csv_gives_what_the_careful_parser_gives(
    folder: Path, hostile: tuple[int, str, bytes], block: int
) -> None:
    width, mark, content = hostile
    path = folder / "hostile.csv"
    path.write_bytes(content)
    text = content.decode("utf-8-sig", errors="replace").lstrip("\r\n")
    expected: list[Row] = []
    bad: list[tuple[int, str, str]] = []
    lines = list(io.StringIO(text, newline=""))
    for row, (fields, raw) in enumerate(records(lines[1:], mark, width), start=1):
        if fields is None:
            bad.append((row, "wrong_field_count", raw))
        else:
            expected.append((row, *fields))
    assert read(path, *[f"c{place}" for place in range(width)], block=block) == (expected, bad)


def test_long_quoted_fields_are_left_to_the_careful_parser(tmp_path: Path) -> None:
    long = "x" * (csv.field_size_limit() + 1)
    path = tmp_path / "long.csv"
    path.write_text(f'a,b\n"{long}",1\n{long},"2"\n{long},3\n', encoding="utf-8")
    rows, bad = read(path, "b")
    assert rows == [(3, "3")]
    assert [row for row, _, _ in bad] == [1, 2]


JSON_CELLS = st.one_of(
    st.sampled_from(["x", "", "é", 'a"b', "\t", "😀", "\u2028", "a\\b", "/", "\x00", "[1]", "\ud800"]),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.floats(-1000, 1000).map(lambda number: round(number, 3)),
    st.booleans(),
    st.none(),
)
JSON_KEYS = st.sampled_from(["a", "b", "é", "", "c", ","])
JSON_OBJECTS = st.one_of(
    st.fixed_dictionaries({"a": JSON_CELLS, "b": JSON_CELLS}, optional={"c": JSON_CELLS}),
    st.dictionaries(
        JSON_KEYS,
        st.recursive(
            JSON_CELLS,
            lambda cells: st.lists(cells, max_size=2) | st.dictionaries(JSON_KEYS, cells),
            max_leaves=4,
        ),
        max_size=4,
    ),
)


@st.composite
def json_line(draw: st.DrawFn) -> str:
    text = json.dumps(
        draw(JSON_OBJECTS),
        ensure_ascii=draw(st.booleans()),
        separators=draw(st.sampled_from([(", ", ": "), (",", ":"), (" ,", "\t: ")])),
    ).replace("\ud800", "\\ud800")
    if draw(st.integers(0, 3)) == 0:  # damaged or odd, but mostly close to JSON
        place = draw(st.integers(0, len(text)))
        noise = [
            '"',
            "",
            ",",
            "{",
            "}",
            " ",
            "\\",
            "\x0b",
            "\xa0",
            "1",
            "]",
            "00",
            "1.50",
            "1e5",
            '"a":7,',
            "\\u0061",
        ]
        text = text[:place] + draw(st.sampled_from(noise)) + text[place + draw(st.integers(0, 1)) :]
    return draw(st.sampled_from([text, text, text, f"\x0b{text} ", "", "\u3000", "[1]", "null", "{ }"]))


@given(
    st.lists(json_line(), max_size=12),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from([1, 30, 1 << 20]),
)
def test_json_lines_give_what_the_careful_parser_gives(
    folder: Path, lines: list[str], end: str, block: int
) -> None:
    path = folder / "hostile.jsonl"
    path.write_text(end.join(lines), encoding="utf-8", newline="")
    expected: list[Row] = []
    bad: list[tuple[int, str, str]] = []
    rows = [line.strip() for line in io.StringIO(path.read_bytes().decode(), newline="") if line.strip()]
    for row, line in enumerate(rows, start=1):
        try:
            record = json.loads(line)
        except ValueError:
            bad.append((row, "malformed_json", line))
            continue
        if isinstance(record, dict):
            expected.append((row, *[as_text(record.get(name)) for name in ("a", "b", ",")]))
        else:
            bad.append((row, "not_an_object", line))
    assert read(path, "a", "b", ",", block=block) == (expected, bad)


def as_text(value: object) -> str | None:
    text = value if isinstance(value, str) or value is None else json.dumps(value, ensure_ascii=False)
    return None if text is None else text.encode("utf-8", "replace").decode()


def test_damage_that_looks_like_json_costs_its_row(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    lines = ['{"a": 1, "b": {"a": [2]}}'] * 600
    lines[500] = '{"a": 1,}'
    lines[501] = '{"a": 1, "b": ' + "[" * 2000 + "]" * 2000 + "}"
    path.write_text("\n".join(lines), encoding="utf-8")
    rows, bad = read(path, "a")
    assert [row for row, _ in rows] == [*range(1, 501), *range(503, 601)]
    assert {cell for _, cell in rows} == {"1"}
    assert [(row, reason) for row, reason, _ in bad] == [(501, "malformed_json"), (502, "malformed_json")]


def test_usual_json_needs_no_careful_parser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "clicks.jsonl"
    lines = [
        '{"user": "a\\u00e9\\ud83d\\ude00", "n": 12, "price": 4.99, "more": {"tags": [{"x": [1.0]}]}}',
        '{"user": "b", "price": -0.05, "more": null}',
        '{"page":"/","user":null,"n":true}',
    ]
    path.write_text("\n".join(lines * 50), encoding="utf-8")
    expected = [("aé😀", "12", "4.99"), ("b", None, "-0.05"), (None, "true", None)]
    monkeypatch.setattr("semantize.reading.json_lines._cell", None)
    assert read(path, "user", "n", "price")[0][:3] == [(at, *row) for at, row in enumerate(expected, start=1)]
    assert len(read(path, "user")[0]) == 150


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst", ".zstd", ".GZ"])
def test_packed_text_is_read_as_it_streams(tmp_path: Path, suffix: str) -> None:
    content = b"\xef\xbb\xbfa,b\r\n" + b"".join(b"%d,caf\xe9\r\n" % number for number in range(500))
    path = pack(tmp_path / f"log.csv{suffix.lower()}", content)
    path = path.rename(path.with_name(f"log.CSV{suffix}"))
    rows, bad = read(path, "b", "a", block=64)
    assert rows == [(number + 1, str(number), "caf\ufffd") for number in range(500)]
    assert bad == []


def test_packed_files_may_have_several_members(tmp_path: Path) -> None:
    for suffix in (".gz", ".zst"):
        path = pack(tmp_path / f"log.tsv{suffix}", b"a\tb\n1\t2\n")
        path.write_bytes(path.read_bytes() + pack(tmp_path / f"more{suffix}", b"3\t4\n").read_bytes())
        assert read(path, "a")[0] == [(1, "1"), (2, "3")]


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_files_cut_short_are_refused(tmp_path: Path, suffix: str) -> None:
    path = pack(tmp_path / f"log.jsonl{suffix}", b'{"a": 1}\n' * 1000)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(
        UserError, match=rf"log\.jsonl{suffix}: not a readable \.jsonl file \(.*; export it again"
    ):
        read_table(path, ["a"])


def test_endless_lines_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "_BLOCK_BYTES", 10)
    monkeypatch.setattr(compression, "_MAX_LINE_BYTES", 100)
    path = tmp_path / "log.json"
    path.write_text('{"a": "' + "x" * 200, encoding="utf-8")
    with pytest.raises(UserError, match="has a line of more than 256 MB; write one record a line"):
        open_table(path, [])


@pytest.fixture
def three_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(parquet, "_PIECE_ROWS", 15)
    monkeypatch.setattr(parquet, "CHUNK_ROWS", 8)
    path = tmp_path / "log.parquet"
    frame = pl.DataFrame({"n": range(30), "t": [datetime(2026, 1, 1, tzinfo=UTC)] * 30, "x": [[1]] * 30})
    frame.write_parquet(path, row_group_size=10)
    return path


def test_parquet_pieces_cover_the_file_and_number_its_rows(three_groups: Path) -> None:
    table = open_table(three_groups, ["n", "t"])
    assert (table.names, table.pieces, table.empty) == (("n", "t", "x"), 2, False)

    def numbers(piece: int | None) -> Iterator[Row]:
        for chunk in read_chunks(three_groups, ["n", "t"], piece):
            assert chunk.rows <= 8
            assert chunk.frame.schema["t"] == pl.Datetime("us", "UTC")
            yield from chunk.frame.select(ROW, "n").rows()

    assert [*numbers(0), *numbers(1)] == list(numbers(None)) == [(n + 1, n) for n in range(30)]
    assert len(list(numbers(0))) == 20
    assert [row for chunk in read_chunks(three_groups, []) for row in chunk.frame[ROW]] == list(range(1, 31))


def test_parquet_columns_that_are_no_plain_values_are_refused(three_groups: Path) -> None:
    with pytest.raises(UserError, match=r"column 'x' holds List\(Int64\); map a column of plain values"):
        open_table(three_groups, ["x"])


def test_names_of_json_lines_are_looked_for_in_all_rows(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    lines = ['{"a": 1}'] * 500 + ["junk", '{"l\\u0061te": 1}']
    path.write_text("\n".join(lines), encoding="utf-8")
    table = open_table(path, [])
    assert (table.names, table.fixed, table.pieces) == (("a",), False, 1)
    assert [has_column(table, name) for name in ("a", "late", "junk")] == [True, True, False]


def test_files_of_a_folder(tmp_path: Path) -> None:
    for name in ("b/2.csv.gz", "b/1.jsonl", "a.TSV", "notes.txt", ".hidden.csv", ".cache/x.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    def found(source: str | Path, pattern: str = "") -> list[str]:
        return [str(path.relative_to(tmp_path)) for path in find_files(source, pattern)]

    assert found(tmp_path) == ["a.TSV", "b/1.jsonl", "b/2.csv.gz"]
    assert found(tmp_path, "*/*.csv.gz") == found(f"{tmp_path}/**/*.csv.gz") == ["b/2.csv.gz"]
    assert found(tmp_path / "notes.txt", "*.csv") == ["notes.txt"]
    for name in ("events-2.parquet", "events.parquet", "histories.parquet"):
        (tmp_path / name).touch()
    assert found(tmp_path) == ["events-2.parquet", "events.parquet"]


def test_sources_without_files_are_told(tmp_path: Path) -> None:
    for source, pattern, message in [
        (tmp_path / "none.csv", "", r"none\.csv: no such file"),
        (tmp_path / "*.csv", "", r"\*\.csv: no such file"),
        (tmp_path, "", "holds no files that end in .parquet, .csv"),
        (tmp_path, "day*.csv", r"holds no files that match day\*\.csv; name a file"),
        (tmp_path, "/etc/*.csv", "/etc/.*: is no pattern of files inside"),
    ]:
        with pytest.raises(UserError, match=message):
            find_files(source, pattern)
