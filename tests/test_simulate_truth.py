"""Truth tables: what was really behind every event, beside a log that does not change for them."""

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from records.errors import UserError
from records.simulation import NoiseConfig, SimulateConfig
from semantize.reading.tables import find_files
from simulate.engine import SHARD_USERS, TITLES, open_simulation, scan, simulate
from simulate.frames import HOUSEMATE, NOISE_NAMES, OWN, TRUTH_SCHEMA
from simulate.world_reader import load_world

SMALL = SimulateConfig(users=20, min_days=60, max_days=120, truth=True)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("simulated")
    simulate(SimulateConfig(users=SHARD_USERS + 20, truth=True), 11, out)
    return out


@pytest.fixture(scope="module")
def known(written: Path) -> pl.DataFrame:
    """Events with their truth, and what their titles stand for."""
    truth = scan(written, "truth").collect()
    assert dict(truth.schema) == TRUTH_SCHEMA
    events = scan(written, "events").collect()
    assert truth.select("user_id", "event_id").equals(events.select("user_id", "event_id"))
    titles = pl.read_parquet(written / TITLES).select("content", "entity", "gift")
    both = pl.concat([events, truth.drop("user_id", "event_id", "value")], how="horizontal")
    shown = truth["value"].alias("shown")
    return both.with_columns(shown).join(titles, on="content", how="left", maintain_order="left")


def quiet(**changes: object) -> SimulateConfig:
    silent = NoiseConfig(misclick_rate=0.0, loop_rate=0.0, gift_rate=0.0, shared_users=0.0)
    return replace(SMALL, noise=replace(silent, **changes))  # type: ignore[arg-type]


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_the_log_is_the_same_with_and_without_and_truth_can_be_had_later(tmp_path: Path) -> None:
    simulate(SMALL, 5, tmp_path / "with")
    simulate(replace(SMALL, truth=False), 5, tmp_path / "later")
    whole, plain = contents(tmp_path / "with"), contents(tmp_path / "later")
    assert whole.keys() - plain.keys() == {"truth-00000.parquet"}
    assert {name: whole[name] for name in plain} == plain
    with pytest.raises(UserError, match=r"1 of 1 shards are missing; .* simulate.truth=true"):
        scan(tmp_path / "later", "truth")
    simulate(SMALL, 5, tmp_path / "later")
    assert contents(tmp_path / "later") == whole
    assert open_simulation(SMALL, 5, tmp_path / "later") == []
    assert open_simulation(replace(SMALL, truth=False), 5, tmp_path / "later") == []


def test_readers_of_the_log_pass_truth_by(written: Path) -> None:
    assert [path.name for path in find_files(written)] == ["events-00000.parquet", "events-00001.parquet"]


def test_what_was_wanted_is_what_the_thing_is_for(known: pl.DataFrame) -> None:
    world = load_world(SimulateConfig())
    items = pl.DataFrame(
        [(item.name, item.desire, world.desire[item.desire].tag) for item in world.items],
        schema=["entity", "for_desire", "for_tag"],
        orient="row",
    )
    meant = known.filter(pl.col("noise") != "mis_click").join(items, on="entity", how="left")
    assert (meant["desire"] == meant["for_desire"]).all()
    assert (meant["tag"] == meant["for_tag"]).all()
    for desire, shown in meant.filter(pl.col("tag") != "").select("desire", "shown").unique().iter_rows():
        assert shown in world.desire[desire].values
    assert (meant.filter(pl.col("tag") == "")["shown"] == "").all()
    assert 0.3 < (meant["tag"] == "").mean() < 0.7


def test_noise_has_its_kind(known: pl.DataFrame) -> None:
    assert set(known["noise"]) == set(NOISE_NAMES) == {"", "mis_click", "dead_loop", "gift"}
    assert known.filter("gift")["noise"].is_in(["gift", "dead_loop"]).all()
    assert known.filter(pl.col("noise") == "gift")["gift"].all()
    slips = known.filter(pl.col("noise") == "mis_click")
    assert (pl.concat([slips["desire"], slips["tag"], slips["shown"]]) == "").all()


def test_a_session_serves_one_desire_of_one_person(known: pl.DataFrame) -> None:
    sessions = known.filter(pl.col("noise") != "mis_click").group_by("user_id", "session")
    counts = sessions.agg(pl.col("desire", "tag", "shown", "actor").n_unique())
    assert (counts.select(pl.max_horizontal("desire", "tag", "shown", "actor")).to_series() == 1).all()
    steps = known.select(step=pl.col("session").diff().over("user_id"))["step"].drop_nulls()
    assert set(steps) <= {0, 1}
    assert set(known.group_by("user_id").agg(pl.col("session").min())["session"]) == {0}


def test_gold_evidence_is_of_the_user(written: Path, known: pl.DataFrame) -> None:
    gold = scan(written, "gold").filter(pl.col("tag") != "home_city").collect()
    pieces = gold.explode("event_ids", "event_values", empty_as_null=True).drop_nulls("event_ids")
    pieces = pieces.with_columns(gold_value=pl.col("values").list.get(pl.col("event_values")))
    both = pieces.join(known, left_on="event_ids", right_on="event_id", suffix="_true")
    assert both.height == pieces.height > 1000
    assert (both["tag"] == both["tag_true"]).all()
    assert (both["gold_value"] == both["shown"]).all()
    assert (both["actor"] == OWN).all()
    assert both["noise"].is_in(["", "dead_loop"]).all()


def test_no_noise_where_none_is_put_in(tmp_path: Path) -> None:
    simulate(quiet(), 5, tmp_path)
    truth = scan(tmp_path, "truth").collect()
    assert set(truth["noise"]) == {""}
    assert set(truth["actor"]) == {OWN}


def test_two_repetitions_a_session_where_all_of_them_loop(tmp_path: Path) -> None:
    simulate(quiet(loop_rate=1.0, loop_length=[2, 2]), 5, tmp_path)
    truth = scan(tmp_path, "truth").collect()
    # The last session of a user may run past the end of the log.
    ended = truth.filter(pl.col("session") < pl.col("session").max().over("user_id"))
    loops = ended.group_by("user_id", "session").agg(pl.col("noise"))
    assert loops["noise"].list.tail(2).to_list() == [["dead_loop", "dead_loop"]] * loops.height
    assert (loops["noise"].list.count_matches("dead_loop") == 2).all()


def test_housemates_keep_to_their_share_of_sessions(tmp_path: Path) -> None:
    config = quiet(shared_users=1.0, shared_share=[0.3, 0.3])
    simulate(replace(config, users=SHARD_USERS), 5, tmp_path)
    sessions = scan(tmp_path, "truth").unique(["user_id", "session"]).collect()
    shared = (pl.col("actor") == HOUSEMATE).mean().alias("share")
    # Users known to live alone share with nobody.
    by_user = sessions.group_by("user_id").agg(shared).filter(pl.col("share") > 0)
    assert by_user.height > SHARD_USERS / 2
    assert by_user["share"].mean() == pytest.approx(0.3, abs=0.03)
    assert set(sessions.filter(pl.col("actor") == HOUSEMATE)["tag"]) - {""} <= set(NoiseConfig().shared_tags)
