"""Answers held against a user's memories: the total of a valid one, the reason of any other."""

from collections.abc import Sequence

import numpy as np
import pytest

from induce.answers import render_personas
from induce.population import population_of
from induce.scoring import PersonaCase, PersonaScorer
from induce.vector_cache import Vectors
from records.induction import InduceConfig
from records.persona import Persona, PersonaSet, Statement
from records.quality import QualityScore
from rewards.personas.subject import Subject, background_of
from rewards.personas.total import quality
from tests.induction import shown
from tests.personas import memory

MEMORIES = (memory(1, ["Milk"]), memory(2, ["Bib"], 9), memory(3, ["Saw"], 20, category="Tools"))
CASE = PersonaCase(memories=MEMORIES, lines=shown(list(MEMORIES)))
PERSONAS = (
    Persona(label="Baby", description=(Statement(text="Buys Milk.", memories=(1,)),), memories=(1, 2)),
    Persona(label="Tools", description=(Statement(text="Mostly Tools.", memories=(3,)),), memories=(3,)),
)
SET = PersonaSet(user_id="u", personas=PERSONAS)
POPULATION = population_of([MEMORIES, [memory(1, ["Cat Food"], category="Pets")]])


class Axes:
    """A unit vector along an axis of its own for every category; counts what it is asked."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, texts: Sequence[str]) -> Vectors:
        self.texts += texts
        axes = {"(Baby)": 0, "(Tools)": 1, "(Pets)": 2}
        return np.eye(3, dtype=np.float32)[[axes[text.rpartition(" ")[2]] for text in texts]]


def test_the_score_is_the_total_and_memories_are_embedded_once() -> None:
    embedder = Axes()
    scorer = PersonaScorer(InduceConfig(), embedder, POPULATION)
    answer = render_personas(SET, CASE.lines)
    background = background_of(np.eye(3)[[0, 0, 1, 2]])
    subject = Subject(MEMORIES, np.eye(3)[[0, 0, 1]], background_D=background)
    expected = quality(SET, subject, InduceConfig().quality)
    assert scorer.answered(answer, CASE) == expected
    assert scorer.score([answer, answer], CASE) == [QualityScore(quality=expected.total)] * 2
    assert expected.total > 0
    assert len(embedder.texts) == len(MEMORIES) + len(POPULATION.texts)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("no", "no_answer"),
        ('<answer>{"personas":[]}</answer>', "no_persona"),
        (render_personas(SET, CASE.lines).replace('"lines":[3]}]', '"lines":[]}]'), "no_evidence"),
    ],
)
def test_what_is_no_set_is_invalid(text: str, reason: str) -> None:
    scorer = PersonaScorer(InduceConfig(), Axes(), POPULATION)
    assert scorer.score([text], CASE) == [QualityScore(invalid=reason)]
    assert scorer.answered(text, CASE).total == 0


def test_a_user_without_memories_is_scored_too() -> None:
    scorer = PersonaScorer(InduceConfig(), Axes(), POPULATION)
    nobody = PersonaSet(user_id="v", personas=(), error="no_memories")
    assert scorer.quality(nobody, ()).error == "none: no_memories"
