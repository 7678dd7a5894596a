"""From ranked groups to micro-batches for the learner."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lm.objective import TokenBatch, empty_tokens
from lm.packing import Tree, balanced, pack
from records.errors import UserError
from records.groupwise import GroupwiseConfig
from rl.groupwise_groups import RankedGroup


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupwiseMicroBatch:
    """All responses of some groups: `lengths_R` tokens each, as they stand in `tokens`, and their levels
    `levels_R`; the next `sizes[g]` of the R responses are those of group g."""

    tokens: TokenBatch
    lengths_R: npt.NDArray[np.int64]
    levels_R: npt.NDArray[np.int64]
    sizes: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupwiseBatch:
    """Mini-batches of micro-batches, and each mini-batch's normaliser: its live groups."""

    minibatches: tuple[tuple[GroupwiseMicroBatch, ...], ...]
    normalisers: tuple[float, ...]


def build_groupwise_batch(
    groups: Sequence[RankedGroup], *, minibatches: int, max_tokens: int, ranks: int = 1
) -> GroupwiseBatch:
    """Deal the live groups over `minibatches` optimiser steps and pack each; others appear nowhere.

    A group's responses share its prompt and stand in one micro-batch, as the loss compares them: the prompt
    and all responses of a group must fit into `max_tokens`. Several groups share a micro-batch where they
    fit. Micro-batches are balanced over `ranks`. Mini-batches that would hold nothing are left out.

    Raises:
        UserError: a group is larger than `max_tokens`.
    """
    live = [group for group in groups if not group.dropped]
    packed, normalisers = [], []
    for part in range(minibatches):
        mine = live[part::minibatches]
        if not mine:
            continue
        trees = [_tree(group) for group in mine]
        sizes = [tree.tokens for tree in trees]
        for group, size in zip(mine, sizes, strict=True):
            if size > max_tokens:
                raise UserError(
                    f"group {group.group.group_id} has {size} tokens, and all of it shares a micro-batch: "
                    f"raise learner.micro_batch_tokens ({max_tokens}), or lower groupwise.group_size or "
                    "groupwise.max_response_tokens"
                )
        bins = balanced(sizes, max_tokens, ranks)
        packed.append(tuple(_micro_batch([mine[i] for i in one], [trees[i] for i in one]) for one in bins))
        normalisers.append(float(len(mine)))
    return GroupwiseBatch(minibatches=tuple(packed), normalisers=tuple(normalisers))


def check_room(config: GroupwiseConfig, longest_prompt: int, max_tokens: int) -> None:
    """Refuse, before anything is sampled, settings under which a group may not fit into a micro-batch.

    Raises:
        UserError: naming the keys.
    """
    most = longest_prompt + config.group_size * config.max_response_tokens
    if most > max_tokens:
        raise UserError(
            f"learner.micro_batch_tokens is {max_tokens}, and a group may take {most}: a prompt of "
            f"{longest_prompt} and groupwise.group_size={config.group_size} responses of "
            f"groupwise.max_response_tokens={config.max_response_tokens}; raise the first to {most}"
        )


def empty_micro_batch() -> GroupwiseMicroBatch:
    """A micro-batch in which nothing counts, for ranks that are dealt fewer than others."""
    return GroupwiseMicroBatch(
        tokens=empty_tokens(),
        lengths_R=np.ones(1, dtype=np.int64),
        levels_R=np.zeros(1, dtype=np.int64),
        sizes=(),
    )


def _tree(group: RankedGroup) -> Tree:
    responses = [group.group.rollouts[index].token_ids for index in group.compared]
    return Tree(prompt_ids=group.group.prompt.token_ids, responses=responses)


def _micro_batch(groups: Sequence[RankedGroup], trees: Sequence[Tree]) -> GroupwiseMicroBatch:
    ids_T, segments, places = pack(trees)
    responses = [np.asarray(response, np.int64) for tree in trees for response in tree.responses]
    return GroupwiseMicroBatch(
        tokens=TokenBatch(
            input_ids_T=ids_T,
            segments=segments,
            positions_N=np.concatenate([at for place in places for at in place.positions]),
            targets_N=np.concatenate(responses),
        ),
        lengths_R=np.array([len(response) for response in responses]),
        levels_R=np.concatenate([group.levels_G[group.compared] for group in groups]),
        sizes=tuple(len(group.compared) for group in groups),
    )
