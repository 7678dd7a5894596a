"""Rollout, proximal, current and reference policy kept apart: off-policy, tempered, within a nucleus.

Responses are sampled by version 0, the update begins with version 1 (a staleness of 1) and takes two
optimiser steps on one batch. `tests.plain_df_grpo` says what must come out, and that every side shows in it:
if one of them forgot its temperature or the nucleus, the numbers would be others.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from lm.objective import TokenBatch
from lm.scoring import Ask, TokenScores
from records.config import LossConfig
from rl.batching import TrainBatch, build_batch
from rl.loss import DFGRPOObjective
from tests.plain_df_grpo import Sampled, Sides, masked, plain_logprobs, plain_loss
from tests.policies import CausalSum
from tests.rl_groups import Response, judged_group

torch.set_num_threads(1)
VOCABULARY = 30
LR = 3.0
"""Of plain gradient descent: enough for some tokens to be clipped in the second step."""
CONFIG = LossConfig(kl_beta=0.2, clip_high=0.28)
T, TOP_P = 0.6, 0.7

Groups = Sequence[Sequence[Sampled]]


def _network(version: int) -> CausalSum:
    """Versions differ by noise; −1 is the reference."""
    network = CausalSum(VOCABULARY, 0.7)
    generator = torch.Generator().manual_seed(version % 100)
    noise = torch.randn(VOCABULARY, VOCABULARY, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        network.table += 0.1 * version * noise
    return network


def _logits(network: CausalSum, one: Sampled) -> torch.Tensor:
    """Logits that predict the response, of this sequence alone."""
    ids = torch.tensor([*one.prompt, *one.response])
    return network.table[ids].cumsum(dim=0)[len(one.prompt) - 1 : -1]


def _sampled(side: tuple[float, float]) -> list[list[Sampled]]:
    """Four groups of four responses sampled by version 0, with the log-probs that `side` reports."""
    random, network = np.random.default_rng(7), _network(0)
    groups = []
    for _ in range(4):
        prompt = random.integers(VOCABULARY, size=random.integers(1, 5)).tolist()
        rewards = random.permutation([0.0, 0.3, 0.5, 1.0])
        group = []
        for reward in rewards:
            response: list[int] = []
            for _ in range(random.integers(2, 7)):
                one = Sampled(prompt=prompt, response=[*response, 0], rollout_logprobs=(), advantage=0.0)
                with torch.no_grad():
                    last_1V = _logits(network, one)[-1:]
                mask_1V = masked(last_1V, (T, TOP_P))
                assert mask_1V is not None
                probabilities = torch.softmax(torch.where(mask_1V, last_1V / T, -torch.inf)[0], dim=0)
                response.append(int(random.choice(VOCABULARY, p=probabilities.numpy())))
            one = Sampled(prompt=prompt, response=response, rollout_logprobs=(), advantage=0.0)
            with torch.no_grad():
                logits_RV = _logits(network, one)
                logprobs = plain_logprobs(logits_RV, response, side[0], masked(logits_RV, side)).tolist()
            # Mean .45; deviations −.45, −.15, .05, .55 over their deviation and the floor.
            std = math.sqrt((0.45**2 + 0.15**2 + 0.05**2 + 0.55**2) / 3)
            advantage = float((reward - 0.45) / (std + 1e-4))
            group.append(replace(one, rollout_logprobs=logprobs, advantage=advantage))
        groups.append(group)
    return groups


def _batch(groups: Groups, minibatches: int) -> TrainBatch:
    """The same as the loop builds it. Of mean 0, advantages are those of themselves as rewards."""
    judged = [
        judged_group(
            f"g{number}",
            group[0].prompt,
            [
                Response(ids=one.response, logprobs=one.rollout_logprobs, reward=one.advantage)
                for one in group
            ],
        )
        for number, group in enumerate(groups)
    ]
    return build_batch(judged, minibatches=minibatches, scale_by_std=False, max_tokens=30)


Trained = tuple[list[float], float, np.ndarray[Any, Any]]
"""Losses of the optimiser steps, KL over all tokens, and the weights that come out."""


def _ours(groups: Groups, minibatches: int, temperature: float, top_p: float) -> Trained:
    """The update as the learner does it: everything is prepared before the first step."""
    objective = DFGRPOObjective(CONFIG, temperature=temperature, top_p=top_p)
    current, reference = _network(1), _network(-1)
    optimizer = torch.optim.SGD(current.parameters(), lr=LR)

    def policy(network: CausalSum, batch: TokenBatch, ask: Ask) -> TokenScores:
        return network(batch, ask)  # type: ignore[no-any-return]

    batch = _batch(groups, minibatches)
    with torch.no_grad():
        prepared = [
            [objective.prepare(partial(policy, current), partial(policy, reference), micro) for micro in part]
            for part in batch.minibatches
        ]
    losses, kl = [], 0.0
    for part, ready, normaliser in zip(batch.minibatches, prepared, batch.normalisers, strict=True):
        optimizer.zero_grad()
        losses.append(0.0)
        for micro, one in zip(part, ready, strict=True):
            loss, metrics = objective.loss(partial(policy, current), micro, one)
            (loss / normaliser).backward()  # type: ignore[no-untyped-call]
            losses[-1] += float(loss.detach()) / normaliser
            kl += metrics["kl"] / batch.tokens
        optimizer.step()
    return losses, kl, current.table.detach().numpy()


def _plain(groups: Groups, minibatches: int, sides: Sides) -> Trained:
    current, proximal, reference = _network(1), _network(1), _network(-1)
    optimizer = torch.optim.SGD(current.parameters(), lr=LR)
    total = sum(len(one.response) for group in groups for one in group)
    losses, kl = [], 0.0
    for part in range(minibatches):
        mine = [one for group in groups[part::minibatches] for one in group]
        optimizer.zero_grad()
        tokens = sum(len(one.response) for one in mine)
        summed = torch.zeros((), dtype=torch.float64)
        for one in mine:
            loss, kl_sum = plain_loss(
                one,
                partial(_logits, current),
                partial(_logits, proximal),
                partial(_logits, reference),
                CONFIG,
                sides,
            )
            summed = summed + loss
            kl += kl_sum / total
        (summed / tokens).backward()  # type: ignore[no-untyped-call]
        losses.append(float(summed.detach()) / tokens)
        optimizer.step()
    return losses, kl, current.table.detach().numpy()


@pytest.mark.parametrize("minibatches", [1, 2])
@pytest.mark.parametrize(("temperature", "top_p"), [(T, TOP_P), (T, 1.0), (1.0, TOP_P), (1.0, 1.0)])
def test_an_off_policy_update_is_what_plain_torch_does(
    temperature: float, top_p: float, minibatches: int
) -> None:
    groups = _sampled((temperature, top_p))
    losses, kl, weights = _ours(groups, minibatches, temperature, top_p)
    plain_losses, plain_kl, plain_weights = _plain(groups, minibatches, Sides.alike(temperature, top_p))
    # Rollout log-probs and advantages are float32 in a batch.
    assert losses == pytest.approx(plain_losses, rel=1e-6)
    assert kl == pytest.approx(plain_kl, rel=1e-6)
    np.testing.assert_allclose(weights, plain_weights, rtol=0, atol=1e-7)
    assert np.abs(weights - _network(1).table.detach().numpy()).max() > 0.05


RIGHT = Sides.alike(T, TOP_P)
FORGETFUL = {
    "rollout, temperature": replace(RIGHT, rollout=(1.0, TOP_P)),
    "rollout, nucleus": replace(RIGHT, rollout=(T, 1.0)),
    "proximal, temperature": replace(RIGHT, proximal=(1.0, TOP_P)),
    "proximal, nucleus": replace(RIGHT, proximal=(T, 1.0)),
    "current, temperature": replace(RIGHT, current=(1.0, TOP_P)),
    "current, nucleus": replace(RIGHT, current=(T, 1.0)),
    "reference, temperature": replace(RIGHT, kl=(1.0, T, 1.0)),
    "current in the KL, temperature": replace(RIGHT, kl=(T, 1.0, 1.0)),
    "KL within the nucleus": replace(RIGHT, kl=(T, T, TOP_P)),
}


@pytest.mark.parametrize("who", FORGETFUL)
def test_a_side_that_forgot_would_show(who: str) -> None:
    """By far more than the tolerance of the test above."""
    sides = FORGETFUL[who]
    right, wrong = _plain(_sampled(RIGHT.rollout), 2, RIGHT), _plain(_sampled(sides.rollout), 2, sides)
    assert max(abs(a - b) for a, b in zip(right[0], wrong[0], strict=True)) > 1e-3
    assert np.abs(right[2] - wrong[2]).max() > 1e-3


def test_of_the_version_that_sampled_nothing_is_off_policy() -> None:
    """Ratio and importance weight are 1 to rounding, and the loss is that of the plain policy gradient."""
    groups = _sampled((T, TOP_P))
    objective = DFGRPOObjective(LossConfig(), temperature=T, top_p=TOP_P)
    network = _network(0)
    for part in _batch(groups, 2).minibatches:
        for micro in part:
            with torch.no_grad():
                prepared = objective.prepare(network, None, micro)
            loss, metrics = objective.loss(network, micro, prepared)
            assert metrics["rollout_mismatch_kl"] == pytest.approx(0, abs=1e-10)
            assert (metrics["clip_frac"], metrics["tis_clip_frac"]) == (0, 0)
            assert float(loss.detach()) == pytest.approx(-float(micro.advantages_N.sum()), abs=1e-4)
