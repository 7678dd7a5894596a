"""Lessons: what is asked and what is to be answered, in memory and on disk."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from records.files import written_whole
from records.history import SemanticHistory


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """One question and the text to learn as its answer.

    The history shown is the user's `lines` lines from number `first_line` on.
    """

    user_id: str
    first_line: int
    lines: int
    task: str
    tags: tuple[str, ...]
    answer: str


def stretch(history: SemanticHistory, most: int, rng: np.random.Generator) -> SemanticHistory:
    """A random stretch of at most `most` lines; all of them where that is 0."""
    count = len(history.lines)
    if most:
        count = int(rng.integers(min(count, most))) + 1
    return history.window(int(rng.integers(len(history.lines) - count + 1)) + 1, count)


LESSON_SCHEMA: dict[str, Any] = {
    "user_id": pl.String,
    "first_line": pl.Int64,
    "lines": pl.Int64,
    "task": pl.String,
    "tags": pl.List(pl.String),
    "answer": pl.String,
}
"""Columns of `sft/data/stageN.parquet`, one row a lesson."""


def write_lessons(path: Path, lessons: Sequence[Lesson]) -> None:
    """Write lessons to Parquet, whole, one row each."""
    frame = pl.DataFrame(
        [(x.user_id, x.first_line, x.lines, x.task, list(x.tags), x.answer) for x in lessons],
        schema=LESSON_SCHEMA,
        orient="row",
    )
    with written_whole(path) as aside:
        frame.write_parquet(aside)


def read_lessons(path: Path) -> list[Lesson]:
    """Read what `write_lessons` wrote."""
    return [
        Lesson(user_id=user, first_line=first, lines=lines, task=task, tags=tuple(tags), answer=answer)
        for user, first, lines, task, tags, answer in pl.read_parquet(path).iter_rows()
    ]
