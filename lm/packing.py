"""Several sequences in one row of tokens, without padding; `lm.attention` keeps them apart.

Responses to one prompt share it: `[prompt, response 1 … response G]` holds P + G·R tokens where repeated
prompts would hold G·(P + R). A response attends to its prompt and to itself, and its positions go on
after the prompt, so that log-probabilities and gradients are those of the sequences one by one.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """The next `length` tokens of a row: causal among themselves, after all of segment number `parent`."""

    length: int
    parent: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A prompt and the responses that follow it, as token ids; without responses, a plain sequence.

    Raises:
        ValueError: the prompt or a response is empty: nothing could predict, or be predicted.
    """

    prompt_ids: Sequence[int]
    responses: Sequence[Sequence[int]] = ()

    def __post_init__(self) -> None:
        if not self.prompt_ids or not all(self.responses):
            raise ValueError("a prompt and its responses need at least one token each")

    @property
    def tokens(self) -> int:
        return len(self.prompt_ids) + sum(map(len, self.responses))


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedTree:
    """Where a tree stands in its row: its first token, and for each response what positions predict it."""

    start: int
    positions: tuple[npt.NDArray[np.int64], ...]


def pack(trees: Sequence[Tree]) -> tuple[npt.NDArray[np.int64], tuple[Segment, ...], list[PackedTree]]:
    """All trees behind each other: ids_T, the segments they make, and where each stands."""
    ids: list[int] = []
    segments: list[Segment] = []
    places = []
    for tree in trees:
        start, parent = len(ids), len(segments)
        ids += tree.prompt_ids
        branch = len(ids) - 1
        positions = []
        for response in tree.responses:
            positions.append(np.array([branch, *range(len(ids), len(ids) + len(response) - 1)]))
            ids += response
        if len(tree.responses) > 1:
            segments.append(Segment(length=len(tree.prompt_ids)))
            segments += [Segment(length=len(response), parent=parent) for response in tree.responses]
        else:  # a single response simply goes on: one causal attention
            segments.append(Segment(length=tree.tokens))
        places.append(PackedTree(start=start, positions=tuple(positions)))
    return np.array(ids, dtype=np.int64), tuple(segments), places


def first_fit(sizes: Sequence[int], limit: int) -> list[list[int]]:
    """Indices into `sizes` in bins of at most `limit`, largest first; what is larger stands alone."""
    bins: list[list[int]] = []
    room: list[int] = []
    for index in sorted(range(len(sizes)), key=lambda i: -sizes[i]):
        for number, left in enumerate(room):
            if sizes[index] <= left:
                bins[number].append(index)
                room[number] -= sizes[index]
                break
        else:
            bins.append([index])
            room.append(limit - sizes[index])
    return bins


def balanced(sizes: Sequence[int], limit: int, ranks: int) -> list[list[int]]:
    """Indices into `sizes` in bins of at most `limit`, as even as can be, for `ranks` that work side by side.

    There are as few bins as `first_fit` needs, and then as many as give every rank the same number. Largest
    bins come first: ranks that take every so-manieth bin are at work equally long in each round.
    """
    bins = first_fit(sizes, limit)
    wanted = min(len(sizes), -(-len(bins) // ranks) * ranks)
    spread: list[list[int]] = [[] for _ in range(wanted)]
    heap = [(0, number) for number in range(wanted)]
    for index in sorted(range(len(sizes)), key=lambda i: -sizes[i]):
        filled, number = heap[0]
        spread[number].append(index)
        heapq.heapreplace(heap, (filled + sizes[index], number))
    if all(len(one) == 1 or sum(sizes[i] for i in one) <= limit for one in spread):
        bins = spread
    return sorted(bins, key=lambda one: -sum(sizes[i] for i in one))


def position_ids(segments: Sequence[Segment]) -> npt.NDArray[np.int64]:
    """Each token's position in its own sequence, position_ids_T."""
    before = [0 if s.parent is None else segments[s.parent].length for s in segments]
    return np.concatenate([np.arange(s.length) + first for s, first in zip(segments, before, strict=True)])
