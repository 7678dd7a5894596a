"""What each part of the SFT curriculum is worth: arms of equal token budgets, on the same users.

    python -m benchmarks.ablation_sft --seeds 0 --out runs/ablation &
    python -m benchmarks.ablation_sft --seeds 1 --out runs/ablation
    python -m benchmarks.ablation_sft --seeds 0 1 2 --out runs/ablation

Arms of a seed share its users, histories, tokenizer and teachers' answers (`OUT/seedN/base`); each is a run
of its own (`OUT/seedN/ARM`) with curves, lessons and responses to look at. A rerun goes on with what is
missing. Intervals are over users, of all seeds together; differences are paired by user.
"""

import argparse
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from actors.cluster import ray_cluster
from hprbench.baselines import majority, tfidf_lr
from hprbench.breakdown import parts_of
from hprbench.build import Benchmark
from hprbench.intervals import paired_interval, share_of
from hprbench.metrics import Tallies, score_tags
from launch.pipeline import Run, open_run, run_stages
from launch.progress import Reporter
from launch.recipe import load_recipe
from launch.stages.all import STAGES
from launch.stages.bench import load_benchmark
from launch.stages.data import load_gold, load_histories
from launch.stages.scores import summary_tallies, tag_tallies
from launch.stages.splits import load_taught
from records.files import read_json, write_json

RECIPE = Path("ablation-sft")
NOTHING = ("sft.stage1.examples=0", "sft.stage2.examples=0", "sft.stage3.examples=0")
STAGE_1 = ("sft.stage1.examples=11000", "sft.stage1.max_tokens=2000000")
STAGES_1_AND_2 = (
    "sft.stage1.examples=9000", "sft.stage1.max_tokens=1575000",
    "sft.stage2.examples=2500", "sft.stage2.max_tokens=425000",
    "sft.stage3.examples=0",
)  # fmt: skip
"""Two million tokens each, shared out as in the whole curriculum."""

ARMS: dict[str, tuple[str, ...]] = {
    "format": ("rl.init_from=pilot", "sft.pilot.examples=11000", "sft.pilot.max_tokens=2000000", *NOTHING),
    "stage1": ("rl.init_from=stage1", *NOTHING[1:], *STAGE_1),
    "stages12": ("rl.init_from=stage2", *STAGES_1_AND_2),
    "stages12-random": ("rl.init_from=stage2", *STAGES_1_AND_2, "sft.stage2_tags=random"),
    "whole": (),
    "shuffled": ("rl.init_from=stage1", "sft.order=shuffled", "sft.stage1.max_tokens=2000000"),
}
"""Overrides of the recipe, by arm."""

QUESTIONS = {
    "stage 1 over format alone": ("stage1", "format"),
    "stage 1 over majority": ("stage1", "majority"),
    "stage 2 on top of stage 1": ("stages12", "stage1"),
    "stage 3 on top of both": ("whole", "stages12"),
    "curriculum over the same lessons shuffled": ("whole", "shuffled"),
    "controversial over random tags": ("stages12", "stages12-random"),
    "whole over TF-IDF + LR": ("whole", "tfidf"),
}
"""What is compared with what."""

NUMBERS = {
    "avg_at_k": "avg_at_k",
    "maj_at_k": "maj_at_k",
    "macro_f1": "macro_f1",
    "maj_macro_f1": "maj_macro_f1",
    "format": "format_rate",
    "acc_ex": "acc_ex",
    "cov_ex": "cov_ex",
    "halluc_ex": "halluc_ex",
}
"""Numbers of an arm, by the metric that they are."""

TRACKS = {"tags": "Avg@k", "votes": "Maj@k", "summaries": "Acc_Ex"}
"""What users are compared in, by field of `Result`."""

SHARED = "teachers"
"""Last stage that all arms of a seed share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was measured of one arm with one seed; `tags`, `votes` and `summaries` are shares by user."""

    numbers: dict[str, float | None]
    by_difficulty: dict[str, float]
    tags: dict[str, float]
    votes: dict[str, float]
    summaries: dict[str, float]


def measure(run: Run) -> Result:
    """Both tracks of an arm that was run."""
    benchmark = load_benchmark(run)
    tallies = {**tag_tallies(run, "SFT", benchmark), **summary_tallies(run, "SFT", benchmark)}
    return _result(tallies, benchmark)


def baselines(run: Run) -> dict[str, Result]:
    """Majority and TF-IDF + logistic regression on the same users."""
    benchmark = load_benchmark(run)
    gold, histories, seed = load_gold(run.directory), load_histories(run.directory), run.recipe.seed
    train = {user: gold[user] for user in load_taught(run.directory)}
    shown = [histories[user] for user in train], [benchmark.histories[user] for user in benchmark.users]
    predictions = {
        "majority": majority(train, benchmark.users),
        "tfidf": tfidf_lr(shown[0], train, shown[1], seed),
    }
    return {
        name: _result(score_tags(prediction, benchmark.gold), benchmark)
        for name, prediction in predictions.items()
    }


