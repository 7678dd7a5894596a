"""The core persona: who users are at the start of their histories, and what they lean towards.

Values are drawn along a chain — age first, then what depends on it — so that a persona is plausible as a
whole.

Suffixes: `_B` users of a block, `_T` tags in the order of TAG_NAMES, `_P` preferences, `_V` values of a tag.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from records.errors import UserError
from records.options import unknown_key
from records.population import PopulationConfig
from records.simulation import QualityConfig
from records.tags import TAG, TAG_NAMES
from simulate.world import TRAITS, World

HOMES = ("alone", "couple", "children", "with_family")
"""The derived value `home` that the size of a household depends on."""

AGE_FROM = tuple(int(value.rstrip("+").partition("-")[0]) for value in TAG["age_group"].values)
"""First year of each age group."""

CLOSED = tuple(tag for tag in TAG_NAMES if TAG[tag].values)
COLUMN = {tag: place for place, tag in enumerate(TAG_NAMES)}

MOST_HOBBIES = TAG["interests"].max_values
REDRAWS = 50
"""How often an implausible persona is drawn again before the population is called impossible."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Personas:
    """B core personas. `state_BT` holds value numbers (of open tags: the city; interests -1).

    `hobby_BH` numbers the world's hobbies, -1 where a user has fewer. Preferences lie in [0, 1].
    """

    state_BT: NDArray[np.int16]
    age_B: NDArray[np.float64]
    hobby_BH: NDArray[np.int16]
    trait_B5: NDArray[np.float64]
    preference_BP: NDArray[np.float64]
    redrawn: int


class Population:
    """The tables of a config, ready to draw from.

    Raises:
        UserError: percentages do not sum to 100, values are unknown or missing, ages contradict, in one line.
    """

    def __init__(
        self, config: PopulationConfig, quality: QualityConfig, cities: Sequence[str], hobbies: Sequence[str]
    ) -> None:
        check_population(config, quality)
        self.config = config
        self.cities = len(cities)
        self.city_weights = _weights("city_weights", config.city_weights, cities)
        self.hobby_weights = _weights("hobby_weights", config.hobby_weights, hobbies)
        self.tables = {
            tag: np.array([config.tables[tag].percent[value] for value in _given_values(config, tag)]) / 100
            for tag in CLOSED
        }
        self.order = _in_order(config)
        self.implausible = [
            [(COLUMN[tag], TAG[tag].values.index(value)) for tag, value in pair.items()]
            for pair in quality.implausible
        ]

    def draw(
        self, rng: np.random.Generator, users: int
    ) -> tuple[NDArray[np.int16], NDArray[np.float64], int]:
        """Values of all closed tags and the home city, exact ages, and how many personas were redrawn."""
        state_BT = np.full((users, len(TAG_NAMES)), -1, dtype=np.int16)
        todo = np.arange(users)
        redrawn = 0
        for _ in range(REDRAWS):
            fresh = np.full((len(todo), len(TAG_NAMES)), -1, dtype=np.int16)
            for tag in self.order:
                fresh[:, COLUMN[tag]] = self.redraw(rng, tag, fresh)
            state_BT[todo] = fresh
            todo = todo[self.is_implausible(fresh)]
            if not len(todo):
                break
            redrawn += len(todo)
        else:
            raise UserError(
                f"simulate.population: after {REDRAWS} draws {len(todo)} of {users} personas are still "
                "implausible by simulate.quality.implausible; the tables and these pairs contradict"
            )
        city_B = rng.integers(0, self.cities, users)
        if self.config.city_weights:
            city_B = rng.choice(self.cities, users, p=self.city_weights / self.city_weights.sum())
        state_BT[:, COLUMN["home_city"]] = city_B
        low = np.maximum(np.array(AGE_FROM), self.config.youngest)[state_BT[:, COLUMN["age_group"]]]
        edges = np.minimum((*AGE_FROM[1:], self.config.oldest + 1), self.config.oldest + 1)
        low[state_BT[:, COLUMN["age_group"]] == 0] = self.config.youngest
        high = edges[state_BT[:, COLUMN["age_group"]]]
        return state_BT, low + rng.random(users) * (high - low), redrawn

    def redraw(self, rng: np.random.Generator, tag: str, state_NT: NDArray[np.int16]) -> NDArray[np.int16]:
        """Values of `tag` drawn from its table, given the others of N states."""
        given = self.config.tables[tag].given
        if not given:
            row_N = np.zeros(len(state_NT), dtype=np.int64)
        elif given == "home":
            row_N = _home(state_NT)
        else:
            row_N = state_NT[:, COLUMN[given]].astype(np.int64)
        weight_NV = self.tables[tag][row_N]
        if tag == "child_stage":
            factor_N = np.where(
                state_NT[:, COLUMN["relationship"]] == TAG["relationship"].values.index("single"),
                self.config.parent_if_single,
                1.0,
            )
            parent_NV = weight_NV[:, 1:] * factor_N[:, None]
            weight_NV = np.concatenate([1.0 - parent_NV.sum(axis=1, keepdims=True), parent_NV], axis=1)
        edge_NV = np.cumsum(weight_NV, axis=1)[:, :-1]
        drawn: NDArray[np.int16] = (rng.random((len(state_NT), 1)) >= edge_NV).sum(axis=1).astype(np.int16)
        return drawn

    def draw_hobbies(self, rng: np.random.Generator, users: int) -> NDArray[np.int16]:
        """One to three different hobbies a user."""
        edges = np.cumsum(self.config.hobbies)[:-1] / sum(self.config.hobbies)
        count_B = 1 + (rng.random((users, 1)) >= edges).sum(axis=1)
        # The smallest of exponential times, by weight: drawing one after the other without replacement.
        time_BH = -np.log1p(-rng.random((users, len(self.hobby_weights)))) / self.hobby_weights
        ranked_BH = np.argsort(time_BH, axis=1)[:, :MOST_HOBBIES].astype(np.int16)
        ranked_BH[np.arange(MOST_HOBBIES) >= count_B[:, None]] = -1
        return ranked_BH

    def is_implausible(self, state_NT: NDArray[np.int16]) -> NDArray[np.bool_]:
        """Which of N states hold values that never stand together."""
        found = np.zeros(len(state_NT), dtype=np.bool_)
        for pair in self.implausible:
            found |= np.logical_and.reduce([state_NT[:, column] == value for column, value in pair])
        return found


