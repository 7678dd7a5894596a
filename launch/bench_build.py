"""`usergpt bench build` and `bench review`: the benchmark of a run made anew, or corrected by people."""

from pathlib import Path
from typing import Any

from launch.pipeline import Run, forget
from launch.progress import Reporter
from launch.recipe import load_recipe
from launch.stages.all import STAGES
from launch.stages.bench import load_benchmark
from launch.stages.benchmark import apply_review, build_benchmark, refuse_reviewed, users_path
from launch.stages.data import load_events, load_gold, load_histories
from launch.stages.report import run_report
from launch.stages.splits import load_splits
from lm.tokenizer import ChatTokenizer
from records.errors import UserError
from records.files import read_json, write_json
from records.locks import held


def bench_build(directory: Path) -> int:
    """Make the benchmark of a run anew from the same candidates, as this version of the program does.

    Where it asks other users or tags than before, models' answers and the report are removed.

    Raises:
        UserError: no run is there, or people have reviewed its benchmark.
    """
    run = _run(directory)
    with held(directory, "wait for it"):
        refuse_reviewed(directory)
        path = users_path(run)
        before = _asked(path)
        splits = load_splits(directory)
        choice = build_benchmark(
            run,
            splits,
            load_gold(directory),
            load_histories(directory),
            load_events(directory, splits.bench),
            ChatTokenizer.load(directory / "model"),
        )
        if _asked(path) != before:
            _forget_answers(run)
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
    run = _run(directory)
    with held(directory, "wait for it"):
        benchmark = load_benchmark(run)
        review = apply_review(run, file, benchmark)
        run.reporter.say(
            f"bench: {review.looked_at:,} labels looked at, {review.corrected:,} corrected; "
            f"version {benchmark.version + 1}"
        )
        if (directory / "report.json").exists():
            with run.reporter.stage("report"):
                run_report(run)
    return 0


def _asked(path: Path) -> tuple[list[str], set[str]] | None:
    """Users and tags that the benchmark at `path`, of whatever version, asks; None where there is none."""
    if not path.exists():
        return None
    body: dict[str, Any] = read_json(path)
    return body["users"], {tag for tags in body["gold"].values() for tag in tags}


def _forget_answers(run: Run) -> None:
    manifest_path = run.directory / "manifest.json"
    manifest = read_json(manifest_path)
    forget(run.directory, manifest, [stage for stage in STAGES if stage.name in ("bench", "report")])
    write_json(manifest_path, manifest)
    run.reporter.say("bench: other users or tags than before; the next `usergpt run` asks the models anew")


def _run(directory: Path) -> Run:
    config = directory / "config.yaml"
    if not config.is_file() or not (directory / "splits.json").is_file():
        raise UserError(f"{directory}: no run with histories there; make one with `usergpt run`")
    return Run(recipe=load_recipe(config), directory=directory, reporter=Reporter())
