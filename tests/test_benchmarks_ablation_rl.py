"""The ablation of the filters: arms that differ in filters alone, and curves by tokens worked by hand."""

from pathlib import Path

import polars as pl
import pytest

from benchmarks.ablation import begin_from
from benchmarks.ablation_rl import ABLATION, ARMS, QUESTIONS, curve, plot
from launch.recipe import load_recipe
from rl.ledger import ledger_path
from rl.probe import probe_path


def test_arms_differ_in_filters_alone() -> None:
    recipes = {arm: load_recipe(ABLATION.recipe, ARMS[arm]) for arm in ARMS if arm != "sft"}
    assert recipes.pop("ahead").rl.max_staleness == 1
    filters = {arm: (recipe.rl.filters.sample, recipe.rl.filters.group) for arm, recipe in recipes.items()}
    assert filters == {
        "grpo": (False, False),
        "sample": (True, False),
        "group": (False, True),
        "df-grpo": (True, True),
    }
    for recipe in recipes.values():
        recipe.rl.filters.sample = recipe.rl.filters.group = True
    assert all(recipe == recipes["df-grpo"] for recipe in recipes.values())


def test_the_sft_arm_learns_nothing() -> None:
    recipe = load_recipe(ABLATION.recipe, ARMS["sft"])
    assert (recipe.rl.steps, recipe.rl.lr) == (1, 0.0)


def test_what_is_compared_is_run() -> None:
    assert {arm for pair in QUESTIONS.values() for arm in pair} == set(ARMS)


def written(run: Path, rewards: dict[int, float], tokens: dict[int, list[int]]) -> None:
    """A run that has nothing but a ledger and probes."""
    for step, counts in tokens.items():
        path = ledger_path(run / "rl" / "ledger", step)
        path.parent.mkdir(parents=True, exist_ok=True)
        pl.DataFrame({"step": [step] * len(counts), "response_tokens": counts}).write_parquet(path)
    for step, reward in rewards.items():
        path = probe_path(run / "rl" / "probe", step)
        path.parent.mkdir(parents=True, exist_ok=True)
        pl.DataFrame({"reward": [reward - 0.1, reward + 0.1]}).write_parquet(path)


def test_a_curve_by_hand(tmp_path: Path) -> None:
    written(tmp_path, {0: 0.5, 2: 0.7}, {0: [10, 20], 1: [5]})
    found = curve(tmp_path)
    # Two updates were made of what steps 0 and 1 generated: 10 + 20 + 5.
    assert found["step"].to_list() == [0, 2]
    assert found["tokens"].to_list() == [0, 35]
    assert found["reward"].to_list() == [pytest.approx(0.5), pytest.approx(0.7)]


def test_the_plot_names_every_arm(tmp_path: Path) -> None:
    for seed in (0, 1):
        for arm in ("grpo", "df-grpo"):
            written(tmp_path / f"seed{seed}" / arm, {0: 0.5, 1: 0.6 + 0.1 * seed}, {0: [10, 20]})
    picture = plot(tmp_path, [0, 1], ["grpo", "df-grpo"]).read_text()
    assert picture.count("<svg") == 1
    assert len(picture) > 1000


def test_arms_side_by_side_share_what_the_base_made_and_no_lock(tmp_path: Path) -> None:
    for name in (".lock", "result.json", "splits.json"):
        (tmp_path / "base" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "base" / name).write_text("{}")
    begin_from(tmp_path / "base", tmp_path / "grpo")
    assert [path.name for path in (tmp_path / "grpo").iterdir()] == ["splits.json"]
    assert (tmp_path / "grpo" / "splits.json").samefile(tmp_path / "base" / "splits.json")
