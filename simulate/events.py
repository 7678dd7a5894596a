"""Events: sessions and their actions on a clock, with noise, down to what the log shows of each.

Suffixes: `_S` sessions, `_E` events, `_B` users, `_D` user-days, `_F` platforms.
"""

from collections import Counter
from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from records.simulation import SimulateConfig
from simulate.chains import Actions, Walk
from simulate.environment import DAY_MS
from simulate.intents import Intents, Tastes, choose_items
from simulate.sessions import NO_TAG, Role, Sessions, Users
from simulate.titles import Titles
from simulate.whereabouts import Whereabouts


class Noise(IntEnum):
    """Why an event is not to get its user nearer to anything the user wants; the first that holds."""

    NONE = 0
    MIS_CLICK = 1
    DEAD_LOOP = 2
    GIFT = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """E events in order of user and time.

    `time_E` counts milliseconds from the first midnight of the user's history; `title_E` numbers the titles,
    `city_E` the cities (-1: no location), `price_E` is nan where there is none. From `tag_E` on: hidden.
    `session_E` counts the sessions of all users, `housemate_E` says that somebody else acted.
    """

    user_E: NDArray[np.int32]
    time_E: NDArray[np.int64]
    action_E: NDArray[np.int64]
    item_E: NDArray[np.int64]
    title_E: NDArray[np.int64]
    city_E: NDArray[np.int64]
    pieces_E: NDArray[np.int64]
    price_E: NDArray[np.float64]

    tag_E: NDArray[np.int16]
    value_E: NDArray[np.int16]
    role_E: NDArray[np.int8]
    home_role_E: NDArray[np.int8]
    session_E: NDArray[np.int64]
    desire_E: NDArray[np.int64]
    noise_E: NDArray[np.int8]
    housemate_E: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The actions of E events by session: which session, which of its steps, and whether in a dead loop."""

    session_E: NDArray[np.int64]
    step_E: NDArray[np.int64]
    again_E: NDArray[np.bool_]
    action_E: NDArray[np.int64]


def with_loops(rng: np.random.Generator, config: SimulateConfig, steps: Walk, counts: Counter[str]) -> Layout:
    """Lay the steps of all sessions out as events; some sessions end in a dead loop of their last one."""
    loop_S = np.zeros(len(steps.length_S), dtype=np.int64)
    looped = np.flatnonzero(rng.random(len(loop_S)) < config.noise.loop_rate)
    low, high = config.noise.loop_length
    loop_S[looped] = rng.integers(low, high + 1, len(looped))
    counts["loops"] += len(looped)
    length_S = steps.length_S + loop_S
    session_E = np.repeat(np.arange(len(length_S)), length_S)
    step_E = np.arange(len(session_E)) - (np.cumsum(length_S) - length_S)[session_E]
    again_E = step_E >= steps.length_S[session_E]
    step_E = np.minimum(step_E, steps.length_S[session_E] - 1)
    return Layout(
        session_E=session_E,
        step_E=step_E,
        again_E=again_E,
        action_E=steps.action_E[steps.first_S[session_E] + step_E],
    )


def run_clock(
    rng: np.random.Generator,
    config: SimulateConfig,
    actions: Actions,
    users: Users,
    sessions: Sessions,
    platform_S: NDArray[np.int64],
    start_S: NDArray[np.int64],
    layout: Layout,
    counts: Counter[str],
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Time of each event, and which events are in time: what comes after the last day is rejected.

    `sessions` are in order of user and start. A user does one thing at a time: a session that would begin
    before the one before it is over waits.
    """
    platform_E = platform_S[layout.session_E]
    low_E, high_E = np.log(actions.gap_F2 * 1000.0)[platform_E].T
    gap_E = np.exp(low_E + rng.random(len(platform_E)) * (high_E - low_E))
    low, high = (round(1000 * seconds) for seconds in config.noise.loop_gap_s)
    gap_E[layout.again_E] = rng.integers(low, max(high, low + 1), int(layout.again_E.sum()))
    run_E = np.cumsum(gap_E.astype(np.int64))
    head_S = np.searchsorted(layout.session_E, np.arange(len(sessions)))
    last_S = np.append(head_S[1:], len(run_E)) - 1
    into_E = run_E - run_E[head_S][layout.session_E]
    lasts_S = into_E[last_S] + round(1000 * config.behaviour.pause_s)
    # With running sums of durations taken off, waiting is a running maximum, user by user.
    before_S = np.cumsum(lasts_S) - lasts_S
    # Users stand so far apart that the waiting of one never reaches the next.
    apart_S = sessions.user_S.astype(np.int64) * (DAY_MS * int(users.days_B.max() + 1) + int(lasts_S.sum()))
    free_S = np.maximum.accumulate(apart_S + start_S - before_S) + before_S - apart_S
    counts["overlap_moved"] += int((free_S > start_S).sum())
    time_E = free_S[layout.session_E] + into_E
    in_time_E = time_E < (users.days_B * DAY_MS)[sessions.user_S[layout.session_E]]
    counts["past_end_rejected"] += int((~in_time_E).sum())
    return time_E, in_time_E


