"""The DF-GRPO objective on tables of logits: golden losses and gradients, worked by hand.

Rows of logits are log-probabilities (a softmax gives the probabilities back), one row a token.
"""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from lm.nucleus import nucleus_mask
from lm.objective import TokenBatch
from lm.packing import Segment
from lm.scoring import Ask, TokenScores
from records.config import LossConfig
from rl.loss import DFGRPOObjective, Prepared, RLMicroBatch
from tests.policies import scores_of

torch.set_num_threads(1)
LN2 = math.log(2)


class Table:
    """A policy whose logits are a table of parameters."""

    def __init__(self, probabilities: list[list[float]], *, power: float = 1.0) -> None:
        logits = power * torch.tensor(probabilities, dtype=torch.float64).log()
        self.logits_NV = logits.requires_grad_()

    def __call__(self, batch: TokenBatch, ask: Ask) -> TokenScores:
        return scores_of(self.logits_NV, batch, ask)

    @property
    def gradient(self) -> list[list[float]]:
        assert self.logits_NV.grad is not None
        return self.logits_NV.grad.tolist()


def _batch(
    targets: list[int],
    rollout: list[float],
    advantages: list[float],
    counts: list[float] | None = None,
) -> RLMicroBatch:
    """`rollout` holds probabilities of the targets under the rollout policy."""
    return RLMicroBatch(
        tokens=TokenBatch(
            input_ids_T=np.zeros(len(targets) + 1, dtype=np.int64),
            segments=(Segment(length=len(targets) + 1),),
            positions_N=np.arange(len(targets)),
            targets_N=np.array(targets),
        ),
        rollout_logprobs_N=np.log(np.array(rollout, dtype=np.float32)),
        advantages_N=np.array(advantages, dtype=np.float32),
        counts_N=np.array(counts or [1.0] * len(targets), dtype=np.float32),
    )


def _objective(temperature: float = 1.0, top_p: float = 1.0, **loss: Any) -> DFGRPOObjective:
    return DFGRPOObjective(replace(LossConfig(entropy=True), **loss), temperature=temperature, top_p=top_p)


def _prepared(proximal: list[float], reference: list[float] | None = None) -> Prepared:
    return Prepared(
        behaviour=TokenScores(logprobs_N=torch.tensor(proximal, dtype=torch.float64).log()),
        reference_logprobs_N=torch.tensor(reference, dtype=torch.float64).log() if reference else None,
    )


def test_on_policy_loss_and_gradient() -> None:
    policy = Table([[0.5, 0.25, 0.25], [0.2, 0.3, 0.5]])
    batch = _batch([0, 2], [0.5, 0.5], [2.0, -1.0])
    loss, metrics = _objective().loss(policy, batch, Prepared())
    # Ratio and weight are 1: −(2) − (−1) = −1.
    assert float(loss) == pytest.approx(-1.0, abs=1e-6)
    loss.backward()
    # −A (onehot − p): −2·(.5, −.25, −.25) and +1·(−.2, −.3, .5).
    assert policy.gradient[0] == pytest.approx([-1.0, 0.5, 0.5], abs=1e-6)
    assert policy.gradient[1] == pytest.approx([-0.2, -0.3, 0.5], abs=1e-6)
    # Entropies: .5 ln 2 + 2 · .25 · 2 ln 2 = 1.5 ln 2, and −Σ p ln p of the second row.
    second = -(0.2 * math.log(0.2) + 0.3 * math.log(0.3) + 0.5 * math.log(0.5))
    assert metrics == pytest.approx(
        {
            "clip_frac": 0.0,
            "tis_clip_frac": 0.0,
            "rollout_mismatch_kl": 0.0,
            "entropy": 1.5 * LN2 + second,
        },
        abs=1e-6,
    )


def test_gradient_is_the_analytic_policy_gradient() -> None:
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet(np.ones(6), size=5)
    targets, advantages = generator.integers(6, size=5), generator.normal(size=5)
    policy = Table(probabilities.tolist())
    rollout = probabilities[np.arange(5), targets]
    loss, _ = _objective().loss(
        policy, _batch(targets.tolist(), rollout.tolist(), advantages.tolist()), Prepared()
    )
    loss.backward()
    analytic = -advantages[:, None] * (np.eye(6)[targets] - probabilities)
    assert np.allclose(policy.gradient, analytic, atol=1e-5)


