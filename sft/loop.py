"""The SFT loop: one pass over a stage's lessons."""

import math
from collections.abc import Callable, Sequence

from lm.objective import Learner
from records.config import SFTConfig, SFTStageConfig
from records.log import Log
from sft.objective import SFTExample, SFTObjective, empty_micro_batch, sft_micro_batches

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
    progress: Callable[[int, int, float], None],
) -> float:
    """Train on `examples`, one optimiser step a batch; returns the last answer loss (nats a token).

    `progress` is called with (steps done, steps, answer loss).
    """
    objective, empty = SFTObjective(), empty_micro_batch()
    steps = -(-len(examples) // config.batch_size)
    answer_loss = math.nan
    for step in range(steps):
        micros, weight = sft_micro_batches(
            examples[step * config.batch_size : (step + 1) * config.batch_size],
            history_weight=stage.history_weight,
            answer_weight=config.answer_weight,
            max_tokens=micro_batch_tokens,
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


def schedule(step: int, steps: int, warmup: float) -> float:
    """Share of the peak learning rate: linear warm-up, then a cosine down to FINAL_LR."""
    rising = max(1, round(steps * warmup))
    if step < rising:
        return (step + 1) / rising
    done = (step - rising) / max(1, steps - rising)
    return FINAL_LR + (1 - FINAL_LR) * (1 + math.cos(math.pi * done)) / 2
