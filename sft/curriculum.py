"""Curriculum data: the lessons of the three stages, from the bands of tags.

The unit is (history, tag set). Stage 1 asks for standard tags, stage 2 for controversial ones beside some
standard, stage 3 for everything that survived, with a summary.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from records.config import AnswerConfig
from records.history import SemanticHistory
from records.prompt import COMPOSITE_TASK, TAGS_TASK
from records.sft import SFTStageConfig
from records.strata import evenly
from records.tags import GIVEN, TAG_NAMES, GoldTag
from sft.bands import CONTROVERSIAL, STANDARD, Gold
from sft.demonstration import gold_answer
from sft.lessons import Lesson, stretch
from sft.teachers import stated_tags

MIXED, RANDOM = "mixed", "random"
STAGE2_TAGS = (MIXED, RANDOM)
"""What stage 2 may ask for (`sft.stage2_tags`)."""

_BANDS = {1: {STANDARD}, 2: {CONTROVERSIAL}, 3: {STANDARD, CONTROVERSIAL}}


def build_stage(
    stage: int,
    config: SFTStageConfig,
    bands: pl.DataFrame,
    histories: Mapping[str, SemanticHistory],
    gold: Gold,
    answer: AnswerConfig,
    replay: Sequence[Lesson],
    *,
    stage2_tags: str = "mixed",
    teacher_silence: float,
    seed: int,
) -> list[Lesson]:
    """The lessons of one stage, in training order. Users take turns, and where there are fewer lessons than
    users, or more by a part, these are even over gender × age group.

    Lessons on one history (`questions`) follow each other. Where no tag of any user belongs to the stage
    there are none.
    """
    rng = np.random.default_rng([seed, stage])
    tags_of: dict[tuple[str, str], set[str]] = {}
    for user, tag, band in bands.select("user_id", "tag", "band").iter_rows():
        tags_of.setdefault((user, band), set()).add(tag)
    labelled = {user: gold[user] for user in bands["user_id"].unique()}
    replayed = round(config.examples * config.replay_share) if replay else 0
    blocks: list[Sequence[Lesson]] = []
    eligible = [band for band in bands["band"].unique() if band in _BANDS[stage]]
    drawn = -1
    # A pass over all users that finds nothing to teach is the last.
    while eligible and drawn < sum(map(len, blocks)) < config.examples - replayed:
        drawn = sum(map(len, blocks))
        for user in evenly(labelled, rng):
            standard = tags_of.get((user, STANDARD), set())
            controversial = tags_of.get((user, CONTROVERSIAL), set())
            shown = stretch(histories[user], config.window_lines, rng)
            asked: list[Lesson] = []
            for _ in range(config.questions):
                chosen = _choose(stage, stage2_tags, standard, controversial, rng, is_first=not asked)
                lesson = _lesson(shown, chosen, gold[user], config, answer, teacher_silence, rng)
                if lesson and lesson not in asked:
                    asked.append(lesson)
            blocks += [asked] if asked else []
    blocks = _first(blocks, config.examples - replayed)
    blocks += [[replay[int(i)]] for i in rng.integers(len(replay), size=replayed)] if replayed else []
    return [lesson for place in rng.permutation(len(blocks)) for lesson in blocks[int(place)]]


def unasked_lessons(
    stage: int,
    config: SFTStageConfig,
    users: Sequence[str],
    histories: Mapping[str, SemanticHistory],
    answer: AnswerConfig,
    *,
    seed: int,
) -> list[Lesson]:
    """A stage's `config.unlabelled` lessons on `users` of whom nothing is known, none where there are none.

    Nothing is asked: their histories are there to be learnt as text.
    """
    rng = np.random.default_rng([seed, len(_BANDS) + 2, stage])
    lessons = []
    for place in rng.integers(len(users), size=config.unlabelled) if users else ():
        shown = stretch(histories[users[int(place)]], config.window_lines, rng)
        lessons.append(
            Lesson(
                user_id=shown.user_id,
                first_line=shown.lines[0].number,
                lines=len(shown.lines),
                task=TAGS_TASK,
                tags=(),
                answer=gold_answer(shown, {}, (), TAGS_TASK, answer),
            )
        )
    return lessons


def _lesson(
    shown: SemanticHistory,
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
        first_line=shown.lines[0].number,
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
    stage2_tags: str,
    standard: set[str],
    controversial: set[str],
    rng: np.random.Generator,
    *,
    is_first: bool,
) -> tuple[str, ...]:
    """The tag set of one lesson, in the order of the tag table; `is_first` of those on one history."""
    if stage == 1:
        chosen = _some(standard, rng)
    elif stage == 2 and stage2_tags == MIXED:
        chosen = controversial | (_some(standard, rng) if controversial else set())
    elif stage == 2:
        drawn = rng.permutation(sorted(standard | controversial)).tolist()
        blind, rest = set(drawn[: len(controversial)]), set(drawn[len(controversial) :])
        chosen = blind | (_some(rest, rng) if blind else set())
    elif is_first:
        chosen = standard | controversial
    else:
        chosen = _some(standard | controversial, rng)
    return tuple(name for name in TAG_NAMES if name in chosen)


def _as_seen(label: GoldTag, history: SemanticHistory) -> GoldTag:
    """`label` with those of its values and events alone that `history` shows; one that is given holds for any
    stretch, as nobody knows what shows it."""
    if label.difficulty == GIVEN:
        return label
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
