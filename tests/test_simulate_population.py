"""Personas and their lives: marginals, plausibility, clocks, events, habits, and impossible populations."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from records.errors import UserError
from records.population import EvolutionConfig, LifeEventConfig, PopulationConfig, TableConfig
from records.simulation import QualityConfig, SimulateConfig
from records.tags import TAG, TAG_NAMES
from simulate.evolution import check_evolution, drift, live
from simulate.population import COLUMN, Personas, Population, check_population, draw_personas
from simulate.world_reader import load_world

USERS = 4000
CITIES = [f"city {number}" for number in range(24)]
HOBBIES = [f"hobby {number}" for number in range(30)]


def population(config: PopulationConfig | None = None) -> Population:
    return Population(config or PopulationConfig(), QualityConfig(), CITIES, HOBBIES)


@pytest.fixture(scope="module")
def personas() -> Personas:
    return draw_personas(np.random.default_rng(0), population(), load_world(SimulateConfig()), USERS)


def share(personas: Personas, tag: str, value: str, given: dict[str, str] | None = None) -> float:
    mask = np.ones(USERS, dtype=np.bool_)
    for other, wanted in (given or {}).items():
        mask &= personas.state_BT[:, COLUMN[other]] == TAG[other].values.index(wanted)
    return float((personas.state_BT[mask, COLUMN[tag]] == TAG[tag].values.index(value)).mean())


def test_marginals_and_conditionals_are_those_of_the_config(personas: Personas) -> None:
    tables = PopulationConfig().tables
    assert share(personas, "gender", "female") == pytest.approx(0.52, abs=0.03)
    assert share(personas, "age_group", "25-34") == pytest.approx(0.26, abs=0.03)
    expected = tables["income_band"].percent["technical"][2] / 100
    assert share(personas, "income_band", "high", {"occupation": "technical"}) == pytest.approx(
        expected, abs=0.08
    )
    assert share(personas, "life_stage", "retired", {"age_group": "25-34"}) == 0.0


def test_singles_have_children_less_often(personas: Personas) -> None:
    """25-34: 66 % have a child or expect one; of singles 0.4 times as many."""
    married = 1 - share(personas, "child_stage", "none", {"age_group": "25-34", "relationship": "married"})
    single = 1 - share(personas, "child_stage", "none", {"age_group": "25-34", "relationship": "single"})
    assert married == pytest.approx(0.66, abs=0.08)
    assert single == pytest.approx(0.66 * 0.4, abs=0.08)


def test_a_birth_makes_a_household_larger() -> None:
    event = LifeEventConfig(per_year=50.0, when={"child_stage": ["none"]}, sets={"child_stage": "expecting"})
    _, life, _ = lives(EvolutionConfig(events={"baby": event}))
    child, size = (life.state_MBT[-1, :, COLUMN[tag]] for tag in ("child_stage", "household_size"))
    infants = child == TAG["child_stage"].values.index("infant")
    assert infants.sum() > 100
    assert not (size[infants] == 0).any()


def test_ages_lie_in_their_group_and_between_the_bounds(personas: Personas) -> None:
    group = personas.state_BT[:, COLUMN["age_group"]]
    assert personas.age_B.min() >= 18
    assert personas.age_B.max() < 83
    edges = np.array([25, 35, 45, 55])
    assert (np.searchsorted(edges, personas.age_B, side="right") == group).all()


def test_preferences_follow_traits_and_anchors(personas: Personas) -> None:
    world = load_world(SimulateConfig())
    assert personas.preference_BP.min() > 0
    assert personas.preference_BP.max() < 1
    for place, preference in enumerate(world.preferences):
        for trait, loading in preference.traits.items():
            if abs(loading) >= 0.5:
                score = np.corrcoef(
                    personas.trait_B5[:, "OCEAN".index(trait)], personas.preference_BP[:, place]
                )[0, 1]
                assert score * loading > 0.1, preference.name
        for (tag, value), shift in preference.anchors.items():
            if shift >= 1:
                mine = personas.state_BT[:, COLUMN[tag]] == TAG[tag].values.index(value)
                inside, outside = (personas.preference_BP[m, place].mean() for m in (mine, ~mine))
                assert inside > outside, preference.name


def test_hobbies_are_one_to_three_different_ones(personas: Personas) -> None:
    count = (personas.hobby_BH >= 0).sum(axis=1)
    assert set(count.tolist()) == {1, 2, 3}
    assert (count == 2).mean() == pytest.approx(0.40, abs=0.03)
    for row in personas.hobby_BH[:100].tolist():
        kept = [hobby for hobby in row if hobby >= 0]
        assert len(set(kept)) == len(kept)


def tables(**changes: TableConfig) -> PopulationConfig:
    return PopulationConfig(tables={**PopulationConfig().tables, **changes})


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            tables(gender=TableConfig(percent={"all": [60, 30]})),
            "simulate.population.tables.gender.percent.all: the percentages sum to 90, not to 100",
        ),
        (
            tables(gender=TableConfig(percent={"all": [100]})),
            "give 2 percentages of at least 0, for female, male",
        ),
        (tables(gender=TableConfig(percent={"al": [50, 50]})), "gender.percent needs exactly the rows all"),
        (
            tables(gendre=TableConfig()),
            "unknown key 'simulate.population.tables.gendre'; "
            "the nearest known one is simulate.population.tables.gender",
        ),
        (tables(pet=TableConfig("tenure", {})), "pet.given: tenure'; the nearest known one is"),
        (
            tables(age_group=TableConfig("life_stage", {v: [20] * 5 for v in TAG["life_stage"].values})),
            "depend on each other in a circle",
        ),
        (PopulationConfig(youngest=60, oldest=40), "youngest 60 is above simulate.population.oldest 40"),
        (PopulationConfig(youngest=30), "age_group gives 18-24 a share, but ages go from"),
        (PopulationConfig(oldest=50), "age_group gives 55+ a share, but ages go from"),
        (PopulationConfig(hobbies=[50, 50]), "hobbies: give 3 percentages that sum to 100"),
    ],
)
def test_impossible_populations_are_refused_in_one_line(config: PopulationConfig, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        check_population(config, QualityConfig())
    assert "\n" not in str(caught.value)


def test_a_missing_table_is_named() -> None:
    config = PopulationConfig(tables={k: v for k, v in PopulationConfig().tables.items() if k != "pet"})
    with pytest.raises(UserError, match=r"simulate.population.tables: pet has no table; add it"):
        check_population(config, QualityConfig())


def test_a_population_that_is_all_implausible_is_refused() -> None:
    quality = QualityConfig(implausible=[{"gender": value} for value in TAG["gender"].values])
    with pytest.raises(UserError, match=r"still implausible by simulate.quality.implausible"):
        Population(PopulationConfig(), quality, CITIES, HOBBIES).draw(np.random.default_rng(0), 50)
    with pytest.raises(UserError, match=r"there is no pet: horse"):
        check_population(PopulationConfig(), QualityConfig(implausible=[{"pet": "horse"}]))


def test_implausible_personas_are_drawn_again_and_counted() -> None:
    rng = np.random.default_rng(0)
    quality = QualityConfig(implausible=[{"gender": "male", "pet": "cat"}])
    state, _, redrawn = Population(PopulationConfig(), quality, CITIES, HOBBIES).draw(rng, 500)
    male = state[:, COLUMN["gender"]] == 1
    assert not (state[male, COLUMN["pet"]] == TAG["pet"].values.index("cat")).any()
    assert redrawn > 30


def lives(config: EvolutionConfig, days: int = 720, users: int = 600) -> tuple[Personas, Any, np.ndarray]:
    rng = np.random.default_rng(1)
    people = draw_personas(rng, population(), load_world(SimulateConfig()), users)
    days_B = np.full(users, days)
    return people, live(rng, config, population(), people, days_B), days_B


def test_nothing_happens_without_events_but_growing_older() -> None:
    people, life, _ = lives(EvolutionConfig(events={}))
    for tag in TAG_NAMES:
        if tag not in ("age_group", "child_stage", "household_size"):  # a birth makes a household larger
            assert (life.state_MBT[:, :, COLUMN[tag]] == people.state_BT[:, COLUMN[tag]]).all()
    child = life.state_MBT[:, :, COLUMN["child_stage"]]
    grown = (child[1:] - child[:-1])[(child[1:] != child[:-1])]
    assert set(grown.tolist()) == {1, -4}  # the next stage, or too old to be seen
    ages = life.state_MBT[:, :, COLUMN["age_group"]]
    assert set((ages[1:] - ages[:-1]).ravel().tolist()) == {0, 1}


def test_a_pregnancy_becomes_an_infant_nine_months_later() -> None:
    event = LifeEventConfig(per_year=50.0, when={"child_stage": ["none"]}, sets={"child_stage": "expecting"})
    _, life, _ = lives(EvolutionConfig(events={"baby": event}))
    child = life.state_MBT[:, :, COLUMN["child_stage"]]
    began = (child[1:] == 1) & (child[:-1] != 1)
    month, user = np.nonzero(began)
    assert len(month) == life.happened["baby"]
    early = month + 1 + 9 < 20
    assert (child[month[early] + 1 + 8, user[early]] == 1).all()
    assert (child[month[early] + 1 + 9, user[early]] == 2).all()


def test_an_event_befalls_only_those_it_can_befall() -> None:
    event = LifeEventConfig(
        per_year=3.0, when={"pet": ["none"], "gender": ["female"]}, sets={"pet": "cat"}, redraw=["fitness"]
    )
    people, life, _ = lives(EvolutionConfig(events={"cat": event}, drifting=[]))
    pet, female = life.state_MBT[:, :, COLUMN["pet"]], people.state_BT[:, COLUMN["gender"]] == 0
    changed = pet[0] != pet[-1]
    assert changed.any()
    assert (female & (pet[0] == 0))[changed].all()
    assert (pet[-1][changed] == 1).all()
    assert changed.sum() == life.happened["cat"]


def test_an_event_that_leads_to_something_implausible_is_refused() -> None:
    """Nobody becomes married and the only one of the family's household."""
    alone = {"household_size": "1", "housing_tenure": "with_family"}
    event = LifeEventConfig(per_year=3.0, sets={"relationship": "married", **alone})
    people, life, _ = lives(EvolutionConfig(events={"odd": event}, drifting=[]))
    assert life.refused > 100
    assert life.happened["odd"] == 0
    married = life.state_MBT[:, :, COLUMN["relationship"]]
    assert (married == people.state_BT[:, COLUMN["relationship"]]).all()


