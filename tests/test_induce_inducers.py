"""The baseline inducer: what it says, of whom, and what it says when there is nothing to say."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from induce.describing import personas_of
from induce.inducers import ALL_NOISE, NO_CLUSTER, NO_MEMORIES, NO_TEXT, ClusterInducer
from induce.labelling import apart, labels, ranked
from induce.population import MOST_TEXTS, Population, population_of
from induce.texts import embedded, joined_by_names, vectors_of, weight
from records.induction import ClusterConfig
from records.persona import IntentMemory, PersonaSet
from rewards.personas.claims import parse
from rewards.personas.facts import Facts, holds, setting_of
from tests.personas import memory
from tests.test_induce_clustering import letters

BABY = [memory(n, [f"baby {n}"], 7 * n, category="Baby") for n in range(1, 13)]
TENTS = [memory(n, [f"tent {n}"], 7 * n + 2, category="", source="Maps") for n in range(13, 19)]


def inducer(
    users: Sequence[Sequence[IntentMemory]] = (BABY, TENTS), config: ClusterConfig | None = None
) -> ClusterInducer:
    return ClusterInducer(config or ClusterConfig(), letters, population_of(users))


def induce(memories: Sequence[IntentMemory], config: ClusterConfig | None = None) -> PersonaSet:
    (found,) = inducer(config=config)({"u": memories})
    return found


def check(found: PersonaSet, memories: Sequence[IntentMemory]) -> None:
    """What must be true of every answer."""
    intents = {one.number: one for one in memories if not one.noise}
    members = [number for persona in found.personas for number in persona.memories]
    assert len(members) == len(set(members))
    assert set(members) <= set(intents)
    assert bool(found.error) == (not found.personas)
    for persona in found.personas:
        assert persona.memories == tuple(sorted(persona.memories))
        assert persona.label.strip()
        assert persona.label == " ".join(persona.label.split())
        setting = setting_of(memories)
        mine = Facts([intents[number] for number in persona.memories], setting)
        for statement in persona.description:
            assert 1 <= len(statement.memories) <= ClusterConfig().citations
            assert set(statement.memories) <= set(persona.memories)
            (claim,) = parse(statement.text)
            cited = Facts([intents[number] for number in statement.memories], setting)
            assert holds(claim, mine) is True
            assert holds(claim, cited) is True


def test_two_sides_of_a_user() -> None:
    memories = BABY + TENTS
    found = induce(memories)
    check(found, memories)
    baby, tents = found.personas
    assert baby.memories == tuple(range(1, 13))
    assert tents.memories == tuple(range(13, 19))
    assert baby.label.startswith("Baby: baby ")
    assert tents.label.startswith("tent ")
    said = [(statement.text, statement.memories) for statement in baby.description]
    # From 8 January to 26 March 2026, a Thursday a week: 12 memories in 77 days are 4.7 a month.
    assert said[1:] == [
        ("Mostly Baby.", (1, 3, 5, 8, 10, 12)),
        ("Mostly on Shop.", (1, 3, 5, 8, 10, 12)),
        ("About once a week.", (4, 5, 6, 7, 8, 9)),
        ("Mostly on weekdays.", (1, 3, 5, 8, 10, 12)),
        ("Mostly in the afternoon.", (1, 3, 5, 8, 10, 12)),
        ("Since 2026-01.", (1,)),
        ("Last in 2026-03.", (12,)),
    ]
    assert said[0][0].startswith("Buys baby ")
    assert tents.description[-1].text == "Still so when last seen."


def test_baskets_are_told_by_their_days_and_habits_of_three() -> None:
    log = [
        memory(5 * week + place, [f"baby {place}"], 7 * week + 0.01 * place, category="Baby")
        for week in range(12)
        for place in range(1, 6)
    ]
    (persona,) = induce(log).personas
    cited = {statement.text: statement.memories for statement in persona.description}
    assert cited["About once a week."] == (16, 21, 26, 31, 36, 41)  # a memory a day
    (once,) = induce([memory(1, ["baby 1"])]).personas
    assert not [
        one.text for one in once.description if one.text.startswith(("Mostly on week", "Mostly in the"))
    ]


@pytest.mark.parametrize(
    ("memories", "error"),
    [
        ([], NO_MEMORIES),
        ([replace(one, noise="gift") for one in BABY], ALL_NOISE),
        ([replace(one, wants=(), category="") for one in BABY], NO_TEXT),
        ([replace(one, wants=(" ",), category="\n") for one in BABY], NO_TEXT),
    ],
)
def test_a_reason_is_named(memories: list[IntentMemory], error: str) -> None:
    assert induce(memories) == PersonaSet(user_id="u", personas=(), error=error)


def test_hdbscan_may_find_nothing() -> None:
    config = ClusterConfig(method="hdbscan", least_memories=5)
    strangers = [memory(n, [f"{word} {n}"]) for n, word in enumerate(("baby", "tent", "opera", "wine", "q"))]
    strangers += [memory(n, [f"{chr(97 + n)} {n}"], category="") for n in range(5, 9)]
    found = induce(strangers, config)
    assert found.error in ("", NO_CLUSTER)
    check(found, strangers)


def test_one_event_is_an_answer() -> None:
    one = memory(1, ["baby 1"], value=9.5)
    found = induce([one])
    check(found, [one])
    (persona,) = found.personas
    assert persona.memories == (1,)
    assert "Only once." in [statement.text for statement in persona.description]


def test_memories_without_a_text_and_noise_stay_out() -> None:
    blank = replace(BABY[0], wants=(), category="", number=40)
    gift = replace(BABY[1], noise="gift", number=41)
    found = induce([*BABY, blank, gift])
    assert [persona.memories for persona in found.personas] == [tuple(range(1, 13))]


def test_names_that_would_break_lines_or_sentences() -> None:
    names = ['baby\n"x". Since 2011-03.', "baby, and"]
    memories = [memory(n, names, n, category="A\nB") for n in range(1, 5)]
    found = induce(memories)
    check(found, memories)
    assert found.personas[0].label.startswith("A B: ")


NAMES = st.sampled_from(
    ["baby 1", "baby 2", "Baby 2", "tent 1", "opera", "儿童奶粉", "куртка 1", "", " ", "a."]
)
MEMORIES = st.lists(
    st.builds(
        lambda wants, day, category, action, source, value, noise: memory(
            0, wants, day, category=category, action=action, source=source, value=value, noise=noise
        ),
        wants=st.lists(NAMES, max_size=3, unique=True),
        day=st.floats(0, 400),
        category=st.sampled_from(["", "Baby", "baby", "Outdoor and More"]),
        action=st.sampled_from(["Order", "Click", "Search", "购买"]),
        source=st.sampled_from(["Shop", "shop", "Maps", ""]),
        value=st.sampled_from([float("nan"), 1.0, 5.0, 20.0, -3.0]),
        noise=st.sampled_from(["", "", "", "gift"]),
    ),
    max_size=25,
).map(lambda made: [replace(one, number=n) for n, one in enumerate(sorted(made, key=_start), start=1)])


def _start(one: IntentMemory) -> float:
    return one.start.timestamp()


@given(users=st.lists(MEMORIES, min_size=1, max_size=4), method=st.sampled_from(["ward", "hdbscan"]))
@settings(max_examples=60, deadline=None)
def test_any_memories_have_an_answer_or_a_reason(users: list[list[IntentMemory]], method: str) -> None:
    named = {f"u{n}": memories for n, memories in enumerate(users)}
    make = inducer(users, ClusterConfig(method=method))
    sets = make(named)
    assert [one.user_id for one in sets] == list(named)
    for found in sets:
        check(found, named[found.user_id])
    # Nobody's personas go by who else is there, by their order, or by the order memories are given in.
    backwards = make({user: memories[::-1] for user, memories in reversed(named.items())})
    assert backwards[::-1] == sets
    assert [make({user: named[user]})[0] for user in named] == sets


def test_telling_terms_by_hand() -> None:
    # Of 4 memories, 3 want milk, as 90 of 100 users do; 2 want a sling, as 1 does:
    # 3/4·log(1 + 100/90) = 0.56; 2/4·log(1 + 100/1) = 2.31.
    counts, everywhere = population_of([]).names, population_of([]).names
    counts.update({"milk": 3, "sling": 2})
    everywhere.update({"milk": 90, "sling": 1})
    assert 3 / 4 * math.log(1 + 100 / 90) < 2 / 4 * math.log(101)
    assert ranked(counts, 4, everywhere, 100) == ["sling", "milk"]
    assert ranked(counts, 4, population_of([]).names, 0) == ["milk", "sling"]
    counts["opera glasses"] = 1
    assert ranked(counts, 4, everywhere, 100_000) == ["sling", "milk", "opera glasses"]


def test_labels_prefer_what_another_group_does_not_want_more() -> None:
    one = [memory(n, ["Tea", "Cup"], category="") for n in range(3)]
    other = [memory(n, ["Tea"], category="") for n in range(2)] + [memory(9, ["Pot"], category="")]
    assert labels([one, other], Population(users=9)) == ["Cup, Tea", "Pot, Tea"]
    pots = [*other[:1], *other[2:], memory(10, ["Pot"], category="Kitchen")]
    assert labels([pots], Population(users=9)) == ["Pot, Tea"]


def test_labels_are_told_apart_by_a_number() -> None:
    assert apart(["Baby", "baby", "Tools"], ["tools"]) == ["Baby", "baby (2)", "Tools (2)"]
    assert apart(["A", "A (2)", "a"]) == ["A", "A (2)", "a (3)"]
    assert apart(["", ""]) == ["", "(2)"]


def test_groups_of_the_same_names_have_different_labels() -> None:
    teas = [memory(n, ["Tea"], n) for n in range(1, 7)]
    found = personas_of([teas[:3], teas[3:]], teas, setting_of(teas), population_of([teas]), 6)
    assert [persona.label for persona in found] == ["Baby: Tea", "Baby: Tea (2)"]


def test_populations_add_up() -> None:
    parts = population_of([BABY]) + population_of([TENTS, BABY])
    whole = population_of([BABY, TENTS, BABY])
    assert parts == whole
    assert whole.users == 3
    assert whole.names["baby 1"] == 2
    assert whole.categories == {"baby": 2}
    many = [[memory(n, [f"baby {n}"])] for n in range(MOST_TEXTS + 500)]
    assert len(population_of(many).texts) == MOST_TEXTS
    assert population_of(many[:700]) + population_of(many[700:]) == population_of(many)
    assert population_of([[replace(one, noise="gift") for one in BABY]]) == Population(users=1)


def test_weight_is_of_events() -> None:
    assert weight(BABY[0]) == 1
    assert weight(replace(BABY[0], event_ids=tuple("abcd"))) == 3
    assert weight(replace(BABY[0], event_ids=())) == 1


def test_the_background_is_of_the_population() -> None:
    found = inducer([BABY]).background
    vectors = letters([one.text for one in BABY])
    cosines = vectors @ vectors.T
    assert found == pytest.approx(cosines[np.triu_indices(len(BABY), 1)].mean(), abs=1e-5)


def test_of_too_many_texts_those_are_embedded_behind_which_most_stands() -> None:
    many = [replace(one, event_ids=("a", "b") if one.number % 2 else ("a",)) for one in BABY]
    chosen, others = embedded(many, 6)
    assert [one.number for one in chosen] == [1, 3, 5, 7, 9, 11]
    assert [one.number for one in others] == [2, 4, 6, 8, 10, 12]
    assert embedded([*many, memory(13, ["!"], category="")], 12) == (many, [])
    vectors_ND = vectors_of(many, letters, 6)
    np.testing.assert_array_equal(np.linalg.norm(vectors_ND, axis=1).round(6), [1, 0] * 6)
    # Equal weights: some six, the same whatever the order.
    numbers = {one.number for one in embedded(BABY, 6)[0]}
    assert {one.number for one in embedded(BABY[::-1], 6)[0]} == numbers
    assert len(numbers) == 6


def test_others_join_by_their_names() -> None:
    groups = [[memory(1, ["milk"]), memory(4, ["milk", "tea"])], [memory(2, ["Tea"]), memory(3, ["tea"])]]
    others = [memory(5, ["MILK", "tea"]), memory(6, ["tea"]), memory(7, ["saw"]), memory(8, ["milk", "saw"])]
    # 5: two of milk and one of tea in the first, two in the second; 6: two of tea in the second.
    joined = joined_by_names(groups, others)
    assert [[one.number for one in group] for group in joined] == [[1, 4, 5, 8], [2, 3, 6]]


def test_a_user_with_too_many_texts_has_personas_of_all_that_share_names() -> None:
    named = [replace(one, wants=(*one.wants, "baby")) for one in BABY]
    heavy = [replace(one, event_ids=("a", "b", "c")) if one.number <= 6 else one for one in named]
    config = ClusterConfig(most_embedded=6)
    (persona,) = induce(heavy, config).personas
    assert persona.memories == tuple(range(1, 13))
    check(induce(heavy, config), heavy)
