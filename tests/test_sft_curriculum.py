"""Curriculum data: bands by agreement, and what goes into which stage."""

from collections import Counter
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import polars as pl
import pytest

from lm.answers import Answer, parse_answer
from records.config import AnswerConfig
from records.history import HistoryLine, SemanticHistory
from records.prompt import COMPOSITE_TASK, TAGS_TASK
from records.sft import SFTStageConfig
from records.tags import TAG, TAG_NAMES, GoldTag
from rewards.claims import read_claims
from sft.curriculum import build_stage, unasked_lessons
from sft.lessons import Lesson, read_lessons, write_lessons

USERS = tuple(f"u{number}" for number in range(6))
CITIES = ("Lyon", "Oslo", "Turin")
STANDARD = TAG_NAMES[:8]
CONTROVERSIAL = TAG_NAMES[8:12]


def _gold_tag(user: int, name: str) -> GoldTag:
    values = TAG[name].values or CITIES
    return GoldTag(
        user_id=USERS[user],
        tag=name,
        values=() if name == "pet" else (values[user % len(values)],),
        event_ids=("e1", "e2") if name == "gender" else ("e3",),
        difficulty="implicit" if name in CONTROVERSIAL else "explicit",
    )


GOLD = {user: {name: _gold_tag(i, name) for name in TAG_NAMES} for i, user in enumerate(USERS)}
HISTORIES = {
    user: SemanticHistory(
        user_id=user,
        lines=(
            HistoryLine(number=1, text="#1 a", event_ids=("e1",)),
            HistoryLine(number=2, text="#2 b", event_ids=("e1", "e2")),
            HistoryLine(number=3, text="#3 c", event_ids=("e3",)),
        ),
    )
    for user in USERS
}
BANDS = pl.DataFrame(
    [
        (
            user,
            name,
            "standard" if name in STANDARD else "controversial" if name in CONTROVERSIAL else "dropped",
        )
        for user in USERS
        for name in TAG_NAMES
    ],
    schema=["user_id", "tag", "band"],
    orient="row",
)
REPLAY = [
    Lesson(first_line=1, lines=2, user_id="old", task=TAGS_TASK, tags=("pet",), answer=str(number))
    for number in range(5)
]


def _build(
    stage: int,
    examples: int = 60,
    composite: float = 0.0,
    replay_share: float = 0.0,
    replay: list[Lesson] | None = None,
    seed: int = 5,
    silence: float = 0.0,
    questions: int = 1,
    stage2_tags: str = "mixed",
) -> list[Lesson]:
    config = SFTStageConfig(
        examples=examples, composite_share=composite, replay_share=replay_share, questions=questions
    )
    return build_stage(
        stage,
        config,
        BANDS,
        HISTORIES,
        GOLD,
        AnswerConfig(),
        replay or [],
        stage2_tags=stage2_tags,
        teacher_silence=silence,
        seed=seed,
    )


def test_stage_1_asks_for_standard_tags_only() -> None:
    lessons = _build(1)
    assert len(lessons) == 60
    assert {lesson.task for lesson in lessons} == {TAGS_TASK}
    for lesson in lessons:
        assert lesson.tags
        assert set(lesson.tags) <= set(STANDARD)
        assert lesson.tags == tuple(name for name in TAG_NAMES if name in lesson.tags)
        # A random subset holds at least a third: ⌊8/3⌋ = 2.
        assert len(lesson.tags) >= 2
    assert len({lesson.tags for lesson in lessons}) > 5
    assert sum(lesson.tags == STANDARD for lesson in lessons) >= 15


def test_fewer_lessons_than_users_are_even_over_gender_and_age() -> None:
    many, few = [f"m{n}" for n in range(30)], [f"f{n}" for n in range(6)]
    gender = {user: replace(GOLD["u0"]["gender"], values=("male",)) for user in many}
    gender |= {user: replace(GOLD["u0"]["gender"], values=("female",)) for user in few}
    lessons = build_stage(
        1,
        SFTStageConfig(examples=10),
        pl.DataFrame({"user_id": many + few, "tag": "gender", "band": "standard"}),
        {user: replace(HISTORIES["u0"], user_id=user) for user in many + few},
        {user: GOLD["u0"] | {"gender": tag} for user, tag in gender.items()},
        AnswerConfig(),
        [],
        teacher_silence=0.0,
        seed=0,
    )
    assert Counter(lesson.user_id[0] for lesson in lessons) == {"m": 5, "f": 5}


