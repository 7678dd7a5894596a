"""The documented examples work as they are."""

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from launch.recipe import load_simulation
from simulate.engine import scan, simulate

EXAMPLES = Path(__file__).parent.parent / "examples"


def test_a_fifth_platform_and_a_new_life_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(EXAMPLES.parent)
    config = load_simulation(EXAMPLES / "streaming" / "recipe.yaml").simulate
    summary = simulate(replace(config, users=128), 0, tmp_path)
    assert summary.counts["event_injury"] > 0
    events = scan(tmp_path, "events").collect()
    streamed = events.filter(pl.col("source") == "Streaming")
    assert 0.01 < streamed.height / events.height < 0.5
    assert set(streamed["action"]) == {"Browse", "Watch", "Rent"}
    assert set(streamed["category"]) == {"Films & Series", "Watch & Move"}
    assert streamed.filter(pl.col("action") == "Rent")["value"].null_count() == 0
    assert set(events["source"]) == {"E-commerce", "Delivery", "Travel", "Places", "Streaming"}
    # The platform's own evidence counts: somebody's fitness is shown by what they watched.
    gold = scan(tmp_path, "gold").filter(pl.col("tag") == "fitness").select("event_ids").collect()
    assert set(gold.explode("event_ids", empty_as_null=True).to_series()) & set(streamed["event_id"])