def test_other_is_another_value() -> None:
    event = LifeEventConfig(per_year=1.0, sets={"home_city": "other"})
    _, life, _ = lives(EvolutionConfig(events={"move": event}))
    moved = life.state_MBT[1:, :, COLUMN["home_city"]] != life.state_MBT[:-1, :, COLUMN["home_city"]]
    assert moved.sum() == life.happened["move"]


def test_nothing_changes_in_the_last_days() -> None:
    event = LifeEventConfig(per_year=12.0, sets={"occupation": "other"})
    _, life, days_B = lives(EvolutionConfig(events={"job": event}, settled_days=90), days=400)
    assert life.state_MBT.shape[0] == 14
    assert (life.since() * 30 <= days_B[:, None] - 90).all()


def test_habits_follow_behaviour() -> None:
    """Who does one thing only comes to be it; the sessions of a month draw from the habits of that month."""
    config = EvolutionConfig(
        events={}, drifting=["fitness"], impulse_per_year=0, habit_share=0.9, habit_memory=5
    )
    people, life, days_B = lives(config, users=200)
    rng = np.random.default_rng(2)
    user_S = np.repeat(np.arange(200, dtype=np.int32), 240)
    month_S = np.tile(np.repeat(np.arange(24), 10), 200)
    tag_S = np.full(len(user_S), COLUMN["fitness"], dtype=np.int16)
    value_S = np.full(len(user_S), -1, dtype=np.int16)
    changes = drift(rng, config, life, days_B, user_S, month_S, tag_S, value_S)
    assert set(value_S.tolist()) == {0, 1, 2}
    held = life.state_MBT[month_S, user_S, COLUMN["fitness"]]
    assert (value_S == held).mean() > 0.75
    assert (
        changes
        == (life.state_MBT[1:, :, COLUMN["fitness"]] != life.state_MBT[:-1, :, COLUMN["fitness"]]).sum()
    )
    assert changes > 0


