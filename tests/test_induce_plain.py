"""The plain baseline: clusters by silhouette, samples and claims by hand, and an answer for any memories."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from induce.inducers import ALL_NOISE, NO_MEMORIES, NO_TEXT
from induce.plain import PlainInducer, most_frequent, sample
from induce.silhouette import silhouette_clusters
from records.induction import ClusterConfig
from records.persona import IntentMemory, PersonaSet
from rewards.personas.claims import parse, render
from rewards.personas.facts import Facts, holds, setting_of
from tests import induction
from tests.personas import memory
from tests.test_induce_clustering import letters

BABY = [memory(n, [f"baby {n}"], 7 * n, category="Baby") for n in range(1, 13)]
TENTS = [memory(n, [f"tent {n}"], 7 * n + 2, category="Camping") for n in range(13, 19)]


def induce(memories: Sequence[IntentMemory], config: ClusterConfig | None = None) -> PersonaSet:
    (found,) = PlainInducer(config or ClusterConfig(), letters)({"u": memories})
    return found


# clusters


def test_clusters_of_two_bundles_and_of_one() -> None:
    bundles = np.array([[1, 0.0], [1, 0.01], [0, 1], [0.01, 1]])
    assert silhouette_clusters(bundles, most=6).tolist() in ([0, 0, 1, 1], [1, 1, 0, 0])
    assert silhouette_clusters(np.ones((5, 2)), most=6).tolist() == [0] * 5
    assert silhouette_clusters(bundles[:2], most=6).tolist() == [0, 0]


def test_a_poor_silhouette_is_one_cluster() -> None:
    """Four corners of a square: either half has silhouette 1 − 1/((1 + √2)/2) = 0.172."""
    square = np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]])
    assert len(set(silhouette_clusters(square, most=2, floor=0.17).tolist())) == 2
    assert len(set(silhouette_clusters(square, most=2, floor=0.18).tolist())) == 1


def test_more_memories_than_are_clustered_join_the_nearest() -> None:
    """Six of 18 are clustered; the others are nearest to their like."""
    found = induce(BABY + TENTS, ClusterConfig(most_clustered=6, most_personas=2))
    assert [one.memories for one in found.personas] == [tuple(range(1, 13)), tuple(range(13, 19))]


def test_texts_that_are_not_embedded_join_by_their_names() -> None:
    """Baby things come in four texts, each three times, tents once each: of ten texts four are embedded."""
    often = [replace(one, wants=(f"baby {n % 4}",)) for n, one in enumerate(BABY)]
    stray = replace(TENTS[0], wants=("baby 1", "tent 1"), number=19)
    (found,) = induce([*often, *TENTS, stray], ClusterConfig(most_embedded=4, most_personas=1)).personas
    assert found.memories == (*range(1, 13), 19)
    assert set(found.description[0].memories) <= set(range(1, 13))


# samples


def test_a_sample_by_hand() -> None:
    """Centroid (2.8, 1.6)/3.225 = (.868, .496). Central: a, a .868; b .992 (.8·.868 + .6·.496); c .496.

    b is first. Then p·central − p·cos to b: a (.868 − .8)/2 = .034, c (.496 − .6)/2 = −.052: a.
    Then the other a: (.868 − 1)/2 = −.066; c: (.496 − max(.6, 0))/2 = −.052: c.
    """
    vectors = np.array([[1, 0], [1, 0], [0.8, 0.6], [0, 1]])
    assert sample(vectors, 3) == [2, 0, 3]
    assert sample(vectors, 1, prototypicality=1) == [2]
    assert sample(vectors, 9) == [2, 0, 3, 1]
    assert sample(np.array([[1.0, 0], [-1, 0]]), 2) == [0, 1]  # no centre
    assert sample(np.empty((0, 2)), 2) == []


@given(st.integers(0, 12), st.integers(1, 8), st.floats(0, 1), st.integers(0, 99))
def test_samples_are_of_the_cluster_and_nested(count: int, most: int, weight: float, seed: int) -> None:
    vectors = np.random.default_rng(seed).normal(size=(count, 3))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = sample(vectors, most, weight)
    assert len(found) == len(set(found)) == min(most, count)
    assert set(found) <= set(range(count))
    assert found == sample(vectors, most + 1, weight)[: len(found)]


# claims and personas


def test_what_is_most_frequent_by_hand() -> None:
    """Six tea and two pots of eight memories, weekly from 1 January 2026, a Thursday; six of eight are Tea.

    49 days are 8 · 30.44 / 49 = 5.0 memories a month: weekly. Spends of 1, 1, 1, 9 …: see the setting below.
    """
    teas = [memory(n, ["Tea", "Cup"] if n < 3 else ["Tea"], 7 * n, category="Tea", value=1) for n in range(6)]
    pots = [memory(n, ["Pot"], 7 * n, category="Pots", value=9) for n in range(6, 8)]
    rest = [memory(n, ["Car"], 7 * n, value=value) for n, value in enumerate((20.0, 50.0, 80.0), start=8)]
    setting = setting_of([*teas, *pots, *rest])
    said = render(most_frequent([*teas, *pots], setting))
    assert said == (
        "Buys Tea, Cup and Pot. Mostly Tea. Mostly on weekdays. Mostly in the afternoon. "
        "About once a week. Spends little each time."
    )


def test_two_sides_of_a_user() -> None:
    found = induce(BABY + TENTS, ClusterConfig(most_personas=2, citations=3))
    baby, tents = found.personas
    assert baby.memories == tuple(range(1, 13))
    assert tents.memories == tuple(range(13, 19))
    assert baby.label == "Baby: baby 1, baby 10"
    assert tents.label == "Camping: tent 13, tent 14"
    # Every statement rests on the same sample, whether that bears it out or not.
    (cited,) = {statement.memories for statement in baby.description}
    assert len(cited) == 3
    assert set(cited) <= set(baby.memories)
    assert [statement.text for statement in tents.description] == [
        "Buys tent 13, tent 14 and tent 15.",
        "Mostly Camping.",
        "Mostly on weekends.",  # two days after a Thursday
        "Mostly in the afternoon.",
        "About once a week.",
    ]


def test_claims_are_not_checked_against_what_is_cited() -> None:
    """Three cited weeks of twelve cannot show names that others hold: some claim fails on the evidence."""
    (baby,) = induce(BABY, ClusterConfig(citations=3, most_personas=1)).personas
    cited = [BABY[number - 1] for number in baby.description[0].memories]
    facts = Facts(cited, setting_of(BABY))
    assert not all(holds(parse(said.text)[0], facts) for said in baby.description)


@pytest.mark.parametrize(
    ("memories", "error"),
    [
        ([], NO_MEMORIES),
        ([replace(one, noise="gift") for one in BABY], ALL_NOISE),
        ([replace(one, wants=(), category="") for one in BABY], NO_TEXT),
    ],
)
def test_reasons(memories: list[IntentMemory], error: str) -> None:
    assert induce(memories) == PersonaSet(user_id="u", personas=(), error=error)


@given(users=st.lists(induction.memories(most=20), min_size=1, max_size=3))
@settings(max_examples=60, deadline=None)
def test_any_memories_have_an_answer_or_a_reason(users: list[list[IntentMemory]]) -> None:
    named = {f"u{n}": memories for n, memories in enumerate(users)}
    make = PlainInducer(ClusterConfig(most_clustered=8), letters)
    sets = make(named)
    for found, memories in zip(sets, users, strict=True):
        intents = {one.number: one for one in memories if not one.noise}
        members = [number for persona in found.personas for number in persona.memories]
        assert bool(found.error) == (not found.personas)
        assert len(members) == len(set(members))
        assert len({persona.label.casefold() for persona in found.personas}) == len(found.personas)
        assert set(members) <= set(intents)
        sizes = [len(persona.memories) for persona in found.personas]
        assert sizes == sorted(sizes, reverse=True)
        for persona in found.personas:
            assert persona.label == " ".join(persona.label.split()) != ""
            mine = Facts([intents[number] for number in persona.memories], setting_of(memories))
            for statement in persona.description:
                assert set(statement.memories) <= set(persona.memories)
                assert 1 <= len(statement.memories) <= ClusterConfig().citations
                (claim,) = parse(statement.text)
                assert holds(claim, mine) is True
    backwards = make({user: memories[::-1] for user, memories in reversed(named.items())})
    assert backwards[::-1] == sets
