"""Groupwise DPO as the learner's objective (`lm.objective`)."""

import torch

from lm.objective import Metrics, Policy
from lm.scoring import Ask
from rl.groupwise import LogRatios, groupwise_loss
from rl.groupwise_batches import GroupwiseMicroBatch

METRICS = ("kl", "win_rate", "margin", "paired")
"""What the loss tells, of a micro-batch without groups too: ranks add up the same names."""


class GroupwiseObjective:
    """The loss of `rl.groupwise`, summed over groups: the learner's normaliser counts the live groups.

    Log-probs are untempered and of the whole vocabulary, whatever the responses were sampled with. The
    reference is what training began with: frozen, or the network with its adapters switched off.
    """

    needs_reference = True

    def __init__(self, beta: float) -> None:
        self.beta = beta

    def prepare(
        self, policy: Policy | None, reference: Policy | None, batch: GroupwiseMicroBatch
    ) -> torch.Tensor:
        """log π_ref of each response, reference_R (float64)."""
        assert reference is not None, "groupwise DPO needs a reference"
        return _response_logprobs(reference, batch)

    def loss(
        self, policy: Policy, batch: GroupwiseMicroBatch, prepared: torch.Tensor
    ) -> tuple[torch.Tensor, Metrics]:
        """The loss summed over groups, and sums over groups of metrics (`rl.groupwise.groupwise_loss`)."""
        current_R = _response_logprobs(policy, batch)
        if not batch.sizes:  # nothing counts, but all parameters must have taken part
            return 0 * current_R.sum(), dict.fromkeys(METRICS, 0.0)
        ratios_R = current_R - prepared
        groups, first = [], 0
        for size in batch.sizes:
            mine = slice(first, first + size)
            groups.append(LogRatios(ratios_K=ratios_R[mine], levels_K=batch.levels_R[mine]))
            first += size
        return groupwise_loss(groups, self.beta)


def _response_logprobs(policy: Policy, batch: GroupwiseMicroBatch) -> torch.Tensor:
    """log π of each response: its tokens' log-probs summed, in float64."""
    logprobs_N = policy(batch.tokens, Ask()).logprobs_N.double()
    return torch.stack([part.sum() for part in torch.split(logprobs_N, batch.lengths_R.tolist())])
