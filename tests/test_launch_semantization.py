"""`usergpt semantize run`, `update`, `explain` and `report` on a small CSV, as a user types them."""

from pathlib import Path

import pytest

from launch.cli import main
from records.locks import held

HEADER = "customer,when,item,what\n"
MAPPING = """
columns: {user_id: customer, timestamp: when, content: item, action: what}
constants: {source: Shop}
timezone: Europe/Berlin
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    rows = [
        f"ann,2026-01-{day:02} 09:00,{item},buy"
        for day in range(1, 29)
        for item in ("Oat Milk", "[Hot] Green Tea")
    ]
    rows += [
        "bob,2026-01-05 20:15,Write to bob@example.com,buy",
        "bob,never,Tea,buy",
        ",2026-01-01 10:00,Tea,buy",
    ]
    (tmp_path / "shop.csv").write_text(HEADER + "\n".join(rows) + "\n")
    (tmp_path / "shop.yaml").write_text(MAPPING)
    return tmp_path / "shop.csv"


def semantize(*words: object) -> int:
    return main(["semantize", *map(str, words)])


def test_from_file_to_evidence(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = log.parent / "out"
    run = ("run", log, "--mapping", log.with_suffix(".yaml"), "--out", out, "semantize.short_term_days=7")
    assert semantize(*run) == 0
    shown = capsys.readouterr().out
    assert "59 rows, 0 duplicates; 57 events of 2 users" in shown
    assert "1 missing_user, 1 unreadable_time" in shown
    assert "masked: 1 email" in shown
    assert "tokens are those of a tokenizer trained on this log" in shown

    assert semantize("explain", out, "ann", "--line", "1") == 0
    shown = capsys.readouterr().out
    assert "[TIME: 2026-01 morning] [TYPE: buy] [COUNT: 42] | Green Tea ×21, Oat Milk ×21" in shown
    assert "2026-01-01 09:00:00" in shown  # in the mapping's zone
    assert "content=(Hot) Green Tea" in shown
    assert "56 of the user's 56 events stand behind these lines" in shown
    assert semantize("explain", out, "ann", "--line", "99") == 2
    assert "--line 99: the history of 'ann' has lines 1 to 8" in capsys.readouterr().err
    assert semantize("explain", out, "zoe") == 2
    assert "no user 'zoe'; there is 'ann', for one" in capsys.readouterr().err

    new = log.with_name("new.csv")
    new.write_text(HEADER + "bob,2026-02-01 08:00,Teapot,buy\nann,2026-01-01 09:00,Oat Milk,buy\n")
    assert semantize("update", out, new) == 0
    assert "2 rows, 1 duplicates" in capsys.readouterr().out
    assert semantize("explain", out, "bob") == 0
    shown = capsys.readouterr().out
    assert "Teapot" in shown
    assert "(email)" in shown

    assert semantize("report", out) == 0
    shown = capsys.readouterr().out
    assert "2 users" in shown
    assert "no labels: retention is not measured" in shown
    assert (out / "report" / "semantics.html").is_file()


def test_what_cannot_be_is_said_in_one_line(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = log.parent / "out"
    assert semantize("run", log, "--out", out) == 2
    assert "no column 'user_id'" in capsys.readouterr().err
    mapping = log.with_suffix(".yaml")
    assert semantize("run", log, "--mapping", mapping, "--out", out, "--model", log.parent) == 2
    assert "no tokenizer.json; name a Hugging Face model directory or a run" in capsys.readouterr().err
    assert semantize("run", log, "--mapping", mapping, "--out", out, "semantize.top_q=3") == 2
    assert "the nearest known one is semantize.top_k" in capsys.readouterr().err
    assert semantize("report", log.parent) == 2
    assert "holds no semantized log" in capsys.readouterr().err
    assert (
        semantize("run", log, "--mapping", mapping, "--out", out, "semantize.max_quarantine_share=0.01") == 2
    )
    error = capsys.readouterr().err
    assert "3.4% of 59 rows are unusable (1 missing_user, 1 unreadable_time), more than 1.0%" in error
    assert semantize("run", log, "--mapping", mapping, "--out", out) == 0  # goes on


def test_labels_of_users_with_pseudonyms(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, key, labels = (log.with_name(name) for name in ("out", "key", "labels.csv"))
    key.write_text("0123456789abcdef" * 4)
    key.chmod(0o600)
    rows = [f"user{number},2026-01-01,{('Tea', 'Saw')[number % 2]},buy\n" for number in range(40)]
    log.write_text(HEADER + "".join(rows))
    labels.write_text("user_id,kind\n" + "".join(f"user{n},{('t', 's')[n % 2]}\n" for n in range(40)))
    words = ("--mapping", log.with_suffix(".yaml"), "--out", out, "--pseudonymize", key)
    assert semantize("run", log, *words) == 0
    assert semantize("report", out, "--labels", labels) == 2
    assert "holds pseudonyms; give their key with --pseudonymize" in capsys.readouterr().err
    assert semantize("report", out, "--labels", labels, "--pseudonymize", key) == 0
    assert "1.000 │     1.000" in capsys.readouterr().out


def test_an_update_changes_no_setting(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = log.parent / "out"
    assert semantize("run", log, "--mapping", log.with_suffix(".yaml"), "--out", out) == 0
    with held(out, "wait"):
        assert semantize("update", out, log) != 0
    assert "another run is at work there" in capsys.readouterr().err
    assert semantize("update", out, log, "semantize.top_k=1") != 0
    assert "semantize.top_k: " in capsys.readouterr().err
