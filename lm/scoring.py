"""Log-probs of tokens from hidden states, without the logits of all positions at once.

The logits of N positions over a vocabulary of V would be the largest tensor of training by far. Here they
exist for as many positions as CHUNK_BYTES holds, and are computed again in the backward pass: memory does not
grow with N × V. Where all fit into one chunk, it is kept instead.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from lm.nucleus import Nuclei, nucleus_mask

CHUNK_BYTES = {"cpu": 128 * 2**20, "cuda": 512 * 2**20}
"""Memory for a chunk of logits in float32, by kind of device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What is wanted of each position; log-probs are of the logits over `temperature`.

    With `top_p` < 1 they are log-probs within the nucleus: that of these logits and the target
    (`lm.nucleus.nucleus_mask`), or of `nuclei`, where it was another distribution that sampled. `whole` asks
    for log-probs in the whole vocabulary beside them, `entropy` for the entropy there, `keep_nuclei` for the
    nuclei.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    nuclei: Nuclei | None = None
    whole: bool = False
    entropy: bool = False
    keep_nuclei: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenScores:
    """Of N positions; gradients flow through log-probs alone.

    `whole_logprobs_N`, `entropy_N` (nats) and `nuclei` are None unless asked for; without a nucleus
    `whole_logprobs_N` are the log-probs.
    """

    logprobs_N: torch.Tensor
    whole_logprobs_N: torch.Tensor | None = None
    entropy_N: torch.Tensor | None = None
    nuclei: Nuclei | None = None


class ScoringHead(nn.Linear):
    """A language model's output layer that scores tokens instead of giving logits.

    It is a module so that ZeRO-3 gathers its weight for both passes.
    """

    @classmethod
    def of(cls, head: nn.Linear) -> "ScoringHead":
        """The same layer, with the same parameter.

        Raises:
            ValueError: the layer has a bias.
        """
        if head.bias is not None:
            raise ValueError("the model's output layer has a bias; start from a model without")
        scoring = cls(head.in_features, head.out_features, bias=False, device="meta")
        scoring.weight = head.weight
        return scoring

    def forward(  # type: ignore[override]
        self, hidden_ND: torch.Tensor, targets_N: torch.Tensor, ask: Ask
    ) -> tuple[torch.Tensor, ...]:
        """Log-probs, whole log-probs, entropy and nucleus; what was not asked for has no elements."""
        return _scores(hidden_ND, self.weight, targets_N, ask)


def score(hidden_ND: torch.Tensor, weight_VD: torch.Tensor, targets_N: torch.Tensor, ask: Ask) -> TokenScores:
    """What `ask` wants of the logits hidden_ND · weight_VDᵀ and their targets.

    Example:
        score(hidden_ND, head.weight, targets_N, Ask(temperature=0.7, top_p=0.9)).logprobs_N.sum().backward()
    """
    return token_scores(_scores(hidden_ND, weight_VD, targets_N, ask), ask)


def _scores(
    hidden_ND: torch.Tensor, weight_VD: torch.Tensor, targets_N: torch.Tensor, ask: Ask
) -> tuple[torch.Tensor, ...]:
    apply: Any = _Scores.apply
    return apply(hidden_ND, weight_VD, targets_N, ask)  # type: ignore[no-any-return]


def token_scores(found: tuple[torch.Tensor, ...], ask: Ask) -> TokenScores:
    """What a `ScoringHead` found, by name."""
    logprobs_N, whole_N, entropy_N, bits_NB = found
    if ask.whole and not _bounded(ask):
        whole_N = logprobs_N
    return TokenScores(
        logprobs_N=logprobs_N,
        whole_logprobs_N=whole_N if ask.whole else None,
        entropy_N=entropy_N if ask.entropy else None,
        nuclei=Nuclei.of(bits_NB.numpy()) if ask.keep_nuclei and _bounded(ask) else None,
    )


def _bounded(ask: Ask) -> bool:
    return ask.top_p < 1 or ask.nuclei is not None