def test_stage_2_contains_every_controversial_tag() -> None:
    lessons = _build(2)
    assert len(lessons) == 60
    for lesson in lessons:
        assert set(CONTROVERSIAL) <= set(lesson.tags) <= {*STANDARD, *CONTROVERSIAL}
    assert len({lesson.tags for lesson in lessons}) > 5


def test_stage_2_may_be_drawn_blindly_to_compare_with() -> None:
    mixed, blind = (_build(2, examples=120, stage2_tags=tags) for tags in ("mixed", "random"))
    # As many tags are asked for, whatever their band.
    sizes = [sum(len(lesson.tags) for lesson in lessons) / 120 for lessons in (mixed, blind)]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.1)
    assert not all(set(CONTROVERSIAL) <= set(lesson.tags) for lesson in blind)
    counts = Counter(name for lesson in blind for name in lesson.tags)
    assert set(counts) == {*STANDARD, *CONTROVERSIAL}
    assert max(counts.values()) < 1.5 * min(counts.values())


def test_stage_3_asks_for_all_that_survived_with_summaries_and_replay() -> None:
    lessons = _build(3, examples=200, composite=0.6, replay_share=0.1, replay=REPLAY)
    assert len(lessons) == 200
    replayed = [lesson for lesson in lessons if lesson.user_id == "old"]
    fresh = [lesson for lesson in lessons if lesson.user_id != "old"]
    # 200 · .1
    assert len(replayed) == 20
    assert set(replayed) <= set(REPLAY)
    assert {lesson.tags for lesson in fresh} == {STANDARD + CONTROVERSIAL}
    # 180 draws at .6: three deviations are ±.11.
    assert sum(lesson.task == COMPOSITE_TASK for lesson in fresh) / 180 == pytest.approx(0.6, abs=0.11)
    # Replay is mixed in, not appended.
    assert any(lesson.user_id == "old" for lesson in lessons[:100])
    assert any(lesson.user_id == "old" for lesson in lessons[100:])


@pytest.mark.parametrize("stage", [1, 3])
def test_several_questions_on_one_history_follow_each_other(stage: int) -> None:
    # A pass over six users; of three questions on a history, one that stands already is passed over.
    lessons = _build(stage, examples=12, composite=0.5, questions=3)
    blocks = [list(block) for _, block in groupby(lessons, key=lambda lesson: lesson.user_id)]
    assert len(lessons) == 12
    assert len(blocks) == len({block[0].user_id for block in blocks}) <= 6
    assert all(len(set(block)) == len(block) <= 3 for block in blocks)
    assert max(map(len, blocks)) == 3
    if stage == 3:
        asked = [{lesson.tags for lesson in block} for block in blocks]
        assert sum(STANDARD + CONTROVERSIAL in tags for tags in asked) >= len(blocks) - 1


def test_nothing_to_replay_leaves_the_count_as_asked() -> None:
    assert len(_build(3, replay_share=0.5)) == 60


def test_users_take_turns() -> None:
    counts = Counter(lesson.user_id for lesson in _build(1, examples=62))
    # 62 lessons over 6 users: 10 each, and two of them once more.
    assert sorted(counts.values()) == [10, 10, 10, 10, 11, 11]


def test_the_same_seed_gives_the_same_lessons() -> None:
    lessons = _build(3, composite=0.5, replay_share=0.2, replay=REPLAY)
    assert _build(3, composite=0.5, replay_share=0.2, replay=REPLAY) == lessons
    assert _build(3, composite=0.5, replay_share=0.2, replay=REPLAY, seed=6) != lessons


def test_a_silent_teacher_leaves_tags_out_of_the_summary_alone() -> None:
    def known_and_stated(silence: float) -> list[tuple[int, int]]:
        lessons = [x for x in _build(3, composite=1.0, silence=silence) if x.task == COMPOSITE_TASK]
        answers = [parse_answer(x.answer, tags=x.tags, summary=True, history_lines=9) for x in lessons]
        assert lessons
        return [
            (sum(1 for tag in a.tags.values() if tag.values), len(read_claims(a.summary_text)))
            for a in answers
            if isinstance(a, Answer)
        ]

    assert all(known == stated for known, stated in known_and_stated(0.0))
    silent = known_and_stated(0.5)
    assert all(1 <= stated <= known for known, stated in silent)
    assert any(stated < known for known, stated in silent)


