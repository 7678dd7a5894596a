"""The groupwise DPO loss: golden numbers worked by hand, orders enumerated, and what must not change it."""

import math
from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rl.groupwise import INVALID, LogRatios, choices, group_loss, groupwise_loss, levels

torch.set_num_threads(1)
NAN = float("nan")
LN2, LN3 = math.log(2), math.log(3)


def _loss(scores: list[float], ranks: list[int]) -> float:
    return float(group_loss(torch.tensor(scores, dtype=torch.float64), np.array(ranks)))


def _gradient(scores: list[float], ranks: list[int]) -> list[float]:
    scores_K = torch.tensor(scores, dtype=torch.float64, requires_grad=True)
    group_loss(scores_K, np.array(ranks)).backward()  # type: ignore[no-untyped-call]
    assert scores_K.grad is not None
    return scores_K.grad.tolist()  # type: ignore[no-any-return]


def _by_orders(scores: list[float], ranks: list[int]) -> float:
    """The loss as it is written down: every order of the valid that keeps better levels first, one by one."""
    valid = [i for i, level in enumerate(ranks) if level != INVALID]
    invalid = [i for i, level in enumerate(ranks) if level == INVALID]
    counted = min(len(valid), len(ranks) - 1)
    found = []
    for order in permutations(valid):
        if [ranks[i] for i in order] == sorted(ranks[i] for i in order):
            places = [*order, *invalid]
            terms = [
                scores[places[i]] - math.log(sum(math.exp(scores[j]) for j in places[i:]))
                for i in range(counted)
            ]
            found.append(-sum(terms) / counted)
    return sum(found) / len(found)


def test_levels_by_hand() -> None:
    assert levels(np.array([0.5, NAN, 0.9, 0.25]), 0.0).tolist() == [1, INVALID, 0, 2]
    # .75 is .25 below the best and tied with it; .5 is within .25 of .75, but not of the best.
    assert levels(np.array([0.5, 1.0, 0.75]), 0.25).tolist() == [1, 0, 0]
    # So is what differs by τ in decimals, though not in binary.
    assert levels(np.array([0.91, 0.9, 0.89]), 0.01).tolist() == [0, 0, 1]
    # Equal is tied with a τ of 0 as well.
    assert levels(np.array([0.5, 0.5]), 0.0).tolist() == [0, 0]
    assert levels(np.array([NAN, NAN]), 0.1).tolist() == [INVALID, INVALID]
    assert levels(np.array([-3.0]), 0.1).tolist() == [0]


@pytest.mark.parametrize(
    ("ranks", "expected"),
    [
        ([0, 1, 2], 2),
        ([0, 0, 0], 2),
        ([0, INVALID, INVALID], 1),
        ([0, 1, INVALID], 2),
        ([INVALID] * 3, 0),
        ([0], 0),
        ([], 0),
    ],
)
def test_choices_by_hand(ranks: list[int], expected: int) -> None:
    assert choices(np.array(ranks)) == expected


def test_pairs_are_dpo() -> None:
    # f = (ln 3, 0): −log σ(ln 3) = −log(3/4) = log(4/3); its gradient is ∓(1 − 3/4).
    for ranks in ([0, 1], [0, INVALID]):
        assert _loss([LN3, 0.0], ranks) == pytest.approx(math.log(4 / 3), abs=1e-14)
        assert _gradient([LN3, 0.0], ranks) == pytest.approx([-0.25, 0.25], abs=1e-14)
    # The same pair the other way round: −log σ(−ln 3) = log 4.
    assert _loss([LN3, 0.0], [1, 0]) == pytest.approx(2 * LN2, abs=1e-14)
    # Before any step both are 0, and the loss is ln 2.
    assert _loss([0.0, 0.0], [0, 1]) == pytest.approx(LN2, abs=1e-14)


def test_three_in_order() -> None:
    # exp f = (1, 2, 3), ranked as they stand: −½ [log 1/6 + log 2/5] = ½ log 15.
    assert _loss([0.0, LN2, LN3], [0, 1, 2]) == pytest.approx(math.log(15) / 2, abs=1e-14)
    # dL/df = ½ [(1/6, 2/6, 3/6) − (1, 0, 0) + (0, 2/5, 3/5) − (0, 1, 0)] = (−5/12, −2/15, 11/20).
    assert _gradient([0.0, LN2, LN3], [0, 1, 2]) == pytest.approx([-5 / 12, -2 / 15, 11 / 20], abs=1e-14)


def test_invalid_ones_stand_in_denominators_alone() -> None:
    # exp f = (2, 1, 1), the last two invalid: m′ = 1, −log 2/4.
    assert _loss([LN2, 0.0, 0.0], [0, INVALID, INVALID]) == pytest.approx(LN2, abs=1e-14)
    assert _gradient([LN2, 0.0, 0.0], [0, INVALID, INVALID]) == pytest.approx([-0.5, 0.25, 0.25], abs=1e-14)
    # exp f = (2, 1, 1), the last invalid: m′ = 2, −½ [log 2/4 + log 1/2] = ln 2.
    assert _loss([LN2, 0.0, 0.0], [0, 1, INVALID]) == pytest.approx(LN2, abs=1e-14)


