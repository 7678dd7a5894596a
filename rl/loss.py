"""The DF-GRPO objective.

Three policies are kept apart: the rollout policy μ that sampled (vLLM's processed log-probs), the
proximal policy π_old (the learner at the version that began the update) and the current policy π_θ.

    L = − (1/N) Σ_t [ w_t · min(ρ_t A, clip(ρ_t, 1−ε_low, 1+ε_high) A)  −  β KL_t ]
    ρ_t = π_θ / π_old,   w_t = stop_gradient(min(π_old / μ, C))

N counts the live tokens of the whole mini-batch, over ranks and micro-batches (the learner divides).
GRPO: arXiv 2402.03300; clip-higher and the token-level normaliser: DAPO, arXiv 2503.14476; truncated
importance weights: Espeholt et al., arXiv 1802.01561; k3 estimate of the KL: Schulman, "Approximating KL
divergence" (2020).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from lm.nucleus import nucleus
from lm.objective import Metrics, Policy, TokenBatch
from records.config import LossConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class RLMicroBatch:
    """Response tokens of several samples; `rollout_logprobs_N` under μ, `advantages_N` of their sample."""

    tokens: TokenBatch
    rollout_logprobs_N: npt.NDArray[np.float32]
    advantages_N: npt.NDArray[np.float32]
    counts_N: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """π_old's log-probs and its nucleus (packed bits, or None without one)."""

    logprobs_N: torch.Tensor
    nucleus_NV: npt.NDArray[np.uint8] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """π_old, where several optimiser steps follow, and π_ref's log-probs, where there is a KL."""

    behaviour: Behaviour | None = None
    reference_logprobs_N: torch.Tensor | None = None


def nucleus_mask(logits_NV: torch.Tensor, targets_N: torch.Tensor, top_p: float) -> torch.Tensor:
    """The nucleus of each position's tempered logits, and the target.

    The sampled token belongs to it by construction: the sampler chose it, so rounding on this side must
    not exclude it.
    """
    return nucleus(logits_NV, top_p).scatter(1, targets_N[:, None], True)


def _picked(logits_NV: torch.Tensor, targets_N: torch.Tensor) -> torch.Tensor:
    # Not log_softmax, which would keep a second tensor of the vocabulary's width for the backward pass.
    return logits_NV.gather(1, targets_N[:, None])[:, 0] - torch.logsumexp(logits_NV, dim=-1)


class DFGRPOObjective:
    """Clipped, importance-weighted policy gradient with an optional KL to a reference model."""

    def __init__(self, config: LossConfig, *, temperature: float, top_p: float) -> None:
        self.config = config
        self.temperature = temperature
        self.top_p = top_p
        self.needs_reference = config.kl_beta > 0

    def _tempered(self, policy: Policy, batch: TokenBatch) -> tuple[torch.Tensor, torch.Tensor]:
        logits_NV = policy(batch) / self.temperature
        return logits_NV, torch.from_numpy(batch.targets_N).to(logits_NV.device)

    def prepare(self, policy: Policy | None, reference: Policy | None, batch: RLMicroBatch) -> Prepared:
        """π_old and its nucleus from the weights as they are now, and π_ref, before any step is taken."""
        return Prepared(
            behaviour=self._behaviour(*self._tempered(policy, batch.tokens)) if policy else None,
            reference_logprobs_N=_picked(*self._tempered(reference, batch.tokens)) if reference else None,
        )

    def _behaviour(self, logits_NV: torch.Tensor, targets_N: torch.Tensor) -> Behaviour:
        mask_NV = self._nucleus(logits_NV, targets_N)
        return Behaviour(
            logprobs_N=_picked(_inside(logits_NV, mask_NV), targets_N),
            nucleus_NV=None if mask_NV is None else np.packbits(mask_NV.cpu().numpy(), axis=1),
        )

    def _nucleus(self, logits_NV: torch.Tensor, targets_N: torch.Tensor) -> torch.Tensor | None:
        return nucleus_mask(logits_NV, targets_N, self.top_p) if self.top_p < 1 else None

    def loss(self, policy: Policy, batch: RLMicroBatch, prepared: Prepared) -> tuple[torch.Tensor, Metrics]:
        """The loss summed over live tokens, and sums of metrics."""
        config = self.config
        logits_NV, targets_N = self._tempered(policy, batch.tokens)
        device = logits_NV.device
        behaviour = prepared.behaviour
        if behaviour:
            nucleus_NV = _unpacked(behaviour.nucleus_NV, logits_NV)
        else:
            nucleus_NV = self._nucleus(logits_NV.detach(), targets_N)
        masked_NV = _inside(logits_NV, nucleus_NV)
        current_N = _picked(masked_NV, targets_N)
        proximal_N = behaviour.logprobs_N if behaviour else current_N.detach()
        advantages_N = torch.from_numpy(batch.advantages_N).to(device)
        counts_N = torch.from_numpy(batch.counts_N).to(device)
        rollout_N = torch.from_numpy(batch.rollout_logprobs_N).to(device)

        ratio_N = torch.exp(current_N - proximal_N)
        importance_N = torch.exp(proximal_N - rollout_N)
        weight_N = importance_N.clamp(max=config.tis_cap).detach()
        unclipped_N = ratio_N * advantages_N
        clipped_N = ratio_N.clamp(1 - config.clip_low, 1 + config.clip_high) * advantages_N
        losses_N = -weight_N * torch.minimum(unclipped_N, clipped_N)

        kl_N = None
        if prepared.reference_logprobs_N is not None:
            # The KL is of the whole distributions: tempered, but outside the nucleus as well.
            whole_N = current_N if masked_NV is logits_NV else _picked(logits_NV, targets_N)
            gap_N = prepared.reference_logprobs_N - whole_N
            kl_N = torch.exp(gap_N) - gap_N - 1
            if config.kl_bias_correction:
                kl_N = kl_N * ratio_N
            losses_N = losses_N + config.kl_beta * kl_N

        with torch.no_grad():
            drift_N = current_N - rollout_N
            metrics = {
                "clip_frac": float(((clipped_N < unclipped_N) * counts_N).sum()),
                "tis_clip_frac": float(((importance_N > config.tis_cap) * counts_N).sum()),
                "rollout_mismatch_kl": float(((torch.exp(drift_N) - 1 - drift_N) * counts_N).sum()),
                "entropy": float((_entropy(logits_NV.detach()) * counts_N).sum()),
            }
            if kl_N is not None:
                metrics["kl"] = float((kl_N * counts_N).sum())
        return (losses_N * counts_N).sum(), metrics


def _inside(logits_NV: torch.Tensor, nucleus_NV: torch.Tensor | None) -> torch.Tensor:
    """Logits with everything outside the nucleus at −inf."""
    return logits_NV if nucleus_NV is None else logits_NV.masked_fill(~nucleus_NV, float("-inf"))


def _unpacked(bits_NV: npt.NDArray[np.uint8] | None, like_NV: torch.Tensor) -> torch.Tensor | None:
    if bits_NV is None:
        return None
    mask_NV = np.unpackbits(bits_NV, axis=1, count=like_NV.shape[1]).view(np.bool_)
    return torch.from_numpy(mask_NV).to(like_NV.device)


def _entropy(logits_NV: torch.Tensor) -> torch.Tensor:
    log_total_N = torch.logsumexp(logits_NV, dim=-1)
    probabilities_NV = torch.exp(logits_NV - log_total_N[:, None])
    return log_total_N - (probabilities_NV * logits_NV).sum(dim=-1)