def test_no_examples_no_lessons() -> None:
    assert _build(1, examples=0) == []


def test_a_user_without_known_tags_is_asked_for_no_summary() -> None:
    bands = pl.DataFrame({"user_id": ["u0"], "tag": ["pet"], "band": ["standard"]})
    config = SFTStageConfig(examples=8, composite_share=1.0)
    lessons = build_stage(3, config, bands, HISTORIES, GOLD, AnswerConfig(), [], teacher_silence=0.0, seed=0)
    assert {lesson.task for lesson in lessons} == {TAGS_TASK}


def test_a_lesson_teaches_only_values_whose_evidence_it_shows() -> None:
    interests = GoldTag(
        user_id="u0",
        tag="interests",
        values=("hiking", "cycling"),
        event_ids=("e1", "e3"),
        event_values=(0, 1),
        difficulty="explicit",
    )
    lessons = build_stage(
        1,
        SFTStageConfig(examples=20, window_lines=1),
        pl.DataFrame([("u0", "interests", "standard")], schema=["user_id", "tag", "band"], orient="row"),
        {"u0": HISTORIES["u0"]},
        {"u0": {**GOLD["u0"], "interests": interests}},
        AnswerConfig(),
        [],
        teacher_silence=0.0,
        seed=3,
    )
    # Lines 1 and 2 show e1 (hiking), line 3 shows e3 (cycling).
    values = {1: '["hiking"]', 2: '["hiking"]', 3: '["cycling"]'}
    assert {lesson.first_line for lesson in lessons} == {1, 2, 3}
    assert all(f'"value":{values[lesson.first_line]}' in lesson.answer for lesson in lessons)


@pytest.mark.parametrize(("window_lines", "asked"), [(0, {("pet", "gender")}), (3, {("pet",)})])
def test_what_a_whole_history_does_not_show_is_na_and_a_stretch_is_not_asked(
    window_lines: int, asked: set[tuple[str, ...]]
) -> None:
    hidden = GoldTag(user_id="u0", tag="gender", values=("female",), event_ids=("e9",), difficulty="explicit")
    shown = GoldTag(user_id="u0", tag="pet", values=("cat",), event_ids=("e1",), difficulty="explicit")
    lessons = build_stage(
        3,
        SFTStageConfig(examples=10, window_lines=window_lines),
        pl.DataFrame(
            [("u0", "gender", "standard"), ("u0", "pet", "standard")],
            schema=["user_id", "tag", "band"],
            orient="row",
        ),
        {"u0": HISTORIES["u0"]},
        {"u0": {**GOLD["u0"], "gender": hidden, "pet": shown}},
        AnswerConfig(),
        [],
        teacher_silence=0.0,
        seed=3,
    )
    assert {tuple(sorted(lesson.tags, reverse=True)) for lesson in lessons} == asked
    assert all(('"gender" NA' in lesson.answer) == ("gender" in lesson.tags) for lesson in lessons)


def test_windows_are_stretches_of_every_length_up_to_the_limit_and_keep_their_numbers() -> None:
    config = SFTStageConfig(examples=60, window_lines=2)
    lessons = build_stage(1, config, BANDS, HISTORIES, GOLD, AnswerConfig(), [], teacher_silence=0.0, seed=3)
    assert {(lesson.first_line, lesson.lines) for lesson in lessons} == {
        (1, 1),
        (2, 1),
        (3, 1),
        (1, 2),
        (2, 2),
    }
    assert HISTORIES["u0"].window(2, 2).text == "#2 b\n#3 c"
    assert not any('"lines":[1]' in lesson.answer for lesson in lessons if lesson.first_line > 1)


def test_lessons_survive_the_disk(tmp_path: Path) -> None:
    lessons = _build(3, examples=7, composite=0.5)
    write_lessons(tmp_path / "stage3.parquet", lessons)
    assert read_lessons(tmp_path / "stage3.parquet") == lessons


def test_each_stage_shows_other_stretches_of_users_without_labels() -> None:
    config = SFTStageConfig(unlabelled=20, window_lines=2)
    first, again, second = (
        unasked_lessons(stage, config, USERS, HISTORIES, AnswerConfig(), seed=0) for stage in (1, 1, 2)
    )
    assert first == again
    assert len(first) == len(second) == 20
    assert first != second