def draw_personas(rng: np.random.Generator, population: Population, world: World, users: int) -> Personas:
    """B personas, whole."""
    state_BT, age_B, redrawn = population.draw(rng, users)
    trait_B5 = rng.normal(size=(users, len(TRAITS)))
    return Personas(
        state_BT=state_BT,
        age_B=age_B,
        hobby_BH=population.draw_hobbies(rng, users),
        trait_B5=trait_B5,
        preference_BP=_preferences(rng, population.config, world, trait_B5, state_BT),
        redrawn=redrawn,
    )


def _preferences(
    rng: np.random.Generator,
    config: PopulationConfig,
    world: World,
    trait_B5: NDArray[np.float64],
    state_BT: NDArray[np.int16],
) -> NDArray[np.float64]:
    users, preferences = len(state_BT), world.preferences
    loading_5P = np.array([[p.traits.get(trait, 0.0) for p in preferences] for trait in TRAITS])
    groups = list(dict.fromkeys(p.group for p in preferences))
    common_BG = rng.normal(scale=config.group_spread, size=(users, len(groups)))
    score_BP = trait_B5 @ loading_5P + common_BG[:, [groups.index(p.group) for p in preferences]]
    score_BP += rng.normal(scale=config.own_spread, size=score_BP.shape)
    for place, preference in enumerate(preferences):
        for (tag, value), shift in preference.anchors.items():
            score_BP[state_BT[:, COLUMN[tag]] == TAG[tag].values.index(value), place] += shift
    preference_BP: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-score_BP))
    return preference_BP


def _home(state_NT: NDArray[np.int16]) -> NDArray[np.int64]:
    """Number in HOMES."""
    child = state_NT[:, COLUMN["child_stage"]]
    single = state_NT[:, COLUMN["relationship"]] == TAG["relationship"].values.index("single")
    with_family = state_NT[:, COLUMN["housing_tenure"]] == TAG["housing_tenure"].values.index("with_family")
    return np.select([child > 1, with_family, single], [2, 3, 0], default=1)


