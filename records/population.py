"""The schema of simulated people: who they are at the start of their histories, and how they change.

Percentages stand in the order of the tag's values in `records.tags`; all are rounded and invented, for an
adult online population.
"""

from dataclasses import dataclass

from records.options import opt


@dataclass
class TableConfig:
    given: str = opt("", "What it depends on: a tag, or home (derived); empty: nothing.")
    percent: dict[str, list[float]] = opt(
        {}, "Percentages of the tag's values by value of `given` (`all` where nothing is given); sum 100."
    )


def _table(given: str = "", **percent: list[float]) -> TableConfig:
    return TableConfig(given=given, percent=percent)


def _tables() -> dict[str, TableConfig]:
    t = TableConfig
    return {
        "gender": _table(all=[52, 48]),
        "age_group": _table(all=[18, 26, 23, 17, 16]),
        "life_stage": t(
            "age_group",
            {
                "18-24": [55, 43, 2, 0],
                "25-34": [12, 56, 32, 0],
                "35-44": [3, 20, 77, 0],
                "45-54": [1, 7, 86, 6],
                "55+": [0, 2, 40, 58],
            },
        ),
        "relationship": t(
            "age_group",
            {
                "18-24": [60, 34, 6],
                "25-34": [34, 38, 28],
                "35-44": [26, 26, 48],
                "45-54": [26, 20, 54],
                "55+": [30, 14, 56],
            },
        ),
        "child_stage": t(
            "age_group",
            {
                "18-24": [76, 12, 9, 3, 0],
                "25-34": [34, 20, 24, 16, 6],
                "35-44": [26, 11, 16, 22, 25],
                "45-54": [46, 2, 5, 12, 35],
                "55+": [88, 0, 1, 4, 7],
            },
        ),
        "housing_tenure": t(
            "age_group",
            {
                "18-24": [6, 46, 48],
                "25-34": [26, 50, 24],
                "35-44": [48, 40, 12],
                "45-54": [60, 30, 10],
                "55+": [66, 24, 10],
            },
        ),
        "household_size": t(
            "home",
            {
                "alone": [66, 20, 9, 5],
                "couple": [3, 76, 14, 7],
                "children": [0, 8, 64, 28],
                "with_family": [0, 12, 54, 34],
            },
        ),
        "pet": t(
            "housing_tenure", {"owner": [32, 30, 38], "renter": [40, 38, 22], "with_family": [38, 30, 32]}
        ),
        "occupation": t(
            "life_stage",
            {
                "student": [70, 3, 12, 2, 3, 3, 2, 2, 3],
                "early_career": [2, 22, 17, 12, 11, 15, 11, 6, 4],
                "established": [1, 20, 10, 12, 13, 13, 13, 13, 5],
                "retired": [0, 2, 4, 2, 3, 2, 4, 9, 74],
            },
        ),
        "education": t(
            "occupation",
            {
                "student": [44, 36, 20],
                "office": [22, 52, 26],
                "service": [66, 26, 8],
                "healthcare": [16, 44, 40],
                "education": [8, 44, 48],
                "technical": [18, 44, 38],
                "trades": [78, 17, 5],
                "self_employed": [36, 40, 24],
                "not_working": [48, 34, 18],
            },
        ),
        "income_band": t(
            "occupation",
            {
                "student": [76, 19, 5],
                "office": [18, 52, 30],
                "service": [54, 38, 8],
                "healthcare": [16, 44, 40],
                "education": [18, 58, 24],
                "technical": [8, 38, 54],
                "trades": [28, 52, 20],
                "self_employed": [28, 36, 36],
                "not_working": [52, 34, 14],
            },
        ),
        "price_sensitivity": t(
            "income_band", {"low": [58, 34, 8], "middle": [28, 46, 26], "high": [14, 34, 52]}
        ),
        "dining_style": t(
            "household_size",
            {"1": [20, 36, 24, 20], "2": [28, 22, 28, 22], "3-4": [40, 20, 16, 24], "5+": [48, 18, 12, 22]},
        ),
        "fitness": t(
            "age_group",
            {
                "18-24": [26, 38, 36],
                "25-34": [28, 38, 34],
                "35-44": [34, 38, 28],
                "45-54": [38, 40, 22],
                "55+": [44, 40, 16],
            },
        ),
        "chronotype": t(
            "age_group",
            {
                "18-24": [16, 32, 52],
                "25-34": [26, 36, 38],
                "35-44": [36, 36, 28],
                "45-54": [40, 36, 24],
                "55+": [46, 36, 18],
            },
        ),
        "mobility": t("income_band", {"low": [54, 34, 12], "middle": [36, 40, 24], "high": [22, 38, 40]}),
    }


