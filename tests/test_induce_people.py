"""Two people behind one account: found by their hours, and nobody else made into two."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from induce.inducers import ClusterInducer
from induce.people import LEAST_SESSIONS, _dealt, _rhythms, second_person
from induce.population import population_of
from records.induction import ClusterConfig
from records.persona import IntentMemory
from tests.personas import memory
from tests.test_induce_clustering import letters

MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)
Want = tuple[str, float, str]
"""What, at which hour since MIDNIGHT, and where."""


def account(wants: Sequence[Want]) -> list[IntentMemory]:
    """Memories of ten minutes, in the order of their time."""
    found = []
    for number, (text, hour, source) in enumerate(sorted(wants, key=lambda want: want[1]), start=1):
        start = MIDNIGHT + timedelta(hours=hour)
        one = memory(number, [text], category="", source=source)
        found.append(replace(one, start=start, end=start + timedelta(minutes=10)))
    return found


def people(memories: Sequence[IntentMemory], most: int = 512) -> list[int]:
    distinct = sorted({one.text for one in memories})
    return second_person(memories, distinct, letters(distinct), most=most).tolist()


def spread(topic: str, days: int, hours: Sequence[int], source: str = "Shop") -> list[Want]:
    """One want a day, one of five things, at these hours in turn."""
    return [(f"{topic} {day % 5}", 24 * day + hours[day % len(hours)], source) for day in range(days)]


ALL_DAY = (9, 14, 19, 12, 22, 17, 10, 20)
MORNING = (6, 7, 8)
HOUSEHOLD = account(spread("baby", 120, ALL_DAY) + spread("tent", 60, MORNING))


def test_two_people_are_told_apart_by_their_hours() -> None:
    found = people(HOUSEHOLD)
    assert [one.text.startswith("tent") for one in HOUSEHOLD] == [who == 1 for who in found]


def test_few_texts_stand_for_many() -> None:
    assert people(HOUSEHOLD, most=6) == people(HOUSEHOLD)


@pytest.mark.parametrize(
    "wants",
    [
        spread("baby", 120, ALL_DAY) + spread("tent", 60, ALL_DAY[::-1]),  # two sides at the same hours
        spread("baby", 120, ALL_DAY, "Shop") + spread("tent", 60, MORNING, "Gym"),  # where else, and when
        spread("baby", 80, (9, 14), "Shop")
        + [(f"tent {day % 5}", 24 * (200 + day) + (21, 23)[day % 2], "Shop") for day in range(80)],  # later
        spread("baby", 120, (0,)) + spread("tent", 60, (0,)),  # a log without hours
        spread("tent", LEAST_SESSIONS // 2 - 1, (6,)) + spread("baby", LEAST_SESSIONS // 2, (20,)),  # few
    ],
    ids=["sides", "source", "season", "no hours", "few"],
)
def test_one_person_stays_one(wants: list[Want]) -> None:
    memories = account(wants)
    assert people(memories) == [0] * len(memories)


def test_a_session_is_one_persons() -> None:
    # Ten minutes after a tent something of the other person's: the same session, so the same person.
    mixed = account(
        spread("baby", 120, ALL_DAY)
        + spread("tent", 60, MORNING)
        + [("baby 1", 24 * 3 + MORNING[0] + 0.3, "Shop")]
    )
    found = dict(zip([(one.text, one.start) for one in mixed], people(mixed), strict=True))
    start = MIDNIGHT + timedelta(days=3, hours=MORNING[0])
    assert found["tent 3", start] == found["baby 1", start + timedelta(hours=0.3)]


def test_no_persona_is_of_two_people() -> None:
    # One topic, so that texts alone would give one persona: only hours part "baby 0–4" and "baby 5–9".
    memories = account(
        spread("baby", 120, ALL_DAY)
        + [(f"bib {day % 5}", 24 * day + 6 + day % 3, "Shop") for day in range(60)]
    )
    config = ClusterConfig(worth=3.0)
    (found,) = ClusterInducer(config, letters, population_of([memories]))({"u": memories})
    texts = [{memories[number - 1].text[:4] for number in persona.memories} for persona in found.personas]
    assert texts == [{"baby"}, {"bib "}]
    (whole,) = ClusterInducer(replace(config, most_personas=1), letters, population_of([memories]))(
        {"u": memories}
    )
    assert len(whole.personas) == 1


def test_a_rhythm_before_and_after_a_session() -> None:
    empty, noon = _rhythms(np.stack([np.zeros(24), np.eye(24)[12]]))
    assert empty == pytest.approx(np.full(24, 1 / 24))
    assert noon.sum() == pytest.approx(1)
    # The kernel has 1 / Σ exp(−½ (d / 1.2)²) = .33245 of a session at its hour; 2 more are spread evenly.
    assert noon[12] == pytest.approx((0.33245 + 2 / 24) / 3, abs=1e-5)


@given(st.lists(st.tuples(st.integers(0, 23), st.integers(0, 3)), max_size=60), st.integers(0, 99))
def test_hours_are_dealt_out_within_strata(sessions: list[tuple[int, int]], seed: int) -> None:
    hour_S, stratum_S = np.array(sessions, dtype=np.int64).reshape(-1, 2).T
    dealt_S = _dealt(hour_S, stratum_S, np.random.default_rng(seed))
    assert Counter(zip(dealt_S.tolist(), stratum_S.tolist(), strict=True)) == Counter(sessions)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["baby 1", "baby 2", "tent 1", "x"]), st.floats(0, 2000), st.sampled_from("ab")
        ),
        min_size=1,
        max_size=80,
    )
)
def test_any_account_has_an_answer(wants: list[Want]) -> None:
    memories = account(wants)
    found = people(memories)
    assert set(found) <= {0, 1}
    assert found == people(memories)
    for one, other, before, after in zip(found[:-1], found[1:], memories[:-1], memories[1:], strict=True):
        if after.start <= before.end:
            assert one == other
