"""What a log should look like: wished ranges of the default population, and public logs to compare with."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from simulate.measure.formulas import divergence
from simulate.measure.statistics import LogStatistics, Statistics

VISIBLE_RATIO = 1.2
"""Events a day inside a festival over those around from which on the festival is seen."""

HOUR_SCALE = 0.1
SESSION_SCALE = 1.5
BURSTINESS_SCALE = 0.1
REPEAT_SCALE = 0.1
FUNNEL_SCALE = 0.2
"""Differences of two platforms that count 1 in `platform_distance`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedLog:
    """A public log: events a user (median, 95th percentile), seconds between moments of a user (10th, 50th
    and 90th percentile), median burstiness, hour entropy and Zipf exponent of its top 200 items."""

    name: str
    events_median: float
    events_p95: float
    gap_p10: float
    gap_p50: float
    gap_p90: float
    burstiness: float
    hour_entropy: float
    zipf: float


PUBLISHED = (
    PublishedLog(
        name="web search, 3 months",
        events_median=37,
        events_p95=336,
        gap_p10=129,
        gap_p50=2_700,
        gap_p90=224_000,
        burstiness=0.31,
        hour_entropy=0.96,
        zipf=0.70,
    ),
    PublishedLog(
        name="check-ins",
        events_median=5,
        events_p95=75,
        gap_p10=16,
        gap_p50=8_500,
        gap_p90=285_000,
        burstiness=0.33,
        hour_entropy=0.93,
        zipf=0.72,
    ),
    PublishedLog(
        name="gift shop orders (UCI Online Retail)",
        events_median=42,
        events_p95=318,
        gap_p10=720,
        gap_p50=1_230_000,
        gap_p90=7_800_000,
        burstiness=-0.03,
        hour_entropy=0.70,
        zipf=0.35,
    ),
    PublishedLog(
        name="groceries, 1 year (Complete Journey)",
        events_median=406,
        events_p95=1_749,
        gap_p10=5_100,
        gap_p50=191_000,
        gap_p90=1_000_000,
        burstiness=0.00,
        hour_entropy=0.86,
        zipf=0.99,
    ),
)
"""Our own measurements of public logs, made once with the definitions of this package: burstiness over users
with at least 20 events, gaps between moments, entropy of hours divided by log 24. Items are queries, places
and articles; of the groceries they are categories, as the articles are codes. Real logs differ far more
from each other than a simulation may differ from one of them: they bound what is plausible, no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A number beside the range it is wished to lie in; a bound that is None is none."""

    name: str
    value: float | None
    low: float | None
    high: float | None
    ok: bool
    note: str


