"""`usergpt semantize inspect`, as its owner calls it."""

from pathlib import Path

import pytest

from launch.inspection import inspect_log
from records.errors import UserError
from semantize.reading.mapping import load_mapping
from tests import logs


def test_mapping_is_shown_written_and_followed_by_the_next_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    log = logs.movielens(tmp_path)
    assert inspect_log(log, None) == 0
    written = tmp_path / "ratings.csv.mapping.yaml"
    mapping = load_mapping(str(written))
    assert mapping.columns["content"] == "title"
    assert mapping.join is not None
    assert mapping.join.path == str(tmp_path / "movies.csv")
    shown = capsys.readouterr().out
    assert "ratings.csv: first 240 rows" in shown
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown.splitlines() if "│" in line]
    assert cells[0][:3] == ["user_id", "userId", "sure"]
    assert [row[:3] for row in cells if row[0] == "action"] == [["action", "“Rate”", "sure"]]
    assert f"Written to {written.name}: look it over. Next:" in shown
    assert shown.splitlines()[-1] == (
        f"usergpt semantize run {log} --mapping ratings.csv.mapping.yaml --out runs/ratings"
    )


def test_what_only_the_owner_can_settle_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert inspect_log(logs.foursquare(tmp_path), tmp_path / "m.yaml") == 0
    assert "To settle: venueId holds ids, and no text says what they mean" in capsys.readouterr().out


def test_a_mapping_is_not_overwritten_unless_forced(tmp_path: Path) -> None:
    log = logs.aol(tmp_path)
    out = tmp_path / "mine.yaml"
    out.write_text("mine")
    with pytest.raises(UserError, match=r"mine\.yaml: exists; .* --force"):
        inspect_log(log, out)
    assert out.read_text() == "mine"
    assert inspect_log(log, out, force=True) == 0
    assert load_mapping(str(out)).columns["content"] == "Query"


def test_examples_hold_no_personal_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "250")
    rows = "".join(f"u{n % 5},2024-03-{n:02d} 10:00:00,write to jane{n}@example.com\n" for n in range(1, 29))
    (tmp_path / "log.csv").write_text("user,timestamp,query\n" + rows)
    assert inspect_log(tmp_path / "log.csv", tmp_path / "log.yaml") == 0
    shown = capsys.readouterr().out + "".join(path.read_text() for path in tmp_path.glob("*.yaml"))
    assert "write to (email)" in shown
    assert "@example.com" not in shown
    assert "2024-03-01 10:00:00" in shown


def test_a_log_of_events_gets_no_mapping(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "events.csv"
    log.write_text("user_id,timestamp,source,action\nu,2024-01-01,Shop,Order\n")
    assert inspect_log(log, tmp_path / "m.yaml") == 0
    assert not (tmp_path / "m.yaml").exists()
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2:] == [
        "The log has the columns of events already: no mapping is needed. Next:",
        f"usergpt semantize run {log} --out runs/events",
    ]


def test_hostile_text_cannot_style_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "[red]log.csv"
    log.write_text("[user],time,title\n" + "\x1b[31mu[/x],2024-01-01,\x07Tea [link=x] pot\n" * 6)
    assert inspect_log(log, tmp_path / "m.yaml") == 0
    shown = capsys.readouterr().out
    assert not {"\x1b", "\x07"} & set(shown)
    assert "(red)log.csv: first 6 rows" in shown
    assert "(user)" in shown


def test_a_log_that_cannot_be_guessed_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no header"):
        inspect_log(logs.taobao(tmp_path, ""), tmp_path / "m.yaml")
    assert not (tmp_path / "m.yaml").exists()
