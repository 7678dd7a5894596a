"""Groupwise DPO on the real learner: two ranks of ZeRO-2 are one rank, and where the reference comes from."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from actors.cluster import ray_cluster
from actors.learner import LearnerGroup
from lm.objective import UpdateReport
from records.config import ClusterConfig, LearnerConfig, LoraConfig
from rl.groupwise_batches import build_groupwise_batch, empty_micro_batch
from rl.groupwise_groups import RankedGroup
from rl.groupwise_objective import GroupwiseObjective
from tests.groupwise_groups import Said, ranked_group

LR = 1e-3
PROMPTS = [tuple(np.random.default_rng(i).integers(5, 250, 20 + 7 * i).tolist()) for i in range(5)]


@pytest.fixture(scope="module")
def cluster() -> Iterator[bool]:
    with ray_cluster(ClusterConfig(cpus=4)) as local:
        yield local


def _groups() -> list[RankedGroup]:
    """Groups of two to four responses, with ties, invalid and failed ones; one of the five is dropped."""
    random = np.random.default_rng(3)
    said: list[list[Said]] = [
        [0.9, 0.1, 0.5, "schema"],
        [0.4, 0.41, 0.8],
        ["schema", "schema"],
        [0.3, None, "bad_json", 0.6],
        [0.2, 0.7],
    ]
    return [
        ranked_group(
            f"g{number}",
            PROMPTS[number],
            [(random.integers(5, 250, random.integers(1, 15)).tolist(), one) for one in mine],
            tie_within=0.05,
        )
        for number, mine in enumerate(said)
    ]


def _run(
    model_dir: Path, local: bool, config: LearnerConfig, max_tokens: int, resume: Path | None = None
) -> tuple[list[UpdateReport], np.ndarray]:
    """Three updates of two optimiser steps each; what they told, and log-probs of the prompts afterwards.

    With `resume`, a learner that is new goes on after the second from the checkpoint of the first.
    """
    objective, reports = GroupwiseObjective(0.5), []
    learner = LearnerGroup(model_dir, config, 120, local=local)
    try:
        for number in range(3):
            if resume and number == 2:
                resume.mkdir()
                learner.save(resume)
                learner.close()
                learner = LearnerGroup(model_dir, config, 120, local=local)
                learner.load(resume)
            batch = build_groupwise_batch(
                _groups(), minibatches=2, max_tokens=max_tokens, ranks=learner.ranks
            )
            reports.append(
                learner.update(batch.minibatches, batch.normalisers, objective, LR, empty_micro_batch())
            )
        return reports, np.concatenate(learner.logprobs(PROMPTS))
    finally:
        learner.close()


def test_two_ranks_of_zero_2_are_one_rank(cluster: bool, model_dir: Path, tmp_path: Path) -> None:
    """All groups in one micro-batch, or one in each, so that a rank has nothing to do in some rounds; and a
    learner that goes on from a checkpoint is that which went on."""
    one, alone = _run(model_dir, cluster, LearnerConfig(threads=1), 1000)
    two, both = _run(model_dir, cluster, LearnerConfig(ranks=2, zero_stage=2, threads=1), 110)
    again, resumed = _run(
        model_dir, cluster, LearnerConfig(ranks=2, zero_stage=2, threads=1), 110, tmp_path / "checkpoint"
    )
    for ours, theirs in zip(two, one, strict=True):
        assert ours.optimizer_steps == theirs.optimizer_steps == 2
        assert ours.grad_norm == pytest.approx(theirs.grad_norm, rel=1e-3)
        assert ours.metrics == pytest.approx(theirs.metrics, rel=1e-3, abs=1e-4)
    # The loss falls, the policy leaves the reference and wins more pairs.
    assert one[2].metrics["loss"] < one[0].metrics["loss"] - 0.01
    assert one[2].metrics["win_rate"] > one[0].metrics["win_rate"]
    assert two[0].metrics["paired"] == 1.0
    start = _start(model_dir, cluster)
    assert np.linalg.norm(both - alone) < 0.02 * np.linalg.norm(alone - start)
    np.testing.assert_array_equal(resumed, both)
    assert [report.metrics for report in again] == [report.metrics for report in two]


def _start(model_dir: Path, local: bool) -> np.ndarray:
    """Log-probs of the prompts before any update."""
    learner = LearnerGroup(model_dir, LearnerConfig(threads=1), 120, local=local)
    try:
        return np.concatenate(learner.logprobs(PROMPTS))
    finally:
        learner.close()


def test_with_adapters_the_reference_is_the_network_without_them(cluster: bool, model_dir: Path) -> None:
    reports, _ = _run(model_dir, cluster, LearnerConfig(threads=1, lora=LoraConfig(rank=4)), 1000)
    # Of two steps the first is at the reference: the second alone has a KL, then all have.
    assert reports[0].metrics["loss"] > reports[2].metrics["loss"]
    assert abs(reports[0].metrics["kl"]) < abs(reports[2].metrics["kl"])
