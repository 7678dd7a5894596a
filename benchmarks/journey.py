"""A real log with real labels: the recipe `complete-journey` fold by fold, and what others make of it.

    python -m benchmarks.journey --folds 5 --out runs/journey

Each fold is a run of its own (`OUT/foldN`) whose benchmark is another fifth of the labelled households; a
rerun goes on with what is missing. Numbers are of all folds' households together, intervals over households.

The floor is TF-IDF (of kinds of product, each a word) and balanced logistic regression on the whole log, five
times with other folds, on the classes as the demographics have them; it does not depend on what the recipe
makes of them.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics import accuracy_score, f1_score

from hprbench.aggregates import aggregates
from hprbench.baselines import boosted_aggregates, majority, tfidf_lr
from hprbench.intervals import Interval, Tally, difference_of, share_of
from hprbench.labels import label_table
from hprbench.metrics import Gold, TagPredictions, Values, score_tags, vote
from hprbench.retention import out_of_fold
from launch.pipeline import Run, Stage, open_run, run_stages
from launch.progress import Reporter
from launch.recipe import load_recipe
from launch.stages.all import STAGES
from launch.stages.bench import load_benchmark, parse_generations
from launch.stages.data import load_events, load_gold, load_histories
from launch.stages.splits import load_taught
from records.config import Recipe
from records.files import read_json, write_json
from records.history import HistoryLine, SemanticHistory
from records.prompt import TAGS_TASK
from records.tags import known_tags

RECIPE = Path("complete-journey")
OURS, VOTED, BALANCED = "SFT", "SFT, by vote", "TF-IDF + balanced LR"
FLOOR_COLUMNS = ("age", "marital_status", "income", "household_comp")
FLOOR_REPEATS = 5

NUMBERS = {"accuracy": "avg_at_k", "macro_f1": "macro_f1"}
"""Numbers of a tag, by the metric that they are."""

Predictions = dict[str, dict[str, list[dict[str, Values] | None]]]
"""Reader → household → runs, each tag → values."""


def fold_predictions(run: Run) -> Predictions:
    """What each reader says of the benchmark's households of a finished run."""
    benchmark = load_benchmark(run)
    gold, histories, seed = load_gold(run.directory), load_histories(run.directory), run.recipe.seed
    train, users = load_taught(run.directory), benchmark.users
    golds = {user: gold[user] for user in train}
    events = load_events(run.directory, [*train, *users])
    train_x, bench_x = aggregates(events, train, users)
    whole = {
        str(user): SemanticHistory(
            user_id=str(user),
            lines=(HistoryLine(number=1, text=" ".join(mine["content"]), event_ids=()),),
        )
        for (user,), mine in events.group_by("user_id")
    }
    read, heard = ([side[user] for user in train] for side in (histories, whole))
    answers = parse_generations(run, OURS, TAGS_TASK, benchmark)
    found: dict[str, TagPredictions] = {
        "majority": majority(golds, users),
        "boosted aggregates": boosted_aggregates(train_x, list(golds.values()), bench_x, users, seed),
        "TF-IDF + LR": tfidf_lr(read, golds, [histories[user] for user in users], seed),
        BALANCED: tfidf_lr(read, golds, [histories[user] for user in users], seed, balanced=True),
        f"{BALANCED}, whole log": tfidf_lr(
            heard, golds, [whole[user] for user in users], seed, balanced=True
        ),
        OURS: {
            user: [one and {name: tag.values for name, tag in one.tags.items()} for one in runs]
            for user, runs in answers.items()
        },
    }
    return {
        reader: {user: [one and dict(one) for one in runs] for user, runs in said.items()}
        for reader, said in found.items()
    }


PREDICTIONS = Stage(
    name="predictions",
    work=lambda run: write_json(run.directory / "predictions.json", fold_predictions(run)),
    reads=lambda recipe: [],
    outputs=("predictions.json",),
    cheap=True,
)
FOLD_STAGES = (*(stage for stage in STAGES if stage.name != "report"), PREDICTIONS)
"""Stages of a fold: what is said of its households is made anew with whatever it rests on."""


def run_folds(
    recipe_words: Sequence[str], folds: int, out: Path, reporter: Reporter
) -> tuple[Recipe, Predictions]:
    """Run what is missing of each fold, and read the rest."""
    together: Predictions = {}
    for fold in range(folds):
        reporter.say(f"fold {fold}")
        words = [
            f"name=fold{fold}",
            f"runs_dir={out}",
            f"log.fold={fold}",
            "bench.models=[sft]",
            *recipe_words,
        ]
        run = open_run(load_recipe(RECIPE, words), reporter)
        run_stages(run, FOLD_STAGES)
        for reader, said in read_json(run.directory / "predictions.json").items():
            together.setdefault(reader, {}).update(_tuples(said))
    return run.recipe, together


