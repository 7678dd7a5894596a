"""What filters cost: sums that add up, near misses on both sides, and a preference that is told once."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from records.config import FilterConfig, ThresholdConfig
from rl.filter_cost import Halves, LengthWatch, near_misses, wasted_tokens
from rl.filters import JudgedGroup, judge
from tests.ledgers import Group, Sample, scored

FILTERS = FilterConfig(thresholds={"tags": ThresholdConfig(eps_low=0.2, eps_high=0.8)})


def _judged(rewards: list[float | None], tokens: int = 3, prompt: int = 1) -> JudgedGroup:
    """A group of samples of so many tokens; a reward of None is a bad format."""
    samples = [Sample(atomic=r or 0.0, tokens=tokens, format_ok=r is not None) for r in rewards]
    group = scored(Group(name="g", samples=samples, prompt_tokens=prompt))
    return JudgedGroup(scored=group, verdict=judge(group, FILTERS))


REWARDS = st.lists(st.one_of(st.none(), st.floats(0, 1)), min_size=2, max_size=6)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(REWARDS, st.integers(1, 9), st.booleans()), max_size=6))
def test_what_trains_and_what_is_wasted_add_up(cases: list[tuple[list[float | None], int, bool]]) -> None:
    judged = [_judged(rewards, tokens) for rewards, tokens, _ in cases]
    trained = [group for group, (_, _, take) in zip(judged, cases, strict=True) if take]
    tokens = sum(len(rollout.token_ids) for group in judged for rollout in group.scored.group.rollouts)
    live = sum(
        len(rollout.token_ids)
        for group in trained
        for rollout, alive in zip(group.scored.group.rollouts, group.verdict.live, strict=True)
        if alive
    )
    assert wasted_tokens(judged, trained).total() == tokens - live


def test_a_kept_group_that_does_not_train_is_surplus() -> None:
    kept = _judged([0.4, 0.6, None])
    assert wasted_tokens([kept], []) == {"surplus": 6, "format": 3}
    assert wasted_tokens([kept], [kept]) == {"format": 3}


def test_near_misses_by_threshold_and_side() -> None:
    # A tenth of .8 − .2 is .06 on either side.
    means = {
        0.15: "low_dropped",
        0.25: "low_kept",
        0.75: "high_kept",
        0.85: "high_dropped",
        0.5: None,
        0.05: None,
    }
    for mean, name in means.items():
        found = near_misses([_judged([mean - 0.01, mean + 0.01])], {"tags": (0.2, 0.8)})
        assert {key for key, count in found.items() if count} == (
            {f"filter/near_miss/{name}", "filter/near_miss"} if name else set()
        )


def test_rates_of_the_halves_by_hand() -> None:
    halves = Halves()
    # The median is 3: 1, 2, 3 are short, 4 and 5 long.
    halves.add([1, 2, 3, 4, 5], [False, True, False, True, True])
    assert halves.rates == (pytest.approx(1 / 3), 1.0)
    assert np.isnan(Halves().rates[0])


@pytest.mark.parametrize(
    ("seen", "short", "long", "prefers"),
    [
        # Pooled .175: an error of √(.175 · .825 · 2/100) = .0537, and three of them, .161, are above .15.
        (100, 10, 25, False),
        # Pooled .185: √(.185 · .815 · 2/100) = .0549, and .165 is below .17.
        (100, 10, 27, True),
        # Five percent at least, however sure.
        (10_000, 1000, 1450, False),
        (10_000, 1000, 1550, True),
        (100, 27, 10, False),
    ],
)
def test_what_is_more_than_chance_by_hand(seen: int, short: int, long: int, prefers: bool) -> None:
    assert Halves(seen=[seen, seen], dropped=[short, long]).prefers_short is prefers


def test_a_preference_for_the_short_is_told_once() -> None:
    watch = LengthWatch()
    told: list[str] = []
    steps = 0
    while not told and steps < 20:
        steps += 1
        # Long histories are too hard, short ones are kept.
        shown = watch.add([_judged([0.4, 0.6], prompt=10), _judged([0.0, 0.1], prompt=90)])
        assert (shown["filter/drop_rate/history_short"], shown["filter/drop_rate/history_long"]) == (0.0, 1.0)
        told = watch.warnings()
    assert len(told) == 1
    assert told[0].startswith("the filters prefer short histories: 100% of the longer half are dropped, 0%")
    watch.add([_judged([0.4, 0.6], prompt=10), _judged([0.0, 0.1], prompt=90)])
    assert watch.warnings() == []


def test_equal_drop_rates_and_long_that_win_are_no_preference() -> None:
    watch = LengthWatch()
    for _ in range(50):
        watch.add([_judged([0.4, 0.6], prompt=90), _judged([0.0, 0.1], prompt=10)])
        watch.add([_judged([0.4, 0.6], prompt=10), _judged([0.4, 0.6], prompt=20)])
    assert watch.warnings() == []
