"""From response to score: gates, sums, and failures that are no zeros."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from lm.answers import Answer, Sentence, TagAnswer, render_answer
from records.config import ScorerConfig
from records.prompt import COMPOSITE_TASK, TAGS_TASK, Prompt, Score
from rewards.answer_format import FormatScorer
from rewards.atomic import AtomicScorer, TagScorer
from rewards.case import Case, Opinion, no_opinion
from rewards.rule_judge import RuleJudge
from rewards.summary import SummaryScorer
from rewards.total import RewardModel, failed_score

TAG_SCORES = TagScorer()
MODEL = RewardModel(
    format=FormatScorer(),
    atomic=AtomicScorer(TAG_SCORES, {}),
    summary=SummaryScorer(RuleJudge(TAG_SCORES), ScorerConfig().summary_weights),
)
GOLD = {"gender": ("female",), "pet": ()}


def score_response(prompt: Prompt, text: str, gold: Mapping[str, Sequence[str]]) -> Score:
    (score,) = MODEL.score([prompt], [text], [gold])
    return score


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
    score = score_response(_prompt(TAGS_TASK), text, GOLD)
    assert (score.format_ok, score.format_reason, score.error) == (True, "", "")
    assert (score.reward, score.atomic, score.summary) == (atomic, atomic, None)


def test_a_composite_adds_the_summary() -> None:
    text = _text("female", "cat", "The user is a woman.")
    score = score_response(_prompt(COMPOSITE_TASK), text, GOLD)
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
    score = score_response(_prompt(task), text, GOLD)
    assert (score.format_ok, score.format_reason, score.error) == (False, reason, "")
    assert (score.reward, score.atomic, score.summary) == (0.0, 0.0, summary)


def test_the_task_decides_whether_a_summary_belongs() -> None:
    with_summary = _text("female", "", "The user is a woman.")
    assert score_response(_prompt(TAGS_TASK), with_summary, GOLD).format_reason == "schema"
    assert score_response(_prompt(COMPOSITE_TASK), _text("female", ""), GOLD).format_reason == "schema"


def test_a_response_without_truth_is_an_error_and_spares_the_others() -> None:
    prompts = [_prompt(TAGS_TASK)] * 3
    good = _text("female", "")
    first, broken, last = MODEL.score(prompts, [good] * 3, [GOLD, {"gender": ()}, GOLD])
    assert first == last == score_response(prompts[0], good, GOLD)
    assert broken.error == "KeyError: 'pet'"
    # No number that a mean could swallow.
    assert math.isnan(broken.reward)
    assert math.isnan(broken.atomic)
    assert not broken.format_ok


class Picky:
    """Fails a whole batch for one of its cases, in the way named."""

    def __init__(self, way: str) -> None:
        self.way = way

    def score(self, cases: Sequence[Case]) -> list[Opinion]:
        hurt = [case for case in cases if "cat" in str(case.answer)]
        if hurt and self.way == "raises":
            raise RuntimeError("no cats")
        if hurt and self.way == "forgets one":
            return [Opinion(value=0.5)] * (len(cases) - 1)
        said = {"is no number": Opinion(value=math.nan), "cannot tell": no_opinion("judge: timeout")}
        return [
            said.get(self.way, Opinion(value=0.5)) if case in hurt else Opinion(value=0.5) for case in cases
        ]


@pytest.mark.parametrize(
    ("way", "cause"),
    [
        ("raises", "RuntimeError: no cats"),
        ("forgets one", "0 opinions of one case"),
        ("is no number", "the value is nan"),
        ("cannot tell", "judge: timeout"),
    ],
)
@pytest.mark.parametrize("part", ["atomic", "summary", "format"])
def test_a_scorer_that_fails_marks_the_response_at_fault_alone(part: str, way: str, cause: str) -> None:
    texts = [_text("female", pet, "The user is a woman.") for pet in ("", "cat", "")]
    model = replace(MODEL, **{part: Picky(way)})
    first, hurt, last = model.score([_prompt(COMPOSITE_TASK)] * 3, texts, [GOLD] * 3)
    assert hurt.error == cause
    assert math.isnan(hurt.reward)
    assert first == last
    assert not first.error
    assert first.reward > 0


def test_saying_a_value_twice_costs() -> None:
    prompt = replace(_prompt(TAGS_TASK), tags=("interests",))
    texts = [
        f'<think>t</think><answer>{{"interests":{{"value":{json.dumps(said)}}}}}</answer>'
        for said in (["chess"], ["chess", "chess"])
    ]
    once, twice = MODEL.score([prompt] * 2, texts, [{"interests": ("chess",)}] * 2)
    # 2·1/(2+1): the second is a wrong one.
    assert (once.atomic, twice.atomic) == (1.0, pytest.approx(2 / 3))
    assert twice.reasons == ("tag:interests",)


def test_reasons_say_what_cost_reward() -> None:
    text = _text("male", "cat", "The household has a cat.")
    score = score_response(_prompt(COMPOSITE_TASK), text, GOLD)
    assert score.reasons == ("tag:gender", "tag:pet", "claim:pet")


def test_a_summary_answers_for_the_tags_asked_alone() -> None:
    text = _text("female", "", "The user is a woman, single.", "The place is Oslo as home.")
    for more in ({}, {"home_city": ("Oslo",)}, {"home_city": ("Rome",), "relationship": ()}):
        score = score_response(_prompt(COMPOSITE_TASK), text, GOLD | more)
        assert (score.reward, score.reasons) == (2.0, ())


def test_a_failed_score_is_never_a_zero() -> None:
    score = failed_score("TimeoutError: judge")
    assert score.error == "TimeoutError: judge"
    assert math.isnan(score.reward)
    assert score.format_reason == ""
