"""The simulation engine: determinism, shards, resuming, schemas, evidence, and errors of the config."""

import os
import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from records.errors import UserError
from records.events import EVENT_SCHEMA, GOLD_SCHEMA
from records.platforms import FollowUpConfig, PlatformConfig
from records.population import EvolutionConfig, LifeEventConfig, PopulationConfig
from records.simulation import BehaviourConfig, NoiseConfig, PeriodConfig, SimulateConfig
from records.tags import TAG, TAG_NAMES
from simulate.engine import (
    SHARD_USERS,
    TABLES,
    TITLES,
    ShardWriter,
    open_simulation,
    scan,
    settings_of,
    simulate,
)
from simulate.frames import TITLE_SCHEMA, Observation
from simulate.world_reader import load_world

SMALL = SimulateConfig(users=20, min_days=60, max_days=120)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("simulated")
    simulate(SimulateConfig(users=300), 11, out)
    return out


@pytest.fixture(scope="module")
def events(written: Path) -> pl.DataFrame:
    return scan(written, "events").collect()


@pytest.fixture(scope="module")
def gold(written: Path) -> pl.DataFrame:
    return scan(written, "gold").collect()


@pytest.fixture(scope="module")
def evidence(events: pl.DataFrame, gold: pl.DataFrame) -> pl.DataFrame:
    """One row a piece of evidence, with the event it points at."""
    pieces = gold.explode("event_ids", "event_values", empty_as_null=True).drop_nulls("event_ids")
    pieces = pieces.with_columns(value_shown=pl.col("values").list.get(pl.col("event_values")))
    return pieces.join(events, left_on="event_ids", right_on="event_id", how="left", suffix="_event")


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir())}


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        simulate(SMALL, seed, tmp_path / name)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    for table in TABLES:
        file = f"{table}-00000.parquet"
        assert (tmp_path / "a" / file).read_bytes() != (tmp_path / "c" / file).read_bytes()
    names = ["events-00000.parquet", "gold-00000.parquet", "personas-00000.parquet"]
    assert sorted(contents(tmp_path / "a")) == [*names, "settings.json", "shard-00000.json", "titles.parquet"]


def test_a_user_does_not_depend_on_the_others(tmp_path: Path) -> None:
    many = replace(SMALL, users=SHARD_USERS + 3)
    simulate(many, 5, tmp_path / "many")
    simulate(replace(SMALL, users=10), 5, tmp_path / "ten")
    assert (tmp_path / "many" / "shard-00001.json").exists()
    for table in TABLES:
        all_users = scan(tmp_path / "many", table).collect()
        assert all_users["user_id"].n_unique() == many.users
        assert all_users.filter(pl.col("user_id") < "u0000010").equals(
            scan(tmp_path / "ten", table).collect()
        )


def test_shards_may_be_written_in_any_order(tmp_path: Path) -> None:
    config = replace(SMALL, users=SHARD_USERS + 3)
    simulate(config, 5, tmp_path / "once")
    assert open_simulation(config, 5, tmp_path / "parts") == [0, 1]
    ShardWriter(config, 5, tmp_path / "parts").write(1)
    assert open_simulation(config, 5, tmp_path / "parts") == [0]
    done = []
    simulate(config, 5, tmp_path / "parts", done.append)
    assert done == [SHARD_USERS]
    assert contents(tmp_path / "once") == contents(tmp_path / "parts")


def test_a_rerun_goes_on_and_doubles_nothing(tmp_path: Path) -> None:
    simulate(SMALL, 5, tmp_path)
    before = contents(tmp_path)
    # Killed while it wrote the gold labels, before the shard was noted as done.
    aside = tmp_path / ".gold-00000.parquet.4711.part"
    aside.write_text("half a tab")
    os.utime(aside, (0, 0))
    for name in ("shard-00000.json", "gold-00000.parquet"):
        (tmp_path / name).unlink()
    simulate(SMALL, 5, tmp_path)
    assert contents(tmp_path) == before
    done: list[int] = []
    simulate(SMALL, 5, tmp_path, done.append)
    assert done == []


@pytest.mark.parametrize(
    ("config", "seed", "key"),
    [
        (SMALL, 6, "seed"),
        (replace(SMALL, users=21), 5, "config.users"),
        (replace(SMALL, noise=NoiseConfig(na_rate=0.3)), 5, "config.noise.na_rate"),
    ],
)
def test_a_directory_with_other_settings_is_refused(
    config: SimulateConfig, seed: int, key: str, tmp_path: Path
) -> None:
    simulate(SMALL, 5, tmp_path)
    before = contents(tmp_path)
    with pytest.raises(UserError, match=rf"holds a simulation with other settings \({key} differs"):
        simulate(config, seed, tmp_path)
    assert contents(tmp_path) == before


