"""DF-GRPO on the real stack against plain torch: what an engine sampled, and splits that must not show."""

import copy
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from actors.cluster import ray_cluster
from actors.learner import LearnerGroup
from actors.rollout import RolloutPool
from lm.objective import UpdateReport
from records.config import ClusterConfig, LearnerConfig, LossConfig, RolloutConfig
from records.prompt import Prompt, Request, Sampling
from rl.advantages import group_advantages
from rl.batching import build_batch, empty_micro_batch
from rl.filters import JudgedGroup
from rl.loss import DFGRPOObjective
from tests.plain_df_grpo import Sampled, Sides, plain_loss
from tests.rl_groups import Response, judged_group

TEMPERATURE, TOP_P, LR = 1.5, 0.9, 1e-2
"""Below a temperature of 1 so small a random network is certain of one token, and no nucleus has two."""
PROMPTS = [tuple(np.random.default_rng(i).integers(5, 250, 20 + 7 * i).tolist()) for i in range(5)]
REWARDS = (1.0, 0.0, 0.25, 0.5)


@pytest.fixture(scope="module")
def cluster() -> Iterator[bool]:
    with ray_cluster(ClusterConfig(cpus=4)) as local:
        yield local


def _learner(model_dir: Path, local: bool, ranks: int = 1) -> LearnerGroup:
    return LearnerGroup(model_dir, LearnerConfig(ranks=ranks, threads=1), 120, local=local)


def _sampled(pool: RolloutPool) -> list[JudgedGroup]:
    """A group of four a prompt, as the engine samples and reports them."""
    requests = [
        Request(
            prompt=Prompt(
                prompt_id=str(number), user_id="u", task="tags", tags=("pet",), history_lines=1, token_ids=ids
            ),
            samples=len(REWARDS),
            seed=10 * number,
        )
        for number, ids in enumerate(PROMPTS)
    ]
    sampling = Sampling(temperature=TEMPERATURE, top_p=TOP_P, max_tokens=12)
    return [
        judged_group(
            f"g{number}",
            PROMPTS[number],
            [
                Response(ids=rollout.token_ids, logprobs=rollout.logprobs, reward=reward)
                for rollout, reward in zip(rollouts, REWARDS, strict=True)
            ],
        )
        for number, rollouts in enumerate(pool.generate(requests, sampling))
    ]


def _sequences(group: JudgedGroup) -> list[Sampled]:
    """The live samples of a group, one by one."""
    advantages = group_advantages(group.verdict, scale_by_std=True)
    return [
        Sampled(
            prompt=group.scored.group.prompt.token_ids,
            response=rollout.token_ids,
            rollout_logprobs=rollout.logprobs,
            advantage=float(advantage),
        )
        for rollout, advantage in zip(group.scored.group.rollouts, advantages, strict=True)
        if not np.isnan(advantage)
    ]


class PlainLearner:
    """The update with transformers and AdamW, one sequence after the other."""

    def __init__(self, model_dir: Path, config: LossConfig) -> None:
        from transformers import AutoModelForCausalLM

        self.config = config
        self.network: Any = AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.float32)
        self.reference = copy.deepcopy(self.network)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=LR, weight_decay=0.0)

    def update(self, groups: Sequence[JudgedGroup], minibatches: int) -> tuple[float, float]:
        """The loss and the KL, means over all tokens."""
        proximal = copy.deepcopy(self.network)
        loss_sum = kl_sum = total = 0.0
        for part in range(minibatches):
            mine = [one for group in groups[part::minibatches] for one in _sequences(group)]
            tokens = sum(len(one.response) for one in mine)
            self.optimizer.zero_grad()
            for one in mine:
                loss, kl = plain_loss(
                    one,
                    partial(_logits, self.network),
                    partial(_logits, proximal),
                    partial(_logits, self.reference),
                    self.config,
                    Sides.alike(TEMPERATURE, TOP_P),
                )
                (loss / tokens).backward()  # type: ignore[no-untyped-call]
                loss_sum, kl_sum = loss_sum + float(loss.detach()), kl_sum + kl
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            self.optimizer.step()
            total += tokens
        return loss_sum / total, kl_sum / total

    def logprobs(self, sequence: Sequence[int]) -> torch.Tensor:
        """Untempered log-probs of tokens 1… of the sequence."""
        ids = torch.tensor([sequence])
        with torch.no_grad():
            all_logprobs = torch.log_softmax(self.network(ids).logits[0, :-1], -1)
        return all_logprobs.gather(1, ids[0, 1:, None])[:, 0]


def _logits(network: Any, one: Sampled) -> torch.Tensor:
    ids = torch.tensor([[*one.prompt, *one.response]])
    return network(ids).logits[0, len(one.prompt) - 1 : -1]  # type: ignore[no-any-return]


