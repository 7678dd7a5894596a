"""Recovery of what simulated users want: numbers by hand, invariants, and the table on a real simulation."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from hprbench.recovery.controls import by_category, one_persona, shuffled, true_sides
from hprbench.recovery.partitions import adjusted_rand, f1_of_groups, matched_f1, pair_purity
from hprbench.recovery.people import invented_people, is_shared, people_scores
from hprbench.recovery.sides import NONE, persona_of, side_scores
from hprbench.recovery.table import read_truth, recovery_rows, recovery_table
from hprbench.recovery.truth import LEVELS, MemoryTruth, truth_of_memories
from induce.coded_events import with_entities
from induce.memories import memories_frame
from records.errors import UserError
from records.induction import MemoryConfig
from records.persona import IntentMemory, Persona, PersonaSet, memories_of
from records.simulation import SimulateConfig
from semantize.refining.refine import RuleRefiner
from simulate.engine import scan, simulate
from simulate.frames import HOUSEMATE, OWN, TRUTH_SCHEMA
from tests.personas import memory

LABELS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=30)


def personas(*groups: Sequence[int], user: str = "u") -> PersonaSet:
    made = (Persona(label=f"{n}", description=(), memories=tuple(group)) for n, group in enumerate(groups))
    return PersonaSet(user_id=user, personas=tuple(made))


def memory_truth(number: int, side: str, actor: str = OWN, **changes: object) -> MemoryTruth:
    """One event a memory; `side` "" is noise, "everyday" everyday life."""
    sides = {level: (actor, side) for level in LEVELS} if side else dict.fromkeys(LEVELS)
    if side == "everyday":
        sides["telling"] = None
    plain = MemoryTruth(
        number=number, marked=False, is_noise=not side, actor=actor if side else "", sides=sides, events=1,
        noise_events=int(not side),
    )  # fmt: skip
    return replace(plain, **changes)  # type: ignore[arg-type]


def truth_like(*sides: str) -> list[MemoryTruth]:
    return [memory_truth(number, side) for number, side in enumerate(sides, start=1)]


def test_adjusted_rand_by_hand() -> None:
    # Groups {1,2,3}, {4,5} and {1,2}, {3,4,5}: 4 pairs on either side, 2 in both, 4 · 4 / 10 expected.
    assert adjusted_rand("aaabb", "xxyyy") == pytest.approx((2 - 1.6) / (4 - 1.6))
    assert adjusted_rand("aabb", "xyxy") == pytest.approx((0 - 4 / 6) / (2 - 4 / 6))
    assert adjusted_rand("aaaa", "xxyy") == 0.0
    assert adjusted_rand("ab", "xy") == adjusted_rand("aa", "xx") == adjusted_rand("", "") == 1.0
    with pytest.raises(ValueError, match="2 and 1 labels"):
        adjusted_rand("ab", "a")


@given(LABELS)
def test_adjusted_rand_is_that_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    a, b = zip(*pairs, strict=True)
    assert adjusted_rand(a, b) == pytest.approx(adjusted_rand_score(a, b), abs=1e-12)
    assert adjusted_rand(a, a) == 1.0
    assert adjusted_rand(a, b) == pytest.approx(adjusted_rand(b, a))


@given(LABELS, st.permutations(range(5)), st.randoms())
def test_adjusted_rand_knows_neither_names_nor_order(
    pairs: list[tuple[int, int]], names: list[int], chance: object
) -> None:
    a, b = zip(*pairs, strict=True)
    chance.shuffle(pairs)  # type: ignore[attr-defined]
    renamed, other = zip(*((names[x], y) for x, y in pairs), strict=True)
    assert adjusted_rand(renamed, other) == pytest.approx(adjusted_rand(a, b), abs=1e-12)


def test_pair_purity_by_hand() -> None:
    # Pairs within aaa: 3, of which one is xx; within bb: one, yy.
    assert pair_purity("aaabb", "xxyyy") == pytest.approx(2 / 4)
    assert pair_purity("abc", "xxx") is None


def test_matched_f1_by_hand() -> None:
    overlap_AB, size_A, size_B = np.array([[3, 1], [2, 0]]), np.array([4, 4]), np.array([5, 1])
    f1_AB = f1_of_groups(overlap_AB, size_A, size_B)
    assert f1_AB == pytest.approx(np.array([[6 / 9, 2 / 5], [4 / 9, 0]]))
    # All alike: the second group by the first of A (.4), the first by the second (4/9), not 6/9 and 0.
    assert matched_f1(f1_AB, np.ones(2)) == pytest.approx((4 / 9 + 2 / 5) / 2)
    # By size the first group is worth five times the second: 6/9 · 5/6 and nothing.
    assert matched_f1(f1_AB, size_B.astype(float)) == pytest.approx(6 / 9 * 5 / 6)
    assert matched_f1(np.zeros((0, 2)), np.ones(2)) == 0.0


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12))
def test_the_truth_itself_has_every_score_one(sides: list[int]) -> None:
    truth = truth_like(*map(str, sides))
    scores = side_scores(sides, truth, "sides")
    assert scores.sides == len(set(sides))
    assert (scores.f1, scores.f1_by_size) == (pytest.approx(1), pytest.approx(1))
    assert scores.rand == scores.rand_all == (1.0 if len(sides) > 1 else None)


def test_side_scores_by_hand() -> None:
    """Memories a a b b, one that is noise; personas {1, 2, 3} and {5}, memory 4 in none."""
    truth = truth_like("a", "a", "b", "b", "")
    found = persona_of(personas([1, 2, 3], [5]), truth)
    assert found == [0, 0, 0, NONE, 1]
    scores = side_scores(found, truth, "sides")
    assert scores.sides == 2
    assert scores.rand == 0.0  # {1, 2, 3} in one persona
    # Pairs: of personas 3, of sides 2, in both 1, of 10. Alone are 4 and 5 here, 5 there.
    assert scores.rand_all == pytest.approx((1 - 0.6) / (2.5 - 0.6))
    # a by the first persona: 2 · 2 / (3 + 2). Of b there is nothing left, the second has noise only.
    assert scores.f1 == pytest.approx(0.8 / 2)
    assert scores.f1_by_size == pytest.approx(0.8 / 2)
    # The one pair of a side that stands in personas, 1 and 2; as all three pairs there do.
    assert (scores.together, scores.by_chance) == (1.0, 1.0)


def test_sides_kept_together_by_hand() -> None:
    scores = side_scores([0, 0, 1, 1, 0], truth_like("a", "a", "a", "b", "b"), "sides")
    # Pairs of one side: 3 + 1, of which {1, 2} are together; of all 10 the personas hold 3 + 1.
    assert (scores.together, scores.by_chance) == (pytest.approx(1 / 4), pytest.approx(4 / 10))
    apart = side_scores([0, 0], truth_like("a", "b"), "sides")
    assert (apart.together, apart.by_chance) == (None, None)


def test_noise_in_a_persona_and_memories_left_out_cost_f1() -> None:
    clean = side_scores([0, 0], truth_like("a", "a"), "sides")
    noisy = side_scores([0, 0, 0], truth_like("a", "a", ""), "sides")
    missed = side_scores([0, NONE], truth_like("a", "a"), "sides")
    assert (clean.f1, noisy.f1, missed.f1) == (1.0, pytest.approx(4 / 5), pytest.approx(2 / 3))


def test_everyday_life_is_left_out_where_the_level_says_so() -> None:
    truth = truth_like("a", "everyday", "b", "everyday")
    assert side_scores([0, 0, 1, 1], truth, "telling").f1 == 1.0
    assert side_scores([0, 0, 1, 1], truth, "sides").f1 == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)


def test_nothing_to_say_is_no_score() -> None:
    scores = side_scores([NONE, NONE], truth_like("", ""), "sides")
    assert (scores.sides, scores.rand, scores.f1) == (0, None, None)
    refused = side_scores([NONE, NONE], truth_like("a", "b"), "sides")
    assert (refused.rand, refused.f1) == (None, 0.0)


def test_the_first_persona_that_names_a_memory_has_it() -> None:
    truth = truth_like("a", "b")
    assert persona_of(personas([2], [1, 2]), truth) == [1, 0]
    with pytest.raises(ValueError, match="u: persona 2 names memory 3, which the user lacks"):
        persona_of(personas([2], [3]), truth)


def test_people_scores_by_hand() -> None:
    people = [OWN, OWN, OWN, HOUSEMATE, HOUSEMATE, "", OWN]
    parted = people_scores([0, 0, 0, 1, 1, 1, NONE], people)
    assert parted is not None
    assert (parted.rand, parted.same_person, parted.split) == (1.0, 1.0, True)
    assert parted.by_chance == pytest.approx((3 + 1) / 10)
    mixed = people_scores([0, 0, 1, 1, 1, 1, NONE], people)
    assert mixed is not None
    assert mixed.same_person == pytest.approx((1 + 1) / (1 + 3))
    assert not mixed.split  # a third of the second persona is the other's
    assert people_scores([0, NONE], [OWN, OWN]) is None


@pytest.mark.parametrize(
    ("sizes", "split"),
    [
        (((8, 2), (0, 4)), True),  # a fifth is let pass
        (((7, 2), (0, 4)), False),
        (((9, 2),), False),  # nobody's main one
    ],
)
def test_an_account_is_split_where_no_persona_mixes(sizes: tuple[tuple[int, int], ...], split: bool) -> None:
    told = [
        (place, who) for place, (own, other) in enumerate(sizes) for who in [OWN] * own + [HOUSEMATE] * other
    ]
    placed, people = zip(*told, strict=True)
    scores = people_scores(placed, people)
    assert scores is not None
    assert scores.split is split


@pytest.mark.parametrize(
    ("others", "shared"), [(0, False), (2, None), (3, True)], ids=["alone", "hardly", "shared"]
)
def test_who_shares_an_account(others: int, shared: bool | None) -> None:
    truth = [memory_truth(n, "a") for n in range(5)] + [memory_truth(9, "b", HOUSEMATE)] * others
    assert is_shared(truth) is shared


def test_invented_people_have_whole_sides_and_at_least_a_quarter() -> None:
    truth = truth_like(*"aaabbbcccddd", "everyday", "everyday", "")
    people = invented_people(truth, np.random.default_rng(0))
    assert people is not None
    assert people[-3:] == [OWN, OWN, ""]
    by_side = {truth[place].sides["sides"]: people[place] for place in range(12)}
    assert people[:12] == [by_side[memory.sides["sides"]] for memory in truth[:12]]
    assert people.count(HOUSEMATE) == 6  # 3 of 14 are less than a quarter
    assert people == invented_people(truth, np.random.default_rng(0))
    assert invented_people(truth_like("a", "b", "everyday"), np.random.default_rng(0)) is None


def truth_frame(*rows: tuple[str, ...]) -> pl.DataFrame:
    """(event, desire, tag, value, actor, noise) of user `u`."""
    made = [("u", event, 0, *about) for event, *about in rows]
    return pl.DataFrame(made, schema=TRUTH_SCHEMA, orient="row")


def test_a_memory_is_what_most_of_its_events_are() -> None:
    frame = truth_frame(
        ("e1", "dog_walks", "pet", "dog", OWN, ""),
        ("e2", "coffee", "", "", OWN, ""),
        ("e3", "dog_care", "pet", "dog", OWN, ""),
        ("e4", "", "", "", OWN, "mis_click"),
        ("e5", "race_day", "fitness", "high", HOUSEMATE, ""),
        ("e6", "cat_litter", "pet", "cat", OWN, "gift"),
    )
    events = (("e1", "e2", "e3", "e4"), ("e5", "e4"), ("e6",), ("e2",))
    kinds = ("", "", "gift", "")
    given = [
        replace(memory(number, noise=noise), event_ids=ids)
        for number, (ids, noise) in enumerate(zip(events, kinds, strict=True), start=1)
    ]
    dogs, race, gift, coffee = truth_of_memories(frame, {"u": given})["u"]
    assert dogs.sides == {
        # One event of each desire: the first one's.
        "desires": (OWN, "dog_walks"), "sides": (OWN, "pet: dog"), "telling": (OWN, "pet: dog"),
        "dimensions": (OWN, "HC"),
    }  # fmt: skip
    assert (dogs.number, dogs.events, dogs.noise_events, dogs.is_noise) == (1, 4, 1, False)
    assert (race.actor, race.is_noise, race.sides["sides"]) == (
        HOUSEMATE,
        False,
        (HOUSEMATE, "fitness: high"),
    )
    assert (gift.is_noise, gift.marked, gift.actor, set(gift.sides.values())) == (True, True, "", {None})
    assert (coffee.sides["telling"], coffee.sides["sides"]) == (None, (OWN, "everyday"))
    with pytest.raises(UserError, match=r"no truth of event 'e9' of user 'u': .* of one simulation"):
        truth_of_memories(frame, {"u": [replace(given[0], event_ids=("e9",))]})


def test_rows_by_hand() -> None:
    """One user whose sides are found and whose mark is right, one of one persona with noise unmarked."""
    truth = {
        "u": [*truth_like("a", "a", "b"), memory_truth(4, "", marked=True)],
        "v": truth_like("a", "b", ""),
    }
    sets = [personas([1, 2, 3], user="v"), personas([1, 2], [3], user="u")]
    rows = {(row.of, row.metric): row.share for row in recovery_rows("mine", sets, truth, seed=0)}
    assert rows["all", "personas"].value == 1.5
    assert rows["all", "in a persona"].value == 1.0
    assert (rows["noise", "precision"].value, rows["noise", "recall"].value) == (1.0, 0.5)
    assert (rows["sides", "rand"].value, rows["sides", "rand"].users) == (0.5, 2)
    # v: a and b by one persona of three memories: 2 / 4 for either, which only one of them gets.
    assert rows["sides", "f1"].value == pytest.approx((1 + 0.25) / 2)
    assert not any(of == "shared" for of, _ in rows)
    low, high = rows["sides", "rand"].interval
    assert (low, high) == (0.0, 1.0)
    for wrong in (sets[:1], [*sets, sets[0]]):
        with pytest.raises(ValueError, match=r"mine: \d persona sets are not one for each of 2 users"):
            recovery_rows("mine", wrong, truth, seed=0)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, tuple[IntentMemory, ...]]]:
    """40 simulated users and their memories."""
    out = tmp_path_factory.mktemp("simulated")
    simulate(SimulateConfig(users=40, min_days=200, max_days=300, truth=True), 3, out)
    events = with_entities(scan(out, "events").collect(), RuleRefiner())
    return out, memories_of(memories_frame(events, MemoryConfig()))


def test_controls_are_where_they_have_to_be(
    world: tuple[Path, dict[str, tuple[IntentMemory, ...]]],
) -> None:
    folder, memories = world
    truth = truth_of_memories(read_truth(folder, memories), memories)
    sets = {
        "one": one_persona(memories),
        "categories": by_category(memories),
        "dealt out": shuffled(by_category(memories), seed=0),
        "true": true_sides(truth, "sides", most=10**6),
        "true, 4": true_sides(truth, "sides", most=4),
    }
    rows = {(r.inducer, r.of, r.metric): r.share for r in recovery_table(folder, sets, memories)}
    for metric in ("rand", "rand_all", "f1", "f1_by_size"):
        assert rows["true", "sides", metric].value == pytest.approx(1.0)
        assert rows["true, 4", "sides", metric].value < 1.0
    assert rows["true", "sides", "sides"].value == rows["true", "all", "personas"].value > 5
    assert rows["true, 4", "all", "personas"].value <= 4
    assert rows["one", "sides", "rand"].value == pytest.approx(0.0)
    assert rows["dealt out", "sides", "rand"].value == pytest.approx(0.0, abs=0.02)
    assert rows["categories", "desires", "rand"].value > 0.2
    assert rows["true", "shared", "split"].value == rows["true", "alone", "split"].value == 1.0
    assert rows["one", "shared", "split"].value == 0.0
    assert 40 - 10 < rows["one", "shared", "rand"].users + rows["one", "alone", "rand"].users <= 40
    for name in sets:  # marks are the memories', whoever clusters them
        assert rows[name, "noise", "recall"] == rows["one", "noise", "recall"]
    assert rows["one", "noise", "precision"].value > 0.9


def test_shuffling_keeps_sizes(world: tuple[Path, dict[str, tuple[IntentMemory, ...]]]) -> None:
    sets = by_category(world[1])
    dealt = shuffled(sets, seed=1)
    assert dealt != sets
    for one, other in zip(sets, dealt, strict=True):
        assert [len(p.memories) for p in one.personas] == [len(p.memories) for p in other.personas]
        assert {n for p in one.personas for n in p.memories} == {
            n for p in other.personas for n in p.memories
        }


def test_a_simulation_without_truth_says_how_to_get_it(tmp_path: Path) -> None:
    simulate(SimulateConfig(users=2), 3, tmp_path)
    with pytest.raises(UserError, match=r"simulate\.truth=true"):
        recovery_table(tmp_path, {}, {"u0000000": [memory(1)]})