CLIPPED = [[0.6, 0.4], [0.6, 0.4], [0.3, 0.7], [0.3, 0.7]]
"""Against a proximal .4, .4, .6, .6 of target 0 the ratios are 1.5, 1.5, .5, .5."""


def test_clipping_on_both_sides() -> None:
    policy = Table(CLIPPED)
    batch = _batch([0] * 4, [0.4, 0.4, 0.6, 0.6], [1.0, -1.0, 1.0, -1.0])
    loss, metrics = _objective().loss(policy, batch, _prepared([0.4, 0.4, 0.6, 0.6]))
    # min(ρA, clip(ρ, .8, 1.2)A): 1.2, −1.5, .5, −.8; minus their sum: .6.
    assert float(loss) == pytest.approx(0.6, abs=1e-6)
    # The first and the last are clipped and pass no gradient.
    assert metrics["clip_frac"] == 2.0
    loss.backward()
    assert policy.gradient[0] == policy.gradient[3] == [0.0, 0.0]
    # −A ρ (onehot − p): 1.5·(.4, −.4) and −.5·(.7, −.7).
    assert policy.gradient[1] == pytest.approx([0.6, -0.6], abs=1e-6)
    assert policy.gradient[2] == pytest.approx([-0.35, 0.35], abs=1e-6)


def test_clip_higher_and_clip_lower_are_separate() -> None:
    batch = _batch([0] * 4, [0.4, 0.4, 0.6, 0.6], [1.0, -1.0, 1.0, -1.0])
    loss, _ = _objective(clip_low=0.1, clip_high=0.4).loss(
        Table(CLIPPED), batch, _prepared([0.4, 0.4, 0.6, 0.6])
    )
    # 1.4, −1.5, .5, −.9; minus their sum: .5.
    assert float(loss) == pytest.approx(0.5, abs=1e-6)


def test_the_importance_weight_is_truncated() -> None:
    policy = Table([[0.6, 0.4], [0.3, 0.7]])
    loss, metrics = _objective(tis_cap=2.0).loss(policy, _batch([0, 0], [0.2, 0.6], [1.0, 1.0]), Prepared())
    # .6/.2 = 3 is capped at 2; .3/.6 = .5 stays: −2 − .5.
    assert float(loss) == pytest.approx(-2.5, abs=1e-6)
    assert metrics["tis_clip_frac"] == 1.0
    # k3 of rollout and current policy: 3 − 1 − ln 3 and .5 − 1 − ln .5.
    assert metrics["rollout_mismatch_kl"] == pytest.approx(2 - math.log(3) - 0.5 + LN2, abs=1e-6)
    loss.backward()
    # The weight is a constant: −w (onehot − p) = −2·(.4, −.4).
    assert policy.gradient[0] == pytest.approx([-0.8, 0.8], abs=1e-6)


def test_the_weight_compares_the_proximal_policy_with_the_rollout_policy() -> None:
    # Current .6, proximal .5, rollout .4: ratio 1.2 and weight 1.25.
    loss, _ = _objective(clip_high=0.5).loss(Table([[0.6, 0.4]]), _batch([0], [0.4], [1.0]), _prepared([0.5]))
    assert float(loss) == pytest.approx(-1.2 * 1.25, abs=1e-6)


