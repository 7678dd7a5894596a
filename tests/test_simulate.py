"""The simulation engine: determinism, independence of users, schemas, gold labels and config errors."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from records.config import SimulateConfig
from records.errors import UserError
from records.events import EVENT_SCHEMA, GOLD_SCHEMA
from records.tags import TAG, TAG_NAMES
from simulate.catalogue import load_catalogue, parse_catalogue
from simulate.engine import simulate
from simulate.titles import GIFT

SMALL = SimulateConfig(users=20, min_days=60, max_days=120)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("simulated")
    simulate(SimulateConfig(users=300), 11, out)
    return out


@pytest.fixture(scope="module")
def events(written: Path) -> pl.DataFrame:
    return pl.read_parquet(written / "events.parquet")


@pytest.fixture(scope="module")
def gold(written: Path) -> pl.DataFrame:
    return pl.read_parquet(written / "gold.parquet")


@pytest.fixture(scope="module")
def evidence(events: pl.DataFrame, gold: pl.DataFrame) -> pl.DataFrame:
    """One row a piece of evidence, with the event it points at."""
    pieces = gold.explode("event_ids", "event_values", empty_as_null=True).drop_nulls("event_ids")
    pieces = pieces.with_columns(value_shown=pl.col("values").list.get(pl.col("event_values")))
    return pieces.join(events, left_on="event_ids", right_on="event_id", how="left", suffix="_event")


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        simulate(SMALL, seed, tmp_path / name)
    for file in ("events.parquet", "gold.parquet"):
        once, again, other = ((tmp_path / name / file).read_bytes() for name in "abc")
        assert once == again
        assert once != other
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["events.parquet", "gold.parquet"]


def test_a_user_does_not_depend_on_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    simulate(SMALL, 5, tmp_path / "twenty")
    monkeypatch.setattr("simulate.engine.CHUNK", 3)
    simulate(replace(SMALL, users=10), 5, tmp_path / "ten")
    for file in ("events.parquet", "gold.parquet"):
        twenty = pl.read_parquet(tmp_path / "twenty" / file)
        ten = pl.read_parquet(tmp_path / "ten" / file)
        assert twenty.filter(pl.col("user_id") < "u000010").equals(ten)


def test_events_have_the_schema_and_the_order(events: pl.DataFrame) -> None:
    assert dict(events.schema) == EVENT_SCHEMA
    assert events.equals(events.sort("user_id", "timestamp", maintain_order=True))
    assert events["event_id"].is_unique().all()
    assert events["event_id"][0] == "u000000-00000"
    assert events["user_id"].n_unique() == 300
    assert (events["count"] >= 1).all()
    assert str(events["timestamp"].dt.date().max()) == "2026-06-30"
    pairs = set(events.select("source", "action").unique().iter_rows())
    assert pairs == {
        ("E-commerce", "Search"), ("E-commerce", "Click"), ("E-commerce", "Order"), ("Delivery", "Order"),
        ("Travel", "Search"), ("Travel", "Book"), ("Places", "Check-in"),
    }  # fmt: skip
    assert events.filter(pl.col("action") == "Order")["value"].null_count() == 0
    assert events.filter(pl.col("action").is_in(["Click", "Search"]))["value"].drop_nulls().is_empty()


def test_history_length_and_activity(events: pl.DataFrame) -> None:
    back = (pl.lit("2026-07-01").str.to_date() - pl.col("timestamp").min().dt.date()).dt.total_days()
    users = events.group_by("user_id").agg(events=pl.len(), days=back)
    assert users["days"].to_numpy().max() <= 540
    a_day = (users["events"] / users["days"]).to_numpy()
    assert 0.7 < np.median(a_day) < 1.15
    assert 2.5 < np.quantile(a_day, 0.95) / np.median(a_day) < 6.0


def test_gold_has_18_rows_a_user_with_values_of_the_tag(gold: pl.DataFrame) -> None:
    assert dict(gold.schema) == GOLD_SCHEMA
    assert gold["tag"].to_list() == list(TAG_NAMES) * 300
    catalogue = load_catalogue()
    open_values = {"interests": catalogue.hobbies, "home_city": catalogue.city_names}
    for tag, values, event_ids in gold.select("tag", "values", "event_ids").iter_rows():
        assert len(values) <= TAG[tag].max_values
        assert set(values) <= set(TAG[tag].values or open_values[tag])
        assert bool(values) == bool(event_ids)
    assert set(gold["difficulty"]) == {"explicit", "implicit", "temporal", "trap"}


def test_evidence_belongs_to_the_user_and_shows_the_value(evidence: pl.DataFrame) -> None:
    assert evidence["source"].null_count() == 0
    assert (evidence["user_id"] == evidence["user_id_event"]).all()
    assert not evidence["content"].str.contains(GIFT.strip()).any()
    home = evidence.filter(pl.col("tag") == "home_city")
    assert (home["value_shown"] == home["location"]).all()
    titles: dict[tuple[str, str], list[str]] = {}
    for entity in load_catalogue().entities:
        for value in entity.values:
            titles.setdefault((entity.tag, value), []).append(entity.title.lower())
    named = evidence.filter(pl.col("tag") != "home_city").select("tag", "value_shown", "content")
    for tag, value, content in named.iter_rows():
        assert any(title in content.lower() for title in titles[tag, value]), content


def test_na_shares_stay_between_10_and_40_percent(gold: pl.DataFrame) -> None:
    shares = gold.group_by("tag").agg(na=(pl.col("values").list.len() == 0).mean())
    assert shares.height == 18
    assert shares["na"].is_between(0.10, 0.40).all(), shares


def test_a_user_without_location_has_no_home_city(events: pl.DataFrame, gold: pl.DataFrame) -> None:
    located = events.filter(pl.col("location") != "")
    assert set(located["source"]) == {"Delivery", "Places"}
    hidden = gold.filter(
        (pl.col("tag") == "home_city") & ~pl.col("user_id").is_in(located["user_id"].to_list())
    )
    assert hidden.height / 300 == pytest.approx(0.2, abs=0.07)
    assert (hidden["values"].list.len() == 0).all()


def test_hidden_state_is_not_in_the_log(events: pl.DataFrame) -> None:
    text = "\n".join(events["content"].unique().to_list() + events["category"].unique().to_list()).lower()
    for tag in TAG_NAMES:
        assert f"{tag}=" not in text
        if "_" in tag:
            assert tag not in text
    assert "=" not in text
    cities = "|".join(load_catalogue().city_names).lower()
    assert not re.findall(rf"\b(?:{cities})\b", text)


def test_rates_are_shares_of_events(events: pl.DataFrame) -> None:
    gifts = events["content"].str.contains(GIFT, literal=True)
    assert gifts.mean() == pytest.approx(0.03, abs=0.004)
    assert set(events.filter(gifts)["action"]) == {"Click", "Order"}


def test_everything_na_and_one_day(tmp_path: Path) -> None:
    done: list[int] = []
    config = SimulateConfig(users=3, min_days=1, max_days=1, na_rate=1.0, gift_rate=0.0)
    summary = simulate(config, 0, tmp_path, done.append)
    assert done == [3]
    assert summary.na_share == dict.fromkeys(TAG_NAMES, 1.0)
    assert summary.events == pl.read_parquet(tmp_path / "events.parquet").height >= 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"users": 0}, "simulate.users: 0 users; give 1 to"),
        ({"users": 1_000_001}, "simulate.users: 1000001 users; give 1 to"),
        ({"min_days": 0}, "simulate.min_days: 0 days; give at least 1"),
        ({"min_days": 600}, "simulate.min_days: 600 is more than simulate.max_days (540); lower"),
        ({"max_days": 30_000}, "simulate.max_days: 30000 days before 2026-06-30 reach past 1970"),
        ({"events_per_day": 0.0}, "simulate.events_per_day: 0.0; give a number above 0"),
        ({"events_per_day": float("nan")}, "simulate.events_per_day: nan; give a number above 0"),
        ({"na_rate": 1.5}, "simulate.na_rate: 1.5 is no share; give a number from 0 to 1"),
        ({"gift_rate": -0.1}, "simulate.gift_rate: -0.1 is no share"),
        ({"misclick_rate": float("nan")}, "simulate.misclick_rate: nan is no share"),
        (
            {"gift_rate": 0.6, "misclick_rate": 0.6},
            "simulate.gift_rate: with simulate.misclick_rate it passes 1",
        ),
        ({"end_date": "30.06.2026"}, "simulate.end_date: '30.06.2026' is no date; write it as YYYY-MM-DD"),
    ],
)
def test_config_errors_name_the_key_and_the_mend(
    changes: dict[str, object], message: str, tmp_path: Path
) -> None:
    config = SimulateConfig(**changes)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        simulate(config, 0, tmp_path)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_negative_seed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="seed: -1 is negative"):
        simulate(SMALL, -1, tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Beauty & Care: [Lipstick]", "Beauty & Care: [Lipstick, Lipstick]", "title 'Lipstick' stands twice"),
        ("Beauty & Care: [Lipstick]", "Beauty & Care: [Female Lipstick]", "spells the value 'female'"),
        (
            "Beauty & Care: [Lipstick]",
            "Beauty & Care: ['gender=female']",
            "must be letters, spaces, hyphens, apostrophes",
        ),
        (
            "Beauty & Care: [Lipstick]",
            "Beauty & Care: Lipstick",
            "tags.gender.female.Beauty & Care must be a list of titles",
        ),
        (
            "Wellness: [Nail Salon]",
            "Spas: [Nail Salon]",
            "category 'Spas' of 'Nail Salon' is not in categories",
        ),
        (
            "    renter:\n",
            "    lodger:\n",
            "tags.housing_tenure must list exactly owner, renter, with_family",
        ),
        ("female / male:", "female / other:", "shared.gender.female / other must be 'value / value'"),
        ("price: 14}", "price: cheap}", "categories.Beauty & Care needs a platform"),
        ("background:\n", "foreground:\n", "needs exactly the sections"),
        ("  fitness:\n    low:", "  fitnes:\n    low:", "tags must list every tag but home_city once"),
    ],
)
def test_catalogue_errors_name_the_key(old: str, new: str, message: str) -> None:
    text = (Path(__file__).parent.parent / "simulate" / "catalogue.yaml").read_text(encoding="utf-8")
    assert old in text
    with pytest.raises(UserError, match=re.escape(message)):
        parse_catalogue(text.replace(old, new, 1))
