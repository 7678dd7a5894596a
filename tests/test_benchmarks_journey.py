"""The numbers of the real track, worked by hand."""

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from sklearn.metrics import f1_score

from benchmarks.journey import BALANCED, FOLD_STAGES, OURS, PREDICTIONS, VOTED, measured
from launch.pipeline import open_run, run_stages
from launch.progress import Reporter
from launch.recipe import load_recipe
from records.tags import GIVEN, GoldTag
from tests.test_launch_own_log import answers, write_log


def label(user: str, tag: str, *values: str) -> GoldTag:
    return GoldTag(user_id=user, tag=tag, values=values, event_ids=(), difficulty=GIVEN)


GOLD = {
    "a": {"pet": label("a", "pet", "cat"), "gender": label("a", "gender", "male")},
    "b": {"pet": label("b", "pet", "cat")},
    "c": {"pet": label("c", "pet", "dog")},
    "d": {"gender": label("d", "gender", "female")},
}
SAID = {
    "a": [{"pet": ("cat",), "gender": ("male",)}, {"pet": ("dog",), "gender": ("male",)}],
    "b": [{"pet": ("cat",)}, None],
    "c": [{"pet": ("dog",)}, {"pet": ("dog",)}],
    "d": [{"gender": ("male",)}, {"gender": ("female",)}],
}


def test_accuracy_and_macro_f1_of_a_tag() -> None:
    found = measured({OURS: SAID, BALANCED: SAID}, GOLD)["pet"]
    # Of d the pet is not known. a ½, b ½ (a malformed run is wrong), c 1.
    assert found["households"] == 3
    assert found["readers"][OURS]["accuracy"]["value"] == 0.6667
    # Over both runs: cat 2·2 / (4 + 2), dog 2·2 / (2 + 3).
    assert found["readers"][OURS]["macro_f1"]["value"] == round((4 / 6 + 4 / 5) / 2, 4)
    # By vote: of a's two answers the first, of b's the one that can be read.
    assert found["readers"][VOTED]["accuracy"]["value"] == 1.0
    assert found["minus_lr"][VOTED]["accuracy"]["value"] == 0.3333


def test_with_one_run_each_the_f1_is_that_of_scikit_learn() -> None:
    choice = np.random.default_rng(0)
    truth, told = (choice.choice(["none", "cat", "dog"], 60).tolist() for _ in range(2))
    gold = {f"u{n:02}": {"pet": label(f"u{n:02}", "pet", one)} for n, one in enumerate(truth)}
    said = {f"u{n:02}": [{"pet": (one,)}] for n, one in enumerate(told)}
    right = {f"u{n:02}": [{"pet": (one,)}] for n, one in enumerate(truth)}
    found = measured({OURS: said, BALANCED: right}, gold)["pet"]
    ours, share = found["readers"][OURS], np.mean(np.array(truth) == np.array(told))
    f1 = f1_score(truth, told, average="macro")
    assert ours["macro_f1"]["value"] == round(f1, 4)
    assert ours["accuracy"]["value"] == round(share, 4)
    low, high = ours["accuracy"]["interval"]
    # As the normal approximation has it, about.
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(share * (1 - share) / 60), rel=0.1)
    assert found["minus_lr"][OURS]["macro_f1"]["value"] == round(f1 - 1, 4)


def test_readers_are_paired_over_the_same_households() -> None:
    found = measured({OURS: SAID, BALANCED: SAID}, GOLD)
    assert {tag: one["households"] for tag, one in found.items()} == {"gender": 2, "pet": 3}
    for one in found.values():
        assert one["minus_lr"][OURS]["accuracy"] == {"value": 0.0, "interval": [0.0, 0.0]}
        assert one["readers"][OURS] == one["readers"][BALANCED]


def test_predictions_are_made_anew_with_what_they_rest_on(tmp_path: Path) -> None:
    recipe = load_recipe(write_log(tmp_path), [f"runs_dir={tmp_path}"])
    # Training and asking are left out: the answers are written by hand.
    stages = [stage for stage in FOLD_STAGES if stage.name in ("simulate", "semantize", "teachers")]

    def told(*force: str) -> str:
        shown = io.StringIO()
        run = open_run(recipe, Reporter(Console(file=shown, width=200)))
        run_stages(run, stages, force=force)
        answers(run, wrong=0)
        run_stages(run, [*stages, PREDICTIONS])
        return shown.getvalue()

    assert "predictions: done" in told()
    made = tmp_path / recipe.name / "predictions.json"
    before = made.read_text()
    assert "predictions: unchanged, skipped" in told()
    labels = tmp_path / "labels.csv"
    labels.write_text(labels.read_text().replace("cat", "dog"))
    assert "predictions: done" in told("simulate")
    assert "cat" in before
    assert "cat" not in made.read_text()


def test_a_fold_ends_with_its_predictions() -> None:
    assert [stage.name for stage in FOLD_STAGES[-2:]] == ["bench", "predictions"]
