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
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics import accuracy_score, f1_score

from hprbench.aggregates import aggregates
from hprbench.baselines import boosted_aggregates, majority, tfidf_lr
from hprbench.labels import label_table
from hprbench.metrics import RESAMPLES, TagPredictions, Values, is_correct, value_set
from hprbench.retention import out_of_fold
from launch.pipeline import Run, open_run, run_stages
from launch.progress import Reporter
from launch.recipe import load_recipe
from launch.stages.all import STAGES
from launch.stages.bench import load_benchmark, parse_generations
from launch.stages.data import load_events, load_gold, load_histories
from records.config import Recipe
from records.files import read_json, write_json
from records.history import HistoryLine, SemanticHistory
from records.prompt import TAGS_TASK
from records.tags import GoldTag, known_tags

RECIPE = Path("complete-journey")
OURS, BALANCED = "SFT", "TF-IDF + balanced LR"
FLOOR_COLUMNS = ("age", "marital_status", "income", "household_comp")
FLOOR_REPEATS = 5

Gold = Mapping[str, Mapping[str, GoldTag]]
Predictions = dict[str, dict[str, list[dict[str, Values] | None]]]
"""Reader → household → runs, each tag → values."""


def fold_predictions(run: Run) -> Predictions:
    """What each reader says of the benchmark's households of a finished run."""
    benchmark, splits = load_benchmark(run)
    gold, histories, seed = load_gold(run.directory), load_histories(run.directory), run.recipe.seed
    train, users = splits.sft, benchmark.users
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


def run_folds(
    recipe_words: Sequence[str], folds: int, out: Path, reporter: Reporter
) -> tuple[Recipe, Predictions]:
    """Run what is missing of each fold, and read the rest."""
    stages = [stage for stage in STAGES if stage.name != "report"]
    together: Predictions = {}
    for fold in range(folds):
        words = [
            f"name=fold{fold}",
            f"runs_dir={out}",
            f"log.fold={fold}",
            "bench.models=[sft]",
            *recipe_words,
        ]
        run = open_run(load_recipe(RECIPE, words), reporter)
        done = run.directory / "predictions.json"
        if not done.exists():
            reporter.say(f"fold {fold}")
            run_stages(run, stages)
            write_json(done, fold_predictions(run))
        for reader, said in read_json(done).items():
            together.setdefault(reader, {}).update(_tuples(said))
    return run.recipe, together


def _tuples(said: Mapping[str, Any]) -> dict[str, list[dict[str, Values] | None]]:
    return {
        user: [one and {tag: tuple(values) for tag, values in one.items()} for one in runs]
        for user, runs in said.items()
    }


def resampled(said: TagPredictions, gold: Gold, tag: str) -> NDArray[np.float64]:
    """Accuracy and macro-F1 (over values that gold or the reader names) of a tag, over all its runs.

    2 × (1 + RESAMPLES): first of the households as they are, then of households drawn with replacement, the
    same ones for every reader.
    """
    users = sorted(user for user in said if tag in gold[user])
    truth = {user: gold[user][tag].values for user in users}
    given = {user: [(run or {}).get(tag) for run in said[user]] for user in users}
    told = {
        user: [frozenset[str]() if one is None else value_set(tag, one) for one in given[user]]
        for user in users
    }
    held = {user: value_set(tag, truth[user]) for user in users}
    names = sorted({name for user in users for one in (held[user], *told[user]) for name in one})
    right_U = np.array(
        [np.mean([one is not None and is_correct(tag, one, truth[u]) for one in given[u]]) for u in users]
    )
    both_UV, size_UV = (
        np.array([[np.mean([weigh(name, one, held[u]) for one in told[u]]) for name in names] for u in users])
        for weigh in (
            lambda name, ours, theirs: float(name in ours and name in theirs),
            lambda name, ours, theirs: float(name in ours) + (name in theirs),
        )
    )
    drawn_BU = np.random.default_rng(0).multinomial(
        len(users), np.full(len(users), 1 / len(users)), RESAMPLES
    )
    weight_BU = np.vstack([np.ones(len(users)), drawn_BU])
    size_BV = weight_BU @ size_UV
    f1_BV = 2 * (weight_BU @ both_UV) / np.maximum(size_BV, 1e-9)
    counts_BV = size_BV > 0  # a value that no household drawn has, and none is said to have, has no F1
    return np.stack(
        [weight_BU @ right_U / len(users), (f1_BV * counts_BV).sum(axis=1) / counts_BV.sum(axis=1)]
    )


def measured(together: Predictions, gold: Gold) -> dict[str, Any]:
    """Tag → reader → accuracy and macro-F1 with intervals, and how ours differs from balanced LR."""
    gold = {user: gold[user] for user in together[OURS]}
    tags: dict[str, Any] = {}
    for tag in known_tags(gold):
        found = {reader: resampled(said, gold, tag) for reader, said in together.items()}
        tags[tag] = {
            "households": sum(tag in one for one in gold.values()),
            "readers": {reader: _told(one) for reader, one in found.items()},
            "ours_minus_lr": _told(found[OURS] - found[BALANCED]),
        }
    return tags


def _told(found: NDArray[np.float64]) -> dict[str, Any]:
    ends = np.percentile(found[:, 1:], [2.5, 97.5], axis=1).T
    return {
        name: {"value": round(float(row[0]), 4), "interval": [round(float(end), 4) for end in span]}
        for name, row, span in zip(("accuracy", "macro_f1"), found, ends, strict=True)
    }


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
        less = one["ours_minus_lr"]
        table.add_row(f"{OURS} − {BALANCED}", _cell(less["accuracy"], "+"), _cell(less["macro_f1"], "+"))
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
