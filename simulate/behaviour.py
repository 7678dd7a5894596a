"""One user's log: sessions over days, each one need → intent → actions on one platform.

    days ──► sessions ──► need (a tag to show, or background) ──► entity ──► actions (Markov) ──► events
                                                                   then: gifts, stray clicks, housemates

Suffixes: `_S` sessions, `_E` events, `_D` days of the history. Everything is drawn from the user's own
generator, so a log depends on its seed and its number, never on the other users.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from records.config import SimulateConfig
from records.tags import TAG, TAG_NAMES
from simulate.catalogue import PLATFORMS, Catalogue
from simulate.environment import DAY_MS, HOURS_OF, Calendar, session_days, session_hours
from simulate.persona import Persona, Preferences, draw_persona
from simulate.titles import KINDS, draw_noise

ACTIONS: tuple[tuple[str, str, str], ...] = (
    ("E-commerce", "Search", "query"),
    ("E-commerce", "Click", "product"),
    ("E-commerce", "Order", "product"),
    ("Delivery", "Order", "light"),
    ("Travel", "Search", "query"),
    ("Travel", "Book", "light"),
    ("Places", "Check-in", "bare"),
)
"""States of the Markov chain: source, action and the kind of title."""

SEARCH, CLICK, ORDER, DELIVER, LOOK, BOOK, CHECK_IN = range(7)
KIND_OF_ACTION = np.array([KINDS.index(kind) for _, _, kind in ACTIONS])
LOCATED = np.array([source in ("Delivery", "Places") for source, _, _ in ACTIONS])
PRICED = np.array([action in ("Order", "Book") for _, action, _ in ACTIONS])

STOP = np.array([0.36, 0.92, 0.5, 0.94])
"""Probability by platform that a session ends after an event."""
MAX_SESSION = 8

SPREAD = 0.84
"""Deviation of the log activity between users: the 95th percentile is 4 times the median."""

EVIDENCE = 0.76
"""Share of sessions that show something of a user none of whose tags is NA."""

RAMP = (0.7, 0.6)
"""Factor on EVIDENCE at the start of a history, and its rise up to the end: people show who they are now."""

FAVOURITE = (0.35, 0.35)
"""A user turns to the next favourite with probability 0.35, and up to 0.35 more the less loyal they are."""

SWITCH = 0.3
"""Probability that a later event of a session looks at another entity of the same need."""

TRIPS = {"local": 0.3, "regional": 1.5, "frequent_flyer": 4.0}
TRIPS_IF_NA = 1.0
"""Mean number of trips in a history, by mobility."""

SHARED_USERS = 0.25
SHARED_EVENTS = 0.1
SHARED_TAGS = ("gender", "age_group", "fitness", "education", "occupation", "price_sensitivity")
"""Share of users whose account a housemate uses too, share of their events, and the tags these contradict."""

GIFT_TAGS = 3
"""A user buys gifts for one person, who differs in so many tags."""

NO_TAG = -1


class Role(IntEnum):
    """What an event says about its tag."""

    NOTHING = 0
    SHOWS = 1
    FORMER = 2
    GIFT = 3
    SHARED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class UserLog:
    """E events in time order, as numbers; the observed part, then what only the gold labels may use.

    `city_E` numbers the catalogue's cities, -1 where the location is unknown; `price_E` may be nan.
    """

    time_ms_E: NDArray[np.int64]
    action_E: NDArray[np.int64]
    entity_E: NDArray[np.int64]
    city_E: NDArray[np.int64]
    count_E: NDArray[np.int64]
    price_E: NDArray[np.float64]
    noise: NDArray[np.int8]

    tag_E: NDArray[np.int64]
    role_E: NDArray[np.int64]
    home_role_E: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What S sessions are about: the tag shown (or NO_TAG), its role, and a first and a second entity."""

    tag_S: NDArray[np.int64]
    role_S: NDArray[np.int64]
    entity_S: NDArray[np.int64]
    other_S: NDArray[np.int64]


