"""The DF-GRPO objective.

Three policies are kept apart: the rollout policy μ that sampled (vLLM's processed log-probs), the
proximal policy π_old (the learner at the version that began the update) and the current policy π_θ.

    L = − (1/N) Σ_t c_t [ w_t · min(ρ_t A, clip(ρ_t, 1−ε_low, 1+ε_high) A)  −  β KL_t ]
    ρ_t = π_θ / π_old,   w_t = stop_gradient(min(π_old / μ, C))

N counts the live tokens of the whole mini-batch, over ranks and micro-batches (the learner divides), and
c_t says what the mean is over (`token_weight`): 1 is DAPO's mean over tokens.
GRPO: arXiv 2402.03300; clip-higher and the token-level normaliser: DAPO, arXiv 2503.14476; a constant
normaliser: Dr.GRPO, arXiv 2503.20783; truncated importance weights: Espeholt et al., arXiv 1802.01561; k3
estimate of the KL: Schulman, "Approximating KL divergence" (2020), its bias correction by the ratio:
DeepSeek-V3.2, arXiv 2512.02556. Values and gradients are TRL's under matching options (`docs/df_grpo.md`).
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from lm.objective import Metrics, Policy, TokenBatch
from lm.scoring import Ask, TokenScores
from records.config import LossConfig
from records.errors import UserError

MEANS = ("tokens", "sequences", "length")
"""What the loss may be a mean over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RLMicroBatch:
    """Response tokens of several samples; `rollout_logprobs_N` under μ, `advantages_N` of their sample.

    `counts_N` is how much each counts in the loss (`token_weight`); one of 0 counts nowhere.
    """

    tokens: TokenBatch
    rollout_logprobs_N: npt.NDArray[np.float32]
    advantages_N: npt.NDArray[np.float32]
    counts_N: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """π_old's scores, where several optimiser steps follow, and π_ref's log-probs, where there is a KL."""

    behaviour: TokenScores | None = None
    reference_logprobs_N: torch.Tensor | None = None


def check_loss(config: LossConfig) -> None:
    """Refuse an unknown mean.

    Raises:
        UserError: naming the key.
    """
    if config.mean_over not in MEANS:
        raise UserError(f"rl.loss.mean_over is {config.mean_over!r}; it must be one of {', '.join(MEANS)}")


def token_weight(
    mean_over: str, *, tokens: int, samples: int, length: int, max_response_tokens: int
) -> float:
    """How much a token of a response of `length` counts, of a mini-batch of so many live tokens and samples.

    Weights are such that Σ weight · loss / tokens is the mean over tokens, or the mean over samples: of each
    one's own mean, or of each one's sum over `max_response_tokens`, the same for long and short.
    """
    if mean_over == "tokens":
        return 1.0
    return tokens / (samples * (length if mean_over == "sequences" else max_response_tokens))


class DFGRPOObjective:
    """Clipped, importance-weighted policy gradient with an optional KL to a reference model."""

    def __init__(self, config: LossConfig, *, temperature: float, top_p: float) -> None:
        self.config = config
        self.needs_reference = config.kl_beta > 0
        self._ask = Ask(temperature=temperature, top_p=top_p)

    def prepare(self, policy: Policy | None, reference: Policy | None, batch: RLMicroBatch) -> Prepared:
        """π_old and its nucleus from the weights as they are now, and π_ref, before any step is taken."""
        # The KL is of the whole distributions: tempered, but outside the nucleus as well.
        whole = replace(self._ask, top_p=1.0)
        return Prepared(
            behaviour=policy(batch.tokens, replace(self._ask, keep_nuclei=True)) if policy else None,
            reference_logprobs_N=reference(batch.tokens, whole).logprobs_N if reference else None,
        )

    def loss(self, policy: Policy, batch: RLMicroBatch, prepared: Prepared) -> tuple[torch.Tensor, Metrics]:
        """The loss summed over live tokens by their weight, and sums of metrics, to which all count alike."""
        config, behaviour, reference_N = self.config, prepared.behaviour, prepared.reference_logprobs_N
        scores = policy(
            batch.tokens,
            replace(
                self._ask,
                nuclei=behaviour.nuclei if behaviour else None,
                whole=reference_N is not None,
                entropy=config.entropy,
            ),
        )
        current_N = scores.logprobs_N
        proximal_N = behaviour.logprobs_N if behaviour else current_N.detach()
        device = current_N.device
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
        if reference_N is not None and scores.whole_logprobs_N is not None:
            gap_N = reference_N - scores.whole_logprobs_N
            kl_N = torch.exp(gap_N) - gap_N - 1
            if config.kl_bias_correction:
                kl_N = kl_N * ratio_N
            losses_N = losses_N + config.kl_beta * kl_N

        with torch.no_grad():
            drift_N = current_N - rollout_N
            told_N = {
                "clip_frac": clipped_N < unclipped_N,
                "tis_clip_frac": importance_N > config.tis_cap,
                "rollout_mismatch_kl": torch.exp(drift_N) - 1 - drift_N,
                "entropy": scores.entropy_N,
                "kl": kl_N,
            }
            metrics = {
                name: float((value_N * (counts_N > 0)).sum())
                for name, value_N in told_N.items()
                if value_N is not None
            }
        return (losses_N * counts_N).sum(), metrics
