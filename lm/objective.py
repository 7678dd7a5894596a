"""What a learner optimises: the contract between objectives (sft, rl) and the DeepSpeed engine."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenBatch:
    """Right-padded sequences and the token predictions in them that count.

    `input_ids_BT` (int64); `positions_N`: indices into the flattened B·T grid whose logits predict
    `targets_N`. Causal attention needs no mask: padding comes after everything that counts.
    """

    input_ids_BT: npt.NDArray[np.int64]
    positions_N: npt.NDArray[np.int64]
    targets_N: npt.NDArray[np.int64]


class Policy(Protocol):
    """A network as objectives see it: logits_NV (float32) at the batch's positions."""

    def __call__(self, batch: TokenBatch) -> torch.Tensor: ...


Metrics = dict[str, float]
"""Sums over the micro-batch; the learner adds them up and divides by the normaliser."""


class Objective(Protocol):
    """A pure function of model outputs and a micro-batch."""

    needs_reference: bool

    def prepare(self, policy: Policy, reference: Policy | None, batch: Any) -> Any:
        """What must be computed, without gradients, before the first optimiser step touches the policy.

        Not called for a single optimiser step without a reference: `loss` then gets None and takes
        the same quantities from its own forward pass.
        """

    def loss(self, policy: Policy, batch: Any, prepared: Any) -> tuple[torch.Tensor, Metrics]:
        """The loss summed over the micro-batch (the learner normalises) and sums of metrics."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateReport:
    """What one call of the learner's update did; `metrics` are means by the normaliser."""

    optimizer_steps: int
    grad_norm: float
    metrics: Metrics


class Learner(Protocol):
    """What applies objectives; all ranks answer as one.

    `update` takes one optimiser step a mini-batch (a list of micro-batches) and divides each
    mini-batch's loss by its normaliser; `empty` is a micro-batch in which nothing counts.
    """

    def update(
        self,
        minibatches: Sequence[Sequence[Any]],
        normalisers: Sequence[float],
        objective: Objective,
        lr: float,
        empty: Any,
    ) -> UpdateReport: ...

    def save(self, directory: Path) -> None: ...

    def load(self, directory: Path) -> None: ...


def shortest_padding(lengths: list[int], max_tokens: int) -> list[list[int]]:
    """Group sequences of similar length so that each group's padded size is at most `max_tokens`.

    Returns indices into `lengths`, longest first; a sequence longer than `max_tokens` stands alone.
    """
    groups: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if groups and (len(groups[-1]) + 1) * lengths[groups[-1][0]] <= max_tokens:
            groups[-1].append(index)
        else:
            groups.append([index])
    return groups


def pad(sequences: list[list[int]], pad_id: int) -> npt.NDArray[np.int64]:
    """Right-pad `sequences` into ids_BT."""
    ids_BT = np.full((len(sequences), max(map(len, sequences))), pad_id, dtype=np.int64)
    for row, sequence in enumerate(sequences):
        ids_BT[row, : len(sequence)] = sequence
    return ids_BT