def make_events(
    rng: np.random.Generator,
    config: SimulateConfig,
    intents: Intents,
    actions: Actions,
    titles: Titles,
    tastes: Tastes,
    users: Users,
    sessions: Sessions,
    layout: Layout,
    time_E: NDArray[np.int64],
    where: Whereabouts,
    counts: Counter[str],
) -> Events:
    """All columns of the events, noise included."""
    behaviour, session_E, action_E = config.behaviour, layout.session_E, layout.action_E
    size = len(session_E)
    user_E, item_E = sessions.user_S[session_E], sessions.item_S[session_E]
    role_E, tag_E = sessions.role_S[session_E], sessions.tag_S[session_E]
    switched_E = (layout.step_E > 0) & ~layout.again_E & (role_E != Role.GIFT)
    switch = np.flatnonzero(switched_E & (rng.random(size) < behaviour.switch))
    desire, platform = sessions.desire_S[session_E[switch]], intents.platform_N[item_E[switch]]
    item_E[switch] = choose_items(rng, intents, tastes, user_E[switch], desire, platform)
    slip = np.flatnonzero(actions.slips_A[action_E] & (rng.random(size) < config.noise.misclick_rate))
    counts["misclicks"] += len(slip)
    item_E[slip] = _anything_near(rng, intents, item_E[slip])
    housemate_E = role_E == Role.SHARED
    noise_E = np.where(role_E == Role.GIFT, np.int8(Noise.GIFT), np.int8(Noise.NONE))
    noise_E[layout.again_E], noise_E[slip] = Noise.DEAD_LOOP, Noise.MIS_CLICK
    role_E[slip], tag_E[slip] = Role.NOTHING, NO_TAG

    kind_E = actions.kind_A[action_E]
    count_E = titles.count_NK[item_E, kind_E]
    # A user's usual title of an item is the same every time; else earlier titles are more popular.
    usual_E = _scrambled(users.key_B[user_E] + item_E.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15))
    u_E = np.where(rng.random(size) < behaviour.loyalty, usual_E, rng.random(size))
    which_E = np.minimum(((count_E + 1.0) ** (u_E * u_E)).astype(np.int64) - 1, count_E - 1)
    marked_E = np.where(role_E == Role.GIFT, titles.gift_offset, 0)

    priced_E = actions.priced_A[action_E]
    limit = np.log(config.quality.price_range)
    spread_E = behaviour.price_spread * rng.standard_normal(size)
    counts["price_clipped"] += int((priced_E & (np.abs(spread_E) > limit)).sum())
    price_E = np.round(intents.price_N[item_E] * np.exp(np.clip(spread_E, -limit, limit)), 2)
    several = np.flatnonzero(priced_E & (rng.random(size) < behaviour.several))
    pieces_E = np.ones(size, dtype=np.int64)
    pieces_E[several] += rng.geometric(1.0 - behaviour.one_more, len(several))

    day_E = (np.cumsum(users.days_B) - users.days_B)[user_E] + sessions.day_S[session_E]
    located_E = actions.located_A[action_E]
    # A housemate does not travel along.
    stays_E = located_E & (role_E == Role.SHARED)
    counts["housemate_kept_home"] += int((stays_E & (where.city_D[day_E] != where.home_D[day_E])).sum())
    city_E = np.where(stays_E, where.home_D[day_E], where.city_D[day_E])
    home_role_E = np.where(stays_E, where.home_role_D[day_E], where.role_D[day_E])
    return Events(
        user_E=user_E,
        time_E=time_E,
        action_E=action_E,
        item_E=item_E,
        title_E=titles.start_NK[item_E, kind_E] + which_E + marked_E,
        city_E=np.where(located_E, city_E, -1),
        pieces_E=pieces_E,
        price_E=np.where(priced_E, price_E, np.nan),
        tag_E=tag_E,
        value_E=sessions.value_S[session_E],
        role_E=role_E,
        home_role_E=np.where(located_E, home_role_E, Role.NOTHING).astype(np.int8),
        session_E=session_E,
        desire_E=sessions.desire_S[session_E],
        noise_E=noise_E,
        housemate_E=housemate_E,
    )


def kept(events: Events, which_E: NDArray[np.bool_]) -> Events:
    """These events only."""
    if which_E.all():
        return events
    return Events(**{field.name: getattr(events, field.name)[which_E] for field in fields(events)})


def _anything_near(
    rng: np.random.Generator, intents: Intents, item_N: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Any item of the same platform, evenly: where a finger slips to."""
    order = np.argsort(intents.platform_N, kind="stable")
    edge_F = np.searchsorted(intents.platform_N[order], np.arange(intents.platforms + 1))
    low, high = edge_F[intents.platform_N[item_N]], edge_F[intents.platform_N[item_N] + 1]
    found: NDArray[np.int64] = order[low + (rng.random(len(item_N)) * (high - low)).astype(np.int64)]
    return found


def _scrambled(key: NDArray[np.uint64]) -> NDArray[np.float64]:
    """A number in [0, 1) that depends on the key alone (the finaliser of SplitMix64)."""
    with np.errstate(over="ignore"):
        mixed = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53
