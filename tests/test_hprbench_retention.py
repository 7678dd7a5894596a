"""What histories keep: paired macro-F1 by hand, lines read back, both readers, the report and its page."""

import json
from pathlib import Path

import polars as pl
import pytest

from hprbench.paired import paired_f1
from hprbench.retention import label_retention, read_lines
from hprbench.semantics import measure_semantics
from launch.semantics import render, report
from records.config import SemantizeConfig
from records.errors import UserError
from records.simulation import SimulateConfig
from semantize.folder import Job, open_log
from semantize.pipeline import LocalRunner, semantize
from semantize.worker import Semantizer
from simulate.engine import simulate


def answers(**values: str) -> dict[str, frozenset[str]]:
    return {user: frozenset(value.split()) for user, value in values.items()}


def test_macro_f1_by_hand() -> None:
    truth = {"pet": answers(u="cat", v="cat", w="dog", x="dog")}
    # a: cat 2·2/(2+3) = .8, dog 2·1/(2+1) = 2/3; b: cat 2·1/(2+1) = 2/3, dog 1; fish is nobody's.
    a = {"pet": answers(u="cat", v="cat", w="cat", x="dog")}
    b = {"pet": answers(u="cat", v="fish", w="dog", x="dog")}
    one = paired_f1(truth, a, b, seed=0)
    assert one.a == pytest.approx((0.8 + 2 / 3) / 2)
    assert one.b == pytest.approx((2 / 3 + 1.0) / 2)
    assert one.low <= one.difference <= one.high
    same = paired_f1(truth, a, a, seed=0)
    assert (same.difference, same.low, same.high) == (0, 0, 0)


def test_micro_f1_by_hand() -> None:
    truth = {"hobbies": answers(u="art chess", v="golf")}
    a = {"hobbies": answers(u="art", v="golf sailing")}
    # Shared 2, said 3 (sailing is nobody's), true 3.
    assert paired_f1(truth, a, a, seed=0, micro=("hobbies",)).a == pytest.approx(2 * 2 / (3 + 3))


def test_readers_must_answer_for_the_same_users() -> None:
    with pytest.raises(ValueError, match="pet: users differ"):
        paired_f1({"pet": answers(u="cat")}, {"pet": answers(u="cat")}, {"pet": answers(v="cat")}, seed=0)


def test_lines_are_read_as_they_stand() -> None:
    text = (
        "#1 [Source: Shop] [TIME: 2026-01 daytime] [TYPE: Order] [COUNT: 9] "
        "| Tea ×2, Wet Wipes (gift) ~morning\n"
        "#2 [Source: Shop] [TIME: 2026-02] [TYPE: Order] [COUNT: 1] | Jar\n"
        "#3 [Source: Places] [TIME: 2026-03-05 night] [TYPE: Check-in] [COUNT: 3] [PLACE: Rome] | Gym"
    )
    frame = read_lines({"ann": text})
    tea, jar = (("ann", "Shop", "Order", name, "") for name in ("Tea", "Jar"))
    gym = ("ann", "Places", "Check-in", "Gym", "Rome")
    assert frame.select("user_id", "source", "action", "content", "location").rows() == [
        ("ann", "Shop", "Order", "Wet Wipes (gift)", ""), tea, tea, jar, gym, gym, gym,
    ]  # fmt: skip
    assert frame["timestamp"].dt.strftime("%Y-%m-%d %H").to_list() == [
        "2026-01-15 08", *["2026-01-15 14"] * 2, "2026-02-15 12", *["2026-03-05 21"] * 3,
    ]  # fmt: skip
    with pytest.raises(ValueError, match="not a history line"):
        read_lines({"ann": "hello"})


def test_labels_are_learnt_from_both_texts_and_a_loss_is_seen() -> None:
    users = [f"u{n:02}" for n in range(40)]
    labels = pl.DataFrame(
        {
            "user_id": [*users, "stranger"],
            "pet": ["cat", "dog"] * 20 + ["cat"],
            "name": [f"n{n}" for n in range(41)],  # as many values as users: no label
            "constant": ["x"] * 41,
        }
    )
    raw = {user: f"{('meow', 'woof')[n % 2]} food {n}" for n, user in enumerate(users)}
    kept = label_retention(raw, {user: f"#1 | {text}" for user, text in raw.items()}, labels)
    assert list(kept.by_tag) == ["pet"]
    assert (kept.users, kept.overall.a, kept.overall.b) == (40, 1.0, 1.0)
    lost = label_retention(raw, dict.fromkeys(raw, "#1 | food"), labels)
    assert lost.overall.high < -0.3
    with pytest.raises(UserError, match="labels: no column has 2 to 20 values"):
        label_retention(raw, raw, labels.select("user_id", "constant"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small simulation, semantized with the defaults."""
    base = tmp_path_factory.mktemp("semantics")
    simulate(SimulateConfig(users=60), 3, base / "log")
    out = base / "<b>out"
    generation = open_log(str(base / "log"), Job(config=SemantizeConfig()), out)
    semantizer = Semantizer(out, 0, None)
    semantize(generation, semantizer, LocalRunner(semantizer), None, 0.2, lambda *_: None)
    return out


def test_a_simulated_log_loses_words_and_not_knowledge(folder: Path) -> None:
    measured = measure_semantics(folder, 1000, None)
    assert measured.tokens.saved > 0.75
    stages = dict(measured.stages)
    events = pl.scan_parquet(folder.parent / "log" / "events-*.parquet").select(pl.len()).collect().item()
    assert sum(stages.values()) == events
    assert stages["shown"] > 0.5 * events
    assert max(measured.budget_use) <= 1
    (one,) = measured.retention
    assert (one.reader, one.users, len(one.by_tag)) == ("rule oracle", 60, 18)
    assert one.overall.a > 0.85
    assert one.overall.difference > -0.05  # of 60 users; the documents have the figures of many


def test_the_report_is_printed_and_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(folder, 20, None, None, as_json=True) == 0
    printed = json.loads(capsys.readouterr().out)
    assert json.loads((folder / "report" / "semantics.json").read_text()) == printed
    assert printed["tokens"]["users"] == 20
    page = (folder / "report" / "semantics.html").read_text()
    assert page.count("<svg") == 4
    assert "<b>out" not in page
    assert "‹b›out" in page
    assert "http" not in page.replace("http-equiv", "")
    assert report(folder, 20, None, None, as_json=False) == 0
    assert "rule oracle" in capsys.readouterr().out


def test_labels_of_other_users_are_refused(folder: Path, tmp_path: Path) -> None:
    pl.DataFrame({"user_id": ["x"], "pet": ["cat"]}).write_csv(tmp_path / "labels.csv")
    with pytest.raises(UserError, match="no user of .* is in it"):
        measure_semantics(folder, 10, tmp_path / "labels.csv")
    pl.DataFrame({"who": ["x"]}).write_csv(tmp_path / "labels.csv")
    with pytest.raises(UserError, match="no column user_id"):
        measure_semantics(folder, 10, tmp_path / "labels.csv")
    with pytest.raises(UserError, match="no such file"):
        measure_semantics(folder, 10, tmp_path / "none.parquet")


def test_a_page_without_labels_has_no_retention(folder: Path) -> None:
    measured = measure_semantics(folder, 5, None)
    bare = type(measured)(
        **{name: getattr(measured, name) for name in measured.__slots__} | {"retention": []}
    )
    assert render(bare).count("<svg") == 3
