"""What induced sets of simulated users held out find of what these users are known to want."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table

from hprbench.recovery.controls import by_category, one_persona, shuffled, true_sides
from hprbench.recovery.table import read_truth, recovery_rows
from hprbench.recovery.truth import MemoryTruth, truth_of_memories
from induce.scoring import PersonaCase
from launch.pipeline import Run
from launch.stages.persona_bench import induced_path, persona_models
from launch.stages.persona_data import load_cases
from launch.stages.persona_report import CLUSTERS, WHOLE_LOG, offline_sets
from launch.stages.splits import load_splits
from records.persona import PersonaSet, persona_sets

MOST = 8
"""Personas of a set that knows the truth, at most."""

COLUMNS = {
    "personas": ("all", "personas"),
    "Rand: desires": ("desires", "rand"),
    "telling": ("telling", "rand"),
    "sides": ("sides", "rand"),
    "F1 telling": ("telling", "f1_by_size"),
    "together": ("telling", "together"),
    "by chance": ("telling", "by_chance"),
    "shared: Rand": ("shared", "rand"),
    "split": ("shared", "split"),
    "alone: Rand": ("alone", "rand"),
}
"""What is printed of the table, by heading; all of it is in the JSON."""


def recovery_of_runs(runs: Mapping[int, Run]) -> list[dict[str, Any]]:
    """Rows of every inducer (`hprbench.recovery.table.Row` as plain values), users of all seeds together.

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
    return [asdict(row) for name, found in sets.items() for row in recovery_rows(name, found, truth, seed=0)]


def _sets(
    run: Run, cases: Mapping[str, PersonaCase], truth: Mapping[str, tuple[MemoryTruth, ...]]
) -> dict[str, list[PersonaSet]]:
    """Sets of all inducers about the users of `cases`, and of some that know the `truth` or nothing."""
    whole = {user: case.memories for user, case in cases.items()}
    found = offline_sets(run, cases) | {"one persona": one_persona(whole)}
    found["clusters, dealt out by chance"] = shuffled(found[f"{CLUSTERS}, {WHOLE_LOG}"], seed=run.recipe.seed)
    found["a persona a category"] = by_category(whole)
    found[f"the {MOST - 1} largest true sides, and the rest"] = true_sides(truth, "sides", most=MOST)
    return found | {name: _induced(run, name) for name in persona_models(run)}


def _induced(run: Run, model: str) -> list[PersonaSet]:
    return persona_sets(pl.read_parquet(induced_path(run, model), glob=False))


def show_recovery(rows: Sequence[Mapping[str, Any]], console: Console) -> None:
    """Print the table."""
    found = {(row["inducer"], row["of"], row["metric"]): row["share"]["value"] for row in rows}
    table = Table(title="recovery of what simulated users want")
    for heading in ("inducer", *COLUMNS):
        table.add_column(heading, justify="left" if heading == "inducer" else "right")
    for name in dict.fromkeys(row["inducer"] for row in rows):
        values = [found.get((name, *key)) for key in COLUMNS.values()]
        table.add_row(name, *("–" if value is None else f"{value:.3f}" for value in values))
    console.print(table)
