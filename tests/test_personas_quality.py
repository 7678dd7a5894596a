"""Quality of persona sets, each number worked by hand, and what must not pay."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from records.induction import QualityConfig
from records.persona import Persona, PersonaSet, Statement
from rewards.personas.alignment import alignment, alignment_by_embedding, supports
from rewards.personas.claims import Claim, render
from rewards.personas.cohesion import cohesion, margins
from rewards.personas.extras import coverage, likeness, overlap
from rewards.personas.subject import Subject, background_of, fault_of
from rewards.personas.total import quality, total
from rewards.personas.truthfulness import truth, truthfulness
from tests.personas import made_up_user, memory, unit

CONFIG = QualityConfig(cohesion_middle=0.15, cohesion_spread=0.05)

# Two baby memories on weekdays in January, two of tools, one of noise. Vectors in the plane.
MEMORIES = (
    memory(1, ["Milk", "Wipes"], 0),
    memory(2, ["Milk"], 1),
    memory(3, ["Drill"], 2, category="Tools"),
    memory(4, ["Saw"], 100, category="Tools"),
    memory(5, ["Ad"], 50, category="Ads", noise="mis_click"),
)
VECTORS = unit((1, 0), (0.6, 0.8), (0, 1), (-0.6, 0.8), (0, -1))
SUBJECT = Subject(MEMORIES, VECTORS, background_D=[0.5, 0])


def persona(numbers: tuple[int, ...], *said: tuple[str, tuple[int, ...]], label: str = "") -> Persona:
    description = tuple(Statement(text=text, memories=cited) for text, cited in said)
    return Persona(label=label or f"Side {numbers}", description=description, memories=numbers)


def wants(*names: str, family: str = "buys") -> Claim:
    return Claim(kind="wants", arguments=(family, *names))


BABY = persona((1, 2), ("Buys Milk and Wipes.", (1, 2)), ("Mostly Baby.", (1, 2)), ("Mostly on Shop.", (1,)))
TOOLS = persona((3, 4), ("Buys Drill and Saw.", (3,)), ("Mostly Tools. Mostly on weekends.", (3, 4)))


def test_cohesion_is_within_against_between() -> None:
    # Within: (1,0).(.6,.8) = .6 and (0,1).(-.6,.8) = .8.
    # Between: (1,0) and the tools 0, -.6; (.6,.8) and them .8, .28; the mean .12.
    margins_P, sizes_P = margins((BABY, TOOLS), SUBJECT)
    assert margins_P == pytest.approx([0.48, 0.68], abs=1e-6)
    assert sizes_P.tolist() == [2, 2]
    by_hand = (1 / (1 + np.exp(-(0.48 - 0.15) / 0.05)) + 1 / (1 + np.exp(-(0.68 - 0.15) / 0.05))) / 2
    assert cohesion((BABY, TOOLS), SUBJECT, CONFIG) == pytest.approx(by_hand, abs=1e-6)


def test_one_persona_is_held_against_the_population() -> None:
    # Its mean cosine to (.5, 0) is (.5 + .3) / 2 = .4; .6 - .4 = .2, a spread above the middle.
    margins_P, _ = margins((BABY,), SUBJECT)
    assert margins_P == pytest.approx([0.2], abs=1e-6)
    assert cohesion((BABY,), SUBJECT, CONFIG) == pytest.approx(1 / (1 + np.exp(-1)), abs=1e-6)
    copies = margins((BABY, BABY), SUBJECT)[0]
    assert copies == pytest.approx([0.2, 0.2], abs=1e-6)  # a copy has nothing of its own to be held against


def test_a_persona_of_one_memory_neither_holds_together_nor_falls_apart() -> None:
    alone = [persona((number,)) for number in (1, 2, 3, 4)]
    assert margins(alone, SUBJECT)[0].tolist() == [0, 0, 0, 0]
    assert cohesion(alone, SUBJECT, CONFIG) == pytest.approx(1 / (1 + np.exp(3)))


def test_shared_memories_are_no_rest() -> None:
    # Of the second, (0,1) is not the first's own: .6 there is as in (1,0).(0,1), (.6,.8).(0,1): the mean .4.
    margins_P, _ = margins((BABY, persona((2, 3))), SUBJECT)
    assert margins_P[0] == pytest.approx(0.6 - 0.4, abs=1e-6)
    assert margins_P[1] == pytest.approx(0.8 - (0.0 + 0.6) / 2, abs=1e-6)


def test_the_background_is_a_mean_of_unit_vectors() -> None:
    assert background_of([[2, 0], [0, 5]]) == pytest.approx([0.5, 0.5])


def test_alignment_is_what_cited_memories_support() -> None:
    # "Buys Drill and Saw." cites the drill alone: 0. Memories 3 and 4 are of Saturdays: both claims hold.
    assert supports(BABY, SUBJECT) == [1, 1, 1]
    assert supports(TOOLS, SUBJECT) == [0, 1]
    assert alignment((BABY, TOOLS), SUBJECT) == pytest.approx((1 + 1 / 2) / 2)
    half = persona((3,), ("Mostly Tools. Mostly Baby.", (3,)))
    assert supports(half, SUBJECT) == [0.5]


def test_a_statement_said_twice_is_supported_once() -> None:
    again = replace(BABY, description=BABY.description[:1] * 4)
    assert supports(again, SUBJECT) == [1, 0, 0, 0]
    other_words = persona((1, 2), ("Buys Milk and Wipes.", (1, 2)), ("Buys wipes and MILK.", (1, 2)))
    assert supports(other_words, SUBJECT) == [1, 0]


def test_free_text_is_read_for_names_and_categories_of_the_log() -> None:
    told = persona((1, 2), ("She keeps milk at home, for the baby.", (1, 2)), ("A kind soul.", (1,)),
                   ("Owns a saw.", (1,)), ("Milkshakes!", (1,)))  # fmt: skip
    assert SUBJECT.claims(told.description[0].text) == (
        wants("milk", family="looks"),
        Claim(kind="about", arguments=("baby",)),
    )
    assert supports(told, SUBJECT) == [1, 0, 0, 0]


def test_alignment_by_embedding() -> None:
    # "Mostly on Shop." names nothing and is left out. (1,0) against (1.6,.8)/1.789: .894; (0,1): .447.
    texts = {"Buys Milk and Wipes.": [1, 0], "Mostly Baby.": [0, 1]}
    config = QualityConfig(alignment_middle=0.4, alignment_spread=0.1)
    by_hand = np.mean([1 / (1 + np.exp(-(cosine - 0.4) / 0.1)) for cosine in (2 / 5**0.5, 1 / 5**0.5)])
    assert alignment_by_embedding((BABY,), SUBJECT, texts, config) == pytest.approx(by_hand, abs=1e-6)
    assert alignment_by_embedding((persona((1,), ("Only once.", (1,))),), SUBJECT, {}, config) is None


def test_truth_of_the_personas_memories() -> None:
    said = truth(TOOLS, SUBJECT)
    # All buy in one shop on these days, but only tools on weekends: (1, 2) are a Thursday, a Friday.
    assert said.true == (
        wants("Drill", "Saw"),
        Claim(kind="about", arguments=("Tools",)),
        Claim(kind="when", arguments=("weekends",)),
    )
    baby = truth(BABY, SUBJECT)
    assert baby.common == (Claim(kind="where", arguments=("Shop",)),)  # true of the tools as well
    # Tools 3 of 3; baby 2 of at least 3.
    assert truthfulness((BABY, TOOLS), SUBJECT, QualityConfig()) == pytest.approx((2 / 3 + 1) / 2)


def test_what_is_false_or_unknown_costs() -> None:
    liar = persona(
        (1, 2), ("Buys Milk.", (1,)), ("Mostly Baby.", (1,)), ("Mostly Tools.", (3,)), ("A kind soul.", (1,)),
        ("Spends much each time.", (1,)),
    )  # fmt: skip
    said = truth(liar, SUBJECT)
    assert (len(said.true), len(said.false), said.unknown) == (2, 1, 2)
    assert said.share(3) == pytest.approx(2 / 5)


@pytest.mark.parametrize(
    ("said", "true"),
    [
        (("Buys Milk.", "Buys milk.", "Buys MILK."), ("Buys Milk.",)),
        (("Buys Milk and Wipes.", "Buys Wipes and Milk."), ("Buys Milk and Wipes.",)),
        (("Buys Wipes.", "Buys Milk and Wipes.", "Buys Milk."), ("Buys Milk and Wipes.",)),
        (("Looks at Wipes.", "Buys Milk and Wipes.", "Looks at Milk."), ("Buys Milk and Wipes.",)),
        (("Looks at Milk and Wipes.", "Buys Milk."), ("Looks at Milk and Wipes.", "Buys Milk.")),
        (("Buys Milk.", "Buys Wipes.", "Mostly Baby."), ("Buys Milk.", "Buys Wipes.", "Mostly Baby.")),
    ],
)
def test_what_follows_from_another_claim_earns_nothing(said: tuple[str, ...], true: tuple[str, ...]) -> None:
    told = truth(persona((1, 2), *((text, (1, 2)) for text in said)), SUBJECT)
    assert tuple(render((claim,)) for claim in told.true) == true
    assert told.share(3) == pytest.approx(len(true) / 3)
    assert not told.false
    assert not told.unknown


def test_a_lie_told_in_two_ways_is_one() -> None:
    told = truth(persona((1, 2), ("Buys Drill and Saw.", (1,)), ("Buys saw and drill.", (1,))), SUBJECT)
    assert len(told.false) == 1


def test_nothing_becomes_true_by_leaving_out_what_speaks_against_it() -> None:
    memories = (memory(1, ["Milk"], 0), memory(2, ["Milk"], 100), memory(3, ["Saw"], 3, category="Tools"))
    subject = Subject(memories, unit((1, 0), (1, 0), (0, 1)))
    picked = persona((1,), ("Last in 2026-01.", (1,)))
    other = persona((3,), ("Buys Saw.", (3,)))
    held_elsewhere = truth(picked, subject)
    assert len(held_elsewhere.false) == 0
    assert len(truth(picked, subject, loose=(2,)).false) == 1
    assert truthfulness((picked, other), subject, QualityConfig()) == pytest.approx((0 + 1 / 3) / 2)


def test_coverage_and_overlap() -> None:
    assert coverage((BABY,), SUBJECT) == 0.5  # noise does not count
    assert coverage((BABY, TOOLS), SUBJECT) == 1
    config = QualityConfig(overlap_floor=0.5)
    # Means (.894, .447) and (-.316, .949): cosine .141, below the floor.
    assert overlap((BABY, TOOLS), SUBJECT, config) == 0
    assert overlap((BABY, BABY), SUBJECT, config) == pytest.approx(1)
    # (1, 2) and (1, 2, 3): Jaccard 2/3; means (.894,.447) and (1.6,1.8)/2.408: cosine .9285, so .857.
    wider = persona((1, 2, 3))
    assert likeness((persona((1, 2)), wider), SUBJECT, config)[0, 1] == pytest.approx(0.857, abs=1e-3)
    assert likeness((replace(BABY, label=" A b"), replace(TOOLS, label="a  B")), SUBJECT, config)[0, 1] == 1
    # Three personas of which two are one: each of the two 1, the third 0.
    assert overlap((BABY, BABY, TOOLS), SUBJECT, config) == pytest.approx(2 / 3)


def test_the_total_is_a_product() -> None:
    assert total(0.5, 0.5, 0.5, 1, 0) == pytest.approx(0.5)
    assert total(1, 1, 0.125, 0.8, 0.5) == pytest.approx(0.5 * 0.8 * 0.5)
    assert total(1, 1, 0, 1, 0) == 0


@pytest.mark.parametrize(
    ("mine", "reason"),
    [
        ((), "none: no persona"),
        ((replace(BABY, label=" "),), "no_label: persona 1"),
        ((BABY, persona(())), "no_memories: persona 2"),
        ((persona((9,), ("Buys Milk.", (1,))),), "unknown_memory: persona 1"),
        ((persona((1, 1), ("Buys Milk.", (1,))),), "repeated_memory: persona 1"),
        ((persona((1,)),), "no_description: persona 1"),
        ((persona((1,), (" ", (1,))),), "empty_statement: persona 1"),
        ((persona((1,), ("Buys Milk.", ())),), "no_evidence: persona 1"),
        ((persona((1,), ("Buys Milk.", (7,))),), "unknown_evidence: persona 1"),
    ],
)
def test_invalid_sets_are_told_by_reason(mine: tuple[Persona, ...], reason: str) -> None:
    scored = quality(PersonaSet(user_id="u", personas=mine), SUBJECT, QualityConfig())
    assert scored.error == reason
    assert (scored.total, scored.count) == (0, len(mine))


def test_subjects_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="one number"):
        Subject((MEMORIES[0], MEMORIES[0]), VECTORS[:2])
    with pytest.raises(ValueError, match="vectors"):
        Subject(MEMORIES, VECTORS[:2])


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4))
def test_every_number_stays_in_its_bounds(seed: int, count: int) -> None:
    true, subject = made_up_user(seed, personas=count)
    assert fault_of(true, subject) == ""
    rng = np.random.default_rng(seed)
    numbers = list(subject.memories)
    mixed = [
        replace(one, memories=tuple(rng.permutation(numbers)[: rng.integers(1, 9)].tolist()))
        for one in true.personas
    ]
    for scored in (
        quality(true, subject, QualityConfig()),
        quality(replace(true, personas=tuple(mixed)), subject, QualityConfig()),
    ):
        parts = (scored.cohesion, scored.alignment, scored.truthfulness, scored.coverage, scored.overlap)
        assert all(0 <= part <= 1 for part in (*parts, scored.total))
        assert scored.total <= max(parts[:3])
        assert scored.error == ""


def test_the_truth_is_good() -> None:
    scores = [quality(*made_up_user(seed), QualityConfig()) for seed in range(30)]
    assert min(score.alignment for score in scores) == 1
    assert np.mean([score.total for score in scores]) > 0.8


def test_where_a_persona_is_all_there_is_the_logs_ends_tell_nothing() -> None:
    whole = persona(
        (1, 2, 3, 4), ("Since 2026-01.", (1,)), ("Last in 2026-04.", (4,)), ("Mostly on Shop.", (1,)),
        ("Buys Milk.", (1,)),
    )  # fmt: skip
    said = truth(whole, SUBJECT)
    assert said.true == (wants("Milk"),)
    assert len(said.common) == 3
