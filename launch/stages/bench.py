"""Stage bench: the models and baselines on HPR-Bench's users, by batch inference on vLLM."""

import hashlib
from pathlib import Path

import polars as pl

from actors.cluster import ray_cluster
from actors.rollout import RolloutPool
from actors.weights import saved_weights
from hprbench.aggregates import aggregates
from hprbench.baselines import boosted_aggregates, majority, tfidf_lr
from hprbench.build import Benchmark, load
from hprbench.extractor import extract
from hprbench.metrics import (
    SummaryScores,
    TagScores,
    compression,
    score_evidence,
    score_summaries,
    score_tags,
)
from hprbench.report import Row, score_row
from hprbench.retention import simulation_knowledge
from launch.pipeline import Run
from launch.stages.data import Splits, check_room, load_gold, load_histories, load_splits
from launch.stages.sft import STAGES
from lm.answers import Answer, Malformed, parse_answer
from lm.prompts import render_prompt
from lm.tokenizer import ChatTokenizer
from records.files import read_json, written_whole
from records.prompt import COMPOSITE_TASK, TAGS_TASK, Request, Sampling
from records.tags import TAG_NAMES
from rl.seeds import derived_seed
from semantize.raw import raw_lines
from simulate.engine import scan
from simulate.measure.oracle import read_tags

UNTRAINED = "untrained"

GENERATIONS_SCHEMA = {
    "user_id": pl.String,
    "task": pl.String,
    "run": pl.Int64,
    "finish_reason": pl.String,
    "text": pl.String,
}
"""Columns of `bench/generations/MODEL.parquet`, one row a response."""


def model_directories(run: Run) -> dict[str, Path]:
    """Models of the table (`bench.models`), in its order: name → Hugging Face directory."""
    sft = run.directory / "sft"
    known = {
        "untrained": (UNTRAINED, run.directory / "model"),
        "pilot": ("format alone", sft / "pilot"),
        **{name: (f"SFT {name}", sft / name) for name in STAGES},
        "sft": ("SFT", sft / run.recipe.rl.init_from),
        "rl": ("SFT + DF-GRPO", run.directory / "rl" / "policy"),
    }
    return dict(known[name] for name in run.recipe.bench.models)


def table_models(run: Run) -> list[str]:
    """All models of the table: those of the run, and those behind a server that were asked."""
    return [*model_directories(run), *endpoint_names(run)]


def endpoints_path(run: Run) -> Path:
    """File that names the models behind a server."""
    return run.directory / "bench" / "endpoints.json"


def endpoint_names(run: Run) -> list[str]:
    """Models behind a server whose answers are there."""
    path = endpoints_path(run)
    names = read_json(path) if path.exists() else []
    return [name for name in names if generations_path(run, name).exists()]


def run_bench(run: Run) -> None:
    """Generate what is not there yet, model by model, through the same engines if they take new weights."""
    recipe, timeout = run.recipe, run.recipe.cluster.timeout_s
    benchmark, _ = load_benchmark(run)
    tokenizer = ChatTokenizer.load(run.directory / "model")
    missing = {
        name: path
        for name, path in model_directories(run).items()
        if not generations_path(run, name).exists()
    }
    if not missing:
        return
    check_room(list(benchmark.histories.values()), tokenizer, recipe)
    with ray_cluster(recipe.cluster):
        pool = None
        try:
            for done, (name, path) in enumerate(missing.items()):
                run.reporter.update(done, len(missing), f"models, now {name}")
                if pool and _swappable(path):
                    pool.update_weights(done, saved_weights(path))
                else:
                    if pool:
                        pool.close()
                    pool = RolloutPool(path, recipe.rollout, recipe.model.max_length, timeout)
                rows = _generate(run, benchmark, tokenizer, pool, runs_of(run, name))
                with written_whole(generations_path(run, name)) as aside:
                    rows.write_parquet(aside)
        finally:
            if pool:
                pool.close()


def _swappable(model: Path) -> bool:
    """Whether running engines take these weights; vLLM's on CPU would keep a tied output layer's old ones."""
    config = read_json(model / "config.json")
    return not config.get("tie_word_embeddings", True) and config.get("dtype") == "float32"


def runs_of(run: Run, model: str) -> int:
    """Answers a user to the question about all tags: k, but of a network made anew one is enough.

    It writes noise up to the length limit, which takes longer than all that the trained models say.
    """
    return 1 if model == UNTRAINED and not run.recipe.model.init_dir else run.recipe.bench.k


def generations_path(run: Run, model: str) -> Path:
    """File of a model's responses; those of models behind a server stand apart, with a digest of the name."""
    slug = "".join(c if c.isalnum() else "_" for c in model.lower())
    folder = run.directory / "bench"
    if model in model_directories(run):
        return folder / "generations" / f"{slug}.parquet"
    digest = hashlib.blake2b(model.encode(), digest_size=4).hexdigest()
    return folder / "endpoints" / f"{slug[:80]}-{digest}.parquet"


def load_benchmark(run: Run) -> tuple[Benchmark, Splits]:
    """The frozen benchmark, verified to share no user with any training."""
    splits = load_splits(run.directory)
    benchmark = load(
        run.directory / "bench" / "users.json",
        histories=load_histories(run.directory),
        training_users={*splits.sft, *splits.rl, *splits.probe},
    )
    return benchmark, splits


