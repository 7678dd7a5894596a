"""Top-p for engines on CPU, where vLLM's own sorts the whole vocabulary for every token."""

from typing import Any

import torch
from vllm.v1.sample.logits_processor import LogitsProcessor
from vllm.v1.sample.logits_processor.builtin import process_dict_updates

from lm.nucleus import nucleus

TOP_P = "nucleus_top_p"
"""Key of `SamplingParams.extra_args` under which a request names its top-p."""


class NucleusProcessor(LogitsProcessor):  # type: ignore[misc]
    """Masks tempered logits outside the nucleus; their log-probs are then those actually sampled from."""

    def __init__(self, vllm_config: Any, device: torch.device, is_pin_memory: bool) -> None:
        self._top_p: dict[int, float] = {}

    def is_argmax_invariant(self) -> bool:
        """A nucleus always holds the likeliest token; such processors see tempered logits."""
        return True

    def update_state(self, batch_update: Any) -> None:
        """Follow requests as they enter, leave and move between the rows of the batch."""
        process_dict_updates(
            self._top_p, batch_update, lambda params, *_: (params.extra_args or {}).get(TOP_P)
        )

    def apply(self, logits: torch.Tensor) -> torch.Tensor:
        """Mask the rows that ask for it, in place."""
        for top_p in set(self._top_p.values()):
            rows = [row for row, value in self._top_p.items() if value == top_p]
            if len(rows) == len(logits):
                logits.masked_fill_(~nucleus(logits, top_p), float("-inf"))
            else:
                logits[rows] = logits[rows].masked_fill(~nucleus(logits[rows], top_p), float("-inf"))
        return logits
