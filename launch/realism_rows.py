"""The numbers of a log as rows of text, for the terminal and the page alike."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from simulate.measure.festivals import FestivalEffect
from simulate.measure.statistics import Statistics
from simulate.measure.targets import VISIBLE_RATIO, Check, PublishedLog

NONE = "–"
"""What stands where there is no number."""

MAX_NAME = 40
"""Characters of a name that are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of numbers: what it is called and means, how it is said of a measured and of a published log."""

    label: str
    meaning: str
    measured: Callable[[Statistics], str]
    published: Callable[[PublishedLog], str] | None = None


def shown_name(name: str) -> str:
    """`name` as it is shown: without control characters, cut, never empty."""
    clean = "".join(letter if letter.isprintable() else " " for letter in name).strip()
    return (clean if len(clean) <= MAX_NAME else clean[: MAX_NAME - 1] + "…") or "(no name)"


def number(value: float | None, digits: int = 2) -> str:
    """`value` with thousands separated and `digits` decimals; whole numbers from 100 on."""
    if value is None:
        return NONE
    # Adding 0 makes a rounded minus zero a zero.
    return f"{value:,.0f}" if abs(value) >= 100 else f"{round(value, digits) + 0.0:,.{digits}f}"


def count(value: int | float | None) -> str:
    """A whole number with thousands separated."""
    return NONE if value is None else f"{value:,.0f}"


def percent(value: float | None) -> str:
    """A share as a percentage."""
    return NONE if value is None else f"{value:.1%}"


def duration(seconds: float | None) -> str:
    """`seconds` in the largest unit that leaves at least 1."""
    if seconds is None:
        return NONE
    for unit, length in (("y", 365.25 * 86_400), ("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.1f} s"


ROWS: Sequence[Row] = (
    Row(label="users", meaning="Users with at least one event.", measured=lambda s: count(s.users)),
    Row(label="events", meaning="Rows of the log.", measured=lambda s: count(s.events)),
    Row(
        label="span",
        meaning="From the first event to the last.",
        measured=lambda s: duration(s.span_days * 86_400),
    ),
    Row(
        label="events a user, median / p95",
        meaning="Half of the users have no more; 95 % have no more.",
        measured=lambda s: f"{count(s.activity.median)} / {count(s.activity.p95)}",
        published=lambda p: f"{count(p.events_median)} / {count(p.events_p95)}",
    ),
    Row(
        label="p95 / median",
        meaning="How far the busy users are from the middle.",
        measured=lambda s: number(s.activity.p95_over_median, 1),
        published=lambda p: number(p.events_p95 / p.events_median, 1),
    ),
    Row(label="most events of a user", meaning="The busiest user.", measured=lambda s: count(s.activity.max)),
    Row(
        label="events of the top 10 %",
        meaning="Share of all events by the most active tenth of the users.",
        measured=lambda s: percent(s.activity.top_tenth_share),
    ),
    Row(
        label="variation of events a day",
        meaning="Standard deviation over mean of users' events a day (users with 20 events over 28 days).",
        measured=lambda s: number(s.activity.rate_cv),
    ),
    Row(
        label="time between moments, p10 / p50 / p90",
        meaning="From one moment of a user to the next; events at the very same time are one moment.",
        measured=lambda s: " / ".join(
            duration(gap) for gap in (s.rhythm.gap_p10, s.rhythm.gap_p50, s.rhythm.gap_p90)
        ),
        published=lambda p: " / ".join(duration(gap) for gap in (p.gap_p10, p.gap_p50, p.gap_p90)),
    ),
    Row(
        label="burstiness (quartiles)",
        meaning="(σ − μ)/(σ + μ) of a user's times between moments, median: −1 clock, 0 chance, 1 bursts.",
        measured=lambda s: (
            number(s.rhythm.burstiness)
            + (
                ""
                if s.rhythm.burstiness is None
                else f" ({number(s.rhythm.burstiness_q1)} to {number(s.rhythm.burstiness_q3)})"
            )
        ),
        published=lambda p: number(p.burstiness),
    ),
    Row(
        label="hour entropy",
        meaning="Of events over the 24 hours: 0 one hour, 1 all hours alike.",
        measured=lambda s: number(s.rhythm.hour_entropy),
        published=lambda p: number(p.hour_entropy),
    ),
    Row(
        label="weekdays, Mon to Sun, %",
        meaning="Shares of events by day of the week.",
        measured=lambda s: " ".join(f"{100 * share:.0f}" for share in s.rhythm.weekdays),
    ),
    Row(
        label="Zipf exponent, items",
        meaning="Slope of log frequency over log rank of the 200 most frequent items.",
        measured=lambda s: number(s.variety.zipf_items),
        published=lambda p: number(p.zipf),
    ),
    Row(
        label="Zipf exponent, categories",
        meaning="The same of categories.",
        measured=lambda s: number(s.variety.zipf_categories),
    ),
    Row(
        label="items / categories",
        meaning="How many different ones occur; no number of items beyond a million.",
        measured=lambda s: f"{count(s.variety.items)} / {count(s.variety.categories)}",
    ),
    Row(
        label="category entropy, user / log",
        meaning="Mean over users, and of all events: 0 one category, 1 all alike.",
        measured=lambda s: f"{number(s.variety.entropy_within)} / {number(s.variety.entropy_pooled)}",
    ),
    Row(
        label="divergence between users",
        meaning="Jensen–Shannon divergence of users' categories: 0 all users alike.",
        measured=lambda s: number(s.variety.divergence),
    ),
    Row(
        label="repeats, high-impact / other",
        meaning="Items the user had before: of purchases and visits, and of all else.",
        measured=lambda s: f"{percent(s.variety.repeat_high)} / {percent(s.variety.repeat_other)}",
    ),
    Row(
        label="events a session",
        meaning="A session ends with 30 minutes of silence on the platform.",
        measured=lambda s: number(s.funnel.events_per_session),
    ),
    Row(label="sessions", meaning="How many there are.", measured=lambda s: count(s.funnel.sessions)),
    Row(
        label="sessions with search / click / purchase",
        meaning="Shares of sessions that contain one.",
        measured=lambda s: " / ".join(
            percent(share) for share in (s.funnel.with_search, s.funnel.with_click, s.funnel.with_purchase)
        ),
    ),
    Row(
        label="click after search / purchase after click",
        meaning="Of sessions with the first, the share that contain the second too.",
        measured=lambda s: (
            f"{percent(s.funnel.click_given_search)} / {percent(s.funnel.purchase_given_click)}"
        ),
    ),
)
"""All rows, in order."""


def wished(check: Check) -> str:
    """The range of a check in words."""
    if check.high is None:
        return f"at least {check.low:g}" if check.low is not None else "any"
    return f"at most {check.high:g}" if check.low is None else f"{check.low:g} to {check.high:g}"


def verdict(check: Check) -> str:
    """ok or MISS."""
    return "ok" if check.ok else "MISS"


FESTIVAL_HEADINGS = (
    "festival",
    "windows in the log",
    "events a day, inside / around",
    "purchases a day, inside / around",
    "purchases among events, inside / around",
    "of all purchases",
)
"""Headings over `festival_cells`."""


def festival_cells(effect: FestivalEffect) -> tuple[str, ...]:
    """A festival as cells; an effect that is seen is marked so."""
    seen = ", seen" if effect.ratio is not None and effect.ratio >= VISIBLE_RATIO else ""
    return (
        shown_name(effect.name),
        str(effect.windows),
        number(effect.ratio) + seen,
        number(effect.purchase_ratio),
        f"{percent(effect.purchase_share)} / {percent(effect.purchase_share_around)}",
        percent(effect.share_of_purchases),
    )