def test_a_directory_with_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="is not empty and holds no simulation"):
        simulate(SMALL, 5, tmp_path)
    assert sorted(contents(tmp_path)) == ["notes.txt"]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"follow_ups": {}, "periods": {"Fair": PeriodConfig(start="05-01")}},
        {"evolution": EvolutionConfig(events={"x": LifeEventConfig(per_year=1.0, sets={"pet": "cat"})})},
    ],
)
def test_settings_come_back_as_they_were(changes: dict[str, Any], tmp_path: Path) -> None:
    config = replace(SMALL, **changes)
    simulate(config, 5, tmp_path)
    assert settings_of(tmp_path) == (config, 5)
    with pytest.raises(UserError, match="holds no simulation"):
        settings_of(tmp_path / "elsewhere")


@pytest.mark.parametrize(
    "text", ["{}", "[]", "no", '{"seed": 1, "world_sha256": "", "config": {"userz": 3}}']
)
def test_settings_that_cannot_be_read_are_said_so(text: str, tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text(text)
    with pytest.raises(UserError, match=r"settings.json: not the settings of this version") as caught:
        settings_of(tmp_path)
    refusal = "not the settings" if text == "no" else "other settings"
    with pytest.raises(UserError, match=refusal):
        open_simulation(SMALL, 5, tmp_path)
    assert "\n" not in str(caught.value)


def test_a_broken_world_leaves_nothing_behind(tmp_path: Path) -> None:
    world, out = tmp_path / "world", tmp_path / "out"
    world.mkdir()
    (world / "catalogue.yaml").write_text("Pantry: {items: {Oats: coffe}}")
    config = replace(SMALL, world=["shipped", str(world)])
    with pytest.raises(
        UserError, match="Oats: desire coffe'; the nearest known one is .*Oats: desire coffee"
    ):
        open_simulation(config, 0, out)
    assert not out.exists()
    (world / "catalogue.yaml").write_text("Pantry: {items: {Oats: coffee}}")
    assert simulate(config, 0, out).users == 20


def test_weights_of_what_there_is_not_leave_nothing_behind(tmp_path: Path) -> None:
    config = replace(SMALL, population=PopulationConfig(hobby_weights={"ches": 3.0}))
    with pytest.raises(UserError, match=r"hobby_weights.ches'; the nearest known one is .*chess"):
        open_simulation(config, 0, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_unfinished_simulation_is_not_measured(tmp_path: Path) -> None:
    config = replace(SMALL, users=SHARD_USERS + 1)
    (tmp_path / ".settings.json.4711.part").write_text("{")  # a run killed at its very start
    open_simulation(config, 0, tmp_path)
    ShardWriter(config, 0, tmp_path).write(0)
    note = (tmp_path / "shard-00000.json").read_bytes()
    (tmp_path / "shard-00000.json").unlink()  # killed in its first shard
    with pytest.raises(UserError, match=r"2 of 2 shards are missing"):
        scan(tmp_path, "events")
    (tmp_path / "shard-00000.json").write_bytes(note)
    with pytest.raises(UserError, match=r"1 of 2 shards are missing; run the simulation again"):
        scan(tmp_path, "events")
    simulate(config, 0, tmp_path)
    assert scan(tmp_path, "gold", 3).collect()["user_id"].unique().sort().to_list() == [
        "u0000000", "u0000001", "u0000002",
    ]  # fmt: skip
    assert scan(tmp_path, "gold").collect().height == config.users * len(TAG_NAMES)
    (tmp_path / "events-00001.parquet").unlink()
    assert open_simulation(config, 0, tmp_path) == [1]


def test_events_have_the_schema_and_the_order(events: pl.DataFrame) -> None:
    assert dict(events.schema) == EVENT_SCHEMA
    assert events.equals(events.sort("user_id", "timestamp", maintain_order=True))
    assert events["event_id"].is_unique().all()
    assert events["event_id"][0] == "u0000000-000000"
    assert events["user_id"].n_unique() == 300
    assert (events["count"] >= 1).all()
    assert str(events["timestamp"].dt.date().max()) == "2026-06-30"
    pairs = set(events.select("source", "action").unique().iter_rows())
    assert pairs == {
        ("E-commerce", "Search"), ("E-commerce", "Click"), ("E-commerce", "Order"), ("Delivery", "Browse"),
        ("Delivery", "Order"), ("Travel", "Search"), ("Travel", "Book"), ("Places", "Check-in"),
    }  # fmt: skip
    assert events.filter(pl.col("action").is_in(["Order", "Book"]))["value"].null_count() == 0
    assert events.filter(pl.col("action").is_in(["Click", "Search"]))["value"].drop_nulls().is_empty()


def test_every_title_of_the_log_is_known(written: Path, events: pl.DataFrame) -> None:
    """The core entity and the attributes it names, and whether it is a gift: once a title."""
    titles = pl.read_parquet(written / TITLES)
    assert dict(titles.schema) == TITLE_SCHEMA
    assert titles["content"].is_unique().all()
    read = events.join(titles, on="content", how="left")
    assert read["entity"].null_count() == 0
    assert (read["category"] == read["category_right"]).all()
    assert (read["source"] == read["source_right"]).all()
    for content, gift, entity, attributes in titles.select(
        "content", "gift", "entity", "attributes"
    ).iter_rows():
        assert ("gift wrap" in content.lower()) == gift
        assert all(part.lower() in content.lower() for part in (entity, *attributes)), content


def test_history_length_and_activity(events: pl.DataFrame) -> None:
    back = (pl.lit("2026-07-01").str.to_date() - pl.col("timestamp").min().dt.date()).dt.total_days()
    users = events.group_by("user_id").agg(events=pl.len(), days=back)
    assert users["days"].to_numpy().max() <= 540
    a_day = (users["events"] / users["days"]).to_numpy()
    assert 0.7 < np.median(a_day) < 1.3
    assert 2.5 < np.quantile(a_day, 0.95) / np.median(a_day) < 6.0


def test_a_user_does_one_thing_at_a_time(events: pl.DataFrame) -> None:
    steps = events.with_columns(
        gap=pl.col("timestamp").diff().over("user_id").dt.total_milliseconds(),
        moved=(pl.col("source") != pl.col("source").shift()).over("user_id"),
    )
    assert steps.filter(pl.col("moved"))["gap"].min() >= 30_000


def test_gold_has_18_rows_a_user_with_values_of_the_tag(gold: pl.DataFrame) -> None:
    assert dict(gold.schema) == GOLD_SCHEMA
    assert gold["tag"].to_list() == list(TAG_NAMES) * 300
    world = load_world(SimulateConfig())
    for tag, values, event_ids in gold.select("tag", "values", "event_ids").iter_rows():
        assert len(values) <= TAG[tag].max_values
        assert set(values) <= set(world.values_of(tag))
        assert bool(values) == bool(event_ids)
    assert set(gold["difficulty"]) == {"explicit", "implicit", "temporal", "trap"}


def test_evidence_belongs_to_the_user_and_shows_the_value(evidence: pl.DataFrame) -> None:
    assert evidence["source"].null_count() == 0
    assert (evidence["user_id"] == evidence["user_id_event"]).all()
    assert not evidence["content"].str.to_lowercase().str.contains("gift wrap").any()
    home = evidence.filter(pl.col("tag") == "home_city")
    assert (home["value_shown"] == home["location"]).all()
    world = load_world(SimulateConfig())
    names: dict[tuple[str, str], list[str]] = {}
    for item in world.items:
        desire = world.desire[item.desire]
        for value in desire.values:
            names.setdefault((desire.tag, value), []).append(item.name.lower())
    named = evidence.filter(pl.col("tag") != "home_city").select("tag", "value_shown", "content").unique()
    for tag, value, content in named.iter_rows():
        assert any(name in content.lower() for name in names[tag, value]), content


def test_every_event_that_shows_the_label_is_evidence(events: pl.DataFrame, gold: pl.DataFrame) -> None:
    """The last third of a history holds the value of the end; what shows it there is cited."""
    world = load_world(SimulateConfig())
    cat = [item.name.lower() for item in world.items if world.desire[item.desire].values == ("cat",)]
    pattern = "|".join(map(re.escape, cat))
    for user, values, cited in (
        gold.filter(pl.col("tag") == "pet").select("user_id", "values", "event_ids").iter_rows()
    ):
        if values == ["cat"]:
            mine = events.filter((pl.col("user_id") == user) & (pl.col("action") != "Click"))
            shown = mine.filter(
                pl.col("content").str.to_lowercase().str.contains(pattern)
                & ~pl.col("content").str.to_lowercase().str.contains("gift wrap")
            )["event_id"]
            assert set(shown[-1:]) <= set(cited)


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
    assert hidden.height / 300 == pytest.approx(0.12, abs=0.05)
    assert (hidden["values"].list.len() == 0).all()


def test_hidden_state_has_no_way_into_the_log() -> None:
    """By construction: what the log is written from has no field for it."""
    assert set(Observation.__dataclass_fields__) == {
        "user_E", "number_E", "time_ms_E", "action_E", "item_E", "title_E", "city_E", "pieces_E", "price_E",
    }  # fmt: skip


def test_hidden_state_is_not_in_the_log(events: pl.DataFrame) -> None:
    text = "\n".join(events["content"].unique().to_list() + events["category"].unique().to_list()).lower()
    world = load_world(SimulateConfig())
    hidden = [tag for tag in TAG_NAMES if "_" in tag]
    hidden += [preference.name for preference in world.preferences if "_" in preference.name]
    hidden += [desire.name for desire in world.desires if "_" in desire.name]
    hidden += [value for tag in TAG_NAMES for value in TAG[tag].values if "_" in value]
    assert [name for name in hidden if name in text] == []
    assert not re.findall(rf"\b(?:{'|'.join(TAG_NAMES)})\s*[=:]", text)
    assert "=" not in text
    assert not re.findall(rf"\b(?:{'|'.join(world.city_names)})\b".lower(), text)


def test_rates_are_shares_of_sessions(events: pl.DataFrame) -> None:
    gifts = events["content"].str.to_lowercase().str.contains("gift wrap")
    assert set(events.filter(gifts)["source"]) == {"E-commerce"}
    assert 0.03 < gifts.mean() < 0.15  # type: ignore[operator]


def test_however_busy_every_user_keeps_to_a_clock_of_their_own(tmp_path: Path) -> None:
    """More than a day can hold is rejected; what one user has waiting is no matter of the next."""
    config = SimulateConfig(users=40, min_days=3, max_days=3, events_per_day=400)
    summary = simulate(config, 0, tmp_path)
    assert summary.counts["past_end_rejected"] > 0
    events = scan(tmp_path, "events").collect()
    assert events["user_id"].n_unique() == 40
    first = events.group_by("user_id").agg(pl.col("timestamp").min())["timestamp"]
    assert (first.dt.date() == date(2026, 6, 28)).all()


def test_everything_na_and_one_day(tmp_path: Path) -> None:
    done: list[int] = []
    noise = NoiseConfig(na_rate=1.0, gift_rate=0.0)
    summary = simulate(SimulateConfig(users=3, min_days=1, max_days=1, noise=noise), 0, tmp_path, done.append)
    assert done == [3]
    assert summary.na_share == dict.fromkeys(TAG_NAMES, 1.0)
    assert summary.events == scan(tmp_path, "events").collect().height >= 3


def test_ten_years(tmp_path: Path) -> None:
    summary = simulate(SimulateConfig(users=4, min_days=3652, max_days=3652), 0, tmp_path)
    assert summary.events > 4000
    events = scan(tmp_path, "events").collect()
    assert events["timestamp"].dt.year().min() == 2016
    assert events["event_id"].is_unique().all()


def test_noise_can_be_switched_off(tmp_path: Path) -> None:
    noise = NoiseConfig(misclick_rate=0, gift_rate=0, shared_users=0, loop_rate=0)
    summary = simulate(replace(SMALL, noise=noise), 0, tmp_path)
    assert (summary.counts["misclicks"], summary.counts["loops"]) == (0, 0)
    assert (
        not scan(tmp_path, "events").collect()["content"].str.to_lowercase().str.contains("gift wrap").any()
    )
    assert "trap" not in set(scan(tmp_path, "gold").collect()["difficulty"])


def with_platform(**changes: Any) -> dict[str, Any]:
    platforms = SimulateConfig().platforms
    return {"platforms": {**platforms, "Places": replace(platforms["Places"], **changes)}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"users": 0}, "simulate.users: 0 users; give 1 to"),
        ({"users": 10_000_001}, "simulate.users: 10000001 users; give 1 to"),
        ({"min_days": 0}, "simulate.min_days: 0 days; give at least 1"),
        ({"min_days": 600}, "simulate.min_days: 600 is more than simulate.max_days (540); lower"),
        ({"max_days": 30_000}, "simulate.max_days: 30000 days before 2026-06-30 reach past 1970"),
        ({"events_per_day": 0.0}, "simulate.events_per_day: 0.0; give a number above 0"),
        ({"events_per_day": float("nan")}, "simulate.events_per_day: nan; give a number above 0"),
        ({"end_date": "30.06.2026"}, "simulate.end_date: '30.06.2026' is no date; write it as YYYY-MM-DD"),
        ({"platforms": {}}, "simulate.platforms is empty"),
        (with_platform(hours=[1.0]), "simulate.platforms.Places.hours: give 24 numbers"),
        (with_platform(gap_s=[5, 1]), "simulate.platforms.Places.gap_s: give the shortest and the longest"),
        (
            with_platform(start={"Check-in": 0.5}),
            "simulate.platforms.Places.start: the probabilities sum to 0.5",
        ),
        (
            with_platform(next={"Check-out": {}}),
            "unknown key 'simulate.platforms.Places.next.Check-out: Check-out'; the nearest known one is",
        ),
        (
            with_platform(next={"Check-in": {"Check-in": 1.5}}),
            "Places.next.Check-in: the probabilities sum to 1.5; they must sum to at most 1",
        ),
        (
            {"periods": {"Fair": PeriodConfig(start="13-01")}},
            "simulate.periods.Fair.start: '13-01' is no day of every year; write MM-DD",
        ),
        (
            {"periods": {"Fair": PeriodConfig(kind="fest")}},
            "'simulate.periods.Fair.kind: fest'; "
            "the nearest known one is simulate.periods.Fair.kind: festival",
        ),
        (
            {"periods": {"Fair": PeriodConfig(start="05-01", platforms={"Travels": 2.0})}},
            "'simulate.periods.Fair.platforms.Travels'; "
            "the nearest known one is simulate.periods.Fair.platforms.Travel",
        ),
        (
            {"follow_ups": {"x": FollowUpConfig("Travel/Fly", "Places", 0.1)}},
            "simulate.follow_ups.x.after: 'Travel/Fly' is no PLATFORM/ACTION",
        ),
        (
            {"follow_ups": {"x": FollowUpConfig("Travel/Book", "Places", 0.1, [9, 2])}},
            "simulate.follow_ups.x.days: 9 is above 2",
        ),
        (
            with_platform(next={"Check-in": {"Check-in": 1.0}}),
            "simulate.platforms.Places.next: from some actions a session never ends",
        ),
        ({"periods": {"Fair": PeriodConfig(start="W01-1")}}, "is no day of every year"),
        (
            {"behaviour": BehaviourConfig(trips_per_year={"local": 1.0})},
            "simulate.behaviour.trips_per_year: give a number of at least 0 for each of local, regional",
        ),
        (
            {"evolution": EvolutionConfig(events={"x": LifeEventConfig(sets={"child_stage": "other"})})},
            "events.x.sets.child_stage: name a stage",
        ),
        (
            {"evolution": EvolutionConfig(child_months={"expecting": 9})},
            "simulate.evolution.child_months: give a number of at least 1 for each of expecting, infant",
        ),
        (
            {"behaviour": BehaviourConfig(hours_of={"morning": [5, 11]})},
            "simulate.behaviour.hours_of: give 1 to 24 hours, as [first, one after the last], for each of",
        ),
        (
            {"behaviour": BehaviourConfig(trip_days=[5, 2])},
            "simulate.behaviour.trip_days: 5 is above 2",
        ),
        (
            {"evolution": EvolutionConfig(events={"x": LifeEventConfig(redraw=["age_group"])})},
            "events.x.redraw: age_group follows age",
        ),
        ({"noise": NoiseConfig(shared_share=[0.5, 0.1])}, "simulate.noise.shared_share: 0.5 is above 0.1"),
        ({"noise": NoiseConfig(gift_platform="Mall")}, "simulate.noise.gift_platform: 'Mall' is no platform"),
        ({"noise": NoiseConfig(shared_tags=["sex"])}, "simulate.noise.shared_tags: 'sex' is no tag"),
    ],
)
def test_config_errors_name_the_key_and_the_mend(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        simulate(replace(SimulateConfig(), **changes), 0, tmp_path)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_negative_seed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="seed: -1 is negative"):
        simulate(SMALL, -1, tmp_path)


def test_a_platform_may_be_taken_away_only_with_its_goods(tmp_path: Path) -> None:
    platforms = {name: p for name, p in SimulateConfig().platforms.items() if name != "Places"}
    config = replace(SMALL, platforms=platforms, follow_ups={}, periods={})
    with pytest.raises(UserError, match="platform: Places'; the nearest known one is"):
        simulate(config, 0, tmp_path)
    assert PlatformConfig().hours == []
