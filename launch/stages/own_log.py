"""A log of one's own in the place of a simulation: what is said of its users, and who of them does what."""

from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from hprbench.build import deal_users, draw_apart
from hprbench.labels import read_labels
from hprbench.metrics import Gold
from launch.pipeline import Run
from launch.recipe import file_state
from launch.stages.splits import Splits
from records.config import Recipe
from records.errors import UserError
from records.events import GOLD_SCHEMA
from records.files import written_whole
from records.tags import known_tags
from semantize.folder import Job
from semantize.reading.mapping import load_mapping
from semantize.reading.readers import side_path
from semantize.reading.tables import find_files


def log_job(recipe: Recipe) -> Job:
    """How the recipe's log is read and semantized."""
    mapping = load_mapping(recipe.log.mapping) if recipe.log.mapping else None
    return Job(config=recipe.semantize, mapping=mapping)


def log_state(recipe: Recipe) -> list[Any]:
    """What tells that the log, its mapping or its labels were replaced; empty for a simulation."""
    if not recipe.log.input:
        return []
    mapping = log_job(recipe).mapping
    files = find_files(recipe.log.input, mapping.log if mapping else "")
    side = [side_path(recipe.log.input, files, mapping.join)] if mapping and mapping.join else []
    read = [str(path) for path in (*files, *side, recipe.log.labels)]
    return [asdict(mapping) if mapping else {}, *[(path, file_state(path)) for path in read]]


def write_labels(run: Run) -> None:
    """Labels of the log's users into `events/`, as a simulation writes its gold.

    Raises:
        UserError: as `read_labels`.
    """
    log, mapping = run.recipe.log, log_job(run.recipe).mapping
    column = mapping.columns.get("user_id", "user_id") if mapping else "user_id"
    labels = read_labels(Path(log.labels), column, log.tags)
    rows: list[tuple[Any, ...]] = [
        (user, tag, list(one.values), [], [], one.difficulty)
        for user, tags in labels.items()
        for tag, one in tags.items()
    ]
    with written_whole(run.directory / "events" / "gold-00000.parquet") as aside:
        pl.DataFrame(rows, schema=GOLD_SCHEMA, orient="row").write_parquet(aside)
    run.reporter.say(
        f"simulate: none, as there is a log; {len(rows):,} labels of {len(labels):,} users: "
        f"{', '.join(known_tags(labels))}"
    )


def split_log(recipe: Recipe, gold: Gold, users: Collection[str]) -> Splits:
    """The users of a log by purpose: one part of the labelled ones is the benchmark, with its share of every
    gender × age group; of the others probe and RL are drawn evenly over these.

    Raises:
        UserError: there are too few labelled users, or no such part.
    """
    labelled = {user: gold[user] for user in users if user in gold}
    parts = deal_users(labelled, recipe.bench.users, recipe.seed)
    if recipe.log.fold >= len(parts):
        raise UserError(
            f"log.fold={recipe.log.fold}: bench.users={recipe.bench.users} goes {len(parts)} times into the "
            f"{len(labelled)} labelled users of the log; choose 0 to {len(parts) - 1}"
        )
    bench = parts[recipe.log.fold]
    rest = {user: tags for user, tags in labelled.items() if user not in set(bench)}
    sizes = {"sft.probe_users": recipe.sft.probe_users, "sft.rl_users": recipe.sft.rl_users}
    if sum(sizes.values()) >= len(rest):
        raise UserError(
            f"sft.probe_users + sft.rl_users = {sum(sizes.values())} leave none of the {len(rest)} labelled "
            "users outside the benchmark to train on"
        )
    (probe, rl), left = draw_apart(rest, sizes, recipe.seed)
    return Splits(
        bench=tuple(bench),
        probe=tuple(sorted(probe)),
        rl=tuple(sorted(rl)),
        sft=tuple(sorted(left)),
        unlabelled=tuple(sorted(set(users) - labelled.keys())),
    )
