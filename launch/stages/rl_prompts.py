"""The questions of DF-GRPO and of its probe, and a file of them to look at."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from actors.placement import Places
from actors.producers import ProducerPool
from actors.work import Workers
from hprbench.metrics import Gold
from launch.pipeline import Run
from launch.stages.data import check_room, load_gold, load_histories
from launch.stages.losses import Losses
from launch.stages.splits import load_splits
from lm.tokenizer import ChatTokenizer
from records.files import write_json, written_whole
from records.history import SemanticHistory
from records.prompt import Prompt
from records.strata import STRATA, stratum_of
from records.tags import in_order
from rewards.case import Reference
from rl.live import LivePrompts
from rl.modes import RECORDED
from rl.prompts import Shuffled
from rl.protocols import Prompts
from rl.questions import Asking

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """What is asked of the policy: the model at the start, prompts of training (of recorded users) and of the
    probe, and true values by user, to which live users come as they are asked about."""

    start: Path
    prompts: Sequence[Prompt]
    probe_prompts: Sequence[Prompt]
    references: dict[str, Reference]


def questions(run: Run, folder: Path) -> Questions:
    """The questions of a run, also written to `folder` to look at."""
    recipe, directory = run.recipe, run.directory
    histories, gold, splits = load_histories(directory), load_gold(directory), load_splits(directory)
    start = directory / "sft" / recipe.rl.init_from
    tokenizer = ChatTokenizer.load(start)
    trained = splits.rl if recipe.rl.prompts == RECORDED else ()
    users = (*trained, *splits.probe)
    check_room([histories[user] for user in users], tokenizer, recipe)
    ask = partial(
        rl_prompts,
        histories=histories,
        gold=gold,
        tokenizer=tokenizer,
        composite_share=recipe.rl.composite_share,
        seed=recipe.seed,
    )
    prompts = ask(trained, tags_per_prompt=recipe.rl.tags_per_prompt)
    probe_prompts = ask(splits.probe, tags_per_prompt=0)  # what training is for: the whole question
    asked = {"rl": prompts, "probe": probe_prompts}
    write_prompts(folder, {purpose: some for purpose, some in asked.items() if some}, gold)
    references: dict[str, Reference] = {
        user: {name: tag.values for name, tag in gold[user].items()} for user in users
    }
    return Questions(start=start, prompts=prompts, probe_prompts=probe_prompts, references=references)


@contextmanager
def prompts_of(run: Run, asked: Questions, losses: Losses, places: Mapping[str, Places]) -> Iterator[Prompts]:
    """The prompts of training, recorded or live; who makes live ones is ended with the block."""
    recipe = run.recipe
    if recipe.rl.prompts == RECORDED:
        yield Shuffled(asked.prompts, recipe.seed)
        return
    live = recipe.rl.live
    producers = ProducerPool(
        recipe.simulate,
        recipe.seed,
        run.directory / "histories",
        asked.start,
        Asking(
            composite_share=recipe.rl.composite_share,
            tags_per_prompt=recipe.rl.tags_per_prompt,
            seed=recipe.seed,
        ),
        live,
        recipe.cluster.timeout_s,
        places["producer"],
    )
    losses.watch(producers.lost, "made again")
    try:
        yield LivePrompts(producers, max(1, live.queue // producers.size), asked.references)
    finally:
        producers.close()


def producers_of(prompts: Prompts) -> dict[str, Workers]:
    """Who makes live prompts, by their kind; nobody makes recorded ones."""
    producers = prompts.producers if isinstance(prompts, LivePrompts) else None
    return {"producer": producers} if isinstance(producers, ProducerPool) else {}


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
    asking = Asking(composite_share=composite_share, tags_per_prompt=tags_per_prompt, seed=seed)
    return [
        asking.question(place, histories[user], in_order(gold[user]), tokenizer)
        for place, user in enumerate(users)
    ]


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
