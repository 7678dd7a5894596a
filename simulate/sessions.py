"""Sessions of a block of users: when, about what, on which platform.

    user-days ──► sessions ──► tag or everyday ──► value (now, or a habit) ──► desire ──► item ──► platform
                                   └── gifts and housemates instead; follow-ups on other platforms

Suffixes: `_B` users, `_D` user-days (all days of user 0, then of user 1, …), `_S` sessions, `_T` tags, `_M`
months.
"""

from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from records.simulation import SimulateConfig
from records.tags import TAG, TAG_NAMES
from simulate.environment import Calendar
from simulate.evolution import MONTH_DAYS, Life
from simulate.intents import EVERYDAY, Intents, Tastes, choose_desires, choose_items
from simulate.population import CLOSED, COLUMN

NO_TAG = -1
INTERESTS = COLUMN["interests"]


class Role(IntEnum):
    """What an event says about its tag."""

    NOTHING = 0
    SHOWS = 1
    FORMER = 2
    GIFT = 3
    SHARED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Users:
    """B users: `days_B` of history, `rate_B` events a day, which tags may be shown, and values unlike the
    user's: those of people bought for and of a housemate (share of sessions, 0: none; first hour of the day).
    `key_B` is a random number of each user's own.
    """

    days_B: NDArray[np.int64]
    rate_B: NDArray[np.float64]
    shown_BT: NDArray[np.bool_]
    hobby_BH: NDArray[np.int16]
    gift_BT: NDArray[np.int16]
    shared_BT: NDArray[np.int16]
    shared_share_B: NDArray[np.float64]
    shared_hour_B: NDArray[np.int64]
    key_B: NDArray[np.uint64]


@dataclass(slots=True, kw_only=True)
class Sessions:
    """S sessions, as numbers. `day_S` counts from the first day of the user.

    `tag_S` is NO_TAG in everyday sessions; `value_S` numbers the world's values of the tag.
    """

    user_S: NDArray[np.int32]
    day_S: NDArray[np.int32]
    tag_S: NDArray[np.int16]
    value_S: NDArray[np.int16]
    role_S: NDArray[np.int8]
    desire_S: NDArray[np.int64]
    item_S: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.user_S)

    def take(self, which: NDArray[np.int64] | NDArray[np.bool_]) -> "Sessions":
        """These sessions only, in the order given."""
        return Sessions(**{field.name: getattr(self, field.name)[which] for field in fields(self)})

    def plus(self, other: "Sessions") -> "Sessions":
        """Both, one after the other."""
        return Sessions(
            **{
                field.name: np.concatenate([getattr(self, field.name), getattr(other, field.name)])
                for field in fields(self)
            }
        )


def draw_sessions(
    rng: np.random.Generator,
    config: SimulateConfig,
    calendar: Calendar,
    users: Users,
    life: Life,
    session_events: float,
) -> Sessions:
    """When users are active and what it is about, without desires and items yet, sorted by user and day.

    `session_events` is the mean number of events of a session.
    """
    user_S, day_S = _active_days(rng, config, calendar, users, session_events)
    month_S = day_S // MONTH_DAYS
    tag_S = _tags(rng, config, users, life, user_S, day_S, month_S)
    role_S = np.zeros(len(user_S), dtype=np.int8)
    value_S = life.state_MBT[month_S, user_S, tag_S]
    value_S[tag_S == NO_TAG] = -1
    mine = np.flatnonzero(tag_S == INTERESTS)
    count_B = (users.hobby_BH >= 0).sum(axis=1)
    which = (rng.random(len(mine)) * count_B[user_S[mine]]).astype(np.int64)
    value_S[mine] = users.hobby_BH[user_S[mine], which]
    _for_others(rng, config, calendar, users, user_S, day_S, tag_S, value_S, role_S)
    return Sessions(
        user_S=user_S,
        day_S=day_S,
        tag_S=tag_S,
        value_S=value_S,
        role_S=role_S,
        desire_S=np.zeros(len(user_S), dtype=np.int64),
        item_S=np.zeros(len(user_S), dtype=np.int64),
    )