def test_temperature_applies_to_every_policy() -> None:
    # Logits 0 and 2 ln 3 at temperature 2: probabilities 1/4 and 3/4 (1/10 and 9/10 without).
    policy = Table([[0.25, 0.75]], power=2.0)
    batch = _batch([1], [0.75], [1.0])
    objective = _objective(temperature=2.0)
    loss, metrics = objective.loss(policy, batch, Prepared())
    assert float(loss) == pytest.approx(-1.0, abs=1e-6)
    assert metrics["entropy"] == pytest.approx(-(0.25 * math.log(0.25) + 0.75 * math.log(0.75)), abs=1e-6)
    loss.backward()
    # −(1/T)(onehot − p) = −½·(−1/4, 1/4)
    assert policy.gradient[0] == pytest.approx([0.125, -0.125], abs=1e-6)
    # Prepared in the same way, and the reference too: at 1/2, gap = ln(.5/.75).
    assert objective.prepare(None, None, batch) == Prepared()
    prepared = objective.prepare(policy, Table([[0.5, 0.5]], power=2.0), batch)
    assert prepared.behaviour is not None
    assert float(prepared.behaviour.logprobs_N[0].detach()) == pytest.approx(math.log(0.75))
    assert prepared.reference_logprobs_N is not None
    assert float(prepared.reference_logprobs_N[0].detach()) == pytest.approx(math.log(0.5))


def test_the_nucleus_is_the_smallest_set_that_reaches_top_p() -> None:
    logits = torch.tensor([[0.5, 0.3, 0.15, 0.05], [0.05, 0.5, 0.15, 0.3]]).log()
    first = torch.tensor([0, 1])
    assert nucleus_mask(logits, first, 0.7).tolist() == [
        [True, True, False, False],
        [False, True, False, True],
    ]
    assert nucleus_mask(logits, first, 0.4).tolist() == [
        [True, False, False, False],
        [False, True, False, False],
    ]
    assert nucleus_mask(logits, first, 0.9).tolist() == [[True, True, True, False], [False, True, True, True]]
    # The sampled token belongs to it whatever rounding says.
    assert nucleus_mask(logits, torch.tensor([3, 0]), 0.4).tolist() == [
        [True, False, False, True],
        [True, True, False, False],
    ]


BEHAVIOUR = [[0.5, 0.3, 0.15, 0.05]]
"""With top-p .7 the nucleus is {0, 1}: token 1 has .3/.8 = .375 in it."""


def test_the_behaviour_nucleus_is_reused_for_the_current_policy() -> None:
    objective, batch = _objective(top_p=0.7), _batch([1], [0.375], [-1.0])
    prepared = objective.prepare(Table(BEHAVIOUR), None, batch)
    assert prepared.behaviour is not None
    assert float(prepared.behaviour.logprobs_N[0].detach()) == pytest.approx(math.log(0.375))
    # The current policy's own nucleus were {1, 2, 3} and the ratio (.25/.9)/.375 = .741. In {0, 1} it is
    # (.25/.35)/.375 = 1.9048; with A = −1 the larger loss counts: 1.9048, not the clipped 1.2.
    policy = Table([[0.1, 0.25, 0.25, 0.4]])
    loss, _ = objective.loss(policy, batch, prepared)
    assert float(loss) == pytest.approx((0.25 / 0.35) / 0.375, abs=1e-5)
    loss.backward()
    # Tokens outside the nucleus get no gradient.
    assert policy.gradient[0][2:] == [0.0, 0.0]
    assert policy.gradient[0][0] < 0 < policy.gradient[0][1]


def test_with_top_p_the_weight_is_against_the_masked_rollout_policy() -> None:
    # Without the mask the weight were .3/.375 = .8.
    loss, metrics = _objective(top_p=0.7).loss(Table(BEHAVIOUR), _batch([1], [0.375], [1.0]), Prepared())
    assert float(loss) == pytest.approx(-1.0, abs=1e-6)
    assert metrics["rollout_mismatch_kl"] == pytest.approx(0.0, abs=1e-6)


def test_k3_kl() -> None:
    policy, objective = Table([[0.25, 0.75]]), _objective(kl_beta=0.1)
    assert objective.needs_reference
    loss, metrics = objective.loss(policy, _batch([0], [0.25], [0.0]), _prepared([0.25], [0.5]))
    # gap = ln(.5/.25) = ln 2: e^gap − gap − 1 = 1 − ln 2.
    assert metrics["kl"] == pytest.approx(1 - LN2, abs=1e-6)
    assert float(loss) == pytest.approx(0.1 * (1 - LN2), abs=1e-7)
    loss.backward()
    # d kl/d log π = −(e^gap) + 1 = −1, so the gradient is −β (onehot − p) = −.1·(.75, −.75).
    assert policy.gradient[0] == pytest.approx([-0.075, 0.075], abs=1e-6)


