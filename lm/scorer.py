"""A causal language model around `lm.attention` and `lm.scoring`: packed rows in, scores of tokens out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lm.attention import ATTENTION, AttentionPlan, packed_attention
from lm.objective import TokenBatch
from lm.packing import Segment, position_ids
from lm.scoring import Ask, ScoringHead, TokenScores, token_scores


class TokenScorer(nn.Module):
    """A causal language model that scores the tokens that a batch asks for."""

    network: Any

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network
        network.lm_head = ScoringHead.of(network.lm_head)

    def forward(
        self,
        input_ids_T: torch.Tensor,
        segments: Sequence[Segment],
        positions_N: torch.Tensor,
        targets_N: torch.Tensor,
        ask: Ask,
    ) -> tuple[torch.Tensor, ...]:
        """What a `ScoringHead` finds at `positions_N` of a row of packed segments."""
        hidden_1TD = self.network.model(
            input_ids=input_ids_T[None],
            position_ids=torch.from_numpy(position_ids(segments)).to(input_ids_T.device)[None],
            plan=AttentionPlan.of(segments, input_ids_T.device),
            use_cache=False,
        ).last_hidden_state
        # A shared prompt's last position occurs several times. Unlike indexing, `embedding` adds up the
        # gradients of equal positions in a fixed order, whatever the number of threads.
        hidden_ND = torch.nn.functional.embedding(positions_N, hidden_1TD[0])
        return self.network.lm_head(hidden_ND, targets_N, ask)  # type: ignore[no-any-return]


def run_scorer(scorer: nn.Module, batch: TokenBatch, ask: Ask, device: torch.device) -> TokenScores:
    """The scores of a batch by a `TokenScorer`, or by DeepSpeed's engine around one."""
    ids_T, positions_N, targets_N = (
        torch.from_numpy(array).to(device)
        for array in (batch.input_ids_T, batch.positions_N, batch.targets_N)
    )
    return token_scores(scorer(ids_T, batch.segments, positions_N, targets_N, ask), ask)


def load_network(model_dir: Path, dtype: torch.dtype) -> TokenScorer:
    """The causal language model in `model_dir`, reading packed rows."""
    from transformers import AttentionInterface, AutoModelForCausalLM

    AttentionInterface.register(ATTENTION, packed_attention)
    network = AutoModelForCausalLM.from_pretrained(
        model_dir, dtype=dtype, attn_implementation=ATTENTION, local_files_only=True
    )
    return TokenScorer(network)


def recompute_activations(module: TokenScorer) -> None:
    """Have the backward pass compute the activations of every layer again instead of keeping them."""
    module.network.gradient_checkpointing_enable({"use_reentrant": False})
    module.train()  # what is loaded is in evaluation mode, in which they are kept all the same
