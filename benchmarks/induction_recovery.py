"""What induced sets of simulated users held out find of what these users are known to want."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table

from hprbench.intervals import Tally
from hprbench.recovery.controls import by_category, one_persona, shuffled, true_sides
from hprbench.recovery.table import Key, read_truth, recovery_differences, recovery_tallies, rows_of
from hprbench.recovery.truth import MemoryTruth, truth_of_memories
from induce.scoring import PersonaCase
from launch.pipeline import Run
from launch.stages.persona_bench import DPO_MODEL, SFT_MODEL, induced_path, persona_models
from launch.stages.persona_data import load_cases
from launch.stages.persona_report import CLUSTERS, PLAIN, SHOWN, WHOLE_LOG, offline_sets
from launch.stages.splits import load_splits
from records.persona import IntentMemory, PersonaSet, persona_sets

MOST = 8
"""Personas of a set that knows the truth, at most."""

SHUFFLED, BY_CATEGORY = "clusters, dealt out by chance", "a persona a category"
"""Controls."""

COLUMNS = {
    "personas": ("all", "personas"),
    "Rand: desires": ("desires", "rand"),
    "telling": ("telling", "rand"),
    "sides": ("sides", "rand"),
    "dimensions": ("dimensions", "rand"),
    "F1 telling": ("telling", "f1_by_size"),
    "together": ("telling", "together"),
    "by chance": ("telling", "by_chance"),
    "shared: Rand": ("shared", "rand"),
    "split": ("shared", "split"),
    "alone: Rand": ("alone", "rand"),
}
"""What is printed of the table, by heading; all rows are in the JSON."""

COMPARED = (
    (DPO_MODEL, SFT_MODEL),
    *((DPO_MODEL, f"{name}, {SHOWN}") for name in (PLAIN, CLUSTERS)),
    *((DPO_MODEL, f"{name}, {WHOLE_LOG}") for name in (PLAIN, CLUSTERS)),
)
"""Who is compared with whom."""


def recovery_of_runs(runs: Mapping[int, Run]) -> dict[str, Any]:
    """Users of all seeds together: `rows` of every inducer (`hprbench.recovery.table.Row` as plain values),
    and `questions`: question → what is compared, as in COLUMNS → paired difference, None where there is none.

    Models are shown some of a user's memories only, and the others are in no persona of theirs. Of their
    sets those count that they induce, as `usergpt induce` asks them.
    """
    sets: dict[str, list[PersonaSet]] = {}
    truth: dict[str, tuple[MemoryTruth, ...]] = {}
    for seed, run in runs.items():
        cases = load_cases(run, load_splits(run.directory).bench)
        memories = {user: case.memories for user, case in cases.items()}
        known = truth_of_memories(read_truth(run.directory / "events", memories), memories)
        truth |= {f"{seed}/{user}": mine for user, mine in known.items()}
        for name, found in _sets(run, cases, known).items():
            sets.setdefault(name, []).extend(replace(one, user_id=f"{seed}/{one.user_id}") for one in found)
    return recovery_of(sets, truth, [pair for pair in COMPARED if sets.keys() >= set(pair)])


def recovery_of(
    sets: Mapping[str, Sequence[PersonaSet]],
    truth: Mapping[str, Sequence[MemoryTruth]],
    compared: Sequence[tuple[str, str]],
) -> dict[str, Any]:
    """`rows` of every inducer in `sets` and `questions`, those `compared`, as `recovery_of_runs` has them."""
    tallies = {name: recovery_tallies(name, found, truth, seed=0) for name, found in sets.items()}
    return {
        "rows": [asdict(row) for name, mine in tallies.items() for row in rows_of(name, mine, seed=0)],
        "questions": {
            f"{better} − {worse}": _less(tallies[better], tallies[worse]) for better, worse in compared
        },
    }


def _less(better: Mapping[Key, Tally], worse: Mapping[Key, Tally]) -> dict[str, Any]:
    found = recovery_differences(better, worse, seed=0)
    return {
        heading: None if (one := found.get(key)) is None else asdict(one) for heading, key in COLUMNS.items()
    }


def _sets(
    run: Run, cases: Mapping[str, PersonaCase], truth: Mapping[str, tuple[MemoryTruth, ...]]
) -> dict[str, list[PersonaSet]]:
    """Sets of all inducers about the users of `cases`, and of some that know the `truth` or nothing."""
    whole = {user: case.memories for user, case in cases.items()}
    found = offline_sets(run, cases)
    found |= controls(found[f"{CLUSTERS}, {WHOLE_LOG}"], whole, truth, run.recipe.seed)
    return found | {name: _induced(run, name) for name in persona_models(run)}


def controls(
    clusters: Sequence[PersonaSet],
    memories: Mapping[str, Sequence[IntentMemory]],
    truth: Mapping[str, tuple[MemoryTruth, ...]],
    seed: int,
) -> dict[str, list[PersonaSet]]:
    """Sets that know nothing, the log's categories, or the truth."""
    return {
        "one persona": one_persona(memories),
        SHUFFLED: shuffled(clusters, seed=seed),
        BY_CATEGORY: by_category(memories),
        f"the {MOST - 1} largest true sides, and the rest": true_sides(truth, "sides", most=MOST),
    }


def _induced(run: Run, model: str) -> list[PersonaSet]:
    return persona_sets(pl.read_parquet(induced_path(run, model), glob=False))


def show_recovery(found: Mapping[str, Any], console: Console) -> None:
    """Print the tables."""
    rows = found["rows"]
    values = {(row["inducer"], row["of"], row["metric"]): row["share"]["value"] for row in rows}
    table = Table(
        title="recovery of what simulated users want: adjusted Rand and F1 on levels of sides; pairs of one "
        "side in one persona, and of any; shared accounts, and users alone with an invented person"
    )
    for heading in ("inducer", *COLUMNS):
        table.add_column(heading, justify="left" if heading == "inducer" else "right")
    for name in dict.fromkeys(row["inducer"] for row in rows):
        mine = [values.get((name, *key)) for key in COLUMNS.values()]
        table.add_row(name, *("–" if value is None else f"{value:.3f}" for value in mine))
    console.print(table)
    table = Table(title="differences, paired by user, with 95 % intervals")
    for question in ("", *found["questions"]):
        table.add_column(question)
    for heading in COLUMNS:
        table.add_row(heading, *(_difference(answer[heading]) for answer in found["questions"].values()))
    console.print(table)


def _difference(one: Mapping[str, Any] | None) -> str:
    if one is None:
        return "–"
    low, high = one["interval"]
    return f"{one['mean']:+.3f} [{low:+.3f}, {high:+.3f}]"
