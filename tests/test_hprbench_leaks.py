"""Neither leaking nor hopeless: the three readers on a reduced population, and the measure itself by hand."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from hprbench.leaks import SUBSETS, Leaks, macro_f1, measure_leaks
from records.events import EVENT_SCHEMA
from records.simulation import SimulateConfig
from records.tags import TAG_NAMES, GoldTag
from simulate.block import Simulator
from simulate.engine import check_config, scan, shards, simulate, table_path
from simulate.measure.oracle import Knowledge, public_knowledge, read_tags
from simulate.world_reader import load_world

CONFIG = SimulateConfig(users=500)


@pytest.fixture(scope="module")
def leaks(tmp_path_factory: pytest.TempPathFactory) -> Leaks:
    out = tmp_path_factory.mktemp("leaks")
    simulate(CONFIG, 1, out)
    return measure_leaks(out, CONFIG, 1)


@pytest.fixture(scope="module")
def knowledge() -> Knowledge:
    simulator = Simulator(CONFIG, load_world(CONFIG), 0, check_config(CONFIG, 0))
    return public_knowledge(simulator.world, simulator.titles, CONFIG)


def test_the_oracle_reads_the_log(leaks: Leaks) -> None:
    assert leaks.users == 125
    assert leaks.macro_f1["oracle"]["all"] >= 0.90
    assert leaks.macro_f1["oracle"]["non-NA"] >= 0.90


def test_words_alone_do_not_give_the_labels_away(leaks: Leaks) -> None:
    """Learnt from 375 users words know less than from 3,000, so the bounds are lower than 0.75 and 0.55."""
    words = leaks.macro_f1["TF-IDF + LR"]
    assert words["all"] <= 0.60
    assert words["temporal"] <= 0.40
    assert words["trap"] <= 0.45
    assert words["all"] >= leaks.macro_f1["majority"]["all"] + 0.15
    assert leaks.tfidf_by_tag["pet"] <= 0.80


def test_a_leak_is_seen(leaks: Leaks, tmp_path: Path) -> None:
    """A word of its own for each value of one tag, in every tenth event."""
    simulate(CONFIG, 1, tmp_path)
    pet = scan(tmp_path, "gold").filter((pl.col("tag") == "pet") & (pl.col("values").list.len() > 0))
    known = pet.select("user_id", word="qx" + pl.col("values").list.first()).collect()
    for shard in shards(CONFIG):
        path = table_path(tmp_path, "events", shard)
        events = pl.read_parquet(path).join(known, on="user_id", how="left", maintain_order="left")
        leaky = pl.col("word").is_not_null() & (pl.int_range(pl.len()) % 10 == 0)
        told = pl.when(leaky).then(pl.format("{} {}", "content", "word")).otherwise("content")
        events.with_columns(content=told).drop("word").write_parquet(path)
    assert measure_leaks(tmp_path, CONFIG, 1).tfidf_by_tag["pet"] >= 0.90


def test_na_is_a_value_like_any_other(leaks: Leaks) -> None:
    assert set(leaks.na_share) == set(TAG_NAMES)
    assert all(0.1 <= share <= 0.4 for share in leaks.na_share.values()), leaks.na_share
    assert leaks.cases["all"] == 125 * 18
    assert min(leaks.cases.values()) > 0


def gold_tag(tag: str, *values: str, difficulty: str = "explicit") -> GoldTag:
    return GoldTag(user_id="u", tag=tag, values=values, event_ids=(), difficulty=difficulty)


def test_macro_f1_by_hand() -> None:
    """pet: cat, cat, NA; said cat, NA, NA. cat 2·1/(1+2) = 2/3; NA 2·1/(2+1) = 2/3. Non-NA: cat alone."""
    truth = {"a": ("cat",), "b": ("cat",), "c": ()}
    said = {"a": ("cat",), "b": (), "c": ()}
    gold = {user: {"pet": gold_tag("pet", *values)} for user, values in truth.items()}
    predicted = {user: {"pet": values} for user, values in said.items()}
    assert macro_f1(predicted, gold, SUBSETS["all"], ["pet"]) == pytest.approx(2 / 3)
    assert macro_f1(predicted, gold, SUBSETS["non-NA"], ["pet"]) == pytest.approx(2 / 3)


# ------------------------------------------------------------------ the oracle's rules, one by one


def log(*events: tuple[float, str, str]) -> pl.DataFrame:
    """(day, action, content) of one user."""
    start = datetime(2025, 1, 1, tzinfo=UTC)
    rows = [
        ("u", start + timedelta(days=day), "E-commerce", action, content, "", "", 1, None, f"u-{i}")
        for i, (day, action, content) in enumerate(events)
    ]
    return pl.DataFrame(rows, schema=EVENT_SCHEMA, orient="row")


def titles_of(knowledge: Knowledge, tag: str, *values: str, gift: bool = False) -> str:
    """Some title of an item that shows exactly these values."""
    for content, item, is_gift in knowledge.contents.iter_rows():
        if knowledge.tags[item] == tag and knowledge.values[item] == values and is_gift == gift:
            return str(content)
    raise AssertionError((tag, values))


def test_oracle_takes_the_latest_value(knowledge: Knowledge) -> None:
    cat, dog = (titles_of(knowledge, "pet", value) for value in ("cat", "dog"))
    events = [(day, "Order", cat) for day in range(0, 200, 10)] + [
        (d, "Order", dog) for d in range(200, 300, 10)
    ]
    assert read_tags(log(*events), knowledge)["u"]["pet"] == ("dog",)


def test_oracle_leaves_gifts_out(knowledge: Knowledge) -> None:
    cat, gift = titles_of(knowledge, "pet", "cat"), titles_of(knowledge, "pet", "dog", gift=True)
    events = [(float(day), "Order", cat) for day in range(4)] + [
        (50.0 + day, "Order", gift) for day in range(9)
    ]
    found = read_tags(log(*events), knowledge)["u"]
    assert found["pet"] == ("cat",)
    assert read_tags(log(*events[4:]), knowledge)["u"]["pet"] == ()


def test_oracle_resolves_ambiguous_signs_by_clear_ones(knowledge: Knowledge) -> None:
    both, dog = titles_of(knowledge, "pet", "cat", "dog"), titles_of(knowledge, "pet", "dog")
    events = [(float(day), "Order", both) for day in range(6)] + [(10.0, "Order", dog)]
    assert read_tags(log(*events), knowledge)["u"]["pet"] == ("dog",)


def test_oracle_sends_a_housemate_away(knowledge: Knowledge) -> None:
    """Dumbbells all day, knitting armchairs between 21 and 23 only, more of them."""
    high, low = (titles_of(knowledge, "fitness", value) for value in ("high", "low"))
    female, male = (titles_of(knowledge, "gender", value) for value in ("female", "male"))
    events = []
    for day in range(60):
        events += [(day + (8 + day % 9) / 24, "Order", high if day % 3 else female)]
        if day % 2:
            events += [(day + (21 + day % 2) / 24, "Order", low if day % 4 == 1 else male)]
    found = read_tags(log(*events), knowledge)["u"]
    assert found["fitness"] == ("high",)
    assert found["gender"] == ("female",)


def test_oracle_does_not_believe_a_slip(knowledge: Knowledge) -> None:
    """One click on a stroller among clicks on coffee is a slip; an order of it is not."""
    stroller = titles_of(knowledge, "child_stage", "infant")
    coffee = titles_of(knowledge, "")
    beside = [(day + step / 1440, "Click", coffee) for day in range(30) for step in (0, 1)]
    slip = [(3 + 2 / 1440, "Click", stroller)]
    order = [(3 + 2 / 1440, "Order", stroller)]
    assert read_tags(log(*sorted(beside + slip)), knowledge)["u"]["child_stage"] == ()
    assert read_tags(log(*sorted(beside + order)), knowledge)["u"]["child_stage"] == ("infant",)


def test_leaks_needs_a_simulation(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="simulate into it first"):
        measure_leaks(tmp_path, CONFIG, 0)
