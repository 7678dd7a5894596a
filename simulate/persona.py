"""The core persona: who a user is, who they were, and what they leaned towards.

Values are drawn along a chain — age first, then what depends on it — so that a persona is plausible as a
whole. The marginals and conditionals are rounded, invented figures for an adult online population; each row
lists weights in the order of the tag's values in `records.tags`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from records.tags import TAG

GENDER = (52, 48)
AGE = (18, 26, 23, 17, 16)
LIFE_STAGE_BY_AGE = {
    "18-24": (55, 43, 2, 0),
    "25-34": (12, 56, 32, 0),
    "35-44": (3, 20, 77, 0),
    "45-54": (1, 7, 86, 6),
    "55+": (0, 2, 40, 58),
}
RELATIONSHIP_BY_AGE = {
    "18-24": (60, 34, 6),
    "25-34": (34, 38, 28),
    "35-44": (26, 26, 48),
    "45-54": (26, 20, 54),
    "55+": (30, 14, 56),
}
CHILD_BY_AGE = {
    "18-24": (76, 12, 9, 3, 0),
    "25-34": (34, 20, 24, 16, 6),
    "35-44": (26, 11, 16, 22, 25),
    "45-54": (46, 2, 5, 12, 35),
    "55+": (88, 0, 1, 4, 7),
}
PARENT_IF_SINGLE = 0.4
TENURE_BY_AGE = {
    "18-24": (6, 46, 48),
    "25-34": (26, 50, 24),
    "35-44": (48, 40, 12),
    "45-54": (60, 30, 10),
    "55+": (66, 24, 10),
}
HOUSEHOLD_BY_HOME = {
    "alone": (66, 20, 9, 5),
    "couple": (3, 76, 14, 7),
    "children": (0, 8, 64, 28),
    "with_family": (0, 12, 54, 34),
}
PET_BY_TENURE = {"owner": (32, 30, 38), "renter": (40, 38, 22), "with_family": (38, 30, 32)}
OCCUPATION_BY_LIFE_STAGE = {
    "student": (70, 3, 12, 2, 3, 3, 2, 2, 3),
    "early_career": (2, 22, 17, 12, 11, 15, 11, 6, 4),
    "established": (1, 20, 10, 12, 13, 13, 13, 13, 5),
    "retired": (0, 2, 4, 2, 3, 2, 4, 9, 74),
}
EDUCATION_BY_OCCUPATION = {
    "student": (44, 36, 20),
    "office": (22, 52, 26),
    "service": (66, 26, 8),
    "healthcare": (16, 44, 40),
    "education": (8, 44, 48),
    "technical": (18, 44, 38),
    "trades": (78, 17, 5),
    "self_employed": (36, 40, 24),
    "not_working": (48, 34, 18),
}
INCOME_BY_OCCUPATION = {
    "student": (76, 19, 5),
    "office": (18, 52, 30),
    "service": (54, 38, 8),
    "healthcare": (16, 44, 40),
    "education": (18, 58, 24),
    "technical": (8, 38, 54),
    "trades": (28, 52, 20),
    "self_employed": (28, 36, 36),
    "not_working": (52, 34, 14),
}
PRICE_BY_INCOME = {"low": (58, 34, 8), "middle": (28, 46, 26), "high": (14, 34, 52)}
DINING_BY_HOUSEHOLD = {
    "1": (20, 36, 24, 20),
    "2": (28, 22, 28, 22),
    "3-4": (40, 20, 16, 24),
    "5+": (48, 18, 12, 22),
}
FITNESS_BY_AGE = {
    "18-24": (26, 38, 36),
    "25-34": (28, 38, 34),
    "35-44": (34, 38, 28),
    "45-54": (38, 40, 22),
    "55+": (44, 40, 16),
}
CHRONOTYPE_BY_AGE = {
    "18-24": (16, 32, 52),
    "25-34": (26, 36, 38),
    "35-44": (36, 36, 28),
    "45-54": (40, 36, 24),
    "55+": (46, 36, 18),
}
MOBILITY_BY_INCOME = {"low": (54, 34, 12), "middle": (36, 40, 24), "high": (22, 38, 40)}
HOBBY_COUNT = (35, 40, 25)
"""Weights of one, two or three hobbies."""

MOVE = 0.25
"""Share of users who changed city during the history."""

LIFE_EVENTS: tuple[tuple[float, tuple[str, ...]], ...] = (
    (0.18, ("occupation", "income_band")),
    (0.18, ("relationship", "household_size")),
    (0.14, ("housing_tenure", "household_size")),
    (0.18, ("age_group",)),
    (0.18, ("life_stage",)),
    (0.16, ("pet",)),
    (0.14, ("education",)),
)
"""Event-driven change: share of users, and the tags that change that day (the first always, others half)."""

DRIFT: dict[str, float] = {
    "dining_style": 0.18,
    "fitness": 0.18,
    "price_sensitivity": 0.18,
    "mobility": 0.18,
    "chronotype": 0.25,
}
"""Behaviour-driven change: share of users who come from a neighbouring value."""

CHANGE_BETWEEN = (0.4, 0.8)
"""Events and drift fall between these shares of the history, so that both sides leave traces."""

STAGE_DAYS = {"expecting": 270, "infant": 730, "preschool": 1095, "school_age": 2500}
"""How long a child stage lasts; the one before it ends where it begins."""

SETTLED_DAYS = 45
"""The last child stage began at least so many days before the end of the history."""

Segments = tuple[tuple[int, str], ...]
"""A tag over time, in order: (first day, counted from the start of the history, value), from day 0 on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """Leanings in [0, 1] derived from the Big Five, which move the transitions of the engine."""

    loyalty: float
    impulse: float
    search_first: float
    outgoing: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Persona:
    """One user: every closed tag and home_city as segments over time, hobbies, traits and leanings."""

    segments: dict[str, Segments]
    hobbies: tuple[str, ...]
    big_five: dict[str, float]
    preferences: Preferences

    def final(self, tag: str) -> str:
        """The value of a closed tag, or the home city, on the last day."""
        return self.segments[tag][-1][1]