def draw_user(
    rng: np.random.Generator, config: SimulateConfig, catalogue: Catalogue, calendar: Calendar
) -> tuple[Persona, UserLog]:
    """A persona and the log of its behaviour."""
    days = int(rng.integers(config.min_days, config.max_days + 1))
    persona = draw_persona(rng, days, catalogue.city_names, catalogue.hobbies)
    shown = tuple(tag for tag in TAG_NAMES if rng.random() >= config.na_rate)
    events = max(1, int(rng.poisson(config.events_per_day * np.exp(SPREAD * rng.normal()) * days)))

    day_S = session_days(rng, calendar, days, events)
    needs = _needs(rng, persona, shown, catalogue, day_S, days)
    platform_S = catalogue.platform_N[needs.entity_S]
    length_S = np.minimum(rng.geometric(STOP[platform_S]), MAX_SESSION)
    ends_S = np.cumsum(length_S)
    sessions = int(np.searchsorted(ends_S, events)) + 1
    session_E = np.repeat(np.arange(sessions), length_S[:sessions])[:events]
    place_E = np.arange(events) - (ends_S - length_S)[session_E]

    window_S, bound_S = _windows(persona, needs, day_S[:sessions])
    hour_S = session_hours(rng, window_S, bound_S)
    start_S = day_S[:sessions] * DAY_MS + hour_S * 3_600_000 + rng.integers(0, 3_600_000, sessions)
    gap_E = np.cumsum(np.where(place_E > 0, rng.integers(20_000, 400_000, events), 0))
    time_E = start_S[session_E] + gap_E - gap_E[np.arange(events) - place_E]
    time_E = np.minimum(time_E, days * DAY_MS - 1)

    chain = _actions(rng, persona.preferences, platform_S[:sessions])
    action_E = chain[place_E, session_E]
    entity_E, tag_E, role_E = needs.entity_S[session_E], needs.tag_S[session_E], needs.role_S[session_E]
    other_E = needs.other_S[session_E]
    switch_E = (rng.random(events) < SWITCH) & (place_E > 0)
    switch_E &= catalogue.platform_N[other_E] == catalogue.platform_N[entity_E]
    entity_E = np.where(switch_E, other_E, entity_E)

    _interfere(rng, config, persona, shown, catalogue, action_E, entity_E, tag_E, role_E)
    city_D, home_role_D = _whereabouts(rng, persona, shown, catalogue, days)
    located_E = LOCATED[action_E]
    order_E = np.argsort(time_E, kind="stable")
    spread_E = np.exp(0.3 * rng.normal(size=events))
    price_E = np.where(PRICED[action_E], np.round(catalogue.price_N[entity_E] * spread_E, 2), np.nan)
    several_E = PRICED[action_E] & (rng.random(events) < 0.15)
    return persona, UserLog(
        time_ms_E=(time_E + calendar.first_day_ms(days))[order_E],
        action_E=action_E[order_E],
        entity_E=entity_E[order_E],
        city_E=np.where(located_E, city_D[day_S[session_E]], -1)[order_E],
        count_E=(1 + several_E * rng.geometric(0.6, events))[order_E],
        price_E=price_E[order_E],
        noise=draw_noise(rng, KIND_OF_ACTION[action_E])[order_E],
        tag_E=tag_E[order_E],
        role_E=role_E[order_E],
        home_role_E=np.where(located_E, home_role_D[day_S[session_E]], Role.NOTHING)[order_E],
    )