def test_bias_corrected_kl() -> None:
    policy, objective = Table([[0.25, 0.75]]), _objective(kl_beta=0.1, kl_bias_correction=True)
    loss, metrics = objective.loss(policy, _batch([0], [0.2], [0.0]), _prepared([0.2], [0.5]))
    # The k3 estimate times the ratio .25/.2 = 1.25.
    assert metrics["kl"] == pytest.approx(1.25 * (1 - LN2), abs=1e-6)
    assert float(loss) == pytest.approx(0.125 * (1 - LN2), abs=1e-7)
    loss.backward()
    # d(ρ·kl)/d log π = ρ·(kl − 1) = 1.25·(−ln 2); times β (onehot − p).
    assert policy.gradient[0][0] == pytest.approx(-0.125 * LN2 * 0.75, abs=1e-6)


def test_the_kl_is_of_the_whole_distributions() -> None:
    objective, batch = _objective(top_p=0.7, kl_beta=0.1), _batch([1], [0.375], [0.0])
    policy = Table(BEHAVIOUR)
    prepared = objective.prepare(policy, Table([[0.25, 0.6, 0.1, 0.05]]), batch)
    # gap = ln(.6/.3), not ln(.6/.375) as it were inside the nucleus.
    assert objective.loss(policy, batch, prepared)[1]["kl"] == pytest.approx(1 - LN2, abs=1e-6)


def test_four_policies_tempered_and_within_a_nucleus() -> None:
    """Logits are twice the logs of these probabilities, and the temperature is 2."""
    objective = _objective(temperature=2.0, top_p=0.7, kl_beta=0.1, clip_high=1.0)
    batch = _batch([1], [0.3], [-1.0])
    # Proximal: nucleus {0, 1}, token 1 at .375, against .3 of the rollout policy: a weight of 1.25.
    # Reference: .6 of the whole.
    prepared = objective.prepare(
        Table(BEHAVIOUR, power=2.0), Table([[0.25, 0.6, 0.1, 0.05]], power=2.0), batch
    )
    policy = Table([[0.1, 0.25, 0.25, 0.4]], power=2.0)
    loss, metrics = objective.loss(policy, batch, prepared)
    # Current: .25/.35 = .714286 in that nucleus, a ratio of 1.904762; .25 of the whole. The KL's gap is
    # ln(.6/.25), its k3 2.4 − ln 2.4 − 1 = .524531. 1.25 · 1.904762 + .1 · .524531 = 2.433405.
    assert float(loss) == pytest.approx(2.433405, abs=1e-5)
    assert metrics["kl"] == pytest.approx(0.524531, abs=1e-5)
    # k3 of the rollout and the current policy: 2.380952 − 1 − ln 2.380952 = .513452.
    assert metrics["rollout_mismatch_kl"] == pytest.approx(0.513452, abs=1e-5)
    loss.backward()
    # −w A ρ/T (onehot − p), in the nucleus: 2.380952/2 · (−.285714, .285714) = (−.340136, .340136).
    # β (1 − 2.4)/T (onehot − p), of the whole: −.07 · (−.1, .75, −.25, −.4).
    assert policy.gradient[0] == pytest.approx(
        [-0.340136 + 0.007, 0.340136 - 0.0525, 0.0175, 0.028], abs=1e-5
    )


def test_kl_and_gain_add_up() -> None:
    loss, _ = _objective(kl_beta=0.5).loss(
        Table([[0.25, 0.75]]), _batch([0], [0.25], [2.0]), _prepared([0.25], [0.5])
    )
    assert float(loss) == pytest.approx(-2.0 + 0.5 * (1 - LN2), abs=1e-6)


def test_no_reference_no_kl() -> None:
    objective = _objective()
    assert not objective.needs_reference
    assert (
        objective.prepare(Table([[0.5, 0.5]]), None, _batch([0], [0.5], [1.0])).reference_logprobs_N is None
    )


