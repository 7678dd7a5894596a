"""The schema of simulated platforms: what users do where, when, and what leads from one to another."""

from dataclasses import dataclass

from records.options import opt


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


def default_platforms() -> dict[str, PlatformConfig]:
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


def default_follow_ups() -> dict[str, FollowUpConfig]:
    return {
        "visit what was booked": FollowUpConfig("Travel/Book", "Places", 0.3, [2, 30]),
        "buy for the trip": FollowUpConfig("Travel/Book", "E-commerce", 0.2, [0, 10]),
        "order what was tasted": FollowUpConfig("Places/Check-in", "Delivery", 0.06, [1, 21]),
        "see it in a shop": FollowUpConfig("E-commerce/Search", "Places", 0.04, [0, 5]),
    }
