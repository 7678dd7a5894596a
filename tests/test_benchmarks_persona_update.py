"""The measurement of updated personas: where logs are cut, and what is held against what."""

from dataclasses import replace

import polars as pl
import pytest

from benchmarks.inducers import simulated_events
from benchmarks.persona_update import agreement, compared, parts_of
from induce.population import population_of
from records.persona import Persona, PersonaSet
from tests.test_induce_clustering import letters
from tests.test_induce_inducers import BABY, TENTS


def persona_set(*memories: tuple[int, ...]) -> PersonaSet:
    personas = tuple(Persona(label="x", description=(), memories=held) for held in memories)
    return PersonaSet(user_id="u", personas=personas)


def test_agreement_is_of_what_both_hold() -> None:
    assert agreement(persona_set((1, 2, 3), (4, 5)), persona_set((4, 5, 9), (2, 3))) == 1.0
    # Two pairs against the other two: none in common, 2/3 by chance, so (0 − 2/3) / (2 − 2/3).
    assert agreement(persona_set((1, 2), (3, 4)), persona_set((1, 3), (2, 4))) == pytest.approx(-0.5)
    assert agreement(persona_set((1, 2)), persona_set((2, 3))) is None


def test_the_first_part_is_a_part_of_the_whole() -> None:
    timeline = simulated_events(3, 5)
    once = timeline.head(1).with_columns(user_id=pl.lit("once"))  # nothing comes after it
    old, whole = parts_of(pl.concat([timeline, once]), 0.7)
    assert old.keys() == whole.keys() - {"once"}
    for user, memories in old.items():
        events = {event for one in memories for event in one.event_ids}
        assert events < {event for one in whole[user] for event in one.event_ids}
        assert max(one.end for one in memories) < max(one.end for one in whole[user])


def test_what_is_new_is_told_by_both() -> None:
    wine = [replace(one, wants=(f"wine {n}",), category="") for n, one in enumerate(TENTS)]
    found = compared({"u": BABY}, {"u": [*BABY, *wine]}, population_of([BABY, TENTS]), letters, seed=1)
    assert found["users"] == 1
    assert found["counts"]["new"] == 1
    assert found["rows"]["updated"]["count"] == found["rows"]["anew"]["count"] == 2
    assert found["rand"] == 1.0
    assert found["difference"]["total"]["value"] == pytest.approx(0, abs=0.05)