def _generate(
    run: Run, benchmark: Benchmark, tokenizer: ChatTokenizer, pool: RolloutPool, runs: int
) -> pl.DataFrame:
    """So many responses a user to the question about all tags, one to the composite question."""
    config = run.recipe.bench
    sampling = Sampling(
        temperature=config.temperature, top_p=config.top_p, max_tokens=config.max_response_tokens
    )
    requests = [
        Request(
            prompt=render_prompt(tokenizer, benchmark.histories[user], tags=TAG_NAMES, task=task),
            samples=samples,
            seed=derived_seed("bench", run.recipe.seed, index, samples),
        )
        for task, samples in ((TAGS_TASK, runs), (COMPOSITE_TASK, 1))
        for index, user in enumerate(benchmark.users)
    ]
    rows = [
        (request.prompt.user_id, request.prompt.task, rollout.sample_idx, rollout.finish_reason, rollout.text)
        for request, rollouts in zip(requests, pool.generate(requests, sampling), strict=True)
        for rollout in rollouts
    ]
    return pl.DataFrame(rows, schema=GENERATIONS_SCHEMA, orient="row")


def parse_generations(
    run: Run, model: str, task: str, benchmark: Benchmark
) -> dict[str, list[Answer | None]]:
    """User → answers to `task` in the order of runs; None for a malformed or truncated one."""
    frame = pl.read_parquet(generations_path(run, model)).filter(pl.col("task") == task)
    answers: dict[str, list[Answer | None]] = {user: [] for user in benchmark.users}
    for user, finish_reason, text in (
        frame.sort("user_id", "run").select("user_id", "finish_reason", "text").iter_rows()
    ):
        answer: Answer | Malformed | None = None
        if finish_reason != "length":
            answer = parse_answer(
                text,
                tags=TAG_NAMES,
                summary=task == COMPOSITE_TASK,
                history_lines=len(benchmark.histories[user].lines),
            )
        answers[user].append(answer if isinstance(answer, Answer) else None)
    return answers


def baseline_rows(run: Run, benchmark: Benchmark, splits: Splits) -> list[Row]:
    """Majority, rules on the raw log, TF-IDF + logistic regression, gradient boosting on aggregates; what is
    fitted is fitted on the SFT users."""
    gold, histories = load_gold(run.directory), load_histories(run.directory)
    train_gold = {user: gold[user] for user in splits.sft}
    seed, simulation = run.recipe.seed, run.directory / "events"
    events = scan(simulation, "events").collect()
    train_x, bench_x = aggregates(events, splits.sft, benchmark.users)
    read = read_tags(
        events.filter(pl.col("user_id").is_in(list(benchmark.users))), simulation_knowledge(simulation)
    )
    predictions = {
        "majority": majority(train_gold, benchmark.users),
        "rules": {user: [read[user]] for user in benchmark.users},
        "boosted aggregates": boosted_aggregates(
            train_x, [gold[user] for user in splits.sft], bench_x, benchmark.users, seed
        ),
        "TF-IDF + LR": tfidf_lr(
            [histories[user] for user in splits.sft],
            train_gold,
            [benchmark.histories[user] for user in benchmark.users],
            seed,
        ),
    }
    return [
        score_row(name, tags=score_tags(prediction, benchmark.gold, seed=seed))
        for name, prediction in predictions.items()
    ]


def tag_scores(run: Run, model: str, benchmark: Benchmark) -> TagScores:
    """The tag track of a model's responses."""
    predictions = {
        user: [None if a is None else {name: tag.values for name, tag in a.tags.items()} for a in answers]
        for user, answers in parse_generations(run, model, TAGS_TASK, benchmark).items()
    }
    return score_tags(predictions, benchmark.gold, seed=run.recipe.seed)


def summary_scores(run: Run, model: str, benchmark: Benchmark) -> SummaryScores:
    """The summary track of a model's responses, as the fixed extractor reads them."""
    cities = sorted({v for tags in load_gold(run.directory).values() for v in tags["home_city"].values})
    extracted = {
        user: [None if a is None else extract(a.summary_text, cities) for a in answers]
        for user, answers in parse_generations(run, model, COMPOSITE_TASK, benchmark).items()
    }
    return score_summaries(extracted, benchmark.gold, seed=run.recipe.seed)


def model_row(run: Run, model: str, benchmark: Benchmark, tokenizer: ChatTokenizer) -> Row:
    """Everything measured of one model's responses."""
    tags = parse_generations(run, model, TAGS_TASK, benchmark)
    composites = parse_generations(run, model, COMPOSITE_TASK, benchmark)
    gold = {user: benchmark.gold[user] for user in benchmark.users}
    citations = {
        user: [None if a is None else {name: tag.lines for name, tag in a.tags.items()} for a in answers]
        for user, answers in tags.items()
    }
    written = [(user, a.summary_text) for user, answers in composites.items() for a in answers if a]
    mine = pl.col("user_id").is_in([user for user, _ in written])
    events = scan(run.directory / "events", "events").filter(mine).collect()
    raw = {user: "\n".join(raw_lines(mine)) for (user,), mine in events.group_by("user_id")}
    return score_row(
        model,
        tags=tag_scores(run, model, benchmark),
        summaries=summary_scores(run, model, benchmark),
        evidence=score_evidence(citations, gold, benchmark.histories),
        compression=compression(
            tokenizer.count([text for _, text in written]),
            tokenizer.count([raw[user] for user, _ in written]),
        )
        if written
        else None,
    )
