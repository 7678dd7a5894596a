"""What each part of the SFT curriculum is worth: arms of equal token budgets, on the same users.

    python -m benchmarks.ablation_sft --seeds 0 &
    python -m benchmarks.ablation_sft --seeds 1
    python -m benchmarks.ablation_sft --seeds 0 1 2

Arms of a seed share its users, histories, tokenizer and teachers' answers (`OUT/seedN/base`); each is a run
of its own (`OUT/seedN/ARM`) with curves, lessons and responses to look at. A rerun goes on with what is
missing. Intervals are over users, of all seeds together; differences are paired by user.
"""

from pathlib import Path

from benchmarks.ablation import Ablation, Result, arguments_of, run_all, shares_of, tell
from hprbench.baselines import majority, tfidf_lr
from hprbench.breakdown import parts_of
from hprbench.build import Benchmark
from hprbench.metrics import Tallies, score_tags
from launch.pipeline import Run
from launch.stages.all import STAGES
from launch.stages.bench import load_benchmark
from launch.stages.data import load_gold, load_histories
from launch.stages.scores import summary_tallies, tag_tallies
from launch.stages.splits import load_taught

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
    kinds = parts_of({"avg_at_k": tallies["avg_at_k"]}, benchmark.gold, benchmark.strata, seed=0)
    by_difficulty = {kind: found.value for kind, found in kinds["avg_at_k"]["difficulty"].items()}
    metrics = {"tags": "avg_at_k", "votes": "maj_at_k", "summaries": "acc_ex"}
    return Result(
        numbers={**shares_of(tallies, NUMBERS), **by_difficulty},
        tracks={track: tallies[name].per_user() for track, name in metrics.items() if name in tallies},
    )


ABLATION = Ablation(
    recipe=Path("ablation-sft"),
    arms=ARMS,
    stages=[stage.name for stage in STAGES if stage.name not in ("rl", "report")],
    shared="teachers",
    of_base=baselines,
    of_arm=measure,
    questions=QUESTIONS,
    columns=(
        "avg_at_k", "maj_at_k", "macro_f1", "maj_macro_f1", "acc_ex", "cov_ex", "halluc_ex", "format",
        "explicit", "implicit", "temporal", "trap",
    ),
    tracks={"tags": "Avg@k", "votes": "Maj@k", "summaries": "Acc_Ex"},
)  # fmt: skip


def main() -> None:
    """Command line."""
    arguments = arguments_of(ABLATION, __doc__, Path("runs/ablation-sft")).parse_args()
    tell(ABLATION, run_all(ABLATION, arguments), as_json=arguments.json)


if __name__ == "__main__":
    main()
