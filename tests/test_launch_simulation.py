"""`usergpt simulate`: what its commands print and write, and what they refuse."""

import json
from pathlib import Path

import polars as pl
import pytest

from launch import cli
from records.simulation import SimulateConfig
from simulate.engine import simulate

CONFIG = SimulateConfig(users=140, min_days=60, max_days=200)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("log")
    simulate(CONFIG, 2, out)
    return out


def test_sample_page_shows_labels_and_their_events(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["simulate", "sample", str(log), "--users", "3"]) == 0
    assert "3 users in" in capsys.readouterr().out
    page = (log / "report" / "sample.html").read_text(encoding="utf-8")
    assert page.count("<article>") == 3
    gold = pl.read_parquet(log / "gold-00000.parquet")
    for user in ("u0000000", "u0000069", "u0000139"):
        assert user in page
        for values, event_ids in (
            gold.filter(pl.col("user_id") == user).select("values", "event_ids").iter_rows()
        ):
            assert all(value in page for value in values)
            assert not event_ids or event_ids[-1] in page
    assert "<script" not in page
    assert "default-src 'none'" in page


def test_leaks_prints_a_table_and_writes_numbers(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["simulate", "leaks", str(log)]) == 0
    printed = capsys.readouterr().out
    assert "macro-F1 over the 18 tags, 35 held-out users" in printed
    assert "oracle" in printed
    numbers = json.loads((log / "report" / "leaks.json").read_text())
    assert numbers["cases"]["all"] == 35 * 18
    assert set(numbers["macro_f1"]) == {"majority", "TF-IDF + LR", "oracle"}


def test_a_log_of_another_version_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    simulate(CONFIG, 2, tmp_path)
    file = tmp_path / "events-00000.parquet"
    pl.read_parquet(file).with_columns(content=pl.lit("Tea")).write_parquet(file)
    assert cli.main(["simulate", "sample", str(tmp_path)]) == 2
    assert "was made by another version of the simulator; simulate again" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["sample", "{log}", "--users", "0"], "--users: 0 users; give at least 1"),
        (
            ["sample", "{log}/nowhere"],
            "holds no simulation (settings.json is missing); simulate into it first",
        ),
        (["leaks", "{log}/nowhere"], "holds no simulation"),
        (
            ["run", "--out", "{log}/x", "simulate.user=3"],
            "unknown key 'simulate.user'; the nearest known one is",
        ),
        (
            ["run", "--out", "{log}/x", "simulate.noise.na_rate=2"],
            "simulate.noise.na_rate is 2; it must be at most 1",
        ),
        (["run", "--out", "{log}/x", "--recipe", "{log}/r.yaml"], "no such recipe file"),
        (
            ["run", "--out", "{log}/x", "simulate.platforms.Places.weight=x"],
            "simulate.platforms.Places.weight: Value 'x'",
        ),
    ],
)
def test_mistakes_are_said_in_one_line(
    words: list[str], message: str, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["simulate", *(word.replace("{log}", str(log)) for word in words)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (log / "x").exists()
