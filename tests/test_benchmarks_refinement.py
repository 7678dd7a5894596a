"""The benchmark of refined titles: its measures by hand, its labels, and a run on a small copy of the log."""

import json
import math
from pathlib import Path

import polars as pl
import pytest

from benchmarks.refinement import count_tokens, distinguishes, main
from benchmarks.titles import chinese, is_held_out, read_labels, read_titles, simulated
from hprbench.overlap import bleu, rouge_1, rouge_l
from records.errors import UserError
from semantize.refining.entity import Entity


def test_bleu_by_hand() -> None:
    """Three of four words meet and one of three bigrams, lunch bag; a longer text has no brevity penalty."""
    texts, references = ["red big lunch bag"], ["Red Lunch Bag"]
    assert bleu(texts, references, 1) == pytest.approx(3 / 4)
    assert bleu(texts, references, 2) == pytest.approx(math.sqrt(3 / 4 * 1 / 3))
    # Two words of three: a penalty of e^(1 - 3/2).
    assert bleu(["lunch bag"], references, 2) == pytest.approx(math.exp(1 - 3 / 2))
    # A word counts no oftener than the reference has it.
    assert bleu(["bag bag bag"], references, 1) == pytest.approx(1 / 3)
    assert bleu(["mug"], references, 1) == 0.0


def test_rouge_by_hand() -> None:
    """In order `bag red` shares one word with `red bag`; as words both: F1 1/2 and 1."""
    assert rouge_1("Bag red", "red bag") == 1.0
    assert rouge_l("Bag red", "red bag") == pytest.approx(2 * 1 / (2 + 2))
    assert rouge_l("big red lunch bag", "red bag") == pytest.approx(2 * 2 / (4 + 2))
    assert rouge_1("", "") == 1.0
    assert rouge_1("", "bag") == 0.0


def test_there_are_200_labels_of_at_most_three_attributes() -> None:
    labels = read_labels()
    assert len(labels) == 200
    assert labels["22629"] == Entity(core="Lunch Box", attributes=("Spaceboy",))
    assert labels["21506"] == Entity(core="Birthday Card")
    assert all(entity.core and len(entity.attributes) <= 3 for entity in labels.values())


def test_chinese_labels_are_in_two_halves_and_name_what_stands_in_the_title() -> None:
    development, held_out = chinese(held_out=False), chinese(held_out=True)
    assert len(development) + len(held_out) == 124
    assert min(len(development), len(held_out)) > 50
    assert not {one.title for one in development} & {one.title for one in held_out}
    for one in (*development, *held_out):
        assert len(one.entity.attributes) <= 3
        assert all(part in one.title for part in (one.entity.core, *one.entity.attributes))
    assert sum(one.entity.gift for one in (*development, *held_out)) == 3


def test_words_of_chinese_are_characters() -> None:
    assert rouge_l("婴儿奶粉 1段", "奶粉") == pytest.approx(2 * 2 / (6 + 2))
    assert bleu(["奶粉"], ["奶粉"], 2) == 1.0


def test_two_entities_of_one_text_are_told() -> None:
    texts = [Entity(core="Socks"), Entity(core="socks"), Entity(core="Hat")]
    known = [Entity(core="Outlet Socks"), Entity(core="Wool Socks"), Entity(core="Hat")]
    assert distinguishes(texts, known) == pytest.approx(1 / 3)


def test_titles_of_a_simulation_come_in_halves(tmp_path: Path) -> None:
    names = ["Crib", "Tea", "Hat", "Ski Pass", "Wet Wipes"]
    rows = [(f"New {name}", "product", False, name, ["Blue"]) for name in names]
    schema = ["content", "kind", "gift", "entity", "attributes"]
    pl.DataFrame(rows, schema=schema, orient="row").write_parquet(tmp_path / "titles.parquet")
    halves = [simulated(tmp_path, held_out=half) for half in (False, True)]
    assert [[one.entity.core for one in half] for half in halves] == [
        [name for name in names if is_held_out(name) is half] for half in (False, True)
    ]
    assert {one.entity.attributes for half in halves for one in half} == {("Blue",)}
    with pytest.raises(UserError, match="no titles of a simulation"):
        simulated(tmp_path / "nowhere", held_out=True)


def test_a_tokenizer_knows_frequent_words_only() -> None:
    count = count_tokens(None, [" wet wipes"] * 20 + [" rare"])
    assert count([" wet wipes", " rare"]) == [2, 5]


def copy_of_the_log(path: Path, codes: list[str]) -> Path:
    rows = [(code, "PINK THING NEW!", "1") for code in codes]
    rows += [(codes[0], "SPACEBOY LUNCH BOX", "1")] * 2 + [(codes[0], "damaged", None)] * 3
    frame = pl.DataFrame(rows, schema=["StockCode", "Description", "CustomerID"], orient="row")
    frame.write_parquet(path)
    return path


def test_the_most_frequent_title_of_customers_is_taken(tmp_path: Path) -> None:
    log = copy_of_the_log(tmp_path / "log.parquet", ["22629", "21506"])
    assert read_titles(log, ["22629", "21506"]) == {
        "22629": "SPACEBOY LUNCH BOX",
        "21506": "PINK THING NEW!",
    }
    with pytest.raises(UserError, match="holds no product 23552; give a full copy"):
        read_titles(log, ["22629", "23552"])
    with pytest.raises(UserError, match="no readable copy of Online Retail"):
        read_titles(tmp_path / "nowhere.parquet", ["22629"])


def test_a_wrong_path_gets_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([str(tmp_path / "nowhere.parquet")])
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_run_prints_json_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    codes = list(read_labels())
    log = copy_of_the_log(tmp_path / "log.parquet", ["22629", *(code for code in codes if code != "22629")])
    main([str(log), "--json"])
    scores = json.loads(capsys.readouterr().out)
    assert set(scores) == {"Online Retail", "Chinese, development", "Chinese, held out"}
    assert set(scores["Online Retail"]) == {"titles as they are", "rule refiner", "labels"}
    assert scores["Online Retail"]["titles as they are"]["words"] == pytest.approx(3.0)
    assert scores["Online Retail"]["rule refiner"]["words"] < 3.0
    assert scores["Online Retail"]["labels"]["bleu_2"] == 1.0
