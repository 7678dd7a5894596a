"""The SFT objective: weighted next-token cross-entropy.

Answers weigh more than histories, but histories weigh something: a network that starts from random
weights must first learn the language its input is written in, or it does not learn to copy from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from lm.objective import Metrics, Policy, TokenBatch, pad, shortest_padding


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
    examples: Sequence[SFTExample],
    *,
    history_weight: float,
    answer_weight: float,
    max_tokens: int,
    pad_id: int,
) -> tuple[list[SFTMicroBatch], float]:
    """Micro-batches of at most `max_tokens` padded tokens, and the sum of weights (the normaliser)."""
    sequences = [[*example.prompt_ids, *example.response_ids] for example in examples]
    micros = []
    for indices in shortest_padding([len(sequence) for sequence in sequences], max_tokens):
        ids_BT = pad([sequences[i] for i in indices], pad_id)
        positions, weights, is_answer = [], [], []
        for row, i in enumerate(indices):
            prompt, total = len(examples[i].prompt_ids), len(sequences[i])
            first = 0 if history_weight > 0 else prompt - 1
            position = np.arange(first, total - 1)
            answer = position >= prompt - 1
            positions.append(position + row * ids_BT.shape[1])
            weights.append(np.where(answer, answer_weight, history_weight).astype(np.float32))
            is_answer.append(answer)
        positions_N = np.concatenate(positions)
        micros.append(
            SFTMicroBatch(
                tokens=TokenBatch(
                    input_ids_BT=ids_BT,
                    positions_N=positions_N,
                    targets_N=ids_BT.reshape(-1)[positions_N + 1],
                ),
                weights_N=np.concatenate(weights),
                is_answer_N=np.concatenate(is_answer),
            )
        )
    return micros, float(sum(micro.weights_N.sum() for micro in micros))


def empty_micro_batch(pad_id: int) -> SFTMicroBatch:
    """A micro-batch in which nothing counts."""
    return SFTMicroBatch(
        tokens=TokenBatch(
            input_ids_BT=np.full((1, 2), pad_id, dtype=np.int64),
            positions_N=np.zeros(1, dtype=np.int64),
            targets_N=np.zeros(1, dtype=np.int64),
        ),
        weights_N=np.zeros(1, dtype=np.float32),
        is_answer_N=np.zeros(1, dtype=np.bool_),
    )


class SFTObjective:
    """Cross-entropy times weight, summed; metrics: answer loss and answer tokens (sums)."""

    needs_reference = False

    def prepare(self, policy: Policy, reference: Policy | None, batch: SFTMicroBatch) -> None:
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
