"""What the report plots of a run, from the files that the run left."""

import json
from pathlib import Path

import polars as pl
import pytest

from launch.pipeline import Run
from launch.progress import Reporter
from launch.recipe import load_recipe
from launch.stages.report import probe_rewards
from launch.stages.training_curves import training_curves
from rl.probe import PROBE_SCHEMA, probe_path
from tests.ledgers import EASY, FLAT, HARD, MIDDLE, RECORDED, write_ledger

CURVES = [
    {"step": 0, "reward/probe": 0.5, "sync/mismatch_kl": 1e-9},
    {
        "step": 1,
        "reward/pre_filter": 0.4,
        "reward/post_filter": 0.6,
        "filter/tokens_wasted": 63.0,
        "filter/tokens_wasted/too_hard": 60.0,
        "filter/tokens_wasted/truncated": 3.0,
        "rollout/tokens": 74.0,
        "learner/tokens": 11.0,
        "learner/rollout_mismatch_kl": 2e-4,
    },
    {"step": 1, "sync/mismatch_kl": 2e-9, "time/cycle": 2.0, "time/idle/rollout": 0.25},
    {"step": 1, "reward/probe": 0.75},
    {
        "step": 2,
        "filter/tokens_wasted": 0.0,
        "time/cycle": 6.0,
        "time/idle/rollout": 0.75,
        "time/idle/producer": 0.5,
    },
]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run of one step, with two probes of two users."""
    (tmp_path / "rl" / "probe").mkdir(parents=True)
    (tmp_path / "rl" / "curves.jsonl").write_text("".join(json.dumps(row) + "\n" for row in CURVES))
    for step, rewards in ((0, (0.25, 0.75)), (1, (0.5, 1.0))):
        rows = [
            (user, user, "tags", sample, True, reward + side, reward, None)
            for user, reward in zip(("u", "v"), rewards, strict=True)
            for sample, side in enumerate((-0.125, 0.125))
        ]
        frame = pl.DataFrame(rows, schema=PROBE_SCHEMA, orient="row")
        frame.write_parquet(probe_path(tmp_path / "rl" / "probe", step))
    write_ledger(tmp_path / "rl" / "ledger", {0: [HARD, MIDDLE], 1: [EASY, FLAT]}, RECORDED)
    recipe = load_recipe(Path("quickstart"), ["rl.steps=1"])
    return Run(recipe=recipe, directory=tmp_path, reporter=Reporter())


def test_curves_of_df_grpo(run: Run) -> None:
    curves = training_curves(run)
    first, second, third = curves.reward
    assert (first["pre_filter"], first["probe"]) == (None, 0.5)
    assert (second["pre_filter"], second["post_filter"], second["probe"]) == (0.4, 0.6, 0.75)
    assert "probe_low" not in third
    # Of two users, at .5 and 1: draws of one of them twice are the ends.
    assert (second["probe_low"], second["probe_high"]) == (0.5, 1.0)
    assert curves.tokens_wasted == [{"step": 1, "too_hard": 60.0, "truncated": 3.0}, {"step": 2}]
    assert curves.mismatch == [
        {"step": 0, "sampled": None, "checked": 1e-9},
        {"step": 1, "sampled": 2e-4, "checked": 2e-9},
    ]
    assert [(row["step"], row["rollout"], row["learner"]) for row in curves.idle] == [
        (1, 0.25, None),
        (2, 0.75, None),
    ]
    # .25 × 2 + .75 × 6 of 8 s.
    assert curves.idle_shares() == {"producer": 0.5, "rollout": 0.625, "scorer": None, "learner": None}
    assert curves.tokens == {"generated": 74.0, "trained": 11.0}
    # By the first reason: hard (2 samples), middle's cut and failed one; easy (2) and flat (2).
    assert curves.filter_reasons == [
        {"step": 1, "score_error": 1, "too_hard": 2, "truncated": 1},
        {"step": 2, "no_signal": 2, "too_easy": 2},
    ]


def test_the_probe_before_and_after(run: Run) -> None:
    means, difference = probe_rewards(run)
    assert means == {"sft": 0.5, "rl": 0.75}
    assert difference is not None
    assert (difference.mean, difference.interval, difference.users) == (0.25, (0.25, 0.25), 2)


def test_a_run_without_df_grpo_has_no_curves_of_it(tmp_path: Path) -> None:
    recipe = load_recipe(Path("quickstart"), ["rl.steps=0", "bench.models=[sft]"])
    bare = Run(recipe=recipe, directory=tmp_path, reporter=Reporter())
    curves = training_curves(bare)
    assert (curves.reward, curves.filter_reasons, curves.idle, curves.tokens) == ([], (), [], {})
    assert probe_rewards(bare) == ({"sft": None, "rl": None}, None)
