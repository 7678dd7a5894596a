"""Stage bench: the models and baselines on HPR-Bench's users, by batch inference on vLLM."""

import hashlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import polars as pl

from actors.cluster import ray_cluster
from actors.rollout import RolloutPool
from actors.transport import BucketTransport
from actors.weights import saved_weights
from hprbench.aggregates import aggregates
from hprbench.baselines import boosted_aggregates, majority, tfidf_lr
from hprbench.build import Benchmark, load
from hprbench.metrics import TagPredictions, score_tags
from hprbench.report import Row, score_row
from hprbench.retention import simulation_knowledge
from launch.pipeline import Run
from launch.stages.benchmark import users_path
from launch.stages.data import check_room, load_events, load_gold, load_histories
from launch.stages.generations import generate
from launch.stages.sft import STAGES
from launch.stages.splits import load_splits, load_taught
from lm.answers import Answer, Malformed, parse_answer
from lm.tokenizer import ChatTokenizer
from records.files import read_json
from records.prompt import COMPOSITE_TASK
from simulate.measure.oracle import read_tags

UNTRAINED = "untrained"


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
    recipe, benchmark = run.recipe, load_benchmark(run)
    tokenizer = ChatTokenizer.load(run.directory / "model")
    missing = {
        name: path
        for name, path in model_directories(run).items()
        if not generations_path(run, name).exists()
    }
    if not missing:
        return
    check_room(list(benchmark.histories.values()), tokenizer, recipe)

    def ask(name: str, pool: RolloutPool, told: str) -> None:
        generate(
            generations_path(run, name),
            benchmark,
            tokenizer,
            pool,
            recipe.bench,
            runs=runs_of(run, name),
            seed=recipe.seed,
            progress=partial(run.reporter.update, detail=told),
        )

    ask_each(run, missing, ask)


def ask_each(run: Run, models: Mapping[str, Path], ask: Callable[[str, RolloutPool, str], None]) -> None:
    """Have each of `models` (name → directory) asked: `ask` is given the name, engines that hold the model,
    and what is to be told meanwhile."""
    recipe, timeout = run.recipe, run.recipe.cluster.timeout_s
    with ray_cluster(recipe.cluster):
        pool = None
        try:
            for done, (name, path) in enumerate(models.items()):
                told = f"users, {name} ({done + 1} of {len(models)} models)"
                run.reporter.doing(told if pool and _swappable(path) else f"engines start; then {told}")
                if pool and _swappable(path):
                    pool.update_weights(done, BucketTransport(partial(saved_weights, path), timeout))
                else:
                    if pool:
                        pool.close()
                    pool = RolloutPool(path, recipe.rollout, recipe.model.max_length, timeout)
                ask(name, pool, told)
        finally:
            if pool:
                pool.close()


def _swappable(model: Path) -> bool:
    """Whether running engines take these weights: those of a tied output layer are none of its own."""
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


def load_benchmark(run: Run) -> Benchmark:
    """The frozen benchmark, verified to share no user with any training."""
    splits = load_splits(run.directory)
    return load(
        users_path(run),
        histories=load_histories(run.directory),
        training_users={*splits.sft, *splits.rl, *splits.probe, *splits.unlabelled},
    )


def parse_generations(
    run: Run, model: str, task: str, benchmark: Benchmark
) -> dict[str, list[Answer | None]]:
    """User → answers to `task` in the order of runs; None for a malformed or truncated one."""
    frame = pl.read_parquet(generations_path(run, model)).filter(pl.col("task") == task)
    answers: dict[str, list[Answer | None]] = {user: [] for user in benchmark.users}
    mine = frame.filter(pl.col("user_id").is_in(list(answers)))
    for user, finish_reason, text in (
        mine.sort("user_id", "run").select("user_id", "finish_reason", "text").iter_rows()
    ):
        answer: Answer | Malformed | None = None
        if finish_reason != "length":
            answer = parse_answer(
                text,
                tags=benchmark.tags,
                summary=task == COMPOSITE_TASK,
                history_lines=len(benchmark.histories[user].lines),
            )
        answers[user].append(answer if isinstance(answer, Answer) else None)
    return answers


def baseline_rows(run: Run, benchmark: Benchmark) -> list[Row]:
    """Majority, rules on the raw log (of a simulation), TF-IDF + logistic regression, gradient boosting on
    aggregates; what is fitted is fitted on the users that SFT teaches."""
    taught = load_taught(run.directory)
    gold, histories = load_gold(run.directory), load_histories(run.directory)
    train_gold = {user: gold[user] for user in taught}
    seed = run.recipe.seed
    events = load_events(run.directory, [*taught, *benchmark.users])
    train_x, bench_x = aggregates(events, taught, benchmark.users)
    predictions = {
        "majority": majority(train_gold, benchmark.users),
        **({} if run.recipe.log.input else {"rules": _by_rules(run, events, benchmark)}),
        "boosted aggregates": boosted_aggregates(
            train_x, [gold[user] for user in taught], bench_x, benchmark.users, seed
        ),
        "TF-IDF + LR": tfidf_lr(
            [histories[user] for user in taught],
            train_gold,
            [benchmark.histories[user] for user in benchmark.users],
            seed,
        ),
    }
    return [
        score_row(
            name, score_tags(prediction, benchmark.gold), benchmark.gold, benchmark.strata, seed=seed, k=1
        )
        for name, prediction in predictions.items()
    ]


def _by_rules(run: Run, events: pl.DataFrame, benchmark: Benchmark) -> TagPredictions:
    """What rules read that know the world of the run's simulation."""
    mine = events.filter(pl.col("user_id").is_in(list(benchmark.users)))
    read = read_tags(mine, simulation_knowledge(run.directory / "events"))
    return {user: [read[user]] for user in benchmark.users}
