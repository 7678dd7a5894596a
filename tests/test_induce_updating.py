"""Personas brought up to date: which memory joins which, what is told anew, and what stays as it was."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from induce.inducers import ClusterInducer
from induce.population import population_of
from induce.updating import Update, Updater, renumbered
from induce.vector_cache import Vectors
from records.induction import ClusterConfig
from records.persona import IntentMemory, Persona, PersonaSet, Statement
from tests.personas import memory
from tests.test_induce_inducers import BABY, TENTS, check, induce, inducer

BEFORE = BABY + TENTS
LAST = BEFORE[-1].number


def later(number: int, want: str, day: float, **fields: str) -> IntentMemory:
    return memory(number, [want], day, **{"category": "", **fields})


def updated(more: Sequence[IntentMemory], before: Sequence[IntentMemory] = BEFORE) -> Update:
    return Updater(inducer())(induce(before), before, [*before, *more])


def test_what_is_near_joins_and_the_persona_keeps_its_name() -> None:
    first = induce(BEFORE)
    found = updated([later(LAST + 1, "baby 99", 130, category="Baby")])
    assert (found.kept, found.changed, found.new, found.gone) == (1, 1, 0, 0)
    baby, tents = found.personas.personas
    assert baby.memories == (*range(1, 13), LAST + 1)
    assert baby.label == first.personas[0].label
    assert tents == first.personas[1]
    said = [statement.text for statement in baby.description]
    assert "Still so when last seen." in said
    assert "Last in 2026-03." not in said


def test_what_is_new_is_a_persona_more_and_strangers_are_in_none() -> None:
    wine = [later(LAST + n, f"wine {n}", 170 + n) for n in range(1, 4)]
    more = [*wine, later(LAST + 4, "opera 1", 180)]
    found = updated(more)
    assert (found.kept, found.new, found.gone) == (1, 1, 0)
    *_, added = found.personas.personas
    assert added.memories == tuple(range(LAST + 1, LAST + 4))
    assert added.label.startswith("wine")
    # The log goes on until June, so that tents of May are no longer "still going on".
    assert found.changed == 1
    check(found.personas, [*BEFORE, *more])


def test_an_interest_of_its_own_does_not_dissolve_in_a_broad_persona() -> None:
    def cosines(texts: Sequence[str]) -> Vectors:
        """Of two *old* texts .2, of two *new* ones .66, of one and the other .11; all else has nothing."""
        rows = np.zeros((len(texts), 64), dtype=np.float32)
        for row, (kind, _, number) in zip(rows, (text.partition(" ") for text in texts), strict=True):
            shared, own = {"old": (0.2**0.5, 0.0), "new": (0.25, 0.6**0.5)}.get(kind, (0.0, 0.0))
            row[:2] = shared, own
            row[2 + 20 * ["old", "new", "else"].index(kind) + int(number)] = (1 - shared**2 - own**2) ** 0.5
        return rows

    population = [[later(n, f"else {n}", n) for n in range(1, 20)]]
    one = ClusterInducer(ClusterConfig(least_share=0.05), cosines, population_of(population))

    def parts(old: int, new: int) -> list[int]:
        """How many memories the personas have, of a broad one of `old` and as many more."""
        first = [later(n, f"old {n % 20}", n) for n in range(1, old + 1)]
        more = [later(old + n, f"new {n}", old + n) for n in range(1, new + 1)]
        broad = Persona(label="all sorts", description=(), memories=tuple(range(1, old + 1)))
        found = Updater(one)(PersonaSet(user_id="u", personas=(broad,)), first, [*first, *more])
        return [len(persona.memories) for persona in found.personas.personas]

    assert parts(6, 6) == [6, 6]
    assert parts(60, 6) == [66]  # in one so large it would not have been split off either
    # One by one they are near enough to it: where they are too few to be a persona, they join.
    assert parts(6, 2) == [8]


def test_strangers_are_no_persona_together() -> None:
    more = [later(LAST + n, f"{kind} 1", 170 + n) for n, kind in enumerate(["opera", "wine", "zoo"], 1)]
    found = updated(more)
    assert found.new == 0
    assert sum(len(persona.memories) for persona in found.personas.personas) == len(BEFORE)


def test_what_is_not_embedded_joins_a_new_persona_by_its_names() -> None:
    wine = [later(LAST + n, f"wine {n % 3}", 170 + n) for n in range(1, 7)]
    named = memory(LAST + 7, ["wine 9", "wine 1"], 180, category="")
    one = inducer(config=replace(inducer().config, most_embedded=3))
    found = Updater(one)(induce(BEFORE), BEFORE, [*BEFORE, *wine, named]).personas.personas
    assert found[-1].memories == tuple(range(LAST + 1, LAST + 8))


def test_no_more_personas_than_there_is_room_for() -> None:
    more = [later(LAST + n, f"wine {n}", 120 + n) for n in range(1, 6)]
    more += [later(LAST + 5 + n, f"opera {n}", 130 + n) for n in range(1, 4)]
    one = inducer(config=replace(inducer().config, most_personas=3))
    found = Updater(one)(induce(BEFORE), BEFORE, [*BEFORE, *more])
    assert found.new == 1
    assert found.personas.personas[-1].memories == tuple(range(LAST + 1, LAST + 6))  # the larger one


def test_two_new_things_are_too_few() -> None:
    found = updated([later(LAST + n, f"wine {n}", 120 + n) for n in (1, 2)])
    assert found.new == 0
    assert len(found.personas.personas) == 2


def test_no_more_than_most_personas() -> None:
    wine = [later(LAST + n, f"wine {n}", 120 + n) for n in range(1, 5)]
    one = inducer(config=replace(inducer().config, most_personas=2))
    assert Updater(one)(induce(BEFORE), BEFORE, [*BEFORE, *wine]).new == 0


def test_nothing_new_changes_nothing() -> None:
    first = induce(BEFORE)
    found = updated([])
    assert (found.kept, found.changed, found.new, found.gone) == (2, 0, 0, 0)
    assert found.personas == first


def test_sentences_of_a_language_model_stay_with_what_they_cite() -> None:
    first = induce(BEFORE)
    free = Statement(text="A young family, it seems.", memories=(2, 3))
    baby = replace(
        first.personas[0], label="Young family", description=(free, *first.personas[0].description)
    )
    before = replace(first, personas=(baby, first.personas[1]))
    more = [*BEFORE, later(LAST + 1, "baby 99", 130, category="Baby")]
    found = Updater(inducer())(before, BEFORE, more).personas.personas[0]
    assert (found.label, found.description[0]) == ("Young family", free)
    assert len(found.description) > 1


def test_events_that_came_late_move_the_numbers() -> None:
    # A memory before all others: everything is numbered one higher.
    late = replace(later(1, "opera 1", -3), event_ids=("late",))
    moved = [replace(one, number=one.number + 1) for one in BEFORE]
    first = induce(BEFORE)
    found = Updater(inducer())(first, BEFORE, [late, *moved]).personas
    for before, after in zip(first.personas, found.personas, strict=True):
        assert after.memories == tuple(number + 1 for number in before.memories)
        assert after.description == tuple(
            replace(one, memories=tuple(number + 1 for number in one.memories)) for one in before.description
        )


def test_a_persona_whose_memories_all_became_noise_is_gone() -> None:
    now = [replace(one, noise="cancelled") if one in TENTS else one for one in BEFORE]
    found = Updater(inducer())(induce(BEFORE), BEFORE, now)
    assert (len(found.personas.personas), found.gone) == (1, 1)
    all_noise = [replace(one, noise="cancelled") for one in BEFORE]
    found = Updater(inducer())(induce(BEFORE), BEFORE, all_noise)
    assert (found.personas.error, found.gone) == ("all_noise", 2)


def test_who_had_none_is_induced() -> None:
    nobody = PersonaSet(user_id="u", personas=(), error="no_memories")
    found = Updater(inducer())(nobody, [], BABY)
    assert found.new == len(found.personas.personas) == 1


def test_memories_are_found_again_by_their_events() -> None:
    old = [replace(memory(1), event_ids=("a", "b", "c")), replace(memory(2), event_ids=("d",)), memory(3)]
    new = [
        replace(memory(1), event_ids=("x", "a")),
        replace(memory(2), event_ids=("b", "c", "d")),
        replace(memory(3), event_ids=("y",)),
    ]
    assert renumbered(old, new) == {1: 2, 2: 2}


@given(
    kinds=st.lists(st.sampled_from(["baby", "tent", "opera", "wine"]), max_size=20),
    cut=st.integers(0, 20),
    seed=st.integers(0, 9),
)
@settings(max_examples=60, deadline=None)
def test_an_update_is_a_proper_set(kinds: list[str], cut: int, seed: int) -> None:
    memories = [
        later(number, f"{kind} {number * (seed + 1) % 7}", 9 * number) for number, kind in enumerate(kinds, 1)
    ]
    old, one = memories[:cut], inducer()
    (before,) = one({"u": old})
    found = Updater(one)(before, old, memories)
    check(found.personas, memories)
    if before.personas:
        assert found.kept + found.changed + found.gone == len(before.personas)
        assert found.kept + found.changed + found.new == len(found.personas.personas)
        held = {number for persona in found.personas.personas for number in persona.memories}
        assert held >= {number for persona in before.personas for number in persona.memories}


def test_a_new_persona_does_not_take_a_name_that_stays() -> None:
    first = induce(BEFORE)
    wine = [later(LAST + n, f"wine {n}", 170 + n) for n in range(1, 4)]
    (*_, added) = Updater(inducer())(first, BEFORE, [*BEFORE, *wine]).personas.personas
    taken = replace(first, personas=(replace(first.personas[0], label=added.label), first.personas[1]))
    found = Updater(inducer())(taken, BEFORE, [*BEFORE, *wine]).personas
    assert [one.label for one in found.personas] == [
        added.label,
        first.personas[1].label,
        f"{added.label} (2)",
    ]


def test_a_user_who_has_outgrown_the_personas_is_induced_anew() -> None:
    first = [memory(1, ["baby 1"], 1)]
    before = induce(first)
    few = [memory(n, [f"baby {n}"], 30 * n) for n in range(2, 4)]
    found = Updater(inducer())(before, first, [*first, *few])
    assert found.gone == 0
    assert found.personas.personas[0].label == before.personas[0].label
    many = [memory(n, [f"baby {n}"], 30 * n) for n in range(2, 8)]
    found = Updater(inducer())(before, first, [*first, *many])
    assert found.personas == induce([*first, *many])
    assert (found.kept, found.changed, found.new, found.gone) == (0, 0, len(found.personas.personas), 1)
