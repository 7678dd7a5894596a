"""The folder of induced personas: what it was made with, and where its tables lie.

    settings.json                  what all in it was made with
    log/                           the semantized log, where the input was none
    vectors/                       embeddings of memories' texts
    generation-000/                the log as it was first; further ones are what was folded in later
        log.json                   how many generations of the log it goes up to
        pauses-00000.json          pauses of a partition's users
        gap.json                   where sessions end (first generation alone)
        memories-00000.parquet     memories of a partition's users (MEMORY_SCHEMA)
        counts-00000.json          last of a partition: users, memories and noise
        population-00000.json      what a partition's users want (first generation alone)
        population.json            the same of all
        chunks.json                last of all partitions: which users are induced together
        personas-00000.parquet     persona sets of a chunk of users (PERSONA_SCHEMA)
        quality-00000.parquet      how good they are (QUALITY_SCHEMA)
        told-00000.jsonl           both for people: a line a user, with what supports each claim
        chunk-00000.json           last of a chunk: what came of it and what it took
        summary.json               last: the generation is finished
    personas.parquet, quality.parquet, personas.jsonl, personas.html     of all users, as they are now
    judged.parquet                 other versions of the qualities, a row a user that was judged

A generation holds its users whole: what older ones hold of the same users is void.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from induce.population import Population
from records.errors import UserError
from records.files import read_json, write_json
from records.persona import IntentMemory, memories_of
from semantize.store import SUMMARY, finished_generations, generation_path, table_path

__all__ = ["SUMMARY", "finished_generations", "generation_path", "table_path"]

SETTINGS, LOG, GAP, POPULATION, CHUNKS = (
    "settings.json",
    "log.json",
    "gap.json",
    "population.json",
    "chunks.json",
)
OWN_LOG, VECTORS = "log", "vectors"
PERSONAS, QUALITY, TOLD, PAGE = "personas.parquet", "quality.parquet", "personas.jsonl", "personas.html"
JUDGED = "judged.parquet"

QUALITY_SCHEMA: dict[str, pl.DataType] = {
    "user_id": pl.String(),
    "memories": pl.Int64(),
    "intents": pl.Int64(),
    "count": pl.Int64(),
    **{
        name: pl.Float64()
        for name in ("total", "cohesion", "alignment", "truthfulness", "coverage", "overlap")
    },
    "error": pl.String(),
}
"""Columns of `quality.parquet`, one row a user: memories, those that are no noise, personas, and the fields
of `rewards.personas.total.Quality`; `error` is why there are no personas, or why the set is not valid."""


def settings_of(out: Path) -> dict[str, Any]:
    """What a folder was made with.

    Raises:
        UserError: it is no folder of induced personas.
    """
    try:
        settings = read_json(out / SETTINGS)
        if isinstance(settings, dict) and "induce" in settings:
            return settings
    except (OSError, ValueError):
        pass
    raise UserError(f"{out}: holds no personas; make some with `usergpt induce LOG --out {out}`")


def log_of(out: Path) -> Path:
    """The semantized log behind a folder."""
    return Path(settings_of(out)["log"] or out / OWN_LOG)


def read_memories(
    out: Path, users: Sequence[str] | None = None, before: int | None = None
) -> dict[str, tuple[IntentMemory, ...]]:
    """Memories by user, all of a folder's or of `users`; of the generations before number `before`, if given.

    What a generation under way has is read too, so that memories can be had before personas are.
    """
    return memories_of(live(out, "memories", users, before).collect())


def live(
    out: Path, table: str, users: Sequence[str] | None = None, before: int | None = None
) -> pl.LazyFrame:
    """Rows of a table (memories, personas, quality): of each user those of the last generation that has any.

    Raises:
        UserError: there is no such table yet.
    """
    numbers = sorted(int(path.name.rpartition("-")[2]) for path in out.glob("generation-*"))
    frames: list[pl.LazyFrame] = []
    newer: set[str] = set()
    for number in reversed([one for one in numbers if before is None or one < before]):
        files = sorted(generation_path(out, number).glob(f"{table}-*.parquet"))
        if not files:
            continue
        frame = pl.concat([pl.scan_parquet(path, glob=False) for path in files])
        if users is not None:
            frame = frame.filter(pl.col("user_id").is_in(list(users)))
        frames.append(frame.filter(~pl.col("user_id").is_in(list(newer))) if newer else frame)
        if number:  # nobody asks whom the first one is newer than
            newer |= set(frame.select(pl.col("user_id").unique()).collect()["user_id"])
    if not frames:
        raise UserError(f"{out}: has no {table} yet; run `usergpt induce` again, it goes on")
    return pl.concat(frames[::-1])


def write_population(path: Path, population: Population) -> None:
    """Write a population, whole."""
    write_json(
        path,
        {
            "users": population.users,
            "names": dict(sorted(population.names.items())),
            "categories": dict(sorted(population.categories.items())),
            "texts": list(population.texts),
        },
    )


def read_population(path: Path) -> Population:
    """What `write_population` wrote."""
    saved = read_json(path)
    return Population(
        users=saved["users"],
        names=Counter(saved["names"]),
        categories=Counter(saved["categories"]),
        texts=tuple(saved["texts"]),
    )


def population_of_folder(out: Path) -> Population:
    """The population that the personas of a folder are told against: that of its first generation."""
    return read_population(generation_path(out, 0) / POPULATION)


def notes(path: Path, name: str) -> Iterator[dict[str, Any]]:
    """Notes of partitions or chunks of the generation at `path`, in order."""
    for note in sorted(path.glob(f"{name}-*.json")):
        yield read_json(note)
