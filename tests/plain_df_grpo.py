"""DF-GRPO in plain torch from whole logits, sequence by sequence: what `rl.loss` is held against.

It shares no code with it. Each of the four policies has its own temperature and nucleus, so that a test can
tell what it would look like if one of them forgot either.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from records.config import LossConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """How each policy's log-probs are taken: (temperature, top_p), and in the KL (temperature of the
    reference, temperature of the current policy, top_p)."""

    rollout: tuple[float, float]
    proximal: tuple[float, float]
    current: tuple[float, float]
    kl: tuple[float, float, float]

    @classmethod
    def alike(cls, temperature: float, top_p: float) -> "Sides":
        """As they should be: all tempered, the KL of whole distributions."""
        side = (temperature, top_p)
        return cls(rollout=side, proximal=side, current=side, kl=(temperature, temperature, 1.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """A response to a prompt, its rollout log-probs and its advantage."""

    prompt: Sequence[int]
    response: Sequence[int]
    rollout_logprobs: Sequence[float]
    advantage: float


Logits = Callable[[Sampled], torch.Tensor]
"""Logits (R, V) that predict a response's tokens."""


def nucleus_by_sorting(logits_RV: torch.Tensor, top_p: float) -> torch.Tensor:
    """True for the likeliest tokens until their probability reaches `top_p`."""
    sorted_RV, order_RV = torch.softmax(logits_RV, dim=-1).sort(dim=-1, descending=True)
    before_RV = torch.cumsum(sorted_RV, dim=-1) - sorted_RV
    return torch.zeros_like(logits_RV, dtype=torch.bool).scatter(1, order_RV, before_RV < top_p)


def plain_logprobs(
    logits_RV: torch.Tensor, targets: Sequence[int], temperature: float, mask_RV: torch.Tensor | None
) -> torch.Tensor:
    """Log-probs of the targets, of tempered logits, within the mask (and the target)."""
    targets_R1 = torch.tensor(targets)[:, None]
    tempered_RV = logits_RV / temperature
    if mask_RV is not None:
        tempered_RV = torch.where(mask_RV.scatter(1, targets_R1, True), tempered_RV, -torch.inf)
    return torch.log_softmax(tempered_RV, dim=-1).gather(1, targets_R1)[:, 0]


def masked(logits_RV: torch.Tensor, side: tuple[float, float]) -> torch.Tensor | None:
    """The nucleus of one side, None where it is everything."""
    temperature, top_p = side
    return None if top_p == 1 else nucleus_by_sorting(logits_RV / temperature, top_p)


def plain_loss(
    one: Sampled, current: Logits, proximal: Logits, reference: Logits, config: LossConfig, sides: Sides
) -> tuple[torch.Tensor, float]:
    """The sum of the loss over a response's tokens, and that of the KL; `proximal` moves no more."""
    with torch.no_grad():
        proximal_RV, reference_RV = proximal(one), reference(one)
        old_R = plain_logprobs(
            proximal_RV, one.response, sides.proximal[0], masked(proximal_RV, sides.proximal)
        )
        weight_R = torch.exp(old_R - torch.tensor(one.rollout_logprobs)).clamp(max=config.tis_cap)
    current_RV = current(one)
    inside_RV = None if sides.current[1] == 1 else masked(proximal_RV, sides.proximal)
    ratio_R = torch.exp(plain_logprobs(current_RV, one.response, sides.current[0], inside_RV) - old_R)
    clipped_R = ratio_R.clamp(1 - config.clip_low, 1 + config.clip_high)
    gain_R = weight_R * torch.minimum(ratio_R * one.advantage, clipped_R * one.advantage)
    reference_t, current_t, top_p = sides.kl
    within_RV = masked(proximal_RV, (current_t, top_p))
    gap_R = plain_logprobs(reference_RV, one.response, reference_t, within_RV) - plain_logprobs(
        current_RV, one.response, current_t, within_RV
    )
    kl_R = torch.exp(gap_R) - gap_R - 1
    return (config.kl_beta * kl_R - gain_R).sum(), float(kl_R.detach().sum())
