"""The world outside the user: a calendar of weekdays and festivals, and the rhythm of a day.

All clocks are UTC: the cities of the catalogue lie within three hours of it.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

DAY_MS = 86_400_000
EPOCH = date(1970, 1, 1)

WEEKDAY = (0.92, 0.90, 0.94, 0.98, 1.12, 1.14, 1.00)
"""Activity by weekday, Monday first."""

FESTIVALS: tuple[tuple[str, int, int, int, float], ...] = (
    ("New Year sale", 1, 2, 6, 1.6),
    ("Valentine's Day", 2, 10, 5, 1.5),
    ("Spring holiday", 4, 10, 7, 1.4),
    ("Summer sale", 6, 16, 5, 1.9),
    ("School start", 8, 24, 8, 1.4),
    ("Singles' Day", 11, 9, 3, 2.2),
    ("Black Friday week", 11, 23, 8, 2.4),
    ("Christmas shopping", 12, 12, 10, 1.8),
)
"""Name, first month and day, length in days, factor on everybody's activity."""

HOURLY = (3, 2, 1, 1, 1, 2, 4, 7, 8, 8, 8, 9, 11, 10, 8, 7, 8, 9, 11, 13, 15, 14, 11, 6)
"""Activity by hour of day for a user without a marked chronotype."""

HOURS_OF = {"morning": (5, 11), "daytime": (11, 18), "night": (18, 29)}
"""Chronotype → half-open window of hours; past 24 is the early morning of the same calendar day."""

IN_WINDOW = 0.6
"""Share of sessions a marked chronotype puts into its window; the others follow HOURLY."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """Activity weights of the days up to `end`. `weight_D` holds D days, the last one is `end`."""

    end: date
    weight_D: NDArray[np.float64]

    def first_day_ms(self, days: int) -> int:
        """Midnight, epoch milliseconds, of the first day of a history of `days` days."""
        return ((self.end - EPOCH).days - days + 1) * DAY_MS


def make_calendar(end: date, days: int) -> Calendar:
    """The calendar of the `days` days that end on `end`."""
    dates = [end - timedelta(days=back) for back in reversed(range(days))]
    weight_D = np.array([WEEKDAY[day.weekday()] * _festival_factor(day) for day in dates])
    return Calendar(end=end, weight_D=weight_D)


def _festival_factor(day: date) -> float:
    for _, month, first, length, factor in FESTIVALS:
        if 0 <= (day - date(day.year, month, first)).days < length:
            return factor
    return 1.0


def session_days(rng: np.random.Generator, calendar: Calendar, days: int, sessions: int) -> NDArray[np.int64]:
    """Day, counted from the first of the history, of each of `sessions` sessions: bursts, then idle days."""
    mood_D = rng.gamma(0.7, size=days) + 0.05
    edges_D = np.cumsum(calendar.weight_D[-days:] * mood_D)
    day_S: NDArray[np.int64] = np.searchsorted(edges_D, rng.random(sessions) * edges_D[-1], side="right")
    return day_S


def session_hours(
    rng: np.random.Generator, window_S: NDArray[np.int64], bound_S: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Hour of day, 0 to 23, of each session.

    `window_S` numbers the chronotype in HOURS_OF, -1 for a user without one; sessions in `bound_S` are about
    that hour (a breakfast, a late show) and never fall outside it.
    """
    edges = np.cumsum(HOURLY)
    hour_S = np.searchsorted(edges, rng.random(len(window_S)) * edges[-1], side="right")
    windows = np.array(list(HOURS_OF.values()))[window_S]
    inside_S = (windows[:, 0] + rng.random(len(window_S)) * (windows[:, 1] - windows[:, 0])).astype(np.int64)
    kept_S = (window_S >= 0) & ((rng.random(len(window_S)) < IN_WINDOW) | bound_S)
    return np.where(kept_S, inside_S % 24, hour_S)
