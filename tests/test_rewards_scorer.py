"""From response to score: gates, sums, and failures that are no zeros."""

import math
from collections.abc import Mapping, Sequence

import pytest

from lm.answers import Answer, Sentence, TagAnswer, render_answer
from records.config import ScorerConfig
from records.prompt import COMPOSITE_TASK, TAGS_TASK, Prompt
from rewards.judge import RuleJudge
from rewards.scorer import failed_score, score_batch, score_response

JUDGE = RuleJudge(ScorerConfig().summary_weights)
GOLD = {"gender": ("female",), "pet": ()}


def _prompt(task: str) -> Prompt:
    return Prompt(
        prompt_id=f"u/{task}", user_id="u", task=task, tags=("gender", "pet"), history_lines=3, token_ids=(1,)
    )


def _text(gender: str, pet: str, *summary: str) -> str:
    return render_answer(
        Answer(
            think="t",
            tags={
                "gender": TagAnswer(values=(gender,) if gender else (), lines=(1,)),
                "pet": TagAnswer(values=(pet,) if pet else (), lines=()),
            },
            summary=tuple(Sentence(text=text, lines=(1,)) for text in summary),
            dropped_citations=0,
        )
    )


@pytest.mark.parametrize(
    ("text", "atomic"),
    [(_text("female", ""), 1.0), (_text("female", "cat"), 0.5), (_text("male", "cat"), 0.0)],
)
def test_tags_alone(text: str, atomic: float) -> None:
    score = score_response(_prompt(TAGS_TASK), text, GOLD, JUDGE)
    assert (score.format_ok, score.format_reason, score.error) == (True, "", "")
    assert (score.reward, score.atomic, score.summary) == (atomic, atomic, None)


def test_a_composite_adds_the_summary() -> None:
    text = _text("female", "cat", "The user is a woman.")
    score = score_response(_prompt(COMPOSITE_TASK), text, GOLD, JUDGE)
    # One of two tags; the summary states the one known tag, truly, in 5 words and good form.
    assert score.atomic == 0.5
    assert score.summary == pytest.approx(1.0)
    assert score.reward == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no_answer"),
        ("<think>t</think><answer>{", "truncated_json"),
        (_text("female", "") + "!", "extra_text"),
        ("<think>t</think><answer>{</answer>", "bad_json"),
        ("<think>t</think><answer>{}</answer>", "schema"),
    ],
)
@pytest.mark.parametrize(("task", "summary"), [(TAGS_TASK, None), (COMPOSITE_TASK, 0.0)])
def test_a_bad_format_earns_nothing(text: str, reason: str, task: str, summary: float | None) -> None:
    score = score_response(_prompt(task), text, GOLD, JUDGE)
    assert (score.format_ok, score.format_reason, score.error) == (False, reason, "")
    assert (score.reward, score.atomic, score.summary) == (0.0, 0.0, summary)


def test_the_task_decides_whether_a_summary_belongs() -> None:
    with_summary = _text("female", "", "The user is a woman.")
    assert score_response(_prompt(TAGS_TASK), with_summary, GOLD, JUDGE).format_reason == "schema"
    assert score_response(_prompt(COMPOSITE_TASK), _text("female", ""), GOLD, JUDGE).format_reason == "schema"


def test_a_scorer_that_raises_marks_an_error_and_spares_the_others() -> None:
    prompts = [_prompt(TAGS_TASK)] * 3
    good = _text("female", "")
    first, broken, last = score_batch(prompts, [good] * 3, [GOLD, {"gender": ()}, GOLD], JUDGE)
    assert first == last == score_response(prompts[0], good, GOLD, JUDGE)
    assert broken.error == "KeyError: 'pet'"
    # No number that a mean could swallow.
    assert math.isnan(broken.reward)
    assert math.isnan(broken.atomic)
    assert not broken.format_ok


def test_a_reward_that_is_no_number_is_an_error() -> None:
    class Undecided(RuleJudge):
        def judge(self, answer: Answer, gold: Mapping[str, Sequence[str]]) -> float:
            return math.nan

    text = _text("female", "", "The user is a woman.")
    (score,) = score_batch([_prompt(COMPOSITE_TASK)], [text], [GOLD], Undecided({"completeness": 1.0}))
    assert score.error == "the reward is nan"


def test_a_summary_answers_for_the_tags_asked_alone() -> None:
    text = _text("female", "", "The user is a woman.")
    known = {**GOLD, "home_city": ("Oslo",)}
    asked = score_response(_prompt(COMPOSITE_TASK), text, GOLD, JUDGE)
    assert score_response(_prompt(COMPOSITE_TASK), text, known, JUDGE) == asked


def test_a_failed_score_is_never_a_zero() -> None:
    score = failed_score("TimeoutError: judge")
    assert score.error == "TimeoutError: judge"
    assert math.isnan(score.reward)
    assert score.format_reason == ""
