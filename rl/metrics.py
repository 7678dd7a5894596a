"""What a step shows in TensorBoard."""

from collections.abc import Mapping, Sequence

import numpy as np

from lm.objective import UpdateReport
from rl.batching import TrainBatch
from rl.collector import Collected
from rl.filter_cost import cost_metrics, near_misses
from rl.filters import GROUP_REASONS, SAMPLE_REASONS, JudgedGroup


def collection_metrics(
    collected: Collected, thresholds: Mapping[str, tuple[float, float]]
) -> dict[str, float]:
    """Rewards before and after the filters, every filter's reasons, and what both cost (`rl.filter_cost`).

    `thresholds` are those of the group filter, by task.
    """
    judged = collected.judged
    samples = [(r, s) for g in judged for r, s in zip(g.scored.group.rollouts, g.scored.scores, strict=True)]
    lengths = [len(rollout.token_ids) for rollout, _ in samples]
    metrics = {
        "reward/pre_filter": _mean([score.reward for _, score in samples if not score.error]),
        "reward/post_filter": _mean([r for g in collected.training for r in live_rewards(g)]),
        "filter/rounds": float(collected.rounds),
        "filter/groups_generated": float(len(judged)),
        "filter/groups_kept": float(len(collected.training)),
        **cost_metrics(judged, collected.training),
        **near_misses(judged, thresholds),
        "rollout/tokens": float(sum(lengths)),
        "rollout/response_tokens_mean": _mean([float(length) for length in lengths]),
        "rollout/truncated_share": _mean([float(rollout.truncated) for rollout, _ in samples]),
        "rollout/format_ok_share": _mean([float(score.format_ok) for _, score in samples if not score.error]),
    }
    for reason in SAMPLE_REASONS:
        metrics[f"filter/sample/{reason}"] = float(
            sum(reason in reasons for group in judged for reasons in group.verdict.sample_reasons)
        )
    for reason in GROUP_REASONS:
        metrics[f"filter/group/{reason}"] = float(
            sum(reason in group.verdict.group_reasons for group in judged)
        )
    return {name: value for name, value in metrics.items() if not np.isnan(value)}


def learner_metrics(report: UpdateReport, batch: TrainBatch, lr: float) -> dict[str, float]:
    """What the update did."""
    return {
        "learner/grad_norm": report.grad_norm,
        "learner/lr": lr,
        "learner/tokens": float(batch.tokens),
        "learner/samples": float(batch.samples),
        **{f"learner/{name}": value for name, value in report.metrics.items()},
    }


def live_rewards(group: JudgedGroup) -> list[float]:
    """Rewards of the live samples of a group."""
    verdict = group.verdict
    return [reward for reward, live in zip(verdict.rewards, verdict.live, strict=True) if live]


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")
