"""Stage report: the tables, report.json, report.md and report.html."""

from dataclasses import asdict, replace
from typing import Any

from hprbench.breakdown import length_medians
from hprbench.build import Benchmark
from hprbench.intervals import Difference, paired_interval
from hprbench.page import write_report
from hprbench.report import Example, Report
from hprbench.terminal import tables
from hprbench.texts import gold_summary
from hprbench.validation.accuracy import accuracy
from launch.pipeline import Run, stage_seconds
from launch.stages.bench import (
    baseline_rows,
    load_benchmark,
    model_directories,
    parse_generations,
    table_models,
)
from launch.stages.scores import judging, model_row, readers
from launch.stages.training_curves import rewards_by_user, training_curves
from records.files import read_json
from records.prompt import COMPOSITE_TASK
from rl.probe import probe_path

EXAMPLES = 5
"""Benchmark users shown in the report."""


def run_report(run: Run) -> None:
    """Score everything, write report.json, report.md and report.html, and print the tables."""
    benchmark = load_benchmark(run)
    run.reporter.doing("baselines are fitted")
    rows = baseline_rows(run, benchmark)
    run.reporter.doing("readers of summaries are loaded")
    read, models = readers(run), table_models(run)
    for done, model in enumerate(models):
        run.reporter.update(done, len(models), f"models scored, {model} next")
        rows.append(model_row(run, model, benchmark, read))
    run.reporter.doing("tables and charts are drawn")
    stages = stage_seconds(run.directory)
    probe, difference = probe_rewards(run)
    ours = list(model_directories(run))[-1]
    shown = parse_generations(run, ours, COMPOSITE_TASK, benchmark)
    examples = [
        Example(
            model=ours,
            history=benchmark.histories[user],
            gold=benchmark.gold[user],
            tags=answer.tags if answer else None,
            summary=answer.summary if answer else (),
            gold_summary=gold_summary(benchmark.gold, user),
        )
        for user in benchmark.users[:EXAMPLES]
        for answer in shown[user][:1]
    ]
    report = Report(
        title=run.recipe.name,
        k=run.recipe.bench.k,
        rows=rows,
        seconds=round(sum(stages.values()), 1),
        stages=stages,
        probe_reward=probe,
        probe_difference=difference,
        curves=training_curves(run),
        examples=examples,
        extractor=accuracy(),
        benchmark=benchmark_facts(run, benchmark),
        lengths=length_medians(benchmark.strata),
        extra={
            "seed": run.recipe.seed,
            "llm_judge": judging(run, rows, read),
        },
    )
    write_report(report, run.directory)
    run.reporter.console.print(tables(report))
    run.reporter.say(f"report: {run.directory / 'report.html'}")


def benchmark_facts(run: Run, benchmark: Benchmark) -> dict[str, Any]:
    """Who was asked, what people said of the labels, and what the steps of the build came to."""
    return {
        "users": len(benchmark.users),
        "version": benchmark.version,
        "reviews": [asdict(replace(review, labels=())) for review in benchmark.reviews],
        "build": read_json(run.directory / "bench" / "build" / "build.json"),
    }


def probe_rewards(run: Run) -> tuple[dict[str, float | None], Difference | None]:
    """Mean probe reward before and after DF-GRPO, and the difference over users, paired."""
    directory = run.directory / "rl" / "probe"
    paths = [probe_path(directory, step) for step in (0, run.recipe.rl.steps)]
    if not all(path.exists() for path in paths):
        return {"sft": None, "rl": None}, None
    before, after = by_user = [rewards_by_user(path) for path in paths]
    shared = sorted(before.keys() & after.keys())
    difference = paired_interval(
        {user: after[user] for user in shared}, {user: before[user] for user in shared}, run.recipe.seed
    )
    means = [sum(rewards.values()) / len(rewards) for rewards in by_user]
    return {"sft": means[0], "rl": means[1]}, difference