def draw_persona(
    rng: np.random.Generator, days: int, cities: tuple[str, ...], hobbies: tuple[str, ...]
) -> Persona:
    """A persona whose history lasts `days` days, with a home among `cities` and one to three `hobbies`."""
    final = _final_values(rng)
    segments: dict[str, Segments] = {tag: ((0, value),) for tag, value in final.items()}
    segments["child_stage"] = _childhood(rng, final["child_stage"], days)
    for share, tags in LIFE_EVENTS:
        if rng.random() < share:
            day = _change_day(rng, days)
            for tag in tags:
                if tag == tags[0] or rng.random() < 0.5:
                    segments[tag] = _changed(_neighbour(rng, tag, final[tag]), day, final[tag])
    for tag, share in DRIFT.items():
        if rng.random() < share:
            segments[tag] = _changed(_neighbour(rng, tag, final[tag]), _change_day(rng, days), final[tag])
    home, former_home = (cities[i] for i in rng.choice(len(cities), 2, replace=False).tolist())
    moved = rng.random() < MOVE
    segments["home_city"] = _changed(former_home if moved else home, _change_day(rng, days), home)
    count = int(_pick(rng, ("1", "2", "3"), HOBBY_COUNT))
    chosen = rng.choice(len(hobbies), count, replace=False).tolist()
    big_five = dict(zip("OCEAN", rng.normal(size=5).tolist(), strict=True))
    return Persona(
        segments=segments,
        hobbies=tuple(hobbies[i] for i in chosen),
        big_five=big_five,
        preferences=_preferences(big_five),
    )


