"""The groupwise DPO loss: K responses to one prompt, ranked by quality, as one Plackett–Luce choice.

    f_i = β (log π_θ(y_i|x) − log π_ref(y_i|x)),   log π summed over response tokens
    L   = −(1/m′) Σ_{i=1..m′} log( exp f_i / Σ_{j≥i} exp f_j ),   m′ = min(m, K−1)

The m valid responses stand first, best first; invalid ones stand behind them in no order: they are in
denominators alone. The choice of the last of K is certain and costs nothing, so m′ only counts real choices.

Responses within τ are tied: a tied block begins with the best that is left and takes in what is at most τ
worse than that one, so that no chain of small steps ties the best with the worst. A block of b is averaged
over all its orders, exactly, whatever b: the sum of its f is the same in every order, and when s of it are
left, each subset of s is equally likely to be them. So with R the log-sum-exp of what stands behind it,

    mean over orders = Σ_{i∈B} f_i − Σ_{∅≠S⊆B} log(Σ_{j∈S} exp f_j + exp R) / C(b, |S|)

which takes 2ᵇ − 1 terms instead of b! orders. Where all K are tied the loss draws their f together.

For K = 2 with one response better, or one alone valid, this is DPO (arXiv 2305.18290, eq. 7; whole rankings:
its appendix A.3). Values and gradients of pairs are TRL's `loss_type="sigmoid"` under the same β
(`tests/test_rl_peer_trl_dpo.py`). All is computed in float64: log-probs of responses are large numbers with
small differences.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import comb

import numpy as np
import numpy.typing as npt
import torch

from lm.objective import Metrics

INVALID = -1
"""The level of what is not valid."""

ROUNDING = 1e-9
"""A difference of quality is τ where it is that in decimals: .91 − .9 is more than .01 in binary."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRatios:
    """One group: log π_θ − log π_ref of each response (nats, summed over its tokens), and its level."""

    ratios_K: torch.Tensor
    levels_K: npt.NDArray[np.int64]


def levels(qualities_K: npt.NDArray[np.float64], tie_within: float) -> npt.NDArray[np.int64]:
    """The tied block that each response belongs to, levels_K: 0 holds the best; INVALID where quality is NaN.

    Example:
        levels(np.array([0.5, np.nan, 0.9, 0.49]), 0.02)   # [1, INVALID, 0, 1]
    """
    found = np.full(len(qualities_K), INVALID, dtype=np.int64)
    valid = np.flatnonzero(~np.isnan(qualities_K))
    level, best = -1, np.inf
    for index in valid[np.argsort(-qualities_K[valid], kind="stable")]:
        if level < 0 or best - qualities_K[index] > tie_within + ROUNDING:
            level, best = level + 1, qualities_K[index]
        found[index] = level
    return found


def choices(levels_K: npt.NDArray[np.int64]) -> int:
    """m′ = min(m, K−1): 0 where nothing is valid, or nothing stands beside it. Such a group has no loss."""
    return max(0, min(int((levels_K != INVALID).sum()), len(levels_K) - 1))


def group_loss(scores_K: torch.Tensor, levels_K: npt.NDArray[np.int64]) -> torch.Tensor:
    """L of one group from its f, scores_K; a scalar in float64.

    Raises:
        ValueError: the group has no loss (`choices` is 0).
    """
    counted = choices(levels_K)
    if not counted:
        raise ValueError("a group without a valid response, or of a single one, has no loss")
    scores_K = scores_K.double()
    scores_K = scores_K - scores_K.detach().max()  # L does not change, and sums do not lose the differences
    behind = scores_K[torch.from_numpy(levels_K == INVALID)]
    rest = torch.logsumexp(behind, dim=0) if len(behind) else scores_K.new_tensor(float("-inf"))
    total = scores_K.new_zeros(())
    for level in range(int(levels_K.max()), -1, -1):
        block_B = scores_K[torch.from_numpy(levels_K == level)]
        sums_S = rest[None]
        for score in block_B:  # by subset, its members' bits: first all without this one, then all with it
            sums_S = torch.cat([sums_S, torch.logaddexp(sums_S, score[None])])
        total = total + block_B.sum() - sums_S[1:] @ _subset_weights(len(block_B)).to(sums_S.device)
        rest = sums_S[-1]
    return -total / counted


def groupwise_loss(groups: Sequence[LogRatios], beta: float) -> tuple[torch.Tensor, Metrics]:
    """The loss summed over `groups` (float64), and sums over them of metrics.

    `kl`: the mean of log π_θ − log π_ref over a group's responses, nats a response. Of responses that π_θ
    itself wrote at temperature 1 it is an unbiased estimate of KL(π_θ ‖ π_ref); it may be below 0.
    `win_rate`: the share of pairs with a better response in which f of the better is higher (equal: half),
    `margin`: f of the better minus f of the other, both means over a group's pairs; `paired`: the groups that
    have such a pair, by which to divide these two.
    """
    metrics = {"kl": 0.0, "win_rate": 0.0, "margin": 0.0, "paired": 0.0}
    losses = []
    for group in groups:
        losses.append(group_loss(beta * group.ratios_K, group.levels_K))
        ratios_K = group.ratios_K.detach().double().cpu().numpy()
        metrics["kl"] += float(ratios_K.mean())
        margins = _margins(beta * ratios_K, group.levels_K)
        if len(margins):
            metrics["win_rate"] += float(np.mean((np.sign(margins) + 1) / 2))
            metrics["margin"] += float(np.mean(margins))
            metrics["paired"] += 1
    return torch.stack(losses).sum(), metrics


def _margins(scores_K: npt.NDArray[np.float64], levels_K: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """f of the better minus f of the other, of every pair in which one is better."""
    order_K = np.where(levels_K == INVALID, len(levels_K), levels_K)
    better, other = np.nonzero(order_K[:, None] < order_K[None, :])
    return scores_K[better] - scores_K[other]


@lru_cache
def _subset_weights(size: int) -> torch.Tensor:
    """1 / C(size, |S|) of every non-empty subset S, in the order of their bits."""
    return torch.tensor([1 / comb(size, s.bit_count()) for s in range(1, 2**size)], dtype=torch.float64)
