"""Format-only lessons: how an answer looks, and nothing that is true.

A network that starts from random weights writes nothing well formed, so the low-entropy filter has no base
model to ask, and the gain of a curriculum no control to be held against. A pilot trained on these lessons is
both. Every value is some other user's, and is reasoned from an entity of a line drawn at random.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from records.config import AnswerConfig
from records.history import SemanticHistory
from records.prompt import COMPOSITE_TASK, TAGS_TASK
from records.sft import SFTStageConfig
from records.tags import GIVEN, GoldTag, known_tags
from sft.bands import Gold
from sft.demonstration import gold_answer
from sft.lessons import Lesson, stretch

PILOT = 0
"""The pilot's place among the stages."""


def pilot_lessons(
    config: SFTStageConfig,
    users: Sequence[str],
    histories: Mapping[str, SemanticHistory],
    gold: Gold,
    answer: AnswerConfig,
    *,
    seed: int,
) -> list[Lesson]:
    """`config.examples` lessons on whole histories, or stretches of them; users take turns."""
    rng = np.random.default_rng([seed, PILOT])
    having = {
        tag: [user for user in users if tag in gold[user]]
        for tag in known_tags({user: gold[user] for user in users})
    }
    names = list(having)
    lessons: list[Lesson] = []
    while users and len(lessons) < config.examples:
        for index in rng.permutation(len(users)):
            shown = stretch(histories[users[int(index)]], config.window_lines, rng)
            drawn = np.sort(rng.permutation(len(names))[: int(rng.integers(1, len(names) + 1))])
            tags = tuple(names[int(place)] for place in drawn)
            labels = {name: _somebody_elses(name, having[name], gold, shown, rng) for name in tags}
            known = any(not label.is_na for label in labels.values())
            task = COMPOSITE_TASK if rng.random() < config.composite_share and known else TAGS_TASK
            lessons.append(
                Lesson(
                    user_id=shown.user_id,
                    first_line=shown.lines[0].number,
                    lines=len(shown.lines),
                    task=task,
                    tags=tags,
                    answer=gold_answer(shown, labels, tags, task, answer),
                )
            )
    return lessons[: config.examples]


def _somebody_elses(
    tag: str, users: Sequence[str], gold: Gold, shown: SemanticHistory, rng: np.random.Generator
) -> GoldTag:
    theirs = gold[users[int(rng.integers(len(users)))]][tag]
    line = shown.lines[int(rng.integers(len(shown.lines)))]
    is_given = theirs.difficulty == GIVEN
    return GoldTag(
        user_id=shown.user_id,
        tag=tag,
        values=theirs.values,
        event_ids=line.event_ids if theirs.values and not is_given else (),
        difficulty=GIVEN if is_given else "explicit",
    )