def _given_values(config: PopulationConfig, tag: str) -> tuple[str, ...]:
    given = config.tables[tag].given
    if not given:
        return ("all",)
    return HOMES if given == "home" else TAG[given].values


def _weights(key: str, given: Mapping[str, float], names: Sequence[str]) -> NDArray[np.float64]:
    for name, weight in given.items():
        if name not in names:
            raise UserError(unknown_key("recipe", f"simulate.population.{key}.", name, names))
        if not 0 < weight < 1e6:
            raise UserError(f"simulate.population.{key}.{name} is {weight:g}; give a number above 0")
    return np.array([given.get(name, 1.0) for name in names])


def _needs(config: PopulationConfig, tag: str) -> Iterable[str]:
    given = config.tables[tag].given
    if given == "home":
        return ("child_stage", "housing_tenure", "relationship")
    return (*((given,) if given else ()), *(("relationship",) if tag == "child_stage" else ()))


def _in_order(config: PopulationConfig) -> list[str]:
    order: list[str] = []
    while len(order) < len(CLOSED):
        ready = [
            tag for tag in CLOSED if tag not in order and all(need in order for need in _needs(config, tag))
        ]
        if not ready:
            left = ", ".join(tag for tag in CLOSED if tag not in order)
            raise UserError(f"simulate.population.tables: {left} depend on each other in a circle; cut it")
        order += ready
    return order


def check_population(config: PopulationConfig, quality: QualityConfig) -> None:
    """Refuse an impossible population; raises UserError that names the key and the mend."""
    key = "simulate.population"
    for tag in {**dict.fromkeys(CLOSED), **config.tables}:
        if tag not in CLOSED:
            raise UserError(unknown_key("recipe", f"{key}.tables.", tag, CLOSED))
        if tag not in config.tables:
            raise UserError(f"{key}.tables: {tag} has no table; add it")
        given = config.tables[tag].given
        if given and given != "home" and given not in CLOSED:
            raise UserError(unknown_key("recipe", f"{key}.tables.{tag}.given: ", given, (*CLOSED, "home")))
        rows, values = config.tables[tag].percent, TAG[tag].values
        expected = _given_values(config, tag)
        if set(rows) != set(expected):
            raise UserError(f"{key}.tables.{tag}.percent needs exactly the rows {', '.join(expected)}")
        for row, percent in rows.items():
            place = f"{key}.tables.{tag}.percent.{row}"
            if len(percent) != len(values) or not all(share >= 0 for share in percent):
                raise UserError(
                    f"{place}: give {len(values)} percentages of at least 0, for {', '.join(values)}"
                )
            if abs(sum(percent) - 100) > 0.01:
                raise UserError(f"{place}: the percentages sum to {sum(percent):g}, not to 100")
    _in_order(config)
    if config.youngest > config.oldest:
        raise UserError(f"{key}.youngest {config.youngest} is above {key}.oldest {config.oldest}")
    ages = np.array([rows for rows in config.tables["age_group"].percent.values()]).max(axis=0)
    for group, share in enumerate(ages):
        low = AGE_FROM[group] if group else 0
        high = AGE_FROM[group + 1] - 1 if group + 1 < len(AGE_FROM) else 200
        if share > 0 and (high < config.youngest or low > config.oldest):
            raise UserError(
                f"{key}.tables.age_group gives {TAG['age_group'].values[group]} a share, but ages go from "
                f"{key}.youngest {config.youngest} to {key}.oldest {config.oldest}; change one of them"
            )
    if (
        len(config.hobbies) != MOST_HOBBIES
        or abs(sum(config.hobbies) - 100) > 0.01
        or min(config.hobbies) < 0
    ):
        raise UserError(f"{key}.hobbies: give {MOST_HOBBIES} percentages that sum to 100")
    for pair in quality.implausible:
        for tag, value in pair.items():
            if tag not in CLOSED or value not in TAG[tag].values:
                raise UserError(f"simulate.quality.implausible: there is no {tag}: {value}")
