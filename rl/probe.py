"""The reward probe: fixed prompts and seeds, the same at every step, that train nothing."""

import math
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from records.prompt import Prompt, Request, RolloutGroup, Sampling
from rl.ledger import write_table
from rl.protocols import Generator, Scorers
from rl.seeds import derived_seed

PROBE_SCHEMA = {
    "prompt_id": pl.String,
    "user_id": pl.String,
    "task": pl.String,
    "sample_idx": pl.Int64,
    "format_ok": pl.Boolean,
    "reward": pl.Float64,
    "reward_atomic": pl.Float64,
    "reward_summary": pl.Float64,
}
"""Columns of a probe's file, one row a sample whose scoring did not fail."""


def probe_path(directory: Path, step: int) -> Path:
    """File of one probe; step 0 is before any update."""
    return directory / f"step_{step:06d}.parquet"


def best_probe(directory: Path) -> int:
    """Updates done at the probe with the highest mean reward, the first of equals; -1 where there is none."""
    best, highest = -1, -math.inf
    for path in sorted(directory.glob("step_*.parquet")):
        reward = pl.read_parquet(path, columns=["reward"])["reward"].mean()
        if reward is not None and reward > highest:  # type: ignore[operator]
            best, highest = int(path.stem.removeprefix("step_")), reward  # type: ignore[assignment]
    return best


def sample_probe(
    prompts: Sequence[Prompt], samples: int, generator: Generator, sampling: Sampling, seed: int
) -> list[RolloutGroup]:
    """`samples` responses a prompt, by the same sampling seeds at every probe of a run."""
    requests = [
        Request(prompt=prompt, samples=samples, seed=derived_seed("probe", seed, index))
        for index, prompt in enumerate(prompts)
    ]
    answers = generator.generate(requests, sampling)
    return [
        RolloutGroup(
            group_id=f"probe-{i:03d}", round=0, attempt=0, prompt=request.prompt, rollouts=tuple(rollouts)
        )
        for i, (request, rollouts) in enumerate(zip(requests, answers, strict=True))
    ]


def run_probe(
    path: Path,
    prompts: Sequence[Prompt],
    samples: int,
    generator: Generator,
    scorers: Scorers,
    sampling: Sampling,
    seed: int,
) -> float:
    """Mean reward over all samples: failures 0, failed scores left out, NaN if all failed.

    Rewards go to `path` by prompt and sample.
    """
    groups = sample_probe(prompts, samples, generator, sampling, seed)
    rows = [
        {
            "prompt_id": group.group.prompt.prompt_id,
            "user_id": group.group.prompt.user_id,
            "task": group.group.prompt.task,
            "sample_idx": index,
            "format_ok": score.format_ok,
            "reward": score.reward,
            "reward_atomic": score.atomic,
            "reward_summary": score.summary,
        }
        for group in scorers.score(groups)
        for index, score in enumerate(group.scores)
        if not score.error
    ]
    frame = pl.DataFrame(rows, schema=PROBE_SCHEMA, orient="row")
    write_table(path, frame)
    return float(frame["reward"].mean() or 0.0) if rows else math.nan  # type: ignore[arg-type]
