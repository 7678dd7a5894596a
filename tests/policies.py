"""Policies for unit tests: logits in, scores out."""

import torch

from lm.objective import TokenBatch
from lm.scoring import Ask, TokenScores, score


def scores_of(logits_NV: torch.Tensor, batch: TokenBatch, ask: Ask) -> TokenScores:
    """What `ask` wants of these logits: an output layer that changes nothing."""
    unchanged_VV = torch.eye(logits_NV.shape[1], dtype=logits_NV.dtype)
    return score(logits_NV, unchanged_VV, torch.from_numpy(batch.targets_N), ask)


class CausalSum(torch.nn.Module):
    """Logits from the running sum of embeddings: causal, and blind to what follows."""

    def __init__(self, vocabulary: int, scale: float = 1.0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        weights = scale * torch.randn(vocabulary, vocabulary, generator=generator, dtype=torch.float64)
        self.table = torch.nn.Parameter(weights)

    def forward(self, batch: TokenBatch, ask: Ask) -> TokenScores:
        lengths = [segment.length for segment in batch.segments]
        sums: list[torch.Tensor] = []
        rows = self.table[torch.from_numpy(batch.input_ids_T)].split(lengths)
        for segment, row in zip(batch.segments, rows, strict=True):
            before = 0.0 if segment.parent is None else sums[segment.parent][-1]
            sums.append(row.cumsum(dim=0) + before)
        return scores_of(torch.cat(sums)[torch.from_numpy(batch.positions_N)], batch, ask)
