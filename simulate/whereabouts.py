"""Where users are, day by day: at home, in a former home, on a trip; a housemate stays at home.

Suffixes: `_B` users, `_D` user-days (all days of user 0, then of user 1, …).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from records.simulation import BehaviourConfig
from records.tags import TAG
from simulate.evolution import MONTH_DAYS, Life
from simulate.population import COLUMN
from simulate.sessions import Role, Users


@dataclass(frozen=True, slots=True, kw_only=True)
class Whereabouts:
    """City and role towards home_city by user-day: of the user, and of the home the user may be away from.

    -1 and NOTHING for users whose location is off.
    """

    city_D: NDArray[np.int64]
    role_D: NDArray[np.int8]
    home_D: NDArray[np.int64]
    home_role_D: NDArray[np.int8]


def whereabouts(
    rng: np.random.Generator,
    behaviour: BehaviourConfig,
    region_of_city: NDArray[np.int64],
    users: Users,
    life: Life,
) -> Whereabouts:
    """Homes from the users' lives, trips by their mobility."""
    column, mobility = COLUMN["home_city"], COLUMN["mobility"]
    days_B = users.days_B
    first_B = np.cumsum(days_B) - days_B
    user_D = np.repeat(np.arange(len(days_B)), days_B)
    month_D = (np.arange(len(user_D)) - first_B[user_D]) // MONTH_DAYS
    hidden_D = ~users.shown_BT[user_D, column]
    city_D = life.state_MBT[month_D, user_D, column].astype(np.int64)
    final_B, since_B = life.final()[:, column], life.since()[:, column]
    away_D = np.where(city_D == final_B[user_D], Role.NOTHING, Role.FORMER)
    role_D = np.where(month_D >= since_B[user_D], Role.SHOWS, away_D).astype(np.int8)
    role_D[hidden_D] = Role.NOTHING
    home_D, home_role_D = np.where(hidden_D, -1, city_D), role_D.copy()

    # Month by month, by the mobility of the month; of a hidden one neither rate nor distance may tell.
    shown_B = users.shown_BT[:, mobility]
    mobility_MB = life.state_MBT[:, :, mobility]
    rates = np.array([behaviour.trips_per_year[value] for value in TAG["mobility"].values])
    rate_MB = np.where(shown_B, rates[mobility_MB], behaviour.trips_if_hidden)
    trips_MB = rng.poisson(rate_MB * MONTH_DAYS / 365.25)
    month, who = (np.repeat(place, trips_MB[trips_MB > 0]) for place in np.nonzero(trips_MB))
    start = month * MONTH_DAYS + rng.integers(0, MONTH_DAYS, len(who))
    in_history = start < days_B[who]
    month, who, start = month[in_history], who[in_history], start[in_history]
    length = rng.integers(behaviour.trip_days[0], behaviour.trip_days[1] + 1, len(who))
    own = city_D[first_B[who] + start]
    nearby = shown_B[who] & (mobility_MB[month, who] == TAG["mobility"].values.index("regional"))
    allowed = ~nearby[:, None] | (region_of_city[own][:, None] == region_of_city)
    allowed[np.arange(len(who)), own] = False
    target = (allowed * rng.random(allowed.shape)).argmax(axis=1)
    trip = np.repeat(np.arange(len(who)), length)
    day = start[trip] + np.arange(len(trip)) - (np.cumsum(length) - length)[trip]
    inside = day < days_B[who[trip]]
    place = first_B[who[trip[inside]]] + day[inside]
    city_D[place], role_D[place] = target[trip[inside]], Role.NOTHING
    city_D[hidden_D] = -1
    return Whereabouts(city_D=city_D, role_D=role_D, home_D=home_D, home_role_D=home_role_D)