@dataclass
class PopulationConfig:
    tables: dict[str, TableConfig] = opt(_tables(), "Percentages of every closed tag at the start.")
    youngest: int = opt(18, "Age of the youngest user at the start of a history, years.", low=0, high=120)
    oldest: int = opt(82, "Age of the oldest user at the start of a history, years.", low=0, high=120)
    parent_if_single: float = opt(
        0.4, "Factor on the odds of children for singles; the rest have none.", low=0, high=1
    )
    hobbies: list[float] = opt([35, 40, 25], "Percentages of users with one, two and three hobbies.")
    hobby_weights: dict[str, float] = opt({}, "How common a hobby is beside the others; 1 where not named.")
    city_weights: dict[str, float] = opt({}, "How many live in a city beside others; 1 where not named.")
    group_spread: float = opt(
        0.5, "Deviation of the log odds of a preference that its group has in common.", low=0
    )
    own_spread: float = opt(
        0.8, "Deviation of the log odds of a preference that nothing else explains.", low=0
    )


@dataclass
class LifeEventConfig:
    per_year: float = opt(0.0, "How often a year it happens to those it can happen to.", low=0)
    when: dict[str, list[str]] = opt(
        {}, "Whom it can happen to: tag → values, all of them to hold (of a drifting tag: habits aside)."
    )
    sets: dict[str, str] = opt({}, "Tag → value from then on; `other` is any other value, drawn evenly.")
    redraw: list[str] = opt([], "Tags drawn anew from their tables, given what is set.")


def _life_events() -> dict[str, LifeEventConfig]:
    def event(
        per_year: float, when: dict[str, list[str]], sets: dict[str, str], *redraw: str
    ) -> LifeEventConfig:
        return LifeEventConfig(per_year=per_year, when=when, sets=sets, redraw=list(redraw))

    fertile = ["18-24", "25-34", "35-44"]
    working = ["early_career", "established"]
    return {
        "new_partner": event(
            0.25, {"relationship": ["single"]}, {"relationship": "partnered"}, "household_size"
        ),
        "wedding": event(0.22, {"relationship": ["partnered"]}, {"relationship": "married"}),
        "separation": event(
            0.06, {"relationship": ["partnered", "married"]}, {"relationship": "single"}, "household_size"
        ),
        "pregnancy": event(
            0.16,
            {"relationship": ["partnered", "married"], "age_group": fertile, "child_stage": ["none"]},
            {"child_stage": "expecting"},
        ),
        "move_city": event(0.17, {}, {"home_city": "other"}),
        "buy_home": event(
            0.10, {"housing_tenure": ["renter"]}, {"housing_tenure": "owner"}, "household_size"
        ),
        "leave_parents": event(
            0.20, {"housing_tenure": ["with_family"]}, {"housing_tenure": "renter"}, "household_size"
        ),
        "return_to_family": event(
            0.05, {"housing_tenure": ["renter"]}, {"housing_tenure": "with_family"}, "household_size"
        ),
        "graduation": event(
            0.35, {"life_stage": ["student"]}, {"life_stage": "early_career"}, "occupation", "income_band"
        ),
        "settling_in": event(0.14, {"life_stage": ["early_career"]}, {"life_stage": "established"}),
        "new_job": event(0.16, {"life_stage": working}, {}, "occupation", "income_band"),
        "degree": event(0.06, {"education": ["school"]}, {"education": "bachelor"}),
        "further_degree": event(0.06, {"education": ["bachelor"]}, {"education": "postgraduate"}),
        "raise": event(0.10, {"income_band": ["low"], "life_stage": working}, {"income_band": "middle"}),
        "promotion": event(0.08, {"income_band": ["middle"], "life_stage": working}, {"income_band": "high"}),
        "retirement": event(
            0.20,
            {"age_group": ["55+"], "life_stage": ["established"]},
            {"life_stage": "retired", "occupation": "not_working"},
            "income_band",
        ),
        "get_cat": event(0.12, {"pet": ["none"]}, {"pet": "cat"}),
        "get_dog": event(0.10, {"pet": ["none"]}, {"pet": "dog"}),
        "lose_pet": event(0.10, {"pet": ["cat", "dog"]}, {"pet": "none"}),
    }


@dataclass
class EvolutionConfig:
    events: dict[str, LifeEventConfig] = opt(_life_events(), "Event-driven change, month by month.")
    settled_days: int = opt(45, "Days before the end of a history from which on nothing changes.", low=0)
    child_months: dict[str, int] = opt(
        {"expecting": 9, "infant": 24, "preschool": 36, "school_age": 120},
        "Months that a child stage lasts; after the last one children are no longer seen in a log.",
    )
    drifting: list[str] = opt(
        ["dining_style", "fitness", "price_sensitivity", "chronotype", "mobility"],
        "Tags that behaviour changes: their value is the habit that has become the strongest.",
    )
    habit_memory: float = opt(25.0, "Sessions after which a habit is half forgotten.", low=1)
    impulse_per_year: float = opt(0.3, "New habits tried a year, a drifting tag.", low=0)
    impulse_size: float = opt(
        0.8, "Share of a drifting tag's behaviour that a new habit takes.", low=0, high=1
    )
    habit_share: float = opt(
        0.94, "Share of a drifting tag's behaviour in its value at the start.", low=0, high=1
    )