def check(stats: LogStatistics) -> list[Check]:
    """The wishes of the default population against a measured log.

    Bounds belong to the range. A number that the log does not determine is not in it. Platforms are compared
    where there are two of them, festivals where windows are given and the log reaches them.
    """
    whole = stats.whole
    checks = [
        _check(
            "burstiness",
            whole.rhythm.burstiness,
            0.15,
            0.45,
            "median over users; real logs of clicks and visits have 0.31 to 0.33, of orders about 0",
        ),
        _check(
            "hour entropy",
            whole.rhythm.hour_entropy,
            0.85,
            0.97,
            "people sleep, but not all at once; real logs have 0.70 to 0.96",
        ),
        _check(
            "Zipf exponent, top 200 items",
            whole.variety.zipf_items,
            0.6,
            1.1,
            "a few items are everywhere, most are rare; real logs have 0.35 to 0.99",
        ),
        _check(
            "p95 / median of events a user",
            whole.activity.p95_over_median,
            3,
            15,
            "some users do far more than most; real logs have 4 to 15",
        ),
        _check(
            "variation of users' events a day",
            whole.activity.rate_cv,
            0.5,
            2.5,
            "standard deviation over mean; the groceries have 0.91",
        ),
        _check(
            "variance between users over chance",
            whole.activity.rate_dispersion,
            2,
            None,
            "1 is users who differ by Poisson counting alone",
        ),
        _check(
            "divergence of users' categories",
            whole.variety.divergence,
            0.05,
            None,
            "0 is users who all do the same; the groceries have 0.17",
        ),
    ]
    if len(stats.platforms) > 1:
        checks.append(_platforms(stats.platforms))
    ratios = sorted(effect.ratio for effect in whole.festivals if effect.ratio is not None)
    if whole.festivals:
        # The lower middle reaches the bound exactly when more than half of the festivals do.
        middle = ratios[(len(ratios) - 1) // 2] if ratios else None
        seen = sum(ratio >= VISIBLE_RATIO for ratio in ratios)
        note = f"lower median of the ratios; {seen} of {len(ratios)} festivals in the log are seen"
        checks.append(_check("festival days, events a day", middle, VISIBLE_RATIO, None, note))
    return checks


def platform_distance(left: Statistics, right: Statistics) -> float | None:
    """How clearly two platforms differ; from 1 on, most aspects of them do.

    Five aspects are compared, each divided by the least difference that we call clear:

    - hour profile: Jensen–Shannon distance (root of the divergence in bits) over 0.1, about as far as the
      hours of a grocery are from the same hours an hour later;
    - session length: |log of the ratio of events a session| over log 1.5;
    - burstiness of the median user: difference over 0.1, a third of the way from orders to clicks;
    - repeat rate: difference over 0.1;
    - funnel: total variation of the shares of kinds of actions over 0.2, a fifth of the events being of
      another kind.

    The distance is the median of the five. So no single aspect carries a pair, however large it is: a shop
    and a map are not two platforms because one says Order and the other Check-in, when their users come at
    the same hours, as long and as often. Nor does one aspect spoil a pair: at 1, three of five differ
    clearly. Random halves of one platform's users stay near 0.1 with a few hundred users, so what reaches 1
    is no chance. An aspect that one of them does not determine is left out; None when fewer
    than three are left.
    """
    hours = divergence(left.rhythm.hours, right.rhythm.hours)
    lengths = left.funnel.events_per_session, right.funnel.events_per_session
    aspects = [
        None if hours is None else np.sqrt(hours) / HOUR_SCALE,
        None
        if lengths[0] is None or lengths[1] is None
        else abs(np.log(lengths[0] / lengths[1])) / np.log(SESSION_SCALE),
        _difference(left.rhythm.burstiness, right.rhythm.burstiness, BURSTINESS_SCALE),
        _difference(left.variety.repeat_rate, right.variety.repeat_rate, REPEAT_SCALE),
        sum(
            abs(left.funnel.actions[kind] / left.events - right.funnel.actions[kind] / right.events)
            for kind in left.funnel.actions
        )
        / 2
        / FUNNEL_SCALE
        if left.events and right.events
        else None,
    ]
    known = [float(aspect) for aspect in aspects if aspect is not None]
    return float(np.median(known)) if len(known) >= 3 else None


def platform_distances(platforms: Sequence[Statistics]) -> list[tuple[str, str, float | None]]:
    """Every pair of platforms and their distance, the closest first and unknown ones before them."""
    pairs = [
        (one.name, other.name, platform_distance(one, other)) for one, other in combinations(platforms, 2)
    ]
    return sorted(pairs, key=lambda pair: -1.0 if pair[2] is None else pair[2])


def _platforms(platforms: Sequence[Statistics]) -> Check:
    left, right, distance = platform_distances(platforms)[0]
    note = f"the closest two are {left} and {right}; from 1 on three of five aspects differ clearly"
    return _check("distance between platforms", distance, 1, None, note)


def _difference(left: float | None, right: float | None, scale: float) -> float | None:
    return None if left is None or right is None else abs(left - right) / scale


def _check(name: str, value: float | None, low: float | None, high: float | None, note: str) -> Check:
    inside = value is not None and (low is None or value >= low) and (high is None or value <= high)
    return Check(
        name=name,
        value=value,
        low=low,
        high=high,
        ok=inside,
        note=note if value is not None else f"too little in the log to say; {note}",
    )
