"""The schema of groupwise DPO."""

from dataclasses import dataclass

from records.options import opt


@dataclass
class GroupwiseConfig:
    """Iterations of sample → score → train on groups of responses ranked by quality (`rl.groupwise`)."""

    steps: int = opt(20, "Iterations; 0: no groupwise DPO.", low=0)
    groups_per_step: int = opt(16, "Groups (prompts) an iteration.", low=1)
    # A block of b tied responses costs 2ᵇ terms.
    group_size: int = opt(8, "Responses a group, K; all of a group share one micro-batch.", low=2, high=16)
    epochs: int = opt(1, "Times that an iteration trains on its groups.", low=1)
    minibatches: int = opt(2, "Optimiser steps that each of these times is split into.", low=1)
    beta: float = opt(0.1, "β: how dearly the policy pays for leaving the reference.", low=1e-6)
    tie_within: float = opt(0.01, "τ: responses whose quality differs by no more than that are tied.", low=0)
    max_response_tokens: int = opt(
        384, "Length limit of a response; one that hits it is invalid (truncated).", low=1
    )
    temperature: float = opt(
        1.0, "Sampling temperature; the loss is of the policy itself, at temperature 1.", low=0.01
    )
    top_p: float = opt(1.0, "Nucleus of sampling.", low=1e-6, high=1)
    lr: float = opt(1e-4, "Learning rate, constant after warm-up.", low=0)
    warmup_steps: int = opt(2, "Iterations over which the learning rate rises.", low=0)
    probe_every: int = opt(
        5, "Iterations between probes on held-out prompts; the first and last are always probed.", low=1
    )
    probe_samples: int = opt(4, "Responses a probe prompt.", low=1)
    save_every: int = opt(5, "Iterations between checkpoints.", low=1)
    keep_checkpoints: int = opt(2, "Checkpoints kept.", low=1)
