"""Several sequences in one row of tokens, without padding, and attention that keeps them apart.

Responses to one prompt share it: `[prompt, response 1 … response G]` holds P + G·R tokens where repeated
prompts would hold G·(P + R). A response attends to its prompt and to itself, and its positions go on
after the prompt, so that log-probabilities and gradients are those of the sequences one by one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.functional import scaled_dot_product_attention

ATTENTION = "usergpt_packed"
"""Name under which networks know `packed_attention`."""


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


def position_ids(segments: Sequence[Segment]) -> npt.NDArray[np.int64]:
    """Each token's position in its own sequence, position_ids_T."""
    before = [0 if s.parent is None else segments[s.parent].length for s in segments]
    return np.concatenate([np.arange(s.length) + first for s, first in zip(segments, before, strict=True)])


# What transformers may ask of an attention beyond being causal; ignored, it would train another network.
_UNKNOWN = ("attention_mask", "dropout", "sliding_window", "softcap", "s_aux")


def packed_attention(
    module: torch.nn.Module,
    query_1HTD: torch.Tensor,
    key_1KTD: torch.Tensor,
    value_1KTD: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    segments: Sequence[Segment],
    scaling: float | None = None,
    dropout: float = 0.0,
    **features: Any,
) -> tuple[torch.Tensor, None]:
    """Attention within the segments of a row, as transformers' attention interface wants it: out_1THD.

    Raises:
        ValueError: the network wants more of its attention (a window, a cap, sinks, dropout).
    """
    features |= {"attention_mask": attention_mask, "dropout": dropout or None}
    unknown = [name for name in _UNKNOWN if features.get(name) is not None]
    if unknown:
        raise ValueError(
            f"attention over packed rows knows no {' and no '.join(unknown)}; "
            "start from a model whose attention is plainly causal"
        )
    heads_per_key = query_1HTD.shape[1] // key_1KTD.shape[1]
    lengths = [segment.length for segment in segments]
    keys, values = torch.split(key_1KTD, lengths, 2), torch.split(value_1KTD, lengths, 2)
    outputs = []
    for segment, query, key, value in zip(
        segments, torch.split(query_1HTD, lengths, 2), keys, values, strict=True
    ):
        if segment.parent is None:
            outputs.append(
                scaled_dot_product_attention(
                    query, key, value, is_causal=True, scale=scaling, enable_gqa=heads_per_key > 1
                )
            )
            continue
        # With a mask, CUDA has memory-efficient kernels for equal numbers of heads only.
        key = torch.cat([keys[segment.parent], key], dim=2).repeat_interleave(heads_per_key, dim=1)
        value = torch.cat([values[segment.parent], value], dim=2).repeat_interleave(heads_per_key, dim=1)
        visible = torch.ones(segment.length, key.shape[2], dtype=torch.bool, device=key.device)
        visible = visible.tril(lengths[segment.parent])
        outputs.append(scaled_dot_product_attention(query, key, value, visible, scale=scaling))
    return torch.cat(outputs, dim=2).transpose(1, 2), None
