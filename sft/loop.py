"""The SFT loop: one pass over a stage's lessons, from the newest checkpoint if there is one."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

from lm import checkpoint
from lm.objective import Learner
from records.log import Log
from records.sft import SFTConfig, StageConfig
from sft.objective import SFTExample, SFTObjective, empty_micro_batch, sft_micro_batches

FINAL_LR = 0.05
"""The cosine ends at this share of the peak learning rate."""


def train_stage(
    name: str,
    examples: Sequence[SFTExample],
    config: SFTConfig,
    stage: StageConfig,
    learner: Learner,
    log: Log,
    *,
    checkpoints: Path,
    micro_batch_tokens: int,
    progress: Callable[[int, int, float], None],
) -> float:
    """Train on `examples`, one optimiser step a batch; returns the last answer loss (nats a token), NaN where
    nothing was left to do.

    `checkpoints` gets a checkpoint every `config.save_every` steps and after the last; what stands there is
    gone on from. `progress` is called with (steps done, steps, answer loss).
    """
    objective, empty = SFTObjective(), empty_micro_batch()
    steps = -(-len(examples) // config.batch_size)
    newest = checkpoint.latest(checkpoints)
    first = checkpoint.load(newest, learner)["step"] if newest else 0
    answer_loss = math.nan
    for step in range(first, steps):
        micros, weight = sft_micro_batches(
            examples[step * config.batch_size : (step + 1) * config.batch_size],
            history_weight=stage.history_weight,
            answer_weight=config.answer_weight,
            max_tokens=micro_batch_tokens,
            ranks=learner.ranks,
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
        if (step + 1) % config.save_every == 0 or step + 1 == steps:
            checkpoint.save(checkpoints, {"step": step + 1}, learner, keep=1)
    return answer_loss


def schedule(step: int, steps: int, warmup: float) -> float:
    """Share of the peak learning rate: linear warm-up, then a cosine down to FINAL_LR."""
    rising = max(1, round(steps * warmup))
    if step < rising:
        return (step + 1) / rising
    done = (step - rising) / max(1, steps - rising)
    return FINAL_LR + (1 - FINAL_LR) * (1 + math.cos(math.pi * done)) / 2
