"""The world outside the user: a calendar of festivals, holidays, terms and shocks, by day and platform.

All clocks are UTC: the cities of the shipped world lie within three hours of it.

Suffixes: `_C` days of the calendar, `_F` platforms in the order of the config.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from records.errors import UserError
from records.options import unknown_key
from records.platforms import PlatformConfig
from records.simulation import BehaviourConfig, PeriodConfig, SimulateConfig

DAY_MS = 86_400_000
EPOCH = date(1970, 1, 1)

KINDS = ("festival", "holiday", "term", "shock")

_CALENDAR_KEY = 1
"""Key of the calendar's own random numbers; blocks of users have keys from 2 on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """The C days up to `end`.

    Sessions come with `activity_C`, and one on platform f then takes place with `kept_CF`; `orders_C` is a
    factor on the odds of ordering, `festival_C` and `month_C` (0 to 11) say which day it is. `periods` lists
    every occurrence as (name, kind, first day, last day).
    """

    end: date
    activity_C: NDArray[np.float64]
    kept_CF: NDArray[np.float64]
    orders_C: NDArray[np.float64]
    festival_C: NDArray[np.bool_]
    month_C: NDArray[np.int64]
    periods: tuple[tuple[str, str, date, date], ...]

    def day_ms(self, place: int) -> int:
        """Midnight of day `place`, epoch milliseconds."""
        return ((self.end - EPOCH).days - len(self.month_C) + 1 + place) * DAY_MS


def make_calendar(config: SimulateConfig, seed: int, end: date) -> Calendar:
    """The calendar of the `config.max_days` days that end on `end`."""
    days = config.max_days
    dates = [end - timedelta(days=back) for back in reversed(range(days))]
    names = list(config.platforms)
    factor_CF = np.array([[p.weekdays[day.weekday()] for p in config.platforms.values()] for day in dates])
    orders_C, festival_C = np.ones(days), np.zeros(days, dtype=np.bool_)
    periods = []
    for name, period in config.periods.items():
        for first in _starts(name, period, seed, dates[0], end):
            last = first + timedelta(days=period.days - 1)
            low, high = max(0, (first - dates[0]).days), min(days, (last - dates[0]).days + 1)
            if low >= high:
                continue
            periods.append((name, period.kind, dates[low], dates[high - 1]))
            factor_CF[low:high] *= period.activity
            orders_C[low:high] *= period.orders
            festival_C[low:high] |= period.kind == "festival"
            for platform, factor in period.platforms.items():
                factor_CF[low:high, names.index(platform)] *= factor
    activity_C = factor_CF.max(axis=1)
    return Calendar(
        end=end,
        activity_C=activity_C,
        kept_CF=factor_CF / np.maximum(activity_C, 1e-12)[:, None],
        orders_C=orders_C,
        festival_C=festival_C,
        month_C=np.array([day.month - 1 for day in dates]),
        periods=tuple(sorted(periods, key=lambda one: (one[2], one[0]))),
    )


def _starts(name: str, period: PeriodConfig, seed: int, first: date, last: date) -> list[date]:
    """First days of a period in all years that matter, those of a shock drawn year by year."""
    found = []
    for year in range(first.year - 1, last.year + 1):
        if period.start:
            month, day = (int(part) for part in period.start.split("-"))
            found.append(date(year, month, day))
        else:
            key = (_CALENDAR_KEY, year, *name.encode())
            rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
            for offset in np.sort(rng.integers(0, 365, rng.poisson(period.per_year))).tolist():
                found.append(date(year, 1, 1) + timedelta(days=offset))
    return found


def session_hours(
    rng: np.random.Generator,
    platforms: list[PlatformConfig],
    behaviour: BehaviourConfig,
    platform_S: NDArray[np.int64],
    window_S: NDArray[np.int64],
    bound_S: NDArray[np.bool_],
) -> tuple[NDArray[np.int64], int]:
    """Hour of day, 0 to 23, of each session, and how many were moved because the platform was closed.

    `window_S` numbers the chronotype in `behaviour.hours_of`, -1 for a user without one; a share
    `own_hours` of the sessions falls into it, and those in `bound_S`, about that hour (a breakfast, a late
    show), all do.
    Within the window as without it hours follow the platform.
    """
    hour_FH = np.array([platform.hours for platform in platforms])
    hours_of = behaviour.hours_of
    inside_WH = np.zeros((len(hours_of) + 1, 24))
    for place, (first, end) in enumerate(hours_of.values()):
        inside_WH[place, np.arange(first, end) % 24] = 1.0
    inside_WH[-1] = 1.0  # no window: all day
    weight_FWH = hour_FH[:, None, :] * inside_WH
    open_FW = weight_FWH.sum(axis=2) > 0
    bound_FW = np.where(open_FW[:, :, None], weight_FWH, inside_WH)
    rows = np.concatenate([np.where(open_FW[:, :, None], weight_FWH, hour_FH[:, None, :]), bound_FW], axis=1)
    edges = np.cumsum(rows.reshape(-1, 24), axis=1)
    edges /= edges[:, -1:]
    windows = len(hours_of) + 1
    wanted_S = (window_S >= 0) & ((rng.random(len(platform_S)) < behaviour.own_hours) | bound_S)
    window_S = np.where(wanted_S, window_S, len(hours_of))
    row_S = platform_S * (2 * windows) + window_S + np.where(bound_S, windows, 0)
    # One sorted table for all rows: the edges of row r lie between r and r + 1.
    table = (edges + np.arange(len(edges))[:, None]).ravel()
    table[23::24] = np.arange(1, len(edges) + 1)
    hour_S = np.searchsorted(table, row_S + rng.random(len(row_S)), side="right") - 24 * row_S
    moved = int((~open_FW[platform_S, window_S] & ~bound_S).sum())
    return np.minimum(hour_S, 23), moved


def check_environment(config: SimulateConfig) -> None:
    """Refuse a calendar or a platform that cannot be; raises UserError that names the key."""
    if not config.platforms:
        raise UserError("simulate.platforms is empty; name at least one")
    for name, period in config.periods.items():
        key = f"simulate.periods.{name}"
        if period.kind not in KINDS:
            raise UserError(unknown_key("recipe", f"{key}.kind: ", period.kind, KINDS))
        if period.start:
            try:
                datetime.strptime(f"2001-{period.start}", "%Y-%m-%d")
            except ValueError:
                raise UserError(
                    f"{key}.start: {period.start!r} is no day of every year; write MM-DD, such as 11-23"
                ) from None
        for platform, factor in period.platforms.items():
            if not 0 <= factor < 1000:
                raise UserError(f"{key}.platforms.{platform} is {factor:g}; give a factor of at least 0")
            if platform not in config.platforms:
                raise UserError(unknown_key("recipe", f"{key}.platforms.", platform, config.platforms))
    for name, entry in config.platforms.items():
        key = f"simulate.platforms.{name}"
        for part, count in (("hours", 24), ("weekdays", 7)):
            numbers = getattr(entry, part)
            if len(numbers) != count or min(numbers) < 0 or not sum(numbers) > 0:
                raise UserError(f"{key}.{part}: give {count} numbers of at least 0, one of them above")
        if len(entry.gap_s) != 2 or not 0 < entry.gap_s[0] <= entry.gap_s[1] < 1e6:
            raise UserError(f"{key}.gap_s: give the shortest and the longest gap, seconds above 0")
        _check_process(key, entry)


def _check_process(key: str, platform: PlatformConfig) -> None:
    if not platform.actions:
        raise UserError(f"{key}.actions is empty; name at least one")
    for part, rows in (("start", {"": platform.start}), ("next", platform.next)):
        for action, row in rows.items():
            place = f"{key}.{part}{'.' if action else ''}{action}"
            for name in (*row, *((action,) if action else ())):
                if name not in platform.actions:
                    raise UserError(unknown_key("recipe", f"{place}: ", name, platform.actions))
            total = sum(row.values())
            if (row and min(row.values()) < 0) or total > 1 + 1e-9 or (not action and abs(total - 1) > 1e-9):
                wanted = "to 1" if not action else "to at most 1; the rest ends the session"
                raise UserError(f"{place}: the probabilities sum to {total:g}; they must sum {wanted}")
    size = list(platform.actions)
    table = [[platform.next.get(one, {}).get(other, 0.0) for other in size] for one in size]
    if np.abs(np.linalg.eigvals(np.array(table))).max() > 1 - 1e-9:
        raise UserError(f"{key}.next: from some actions a session never ends; leave something to 1")
    for action in platform.leans:
        if action not in platform.actions:
            raise UserError(unknown_key("recipe", f"{key}.leans.", action, platform.actions))
