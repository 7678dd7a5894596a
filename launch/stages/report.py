"""Stage report: the tables, report.json, report.md and report.html."""

import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import polars as pl

from hprbench.breakdown import length_medians
from hprbench.build import Benchmark
from hprbench.intervals import paired_interval
from hprbench.page import write_report
from hprbench.report import Curves, Example, Report
from hprbench.terminal import tables
from hprbench.texts import gold_summary
from hprbench.validation.accuracy import accuracy
from launch.curves import read_curves
from launch.pipeline import Run, stage_seconds
from launch.stages.bench import (
    baseline_rows,
    load_benchmark,
    model_directories,
    parse_generations,
    table_models,
)
from launch.stages.scores import judging, model_row, readers
from launch.stages.sft import PILOT, STAGES
from records.files import read_json
from records.prompt import COMPOSITE_TASK
from rl.ledger import read_ledger
from rl.probe import probe_path

EXAMPLES = 5
"""Benchmark users shown in the report."""


def run_report(run: Run) -> None:
    """Score everything, write report.json, report.md and report.html, and print the tables."""
    benchmark = load_benchmark(run)
    rows = baseline_rows(run, benchmark)
    read = readers(run)
    rows += [model_row(run, model, benchmark, read) for model in table_models(run)]
    stages = stage_seconds(run.directory)
    probe, comparison = probe_rewards(run)
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
        curves=curves(run),
        examples=examples,
        extractor=accuracy(),
        benchmark=benchmark_facts(run, benchmark),
        lengths=length_medians(benchmark.strata),
        extra={
            "seed": run.recipe.seed,
            "probe_difference": comparison,
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


def probe_rewards(run: Run) -> tuple[dict[str, float | None], dict[str, Any] | None]:
    """Mean probe reward before and after DF-GRPO, and the paired difference over users with its interval."""
    directory = run.directory / "rl" / "probe"
    paths = [probe_path(directory, step) for step in (0, run.recipe.rl.steps)]
    if not all(path.exists() for path in paths):
        return {"sft": None, "rl": None}, None
    by_user = [
        dict(
            pl.read_parquet(path).group_by("user_id").agg(pl.col("reward").mean()).sort("user_id").iter_rows()
        )
        for path in paths
    ]
    before, after = by_user
    shared = before.keys() & after.keys()
    difference = paired_interval(
        {user: after[user] for user in sorted(shared)},
        {user: before[user] for user in sorted(shared)},
        run.recipe.seed,
    )
    means = [sum(rewards.values()) / len(rewards) for rewards in by_user]
    return {"sft": means[0], "rl": means[1]}, {
        "mean": difference.mean,
        "interval": list(difference.interval),
    }


def curves(run: Run) -> Curves:
    """What the report plots of the training."""
    steps: dict[int, dict[str, float]] = {}
    for row in read_curves(run.directory / "rl" / "curves.jsonl"):
        steps.setdefault(row["step"], {}).update(row)
    return Curves(
        reward=[
            {
                "step": step,
                **{n: row.get(f"reward/{n}") for n in ("pre_filter", "post_filter", "probe")},
            }
            for step, row in sorted(steps.items())
        ],
        filter_reasons=dropped_samples(run.directory / "rl" / "ledger") if run.recipe.rl.steps else (),
        sft_loss={
            name: [
                row.get(f"sft/{name}/answer_loss", math.nan)
                for row in read_curves(run.directory / "sft" / f"{name}.jsonl")
            ]
            for name in (PILOT, *STAGES)
        },
    )


def dropped_samples(ledger: Path) -> list[dict[str, float]]:
    """Per step, how many samples each reason dropped; one with several counts under its first."""
    if not ledger.is_dir():  # a run without DF-GRPO
        return []
    samples = read_ledger(ledger).with_columns(reason=pl.col("drop_reasons").list.first())
    dropped = samples.filter(~pl.col("kept")).group_by("step", "reason").len()
    steps: dict[int, dict[str, float]] = {
        step: {"step": step + 1} for step in samples["step"].unique().sort()
    }
    for step, reason, count in dropped.sort("step", "reason").iter_rows():
        steps[step][reason] = count
    return list(steps.values())