def test_ties_are_averaged_over_their_orders() -> None:
    # exp f = (1, 3), tied: ½ [log 4/1 + log 4/3].
    assert _loss([0.0, LN3], [0, 0]) == pytest.approx((math.log(4) + math.log(4 / 3)) / 2, abs=1e-14)
    # Tied ones are drawn together: (1/4, 3/4) − (½, ½).
    assert _gradient([0.0, LN3], [0, 0]) == pytest.approx([-0.25, 0.25], abs=1e-14)
    # exp f = (1, 2, 3), the first two tied before the third: orders 1,2 and 2,1 have
    # ½ [log 6/1 + log 5/2] = ½ log 15 and ½ [log 6/2 + log 4/1] = ½ log 12.
    assert _loss([0.0, LN2, LN3], [0, 0, 1]) == pytest.approx((math.log(15) + math.log(12)) / 4, abs=1e-14)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(st.floats(-3, 3), st.sampled_from([NAN, 0.0, 0.25, 0.5, 0.75, 1.0])), min_size=2, max_size=6
    ).filter(lambda group: any(not math.isnan(quality) for _, quality in group)),
    st.sampled_from([0.0, 0.25, 2.0]),
)
def test_any_group_is_the_mean_over_its_orders(group: list[tuple[float, float]], tie_within: float) -> None:
    scores, qualities = [score for score, _ in group], np.array([quality for _, quality in group])
    ranks = levels(qualities, tie_within).tolist()
    assert _loss(scores, ranks) == pytest.approx(_by_orders(scores, ranks), abs=1e-10)
    # A shift of all f changes nothing, so the gradient has no sum.
    assert _loss([score + 7 for score in scores], ranks) == pytest.approx(_loss(scores, ranks), abs=1e-9)
    assert sum(_gradient(scores, ranks)) == pytest.approx(0, abs=1e-10)


def test_a_block_of_six_and_one_of_twelve() -> None:
    random = np.random.default_rng(0)
    six = random.normal(size=6).tolist()
    assert _loss(six, [0] * 6) == pytest.approx(_by_orders(six, [0] * 6), abs=1e-12)
    # All f alike: with s left, each order has log s, so Σ_{s=1..12} log s / 11 = log 12! / 11.
    assert _loss([5.0] * 12, [0] * 12) == pytest.approx(math.lgamma(13) / 11, abs=1e-12)


def test_gradients_are_those_of_differences() -> None:
    random = np.random.default_rng(1)
    scores_K = torch.tensor(random.normal(size=7), dtype=torch.float64, requires_grad=True)
    ranks = np.array([1, 0, INVALID, 0, 2, INVALID, 0])
    assert torch.autograd.gradcheck(lambda scores: group_loss(scores, ranks), (scores_K,))


def test_huge_scores_are_exact() -> None:
    # −log σ(x) is 0 or −x where x is beyond what exp holds, and gradients are 0 or whole.
    assert _loss([1e6, -1e6], [0, 1]) == pytest.approx(0.0, abs=1e-12)
    assert _loss([-1e6, 1e6], [0, 1]) == pytest.approx(2e6)
    assert _gradient([-1e6, 1e6], [0, 1]) == pytest.approx([-1.0, 1.0])
    assert all(map(math.isfinite, _gradient([1e6, -1e6, 0.0, 2.0], [0, 0, 1, INVALID])))
    # Far from 0 small differences still count: as (ln 3, 0).
    assert _loss([1e8 + LN3, 1e8], [0, 1]) == pytest.approx(math.log(4 / 3), abs=1e-7)
    # In float32, in which log-probs come, all is summed in float64.
    loss = group_loss(torch.tensor([800.0, -800.0, 0.0]), np.array([2, 0, 1]))
    # (−800, 0, 800) best first: ½ [1600 + 800].
    assert loss.dtype == torch.float64
    assert float(loss) == pytest.approx(1200.0, abs=1e-12)


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(st.floats(-1e5, 1e5), st.sampled_from([NAN, 0.0, 0.5, 1.0])), min_size=2, max_size=7
    ).filter(lambda group: any(not math.isnan(quality) for _, quality in group))
)
def test_no_group_has_a_loss_or_gradient_that_is_not_finite(group: list[tuple[float, float]]) -> None:
    scores = [score for score, _ in group]
    ranks = levels(np.array([quality for _, quality in group]), 0.1).tolist()
    assert _loss(scores, ranks) >= 0
    assert math.isfinite(_loss(scores, ranks))
    gradient = _gradient(scores, ranks)
    assert all(map(math.isfinite, gradient))
    # The best lose nothing by being likelier, beyond being drawn towards those they are tied with.
    assert sum(g for g, level in zip(gradient, ranks, strict=True) if level == 0) <= 1e-9


def test_groups_without_a_loss_are_refused() -> None:
    for ranks in ([INVALID, INVALID], [0]):
        with pytest.raises(ValueError, match="has no loss"):
            group_loss(torch.zeros(len(ranks)), np.array(ranks))


def test_sums_over_groups_and_metrics_by_hand() -> None:
    ratios = torch.tensor([2 * LN3, 0.0], dtype=torch.float64)
    groups = [
        LogRatios(ratios_K=ratios, levels_K=np.array([0, 1])),  # β ratios = (ln 3, 0): log 4/3
        LogRatios(ratios_K=ratios, levels_K=np.array([INVALID, 0])),  # the other way round: log 4
        LogRatios(ratios_K=torch.zeros(2), levels_K=np.array([0, 0])),  # tied: log 2, and no pair
        LogRatios(ratios_K=torch.zeros(3), levels_K=np.array([0, 1, INVALID])),  # ½ [log 3 + log 2]
    ]
    loss, metrics = groupwise_loss(groups, beta=0.5)
    expected = math.log(4 / 3) + math.log(4) + LN2 + (LN3 + LN2) / 2
    assert float(loss) == pytest.approx(expected, abs=1e-12)
    # Won 1, lost, and of three equal pairs half; margins ln 3, −ln 3, 0; ratios' means ln 3, ln 3, 0, 0.
    assert metrics == pytest.approx({"kl": 2 * LN3, "win_rate": 1.5, "margin": 0.0, "paired": 3.0}, abs=1e-12)
