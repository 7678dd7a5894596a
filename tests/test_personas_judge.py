"""Judges of personas: what is asked, what is read, what a model that is taken in cannot give away."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lm.chat import ChatReply
from records.induction import QualityConfig
from records.persona import Persona, PersonaSet, Statement
from rewards.personas.judge import Agreement, LLMJudge, RuleJudge, agreements, purity, refuted
from rewards.personas.judge_question import MAX_EVIDENCE, MAX_MEMORIES, MAX_STATEMENTS, question
from tests.chat_stand_in import Server
from tests.personas import made_up_user

TRUE, SUBJECT = made_up_user(1, personas=2)
SETS = [made_up_user(seed, personas=2) for seed in range(3)]


def reply(unsupported: Sequence[int] = (), false: Sequence[int] = (), coherence: Any = 5) -> str:
    return json.dumps({"unsupported": list(unsupported), "false": list(false), "coherence": coherence})


def free(*texts: str) -> Persona:
    """A persona described in other words than the grammar's."""
    said = tuple(Statement(text=text, memories=TRUE.personas[0].memories[:1]) for text in texts)
    return replace(TRUE.personas[0], description=said)


def only(persona: Persona) -> PersonaSet:
    return PersonaSet(user_id="u", personas=(persona,))


def test_the_question_is_bounded_and_holds_everything_as_data() -> None:
    _, long = made_up_user(3, personas=2, memories=300)
    mine = tuple(long.memories)[:200]
    said = tuple(Statement(text=f"{number} " + "x" * 999, memories=mine) for number in range(50))
    asked = question(Persona(label="<|im_end|>", description=said, memories=mine), long, 0)
    content = json.loads(asked.user)
    assert len(content["statements"]) == MAX_STATEMENTS
    assert {len(one["evidence"]) for one in content["statements"]} == {MAX_EVIDENCE}
    assert len(content["lines"]) == len(content["other_lines"]) == MAX_MEMORIES
    assert len(asked.user) < 50_000
    assert content["label"] == "<|im_end|>"
    assert "<" not in asked.user


@settings(deadline=None)
@given(st.text(min_size=1, max_size=100))
def test_no_statement_is_more_than_data(text: str) -> None:
    asked = question(free(text), SUBJECT, 0)
    assert json.loads(asked.user)["statements"][0]["text"] == text
    assert "<" not in asked.user


def test_statements_change_places_from_repeat_to_repeat() -> None:
    orders = {
        tuple(
            one["number"]
            for one in json.loads(question(TRUE.personas[0], SUBJECT, repeat).user)["statements"]
        )
        for repeat in range(5)
    }
    assert len(orders) > 1


def test_what_the_model_says_is_counted() -> None:
    # Two replies: one and two of four statements unsupported, mean 2.5 of 4; false none and one, 3.5 of 4;
    # grades 5 and 3 are 1 and .5.
    server = Server(reply([1], [], 5), reply([1, 2], [2], 3), again=True)
    judge = LLMJudge(server, QualityConfig(), repeats=2)
    (verdict,) = judge.judge([(only(free("A.", "B.", "C.", "D.")), SUBJECT)])
    assert (verdict.alignment, verdict.truthfulness, verdict.cohesion) == (2.5 / 4, 3.5 / 4, 0.75)
    assert [request.seed for request in server.requests] == [0, 1]
    assert judge.tally.stats() == {"judged": 1, "failed": {}, "agreement": None}


def test_few_statements_are_not_fully_told() -> None:
    (verdict,) = LLMJudge(Server(reply(), again=True), QualityConfig()).judge([(only(free("A.")), SUBJECT)])
    assert (verdict.alignment, verdict.truthfulness) == (1, pytest.approx(1 / 3))


def test_a_model_that_is_taken_in_gives_nothing_away() -> None:
    mine, other = TRUE.personas
    lie = Statement(text=f"Mostly {other.label}.", memories=mine.memories)
    again = (lie, *mine.description, mine.description[0])
    spoilt = replace(mine, description=again)
    unsupported, false = refuted(spoilt, SUBJECT)
    assert unsupported == false == {1, len(again)}
    (verdict,) = LLMJudge(Server(reply(), again=True), QualityConfig()).judge([(only(spoilt), SUBJECT)])
    assert verdict.alignment == verdict.truthfulness == pytest.approx(1 - 2 / len(again))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Fine!", "bad_json"),
        ("[]", "bad_json"),
        (reply(coherence=6), "schema"),
        (reply(coherence=True), "schema"),
        (reply([9]), "schema"),
        (reply([0]), "schema"),
        ('{"unsupported": [], "coherence": 3}', "schema"),
        (ChatReply(error="http_500: busy"), "http_500"),
        (ChatReply(error="budget"), "budget"),
    ],
)
def test_failures_are_named_and_never_a_zero(text: str | ChatReply, reason: str) -> None:
    judge = LLMJudge(Server(text, again=True), QualityConfig(), repeats=2)
    (verdict,) = judge.judge([(only(free("A.")), SUBJECT)])
    assert verdict.error.startswith(f"judge: {reason}")
    assert judge.tally.failed == {reason: 2}
    assert judge.tally.judged == 0


def test_a_reply_that_can_be_read_decides() -> None:
    judge = LLMJudge(Server("Fine!", reply(coherence=3), again=True), QualityConfig(), repeats=2)
    (verdict,) = judge.judge([(only(free("A.")), SUBJECT)])
    assert (verdict.error, verdict.cohesion) == ("", 0.5)


def test_invalid_sets_are_not_asked_about() -> None:
    server = Server(reply(), again=True)
    cases = [(PersonaSet(user_id="u", personas=(), error="no events"), SUBJECT), (only(free("A.")), SUBJECT)]
    verdicts = LLMJudge(server, QualityConfig()).judge(cases)
    assert [verdict.error for verdict in verdicts] == ["none: no events", ""]
    assert len(server.requests) == 1
    assert RuleJudge(QualityConfig()).judge(cases[:1])[0].error == "none: no events"


def test_rules_find_the_truth_good() -> None:
    for verdict in RuleJudge(QualityConfig()).judge(SETS):
        assert (verdict.cohesion, verdict.alignment) == (1, 1)
        assert verdict.truthfulness > 0.8
    mixed = Persona(label="All", description=(), memories=tuple(SUBJECT.memories))
    assert purity([mixed], SUBJECT) == 0.5  # two categories of twelve memories each


def test_versions_are_compared() -> None:
    found = agreements({"rules": [1, 2, 3, 4], "llm": [1, 2, 4, 3], "embedding": [4, float("nan"), 2, 1]})
    # One of six pairs is turned round; Spearman 1 - 6 x 2 / (4 x 15) = .8.
    assert found["rules", "llm"] == Agreement(
        sets=4, spearman=pytest.approx(0.8), same_order=pytest.approx(5 / 6)
    )
    assert found["rules", "embedding"] == Agreement(sets=3, spearman=pytest.approx(-1), same_order=0)
    assert set(found) == {("rules", "llm"), ("rules", "embedding"), ("llm", "embedding")}
