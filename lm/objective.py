"""What a learner optimises: the contract between objectives (sft, rl) and the DeepSpeed engine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

from lm.packing import Segment
from lm.scoring import Ask, TokenScores


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenBatch:
    """One row of packed sequences and the token predictions in it that count.

    `input_ids_T` (int64) consists of `segments`; what stands at `positions_N` predicts `targets_N`. Several
    positions may be the same: where a prompt is shared, its last token predicts each response's first.
    """

    input_ids_T: npt.NDArray[np.int64]
    segments: tuple[Segment, ...]
    positions_N: npt.NDArray[np.int64]
    targets_N: npt.NDArray[np.int64]


def empty_tokens() -> TokenBatch:
    """The least that a network can be run on, for micro-batches in which nothing counts."""
    nothing = np.zeros(1, dtype=np.int64)
    return TokenBatch(
        input_ids_T=nothing, segments=(Segment(length=1),), positions_N=nothing, targets_N=nothing
    )


class Policy(Protocol):
    """A network as objectives see it: what it says of the batch's targets."""

    def __call__(self, batch: TokenBatch, ask: Ask) -> TokenScores: ...


Metrics = dict[str, float]
"""Sums over the micro-batch; the learner adds them up and divides by the normaliser."""


class Objective(Protocol):
    """A pure function of model outputs and a micro-batch."""

    needs_reference: bool

    def prepare(self, policy: Policy | None, reference: Policy | None, batch: Any) -> Any:
        """What must be computed, without gradients, before the first optimiser step touches the policy.

        `policy` is None where a single optimiser step follows: what `loss` needs of the policy as it is
        now, it then takes from its own forward pass. `reference` is None unless `needs_reference`.
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
    """What applies objectives; all `ranks` answer as one.

    `update` takes one optimiser step a mini-batch (a list of micro-batches) and divides each
    mini-batch's loss by its normaliser; `empty` is a micro-batch in which nothing counts;
    `meanwhile` is called again and again while the ranks are at work.
    """

    @property
    def ranks(self) -> int: ...

    def update(
        self,
        minibatches: Sequence[Sequence[Any]],
        normalisers: Sequence[float],
        objective: Objective,
        lr: float,
        empty: Any,
        meanwhile: Callable[[], None] | None = None,
    ) -> UpdateReport: ...

    def save(self, directory: Path) -> None: ...

    def load(self, directory: Path) -> None: ...
