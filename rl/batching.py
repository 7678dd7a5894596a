"""From kept groups to micro-batches for the learner."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from lm.objective import TokenBatch, empty_tokens
from lm.packing import Tree, balanced, first_fit, pack
from rl.advantages import group_advantages
from rl.filters import JudgedGroup
from rl.loss import RLMicroBatch, token_weight


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
    response_ids: tuple[int, ...]
    rollout_logprobs: tuple[float, ...]
    advantage: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Branches:
    """A prompt with those of its live samples that go into one micro-batch."""

    prompt_ids: tuple[int, ...]
    samples: tuple[_Sample, ...]

    @property
    def tree(self) -> Tree:
        return Tree(prompt_ids=self.prompt_ids, responses=[s.response_ids for s in self.samples])


def build_batch(
    groups: Sequence[JudgedGroup],
    *,
    minibatches: int,
    scale_by_std: bool,
    max_tokens: int,
    ranks: int = 1,
    mean_over: str = "tokens",
    max_response_tokens: int = 1,
) -> TrainBatch:
    """Deal the groups over `minibatches` optimiser steps and pack the live samples of each.

    The samples of a group share their prompt, unless together they exceed `max_tokens`: then the group
    is cut, and each part has the prompt again. (Where there is no room for a response beside the prompt,
    responses are counted without it: rather a longer micro-batch than as many long prompts as responses.)
    Micro-batches are balanced over `ranks`. Dropped samples appear nowhere: in no statistic, no micro-batch,
    no denominator. Mini-batches that would hold nothing are left out. What the loss of each is a mean
    over, `mean_over` says (`rl.loss.token_weight`; `max_response_tokens` counts for `length` alone).
    """
    packed, normalisers, samples = [], [], 0
    for part in range(minibatches):
        mine = [
            branches
            for group in groups[part::minibatches]
            for branches in _cut(group, _live_samples(group, scale_by_std), max_tokens)
        ]
        if not mine:
            continue
        lengths = [len(sample.response_ids) for branches in mine for sample in branches.samples]
        weight = partial(
            token_weight,
            mean_over,
            tokens=sum(lengths),
            samples=len(lengths),
            max_response_tokens=max_response_tokens,
        )
        bins = balanced([branches.tree.tokens for branches in mine], max_tokens, ranks)
        packed.append(tuple(_micro_batch([mine[i] for i in indices], weight) for indices in bins))
        normalisers.append(float(sum(lengths)))
        samples += len(lengths)
    return TrainBatch(minibatches=tuple(packed), normalisers=tuple(normalisers), samples=samples)


def _live_samples(group: JudgedGroup, scale_by_std: bool) -> list[_Sample]:
    advantages_G = group_advantages(group.verdict, scale_by_std=scale_by_std)
    return [
        _Sample(response_ids=rollout.token_ids, rollout_logprobs=rollout.logprobs, advantage=float(advantage))
        for rollout, advantage in zip(group.scored.group.rollouts, advantages_G, strict=True)
        if not np.isnan(advantage)
    ]


def _cut(group: JudgedGroup, samples: Sequence[_Sample], max_tokens: int) -> list[_Branches]:
    prompt_ids = group.scored.group.prompt.token_ids
    lengths = [len(sample.response_ids) for sample in samples]
    room = max_tokens - len(prompt_ids)
    bins = first_fit(lengths, room if room >= max(lengths, default=0) else max_tokens)
    return [_Branches(prompt_ids=prompt_ids, samples=tuple(samples[i] for i in sorted(b))) for b in bins]


def _micro_batch(parts: Sequence[_Branches], weight: Callable[..., float]) -> RLMicroBatch:
    ids_T, segments, places = pack([branches.tree for branches in parts])
    samples = [sample for branches in parts for sample in branches.samples]
    return RLMicroBatch(
        tokens=TokenBatch(
            input_ids_T=ids_T,
            segments=segments,
            positions_N=np.concatenate([p for place in places for p in place.positions]),
            targets_N=np.concatenate([np.asarray(s.response_ids, np.int64) for s in samples]),
        ),
        rollout_logprobs_N=np.concatenate([np.asarray(s.rollout_logprobs, np.float32) for s in samples]),
        advantages_N=np.concatenate(
            [np.full(len(s.response_ids), s.advantage, dtype=np.float32) for s in samples]
        ),
        counts_N=np.concatenate(
            [
                np.full(length, weight(length=length), dtype=np.float32)
                for length in (len(s.response_ids) for s in samples)
            ]
        ),
    )


def empty_micro_batch() -> RLMicroBatch:
    """A micro-batch in which nothing counts, for ranks that are dealt fewer than others."""
    nothing = np.zeros(1, dtype=np.float32)
    return RLMicroBatch(
        tokens=empty_tokens(), rollout_logprobs_N=nothing, advantages_N=nothing, counts_N=nothing
    )
