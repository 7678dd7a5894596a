"""Who is in which set: disjoint, even over gender and age, and decided by the seed alone."""

from collections import Counter
from dataclasses import astuple, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from launch.stages.benchmark import spare_candidates
from launch.stages.data import split_users
from launch.stages.own_log import split_log
from launch.stages.splits import Splits
from records.config import BenchConfig, Recipe
from records.errors import UserError
from records.sft import SFTConfig
from records.strata import stratum_of
from records.tags import TAG, GoldTag
from tests.test_hprbench_build import gold_user

GENDERS, AGES = TAG["gender"].values, TAG["age_group"].values
GOLD = {
    f"u{number:03}": gold_user(
        f"u{number:03}",
        gender=GENDERS[number % 2],
        # The older, the fewer.
        age_group=AGES[min(number % 7, number % 11) % len(AGES)],
    )
    for number in range(400)
}


def split(gold: dict[str, dict[str, GoldTag]], bench: int, probe: int, rl: int, seed: int = 0) -> Splits:
    sft = SFTConfig(probe_users=probe, rl_users=rl)
    return split_users(replace(Recipe(), seed=seed, bench=BenchConfig(users=bench), sft=sft), gold)


def test_benchmark_probe_and_rl_are_even_over_gender_and_age() -> None:
    splits = split(GOLD, 20, 40, 60)
    assert len(splits.bench) == 20 + spare_candidates(20)
    for users, each in ((splits.bench[:20], 2), (splits.probe, 4), (splits.rl, 6)):
        assert Counter(stratum_of(GOLD[user]) for user in users) == {
            (gender, age): each for gender in GENDERS for age in AGES
        }


def test_of_a_log_the_benchmark_is_proportional_and_probe_and_rl_are_even() -> None:
    sft = SFTConfig(probe_users=20, rl_users=30)
    splits = split_log(replace(Recipe(), bench=BenchConfig(users=100), sft=sft), GOLD, GOLD.keys())
    everybody = Counter(stratum_of(tags) for tags in GOLD.values())
    bench = Counter(stratum_of(GOLD[user]) for user in splits.bench)
    assert all(abs(bench[stratum] - count / 4) < 1 for stratum, count in everybody.items())
    for users, each in ((splits.probe, 2), (splits.rl, 3)):
        assert Counter(stratum_of(GOLD[user]) for user in users) == dict.fromkeys(everybody, each)


@settings(max_examples=25)
@given(st.integers(1, 130), st.integers(0, 130), st.integers(0, 130), st.integers(0, 9))
def test_nobody_has_two_purposes_and_nobody_is_lost(bench: int, probe: int, rl: int, seed: int) -> None:
    splits = split(GOLD, bench, probe, rl, seed)
    parts = astuple(splits)
    spare = min(spare_candidates(bench), max(0, len(GOLD) - bench - probe - rl - 1))
    assert [len(part) for part in parts[:3]] == [bench + spare, probe, rl]
    assert sorted(user for part in parts for user in part) == sorted(GOLD)
    assert split(dict(reversed(GOLD.items())), bench, probe, rl, seed) == splits


def test_too_few_users_are_told_by_the_key_that_asks_for_them() -> None:
    with pytest.raises(UserError, match=r"^sft\.rl_users=60: choose between 1 and the 0 users there are"):
        split(GOLD, 200, 200, 60)
