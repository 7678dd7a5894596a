"""How much more happens during festivals than in the days around them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from simulate.environment import EPOCH

AROUND_DAYS = 14
"""Days before and after a festival that it is compared with: four weeks hold every weekday four times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FestivalWindows:
    """A festival and its windows, each from a first to a last day (UTC), both counted in."""

    name: str
    days: tuple[tuple[date, date], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FestivalEffect:
    """What a festival does; None where the log does not reach it or nothing happens around it.

    `ratio` is mean events a day inside over mean events a day around, `purchase_ratio` the same of purchases;
    `purchase_share` and `purchase_share_around` are purchases among events inside and around;
    `share_of_purchases` is the part of all the log's purchases that fall inside.
    """

    name: str
    windows: int
    ratio: float | None
    purchase_ratio: float | None
    purchase_share: float | None
    purchase_share_around: float | None
    share_of_purchases: float | None


def festival_effects(
    day_D: NDArray[np.int64],
    events_D: NDArray[np.int64],
    purchases_D: NDArray[np.int64],
    festivals: Sequence[FestivalWindows],
) -> tuple[FestivalEffect, ...]:
    """Effects of `festivals` on a log with `events_D` events on `day_D`, days since 1970 (UTC) in order.

    Around a window are the AROUND_DAYS days on either side that lie in no festival's window. Days outside the
    log, from its first to its last, do not count, days in it without events do. Windows of one festival are
    pooled: days inside against days around, over all of them.
    """
    if not len(day_D):
        return tuple(_effect(festival.name, 0, None, None, 0) for festival in festivals)
    first, last = int(day_D[0]), int(day_D[-1])
    spans = [
        [
            (start.toordinal() - EPOCH.toordinal(), end.toordinal() - EPOCH.toordinal())
            for start, end in festival.days
        ]
        for festival in festivals
    ]
    taken = {
        day
        for windows in spans
        for start, end in windows
        for day in range(max(start, first), min(end, last) + 1)
    }
    effects = []
    for festival, windows in zip(festivals, spans, strict=True):
        inside: set[int] = set()
        around: set[int] = set()
        for start, end in windows:
            inside.update(range(max(start, first), min(end, last) + 1))
            if start <= last and end >= first:
                reach = range(max(start - AROUND_DAYS, first), min(end + AROUND_DAYS, last) + 1)
                around.update(day for day in reach if day not in taken)
        reached = sum(start <= last and end >= first for start, end in windows)
        sums = [
            (
                len(days),
                *(int(values[np.isin(day_D, list(days))].sum()) for values in (events_D, purchases_D)),
            )
            for days in (inside, around)
        ]
        effects.append(_effect(festival.name, reached, sums[0], sums[1], int(purchases_D.sum())))
    return tuple(effects)


def _effect(
    name: str,
    windows: int,
    inside: tuple[int, ...] | None,
    around: tuple[int, ...] | None,
    all_purchases: int,
) -> FestivalEffect:
    """The effect from (days, events, purchases) inside and around."""
    days, events, purchases = inside or (0, 0, 0)
    days_around, events_around, purchases_around = around or (0, 0, 0)

    def ratio(here: int, there: int) -> float | None:
        return (here / days) / (there / days_around) if days and days_around and there else None

    return FestivalEffect(
        name=name,
        windows=windows,
        ratio=ratio(events, events_around),
        purchase_ratio=ratio(purchases, purchases_around),
        purchase_share=purchases / events if events else None,
        purchase_share_around=purchases_around / events_around if events_around else None,
        share_of_purchases=purchases / all_purchases if all_purchases and days else None,
    )
