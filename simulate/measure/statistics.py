"""What a behaviour log looks like in numbers: how much, when, of what, with which result.

    frames of whole users ── encode ──> numbers ── tally ──> counts of the log and of each platform
    counts ── formulas ──> LogStatistics ── to_json ──> statistics.json

Frames are read one by one and forgotten, so a log of any length needs the memory of one frame, of a million
items a platform, and of about 100 bytes a user and platform. Times are taken as they stand (UTC in
EVENT_SCHEMA).
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from simulate.environment import DAY_MS, EPOCH
from simulate.measure.encoding import CLICK, KINDS, PURCHASE, SEARCH, Encoder, Item
from simulate.measure.festivals import FestivalEffect, FestivalWindows, festival_effects
from simulate.measure.formulas import (
    entropy,
    gap_density,
    gap_quantile,
    normalised_entropy,
    rank_frequency,
    survival,
    zipf_exponent,
)
from simulate.measure.tally import ActionTally, UserTally, joined_actions

MAX_PLATFORMS = 100
"""Sources that are told apart; a log with more has something else in that column."""

TOP_SHOWN = 8
"""Most frequent items that are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """Events a user (median, 95th percentile, maximum, their ratio), and how users differ in it.

    `top_tenth_share`: share of all events by the most active tenth of users (rounded up). Over users with at
    least 20 events over 28 days: mean, standard deviation over mean, and variance of their events a day;
    `rate_dispersion` is that variance over the one that Poisson counting alone would give, 1 for users who
    differ by chance alone.
    """

    median: float | None
    p95: float | None
    max: int | None
    p95_over_median: float | None
    top_tenth_share: float | None
    rate_mean: float | None
    rate_cv: float | None
    rate_variance: float | None
    rate_dispersion: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """When users act: seconds from one moment of a user to the next, burstiness, hours and weekdays.

    Events at the very same time, such as the lines of one basket, are one moment. Burstiness: median and
    quartiles over `burstiness_users` users with at least 20 events. `hours` are shares by hour of the day,
    `weekdays` by day from Monday; `hour_entropy` is divided by log 24.
    """

    gap_p10: float | None
    gap_p50: float | None
    gap_p90: float | None
    burstiness: float | None
    burstiness_q1: float | None
    burstiness_q3: float | None
    burstiness_users: int
    hours: tuple[float, ...]
    hour_entropy: float | None
    weekdays: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variety:
    """What events are about; entropies are divided by the log of the number of categories.

    `items` is None where too many were seen to count. `entropy_within` is the mean entropy of a user's
    categories over users with at least 20 events, `entropy_pooled` that of all events. `divergence` is the
    generalised Jensen–Shannon divergence of those users with equal weights, H(mean of distributions) − mean
    of H(distribution) (Lin 1991), which is the mean Kullback–Leibler divergence of a user's distribution from
    the mean one: 0 when all users are alike. Repeat rates: share of items at moments that the user had
    before; `repeat_high` among purchases and visits, `repeat_other` among all else.
    """

    items: int | None
    zipf_items: float | None
    categories: int
    zipf_categories: float | None
    entropy_within: float | None
    entropy_pooled: float | None
    divergence: float | None
    repeat_rate: float | None
    repeat_high: float | None
    repeat_other: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnel:
    """From search to click to purchase. A session ends with 30 minutes of silence on its platform.

    `actions` counts events by kind (KINDS); `with_…` are shares of sessions that contain the kind, and the
    last two shares of sessions with the first that contain the second too.
    """

    actions: dict[str, int]
    sessions: int
    events_per_session: float | None
    with_search: float | None
    with_click: float | None
    with_purchase: float | None
    click_given_search: float | None
    purchase_given_click: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """What is drawn: pairs of x and y values, and histograms.

    `events_survival` P(events of a user ≥ x); `gap_density` seconds and share of gaps a tenth of a decade;
    `rank_frequency` of items; `days` (date, events, purchases) of days with events; `burstiness_histogram`
    40 bins over −1…1 and `entropy_histogram` 20 bins over 0…1 of users; `top_items` (text, events).
    """

    events_survival: tuple[list[int], list[float]]
    gap_density: tuple[list[float], list[float]]
    rank_frequency: tuple[list[int], list[int]]
    days: list[tuple[str, int, int]]
    burstiness_histogram: list[int]
    entropy_histogram: list[int]
    top_items: list[tuple[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """The numbers of a platform, or of the whole log (`name` "all"); `span_days` from first to last event."""

    name: str
    users: int
    events: int
    span_days: float
    activity: Activity
    rhythm: Rhythm
    variety: Variety
    funnel: Funnel
    festivals: tuple[FestivalEffect, ...]
    curves: Curves


@dataclass(frozen=True, slots=True, kw_only=True)
class LogStatistics:
    """The whole log and its platforms, the busiest first."""

    whole: Statistics
    platforms: tuple[Statistics, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON: objects, lists, numbers, strings and null."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain


def measure(
    frames: Iterable[pl.DataFrame], festivals: Sequence[FestivalWindows] = (), *, item: Item = "content"
) -> LogStatistics:
    """Measure a log that comes in `frames` of EVENT_SCHEMA, each holding all events of its users.

    `item` is the field that says what an event is about, in Zipf exponents and repeat rates: "category" for
    logs whose content is a code or mostly missing; the other one stands in where it is empty.

    Raises:
        ValueError: user, time, source or action is null; a user stands in two frames; more than
            MAX_PLATFORMS sources.

    Example:
        measure(pl.read_parquet(shard) for shard in shards).whole.rhythm.burstiness
    """
    encoder = Encoder(item)
    everyone = UserTally()
    by_platform: dict[str, tuple[UserTally, ActionTally]] = {}
    for frame in frames:
        events, parts = encoder.encode(frame)
        everyone.add(events, len(encoder.categories))
        for name, part in parts.items():
            users, actions = by_platform.setdefault(name, (UserTally(), ActionTally()))
            users.add(part, len(encoder.categories))
            actions.add(part)
        if len(by_platform) > MAX_PLATFORMS:
            raise ValueError(f"more than {MAX_PLATFORMS} sources; is `source` the platform of the event?")
    user_U = everyone.users().user_U
    if len(np.unique(user_U)) < len(user_U):
        raise ValueError("a user's events are spread over several frames; keep each user in one")
    platforms = [
        _statistics(name, users, actions, [actions], festivals)
        for name, (users, actions) in sorted(by_platform.items())
    ]
    all_actions = [actions for _, actions in by_platform.values()]
    return LogStatistics(
        whole=_statistics("all", everyone, joined_actions(all_actions), all_actions, festivals),
        platforms=tuple(sorted(platforms, key=lambda one: -one.events)),
    )


def _statistics(
    name: str,
    users: UserTally,
    actions: ActionTally,
    items_of: Sequence[ActionTally],
    festivals: Sequence[FestivalWindows],
) -> Statistics:
    """The numbers from the counts; items are those of each platform in `items_of`."""
    known = users.users()
    hour_H, events_H, purchases_H = _by_hour(actions)
    day_D, place_H = np.unique(hour_H // 24, return_inverse=True)
    events_D = np.bincount(place_H, weights=events_H, minlength=len(day_D)).astype(np.int64)
    purchases_D = np.bincount(place_H, weights=purchases_H, minlength=len(day_D)).astype(np.int64)
    hours = np.bincount(hour_H % 24, weights=events_H, minlength=24)
    # 1970-01-01 was a Thursday, day 3 from Monday.
    weekdays = np.bincount((day_D + 3) % 7, weights=events_D, minlength=7)
    burstiness_U = known.burstiness_U[~np.isnan(known.burstiness_U)]
    quartiles = np.quantile(burstiness_U, (0.25, 0.5, 0.75)) if len(burstiness_U) else None
    item_counts = np.concatenate([np.zeros(0, np.int64), *[tally.items.sums()[1] for tally in items_of]])
    categories = int((users.category_C > 0).sum())
    span_ms = 0 if users.first_ms is None or users.last_ms is None else users.last_ms - users.first_ms
    return Statistics(
        name=name,
        users=len(known.user_U),
        events=int(known.events_U.sum()),
        span_days=span_ms / DAY_MS,
        activity=_activity(known.events_U, known.days_U, known.rate_U),
        rhythm=Rhythm(
            gap_p10=gap_quantile(users.gaps, 0.1),
            gap_p50=gap_quantile(users.gaps, 0.5),
            gap_p90=gap_quantile(users.gaps, 0.9),
            burstiness=None if quartiles is None else float(quartiles[1]),
            burstiness_q1=None if quartiles is None else float(quartiles[0]),
            burstiness_q3=None if quartiles is None else float(quartiles[2]),
            burstiness_users=len(burstiness_U),
            hours=_shares(hours),
            hour_entropy=normalised_entropy(hours, 24),
            weekdays=_shares(weekdays),
        ),
        variety=_variety(users, known.entropy_U, categories, actions, items_of, item_counts),
        funnel=_funnel(actions),
        festivals=festival_effects(day_D, events_D, purchases_D, festivals),
        curves=Curves(
            events_survival=survival(known.events_U),
            gap_density=gap_density(users.gaps),
            rank_frequency=rank_frequency(item_counts),
            days=[
                (date.fromordinal(EPOCH.toordinal() + int(day)).isoformat(), int(n), int(bought))
                for day, n, bought in zip(day_D, events_D, purchases_D, strict=True)
            ],
            burstiness_histogram=np.histogram(burstiness_U, bins=40, range=(-1, 1))[0].tolist(),
            entropy_histogram=_entropy_histogram(known.entropy_U, categories),
            top_items=_top_items(items_of),
        ),
    )


def _by_hour(actions: ActionTally) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Hours since 1970 that have events (one entry for purchases, one for others), events, purchases."""
    key, n = actions.hours.sums()
    return key // 2, n, n * (key % 2)


def _activity(
    events_U: NDArray[np.int64], days_U: NDArray[np.int64], rate_U: NDArray[np.float64]
) -> Activity:
    if not len(events_U):
        return Activity(**dict.fromkeys(Activity.__slots__))
    median, p95 = (float(value) for value in np.quantile(events_U, (0.5, 0.95)))
    top = np.sort(events_U)[::-1][: -(-len(events_U) // 10)]
    measured = ~np.isnan(rate_U)
    rate, days = rate_U[measured], days_U[measured]
    by_chance = float((rate / days).mean()) if len(rate) else 0.0  # variance of a Poisson count over its days
    return Activity(
        median=median,
        p95=p95,
        max=int(events_U.max()),
        p95_over_median=p95 / median,
        top_tenth_share=float(top.sum() / events_U.sum()),
        rate_mean=float(rate.mean()) if len(rate) else None,
        rate_cv=float(rate.std() / rate.mean()) if len(rate) else None,
        rate_variance=float(rate.var()) if len(rate) else None,
        rate_dispersion=float(rate.var()) / by_chance if by_chance else None,
    )


def _variety(
    users: UserTally,
    entropy_U: NDArray[np.float64],
    categories: int,
    actions: ActionTally,
    items_of: Sequence[ActionTally],
    item_counts: NDArray[np.int64],
) -> Variety:
    measured = entropy_U[~np.isnan(entropy_U)]
    scale = np.log(categories) if categories > 1 else 0.0
    comparable = len(measured) > 0 and scale > 0
    # Rounding may leave a divergence of users who are all alike just below 0.
    between = max(0.0, entropy(users.mixture_C) - float(measured.mean())) if comparable else 0.0
    other, high = actions.had_I
    return Variety(
        items=len(item_counts) if all(tally.items.complete for tally in items_of) else None,
        zipf_items=zipf_exponent(item_counts),
        categories=categories,
        zipf_categories=zipf_exponent(users.category_C),
        entropy_within=float(measured.mean() / scale) if comparable else None,
        entropy_pooled=normalised_entropy(users.category_C, categories),
        divergence=float(between / scale) if comparable else None,
        repeat_rate=_ratio(other[1] + high[1], other.sum() + high.sum()),
        repeat_high=_ratio(high[1], high.sum()),
        repeat_other=_ratio(other[1], other.sum()),
    )


def _funnel(actions: ActionTally) -> Funnel:
    sets = np.arange(len(actions.sessions_F))
    sessions = int(actions.sessions_F.sum())

    def containing(*kinds: int) -> int:
        wanted = sum(1 << kind for kind in kinds)
        return int(actions.sessions_F[sets & wanted == wanted].sum())

    return Funnel(
        actions=dict(zip(KINDS, actions.actions_K.tolist(), strict=True)),
        sessions=sessions,
        events_per_session=_ratio(int(actions.actions_K.sum()), sessions),
        with_search=_ratio(containing(SEARCH), sessions),
        with_click=_ratio(containing(CLICK), sessions),
        with_purchase=_ratio(containing(PURCHASE), sessions),
        click_given_search=_ratio(containing(SEARCH, CLICK), containing(SEARCH)),
        purchase_given_click=_ratio(containing(CLICK, PURCHASE), containing(CLICK)),
    )


def _top_items(items_of: Sequence[ActionTally]) -> list[tuple[str, int]]:
    """The most frequent items that have kept their text, ties by text."""
    found = []
    for tally in items_of:
        key, n = tally.items.sums()
        enough = np.partition(n, -TOP_SHOWN)[-TOP_SHOWN] if len(n) > TOP_SHOWN else 0
        head = np.flatnonzero(n >= enough)
        found += [
            (tally.texts[item], events)
            for item, events in zip(key[head].tolist(), n[head].tolist(), strict=True)
            if item in tally.texts
        ]
    return sorted(found, key=lambda pair: (-pair[1], pair[0]))[:TOP_SHOWN]


def _entropy_histogram(entropy_U: NDArray[np.float64], categories: int) -> list[int]:
    measured = entropy_U[~np.isnan(entropy_U)]
    if categories < 2:
        measured = measured[:0]
    # A user spread evenly over all categories may come out a rounding above 1.
    scaled = np.minimum(measured / np.log(max(categories, 2)), 1.0)
    return [int(n) for n in np.histogram(scaled, bins=20, range=(0, 1))[0]]


def _shares(counts: NDArray[Any]) -> tuple[float, ...]:
    return tuple((counts / max(float(counts.sum()), 1.0)).tolist())


def _ratio(part: int, whole: int) -> float | None:
    return float(part / whole) if whole else None


def _plain(value: Any) -> Any:
    """Tuples as lists, all the way down."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value
