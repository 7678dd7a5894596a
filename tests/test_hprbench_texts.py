"""Summaries beside the gold summary, worked by hand; the embeddings are the real ones."""

import math

import numpy as np
import pytest

from hprbench.intervals import share_of
from hprbench.overlap import sentence_bleu
from hprbench.texts import SUMMARY, bleu, gold_summary, judged, similarity
from lm.answers import Answer, Sentence, TagAnswer
from lm.sentences import SHIPPED
from records.tags import TAG_NAMES, GoldTag
from rewards.atomic import TagScorer
from rewards.case import Case, Opinion, no_opinion
from rewards.rule_judge import RuleJudge
from rewards.similarity import Embeddings
from rewards.summary import SummaryScorer

GOLD = {
    user: {
        tag: GoldTag(user_id=user, tag=tag, values=known.get(tag, ()), event_ids=(), difficulty="explicit")
        for tag in TAG_NAMES
    }
    for user, known in {"u": {"gender": ("female",), "pet": ("cat",)}, "nobody": {}}.items()
}
TRUE = "The user is a woman. The household has a cat."


def answer(text: str) -> Answer:
    return Answer(
        think="",
        tags={tag: TagAnswer(values=GOLD["u"][tag].values, lines=()) for tag in TAG_NAMES},
        summary=tuple(Sentence(text=f"{part}.", lines=()) for part in text.rstrip(".").split(". ")),
        dropped_citations=0,
    )


def test_smoothed_bleu() -> None:
    assert sentence_bleu(TRUE, TRUE) == pytest.approx(1.0)
    assert sentence_bleu("nothing alike", TRUE) == 0.0
    # "a cat sat" against "a cat lay down": unigrams 2/3; bigrams (1 + 1)/(2 + 1); trigrams (0 + 1)/(1 + 1);
    # no 4-gram: (0 + 1)/(0 + 1). Three words for four: exp(1 − 4/3).
    expected = math.exp(1 - 4 / 3) * (2 / 3 * 2 / 3 * 1 / 2 * 1) ** (1 / 4)
    assert sentence_bleu("A cat sat.", "a cat lay down") == pytest.approx(expected)


def test_the_gold_summary_speaks_of_what_is_known() -> None:
    assert gold_summary(GOLD, "u") == TRUE
    assert gold_summary(GOLD, "nobody") == ""


def test_a_malformed_answer_has_0_and_who_is_unknown_is_no_case() -> None:
    tally = bleu({"u": [answer(TRUE), None], "nobody": [answer("A dog.")]}, GOLD)
    assert tally.per_user() == pytest.approx({"u": 0.5})


def test_similarity_tells_near_from_far() -> None:
    embeddings = Embeddings(SHIPPED, {SUMMARY: 0.0})
    texts = {"same": TRUE, "near": "She is a woman who keeps a cat.", "far": "Stock prices fell on Monday."}
    gold = {user: GOLD["u"] for user in texts}
    found = similarity({user: [answer(text)] for user, text in texts.items()}, gold, embeddings).per_user()
    assert found["same"] == 1.0
    assert found["same"] > found["near"] > 0.5 > found["far"] + 0.2


def test_the_rule_judge_scores_summaries() -> None:
    weights = {"completeness": 1.0, "consistency": 0.0, "conciseness": 0.0, "aesthetics": 0.0}
    judge = SummaryScorer(RuleJudge(TagScorer()), weights)
    composites = {"u": [answer(TRUE), answer("The user is a woman."), None]}
    # Complete, half complete, malformed.
    assert judged(composites, GOLD, judge).per_user() == pytest.approx({"u": 1.5 / 3})


class Silent:
    """A judge that cannot tell."""

    def score(self, cases: list[Case]) -> list[Opinion]:
        return [no_opinion("timeout") for _ in cases]


def test_a_judge_that_fails_gives_no_zero() -> None:
    tally = judged({"u": [answer(TRUE)]}, GOLD, Silent())  # type: ignore[arg-type]
    assert share_of(tally, seed=0) is None
    assert not np.any(tally.cases_UG)