class _Scores(torch.autograd.Function):
    """hidden_ND, weight_VD, targets_N → logprobs_N, whole_N, entropy_N, nucleus (bits)."""

    @staticmethod
    def forward(
        ctx: Any, hidden_ND: torch.Tensor, weight_VD: torch.Tensor, targets_N: torch.Tensor, ask: Ask
    ) -> tuple[torch.Tensor, ...]:
        parts = _parts(hidden_ND, weight_VD)
        whole = ask.whole and _bounded(ask)
        found: list[tuple[torch.Tensor, ...]] = []
        kept: tuple[torch.Tensor, ...] = ()
        for part in parts:
            logits_CV, inside_CV = _chunk(hidden_ND, weight_VD, targets_N, ask, part)
            picked_C = logits_CV.gather(1, targets_N[part, None])[:, 0]
            total_C = torch.logsumexp(inside_CV, dim=-1)
            all_C = torch.logsumexp(logits_CV, dim=-1) if whole else total_C
            nothing = logits_CV.new_empty(0)
            entropy_C = _entropy(logits_CV) if ask.entropy else nothing
            bits_CV = _bits(inside_CV) if ask.keep_nuclei and _bounded(ask) else nothing
            found.append((picked_C - total_C, picked_C - all_C if whole else nothing, entropy_C, bits_CV))
            kept = (logits_CV, inside_CV) if len(parts) == 1 else ()
        scores = tuple(torch.cat(column) for column in zip(*found, strict=True))
        ctx.save_for_backward(hidden_ND, weight_VD, targets_N, *kept)
        ctx.ask, ctx.whole = ask, whole
        ctx.mark_non_differentiable(*scores[2:])
        return scores

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        hidden_ND, weight_VD, targets_N, *kept = ctx.saved_tensors
        ask: Ask = ctx.ask
        needs_hidden, needs_weight = ctx.needs_input_grad[:2]
        hidden_grads = []
        # Over many chunks, sums in bfloat16 would lose the small ones.
        weight_grad_VD = torch.zeros_like(weight_VD, dtype=_wide(weight_VD.dtype)) if needs_weight else None
        for part in _parts(hidden_ND, weight_VD):
            logits_CV, inside_CV = kept or _chunk(hidden_ND, weight_VD, targets_N, ask, part)
            grad_CV = _pull(inside_CV, targets_N[part], gradients[0][part])
            if ctx.whole:
                grad_CV += _pull(logits_CV, targets_N[part], gradients[1][part])
            grad_CV = grad_CV.div_(ask.temperature).to(hidden_ND.dtype)
            if needs_hidden:
                hidden_grads.append(grad_CV @ weight_VD)
            if weight_grad_VD is not None:
                weight_grad_VD += grad_CV.T @ hidden_ND[part]
        return (
            torch.cat(hidden_grads) if needs_hidden else None,
            None if weight_grad_VD is None else weight_grad_VD.to(weight_VD.dtype),
            None,
            None,
        )


def _parts(hidden_ND: torch.Tensor, weight_VD: torch.Tensor) -> list[slice]:
    size = max(1, CHUNK_BYTES[hidden_ND.device.type] // (4 * len(weight_VD)))
    return [slice(first, first + size) for first in range(0, len(hidden_ND), size)]


def _chunk(
    hidden_ND: torch.Tensor, weight_VD: torch.Tensor, targets_N: torch.Tensor, ask: Ask, part: slice
) -> tuple[torch.Tensor, torch.Tensor]:
    """Tempered logits of some positions, and the same with −inf outside the nucleus (or themselves)."""
    logits_CV = hidden_ND[part] @ weight_VD.T
    logits_CV = logits_CV.to(_wide(logits_CV.dtype))
    if ask.temperature != 1:
        logits_CV = logits_CV.div_(ask.temperature)
    if ask.nuclei is not None:
        bits = np.unpackbits(ask.nuclei.bits(part), axis=1, count=logits_CV.shape[1])
        mask_CV = torch.from_numpy(bits.view(np.bool_)).to(logits_CV.device)
    elif ask.top_p < 1:
        mask_CV = nucleus_mask(logits_CV, targets_N[part], ask.top_p)
    else:
        return logits_CV, logits_CV
    return logits_CV, logits_CV.masked_fill(~mask_CV, float("-inf"))


def _wide(dtype: torch.dtype) -> torch.dtype:
    return torch.float32 if dtype in (torch.bfloat16, torch.float16) else dtype


def _pull(logits_CV: torch.Tensor, targets_C: torch.Tensor, grad_C: torch.Tensor) -> torch.Tensor:
    """Gradient of Σ grad · log-prob of the target by the logits: grad · (onehot − p)."""
    pull_CV = torch.softmax(logits_CV, dim=-1).mul_(-grad_C[:, None])
    return pull_CV.scatter_add_(1, targets_C[:, None], grad_C[:, None])


def _entropy(logits_CV: torch.Tensor) -> torch.Tensor:
    logprobs_CV = torch.log_softmax(logits_CV, dim=-1)
    return -(logprobs_CV.exp() * logprobs_CV).sum(dim=-1)


def _bits(inside_CV: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(np.packbits(torch.isfinite(inside_CV).cpu().numpy(), axis=1))
