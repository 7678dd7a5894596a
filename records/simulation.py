"""The schema of a simulation: every rate and marginal of the simulated population, in one config.

Who the users are stands in `records.population`, the platforms in `records.platforms`. All figures are
rounded and invented. What the world offers (desires, catalogue, titles, cities, preferences) are data files,
see `simulate/shipped/`.
"""

from dataclasses import dataclass

from records.options import opt
from records.platforms import FollowUpConfig, PlatformConfig, default_follow_ups, default_platforms
from records.population import EvolutionConfig, PopulationConfig


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
    truth: bool = opt(False, "Write truth-*.parquet, too: what was wanted in each event, and by whom.")
    population: PopulationConfig = opt(PopulationConfig, "Who the users are at the start.")
    evolution: EvolutionConfig = opt(EvolutionConfig, "How they change.")
    behaviour: BehaviourConfig = opt(BehaviourConfig, "What they do, and how often.")
    noise: NoiseConfig = opt(NoiseConfig, "What is not theirs, not meant or not shown.")
    platforms: dict[str, PlatformConfig] = opt(default_platforms(), "Where they do it.")
    follow_ups: dict[str, FollowUpConfig] = opt(
        default_follow_ups(), "What leads from one platform to another."
    )
    periods: dict[str, PeriodConfig] = opt(_periods(), "Festivals, holidays, terms and shocks.")
    quality: QualityConfig = opt(QualityConfig, "What is repaired or rejected.")
    gold: GoldConfig = opt(GoldConfig, "How hard a gold label is called.")