def test_a_life_event_breaks_a_habit() -> None:
    event = LifeEventConfig(per_year=50.0, when={"fitness": ["high"]}, sets={"fitness": "low"})
    config = EvolutionConfig(
        events={"injury": event}, drifting=["fitness"], impulse_per_year=0, habit_share=1.0
    )
    people, life, days_B = lives(config, users=200)
    empty = np.zeros(0, dtype=np.int64)
    drift(
        np.random.default_rng(2), config, life, days_B, empty.astype(np.int32), empty, empty.astype(np.int16),
        empty.astype(np.int16),
    )  # fmt: skip
    high = people.state_BT[:, COLUMN["fitness"]] == 2
    assert high.any()
    assert (life.final()[high, COLUMN["fitness"]] == 0).all()


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (
            LifeEventConfig(when={"pets": ["cat"]}),
            "events.x.when.pets'; the nearest known one is simulate.evolution.events.x.when.pet",
        ),
        (
            LifeEventConfig(when={"pet": ["kat"]}),
            "events.x.when.pet: kat'; the nearest known one is simulate.evolution.events.x.when.pet: cat",
        ),
        (LifeEventConfig(sets={"pet": "bird"}), "events.x.sets.pet: bird'; the nearest known one is"),
        (LifeEventConfig(redraw=["interests"]), "events.x.redraw.interests'; the nearest known one is"),
    ],
)
def test_events_about_nothing_are_refused(event: LifeEventConfig, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        check_evolution(replace(EvolutionConfig(), events={"x": event}))
    with pytest.raises(UserError, match=r"simulate.evolution.drifting: age_group'"):
        check_evolution(EvolutionConfig(drifting=["age_group"]))


def test_cities_and_hobbies_have_weights() -> None:
    config = PopulationConfig(city_weights={"city 3": 24.0}, hobby_weights={"hobby 5": 15.0, "hobby 6": 1e-3})
    rng = np.random.default_rng(0)
    state, _, _ = population(config).draw(rng, 4000)
    in_city = (state[:, COLUMN["home_city"]] == 3).mean()
    assert in_city == pytest.approx(24 / 47, abs=0.03)
    hobbies = population(config).draw_hobbies(rng, 4000)
    first = np.bincount(hobbies[:, 0], minlength=30) / 4000
    assert first[5] == pytest.approx(15 / 43, abs=0.03)  # 28 others of weight 1
    assert (hobbies == 6).mean() < 0.002
    assert all(
        len(set(row)) == len(row) for row in ([h for h in user if h >= 0] for user in hobbies.tolist())
    )
    with pytest.raises(
        UserError, match=r"simulate.population.city_weights.city 33'; the nearest known one is"
    ):
        population(PopulationConfig(city_weights={"city 33": 1.0}))
    with pytest.raises(UserError, match=r"hobby_weights.hobby 5 is 0; give a number above 0"):
        population(PopulationConfig(hobby_weights={"hobby 5": 0.0}))
