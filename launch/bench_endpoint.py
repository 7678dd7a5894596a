"""`usergpt bench model`: a language model behind a server on a run's frozen benchmark."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from hprbench.endpoint import as_response, question
from launch.pipeline import Run
from launch.progress import Reporter
from launch.recipe import load_recipe
from launch.stages.bench import (
    endpoint_names,
    endpoints_path,
    generations_path,
    load_benchmark,
    model_directories,
)
from launch.stages.generations import GENERATIONS_SCHEMA
from launch.stages.report import run_report
from lm.client import ChatClient
from records.errors import UserError
from records.files import write_json, written_whole
from records.locks import held
from records.prompt import COMPOSITE_TASK, TAGS_TASK
from rl.seeds import derived_seed


def bench_model(directory: Path, overrides: Sequence[str]) -> int:
    """Ask the model of `llm` the benchmark's questions, and make the run's report anew with its row.

    Replies stay on disk: a rerun asks for what is missing.

    Raises:
        UserError: the directory is no finished run, an override is of another section, as the other rows of
            the report would not fit it, or some questions were not answered.
    """
    foreign = [one for one in overrides if not one.startswith("llm.")]
    if foreign:
        raise UserError(f"{foreign[0]!r}: only fields of llm can be given; the rest is as in {directory}")
    config = directory / "config.yaml"
    if not config.is_file() or not (directory / "report.json").is_file():
        raise UserError(f"{directory}: no finished run there; finish one with `usergpt run`")
    reporter = Reporter()
    run = Run(recipe=load_recipe(config, overrides), directory=directory, reporter=reporter)
    client = ChatClient(run.recipe.llm, directory / "bench" / "replies")
    name = run.recipe.llm.model
    if name in model_directories(run):
        raise UserError(
            f"llm.model {name!r}: a row of the table has this name; have the server call it otherwise"
        )
    with held(directory, "wait for it"):
        with reporter.stage("bench"):
            rows = _asked(run, client)
        with written_whole(generations_path(run, name)) as aside:
            rows.write_parquet(aside)
        write_json(endpoints_path(run), sorted({*endpoint_names(run), name}))
        spent = client.stats
        reporter.say(
            f"bench: {spent.asked:,} requests sent, {spent.cached:,} answered from bench/replies, "
            f"{spent.prompt_tokens + spent.completion_tokens:,} tokens"
        )
        with reporter.stage("report"):
            run_report(run)
    return 0


def _asked(run: Run, client: ChatClient) -> pl.DataFrame:
    benchmark = load_benchmark(run)
    config = run.recipe.bench
    places = [
        (user, task, number, derived_seed("bench", run.recipe.seed, index, number))
        for task, samples in ((TAGS_TASK, config.k), (COMPOSITE_TASK, 1))
        for index, user in enumerate(benchmark.users)
        for number in range(samples)
    ]
    requests = [
        question(benchmark.histories[user], benchmark.tags, task, temperature=config.temperature, seed=seed)
        for user, task, _, seed in places
    ]
    replies = client.complete(requests, lambda done, total: run.reporter.update(done, total, "answers"))
    failed = Counter(reply.reason for reply in replies if reply.error)
    if failed:
        told = ", ".join(f"{count:,} {reason}" for reason, count in failed.most_common())
        raise UserError(
            f"{failed.total():,} of {len(replies):,} questions were not answered ({told}); run it again, it "
            "asks these alone"
        )
    rows = [
        (user, task, number, "stop", as_response(reply))
        for (user, task, number, _), reply in zip(places, replies, strict=True)
    ]
    return pl.DataFrame(rows, schema=GENERATIONS_SCHEMA, orient="row")
