"""What teachers say of labels: agreement counted per tag, and the band of the curriculum a tag falls in.

Of five samples from two teachers, at least four that agree with the label make a tag *standard* (stage 1),
one to three make it *controversial* (stage 2, if a stronger teacher agrees), none drops it. A tag that the
base model always gets right has nothing to teach and is *known*.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from records.tags import TAG, GoldTag, in_order
from sft.teachers import TagValues, Teacher

SAMPLES = (3, 2)
"""Samples of the first and of the second teacher."""

STANDARD, CONTROVERSIAL, DROPPED, KNOWN = "standard", "controversial", "dropped", "known"

Gold = Mapping[str, Mapping[str, GoldTag]]

TEACHER_SCHEMA: dict[str, Any] = {
    "user_id": pl.String,
    "tag": pl.String,
    "teacher": pl.String,
    "sample": pl.Int64,
    "values": pl.List(pl.String),
    "agrees": pl.Boolean,
}
"""Columns of `sft/labels/teachers.parquet`, a row a user, tag and sample; `values` is null where the answer
could not be read, and empty for NA."""

BAND_SCHEMA: dict[str, Any] = {
    "user_id": pl.String,
    "tag": pl.String,
    "difficulty": pl.String,
    "agree": pl.Int64,
    "band": pl.String,
}
"""Columns of `sft/labels/bands.parquet`, a row a user and tag; `agree` counts samples of SAMPLES."""

BASE_SCHEMA: dict[str, Any] = {
    "user_id": pl.String,
    "tag": pl.String,
    "samples": pl.Int64,
    "right": pl.Int64,
    "entropy": pl.Float64,
}
"""Columns of `sft/data/base.parquet`, a row a user and tag; `entropy` (nats) of the values given, malformed
answers being one more value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """The two teachers whose samples are counted, and the stronger one whose word decides controversies."""

    first: Teacher
    second: Teacher
    stronger: Teacher


def ask_teachers(gold: Gold, users: Sequence[str], staff: Staff) -> pl.DataFrame:
    """The answers of the staff on all tags of `users` (TEACHER_SCHEMA).

    The stronger teacher is asked about users with a controversial tag alone.
    """
    rows: list[tuple[Any, ...]] = []
    agree: dict[tuple[str, str], int] = {}
    for teacher, samples in zip((staff.first, staff.second), SAMPLES, strict=True):
        told = _rows(teacher, gold, users, samples)
        for user, tag, *_, agrees in told:
            agree[user, tag] = agree.get((user, tag), 0) + agrees
        rows += told
    torn = [user for user in users if any(_is_torn(agree[user, tag]) for tag in gold[user])]
    rows += _rows(staff.stronger, gold, torn, 1)
    return pl.DataFrame(rows, schema=TEACHER_SCHEMA, orient="row")


def band_tags(answers: pl.DataFrame, gold: Gold, users: Sequence[str], stronger: str) -> pl.DataFrame:
    """The band of every tag of `users` (BAND_SCHEMA) from the `answers` of `ask_teachers`."""
    agree: dict[tuple[str, str], int] = {}
    second_opinion: set[tuple[str, str]] = set()
    for user, tag, teacher, agrees in answers.select("user_id", "tag", "teacher", "agrees").iter_rows():
        if teacher != stronger:
            agree[user, tag] = agree.get((user, tag), 0) + agrees
        elif agrees:
            second_opinion.add((user, tag))
    rows = []
    for user in users:
        for tag in in_order(gold[user]):
            count = agree[user, tag]
            band = DROPPED
            if count > sum(SAMPLES) - 2:
                band = STANDARD
            elif _is_torn(count) and (user, tag) in second_opinion:
                band = CONTROVERSIAL
            rows.append((user, tag, gold[user][tag].difficulty, count, band))
    return pl.DataFrame(rows, schema=BAND_SCHEMA, orient="row")


def base_certainty(predictions: Mapping[str, Sequence[TagValues | None]], gold: Gold) -> pl.DataFrame:
    """How sure a base model is of each tag, from several answers a user (None: malformed)."""
    rows = []
    for user, runs in predictions.items():
        for tag in in_order(gold[user]):
            given = [None if run is None else _folded(tag, run.get(tag, ())) for run in runs]
            counts = np.array([given.count(value) for value in set(given)]) / len(given)
            right = given.count(_folded(tag, gold[user][tag].values))
            rows.append((user, tag, len(given), right, float(-(counts * np.log(counts)).sum())))
    return pl.DataFrame(rows, schema=BASE_SCHEMA, orient="row")


def without_known(bands: pl.DataFrame, base: pl.DataFrame) -> pl.DataFrame:
    """The low-entropy filter: `bands` where tags that the base model gets right in every sample are KNOWN."""
    is_known = base.select("user_id", "tag", known=pl.col("right") == pl.col("samples"))
    return bands.join(is_known, on=["user_id", "tag"], how="left", maintain_order="left").select(
        "user_id",
        "tag",
        "difficulty",
        "agree",
        band=pl.when(pl.col("known").fill_null(False)).then(pl.lit(KNOWN)).otherwise("band"),
    )


def _rows(teacher: Teacher, gold: Gold, users: Sequence[str], samples: int) -> list[tuple[Any, ...]]:
    return [
        (
            user,
            tag,
            teacher.name,
            number,
            None if answer is None else list(answer[tag]),
            answer is not None and same_values(tag, answer[tag], gold[user][tag].values),
        )
        for user, answers in zip(users, teacher.ask(users, samples), strict=True)
        for number, answer in enumerate(answers)
        for tag in in_order(gold[user])
    ]


def _is_torn(agree: int) -> bool:
    return 1 <= agree <= sum(SAMPLES) - 2


def same_values(tag: str, ours: Sequence[str], theirs: Sequence[str]) -> bool:
    """Whether two sets of values of a tag are the same: open ones without regard to case, lists to order."""
    return _folded(tag, ours) == _folded(tag, theirs)


def _folded(tag: str, values: Sequence[str]) -> tuple[str, ...]:
    folded = [value.casefold() for value in values] if TAG[tag].is_open else list(values)
    return tuple(sorted(folded))
