"""Curriculum data: which tags of which users go into which stage.

The unit is (history, tag set) and agreement is counted per tag: of five samples from two teachers,
at least four that agree with the label make a tag *standard* (stage 1), one to three make it
*controversial* (stage 2, if a stronger teacher agrees), none drops it. Stage 3 asks for everything
that survived, with a summary.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from lm.answers import Answer, Sentence, TagAnswer, render_answer
from lm.phrases import sentences
from records.config import AnswerConfig, SFTConfig, SFTStageConfig
from records.files import written_whole
from records.history import SemanticHistory
from records.prompt import COMPOSITE_TASK, TAGS_TASK
from records.tags import TAG_NAMES, TAGS, GoldTag
from sft.teachers import ProgramTeacher

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
        tag.name: tuple(sorted({v for tags in gold.values() for v in tags[tag.name].values}))
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


def gold_answer(
    history: SemanticHistory,
    gold: Mapping[str, GoldTag],
    tags: Sequence[str],
    task: str,
    config: AnswerConfig,
) -> str:
    """The text of the true answer about `tags`, citing the lines that stand on gold evidence."""

    def cited(*names: str) -> tuple[int, ...]:
        events = tuple(event for name in names for event in gold[name].event_ids)
        return history.best_lines(events, config.max_citations)

    answer = Answer(
        think=reasoning(history, gold, tags),
        tags={name: TagAnswer(values=gold[name].values, lines=cited(name)) for name in tags},
        summary=tuple(
            Sentence(text=text, lines=cited(*names))
            for text, names in sentences({name: gold[name].values for name in tags}).values()
        )
        if task == COMPOSITE_TASK
        else (),
        dropped_citations=0,
    )
    return render_answer(answer, cite=config.cite)


def reasoning(history: SemanticHistory, gold: Mapping[str, GoldTag], tags: Sequence[str]) -> str:
    """For each tag with evidence in the history, what it rests on and what follows from it.

    Evidence first, conclusion next, answer last: which entity speaks of a tag is far easier to learn than
    the tag's value out of a whole history; the value follows from the entity, and the answer copies it.

    Example:
        "gender": Beard Oil=male,"pet": Cat Litter=cat
    """
    quotes = ((name, _quote(history, gold[name])) for name in tags)
    steps = [f'"{name}": {quote}={"+".join(gold[name].values)}' for name, quote in quotes if quote]
    return ",".join(steps) or "No evidence"


def _quote(history: SemanticHistory, label: GoldTag) -> str:
    """The entity most of the evidence stands behind (for a city, its name); empty without evidence."""
    evidence = frozenset(label.event_ids)
    counts: dict[str, int] = {}
    for line in history.lines:
        for entity, count in line.shown_for(evidence).items():
            counts[entity] = counts.get(entity, 0) + count
    if not counts or not label.values:
        return ""
    if label.tag == "home_city":
        return label.values[0]
    # An entity is log text: no bracket of it may be read as a tag of the answer.
    return max(sorted(counts), key=lambda entity: counts[entity]).translate({60: "‹", 62: "›"})


def build_stage(
    stage: int,
    config: SFTStageConfig,
    bands: pl.DataFrame,
    histories: Mapping[str, SemanticHistory],
    gold: Gold,
    answer: AnswerConfig,
    replay: Sequence[Lesson],
    seed: int,
) -> list[Lesson]:
    """The lessons of one stage, in training order; users take turns, so all are seen about equally often.

    Where no tag of any user belongs to the stage there are none.
    """
    rng = np.random.default_rng([seed, stage])
    tags_of: dict[tuple[str, str], set[str]] = {}
    for user, tag, band in bands.select("user_id", "tag", "band").iter_rows():
        tags_of.setdefault((user, band), set()).add(tag)
    users = sorted(bands["user_id"].unique())
    replayed = round(config.examples * config.replay_share) if replay else 0
    lessons: list[Lesson] = []
    eligible = [band for band in bands["band"].unique() if band in _BANDS[stage]]
    while eligible and len(lessons) < config.examples - replayed:
        for index in rng.permutation(len(users)):
            user = users[int(index)]
            standard = tags_of.get((user, STANDARD), set())
            controversial = tags_of.get((user, CONTROVERSIAL), set())
            whole = histories[user]
            count = min(len(whole.lines), config.window_lines or len(whole.lines))
            first = int(rng.integers(len(whole.lines) - count + 1)) + 1
            shown = whole.window(first, count)
            chosen = _choose(stage, standard, controversial, rng)
            tags = tuple(name for name in chosen if _is_decided(gold[user][name], shown))
            # A composite needs something to say: one sentence takes one known tag.
            sayable = any(not gold[user][tag].is_na for tag in tags)
            task = COMPOSITE_TASK if rng.random() < config.composite_share and sayable else TAGS_TASK
            if tags:
                text = gold_answer(shown, gold[user], tags, task, answer)
                lessons.append(
                    Lesson(user_id=user, first_line=first, lines=count, task=task, tags=tags, answer=text)
                )
    lessons = lessons[: config.examples - replayed]
    lessons += [replay[int(i)] for i in rng.integers(len(replay), size=replayed)] if replayed else []
    return [lessons[int(i)] for i in rng.permutation(len(lessons))]


def _choose(
    stage: int, standard: set[str], controversial: set[str], rng: np.random.Generator
) -> tuple[str, ...]:
    """The tag set of one lesson, in the order of the tag table."""
    if stage == 1:
        chosen = _some(standard, rng)
    elif stage == 2:
        chosen = controversial | (_some(standard, rng) if controversial else set())
    else:
        chosen = standard | controversial
    return tuple(name for name in TAG_NAMES if name in chosen)


def _is_decided(label: GoldTag, history: SemanticHistory) -> bool:
    """Whether `history` shows evidence for the tag's value, or the whole log has none.

    What the model cannot see it is not taught to guess.
    """
    return label.is_na or bool(history.lines_citing(label.event_ids))


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
