"""The SFT objective: weighted next-token cross-entropy.

Answers weigh more than histories, but histories weigh something: a network that starts from random
weights must first learn the language its input is written in, or it does not learn to copy from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from os.path import commonprefix

import numpy as np
import numpy.typing as npt
import torch

from lm.objective import Metrics, Policy, TokenBatch, empty_tokens
from lm.packing import Tree, balanced, pack
from lm.scoring import Ask


@dataclass(frozen=True, slots=True, kw_only=True)
class SFTExample:
    """One question and the answer to learn, as token ids (the answer ends its turn).

    In a batch, what prompts of the same `shared_id` have in common is packed once; "" is shared with none.
    """

    prompt_ids: tuple[int, ...]
    response_ids: tuple[int, ...]
    shared_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Family:
    """Examples as one tree: what their prompts have in common, then for each the rest and the answer."""

    tree: Tree
    rests: tuple[int, ...]
    """Tokens of each branch that belong to the prompt."""


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
    ranks: int = 1,
) -> tuple[list[SFTMicroBatch], float]:
    """Micro-batches of at most `max_tokens` tokens, and the sum of weights (the normaliser).

    They are balanced over `ranks`. Loss and normaliser are those of the examples one by one: what several
    share weighs as often.
    """
    families = _families(examples, max_tokens)
    micros = [
        _micro_batch([families[i] for i in indices], history_weight, answer_weight)
        for indices in balanced([family.tree.tokens for family in families], max_tokens, ranks)
    ]
    return micros, float(sum(micro.weights_N.sum() for micro in micros))


def _families(examples: Sequence[SFTExample], max_tokens: int) -> list[_Family]:
    """Examples by `shared_id`, in the order of their first; those that would not fit together are parted."""
    kin: dict[str, list[SFTExample]] = {}
    parted: list[list[SFTExample]] = []
    for example in examples:
        members = kin.get(example.shared_id)
        if members and _family([*members, example]).tree.tokens <= max_tokens:
            members.append(example)
            continue
        parted.append([example])
        if example.shared_id:
            kin[example.shared_id] = parted[-1]
    return [_family(members) for members in parted]


def _family(members: Sequence[SFTExample]) -> _Family:
    shared = len(commonprefix([example.prompt_ids for example in members]))
    if not shared:
        raise ValueError(f"prompts of {members[0].shared_id!r} have no beginning in common")
    return _Family(
        tree=Tree(
            prompt_ids=members[0].prompt_ids[:shared],
            responses=tuple(example.prompt_ids[shared:] + example.response_ids for example in members),
        ),
        rests=tuple(len(example.prompt_ids) - shared for example in members),
    )


def _micro_batch(families: Sequence[_Family], history_weight: float, answer_weight: float) -> SFTMicroBatch:
    ids_T, segments, places = pack([family.tree for family in families])
    positions, targets, weights, is_answer = [], [], [], []

    def predict(at: npt.NDArray[np.int64], tokens: Sequence[int], weight: float, *, answer: bool) -> None:
        if weight > 0 or answer:  # of answers the loss is told, whatever they weigh
            positions.append(at)
            targets.append(np.array(tokens, dtype=np.int64))
            weights.append(np.full(len(at), weight, dtype=np.float32))
            is_answer.append(np.full(len(at), answer))

    for family, place in zip(families, places, strict=True):
        prefix = family.tree.prompt_ids
        at = np.arange(len(prefix) - 1) + place.start
        predict(at, prefix[1:], history_weight * len(family.rests), answer=False)
        branches = zip(family.tree.responses, family.rests, place.positions, strict=True)
        for branch, rest, at in branches:
            predict(at[:rest], branch[:rest], history_weight, answer=False)
            predict(at[rest:], branch[rest:], answer_weight, answer=True)
    return SFTMicroBatch(
        tokens=TokenBatch(
            input_ids_T=ids_T,
            segments=segments,
            positions_N=np.concatenate(positions),
            targets_N=np.concatenate(targets),
        ),
        weights_N=np.concatenate(weights),
        is_answer_N=np.concatenate(is_answer),
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
        losses_N = -policy(batch.tokens, Ask()).logprobs_N
        device = losses_N.device
        is_answer_N = torch.from_numpy(batch.is_answer_N).to(device)
        metrics = {
            "answer_loss": float(losses_N.detach()[is_answer_N].sum()),
            "answer_tokens": float(is_answer_N.sum()),
        }
        return (losses_N * torch.from_numpy(batch.weights_N).to(device)).sum(), metrics