def _result(tallies: Tallies, benchmark: Benchmark) -> Result:
    shares = {
        name: share_of(tallies[metric], seed=0) for name, metric in NUMBERS.items() if metric in tallies
    }
    kinds = parts_of({"avg_at_k": tallies["avg_at_k"]}, benchmark.gold, benchmark.strata, seed=0)
    return Result(
        numbers={name: None if found is None else found.value for name, found in shares.items()},
        by_difficulty={kind: found.value for kind, found in kinds["avg_at_k"]["difficulty"].items()},
        tags=tallies["avg_at_k"].per_user(),
        votes=tallies["maj_at_k"].per_user(),
        summaries=tallies["acc_ex"].per_user() if "acc_ex" in tallies else {},
    )


def run_seed(out: Path, seed: int, arms: Sequence[str], reporter: Reporter) -> dict[str, Result]:
    """Run what is missing of a seed, and read the rest."""
    folder = out / f"seed{seed}"
    shared = [stage for stage in STAGES if stage.name not in ("rl", "report")]
    results: dict[str, Result] = {}
    for arm in ("base", *arms):
        done = folder / arm / "result.json"
        if not done.exists():
            reporter.say(f"seed {seed}, {arm}")
            words = [f"seed={seed}", f"name={arm}", f"runs_dir={folder}", *ARMS.get(arm, ())]
            run = open_run(load_recipe(RECIPE, words), reporter)
            if arm != "base" and not run.directory.exists():
                aside = run.directory.with_name(f".{arm}.part")
                shutil.rmtree(aside, ignore_errors=True)
                shutil.copytree(folder / "base", aside, copy_function=os.link)
                (aside / "result.json").unlink()
                aside.rename(run.directory)
            with ray_cluster(run.recipe.cluster):
                run_stages(run, shared, until=SHARED if arm == "base" else "")
            found = baselines(run) if arm == "base" else {arm: measure(run)}
            write_json(done, {name: asdict(result) for name, result in found.items()})
        results |= {name: Result(**result) for name, result in read_json(done).items()}
    return results


def compare(seeds: Mapping[int, Mapping[str, Result]]) -> dict[str, Any]:
    """Means over seeds by arm, and every question that can be answered with its paired interval."""
    arms = list(dict.fromkeys(arm for results in seeds.values() for arm in results))
    table = {arm: _means([results[arm] for results in seeds.values() if arm in results]) for arm in arms}
    answers: dict[str, Any] = {}
    for question, (better, worse) in QUESTIONS.items():
        both = {seed: results for seed, results in seeds.items() if {better, worse} <= results.keys()}
        answers[question] = {
            track: _difference(
                {seed: getattr(results[better], track) for seed, results in both.items()},
                {seed: getattr(results[worse], track) for seed, results in both.items()},
            )
            for track in TRACKS
        }
    return {"seeds": sorted(seeds), "arms": table, "questions": answers}


def _means(results: Sequence[Result]) -> dict[str, float | None]:
    rows = [{**one.numbers, **one.by_difficulty} for one in results]
    names = dict.fromkeys(name for row in rows for name in row)
    means = {}
    for name in names:
        known = [value for row in rows if (value := row.get(name)) is not None]
        means[name] = round(sum(known) / len(known), 4) if known else None
    return means


def _difference(
    a: Mapping[int, Mapping[str, float]], b: Mapping[int, Mapping[str, float]]
) -> dict[str, Any] | None:
    ours, theirs = (
        {f"{seed}/{user}": value for seed, users in one.items() for user, value in users.items()}
        for one in (a, b)
    )
    if not ours or ours.keys() != theirs.keys():
        return None
    found = paired_interval(ours, theirs, 0)
    by_seed = [
        round(sum(a[seed].values()) / len(a[seed]) - sum(b[seed].values()) / len(b[seed]), 4) for seed in a
    ]
    return {
        "mean": round(found.mean, 4),
        "interval": [round(end, 4) for end in found.interval],
        "by_seed": by_seed,
    }


def show(found: Mapping[str, Any], console: Console) -> None:
    """Print both tables."""
    columns = ["avg_at_k", "maj_at_k", "macro_f1", "maj_macro_f1", "acc_ex", "cov_ex", "halluc_ex", "format"]
    columns += ["explicit", "implicit", "temporal", "trap"]
    table = Table(title=f"means over seeds {', '.join(map(str, found['seeds']))}")
    for heading in ("arm", *columns):
        table.add_column(heading, justify="left" if heading == "arm" else "right")
    for arm, means in found["arms"].items():
        values = [means.get(name) for name in columns]
        table.add_row(arm, *["-" if value is None else f"{value:.3f}" for value in values])
    console.print(table)
    table = Table(title="differences, paired by user, with 95 % intervals; in brackets seed by seed")
    for heading in ("", *TRACKS.values()):
        table.add_column(heading)
    for question, tracks in found["questions"].items():
        table.add_row(question, *[_told(tracks[track]) for track in TRACKS])
    console.print(table)


def _told(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "-"
    low, high = found["interval"]
    seeds = ", ".join(f"{value:+.3f}" for value in found["by_seed"])
    return f"{found['mean']:+.3f} [{low:+.3f}, {high:+.3f}] ({seeds})"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=list(ARMS))
    parser.add_argument("--out", type=Path, default=Path("runs/ablation"))
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    arguments = parser.parse_args()
    reporter = Reporter(Console(stderr=True))
    found = compare(
        {seed: run_seed(arguments.out, seed, arguments.arms, reporter) for seed in arguments.seeds}
    )
    write_json(arguments.out / "ablation.json", found)
    if arguments.json:
        print(json.dumps(found))
    else:
        show(found, Console(width=200))


if __name__ == "__main__":
    main()