def test_updates_on_what_an_engine_sampled(cluster: bool, model_dir: Path) -> None:
    """On-policy, then one version late with two optimiser steps a batch; tempered, within a nucleus, KL."""
    config = LossConfig(kl_beta=0.1)
    objective = DFGRPOObjective(config, temperature=TEMPERATURE, top_p=TOP_P)
    pool = RolloutPool(model_dir, RolloutConfig(threads=1), 256, 120)
    try:
        groups = _sampled(pool)
    finally:
        pool.close()
    plain = PlainLearner(model_dir, config)
    before = [plain.logprobs(prompt) for prompt in PROMPTS]
    learner = _learner(model_dir, cluster)
    try:
        reports = []
        for minibatches in (1, 2):
            batch = build_batch(groups, minibatches=minibatches, scale_by_std=True, max_tokens=150)
            reports.append(
                learner.update(batch.minibatches, batch.normalisers, objective, LR, empty_micro_batch())
            )
            loss, kl = plain.update(groups, minibatches)
            assert reports[-1].optimizer_steps == minibatches
            assert reports[-1].metrics["loss"] == pytest.approx(loss, rel=1e-3, abs=1e-5)
            assert reports[-1].metrics["kl"] == pytest.approx(kl, rel=2e-3, abs=1e-6)
        ours = learner.logprobs(PROMPTS)
    finally:
        learner.close()
    fresh, late = reports
    # Engine and learner are the same policy, and with every ratio and weight at 1 the loss is −Σ A / N.
    assert np.mean([lp for group in groups for one in _sequences(group) for lp in one.rollout_logprobs]) < -1
    assert fresh.metrics["rollout_mismatch_kl"] == pytest.approx(0, abs=1e-6)
    assert fresh.metrics["kl"] == pytest.approx(0, abs=1e-6)
    sequences = [one for group in groups for one in _sequences(group)]
    tokens = sum(len(one.response) for one in sequences)
    expected = -sum(one.advantage * len(one.response) for one in sequences) / tokens
    assert fresh.metrics["loss"] == pytest.approx(expected, abs=1e-4)
    assert late.metrics["rollout_mismatch_kl"] > 1e-3
    assert late.metrics["clip_frac"] > 0
    # AdamW makes whole steps of gradients that are hardly more than rounding: equal to a share of the way.
    gap = np.concatenate(ours) - np.concatenate([plain.logprobs(prompt) for prompt in PROMPTS])
    way = np.concatenate(ours) - np.concatenate(before)
    assert np.linalg.norm(gap) < 0.02 * np.linalg.norm(way)


def _made_up() -> list[JudgedGroup]:
    """Groups of which four, two, three, one (too few to train) and four samples are live."""
    random = np.random.default_rng(3)
    groups = []
    for number, live in enumerate((4, 2, 3, 1, 4)):
        lengths = random.integers(1, 15, 4)
        groups.append(
            judged_group(
                f"g{number}",
                PROMPTS[number],
                [
                    Response(
                        ids=random.integers(5, 250, length).tolist(),
                        logprobs=random.uniform(-7, -5, length).tolist(),
                        reward=reward if index < live else None,
                    )
                    for index, (length, reward) in enumerate(zip(lengths, REWARDS, strict=True))
                ],
            )
        )
    return groups


@pytest.mark.parametrize("mean_over", ["tokens", "sequences"])
def test_uneven_samples_over_micro_batches_and_ranks_do_not_show(
    cluster: bool, model_dir: Path, mean_over: str
) -> None:
    """Everything in one micro-batch, or a sample in each: the same loss, gradient and metrics on all ranks.

    A mini-batch of three has one live group alone, so that ranks have nothing to do in some rounds.
    """
    objective = DFGRPOObjective(LossConfig(kl_beta=0.1), temperature=TEMPERATURE, top_p=TOP_P)
    found: dict[int, list[UpdateReport]] = {1: [], 3: []}
    shapes = set()
    for ranks in (1, 2):
        learner = _learner(model_dir, cluster, ranks)
        try:
            for minibatches, reports in found.items():
                for max_tokens in (1, 60, 1000):
                    batch = build_batch(
                        _made_up(),
                        minibatches=minibatches,
                        scale_by_std=True,
                        max_tokens=max_tokens,
                        ranks=ranks,
                        mean_over=mean_over,
                    )
                    shapes |= {len(part) for part in batch.minibatches}
                    # At a learning rate of 0 nothing moves, and updates can be held against each other.
                    reports.append(
                        learner.update(
                            batch.minibatches, batch.normalisers, objective, 0.0, empty_micro_batch()
                        )
                    )
        finally:
            learner.close()
    assert {1, 2, 3} <= shapes
    for minibatches, (first, *others) in found.items():
        assert first.optimizer_steps == minibatches
        assert first.grad_norm > 0.01
        for report in others:
            assert report.metrics == pytest.approx(first.metrics, rel=1e-4, abs=1e-7)
            assert report.grad_norm == pytest.approx(first.grad_norm, rel=1e-4)
