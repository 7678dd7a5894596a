"""The numbers of the real track, worked by hand."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from benchmarks.journey import BALANCED, OURS, measured
from records.tags import GIVEN, GoldTag


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
    assert found["ours_minus_lr"]["macro_f1"]["value"] == round(f1 - 1, 4)


def test_readers_are_paired_over_the_same_households() -> None:
    found = measured({OURS: SAID, BALANCED: SAID}, GOLD)
    assert {tag: one["households"] for tag, one in found.items()} == {"gender": 2, "pet": 3}
    for one in found.values():
        assert one["ours_minus_lr"]["accuracy"] == {"value": 0.0, "interval": [0.0, 0.0]}
        assert one["readers"][OURS] == one["readers"][BALANCED]
