"""The nucleus of a distribution (top-p), the same for the rollout policy and the learner's."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import csr_array

_LIKELIEST = 64
"""Tokens among which a nucleus is sought before the whole vocabulary is sorted: it is rarely larger."""

_SPARSE = 16
"""Bits are kept as a sparse matrix, at 5 bytes for each that is not 0, where so many times as many are 0."""


def nucleus(logits_NV: torch.Tensor, top_p: float) -> torch.Tensor:
    """True for the tokens of the smallest set whose probability reaches `top_p`; `logits_NV` are tempered."""
    mask_NV, complete_N = _among(logits_NV, top_p, min(_LIKELIEST, logits_NV.shape[1]))
    wider = ~complete_N
    if wider.any():
        mask_NV[wider] = _among(logits_NV[wider], top_p, logits_NV.shape[1])[0]
    return mask_NV


def nucleus_mask(logits_NV: torch.Tensor, targets_N: torch.Tensor, top_p: float) -> torch.Tensor:
    """The nucleus of each position, and the target.

    The sampled token belongs to it by construction: the sampler chose it, so rounding on this side must
    not exclude it.
    """
    return nucleus(logits_NV, top_p).scatter(1, targets_N[:, None], True)


def _among(logits_NV: torch.Tensor, top_p: float, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The nucleus as far as it lies among the `count` likeliest tokens, and whether that is all of it."""
    top_NC, order_NC = logits_NV.topk(count, dim=-1)
    probabilities_NC = torch.exp(top_NC - torch.logsumexp(logits_NV, dim=-1, keepdim=True))
    reached_NC = torch.cumsum(probabilities_NC, dim=-1)
    mask_NV = torch.zeros_like(logits_NV, dtype=torch.bool)
    return mask_NV.scatter(1, order_NC, reached_NC - probabilities_NC < top_p), reached_NC[:, -1] >= top_p


@dataclass(frozen=True, slots=True, kw_only=True)
class Nuclei:
    """The nuclei of N positions, kept exactly while they wait.

    They come and go as `bits_NB`, eight tokens a byte: of a vocabulary of 150,000 that is 19 kB a position,
    of which a hundred bytes are kept where a nucleus has twenty tokens.
    """

    rows: Any

    @classmethod
    def of(cls, bits_NB: npt.NDArray[np.uint8]) -> "Nuclei":
        """These, in little room: never in more than `bits_NB`, but for 4 bytes a position."""
        used_NB = bits_NB != 0
        if _SPARSE * np.count_nonzero(used_NB) > bits_NB.size:
            return cls(rows=bits_NB)
        places_M, width = np.flatnonzero(used_NB), bits_NB.shape[1]
        starts = np.searchsorted(places_M, np.arange(len(bits_NB) + 1) * width).astype(np.int32)
        columns_M = (places_M % width).astype(np.int32)
        return cls(rows=csr_array((bits_NB.ravel()[places_M], columns_M, starts), shape=bits_NB.shape))

    def bits(self, part: slice) -> npt.NDArray[np.uint8]:
        """Those of some positions, eight tokens a byte."""
        rows = self.rows[part]
        bits_CB: npt.NDArray[np.uint8] = rows if isinstance(rows, np.ndarray) else rows.toarray()
        return bits_CB
