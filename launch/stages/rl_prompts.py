"""The questions of DF-GRPO and of its probe, and a file of them to look at."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from hprbench.metrics import Gold
from lm.prompts import render_prompt
from lm.tokenizer import ChatTokenizer
from records.files import write_json, written_whole
from records.history import SemanticHistory
from records.prompt import COMPOSITE_TASK, TAGS_TASK, Prompt
from records.strata import STRATA, stratum_of
from records.tags import in_order

PROMPTS_SCHEMA: dict[str, Any] = {
    "purpose": pl.String,
    "prompt_id": pl.String,
    "user_id": pl.String,
    "task": pl.String,
    "tags": pl.List(pl.String),
    "lines": pl.Int64,
    "tokens": pl.Int64,
    **dict.fromkeys(STRATA, pl.String),
}
"""Columns of `rl/prompts.parquet`, a row a prompt: `purpose` is rl or probe, `lines` counts those of the
history, and the stratum is told by its tags."""


def rl_prompts(
    users: Sequence[str],
    histories: Mapping[str, SemanticHistory],
    gold: Gold,
    tokenizer: ChatTokenizer,
    *,
    composite_share: float,
    tags_per_prompt: int,
    seed: int,
) -> list[Prompt]:
    """One question a user, about `tags_per_prompt` of the user's known tags (0: all), chosen by `seed`.

    Evenly over users, `composite_share` of the questions want a summary.
    """
    prompts = []
    for place, user in enumerate(users):
        composite = int((place + 1) * composite_share) > int(place * composite_share)
        task = COMPOSITE_TASK if composite else TAGS_TASK
        known = in_order(gold[user])
        drawn = np.random.default_rng([seed, place]).permutation(len(known))
        tags = tuple(known[number] for number in sorted(drawn[: tags_per_prompt or None]))
        prompts.append(render_prompt(tokenizer, histories[user], tags=tags, task=task))
    return prompts


def write_prompts(folder: Path, prompts: Mapping[str, Sequence[Prompt]], gold: Gold) -> None:
    """Write prompts by purpose to `folder`/prompts.parquet, and how many there are to prompts.json."""
    rows = [
        (
            purpose,
            prompt.prompt_id,
            prompt.user_id,
            prompt.task,
            list(prompt.tags),
            prompt.history_lines,
            len(prompt.token_ids),
            *stratum_of(gold[prompt.user_id]),
        )
        for purpose, asked in prompts.items()
        for prompt in asked
    ]
    with written_whole(folder / "prompts.parquet") as aside:
        pl.DataFrame(rows, schema=PROMPTS_SCHEMA, orient="row").write_parquet(aside)
    write_json(folder / "prompts.json", {purpose: _counts(asked, gold) for purpose, asked in prompts.items()})


def _counts(prompts: Sequence[Prompt], gold: Gold) -> dict[str, Any]:
    tokens = [len(prompt.token_ids) for prompt in prompts]
    strata = Counter(" ".join(stratum_of(gold[prompt.user_id])) for prompt in prompts)
    return {
        "prompts": len(prompts),
        "users": len({prompt.user_id for prompt in prompts}),
        "tasks": dict(sorted(Counter(prompt.task for prompt in prompts).items())),
        "tokens": {"mean": round(float(np.mean(tokens)), 1), "most": max(tokens)},
        "strata": dict(sorted(strata.items())),
    }
