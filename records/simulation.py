"""The schema of a simulation: every rate and marginal of the simulated population, in one place.

All figures are rounded and invented, for an adult online population. Percentages stand in the order of the
tag's values in `records.tags`. What the world offers (desires, catalogue, titles, cities, preferences) are
data files, see `simulate/shipped/`.
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


def _population() -> dict[str, TableConfig]:
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
    tables: dict[str, TableConfig] = opt(_population(), "Percentages of every closed tag at the start.")
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


@dataclass
class BehaviourConfig:
    activity_spread: float = opt(
        0.84, "Deviation of the log activity between users (0.84: the 95th percentile is 4 medians).", low=0
    )
    week_shape: float = opt(
        4.0, "Shape of the gamma mood of a week: smaller means longer silences.", low=0.05
    )
    day_shape: float = opt(4.0, "Shape of the gamma mood of a day: smaller means burstier.", low=0.05)
    evidence: float = opt(
        0.62, "Share of sessions that show something of a user none of whose tags is NA.", low=0, high=1
    )
    ramp: list[float] = opt(
        [0.7, 0.6], "Factor on `evidence` at the start of a history, and its rise up to the end."
    )
    evenness: float = opt(5.0, "Dirichlet concentration of a user's evidence over tags.", low=0.1)
    news: float = opt(
        0.25, "Share of sessions in the months after a change that are about what changed.", low=0, high=1
    )
    news_months: int = opt(2, "Months after a change in which it is news.", low=0)
    popularity: float = opt(1.8, "Zipf exponent of the items that satisfy an everyday desire.", low=0)
    telling_popularity: float = opt(0.6, "The same of the items of a desire that shows a tag.", low=0)
    fancy: float = opt(0.9, "Deviation of the log weight of an everyday desire between users.", low=0)
    taste: float = opt(0.9, "Deviation of the log appeal of an item between users.", low=0)
    loyalty: float = opt(0.55, "Share of choices that fall on the listing chosen before.", low=0, high=1)
    switch: float = opt(
        0.3, "Probability that a later event of a session looks at another item.", low=0, high=1
    )
    longest_session: int = opt(10, "Events a session, at most.", low=1, high=100)
    pause_s: float = opt(30.0, "Least time between two sessions of a user, seconds.", low=0)
    hours_of: dict[str, list[int]] = opt(
        {"morning": [5, 11], "daytime": [11, 18], "night": [18, 29]},
        "First hour and the one after the last by chronotype; from 24 on: the early morning of the same day.",
    )
    own_hours: float = opt(
        0.6,
        "Share of sessions a marked chronotype puts into its window; the others follow the platform.",
        low=0,
        high=1,
    )
    trips_per_year: dict[str, float] = opt(
        {"local": 0.4, "regional": 2.0, "frequent_flyer": 6.0}, "Trips by mobility."
    )
    trips_if_hidden: float = opt(1.5, "Trips a year of users whose mobility stays hidden.", low=0)
    trip_days: list[int] = opt([2, 7], "Shortest and longest trip, days.")
    several: float = opt(0.15, "Share of purchases of more than one piece.", low=0, high=1)
    one_more: float = opt(
        0.4, "Probability of a further piece, after the second and each next.", low=0, high=0.99
    )
    price_spread: float = opt(0.3, "Deviation of the log price of an item between purchases.", low=0)


@dataclass
class NoiseConfig:
    na_rate: float = opt(0.12, "Probability that a tag leaves no evidence in a user's log.", low=0, high=1)
    misclick_rate: float = opt(
        0.04, "Share of events with no intent behind them, of actions with `slips`.", low=0, high=1
    )
    gift_rate: float = opt(0.07, "Share of sessions made for somebody else.", low=0, high=1)
    gift_tags: int = opt(3, "Tags in which those a user buys for differ from the user.", low=1)
    gift_platform: str = opt("E-commerce", "Where gifts are bought.")
    festival_gifts: float = opt(3.0, "Factor on `gift_rate` during festivals.", low=0)
    shared_users: float = opt(0.35, "Share of users whose account a housemate uses too.", low=0, high=1)
    shared_share: list[float] = opt([0.15, 0.35], "Smallest and largest share of such an account's sessions.")
    shared_from: list[int] = opt([6, 21], "Earliest and latest first hour of a housemate's use.")
    shared_hours: int = opt(3, "Hours of the day within which a housemate uses the account.", low=1, high=24)
    shared_tags: list[str] = opt(
        ["gender", "age_group", "fitness", "education", "occupation", "price_sensitivity"],
        "Tags that a housemate's sessions contradict.",
    )
    loop_rate: float = opt(0.002, "Share of sessions that end in a dead loop.", low=0, high=1)
    loop_length: list[int] = opt([4, 20], "Fewest and most repetitions of a dead loop.")
    loop_gap_s: list[float] = opt([0.8, 4.0], "Shortest and longest seconds between its events.")


@dataclass
class PeriodConfig:
    kind: str = opt("festival", "festival, holiday, term or shock.")
    start: str = opt("", "First day as MM-DD, every year; empty: days of its own, drawn for the world.")
    days: int = opt(7, "Length, days.", low=1, high=366)
    per_year: float = opt(1.0, "How often a year it happens where `start` is empty.", low=0, high=24)
    activity: float = opt(1.0, "Factor on everybody's activity.", low=0)
    orders: float = opt(1.0, "Factor on the odds of ordering.", low=0)
    platforms: dict[str, float] = opt({}, "Further factor on the activity on a platform.")


def _periods() -> dict[str, PeriodConfig]:
    p = PeriodConfig
    return {
        "New Year sale": p("festival", "01-02", 6, activity=1.6, orders=1.3),
        "Valentine's Day": p("festival", "02-10", 5, activity=1.5, orders=1.2, platforms={"Places": 1.3}),
        "Spring holiday": p("holiday", "04-10", 7, activity=1.4, platforms={"Travel": 1.8, "Places": 1.2}),
        "Summer sale": p("festival", "06-16", 5, activity=1.9, orders=1.5),
        "Summer holiday": p(
            "holiday", "07-15", 35, activity=1.0, platforms={"Travel": 1.7, "Places": 1.2, "E-commerce": 0.9}
        ),
        "School start": p("term", "08-24", 8, activity=1.4),
        "Singles' Day": p("festival", "11-09", 3, activity=2.2, orders=1.8),
        "Black Friday week": p("festival", "11-23", 8, activity=2.4, orders=1.8),
        "Christmas shopping": p("festival", "12-12", 10, activity=1.8, orders=1.5),
        "Winter term": p("term", "01-10", 30, activity=1.0, platforms={"Travel": 0.8}),
        "Storm": p(
            kind="shock", days=3, per_year=2.0, platforms={"Travel": 0.4, "Places": 0.5, "Delivery": 1.5}
        ),
        "Courier strike": p(
            kind="shock", days=5, per_year=0.7, platforms={"Delivery": 0.4, "E-commerce": 0.7}
        ),
        "Heat wave": p(
            kind="shock", days=8, per_year=1.0, activity=0.9, platforms={"Places": 0.8, "Delivery": 1.4}
        ),
    }


@dataclass
class ActionConfig:
    title: str = opt("product", "Kind of title its events carry, one of `kinds` in titles.yaml.")
    priced: bool = opt(False, "Events carry an amount of money, and may be of several pieces.")
    located: bool = opt(False, "Events carry the city the user is in.")
    slips: bool = opt(False, "A slip of the finger may be all there is behind it (noise.misclick_rate).")


@dataclass
class PlatformConfig:
    weight: float = opt(1.0, "Factor on the appeal of everything it offers.", low=0)
    hours: list[float] = opt([], "Activity by hour of day, 24 numbers; 0 where it is closed.")
    weekdays: list[float] = opt([], "Activity by weekday, Monday first, 7 numbers.")
    actions: dict[str, ActionConfig] = opt({}, "What users do there: the states of the decision process.")
    start: dict[str, float] = opt({}, "Probability by action of a session's first event; sum 1.")
    next: dict[str, dict[str, float]] = opt(
        {}, "Probabilities by action of the next event; what is missing to 1 ends the session."
    )
    leans: dict[str, dict[str, float]] = opt(
        {}, "Action → preference → strength: the odds of the action rise e-fold a unit of strength."
    )
    gap_s: list[float] = opt([20, 400], "Shortest and longest seconds between events of a session.")


def _platforms() -> dict[str, PlatformConfig]:
    return {
        "E-commerce": PlatformConfig(
            hours=[2, 1, 0.5, 0.3, 0.3, 0.6, 2, 5, 7, 8, 9, 10, 12, 10, 8, 8, 8, 9, 11, 15, 20, 21, 15, 7],
            weekdays=[0.95, 0.92, 0.94, 0.96, 1.0, 1.1, 1.13],
            actions={
                "Search": ActionConfig(title="query"),
                "Click": ActionConfig(title="product", slips=True),
                "Order": ActionConfig(title="product", priced=True),
            },
            start={"Search": 0.5, "Click": 0.5},
            next={
                "Search": {"Search": 0.12, "Click": 0.64, "Order": 0.04},
                "Click": {"Search": 0.1, "Click": 0.48, "Order": 0.17},
                "Order": {"Search": 0.08, "Click": 0.16, "Order": 0.06},
            },
            leans={"Order": {"buys_on_impulse": 0.8}, "Search": {"searches_first": 0.8}},
            gap_s=[15, 400],
        ),
        "Delivery": PlatformConfig(
            weight=1.8,
            hours=[2, 1, 0.5, 0, 0, 0, 0.5, 2, 3, 3, 4, 14, 26, 14, 4, 3, 5, 14, 30, 30, 16, 8, 5, 3],
            weekdays=[0.85, 0.85, 0.88, 0.95, 1.25, 1.25, 1.1],
            actions={
                "Browse": ActionConfig(title="light"),
                "Order": ActionConfig(title="light", priced=True, located=True),
            },
            start={"Browse": 0.5, "Order": 0.5},
            next={"Browse": {"Browse": 0.3, "Order": 0.5}, "Order": {"Order": 0.06}},
            leans={"Order": {"buys_on_impulse": 0.4}},
            gap_s=[20, 240],
        ),
        "Travel": PlatformConfig(
            weight=1.8,
            hours=[
                0.8,
                0.3,
                0.2,
                0.2,
                0.2,
                0.4,
                1,
                3,
                8,
                14,
                16,
                15,
                13,
                14,
                13,
                12,
                10,
                7,
                5,
                6,
                9,
                9,
                5,
                2,
            ],
            weekdays=[1.2, 1.15, 1.1, 1.05, 0.85, 0.75, 1.0],
            actions={"Search": ActionConfig(title="query"), "Book": ActionConfig(title="light", priced=True)},
            start={"Search": 0.85, "Book": 0.15},
            next={"Search": {"Search": 0.5, "Book": 0.18}, "Book": {"Search": 0.2, "Book": 0.04}},
            leans={"Search": {"searches_first": 0.6}},
            gap_s=[30, 900],
        ),
        "Places": PlatformConfig(
            weight=3.0,
            hours=[1, 0.3, 0, 0, 0, 0, 1, 4, 8, 11, 13, 15, 17, 16, 15, 15, 15, 14, 12, 10, 8, 5, 3, 2],
            weekdays=[0.75, 0.75, 0.8, 0.9, 1.2, 1.5, 1.25],
            actions={"Check-in": ActionConfig(title="venue", located=True)},
            start={"Check-in": 1.0},
            next={"Check-in": {"Check-in": 0.12}},
            gap_s=[1500, 7200],
        ),
    }


@dataclass
class FollowUpConfig:
    after: str = opt("", "What leads to it, as PLATFORM/ACTION.")
    platform: str = opt("", "Where the same desire is pursued again.")
    probability: float = opt(0.0, "How often it does.", low=0, high=1)
    days: list[int] = opt([0, 14], "Earliest and latest day after the first session.")


def _follow_ups() -> dict[str, FollowUpConfig]:
    return {
        "visit what was booked": FollowUpConfig("Travel/Book", "Places", 0.3, [2, 30]),
        "buy for the trip": FollowUpConfig("Travel/Book", "E-commerce", 0.2, [0, 10]),
        "order what was tasted": FollowUpConfig("Places/Check-in", "Delivery", 0.06, [1, 21]),
        "see it in a shop": FollowUpConfig("E-commerce/Search", "Places", 0.04, [0, 5]),
    }


@dataclass
class QualityConfig:
    implausible: list[dict[str, str]] = opt(
        [
            {"age_group": "18-24", "life_stage": "retired"},
            {"age_group": "25-34", "life_stage": "retired"},
            {"life_stage": "retired", "occupation": "student"},
            {"relationship": "married", "household_size": "1", "housing_tenure": "with_family"},
            {"child_stage": "school_age", "age_group": "18-24"},
        ],
        "Values that never stand together: such a persona is drawn again, and no life event leads there.",
    )
    price_range: float = opt(4.0, "Prices stay within the item's price divided and multiplied by it.", low=1)


@dataclass
class GoldConfig:
    explicit_events: int = opt(6, "With so many unambiguous events a value is plain to see.", low=1)
    contradiction: float = opt(
        1.0,
        "A case is hard when gifts, housemate or former value have so many events for one of its own.",
        low=0,
    )


@dataclass
class SimulateConfig:
    users: int = opt(2000, "Number of simulated users.", low=1)
    end_date: str = opt("2026-06-30", "Last day of every history (ISO date, UTC).")
    min_days: int = opt(120, "Shortest history, days.", low=1)
    max_days: int = opt(540, "Longest history, days.", low=1)
    events_per_day: float = opt(
        0.9,
        "Events a day of the median user, about: before calendar and follow-ups, which add some.",
        low=0,
        high=500,
    )
    world: list[str] = opt(
        ["shipped"],
        "Folders of world files, `shipped` for our own; later ones add to and replace earlier ones.",
    )
    population: PopulationConfig = opt(PopulationConfig, "Who the users are at the start.")
    evolution: EvolutionConfig = opt(EvolutionConfig, "How they change.")
    behaviour: BehaviourConfig = opt(BehaviourConfig, "What they do, and how often.")
    noise: NoiseConfig = opt(NoiseConfig, "What is not theirs, not meant or not shown.")
    platforms: dict[str, PlatformConfig] = opt(_platforms(), "Where they do it.")
    follow_ups: dict[str, FollowUpConfig] = opt(_follow_ups(), "What leads from one platform to another.")
    periods: dict[str, PeriodConfig] = opt(_periods(), "Festivals, holidays, terms and shocks.")
    quality: QualityConfig = opt(QualityConfig, "What is repaired or rejected.")
    gold: GoldConfig = opt(GoldConfig, "How hard a gold label is called.")
