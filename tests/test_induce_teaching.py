"""Teachers of persona sets: who teaches whom in which order, and what is left unsaid."""

from collections import Counter
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from induce.lines import memory_lines
from induce.population import population_of
from induce.scoring import PersonaCase, PersonaScorer
from induce.teaching import NO_LINES, drawn, silenced, teachers_of
from records.induction import InduceConfig
from records.persona import Persona, PersonaSet, Statement
from tests.induction import by_letter, counted
from tests.personas import memory

SAID = tuple(Statement(text=f"Buys Thing {number}.", memories=(1,)) for number in range(4))


def a_set(user: str, label: str, personas: int = 1) -> PersonaSet:
    one = Persona(label=label, description=SAID, memories=(1,))
    return PersonaSet(user_id=user, personas=(one,) * personas)


USERS = ["a", "b", "c", "d"]
SETS = [[a_set(user, teacher) for user in USERS] for teacher in ("narrow", "wide", "other")]


def test_every_teacher_teaches_every_user_once_in_as_many_epochs() -> None:
    found = list(drawn(SETS, 12, 0.0, seed=3))
    assert Counter((one.user_id, one.personas[0].label) for one in found) == {
        (user, teacher): 1 for user in USERS for teacher in ("narrow", "wide", "other")
    }
    for epoch in range(3):  # each user once, the teachers mixed
        some = found[4 * epoch : 4 * epoch + 4]
        assert sorted(one.user_id for one in some) == USERS
        assert len({one.personas[0].label for one in some}) == 3
    assert all(one.personas[0].description == SAID for one in found)


def test_the_draw_depends_on_the_seed_alone_and_goes_on() -> None:
    some, more = (list(drawn(SETS, count, 0.3, seed=1)) for count in (5, 12))
    assert more[:5] == some
    assert list(drawn(SETS, 5, 0.3, seed=2)) != some


def test_users_of_whom_nothing_was_found_are_passed_over() -> None:
    nothing = PersonaSet(user_id="b", personas=(), error="all_noise")
    sets = [[nothing if one.user_id == "b" else one for one in mine] for mine in SETS]
    assert {one.user_id for one in drawn(sets, 20, 0.0, seed=0)} == {"a", "c", "d"}
    assert list(drawn([[nothing]], 20, 0.0, seed=0)) == []


@given(rate=st.floats(0, 1), seed=st.integers(0, 99), personas=st.integers(0, 3))
def test_what_is_said_stays_in_order_and_is_never_nothing(rate: float, seed: int, personas: int) -> None:
    one = a_set("a", "x", personas)
    quiet = silenced(one, rate, np.random.default_rng(seed))
    assert len(quiet.personas) == personas
    for persona in quiet.personas:
        assert persona.description
        assert [said for said in SAID if said in persona.description] == list(persona.description)
        assert replace(persona, description=SAID) == one.personas[0]


def test_silence_is_as_frequent_as_asked_and_differs_from_set_to_set() -> None:
    counts = [len(one.personas[0].description) for one in islice(drawn(SETS, 2000, 0.25, seed=0), 2000)]
    # Of four sentences (1 − r)·4 stay, and the first instead of none: with r even on [0, .5] r⁴ = .0125.
    assert np.mean(counts) == pytest.approx(4 * 0.75 + 0.0125, abs=0.05)
    # Were r .25 for all, .32 of them would be whole; with r even on [0, .5] (1 − .5⁵) / (5 · .5) = .3875 are.
    assert np.mean(np.array(counts) == 4) == pytest.approx(0.3875, abs=0.04)


LOG = [
    *(memory(number, ["Saw"], number, category="Tools") for number in (1, 2)),
    *(memory(number, ["Milk"], number, category="Baby") for number in (3, 4)),
    memory(5, ["Melon"], 5, category="Food"),
]


def test_a_teacher_cuts_the_lines_and_another_takes_the_best_cut() -> None:
    scorer = PersonaScorer(InduceConfig(), by_letter, population_of([LOG]))
    teachers = teachers_of([1, 9], scorer)
    assert list(teachers) == ["cut 1", "cut 9", "best cut"]
    lines = memory_lines("u", LOG, 1000, counted, by_letter)
    nothing = memory_lines("v", LOG, 5, counted, by_letter)
    cases = {
        "u": PersonaCase(memories=tuple(LOG), lines=lines),
        "v": PersonaCase(memories=tuple(LOG), lines=nothing),
    }
    sets = {name: teacher(cases) for name, teacher in teachers.items()}
    assert [len(one.personas) for one in sets["cut 1"]] == [2, 0]
    assert all(one[1] == PersonaSet(user_id="v", personas=(), error=NO_LINES) for one in sets.values())
    assert [persona.memories for persona in sets["cut 1"][0].personas] == [(1, 2), (3, 4, 5)]
    totals = {name: scorer.quality(one[0], LOG).total for name, one in sets.items()}
    assert totals["best cut"] == max(totals.values()) > 0
    for one in sets["best cut"][0].personas:
        assert one.description