def _tuples(said: Mapping[str, Any]) -> dict[str, list[dict[str, Values] | None]]:
    return {
        user: [one and {tag: tuple(values) for tag, values in one.items()} for one in runs]
        for user, runs in said.items()
    }


def measured(together: Predictions, gold: Gold) -> dict[str, Any]:
    """Tag → reader → accuracy and macro-F1 with intervals, and how ours differs from balanced LR.

    Ours twice: the mean of its runs, and the one answer that most of them give.
    """
    together = {**together, VOTED: {user: [vote(runs)] for user, runs in together[OURS].items()}}
    users = sorted(together[OURS])
    tags: dict[str, Any] = {}
    for tag in known_tags({user: gold[user] for user in users}):
        # Of one tag alone Avg@k is its accuracy.
        known = {user: {tag: gold[user][tag]} for user in users if tag in gold[user]}
        found = {
            reader: score_tags({user: said[user] for user in known}, known)
            for reader, said in together.items()
        }
        tags[tag] = {
            "households": len(known),
            "readers": {
                reader: {name: _share(tallies[metric]) for name, metric in NUMBERS.items()}
                for reader, tallies in found.items()
            },
            "minus_lr": {
                ours: {
                    name: _difference(found[ours][metric], found[BALANCED][metric])
                    for name, metric in NUMBERS.items()
                }
                for ours in (OURS, VOTED)
            },
        }
    return tags


def _share(tally: Tally) -> dict[str, Any]:
    found = share_of(tally, seed=0)
    assert found is not None
    return _told(found.value, found.interval)


def _difference(a: Tally, b: Tally) -> dict[str, Any]:
    found = difference_of(a, b, seed=0)
    assert found is not None
    return _told(found.mean, found.interval)


def _told(value: float, interval: Interval) -> dict[str, Any]:
    return {"value": round(value, 4), "interval": [round(end, 4) for end in interval]}


def floor(recipe: Recipe, directory: Path) -> dict[str, Any]:
    """Column of the demographics → accuracy and macro-F1 of the floor, means over its repeats."""
    labels = label_table(Path(recipe.log.labels), "household_id").sort("user_id")
    users = labels["user_id"].to_list()
    titles = {
        str(user): mine["content"].to_list()
        for (user,), mine in load_events(directory, users).group_by("user_id")
    }
    counts = CountVectorizer(analyzer=lambda one: one).fit_transform([titles[user] for user in users]).tocsr()
    found = {}
    for name in FLOOR_COLUMNS:
        rows = labels.with_row_index().filter(pl.col(name).is_not_null())
        truth = rows[name].to_list()
        runs = [out_of_fold(counts[rows["index"].to_list()], truth, seed) for seed in range(FLOOR_REPEATS)]
        found[name] = {
            key: round(float(np.mean([score(truth, one) for one in runs])), 4)
            for key, score in (("accuracy", accuracy_score), ("macro_f1", partial(f1_score, average="macro")))
        }
    return found


def show(found: Mapping[str, Any], console: Console) -> None:
    """Print the table of each tag, and the floor."""
    for tag, one in found["tags"].items():
        table = Table(title=f"{tag}, {one['households']} households", title_justify="left")
        for heading in ("reader", "accuracy", "macro-F1"):
            table.add_column(heading, justify="left" if heading == "reader" else "right")
        for reader, numbers in one["readers"].items():
            table.add_row(reader, _cell(numbers["accuracy"]), _cell(numbers["macro_f1"]))
        table.add_section()
        for ours, less in one["minus_lr"].items():
            table.add_row(f"{ours} − {BALANCED}", _cell(less["accuracy"], "+"), _cell(less["macro_f1"], "+"))
        console.print(table)
    table = Table(title="the floor: classes as the demographics have them", title_justify="left")
    for heading in ("column", "accuracy", "macro-F1"):
        table.add_column(heading)
    for name, numbers in found["floor"].items():
        table.add_row(name, f"{numbers['accuracy']:.3f}", f"{numbers['macro_f1']:.3f}")
    console.print(table)


def _cell(number: Mapping[str, Any], sign: str = "") -> str:
    low, high = number["interval"]
    return f"{number['value']:{sign}.3f} [{low:{sign}.3f}, {high:{sign}.3f}]"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folds", type=int, default=5, help="the first so many of the recipe's folds")
    parser.add_argument("--out", type=Path, default=Path("runs/journey"))
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="fields of the recipe")
    arguments = parser.parse_args()
    reporter = Reporter(Console(stderr=True))
    recipe, together = run_folds(arguments.overrides, arguments.folds, arguments.out, reporter)
    first = arguments.out / "fold0"
    found = {
        "folds": arguments.folds,
        "tags": measured(together, load_gold(first)),
        "floor": floor(recipe, first),
    }
    write_json(arguments.out / "journey.json", found)
    if arguments.json:
        print(json.dumps(found))
    else:
        show(found, Console())


if __name__ == "__main__":
    main()
