"""Lessons of format alone, and lessons held against the truth."""

from dataclasses import replace

import pytest

from lm.answers import Answer, Sentence, parse_answer, render_answer
from records.config import AnswerConfig
from records.history import HistoryLine, SemanticHistory
from records.prompt import COMPOSITE_TASK, TAGS_TASK
from records.sft import SFTStageConfig
from records.tags import GIVEN, TAG_NAMES, GoldTag
from sft.demonstration import gold_answer
from sft.lessons import Lesson
from sft.pilot import pilot_lessons
from sft.verification import fault_of, verified
from tests.test_sft_curriculum import GOLD, HISTORIES, USERS

SHOWN = {
    user: SemanticHistory(
        user_id=user,
        lines=tuple(
            HistoryLine(
                number=number,
                text=f"#{number} x",
                event_ids=(f"{user}{number}",),
                entities=((f"Thing {number}", 1),),
            )
            for number in range(1, 5)
        ),
    )
    for user in USERS
}


def lessons(examples: int = 200, window: int = 0, composite: float = 0.5, seed: int = 3) -> list[Lesson]:
    config = SFTStageConfig(examples=examples, window_lines=window, composite_share=composite)
    return pilot_lessons(config, USERS, SHOWN, GOLD, AnswerConfig(), seed=seed)


def read(lesson: Lesson) -> Answer:
    answer = parse_answer(
        lesson.answer, tags=lesson.tags, summary=lesson.task == COMPOSITE_TASK, history_lines=4
    )
    assert isinstance(answer, Answer)
    return answer


def test_a_pilot_learns_the_format_and_nothing_true() -> None:
    made = lessons()
    assert len(made) == 200
    assert {lesson.task for lesson in made} == {TAGS_TASK, COMPOSITE_TASK}
    assert len({lesson.tags for lesson in made}) > 100
    right = known = 0
    for lesson in made:
        for name, tag in read(lesson).tags.items():
            known += bool(tag.values)
            right += bool(tag.values) and tag.values == GOLD[lesson.user_id][name].values
            assert bool(tag.lines) == bool(tag.values)
    # Values are those of a random user: as often right as two users share one (home_city: 1/3, gender: 1/2).
    assert 0.1 < right / known < 0.45


def test_a_value_is_reasoned_from_a_line_that_is_shown() -> None:
    for lesson in lessons(window=2):
        shown = range(lesson.first_line, lesson.first_line + lesson.lines)
        assert 1 <= lesson.lines <= 2
        answer = read(lesson)
        for name, tag in answer.tags.items():
            assert all(line in shown for line in tag.lines)
            if name != "home_city":  # a city is reasoned from itself
                assert all(f'"{name}" Thing {line}=' in answer.think for line in tag.lines)


def test_the_same_seed_gives_the_same_lessons() -> None:
    assert lessons(seed=3) == lessons(seed=3) != lessons(seed=4)
    assert lessons(examples=0) == []
    assert pilot_lessons(SFTStageConfig(examples=3), [], SHOWN, GOLD, AnswerConfig(), seed=0) == []


TRUE = Lesson(
    user_id="u0",
    first_line=1,
    lines=3,
    task=COMPOSITE_TASK,
    tags=TAG_NAMES,
    answer=gold_answer(HISTORIES["u0"], GOLD["u0"], TAG_NAMES, COMPOSITE_TASK, AnswerConfig()),
)


def altered(**changes: object) -> str:
    answer = parse_answer(TRUE.answer, tags=TAG_NAMES, summary=True, history_lines=3)
    assert isinstance(answer, Answer)
    return render_answer(replace(answer, **changes))  # type: ignore[arg-type]


def answer() -> Answer:
    found = parse_answer(TRUE.answer, tags=TAG_NAMES, summary=True, history_lines=3)
    assert isinstance(found, Answer)
    return found


def with_tag(name: str, **changes: object) -> str:
    tag = replace(answer().tags[name], **changes)  # type: ignore[arg-type]
    return altered(tags={**answer().tags, name: tag})


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (TRUE.answer, ""),
        (TRUE.answer[:-9], "malformed"),
        (with_tag("gender", values=("male",)), "untrue"),
        (with_tag("gender", values=()), "summary"),  # true as far as it goes, but the summary says more
        (with_tag("gender", lines=(9,)), "citation"),
        (with_tag("pet", values=("cat",)), "untrue"),
        (altered(summary=(*answer().summary, Sentence(text="All is well.", lines=()))), "summary"),
        (altered(summary=(Sentence(text="The user is a man.", lines=()),)), "summary"),
        (altered(summary=answer().summary[:1]), ""),
    ],
)
def test_faults_have_names(text: str, fault: str) -> None:
    assert fault_of(replace(TRUE, answer=text), HISTORIES["u0"], GOLD["u0"]) == fault


def test_a_line_beyond_the_stretch_is_no_citation() -> None:
    lesson = replace(TRUE, first_line=2, lines=2)
    assert fault_of(lesson, HISTORIES["u0"], GOLD["u0"]) == "citation"


def test_lessons_that_fail_are_counted() -> None:
    wrong = replace(TRUE, answer=with_tag("gender", values=("male",)))
    sound, faults = verified([TRUE, wrong, TRUE, wrong], HISTORIES, GOLD)
    assert sound == [TRUE, TRUE]
    assert faults == {"untrue": 2}


def test_a_log_s_pilot_asks_for_known_tags_alone() -> None:
    def label(user: str, tag: str, value: str) -> GoldTag:
        return GoldTag(user_id=user, tag=tag, values=(value,), event_ids=(), difficulty=GIVEN)

    gold = {user: {"pet": label(user, "pet", "cat")} for user in USERS}
    gold[USERS[0]] |= {"gender": label(USERS[0], "gender", "male")}
    config = SFTStageConfig(examples=60)
    found = pilot_lessons(config, USERS, SHOWN, gold, AnswerConfig(), seed=3)
    assert {tag for lesson in found for tag in lesson.tags} == {"gender", "pet"}
    for lesson in found:
        answer = read(lesson)
        # Others' values: the one user whose gender is known lends it to all.
        assert {tag: one.values for tag, one in answer.tags.items()} == {
            tag: {"gender": ("male",), "pet": ("cat",)}[tag] for tag in lesson.tags
        }
        assert answer.think == ""