def _final_values(rng: np.random.Generator) -> dict[str, str]:
    v: dict[str, str] = {}

    def draw(tag: str, weights: Sequence[float]) -> None:
        v[tag] = _pick(rng, TAG[tag].values, weights)

    draw("gender", GENDER)
    draw("age_group", AGE)
    draw("life_stage", LIFE_STAGE_BY_AGE[v["age_group"]])
    draw("relationship", RELATIONSHIP_BY_AGE[v["age_group"]])
    childless, *parent = CHILD_BY_AGE[v["age_group"]]
    damping = PARENT_IF_SINGLE if v["relationship"] == "single" else 1.0
    draw("child_stage", (childless, *(weight * damping for weight in parent)))
    draw("housing_tenure", TENURE_BY_AGE[v["age_group"]])
    draw("household_size", HOUSEHOLD_BY_HOME[_home(v)])
    draw("pet", PET_BY_TENURE[v["housing_tenure"]])
    draw("occupation", OCCUPATION_BY_LIFE_STAGE[v["life_stage"]])
    draw("education", EDUCATION_BY_OCCUPATION[v["occupation"]])
    draw("income_band", INCOME_BY_OCCUPATION[v["occupation"]])
    draw("price_sensitivity", PRICE_BY_INCOME[v["income_band"]])
    draw("dining_style", DINING_BY_HOUSEHOLD[v["household_size"]])
    draw("fitness", FITNESS_BY_AGE[v["age_group"]])
    draw("chronotype", CHRONOTYPE_BY_AGE[v["age_group"]])
    draw("mobility", MOBILITY_BY_INCOME[v["income_band"]])
    return v


def _home(values: dict[str, str]) -> str:
    if values["child_stage"] not in ("none", "expecting"):
        return "children"
    if values["housing_tenure"] == "with_family":
        return "with_family"
    return "alone" if values["relationship"] == "single" else "couple"


def _childhood(rng: np.random.Generator, final: str, days: int) -> Segments:
    """The stages a parent went through during the history, the last one being `final`."""
    if final == "none":
        return ((0, final),)
    stages = TAG["child_stage"].values
    start = days - int(rng.uniform(SETTLED_DAYS, STAGE_DAYS[final]))
    found = [(start, final)]
    while found[0][0] > 0:
        before = stages[stages.index(found[0][1]) - 1]
        found.insert(0, (found[0][0] - STAGE_DAYS.get(before, days), before))
    return tuple((max(0, day), stage) for day, stage in found)


def _changed(former: str, day: int, final: str) -> Segments:
    return ((0, final),) if former == final else ((0, former), (day, final))


def _change_day(rng: np.random.Generator, days: int) -> int:
    return max(1, int(days * rng.uniform(*CHANGE_BETWEEN)))


def _neighbour(rng: np.random.Generator, tag: str, value: str) -> str:
    """A former value: next to `value` in the order of the tag, or any other where there is no order.

    Age, life stage and education only rise, so their former value lies below; the lowest stays as it is.
    """
    values = TAG[tag].values
    if tag in ("occupation", "pet"):
        others = [other for other in values if other != value]
    else:
        place = values.index(value)
        others = [values[i] for i in (place - 1, place + 1) if 0 <= i < len(values)]
        if tag in ("age_group", "life_stage", "education"):
            others = others[:1] if place else [value]
    return others[int(rng.random() * len(others))]


def _preferences(big_five: dict[str, float]) -> Preferences:
    o, c, e, a, n = (big_five[trait] for trait in "OCEAN")

    def lean(score: float) -> float:
        return float(1.0 / (1.0 + np.exp(-score)))

    return Preferences(
        loyalty=lean(0.6 * c - 0.6 * o),
        impulse=lean(0.6 * n - 0.6 * c),
        search_first=lean(0.5 * c + 0.3 * o),
        outgoing=lean(0.7 * e + 0.3 * a),
    )


def _pick(rng: np.random.Generator, values: tuple[str, ...], weights: Sequence[float]) -> str:
    left = rng.random() * sum(weights)
    for value, weight in zip(values, weights, strict=True):
        left -= weight
        if left < 0:
            return value
    return values[-1]
