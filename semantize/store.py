"""The folder of a semantized log: what it was made with, and where its tables lie.

    settings.json, tokenizer.json            what all histories in it were made with
    knowledge.parquet                        the user's table of titles, where one was given
    entities.parquet                         a language model's (ENTITIES_SCHEMA), where one was asked
    .llm-cache/                              its answers: an interrupted run asks nothing twice
    generation-000/                          the first log; further ones are logs folded in later
        log.json                             its files, and the number of rows before them
        llm.json                             what came of asking the language model (first generation only)
        spill/                               rows on their way to their partition, until it is finished
        events-00000.parquet                 timelines of a partition's users (TIMELINE_SCHEMA)
        histories-00000.parquet              their histories (HISTORY_SCHEMA)
        users-00000.parquet                  what became of each user (as `budget.Fitted.users`)
        part-00000.json                      last: the partition is done
        quarantine.parquet                   rows set aside
        refused.json                         it was refused: another log may take this one's place
        summary.json                         last: the generation is finished

A generation holds its users whole: what older generations hold of the same users is void.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from records.errors import UserError
from records.events import HISTORY_SCHEMA
from records.files import read_json
from records.history import SemanticHistory, histories_of
from semantize.spill import partitions_of

SETTINGS, TOKENIZER, LOG, SUMMARY = "settings.json", "tokenizer.json", "log.json", "summary.json"
QUARANTINE, REFUSED, SPILL = "quarantine.parquet", "refused.json", "spill"
KNOWLEDGE, ENTITIES, LLM, REPLIES = "knowledge.parquet", "entities.parquet", "llm.json", ".llm-cache"


def generation_path(out: Path, generation: int) -> Path:
    """Where a generation lies."""
    return out / f"generation-{generation:03d}"


def table_path(out: Path, generation: int, table: str, partition: int) -> Path:
    """Where a partition's table (events, histories, users) of a generation lies."""
    return generation_path(out, generation) / f"{table}-{partition:05d}.parquet"


def settings_of(out: Path) -> dict[str, Any]:
    """What a folder was made with.

    Raises:
        UserError: it is no folder of a semantized log.
    """
    try:
        settings = read_json(out / SETTINGS)
        if isinstance(settings, dict) and "partitions" in settings:
            return settings
    except (OSError, ValueError):
        pass
    raise UserError(f"{out}: holds no semantized log; make one with `usergpt semantize run LOG --out {out}`")


def finished_generations(out: Path) -> list[int]:
    """Numbers of the generations that are finished, in order."""
    return sorted(int(note.parent.name.rpartition("-")[2]) for note in out.glob(f"generation-*/{SUMMARY}"))


def read_histories(out: Path) -> list[SemanticHistory]:
    """All histories of a finished folder, in the order of partitions and users.

    Raises:
        UserError: it is not finished.
    """
    return histories_of(live_table(out, "histories").select(list(HISTORY_SCHEMA)).collect())


def histories_of_user(out: Path, user: str) -> SemanticHistory:
    """The history of one user of a finished folder.

    Raises:
        UserError: there is no such user, or `out` is not finished.
    """
    found = histories_of(live_table(out, "histories", [user]).select(list(HISTORY_SCHEMA)).collect())
    if not found:
        near = live_table(out, "users").select(pl.col("user_id").first()).collect().item()
        raise UserError(f"{out}: no user {user!r}; there is {near!r}, for one")
    return found[0]


def live_table(out: Path, table: str, users: Sequence[str] | None = None) -> pl.LazyFrame:
    """Rows of a table (events, histories, users), of `users` only where given.

    Raises:
        UserError: `out` is not finished.
    """
    partitions = settings_of(out)["partitions"]
    generations = finished_generations(out)
    if not generations:
        raise UserError(f"{out}: is not finished; run `usergpt semantize run` again, it goes on")
    # Of nobody's partitions one, for its columns.
    wanted = range(partitions) if users is None else sorted({*partitions_of(users, partitions)}) or [0]
    frames = [live_partition(out, table, partition, generations, users) for partition in wanted]
    return pl.concat(frames)


def live_partition(
    out: Path, table: str, partition: int, generations: Sequence[int], users: Sequence[str] | None = None
) -> pl.LazyFrame:
    """Rows of a partition's table over `generations`, of each user those of the last that holds any."""
    found = [
        (number, path)
        for number in generations
        if (path := table_path(out, number, table, partition)).exists()
    ]
    if not found:  # nobody's partition: the columns of any other, without rows
        return (
            pl.scan_parquet(next(out.glob(f"generation-*/{table}-*.parquet")), glob=False)
            .head(0)
            .with_columns(pl.selectors.categorical().cast(pl.String))
        )
    frames = [
        pl.scan_parquet(path, glob=False).with_columns(generation=pl.lit(number)) for number, path in found
    ]
    frame = pl.concat(frames).with_columns(pl.selectors.categorical().cast(pl.String))
    if users is not None:
        frame = frame.filter(pl.col("user_id").is_in(list(users)))
    if len(found) > 1:
        frame = frame.filter(pl.col("generation") == pl.col("generation").max().over("user_id"))
    return frame.drop("generation").sort("user_id", maintain_order=True)
