"""From kept groups to micro-batches for the learner."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lm.objective import TokenBatch, pad, shortest_padding
from records.prompt import ScoredGroup
from rl.advantages import group_advantages
from rl.filters import FilterVerdict
from rl.loss import RLMicroBatch


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedGroup:
    """A scored group with its verdict."""

    scored: ScoredGroup
    verdict: FilterVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainBatch:
    """Mini-batches of micro-batches, and each mini-batch's normaliser: its live response tokens."""

    minibatches: tuple[tuple[RLMicroBatch, ...], ...]
    normalisers: tuple[float, ...]
    samples: int

    @property
    def tokens(self) -> int:
        return int(sum(self.normalisers))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sample:
    prompt_ids: tuple[int, ...]
    response_ids: tuple[int, ...]
    rollout_logprobs: tuple[float, ...]
    advantage: float


def build_batch(
    groups: Sequence[JudgedGroup], *, minibatches: int, scale_by_std: bool, max_tokens: int, pad_id: int
) -> TrainBatch:
    """Deal the groups over `minibatches` optimiser steps and pack the live samples of each.

    Dropped samples appear nowhere: in no statistic, no micro-batch, no denominator. Mini-batches
    that would hold nothing are left out.
    """
    packed, normalisers, samples = [], [], 0
    for part in range(minibatches):
        mine = [s for group in groups[part::minibatches] for s in _live_samples(group, scale_by_std)]
        if not mine:
            continue
        samples += len(mine)
        lengths = [len(s.prompt_ids) + len(s.response_ids) for s in mine]
        packed.append(
            tuple(
                _micro_batch([mine[i] for i in indices], pad_id)
                for indices in shortest_padding(lengths, max_tokens)
            )
        )
        normalisers.append(float(sum(len(s.response_ids) for s in mine)))
    return TrainBatch(minibatches=tuple(packed), normalisers=tuple(normalisers), samples=samples)


def _live_samples(group: JudgedGroup, scale_by_std: bool) -> list[_Sample]:
    advantages_G = group_advantages(group.verdict, scale_by_std=scale_by_std)
    return [
        _Sample(
            prompt_ids=group.scored.group.prompt.token_ids,
            response_ids=rollout.token_ids,
            rollout_logprobs=rollout.logprobs,
            advantage=float(advantage),
        )
        for rollout, advantage in zip(group.scored.group.rollouts, advantages_G, strict=True)
        if not np.isnan(advantage)
    ]


def _micro_batch(samples: Sequence[_Sample], pad_id: int) -> RLMicroBatch:
    ids_BT = pad([[*s.prompt_ids, *s.response_ids] for s in samples], pad_id)
    width = ids_BT.shape[1]
    positions_N = np.concatenate(
        [
            row * width + len(s.prompt_ids) - 1 + np.arange(len(s.response_ids))
            for row, s in enumerate(samples)
        ]
    )
    advantages = [np.full(len(s.response_ids), s.advantage, dtype=np.float32) for s in samples]
    return RLMicroBatch(
        tokens=TokenBatch(
            input_ids_BT=ids_BT, positions_N=positions_N, targets_N=ids_BT.reshape(-1)[positions_N + 1]
        ),
        rollout_logprobs_N=np.concatenate([np.asarray(s.rollout_logprobs, np.float32) for s in samples]),
        advantages_N=np.concatenate(advantages),
        counts_N=np.ones(len(positions_N), dtype=np.float32),
    )


def empty_micro_batch(pad_id: int) -> RLMicroBatch:
    """A micro-batch in which nothing counts, for ranks that are dealt fewer than others."""
    nothing = np.zeros(1, dtype=np.float32)
    return RLMicroBatch(
        tokens=TokenBatch(
            input_ids_BT=np.full((1, 2), pad_id, dtype=np.int64),
            positions_N=np.zeros(1, dtype=np.int64),
            targets_N=np.zeros(1, dtype=np.int64),
        ),
        rollout_logprobs_N=nothing,
        advantages_N=nothing,
        counts_N=nothing,
    )
