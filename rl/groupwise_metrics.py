"""What an iteration of groupwise DPO shows in TensorBoard."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from lm.objective import UpdateReport
from rl.groupwise_groups import GROUP_REASONS, RankedGroup


def sample_metrics(groups: Sequence[RankedGroup]) -> dict[str, float]:
    """Quality of valid responses, their share (of those whose scoring did not fail), what became of groups,
    why responses are not valid, and their lengths."""
    scores = [score for group in groups for score in group.scores]
    rollouts = [rollout for group in groups for rollout in group.group.rollouts]
    lengths = [len(rollout.token_ids) for rollout in rollouts]
    live = [group for group in groups if not group.dropped]
    metrics = {
        "quality/mean": _mean([score.quality for score in scores if score.quality is not None]),
        "quality/valid_share": _mean([float(not score.invalid) for score in scores if not score.error]),
        "groups/live": float(len(live)),
        # Nothing in them is better than anything else: all they teach is to be alike.
        "groups/tied": float(sum(len(set(group.levels_G[group.compared].tolist())) == 1 for group in live)),
        **{
            f"groups/{reason}": float(sum(group.dropped == reason for group in groups))
            for reason in GROUP_REASONS
        },
        "rollout/tokens": float(sum(lengths)),
        "rollout/response_tokens_mean": _mean([float(length) for length in lengths]),
        "rollout/truncated_share": _mean([float(rollout.truncated) for rollout in rollouts]),
    }
    reasons = sum((group.reasons for group in groups), Counter[str]())
    metrics |= {f"invalid/{reason}": float(count) for reason, count in sorted(reasons.items())}
    return {name: value for name, value in metrics.items() if not np.isnan(value)}


def update_metrics(reports: Sequence[UpdateReport], lr: float) -> dict[str, float]:
    """Means over epochs of what the updates say: nothing where there was none.

    `learner/kl` (nats a response), `learner/win_rate` and `learner/margin` are those of
    `rl.groupwise.groupwise_loss`.
    """
    if not reports:
        return {}
    found = {name: _mean([report.metrics[name] for report in reports]) for name in reports[0].metrics}
    paired = found.pop("paired")
    for name in ("win_rate", "margin"):
        found[name] = found[name] / paired if paired else float("nan")
    found |= {"grad_norm": max(report.grad_norm for report in reports), "lr": lr}
    return {f"learner/{name}": value for name, value in found.items() if not np.isnan(value)}


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")
