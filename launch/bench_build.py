"""`usergpt bench build` and `bench review`: the benchmark of a run made anew, or corrected by people."""

from collections.abc import Sequence
from pathlib import Path

from launch.pipeline import Run
from launch.progress import Reporter
from launch.recipe import load_recipe
from launch.stages.bench import load_benchmark
from launch.stages.benchmark import apply_review, build_benchmark, users_path
from launch.stages.data import load_events, load_gold, load_histories
from launch.stages.report import run_report
from launch.stages.splits import load_splits
from lm.tokenizer import ChatTokenizer
from records.errors import UserError
from records.files import read_json
from records.locks import held


def bench_build(directory: Path, overrides: Sequence[str]) -> int:
    """Make the benchmark of a run anew from the same candidates, as this version of the program does.

    Raises:
        UserError: no run is there, or its benchmark was reviewed.
    """
    run = _run(directory, overrides)
    with held(directory, "wait for it"):
        path = users_path(run)
        if path.exists() and read_json(path).get("reviews"):
            raise UserError(f"{path}: holds people's corrections; move it away to make the benchmark anew")
        splits = load_splits(directory)
        choice = build_benchmark(
            run,
            splits,
            load_gold(directory),
            load_histories(directory),
            load_events(directory, splits.bench),
            ChatTokenizer.load(directory / "model"),
        )
    run.reporter.say(
        f"bench: {len(choice.users)} of {len(splits.bench)} candidates, {len(choice.left_out)} left out; "
        f"what every step found is in {path.parent / 'build'}"
    )
    return 0


def bench_review(directory: Path, file: Path) -> int:
    """Correct the benchmark of a run by a reviewed file, and make the run's report anew.

    Raises:
        UserError: no run is there, or the file cannot be used.
    """
    run = _run(directory, ())
    with held(directory, "wait for it"):
        benchmark = load_benchmark(run)
        review = apply_review(run, file, benchmark)
        run.reporter.say(
            f"bench: {review.looked_at:,} labels looked at, {review.corrected:,} corrected; "
            f"version {benchmark.version + 1}"
        )
        if (directory / "report.json").exists():
            run_report(run)
    return 0


def _run(directory: Path, overrides: Sequence[str]) -> Run:
    config = directory / "config.yaml"
    if not config.is_file() or not (directory / "splits.json").is_file():
        raise UserError(f"{directory}: no run with histories there; make one with `usergpt run`")
    return Run(recipe=load_recipe(config, overrides), directory=directory, reporter=Reporter())
