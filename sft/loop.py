"""The SFT loop: one pass over a stage's lessons."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from lm.objective import Learner
from records.config import SFTConfig, SFTStageConfig
from records.log import Log
from sft.objective import SFTExample, SFTObjective, empty_micro_batch, sft_micro_batches

GROUPED_BATCHES = 8
"""Batches among which examples are sorted by length."""

FINAL_LR = 0.05
"""The cosine ends at this share of the peak learning rate."""


def train_stage(
    name: str,
    examples: Sequence[SFTExample],
    config: SFTConfig,
    stage: SFTStageConfig,
    learner: Learner,
    log: Log,
    *,
    micro_batch_tokens: int,
    pad_id: int,
    progress: Callable[[int, int, float], None],
) -> float:
    """Train on `examples`, one optimiser step a batch; returns the last answer loss (nats a token).

    `progress` is called with (steps done, steps, answer loss).
    """
    objective, empty = SFTObjective(), empty_micro_batch(pad_id)
    batches = length_grouped(examples, config.batch_size)
    steps = len(batches)
    answer_loss = math.nan
    for step, batch in enumerate(batches):
        micros, weight = sft_micro_batches(
            batch,
            history_weight=stage.history_weight,
            answer_weight=config.answer_weight,
            max_tokens=micro_batch_tokens,
            pad_id=pad_id,
        )
        lr = stage.lr * schedule(step, steps, config.warmup)
        report = learner.update([micros], [weight], objective, lr, empty)
        answer_loss = report.metrics["answer_loss"] / report.metrics["answer_tokens"]
        log.scalars(
            step + 1,
            {
                f"sft/{name}/loss": report.metrics["loss"],
                f"sft/{name}/answer_loss": answer_loss,
                f"sft/{name}/grad_norm": report.grad_norm,
                f"sft/{name}/lr": lr,
            },
        )
        progress(step + 1, steps, answer_loss)
    return answer_loss


def length_grouped(examples: Sequence[SFTExample], batch_size: int) -> list[list[SFTExample]]:
    """Batches of examples of similar length, which pad little; the order changes only within a chunk.

    Every chunk of GROUPED_BATCHES batches is sorted by length, cut, and its batches are shuffled.
    """
    chunk = batch_size * GROUPED_BATCHES
    batches = []
    for start in range(0, len(examples), chunk):
        ordered = sorted(
            examples[start : start + chunk], key=lambda x: len(x.prompt_ids) + len(x.response_ids)
        )
        cut = [ordered[i : i + batch_size] for i in range(0, len(ordered), batch_size)]
        batches += [cut[i] for i in np.random.default_rng(start).permutation(len(cut))]
    return batches


def schedule(step: int, steps: int, warmup: float) -> float:
    """Share of the peak learning rate: linear warm-up, then a cosine down to FINAL_LR."""
    rising = max(1, round(steps * warmup))
    if step < rising:
        return (step + 1) / rising
    done = (step - rising) / max(1, steps - rising)
    return FINAL_LR + (1 - FINAL_LR) * (1 + math.cos(math.pi * done)) / 2
