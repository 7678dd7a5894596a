"""One block of users, from seed to events: personas, their lives, sessions, decision processes, noise.

    personas ─► life, month by month ─► sessions ─► desires, items ─► actions ─► follow-ups ─► clock ─► events
                      ▲───── habits ──────┘

A block is drawn whole from its own branch of the seed, so that what is in it depends on nothing else.

Suffixes: `_B` users, `_S` sessions, `_E` events, `_F` platforms, `_C` days of the calendar.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from records.simulation import SimulateConfig
from records.tags import TAG
from simulate.chains import Actions, Walk, walk
from simulate.environment import DAY_MS, Calendar, make_calendar, session_hours
from simulate.events import Events, kept, make_events, run_clock, with_loops
from simulate.evolution import MONTH_DAYS, Life, drift, live
from simulate.intents import Intents, draw_tastes
from simulate.population import CLOSED, COLUMN, Personas, Population, draw_personas
from simulate.sessions import (
    Role,
    Sessions,
    Users,
    assign_roles,
    choose,
    draw_sessions,
    draw_users,
    follow_up,
)
from simulate.titles import Titles, write_titles
from simulate.whereabouts import whereabouts
from simulate.world import World

BLOCK = 128
"""Users drawn together."""

_BLOCKS_KEY = 2
_HOUR_MS = 3_600_000


class Simulator:
    """Everything that users share: the world, the calendar, and the config as tables."""

    def __init__(self, config: SimulateConfig, world: World, seed: int, end: date) -> None:
        self.config = config
        self.world = world
        self.seed = seed
        self.calendar: Calendar = make_calendar(config, seed, end)
        self.population = Population(config.population, config.quality, world.city_names, world.hobbies)
        self.intents = Intents(world, config)
        self.actions = Actions(config, world)
        self.titles: Titles = write_titles(world, config)
        share_F = self.intents.share_of_platforms(config.behaviour.evidence)
        self.session_events = self.actions.mean_length(share_F)
        groups = sorted(self.intents.group_of.items(), key=lambda item: item[1])
        gifts = [np.zeros(0, dtype=np.int64), *(self.intents.gifts[key] for key, _ in groups)]
        self.gift_items = (np.concatenate(gifts), np.cumsum([0, *(len(found) for found in gifts)]))
        self.giftable_TV = {
            tag: np.array([len(self.intents.gifts[tag, value]) > 0 for value in TAG[tag].values])
            for tag in CLOSED
        }
        self.order_levels, self.level_C = np.unique(self.calendar.orders_C, return_inverse=True)
        region = [place for place, cities in enumerate(world.cities.values()) for _ in cities]
        self.region_of_city = np.array(region)

    def draw(self, block: int) -> "Block":
        """The users `block * BLOCK` to `(block + 1) * BLOCK - 1`, whole."""
        key = (_BLOCKS_KEY, block)
        rngs = [
            np.random.Generator(np.random.SFC64(branch))
            for branch in np.random.SeedSequence(self.seed, spawn_key=key).spawn(4)
        ]
        config = self.config
        people, choices, clock, noise = rngs
        personas = draw_personas(people, self.population, self.world, BLOCK)
        days_B = people.integers(config.min_days, config.max_days + 1, BLOCK)
        life = live(people, config.evolution, self.population, personas, days_B)
        users = draw_users(people, config, days_B, life, personas.hobby_BH, self.giftable_TV)
        sessions = draw_sessions(choices, config, self.calendar, users, life, self.session_events)
        drifted = drift(
            choices,
            config.evolution,
            life,
            days_B,
            sessions.user_S,
            (sessions.day_S // MONTH_DAYS).astype(np.int64),
            np.where(sessions.role_S == Role.NOTHING, sessions.tag_S, -1),
            sessions.value_S,
        )
        assign_roles(sessions, life)
        tastes = draw_tastes(choices, self.intents, config.behaviour, personas.preference_BP)
        choose(choices, self.intents, tastes, self.calendar, users, sessions, self.gift_items)
        given_up = len(sessions)
        sessions = self._thinned(choices, users, sessions)
        given_up -= len(sessions)
        steps = self._walk(choices, personas, users, sessions)
        later, rejected = follow_up(
            choices, config, self.intents, tastes, users, life, sessions, self._done(sessions, steps)
        )
        more = self._walk(choices, personas, users, later)
        sessions = sessions.plus(later)
        steps = Walk(
            length_S=np.concatenate([steps.length_S, more.length_S]),
            action_E=np.concatenate([steps.action_E, more.action_E]),
        )
        counts = Counter(
            persona_redrawn=personas.redrawn,
            event_refused=life.refused,
            persona_implausible_at_end=int(self.population.is_implausible(life.final()).sum()),
            session_given_up=given_up,
            gift_sessions=int((sessions.role_S == Role.GIFT).sum()),
            housemate_sessions=int((sessions.role_S == Role.SHARED).sum()),
            follow_up_rejected=rejected,
            habits_changed=drifted,
        )
        counts.update({f"event_{name}": count for name, count in life.happened.items()})
        start_S = self._starts(clock, users, life, sessions, counts)
        order = np.lexsort((start_S, sessions.user_S))
        sessions, steps = sessions.take(order), steps.take(order)
        layout = with_loops(clock, config, steps, counts)
        platform_S = self.intents.platform_N[sessions.item_S]
        time_E, in_time_E = run_clock(
            clock, config, self.actions, users, sessions, platform_S, start_S[order], layout, counts
        )
        events = make_events(
            noise,
            config,
            self.intents,
            self.actions,
            self.titles,
            tastes,
            users,
            sessions,
            layout,
            time_E,
            whereabouts(noise, config.behaviour, self.region_of_city, users, life),
            counts,
        )
        return Block(
            simulator=self,
            personas=personas,
            users=users,
            life=life,
            counts=counts,
            events=kept(events, in_time_E),
        )

    def _days_in_calendar(self, users: Users, sessions: Sessions) -> NDArray[np.int64]:
        offset_B = len(self.calendar.activity_C) - users.days_B
        days: NDArray[np.int64] = offset_B[sessions.user_S] + sessions.day_S
        return days

    def _thinned(self, rng: np.random.Generator, users: Users, sessions: Sessions) -> Sessions:
        """Sessions that the weekday and the periods of their platform let happen; nobody loses all."""
        day_S = self._days_in_calendar(users, sessions)
        platform_S = self.intents.platform_N[sessions.item_S]
        kept_S = rng.random(len(sessions)) < self.calendar.kept_CF[day_S, platform_S]
        first = np.searchsorted(sessions.user_S, np.arange(BLOCK))
        kept_S[first[np.bincount(sessions.user_S, kept_S, BLOCK) == 0]] = True
        return sessions.take(kept_S)

    def _walk(self, rng: np.random.Generator, personas: Personas, users: Users, sessions: Sessions) -> Walk:
        return walk(
            rng,
            self.actions,
            personas.preference_BP,
            self.order_levels,
            self.config.behaviour.longest_session,
            sessions.user_S,
            self.intents.platform_N[sessions.item_S],
            self.level_C[self._days_in_calendar(users, sessions)],
        )

    def _done(self, sessions: Sessions, steps: Walk) -> dict[str, NDArray[np.bool_]]:
        """Which sessions hold each action that leads to others."""
        session_E = steps.session_E
        done = {}
        for edge in self.config.follow_ups.values():
            platform, _, action = edge.after.partition("/")
            number = self.actions.names.index((platform, action))
            held_S = np.zeros(len(sessions), dtype=np.bool_)
            held_S[session_E[steps.action_E == number]] = True
            done[edge.after] = held_S
        return done

    def _starts(
        self,
        rng: np.random.Generator,
        users: Users,
        life: Life,
        sessions: Sessions,
        counts: Counter[str],
    ) -> NDArray[np.int64]:
        """Start of each session, milliseconds since the first midnight of the user's history."""
        behaviour, noise = self.config.behaviour, self.config.noise
        chronotype = COLUMN["chronotype"]
        marked_S = users.shown_BT[sessions.user_S, chronotype]
        month_S = sessions.day_S // MONTH_DAYS
        windows = np.array([list(behaviour.hours_of).index(value) for value in TAG["chronotype"].values])
        window_S = np.where(marked_S, windows[life.state_MBT[month_S, sessions.user_S, chronotype]], -1)
        bound_S = (sessions.tag_S == chronotype) & (sessions.role_S < Role.GIFT)
        window_S[bound_S] = windows[sessions.value_S[bound_S]]
        hour_S, moved = session_hours(
            rng,
            self.actions.platforms,
            behaviour,
            self.intents.platform_N[sessions.item_S],
            window_S,
            bound_S,
        )
        shared = np.flatnonzero(sessions.role_S == Role.SHARED)
        hour_S[shared] = (
            users.shared_hour_B[sessions.user_S[shared]] + rng.integers(0, noise.shared_hours, len(shared))
        ) % 24
        counts["closed_hour_moved"] += moved
        within_S = hour_S * _HOUR_MS + rng.integers(0, _HOUR_MS, len(sessions))
        start_S: NDArray[np.int64] = sessions.day_S.astype(np.int64) * DAY_MS + within_S
        return start_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """BLOCK users: who they are, how they live, what they do, and counts by rule of what was mended."""

    simulator: Simulator
    personas: Personas
    users: Users
    life: Life
    counts: Counter[str]
    events: Events
