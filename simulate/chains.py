"""The decision process: a session becomes events, action by action.

On each platform a user moves between actions until the session ends (the state *idle*). The odds of an action
rise with the preferences that lean to it and, of a purchase, with the calendar.

Suffixes: `_A` actions of all platforms, `_S` sessions, `_E` events, `_B` users, `_L` levels of the order
factor.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from records.simulation import SimulateConfig
from simulate.world import World


class Actions:
    """All actions of all platforms as flat tables, platform by platform."""

    def __init__(self, config: SimulateConfig, world: World) -> None:
        self.names: tuple[tuple[str, str], ...] = tuple(
            (platform, action) for platform, entry in config.platforms.items() for action in entry.actions
        )
        """(platform, action) of each action number."""
        entries = [config.platforms[platform].actions[action] for platform, action in self.names]
        kinds = list(world.kinds)
        self.kind_A = np.array([kinds.index(entry.title) for entry in entries])
        self.priced_A = np.array([entry.priced for entry in entries])
        self.located_A = np.array([entry.located for entry in entries])
        self.slips_A = np.array([entry.slips for entry in entries])
        """Actions that a slip of the finger produces."""
        sizes = [len(entry.actions) for entry in config.platforms.values()]
        self.first_F = np.cumsum([0, *sizes])[:-1]
        self.platform_A = np.repeat(np.arange(len(sizes)), sizes)
        self.width = max(sizes)
        self.platforms = list(config.platforms.values())
        self.start_AK = np.zeros((len(sizes), self.width))
        self.next_AK = np.zeros((len(self.names), self.width))
        preferences = [preference.name for preference in world.preferences]
        self.lean_AP = np.zeros((len(self.names), len(preferences)))
        for place, (platform, action) in enumerate(self.names):
            entry = config.platforms[platform]
            local = list(entry.actions)
            here = self.platform_A[place]
            self.start_AK[here, local.index(action)] = entry.start.get(action, 0.0)
            for following, probability in entry.next.get(action, {}).items():
                self.next_AK[place, local.index(following)] = probability
            for preference, strength in entry.leans.get(action, {}).items():
                self.lean_AP[place, preferences.index(preference)] = strength
        self.gap_F2 = np.array([entry.gap_s for entry in config.platforms.values()])

    def mean_length(self, share_F: NDArray[np.float64]) -> float:
        """Expected events of a session without leanings (the fundamental matrix of the absorbing chain)."""
        total = 0.0
        for place, (platform, share) in enumerate(zip(self.platforms, share_F, strict=True)):
            size = len(platform.actions)
            rows = slice(self.first_F[place], self.first_F[place] + size)
            visits = np.linalg.solve(np.eye(size) - self.next_AK[rows, :size], np.ones(size))
            total += share * float(self.start_AK[place, :size] @ visits)
        return total / float(share_F.sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """What S sessions became: their lengths, and the action of each of E events, session by session."""

    length_S: NDArray[np.int64]
    action_E: NDArray[np.int64]

    def take(self, order: NDArray[np.int64]) -> "Walk":
        """The same sessions in another order."""
        length_S = self.length_S[order]
        shift_S = self.first_S[order] - (np.cumsum(length_S) - length_S)
        place_E = np.arange(len(self.action_E)) + np.repeat(shift_S, length_S)
        return Walk(length_S=length_S, action_E=self.action_E[place_E])

    @property
    def session_E(self) -> NDArray[np.int64]:
        """Session of each event."""
        return np.repeat(np.arange(len(self.length_S)), self.length_S)

    @property
    def first_S(self) -> NDArray[np.int64]:
        """Place of each session's first event."""
        first: NDArray[np.int64] = np.cumsum(self.length_S) - self.length_S
        return first


def walk(
    rng: np.random.Generator,
    actions: Actions,
    preference_BP: NDArray[np.float64],
    orders: NDArray[np.float64],
    longest: int,
    user_S: NDArray[np.int32],
    platform_S: NDArray[np.int64],
    level_S: NDArray[np.int64],
) -> Walk:
    """Walk all sessions at once, step by step; `orders[level_S]` is the factor on the odds of a purchase."""
    start, following = _edges(actions, preference_BP, orders)
    alive = np.arange(len(user_S))
    steps: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    table, row = start, (level_S * len(preference_BP) + user_S) * len(actions.platforms) + platform_S
    base_S = actions.first_F[platform_S]
    while len(alive) and len(steps) < longest:
        local = (rng.random((len(alive), 1)) >= table[row]).sum(axis=1)
        going = local < actions.width
        alive = alive[going]
        action = base_S[alive] + local[going]
        steps.append((alive, action))
        table = following
        row = (level_S[alive] * len(preference_BP) + user_S[alive]) * len(actions.names) + action
    length_S = np.zeros(len(user_S), dtype=np.int64)
    for who, _ in steps:
        length_S[who] += 1
    first_S = np.cumsum(length_S) - length_S
    action_E = np.empty(int(length_S.sum()), dtype=np.int64)
    for place, (who, action) in enumerate(steps):
        action_E[first_S[who] + place] = action
    return Walk(length_S=length_S, action_E=action_E)


def _edges(
    actions: Actions, preference_BP: NDArray[np.float64], orders: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cumulative probabilities of the first and of the following action, a row a (level, user, state).

    A number drawn beyond all edges ends the session; first actions never do.
    """
    users = len(preference_BP)
    odds_BA = np.exp((2.0 * preference_BP - 1.0) @ actions.lean_AP.T)
    odds_LBA = np.where(actions.priced_A, orders[:, None, None], 1.0) * odds_BA
    odds_LBFK = np.ones((len(orders), users, len(actions.platforms), actions.width))
    for place, platform in enumerate(actions.platforms):
        rows = slice(actions.first_F[place], actions.first_F[place] + len(platform.actions))
        odds_LBFK[:, :, place, : len(platform.actions)] = odds_LBA[:, :, rows]
    start = odds_LBFK * actions.start_AK
    start = np.cumsum(start, axis=3) / start.sum(axis=3, keepdims=True)
    start[start > 1.0 - 1e-9] = 1.0
    following = odds_LBFK[:, :, actions.platform_A] * actions.next_AK
    stop_A1 = 1.0 - actions.next_AK.sum(axis=1, keepdims=True)
    following = np.cumsum(following, axis=3) / (
        following.sum(axis=3, keepdims=True) + np.maximum(stop_A1, 0.0) + 1e-12
    )
    return start.reshape(-1, actions.width), following.reshape(-1, actions.width)