def _needs(
    rng: np.random.Generator,
    persona: Persona,
    shown: tuple[str, ...],
    catalogue: Catalogue,
    day_S: NDArray[np.int64],
    days: int,
) -> Needs:
    """What each session is about; tags outside `shown` are never the reason for one."""
    sessions = len(day_S)
    by_entity = [TAG_NAMES.index(tag) for tag in shown if tag != "home_city"]
    tag_S = np.full(sessions, NO_TAG)
    if by_entity:
        share = EVIDENCE * len(by_entity) / (len(TAG_NAMES) - 1)
        telling_S = rng.random(sessions) < share * (RAMP[0] + RAMP[1] * day_S / days)
        tag_S[telling_S] = rng.choice(by_entity, telling_S.sum(), p=rng.dirichlet([5.0] * len(by_entity)))
    role_S = np.full(sessions, int(Role.NOTHING))
    entity_S, other_S = (_background(rng, persona.preferences, catalogue, sessions) for _ in range(2))
    further = FAVOURITE[0] + FAVOURITE[1] * (1.0 - persona.preferences.loyalty)
    rank_S, other_rank_S = rng.geometric(1.0 - further, (2, sessions)) - 1
    for number in by_entity:
        tag = TAG_NAMES[number]
        found = np.flatnonzero(tag_S == number)
        if tag == "interests":
            values = persona.hobbies
            segment = rng.integers(0, len(values), len(found))
            role_S[found] = Role.SHOWS
        else:
            starts, values = zip(*persona.segments[tag], strict=True)
            segment = np.searchsorted(starts, day_S[found], side="right") - 1
            role_S[found] = np.where(segment == len(values) - 1, Role.SHOWS, Role.FORMER)
        for i, value in enumerate(values):
            liked = rng.permutation(catalogue.showing[tag, value])
            here = found[segment == i]
            entity_S[here] = liked[rank_S[here] % len(liked)]
            other_S[here] = liked[other_rank_S[here] % len(liked)]
    return Needs(tag_S=tag_S, role_S=role_S, entity_S=entity_S, other_S=other_S)


def _background(
    rng: np.random.Generator, preferences: Preferences, catalogue: Catalogue, sessions: int
) -> NDArray[np.int64]:
    """Everyday entities; outgoing people check in and order in more."""
    platform_B = catalogue.platform_N[catalogue.background]
    tilt_B = np.where(platform_B == PLATFORMS.index("E-commerce"), 1.0, 0.5 + 2.0 * preferences.outgoing)
    edges_B = np.cumsum(catalogue.popularity_B * tilt_B)
    place_S = np.searchsorted(edges_B, rng.random(sessions) * edges_B[-1], side="right")
    entity_S: NDArray[np.int64] = catalogue.background[place_S]
    return entity_S


