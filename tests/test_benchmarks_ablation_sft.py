"""The ablation's arithmetic: means over seeds, paired differences, and arms that spend the same."""

from io import StringIO

import pytest
from rich.console import Console

from benchmarks.ablation import Result
from benchmarks.ablation_sft import ABLATION, ARMS, QUESTIONS
from launch.recipe import load_recipe

BUDGET = 2_000_000


def result(shift: float, users: str = "abcd") -> Result:
    tags = {user: 0.1 * place + shift for place, user in enumerate(users)}
    return Result(
        numbers={"avg_at_k": shift, "format": 1.0, "acc_ex": shift, "cov_ex": None, "trap": shift},
        tracks={
            "tags": tags,
            "votes": {user: value + shift for user, value in tags.items()},
            "summaries": dict(tags),
        },
    )


SEEDS = {
    0: {"stage1": result(0.5), "format": result(0.2), "majority": result(0.1), "tfidf": result(0.4)},
    1: {"stage1": result(0.7), "format": result(0.2), "majority": result(0.1), "tfidf": result(0.4)},
}


def test_means_and_differences_by_hand() -> None:
    found = ABLATION.compare(SEEDS)
    assert found["seeds"] == [0, 1]
    assert found["arms"]["stage1"]["avg_at_k"] == pytest.approx(0.6)
    assert found["arms"]["stage1"]["trap"] == pytest.approx(0.6)
    assert found["arms"]["stage1"]["cov_ex"] is None
    answer = found["questions"]["stage 1 over format alone"]["tags"]
    # Every user of the first seed gains .3, every one of the second .5.
    assert answer["mean"] == pytest.approx(0.4)
    assert answer["by_seed"] == [pytest.approx(0.3), pytest.approx(0.5)]
    assert 0.3 <= answer["interval"][0] < 0.4 < answer["interval"][1] <= 0.5
    # Votes are made twice as different.
    votes = found["questions"]["stage 1 over format alone"]["votes"]
    assert votes["by_seed"] == [pytest.approx(0.6), pytest.approx(1.0)]
    # Nothing was measured of the whole curriculum.
    assert found["questions"]["whole over TF-IDF + LR"]["tags"] is None


def test_the_tables_are_printed() -> None:
    console = Console(file=StringIO(), width=200)
    ABLATION.show(ABLATION.compare(SEEDS), console)
    assert isinstance(console.file, StringIO)
    printed = console.file.getvalue()
    assert "+0.400" in printed
    assert "(+0.300, +0.500)" in printed


def test_what_is_compared_is_run() -> None:
    known = {*ARMS, "majority", "tfidf"}
    assert {arm for pair in QUESTIONS.values() for arm in pair} <= known


@pytest.mark.parametrize("arm", list(ARMS))
def test_arms_spend_the_same(arm: str) -> None:
    recipe = load_recipe(ABLATION.recipe, ARMS[arm])
    stages = (recipe.sft.pilot, recipe.sft.stage1, recipe.sft.stage2, recipe.sft.stage3)
    bounds = [stage.max_tokens for stage in stages if stage.examples]
    if arm == "shuffled":
        assert recipe.sft.stage1.max_tokens == BUDGET  # which has the lessons of all stages
    else:
        assert sum(bounds) == BUDGET
    assert recipe.bench.models == ["sft"]