def test_tokens_count_by_their_weight_and_in_metrics_alike() -> None:
    policy, objective = Table([[0.25, 0.75], [0.5, 0.5]]), _objective(kl_beta=0.1)
    batch = _batch([0, 1], [0.25, 0.5], [2.0, -1.0], counts=[1.5, 0.5])
    loss, metrics = objective.loss(policy, batch, _prepared([0.25, 0.5], [0.5, 0.5]))
    # 1.5 · (−2 + .1 · (1 − ln 2)) + .5 · 1, the second token's KL being 0.
    assert float(loss) == pytest.approx(1.5 * (-2 + 0.1 * (1 - LN2)) + 0.5, abs=1e-6)
    assert metrics["kl"] == pytest.approx(1 - LN2, abs=1e-6)
    assert metrics["entropy"] == pytest.approx(
        LN2 - (0.25 * math.log(0.25) + 0.75 * math.log(0.75)), abs=1e-6
    )


@pytest.mark.parametrize("top_p", [1.0, 0.7])
def test_uncounted_tokens_contribute_nothing(top_p: float) -> None:
    objective = _objective(top_p=top_p, kl_beta=0.1)
    rows, reference = [*BEHAVIOUR, [0.01, 0.01, 0.01, 0.97]], Table([[0.25] * 4] * 2)
    policy = Table(rows)
    both = _batch([1, 0], [0.375, 0.9], [1.5, -50.0], counts=[1.0, 0.0])
    loss, metrics = objective.loss(policy, both, objective.prepare(policy, reference, both))
    alone_policy, alone = Table(BEHAVIOUR), _batch([1], [0.375], [1.5])
    alone_prepared = objective.prepare(alone_policy, Table([[0.25] * 4]), alone)
    alone_loss, alone_metrics = objective.loss(alone_policy, alone, alone_prepared)
    assert float(loss) == pytest.approx(float(alone_loss), abs=1e-7)
    assert metrics == pytest.approx(alone_metrics, abs=1e-7)
    loss.backward()
    alone_loss.backward()
    assert policy.gradient[0] == pytest.approx(alone_policy.gradient[0], abs=1e-7)
    assert policy.gradient[1] == [0.0] * 4


@pytest.mark.parametrize("top_p", [1.0, 0.7])
@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_preparing_beforehand_changes_nothing_while_the_weights_stand(
    top_p: float, temperature: float
) -> None:
    generator = np.random.default_rng(1)
    probabilities = generator.dirichlet(np.ones(9), size=12)
    targets = probabilities.argmax(axis=1).tolist()
    batch = _batch(targets, generator.uniform(0.2, 1.0, 12).tolist(), generator.normal(size=12).tolist())
    objective = _objective(temperature, top_p)
    with_prepared, without = Table(probabilities.tolist()), Table(probabilities.tolist())
    with torch.no_grad():
        prepared = objective.prepare(with_prepared, None, batch)
    loss, metrics = objective.loss(with_prepared, batch, prepared)
    other_loss, other_metrics = objective.loss(without, batch, Prepared())
    assert float(loss) == pytest.approx(float(other_loss), rel=1e-12)
    assert metrics == pytest.approx(other_metrics, rel=1e-12)
    loss.backward()
    other_loss.backward()
    assert np.allclose(with_prepared.gradient, without.gradient, rtol=0, atol=1e-12)
    assert np.abs(np.array(without.gradient)).max() > 0.01


@pytest.mark.parametrize("scale", [0.1, 3.0, 20.0])
def test_a_nucleus_of_any_size_is_that_of_the_sorted_vocabulary(scale: float) -> None:
    """From nearly flat (most of 300 tokens) to nearly certain (one)."""
    logits_NV = scale * torch.randn(40, 300, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    mask_NV = nucleus_mask(logits_NV, logits_NV.argmax(dim=-1), 0.9)
    for mask, probabilities in zip(mask_NV, torch.softmax(logits_NV, dim=-1), strict=True):
        descending = probabilities.sort(descending=True).values
        size = int((descending.cumsum(0) < 0.9).sum()) + 1
        assert int(mask.sum()) == size
        assert float(probabilities[mask].min()) == float(descending[size - 1])
