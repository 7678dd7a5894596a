"""Attention over packed rows, exact, with the flash kernels of CPU and CUDA and no mask.

A layer takes two calls, whose results are merged by their log-sum-exp:

    own      every segment, causally among itself
    prefix   the branches of a tree, all in one, over the whole of the prompt that they share

The backward kernels rebuild probabilities from the log-sum-exp that they are given. With the merged one and
the merged output, each call's gradients are its exact part of the whole (the backward pass: Dao, arXiv
2307.08691, §3.1; merging partial softmaxes: Rabe and Staats, arXiv 2112.05682).

Tensors: H query heads, K key heads (H is a multiple of K), T tokens of the row, N of them in a call, D wide.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from lm.packing import Segment

ATTENTION = "usergpt_packed"
"""Name under which networks know `packed_attention`."""

Span = tuple[int, int]
"""First token and end, in the row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What one call computes: the queries of span `queries[i]` attend to the keys of `keys[i]`.

    `rows_N` are the queries' places in the row; the `starts` (int32, one more than spans) where each span
    begins among the queries and keys of the call.
    """

    queries: tuple[Span, ...]
    keys: tuple[Span, ...]
    causal: bool
    rows_N: torch.Tensor
    query_starts: torch.Tensor
    key_rows_N: torch.Tensor
    key_starts: torch.Tensor

    @classmethod
    def of(
        cls, queries: Sequence[Span], keys: Sequence[Span], *, causal: bool, device: torch.device
    ) -> "Call":
        return cls(
            queries=tuple(queries),
            keys=tuple(keys),
            causal=causal,
            rows_N=_rows(queries).to(device),
            query_starts=_starts(queries).to(device),
            key_rows_N=_rows(keys).to(device),
            key_starts=_starts(keys).to(device),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionPlan:
    """Both calls of every layer for a row of segments, made once a row; without branches there is one."""

    own: Call
    prefix: Call | None

    @classmethod
    def of(cls, segments: Sequence[Segment], device: torch.device) -> "AttentionPlan":
        """The plan of a row. Branches of one parent stand behind each other, as `pack` lays them."""
        spans: list[Span] = []
        branches: dict[int, Span] = {}
        end = 0
        for segment in segments:
            start, end = end, end + segment.length
            spans.append((start, end))
            if segment.parent is not None:
                first, reached = branches.get(segment.parent, (start, start))
                assert reached == start, "branches of a parent must stand behind each other"
                branches[segment.parent] = (first, end)
        prefixes = [spans[parent] for parent in branches]
        return cls(
            own=Call.of(spans, spans, causal=True, device=device),
            prefix=Call.of(list(branches.values()), prefixes, causal=False, device=device)
            if branches
            else None,
        )


def _rows(spans: Sequence[Span]) -> torch.Tensor:
    return torch.cat([torch.arange(start, end) for start, end in spans])


def _starts(spans: Sequence[Span]) -> torch.Tensor:
    lengths = torch.tensor([0, *(end - start for start, end in spans)])
    return lengths.cumsum(0).to(torch.int32)


# What transformers may ask of an attention beyond being causal; ignored, it would train another network.
_UNKNOWN = ("attention_mask", "dropout", "sliding_window", "softcap", "s_aux")


def packed_attention(
    module: torch.nn.Module,
    query_1HTD: torch.Tensor,
    key_1KTD: torch.Tensor,
    value_1KTD: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    plan: AttentionPlan,
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
    scale = query_1HTD.shape[-1] ** -0.5 if scaling is None else scaling
    apply: Any = _PackedAttention.apply
    out_HTD = apply(query_1HTD[0], key_1KTD[0], value_1KTD[0], plan, scale)
    return out_HTD.transpose(0, 1)[None], None


class _PackedAttention(torch.autograd.Function):
    """q_HTD, k_KTD, v_KTD → out_HTD."""

    @staticmethod
    def forward(
        ctx: Any,
        q_HTD: torch.Tensor,
        k_KTD: torch.Tensor,
        v_KTD: torch.Tensor,
        plan: AttentionPlan,
        scale: float,
    ) -> torch.Tensor:
        forward = _cuda_forward if q_HTD.is_cuda else _cpu_forward
        out_HTD, lse_HT = forward(q_HTD, k_KTD, v_KTD, plan.own, scale)
        if plan.prefix is not None:
            rows_N = plan.prefix.rows_N
            part_HND, part_HN = forward(q_HTD, k_KTD, v_KTD, plan.prefix, scale)
            own_HN = lse_HT.index_select(1, rows_N)
            both_HN = torch.logaddexp(own_HN, part_HN)
            share_HN1 = torch.exp(part_HN - both_HN)[..., None]
            own_HND = out_HTD.index_select(1, rows_N).to(share_HN1.dtype)  # rounded once, when merged
            merged_HND = torch.lerp(own_HND, part_HND.to(share_HN1.dtype), share_HN1)
            out_HTD.index_copy_(1, rows_N, merged_HND.to(out_HTD.dtype))
            lse_HT.index_copy_(1, rows_N, both_HN)
        ctx.save_for_backward(q_HTD, k_KTD, v_KTD, out_HTD, lse_HT)
        ctx.plan, ctx.scale = plan, scale
        return out_HTD

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        backward: Any = _cuda_backward if gradients[0].is_cuda else _cpu_backward
        plan: AttentionPlan = ctx.plan
        saved = ctx.saved_tensors  # asked for once: with gradient checkpointing they are computed again
        grads = backward(gradients[0], *saved, plan.own, ctx.scale)
        if plan.prefix is not None:
            parts = backward(gradients[0], *saved, plan.prefix, ctx.scale)
            rows = (plan.prefix.rows_N, plan.prefix.key_rows_N, plan.prefix.key_rows_N)
            for grad_HTD, rows_N, part_HND in zip(grads, rows, parts, strict=True):
                grad_HTD.index_add_(1, rows_N, part_HND)
        return *grads, None, None


def _cpu_forward(
    q_HTD: torch.Tensor, k_KTD: torch.Tensor, v_KTD: torch.Tensor, call: Call, scale: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """out_HND and lse_HN of a call."""
    fold = _Fold(len(q_HTD) // len(k_KTD), causal=call.causal)
    outs, lses = [], []
    for (first, end), (key, key_end) in zip(call.queries, call.keys, strict=True):
        out_1XND, lse_1XN = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
            fold.queries(q_HTD[:, first:end]),
            fold.keys(k_KTD[:, key:key_end]),
            fold.keys(v_KTD[:, key:key_end]),
            0.0,
            call.causal,
            scale=scale,
        )
        outs.append(fold.unfolded(out_1XND[0], end - first))
        lses.append(fold.unfolded(lse_1XN[0, ..., None], end - first)[..., 0])
    return torch.cat(outs, dim=1), torch.cat(lses, dim=1)


def _cpu_backward(
    grad_HTD: torch.Tensor,
    q_HTD: torch.Tensor,
    k_KTD: torch.Tensor,
    v_KTD: torch.Tensor,
    out_HTD: torch.Tensor,
    lse_HT: torch.Tensor,
    call: Call,
    scale: float,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Gradients of the call's queries, keys and values."""
    fold = _Fold(len(q_HTD) // len(k_KTD), causal=call.causal)
    found: list[tuple[torch.Tensor, ...]] = []
    for (first, end), (key, key_end) in zip(call.queries, call.keys, strict=True):
        dq_1XND, dk_1XND, dv_1XND = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward(
            fold.queries(grad_HTD[:, first:end]),
            fold.queries(q_HTD[:, first:end]),
            fold.keys(k_KTD[:, key:key_end]),
            fold.keys(v_KTD[:, key:key_end]),
            fold.queries(out_HTD[:, first:end]),
            fold.queries(lse_HT[:, first:end, None])[..., 0],
            0.0,
            call.causal,
            scale=scale,
        )
        found.append(
            (fold.unfolded(dq_1XND[0], end - first), fold.summed(dk_1XND[0]), fold.summed(dv_1XND[0]))
        )
    dq_HND, dk_KND, dv_KND = (torch.cat(parts, dim=1) for parts in zip(*found, strict=True))
    return dq_HND, dk_KND, dv_KND


class _Fold:
    """How CPU kernels, which know equal numbers of heads only, are given several query heads a key head.

    Without causality the order of queries does not matter: heads of one key head stand behind each other as
    more queries of it. With it, keys are repeated. X is the number of heads that the kernel sees.
    """

    def __init__(self, heads_per_key: int, *, causal: bool) -> None:
        self.queries_of_key = 1 if causal else heads_per_key
        self.copies = heads_per_key if causal else 1

    def queries(self, x_HND: torch.Tensor) -> torch.Tensor:
        return x_HND.reshape(1, len(x_HND) // self.queries_of_key, -1, x_HND.shape[-1])

    def keys(self, x_KND: torch.Tensor) -> torch.Tensor:
        return x_KND[None] if self.copies == 1 else x_KND.repeat_interleave(self.copies, dim=0)[None]

    def unfolded(self, x_XND: torch.Tensor, tokens: int) -> torch.Tensor:
        return x_XND.reshape(-1, tokens, x_XND.shape[-1])

    def summed(self, x_XND: torch.Tensor) -> torch.Tensor:
        return x_XND.reshape(-1, self.copies, *x_XND.shape[1:]).sum(dim=1)


def _cuda_forward(
    q_HTD: torch.Tensor, k_KTD: torch.Tensor, v_KTD: torch.Tensor, call: Call, scale: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """out_HND and lse_HN of a call, all spans at once."""
    q_NHD, k_NKD, v_NKD = _cuda_inputs(call, (q_HTD,), (k_KTD, v_KTD))
    out_NHD, lse_HN, *_ = torch.ops.aten._flash_attention_forward(
        q_NHD,
        k_NKD,
        v_NKD,
        call.query_starts,
        call.key_starts,
        _longest(call.queries),
        _longest(call.keys),
        0.0,
        call.causal,
        False,
        scale=scale,
    )
    return out_NHD.transpose(0, 1), lse_HN


def _cuda_backward(
    grad_HTD: torch.Tensor,
    q_HTD: torch.Tensor,
    k_KTD: torch.Tensor,
    v_KTD: torch.Tensor,
    out_HTD: torch.Tensor,
    lse_HT: torch.Tensor,
    call: Call,
    scale: float,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Gradients of the call's queries, keys and values, all spans at once."""
    grad_NHD, q_NHD, out_NHD, k_NKD, v_NKD = _cuda_inputs(call, (grad_HTD, q_HTD, out_HTD), (k_KTD, v_KTD))
    # The state of a dropout that is none, as torch.nn.attention.varlen has it.
    no_dropout = torch.zeros(2, dtype=torch.uint64, device=q_HTD.device)
    dq_NHD, dk_NKD, dv_NKD = torch.ops.aten._flash_attention_backward(
        grad_NHD,
        q_NHD,
        k_NKD,
        v_NKD,
        out_NHD,
        lse_HT.index_select(1, call.rows_N),
        call.query_starts,
        call.key_starts,
        _longest(call.queries),
        _longest(call.keys),
        0.0,
        call.causal,
        no_dropout,
        torch.empty(0, device=q_HTD.device),
        scale=scale,
    )
    return dq_NHD.transpose(0, 1), dk_NKD.transpose(0, 1), dv_NKD.transpose(0, 1)


def _cuda_inputs(
    call: Call, queries: Sequence[torch.Tensor], keys: Sequence[torch.Tensor]
) -> list[torch.Tensor]:
    """Tokens first, and only those of the call; the kernels want the last two dimensions as they lie."""
    if call.causal:  # the whole row, in order
        return [x.transpose(0, 1).contiguous() for x in (*queries, *keys)]
    return [
        *(x.transpose(0, 1).index_select(0, call.rows_N) for x in queries),
        *(x.transpose(0, 1).index_select(0, call.key_rows_N) for x in keys),
    ]


def _longest(spans: Sequence[Span]) -> int:
    return max(end - start for start, end in spans)
