"""Curriculum data: which tags of which users go into which stage.

The unit is (history, tag set) and agreement is counted per tag: of five samples from two teachers,
at least four that agree with the label make a tag *standard* (stage 1), one to three make it
*controversial* (stage 2, if a stronger teacher agrees), none drops it. Stage 3 asks for everything
that survived, with a summary.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from records.config import AnswerConfig, SFTConfig, SFTStageConfig
from records.files import written_whole
from records.history import SemanticHistory
from records.prompt import COMPOSITE_TASK, TAGS_TASK
from records.tags import TAG_NAMES, TAGS, GoldTag
from sft.demonstration import gold_answer
from sft.teachers import ProgramTeacher, stated_tags

SAMPLES = (3, 2)
"""Samples of the first and of the second teacher."""

STANDARD, CONTROVERSIAL, DROPPED = "standard", "controversial", "dropped"
_BANDS = {1: {STANDARD}, 2: {CONTROVERSIAL}, 3: {STANDARD, CONTROVERSIAL}}

Gold = Mapping[str, Mapping[str, GoldTag]]


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


def sort_tags(gold: Gold, users: Sequence[str], config: SFTConfig, seed: int) -> pl.DataFrame:
    """Agreement of the teachers with the label, one row a user and tag: `agree` of 5 and its `band`."""
    open_values = {
        tag.name: tuple(sorted({value for user in users for value in gold[user][tag.name].values}))
        for tag in TAGS
        if tag.is_open
    }
    teachers = (
        ProgramTeacher(name="first", error_rate=config.teacher_error, seed=seed),
        ProgramTeacher(name="second", error_rate=0.7 * config.teacher_error, seed=seed),
    )
    stronger = ProgramTeacher(name="stronger", error_rate=0.3 * config.teacher_error, seed=seed)
    rows = []
    for user in users:
        given = [
            teacher.answers(gold[user], open_values, samples)
            for teacher, samples in zip(teachers, SAMPLES, strict=True)
        ]
        second_opinion = stronger.answers(gold[user], open_values, 1)
        for name in TAG_NAMES:
            label = gold[user][name]
            agree = sum(values == label.values for answers in given for values in answers[name])
            band = STANDARD if agree >= 4 else DROPPED
            if 1 <= agree <= 3 and second_opinion[name][0] == label.values:
                band = CONTROVERSIAL
            rows.append((user, name, label.difficulty, agree, band))
    return pl.DataFrame(rows, schema=["user_id", "tag", "difficulty", "agree", "band"], orient="row")


def build_stage(
    stage: int,
    config: SFTStageConfig,
    bands: pl.DataFrame,
    histories: Mapping[str, SemanticHistory],
    gold: Gold,
    answer: AnswerConfig,
    replay: Sequence[Lesson],
    *,
    teacher_silence: float,
    seed: int,
) -> list[Lesson]:
    """The lessons of one stage, in training order; users take turns, so all are seen about equally often.

    Lessons on one history (`questions`) follow each other. Where no tag of any user belongs to the stage
    there are none.
    """
    rng = np.random.default_rng([seed, stage])
    tags_of: dict[tuple[str, str], set[str]] = {}
    for user, tag, band in bands.select("user_id", "tag", "band").iter_rows():
        tags_of.setdefault((user, band), set()).add(tag)
    users = sorted(bands["user_id"].unique())
    replayed = round(config.examples * config.replay_share) if replay else 0
    blocks: list[Sequence[Lesson]] = []
    eligible = [band for band in bands["band"].unique() if band in _BANDS[stage]]
    drawn = -1
    # A pass over all users that finds nothing to teach is the last.
    while eligible and drawn < sum(map(len, blocks)) < config.examples - replayed:
        drawn = sum(map(len, blocks))
        for index in rng.permutation(len(users)):
            user = users[int(index)]
            standard = tags_of.get((user, STANDARD), set())
            controversial = tags_of.get((user, CONTROVERSIAL), set())
            whole = histories[user]
            count = len(whole.lines)
            if config.window_lines:
                count = int(rng.integers(min(count, config.window_lines))) + 1
            first = int(rng.integers(len(whole.lines) - count + 1)) + 1
            shown = whole.window(first, count)
            asked: list[Lesson] = []
            for _ in range(config.questions):
                chosen = _choose(stage, standard, controversial, rng, is_first=not asked)
                lesson = _lesson(shown, first, chosen, gold[user], config, answer, teacher_silence, rng)
                if lesson and lesson not in asked:
                    asked.append(lesson)
            blocks += [asked] if asked else []
    blocks = _first(blocks, config.examples - replayed)
    blocks += [[replay[int(i)]] for i in rng.integers(len(replay), size=replayed)] if replayed else []
    return [lesson for place in rng.permutation(len(blocks)) for lesson in blocks[int(place)]]


def _lesson(
    shown: SemanticHistory,
    first_line: int,
    chosen: Sequence[str],
    gold: Mapping[str, GoldTag],
    config: SFTStageConfig,
    answer: AnswerConfig,
    teacher_silence: float,
    rng: np.random.Generator,
) -> Lesson | None:
    """A question about the `chosen` tags of a history, and its answer; None where nothing is asked."""
    seen = {name: _as_seen(gold[name], shown) for name in chosen}
    # A composite needs something to say: one sentence takes one known tag.
    known = [name for name in chosen if not seen[name].is_na]
    task = COMPOSITE_TASK if rng.random() < config.composite_share and known else TAGS_TASK
    # Known tags that the lines do not show are NA, which is what the lines say: passed over, they would teach
    # the model to skip tags of which it sees nothing, and a summary to speak of them. Only where short
    # stretches are asked for tags alone are they left out: most would be NA.
    tags = tuple(chosen)
    if config.window_lines and task == TAGS_TASK:
        tags = tuple(name for name in chosen if seen[name].is_na == gold[name].is_na)
    if not tags:
        return None
    stated = stated_tags(known, teacher_silence, rng) if task == COMPOSITE_TASK else ()
    return Lesson(
        user_id=shown.user_id,
        first_line=first_line,
        lines=len(shown.lines),
        task=task,
        tags=tags,
        answer=gold_answer(shown, seen, tags, task, answer, stated),
    )


def _first(blocks: Sequence[Sequence[Lesson]], count: int) -> list[Sequence[Lesson]]:
    """The first blocks with `count` lessons together; the last may lose some."""
    kept: list[Sequence[Lesson]] = []
    for block in blocks:
        room = count - sum(map(len, kept))
        if room > 0:
            kept.append(block[:room])
    return kept


def _choose(
    stage: int,
    standard: set[str],
    controversial: set[str],
    rng: np.random.Generator,
    *,
    is_first: bool,
) -> tuple[str, ...]:
    """The tag set of one lesson, in the order of the tag table; `is_first` of those on one history."""
    if stage == 1:
        chosen = _some(standard, rng)
    elif stage == 2:
        chosen = controversial | (_some(standard, rng) if controversial else set())
    elif is_first:
        chosen = standard | controversial
    else:
        chosen = _some(standard | controversial, rng)
    return tuple(name for name in TAG_NAMES if name in chosen)


def _as_seen(label: GoldTag, history: SemanticHistory) -> GoldTag:
    """`label` with those of its values and events alone that `history` shows."""
    shown = {event for line in history.lines for event in line.event_ids}.intersection(label.event_ids)
    values = tuple(value for value in label.values if shown.intersection(label.events_of(value)))
    places = label.event_values or (0,) * len(label.event_ids)
    kept = [
        (event, values.index(label.values[place]) if label.event_values else 0)
        for event, place in zip(label.event_ids, places, strict=True)
        if event in shown
    ]
    return replace(
        label,
        values=values,
        event_ids=tuple(event for event, _ in kept),
        event_values=tuple(place for _, place in kept) if label.event_values else (),
    )


def _some(tags: set[str], rng: np.random.Generator) -> set[str]:
    """All of `tags` half of the time, else a random subset of at least a third."""
    if rng.random() < 0.5 or len(tags) < 3:
        return tags
    count = int(rng.integers(len(tags) // 3, len(tags) + 1))
    return set(rng.permutation(sorted(tags))[:count].tolist())


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
