"""Answers of a model to the benchmark's questions, in batches of users; a rerun asks for what is missing."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import polars as pl

from hprbench.build import Benchmark
from lm.prompts import render_prompt
from lm.tokenizer import ChatTokenizer
from records.config import BenchConfig
from records.files import written_whole
from records.prompt import COMPOSITE_TASK, TAGS_TASK, Request, Rollout, Sampling
from rl.seeds import derived_seed

GENERATIONS_SCHEMA = {
    "user_id": pl.String,
    "task": pl.String,
    "run": pl.Int64,
    "finish_reason": pl.String,
    "text": pl.String,
}
"""Columns of `bench/generations/MODEL.parquet`, one row a response."""

BATCH = 64
"""Users asked about at once: with ten answers each enough to keep engines busy, and little to lose."""


class Engines(Protocol):
    """Whoever answers."""

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> list[list[Rollout]]: ...


def generate(
    path: Path,
    benchmark: Benchmark,
    tokenizer: ChatTokenizer,
    engines: Engines,
    config: BenchConfig,
    *,
    runs: int,
    seed: int,
    progress: Callable[[int, int], None],
) -> None:
    """Write to `path` so many `runs` a user of the question about all tags, and one of the composite one.

    Batches lie in a folder beside it until all are there. `progress` hears how many users are done, of all.
    """
    folder = path.with_suffix(".parts")
    users = benchmark.users
    parts = []
    for first in range(0, len(users), BATCH):
        batch = users[first : first + BATCH]
        part = folder / f"{first:06d}.parquet"
        if not (part.exists() and set(pl.read_parquet(part)["user_id"]) == set(batch)):
            rows = _batch(first, batch, benchmark, tokenizer, engines, config, runs, seed)
            with written_whole(part) as aside:
                rows.write_parquet(aside)
        parts.append(pl.read_parquet(part))
        progress(min(first + BATCH, len(users)), len(users))
    # One task after the other, users in order: as if there were no batches.
    whole = pl.concat(parts)
    whole = pl.concat([whole.filter(pl.col("task") == task) for task in (TAGS_TASK, COMPOSITE_TASK)])
    with written_whole(path) as aside:
        whole.write_parquet(aside)
    shutil.rmtree(folder)


def _batch(
    first: int,
    users: Sequence[str],
    benchmark: Benchmark,
    tokenizer: ChatTokenizer,
    engines: Engines,
    config: BenchConfig,
    runs: int,
    seed: int,
) -> pl.DataFrame:
    sampling = Sampling(
        temperature=config.temperature, top_p=config.top_p, max_tokens=config.max_response_tokens
    )
    requests = [
        Request(
            prompt=render_prompt(tokenizer, benchmark.histories[user], tags=benchmark.tags, task=task),
            samples=samples,
            seed=derived_seed("bench", seed, index, samples),
        )
        for task, samples in ((TAGS_TASK, runs), (COMPOSITE_TASK, 1))
        for index, user in enumerate(users, start=first)
    ]
    rows = [
        (request.prompt.user_id, request.prompt.task, rollout.sample_idx, rollout.finish_reason, rollout.text)
        for request, rollouts in zip(requests, engines.generate(requests, sampling), strict=True)
        for rollout in rollouts
    ]
    return pl.DataFrame(rows, schema=GENERATIONS_SCHEMA, orient="row")
