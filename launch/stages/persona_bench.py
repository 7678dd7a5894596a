"""Stage bench of personas: the models' sets about users held out, by batch inference on vLLM."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from actors.rollout import RolloutPool
from induce.checking import checked
from induce.prompting import persona_prompt
from induce.scoring import PersonaCase
from induce.trained import ModelInducer
from launch.pipeline import Run
from launch.stages.bench import ask_each
from launch.stages.groupwise import FOLDER as GROUPWISE
from launch.stages.persona_data import embedder_of, load_cases
from launch.stages.persona_sft import STAGE as SFT
from launch.stages.splits import load_splits
from lm.tokenizer import ChatTokenizer
from records.files import written_whole
from records.persona import personas_frame
from records.prompt import Prompt, Request, Sampling
from rl.protocols import Generator
from rl.seeds import derived_seed

ANSWER_SCHEMA = {
    "user_id": pl.String,
    "run": pl.Int64,
    "finish_reason": pl.String,
    "tokens": pl.Int64,
    "text": pl.String,
}
"""Columns of `bench/generations/MODEL.parquet`, one row an answer."""

BATCH = 64
"""Users asked about at once."""

SFT_MODEL, DPO_MODEL = "SFT", "SFT + groupwise DPO"


def persona_models(run: Run) -> dict[str, Path]:
    """Models of the table: name → Hugging Face directory."""
    models = {SFT_MODEL: run.directory / "sft" / SFT}
    if run.recipe.groupwise.steps:
        models[DPO_MODEL] = run.directory / GROUPWISE / "policy"
    return models


def answers_path(run: Run, model: str) -> Path:
    """File of a model's answers."""
    names = {SFT_MODEL: "sft", DPO_MODEL: "groupwise"}
    return run.directory / "bench" / "generations" / f"{names[model]}.parquet"


def induced_path(run: Run, model: str) -> Path:
    """File of the sets that a model comes to as an inducer."""
    return run.directory / "bench" / "induced" / answers_path(run, model).name


def run_persona_bench(run: Run) -> None:
    """Ask every model `bench.k` times about every user held out, and once as `usergpt induce` does; what is
    there already is not asked again."""
    missing = {
        name: path for name, path in persona_models(run).items() if not induced_path(run, name).exists()
    }
    if not missing:
        return
    cases = load_cases(run, load_splits(run.directory).bench)
    tokenizer = ChatTokenizer.load(run.directory / "model")
    prompts = [persona_prompt(tokenizer, case.lines) for case in cases.values() if case.lines.lines]

    def ask(name: str, pool: RolloutPool, told: str) -> None:
        if not answers_path(run, name).exists():
            _ask(run, answers_path(run, name), prompts, pool, told)
        _induce(run, induced_path(run, name), cases, tokenizer, pool)

    ask_each(run, missing, ask)


def _induce(
    run: Run, path: Path, cases: Mapping[str, PersonaCase], tokenizer: ChatTokenizer, engines: Generator
) -> None:
    inducer = ModelInducer(
        engines,
        tokenizer,
        embedder_of(run),
        budget=run.recipe.induce.line_tokens,
        most_tokens=run.recipe.bench.max_response_tokens,
        quality=run.recipe.induce.quality,
        seed=run.recipe.seed,
    )
    sets = inducer({user: case.memories for user, case in cases.items()})
    with written_whole(path) as aside:
        personas_frame([checked(one, cases[one.user_id].memories)[0] for one in sets]).write_parquet(aside)


def _ask(run: Run, path: Path, prompts: list[Prompt], engines: Generator, told: str) -> None:
    """Batches lie in a folder beside `path` until all are there."""
    config, folder = run.recipe.bench, path.with_suffix(".parts")
    sampling = Sampling(
        temperature=config.temperature, top_p=config.top_p, max_tokens=config.max_response_tokens
    )
    parts = []
    for first in range(0, len(prompts), BATCH):
        part = folder / f"{first:06d}.parquet"
        requests = [
            Request(prompt=prompt, samples=config.k, seed=derived_seed("bench", run.recipe.seed, place))
            for place, prompt in enumerate(prompts[first : first + BATCH], start=first)
        ]
        if not part.exists():
            rows = [
                (request.prompt.user_id, one.sample_idx, one.finish_reason, len(one.token_ids), one.text)
                for request, rollouts in zip(requests, engines.generate(requests, sampling), strict=True)
                for one in rollouts
            ]
            with written_whole(part) as aside:
                pl.DataFrame(rows, schema=ANSWER_SCHEMA, orient="row").write_parquet(aside)
        parts.append(pl.read_parquet(part, glob=False))
        run.reporter.update(first + len(requests), len(prompts), told)
    with written_whole(path) as aside:
        pl.concat(parts or [pl.DataFrame(schema=ANSWER_SCHEMA)]).write_parquet(aside)
    shutil.rmtree(folder, ignore_errors=True)
