"""The nucleus of a distribution (top-p), the same for the rollout policy and the learner's."""

import torch

_LIKELIEST = 64
"""Tokens among which a nucleus is sought before the whole vocabulary is sorted: it is rarely larger."""


def nucleus(logits_NV: torch.Tensor, top_p: float) -> torch.Tensor:
    """True for the tokens of the smallest set whose probability reaches `top_p`; `logits_NV` are tempered."""
    mask_NV, complete_N = _among(logits_NV, top_p, min(_LIKELIEST, logits_NV.shape[1]))
    wider = ~complete_N
    if wider.any():
        mask_NV[wider] = _among(logits_NV[wider], top_p, logits_NV.shape[1])[0]
    return mask_NV


def nucleus_mask(logits_NV: torch.Tensor, targets_N: torch.Tensor, top_p: float) -> torch.Tensor:
    """The nucleus of each position, and the target.

    The sampled token belongs to it by construction: the sampler chose it, so rounding on this side must
    not exclude it.
    """
    return nucleus(logits_NV, top_p).scatter(1, targets_N[:, None], True)


def _among(logits_NV: torch.Tensor, top_p: float, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The nucleus as far as it lies among the `count` likeliest tokens, and whether that is all of it."""
    top_NC, order_NC = logits_NV.topk(count, dim=-1)
    probabilities_NC = torch.exp(top_NC - torch.logsumexp(logits_NV, dim=-1, keepdim=True))
    reached_NC = torch.cumsum(probabilities_NC, dim=-1)
    mask_NV = torch.zeros_like(logits_NV, dtype=torch.bool)
    return mask_NV.scatter(1, order_NC, reached_NC - probabilities_NC < top_p), reached_NC[:, -1] >= top_p
