"""The SFT objective: weighted next-token cross-entropy.

Answers weigh more than histories, but histories weigh something: a network that starts from random
weights must first learn the language its input is written in, or it does not learn to copy from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from lm.objective import Metrics, Policy, TokenBatch, empty_tokens
from lm.packing import Tree, first_fit, pack


@dataclass(frozen=True, slots=True, kw_only=True)
class SFTExample:
    """One question and the answer to learn, as token ids (the answer ends its turn)."""

    prompt_ids: tuple[int, ...]
    response_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SFTMicroBatch:
    """Predictions that count, with `weights_N` and whether each belongs to an answer (`is_answer_N`)."""

    tokens: TokenBatch
    weights_N: npt.NDArray[np.float32]
    is_answer_N: npt.NDArray[np.bool_]


def sft_micro_batches(
    examples: Sequence[SFTExample], *, history_weight: float, answer_weight: float, max_tokens: int
) -> tuple[list[SFTMicroBatch], float]:
    """Micro-batches of at most `max_tokens` tokens, and the sum of weights (the normaliser)."""
    trees = [Tree(prompt_ids=e.prompt_ids, responses=(e.response_ids,)) for e in examples]
    micros = [
        _micro_batch([trees[i] for i in indices], history_weight, answer_weight)
        for indices in first_fit([tree.tokens for tree in trees], max_tokens)
    ]
    return micros, float(sum(micro.weights_N.sum() for micro in micros))


def _micro_batch(trees: Sequence[Tree], history_weight: float, answer_weight: float) -> SFTMicroBatch:
    ids_T, segments, places = pack(trees)
    positions, is_answer = [], []
    for tree, place in zip(trees, places, strict=True):
        history = np.arange(len(tree.prompt_ids) - 1 if history_weight > 0 else 0) + place.start
        (answer,) = place.positions
        positions += [history, answer]
        is_answer += [np.zeros(len(history), dtype=np.bool_), np.ones(len(answer), dtype=np.bool_)]
    positions_N, is_answer_N = np.concatenate(positions), np.concatenate(is_answer)
    return SFTMicroBatch(
        # With one answer a prompt, what a position predicts is the token after it.
        tokens=TokenBatch(
            input_ids_T=ids_T, segments=segments, positions_N=positions_N, targets_N=ids_T[positions_N + 1]
        ),
        weights_N=np.where(is_answer_N, answer_weight, history_weight).astype(np.float32),
        is_answer_N=is_answer_N,
    )


def empty_micro_batch() -> SFTMicroBatch:
    """A micro-batch in which nothing counts."""
    return SFTMicroBatch(
        tokens=empty_tokens(),
        weights_N=np.zeros(1, dtype=np.float32),
        is_answer_N=np.zeros(1, dtype=np.bool_),
    )


class SFTObjective:
    """Cross-entropy times weight, summed; metrics: answer loss and answer tokens (sums)."""

    needs_reference = False

    def prepare(self, policy: Policy | None, reference: Policy | None, batch: SFTMicroBatch) -> None:
        """Nothing is needed beforehand."""

    def loss(self, policy: Policy, batch: SFTMicroBatch, prepared: None) -> tuple[torch.Tensor, Metrics]:
        """Sum over positions of weight × −log p(target)."""
        logits_NV = policy(batch.tokens)
        device = logits_NV.device
        targets_N = torch.from_numpy(batch.tokens.targets_N).to(device)
        losses_N = torch.nn.functional.cross_entropy(logits_NV, targets_N, reduction="none")
        is_answer_N = torch.from_numpy(batch.is_answer_N).to(device)
        metrics = {
            "answer_loss": float(losses_N.detach()[is_answer_N].sum()),
            "answer_tokens": float(is_answer_N.sum()),
        }
        return (losses_N * torch.from_numpy(batch.weights_N).to(device)).sum(), metrics
