"""What each filter of DF-GRPO is worth: arms of as many updates of as many groups, from the same SFT start.

    python -m benchmarks.ablation_rl --seeds 0 &
    python -m benchmarks.ablation_rl --seeds 1
    python -m benchmarks.ablation_rl --seeds 0 1 2

Arms of a seed share its users and its SFT model (`OUT/seedN/base`), their prompts and sampling seeds; each is
a run of its own (`OUT/seedN/ARM`). A rerun goes on with what is missing. Intervals are over users, of all
seeds together; differences are paired by user. Filters cost generated tokens, so that arms are also shown by
those: `OUT/ablation.svg` has the reward on the probe by updates and by tokens.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import polars as pl
from matplotlib.figure import Figure

from benchmarks.ablation import Ablation, Result, arguments_of, run_all, shares_of, tell
from launch.pipeline import Run
from launch.stages.all import STAGES
from launch.stages.bench import load_benchmark
from launch.stages.scores import summary_tallies, tag_tallies
from launch.stages.training_curves import rewards_by_user
from records.files import written_whole
from rl.ledger import read_ledger

ARMS: dict[str, tuple[str, ...]] = {
    "sft": ("rl.steps=1", "rl.lr=0"),
    "grpo": ("rl.filters.sample=false", "rl.filters.group=false"),
    "sample": ("rl.filters.group=false",),
    "group": ("rl.filters.sample=false",),
    "df-grpo": (),
    "ahead": ("rl.max_staleness=1",),
}
"""Overrides of the recipe, by arm. The SFT start takes one step that moves nothing: the others' first.
`ahead` is DF-GRPO whose generation runs one update ahead."""

QUESTIONS = {
    "GRPO over SFT": ("grpo", "sft"),
    "DF-GRPO over SFT": ("df-grpo", "sft"),
    "sample filter alone over GRPO": ("sample", "grpo"),
    "group filter alone over GRPO": ("group", "grpo"),
    "DF-GRPO over GRPO": ("df-grpo", "grpo"),
    "DF-GRPO over group filter alone": ("df-grpo", "group"),
    "running ahead over waiting": ("ahead", "df-grpo"),
}
"""What is compared with what."""

METRICS = {
    "acc_ex": "acc_ex",
    "cov_ex": "cov_ex",
    "halluc_ex": "halluc_ex",
    "avg_at_k": "avg_at_k",
    "macro_f1": "macro_f1",
    "format": "format_rate",
}
"""Numbers of an arm, by the metric that they are."""


def of_arm(run: Run) -> Result:
    """HPR-Bench, the probe after training, what was generated, what of it failed and what did not train."""
    benchmark = load_benchmark(run)
    tallies = {
        **tag_tallies(run, "SFT + DF-GRPO", benchmark),
        **summary_tallies(run, "SFT + DF-GRPO", benchmark),
    }
    metrics = {"summaries": "acc_ex", "coverage": "cov_ex", "tags": "avg_at_k"}
    last = sorted((run.directory / "rl" / "probe").glob("step_*.parquet"))[-1]
    probe = pl.read_parquet(last)
    ledger = read_ledger(run.directory / "rl" / "ledger")
    trained = ledger.filter(pl.col("kept") & pl.col("live"))
    return Result(
        numbers={
            **shares_of(tallies, METRICS),
            "probe": _mean(probe["reward"]),
            "probe_format": _mean(probe["format_ok"]),
            "failing": 1 - _mean(ledger["format_ok"] & ~ledger["truncated"]),
            "untrained": 1 - len(trained) / len(ledger),
            "generated": float(ledger["response_tokens"].sum()),
            "groups": float(trained["group_id"].n_unique()),
        },
        tracks={
            **{track: tallies[name].per_user() for track, name in metrics.items()},
            "probe": rewards_by_user(last),
        },
    )


def _mean(values: pl.Series) -> float:
    return float(values.cast(pl.Float64).mean() or 0.0)  # type: ignore[arg-type]


ABLATION = Ablation(
    recipe=Path("ablation-rl"),
    arms=ARMS,
    stages=[stage.name for stage in STAGES if stage.name != "report"],
    shared="sft",
    of_base=lambda run: {},
    of_arm=of_arm,
    questions=QUESTIONS,
    columns=(*METRICS, "probe", "probe_format", "failing", "untrained", "generated", "groups"),
    tracks={"summaries": "Acc_Ex", "coverage": "Cov_Ex", "tags": "Avg@k", "probe": "reward on the probe"},
)


def curve(directory: Path) -> pl.DataFrame:
    """Mean probe reward of a run by `step` and by `tokens` generated for training until then."""
    ledger = read_ledger(directory / "rl" / "ledger")
    by_step = dict(ledger.group_by("step").agg(pl.col("response_tokens").sum()).iter_rows())
    rows = []
    for path in sorted((directory / "rl" / "probe").glob("step_*.parquet")):
        step = int(path.stem.removeprefix("step_"))
        tokens = sum(count for before, count in by_step.items() if before < step)
        rows.append((step, tokens, _mean(pl.read_parquet(path)["reward"])))
    return pl.DataFrame(rows, schema=["step", "tokens", "reward"], orient="row")


def plot(out: Path, seeds: Sequence[int], arms: Sequence[str]) -> Path:
    """Probe reward by updates and by tokens, an arm a colour, every seed faint and their mean strong."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for number, arm in enumerate(arms):
        curves = [curve(out / f"seed{seed}" / arm) for seed in seeds]
        for axes, column in ((left, "step"), (right, "tokens")):
            for one in curves:
                axes.plot(one[column], one["reward"], color=f"C{number}", alpha=0.3, linewidth=1)
            mean = [np.mean([one[name].to_numpy() for one in curves], axis=0) for name in (column, "reward")]
            axes.plot(*mean, color=f"C{number}", label=arm, marker="o", markersize=3)
    left.set_xlabel("policy updates")
    right.set_xlabel("tokens generated for training")
    left.set_ylabel("mean reward on the probe")
    left.legend(frameon=False)
    path = out / "ablation.svg"
    with matplotlib.rc_context({"svg.hashsalt": "ablation"}), written_whole(path) as aside:
        figure.savefig(aside, format="svg", metadata={"Date": None})
    return path


def main() -> None:
    """Command line."""
    arguments = arguments_of(ABLATION, __doc__, Path("runs/ablation-rl")).parse_args()
    found: dict[str, Any] = run_all(ABLATION, arguments)
    plot(arguments.out, arguments.seeds, [arm for arm in arguments.arms if arm != "sft"])
    tell(ABLATION, found, as_json=arguments.json)


if __name__ == "__main__":
    main()