def _windows(
    persona: Persona, needs: Needs, day_S: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Chronotype in force (-1 where no session of the log shows one) and sessions bound to its hours."""
    bound_S = needs.tag_S[: len(day_S)] == TAG_NAMES.index("chronotype")
    if not bound_S.any():
        return np.full(len(day_S), -1), bound_S
    starts, values = zip(*persona.segments["chronotype"], strict=True)
    windows = np.array([list(HOURS_OF).index(value) for value in values])
    return windows[np.searchsorted(starts, day_S, side="right") - 1], bound_S


def _actions(
    rng: np.random.Generator, preferences: Preferences, platform_S: NDArray[np.int64]
) -> NDArray[np.int64]:
    """States of the Markov chain, shape (MAX_SESSION, S): row k holds the action at place k of a session."""
    order = 0.15 + 0.3 * preferences.impulse
    first = 0.25 + 0.5 * preferences.search_first
    step = np.eye(len(ACTIONS))
    step[SEARCH, [SEARCH, CLICK, ORDER]] = 0.15, 0.75, 0.10
    step[CLICK, [SEARCH, CLICK, ORDER]] = 0.2, 0.8 - order, order
    step[ORDER, [SEARCH, CLICK, ORDER]] = 0.35, 0.5, 0.15
    step[LOOK, [LOOK, BOOK]] = 0.45, 0.55
    step[BOOK, [LOOK, BOOK]] = 0.9, 0.1
    start = np.zeros((len(PLATFORMS), len(ACTIONS)))
    start[0, [SEARCH, CLICK]] = first, 1.0 - first
    start[1, DELIVER] = 1.0
    start[2, [LOOK, BOOK]] = 0.7, 0.3
    start[3, CHECK_IN] = 1.0
    step_edges, start_edges = np.cumsum(step, axis=1)[:, :-1], np.cumsum(start, axis=1)[:, :-1]
    u = rng.random((MAX_SESSION, len(platform_S), 1))
    rows = [(u[0] >= start_edges[platform_S]).sum(axis=1)]
    for k in range(1, MAX_SESSION):
        rows.append((u[k] >= step_edges[rows[-1]]).sum(axis=1))
    return np.stack(rows)


def _interfere(
    rng: np.random.Generator,
    config: SimulateConfig,
    persona: Persona,
    shown: tuple[str, ...],
    catalogue: Catalogue,
    action_E: NDArray[np.int64],
    entity_E: NDArray[np.int64],
    tag_E: NDArray[np.int64],
    role_E: NDArray[np.int64],
) -> None:
    """Overwrite, in place, events without an intent of the user's own: gifts, stray clicks, a housemate's."""
    u_E = rng.random(len(action_E))
    stray_E = u_E < config.misclick_rate
    gift_E = ~stray_E & (u_E < config.misclick_rate + config.gift_rate)
    action_E[stray_E] = CLICK
    entity_E[stray_E] = rng.choice(catalogue.shop_items, stray_E.sum())
    tag_E[stray_E], role_E[stray_E] = NO_TAG, Role.NOTHING

    for recipient, mine_E in zip(
        _other_person(rng, persona, [tag for tag in TAG_NAMES if TAG[tag].values], catalogue, GIFT_TAGS),
        _split(rng, gift_E, GIFT_TAGS),
        strict=True,
    ):
        action_E[mine_E] = np.where(rng.random(len(mine_E)) < 0.4, CLICK, ORDER)
        entity_E[mine_E] = rng.choice(catalogue.giftable[recipient], len(mine_E))
        tag_E[mine_E], role_E[mine_E] = TAG_NAMES.index(recipient[0]), Role.GIFT

    lives_alone = persona.final("household_size") == "1"
    tags = [tag for tag in SHARED_TAGS if tag in shown]
    if tags and not lives_alone and rng.random() < SHARED_USERS:
        housemate_E = ~stray_E & ~gift_E & (rng.random(len(action_E)) < SHARED_EVENTS)
        for shows, mine_E in zip(
            _other_person(rng, persona, tags, catalogue, len(tags)),
            _split(rng, housemate_E, len(tags)),
            strict=True,
        ):
            action_E[mine_E] = np.where(rng.random(len(mine_E)) < 0.4, CLICK, ORDER)
            entity_E[mine_E] = rng.choice(catalogue.giftable[shows], len(mine_E))
            tag_E[mine_E], role_E[mine_E] = TAG_NAMES.index(shows[0]), Role.SHARED


def _other_person(
    rng: np.random.Generator, persona: Persona, tags: list[str], catalogue: Catalogue, count: int
) -> list[tuple[str, str]]:
    """`count` of `tags`, each with a value that can be bought for and that the user never had."""
    found = []
    for i in rng.permutation(len(tags))[:count].tolist():
        own = {value for _, value in persona.segments[tags[i]]}
        values = [v for v in TAG[tags[i]].values if v not in own and (tags[i], v) in catalogue.giftable]
        assert values, f"the catalogue has no gift that contradicts {tags[i]} = {own}"
        found.append((tags[i], values[int(rng.random() * len(values))]))
    return found


def _split(rng: np.random.Generator, mask_E: NDArray[np.bool_], parts: int) -> list[NDArray[np.int64]]:
    """The positions in `mask_E`, dealt at random into `parts` hands."""
    positions = np.flatnonzero(mask_E)
    hand = rng.integers(0, parts, len(positions))
    return [positions[hand == i] for i in range(parts)]


def _whereabouts(
    rng: np.random.Generator, persona: Persona, shown: tuple[str, ...], catalogue: Catalogue, days: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """City number and role towards home_city of each day; -1 and NOTHING where location is switched off."""
    city_D, role_D = np.full(days, -1), np.full(days, int(Role.NOTHING))
    if "home_city" not in shown:
        return city_D, role_D
    names = catalogue.city_names
    home = persona.segments["home_city"]
    for day, city in home:
        city_D[day:] = names.index(city)
        role_D[day:] = Role.SHOWS if (day, city) == home[-1] else Role.FORMER
    mobility = persona.final("mobility")
    mean = TRIPS[mobility] if "mobility" in shown else TRIPS_IF_NA
    own = {city for _, city in home}
    nearby = next(cities for cities in catalogue.cities.values() if home[-1][1] in cities)
    reach = [city for city in (nearby if mobility == "regional" else names) if city not in own]
    for _ in range(int(rng.poisson(mean))):
        first, nights = int(rng.integers(0, days)), int(rng.integers(2, 8))
        city_D[first : first + nights] = names.index(reach[int(rng.integers(0, len(reach)))])
        role_D[first : first + nights] = Role.NOTHING
    return city_D, role_D
