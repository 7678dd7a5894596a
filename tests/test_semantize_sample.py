"""The beginning of a file in every format, packed or not."""

import gzip
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from records.errors import UserError
from semantize.guessing.sample import sample

TEXT = "user,note\n" + "".join(f'u{n},"a, {n}"\n' for n in range(50))


def packed(path: Path, text: str) -> Path:
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    elif path.suffix == ".zst":
        with pa.CompressedOutputStream(str(path), "zstd") as stream:
            stream.write(text.encode())
    else:
        path.write_text(text)
    return path


@pytest.mark.parametrize("name", ["log.csv", "LOG.CSV", "log.csv.gz", "log.csv.zst"])
def test_first_rows_of_text(tmp_path: Path, name: str) -> None:
    frame = sample(packed(tmp_path / name, TEXT), 10)
    assert frame.schema == {"user": pl.String(), "note": pl.String()}
    assert frame.rows()[0] == ("u0", "a, 0")
    assert len(frame) == 10


@pytest.mark.parametrize("name", ["log.jsonl", "log.ndjson.gz", "log.json.zst"])
def test_first_rows_of_json_lines(tmp_path: Path, name: str) -> None:
    lines = '{"a": 1}\n{"b": {"c": 2}}\n'
    frame = sample(packed(tmp_path / name, lines))
    assert frame.to_dict(as_series=False) == {"a": ["1", None], "b": [None, '{"c": 2}']}


def test_first_rows_of_parquet_keep_their_types(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    pl.DataFrame({"n": range(100), "x": [0.5] * 100}).write_parquet(path)
    frame = sample(path, 7)
    assert frame.schema == {"n": pl.Int64(), "x": pl.Float64()}
    assert frame["n"].to_list() == list(range(7))


def test_damaged_rows_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("a,b\n1,2\n3\n4,5\n")
    assert sample(tmp_path / "log.csv").rows() == [("1", "2"), ("4", "5")]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("none.csv", None, "none.csv: no such file"),
        ("log.xlsx", b"PK", "log.xlsx: unknown extension"),
        ("log.parquet", b"junk", "log.parquet: not a readable .parquet file"),
        ("log.csv", b"a,b\n", "log.csv: holds no rows"),
        ("log.csv", b"", "log.csv: holds no rows"),
        ("log.csv.gz", b"junk", "log.csv.gz: not a readable"),
        ("log.csv.zst", b"junk", "log.csv.zst: not a readable"),
        ("log.json", b'[{"a": 1},\n{"a": 2}]', "log.json: row 1 begins a JSON array"),
        ("log.csv", "a,b\n1,2\n".encode("utf-16"), "log.csv: written in UTF-16"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(
    tmp_path: Path, name: str, content: bytes | None, told: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError) as error:
        sample(path)
    assert str(error.value).startswith(f"{tmp_path}/{told}")
    assert "\n" not in str(error.value)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a directory; name a file in it"):
        sample(tmp_path)


def test_an_empty_parquet_file_holds_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    pl.DataFrame(schema={"a": pl.Int64()}).write_parquet(path)
    with pytest.raises(UserError, match="holds no rows"):
        sample(path)