def _active_days(
    rng: np.random.Generator, config: SimulateConfig, calendar: Calendar, users: Users, session_events: float
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """User and day of each session: a Poisson process under the calendar and the moods of weeks and days."""
    behaviour = config.behaviour
    days_B = users.days_B
    total = int(days_B.sum())
    first_B = np.cumsum(days_B) - days_B
    user_D = np.repeat(np.arange(len(days_B), dtype=np.int32), days_B)
    day_D = (np.arange(total) - first_B[user_D]).astype(np.int32)
    calendar_D = (len(calendar.activity_C) - days_B)[user_D] + day_D
    week_D = day_D // 7 + user_D * (int(days_B.max()) // 7 + 1)
    week_mood = rng.standard_gamma(behaviour.week_shape, int(week_D[-1]) + 1) / behaviour.week_shape
    mood_D = rng.standard_gamma(behaviour.day_shape, total) / behaviour.day_shape * week_mood[week_D]
    mean_D = mood_D * calendar.activity_C[calendar_D] * (users.rate_B / session_events)[user_D]
    count_D = rng.poisson(mean_D)
    silent_B = np.bincount(user_D, count_D, len(days_B)) == 0
    count_D[first_B[silent_B]] = 1  # nobody has an empty log
    return np.repeat(user_D, count_D), np.repeat(day_D, count_D)


def _tags(
    rng: np.random.Generator,
    config: SimulateConfig,
    users: Users,
    life: Life,
    user_S: NDArray[np.int32],
    day_S: NDArray[np.int32],
    month_S: NDArray[np.int32],
) -> NDArray[np.int16]:
    """The tag each session shows: more of them towards the end, and what has just changed more often."""
    behaviour = config.behaviour
    able_BT = users.shown_BT.copy()
    able_BT[:, COLUMN["home_city"]] = False  # shown by places, not by desires
    weight_BT = rng.standard_gamma(behaviour.evenness, able_BT.shape) * able_BT
    edge_BT = np.cumsum(weight_BT, axis=1) / np.maximum(weight_BT.sum(axis=1, keepdims=True), 1e-12)
    share_B = behaviour.evidence * able_BT.sum(axis=1) / (len(TAG_NAMES) - 1)
    ramp_S = behaviour.ramp[0] + behaviour.ramp[1] * day_S / users.days_B[user_S]
    telling = np.flatnonzero(rng.random(len(user_S)) < share_B[user_S] * ramp_S)
    tag_S = np.full(len(user_S), NO_TAG, dtype=np.int16)
    owner = user_S[telling]
    # One sorted table for all users: the edges of user b lie between b and b + 1.
    table = (edge_BT + np.arange(len(edge_BT))[:, None]).ravel()
    place = np.searchsorted(table, owner + rng.random(len(telling)), side="right") - owner * len(TAG_NAMES)
    tag_S[telling] = np.minimum(place, len(TAG_NAMES) - 1)

    changed_MBT = np.zeros(life.state_MBT.shape, dtype=np.bool_)
    for later in range(behaviour.news_months):
        changed_MBT[1 + later :] |= (life.state_MBT[1:] != life.state_MBT[:-1])[
            : len(changed_MBT) - 1 - later
        ]
    changed_MBT &= able_BT
    any_MB = np.asarray(changed_MBT.any(axis=2))
    hit = np.flatnonzero(any_MB[month_S, user_S] & (rng.random(len(user_S)) < behaviour.news))
    among = changed_MBT[month_S[hit], user_S[hit]] * rng.random((len(hit), len(TAG_NAMES)))
    tag_S[hit] = among.argmax(axis=1)
    return tag_S


def _for_others(
    rng: np.random.Generator,
    config: SimulateConfig,
    calendar: Calendar,
    users: Users,
    user_S: NDArray[np.int32],
    day_S: NDArray[np.int32],
    tag_S: NDArray[np.int16],
    value_S: NDArray[np.int16],
    role_S: NDArray[np.int8],
) -> None:
    """Turn sessions, in place, into a housemate's and into shopping for others."""
    noise = config.noise
    u_S = rng.random(len(user_S))
    shared = np.flatnonzero(u_S < users.shared_share_B[user_S])
    _about(rng, users.shared_BT, shared, user_S, tag_S, value_S)
    role_S[shared] = Role.SHARED
    festival_S = calendar.festival_C[(len(calendar.festival_C) - users.days_B)[user_S] + day_S]
    gift_rate_S = noise.gift_rate * np.where(festival_S, noise.festival_gifts, 1.0)
    gifts = np.flatnonzero((role_S != Role.SHARED) & (rng.random(len(user_S)) < gift_rate_S))
    _about(rng, users.gift_BT, gifts, user_S, tag_S, value_S)
    role_S[gifts[tag_S[gifts] != NO_TAG]] = Role.GIFT


def _about(
    rng: np.random.Generator,
    other_BT: NDArray[np.int16],
    which: NDArray[np.int64],
    user_S: NDArray[np.int32],
    tag_S: NDArray[np.int16],
    value_S: NDArray[np.int16],
) -> None:
    """Give the sessions `which` a tag of the other person, drawn evenly, and that person's value of it."""
    other = other_BT[user_S[which]]
    tag = ((other >= 0) * rng.random(other.shape)).argmax(axis=1)
    value_S[which] = other[np.arange(len(which)), tag]
    tag_S[which] = np.where(value_S[which] >= 0, tag, NO_TAG)


def assign_roles(sessions: Sessions, life: Life) -> None:
    """SHOWS where the session shows the value of the end, FORMER where an earlier one; others keep theirs."""
    user_S, tag_S = sessions.user_S, sessions.tag_S
    month_S = sessions.day_S // MONTH_DAYS
    own_S = (tag_S != NO_TAG) & (sessions.role_S == Role.NOTHING)
    final_S = life.final()[user_S, tag_S] == sessions.value_S
    held_S = life.state_MBT[month_S, user_S, tag_S] == sessions.value_S
    settled_S = month_S >= life.since()[user_S, tag_S]
    shows_S = own_S & ((final_S & settled_S) | (tag_S == INTERESTS))
    sessions.role_S[shows_S] = Role.SHOWS
    sessions.role_S[own_S & ~shows_S & held_S & ~final_S] = Role.FORMER


def choose(
    rng: np.random.Generator,
    intents: Intents,
    tastes: Tastes,
    calendar: Calendar,
    users: Users,
    sessions: Sessions,
    gift_items: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> None:
    """Fill in desires and items. `gift_items` holds, by group, the range of items that can be given, flat."""
    month_S = calendar.month_C[(len(calendar.month_C) - users.days_B)[sessions.user_S] + sessions.day_S]
    group_S = np.where(
        sessions.tag_S == NO_TAG, EVERYDAY, intents.first_group_T[sessions.tag_S] + sessions.value_S
    )
    sessions.desire_S = choose_desires(rng, intents, tastes, sessions.user_S, month_S, group_S)
    sessions.item_S = choose_items(rng, intents, tastes, sessions.user_S, sessions.desire_S)
    gifts = np.flatnonzero(sessions.role_S == Role.GIFT)
    flat, edge_G = gift_items
    low, high = edge_G[group_S[gifts]], edge_G[group_S[gifts] + 1]
    chosen = flat[low + (rng.random(len(gifts)) * (high - low)).astype(np.int64)]
    sessions.item_S[gifts], sessions.desire_S[gifts] = chosen, intents.desire_N[chosen]


def follow_up(
    rng: np.random.Generator,
    config: SimulateConfig,
    intents: Intents,
    tastes: Tastes,
    users: Users,
    life: Life,
    sessions: Sessions,
    did: dict[str, NDArray[np.bool_]],
) -> tuple[Sessions, int]:
    """Sessions that others lead to, and how many were rejected: past the end, or no longer wanted.

    `did` says for each PLATFORM/ACTION which sessions hold it.
    """
    platforms = list(config.platforms)
    found = sessions.take(np.zeros(0, dtype=np.int64))
    rejected = 0
    for edge in config.follow_ups.values():
        which = np.flatnonzero(did[edge.after] & (rng.random(len(sessions)) < edge.probability))
        which = which[sessions.role_S[which] != Role.GIFT]
        later = sessions.take(which)
        low, high = edge.days
        later.day_S = later.day_S + rng.integers(low, high + 1, len(which), dtype=np.int32)
        platform = np.full(len(which), platforms.index(edge.platform))
        later.item_S = choose_items(rng, intents, tastes, later.user_S, later.desire_S, platform)
        possible = later.item_S >= 0
        in_time = later.day_S < users.days_B[later.user_S]
        month = np.minimum(later.day_S, users.days_B[later.user_S] - 1) // MONTH_DAYS
        own = (later.tag_S != NO_TAG) & (later.role_S != Role.SHARED) & (later.tag_S != INTERESTS)
        wanted = ~own | (life.state_MBT[month, later.user_S, later.tag_S] == later.value_S)
        rejected += int((possible & ~(in_time & wanted)).sum())
        found = found.plus(later.take(possible & in_time & wanted))
    return found, rejected


def draw_users(
    rng: np.random.Generator,
    config: SimulateConfig,
    days_B: NDArray[np.int64],
    life: Life,
    hobby_BH: NDArray[np.int16],
    giftable_TV: dict[str, NDArray[np.bool_]],
) -> Users:
    """How active users are, what they leave unseen, whom they buy for and with whom they share an account."""
    noise, users = config.noise, len(days_B)
    shown_BT = rng.random((users, len(TAG_NAMES))) >= noise.na_rate
    rate_B = config.events_per_day * np.exp(config.behaviour.activity_spread * rng.standard_normal(users))
    other_BT = _unlike(rng, life, giftable_TV, shown_BT)
    household = COLUMN["household_size"]
    lives_alone_B = shown_BT[:, household] & (life.final()[:, household] == 0)
    shares_B = (rng.random(users) < noise.shared_users) & ~lives_alone_B
    low, high = noise.shared_share
    ranked_BT = np.argsort(np.where(other_BT >= 0, rng.random(other_BT.shape), 2.0), axis=1).argsort(axis=1)
    shared_BT = _unlike(rng, life, giftable_TV, shown_BT)
    sharable_T = np.isin(TAG_NAMES, noise.shared_tags)
    return Users(
        days_B=days_B,
        rate_B=rate_B,
        shown_BT=shown_BT,
        hobby_BH=hobby_BH,
        gift_BT=np.where(ranked_BT < noise.gift_tags, other_BT, -1).astype(np.int16),
        shared_BT=np.where(sharable_T & shown_BT, shared_BT, -1).astype(np.int16),
        shared_share_B=np.where(shares_B, low + (high - low) * rng.random(users), 0.0),
        shared_hour_B=rng.integers(noise.shared_from[0], noise.shared_from[1] + 1, users),
        key_B=rng.integers(0, 2**63, users, dtype=np.uint64),
    )


def _unlike(
    rng: np.random.Generator,
    life: Life,
    giftable_TV: dict[str, NDArray[np.bool_]],
    shown_BT: NDArray[np.bool_],
) -> NDArray[np.int16]:
    """For every closed tag a value that can be bought for and that the user does not have; -1 where none is.

    Habits may still lead there. Of a hidden tag it is any value, or what others get would tell on the user.
    """
    users = life.state_MBT.shape[1]
    other_BT = np.full((users, len(TAG_NAMES)), -1, dtype=np.int16)
    for tag in CLOSED:
        column, size = COLUMN[tag], len(TAG[tag].values)
        had_BV = (life.state_MBT[:, :, column, None] == np.arange(size)).any(axis=0)
        free_BV = giftable_TV[tag] & ~(had_BV & shown_BT[:, column, None])
        pick_B = (free_BV * rng.random((users, size))).argmax(axis=1)
        other_BT[:, column] = np.where(free_BV.any(axis=1), pick_B, -1)
    return other_BT
