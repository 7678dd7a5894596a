"""From persona to intent: which desire a session pursues, and which item is to satisfy it.

    (persona, desire, intent): a user in a month of the year → a group of desires (those that show a value of
    a tag, or everyday ones) → a desire, by what the user leans towards → an item on a platform, by taste

Suffixes: `_B` users, `_S` sessions, `_O` offers (a desire in a group), `_G` groups, `_N` items, `_Q` desires.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from records.simulation import BehaviourConfig, SimulateConfig
from records.tags import TAG_NAMES
from simulate.world import World

EVERYDAY = 0
"""The group of desires that show nothing."""

MONTHS = 12

SEASON_TRIES = 12
"""Draws after which a desire is taken out of its season: a group may hold nothing else."""


class Intents:
    """The world's desires and items as arrays, in the order sessions choose from them."""

    def __init__(self, world: World, config: SimulateConfig) -> None:
        platforms = list(config.platforms)
        self.tag_Q = np.array([TAG_NAMES.index(d.tag) if d.tag else -1 for d in world.desires])
        self.clear_Q = np.array([len(d.values) == 1 for d in world.desires])
        self.pair_Q2 = np.array(
            [
                [
                    world.values_of(d.tag).index(d.values[place]) if len(d.values) == 2 else -1
                    for place in (0, 1)
                ]
                for d in world.desires
            ]
        )
        """The two values of an ambiguous desire."""
        names = {desire.name: place for place, desire in enumerate(world.desires)}
        self.desire_N = np.array([names[item.desire] for item in world.items])
        self.platform_N = np.array([platforms.index(item.platform) for item in world.items])
        self.price_N = np.array([item.price for item in world.items])
        categories = world.categories
        self.category_N = np.array([categories.index(item.category) for item in world.items])

        self.group_of: dict[tuple[str, str], int] = {}
        members: list[list[int]] = [[q for q, d in enumerate(world.desires) if not d.tag]]
        self.first_group_T = np.full(len(TAG_NAMES), -1)
        for place, tag in enumerate(TAG_NAMES):
            if tag == "home_city":
                continue
            self.first_group_T[place] = len(members)
            for value in world.values_of(tag):
                self.group_of[tag, value] = len(members)
                members.append([q for q, d in enumerate(world.desires) if d.tag == tag and value in d.values])
        self.offer_O = np.concatenate([np.array(group, dtype=np.int64) for group in members])
        self.edge_G = np.concatenate([[0], np.cumsum([len(group) for group in members])])

        preferences = [preference.name for preference in world.preferences]
        self.lean_QP = np.array([[d.leans.get(p, 0.0) for p in preferences] for d in world.desires])
        month_Q12 = np.array([[d.months.get(m + 1, 1.0) for m in range(MONTHS)] for d in world.desires])
        peak_Q = np.maximum(month_Q12.max(axis=1), 1e-9)
        self.weight_O = (np.array([d.weight for d in world.desires]) * peak_Q)[self.offer_O]
        """Weight of each offer in its best month."""
        self.season_Q12 = month_Q12 / peak_Q[:, None]
        """Share of that weight by month."""
        self.mean_weight_O = self.weight_O * self.season_Q12.mean(axis=1)[self.offer_O]

        # Items stand desire by desire, and within one platform by platform, so that both are ranges.
        order = np.lexsort((np.arange(len(self.desire_N)), self.platform_N, self.desire_N))
        rank_N = np.arange(len(order)) - np.searchsorted(self.desire_N, self.desire_N)
        self.item_I = order
        self.edge_QF = np.searchsorted(
            self.desire_N[order] * len(platforms) + self.platform_N[order],
            np.arange(len(world.desires) * len(platforms) + 1),
        )
        self.platforms = len(platforms)
        weight_F = np.array([platform.weight for platform in config.platforms.values()])
        everyday_N = self.tag_Q[self.desire_N] < 0
        steepness_N = np.where(everyday_N, config.behaviour.popularity, config.behaviour.telling_popularity)
        self.appeal_I = ((1.0 + rank_N) ** -steepness_N * weight_F[self.platform_N])[order]
        shop = platforms.index(config.noise.gift_platform)
        self.gifts = {
            key: self.item_I[
                np.concatenate(
                    [
                        np.arange(*self.edge_QF[q * self.platforms + shop :][:2])
                        for q in self.offer_O[self.edge_G[group] : self.edge_G[group + 1]]
                        if self.clear_Q[q]
                    ]
                )
            ]
            for key, group in self.group_of.items()
        }
        """(tag, value) → items that can be bought for somebody who has it."""

    def share_of_platforms(self, evidence: float) -> NDArray[np.float64]:
        """Expected share of sessions by platform, over all users alike."""
        appeal_QF = np.add.reduceat(
            np.append(self.appeal_I, 0.0), np.minimum(self.edge_QF[:-1], len(self.appeal_I))
        ).reshape(-1, self.platforms)
        appeal_QF[np.diff(self.edge_QF).reshape(-1, self.platforms) == 0] = 0.0
        share_QF = appeal_QF / np.maximum(appeal_QF.sum(axis=1, keepdims=True), 1e-12)
        weight_O = self.mean_weight_O
        everyday = slice(0, int(self.edge_G[1]))
        daily_F = weight_O[everyday] @ share_QF[self.offer_O[everyday]] / weight_O[everyday].sum()
        telling_F = share_QF[self.offer_O[self.edge_G[1] :]].mean(axis=0)
        share_F: NDArray[np.float64] = evidence * telling_F + (1 - evidence) * daily_F
        return share_F


@dataclass(frozen=True, slots=True)
class Tastes:
    """What B users lean towards, as running sums over offers and items, to draw from."""

    offers: NDArray[np.float64]
    items: NDArray[np.float64]


def draw_tastes(
    rng: np.random.Generator, intents: Intents, behaviour: BehaviourConfig, preference_BP: NDArray[np.float64]
) -> Tastes:
    """Weights over offers follow preferences, in everyday life also fancies; over items they follow taste."""
    lean_BQ = np.exp((2.0 * preference_BP - 1.0) @ intents.lean_QP.T)
    # What nobody can explain: how much one user cares for a desire and another does not.
    everyday_Q = intents.tag_Q < 0
    fancy_BQ = np.exp(behaviour.fancy * everyday_Q * rng.standard_normal(lean_BQ.shape))
    weight_BO = intents.weight_O * (lean_BQ * fancy_BQ)[:, intents.offer_O]
    taste_BI = np.exp(behaviour.taste * rng.standard_normal((len(lean_BQ), len(intents.item_I))))
    return Tastes(
        offers=np.concatenate([[0.0], np.cumsum(weight_BO.ravel())]),
        items=np.concatenate([[0.0], np.cumsum((taste_BI * intents.appeal_I).ravel())]),
    )


def choose_desires(
    rng: np.random.Generator,
    intents: Intents,
    tastes: Tastes,
    user_S: NDArray[np.int32],
    month_S: NDArray[np.int64],
    group_S: NDArray[np.int64],
) -> NDArray[np.int64]:
    """A desire of the group for each session: as if in its best month, then refused as its season has it."""
    base_S = user_S.astype(np.int64) * len(intents.offer_O)
    low_S, high_S = base_S + intents.edge_G[group_S], base_S + intents.edge_G[group_S + 1]
    desire_S = np.empty(len(user_S), dtype=np.int64)
    todo = np.arange(len(user_S))
    for _ in range(SEASON_TRIES):
        offer = _draw(rng, tastes.offers, low_S[todo], high_S[todo]) - base_S[todo]
        desire_S[todo] = intents.offer_O[offer]
        refused = rng.random(len(todo)) >= intents.season_Q12[desire_S[todo], month_S[todo]]
        todo = todo[refused]
        if not len(todo):
            break
    return desire_S


def choose_items(
    rng: np.random.Generator,
    intents: Intents,
    tastes: Tastes,
    user_S: NDArray[np.int32],
    desire_S: NDArray[np.int64],
    platform_S: NDArray[np.int64] | None = None,
) -> NDArray[np.int64]:
    """An item that satisfies the desire, on the platform given; -1 where that offers none."""
    base_S = user_S.astype(np.int64) * len(intents.item_I)
    first_S = desire_S * intents.platforms
    low_S = intents.edge_QF[first_S if platform_S is None else first_S + platform_S]
    high_S = intents.edge_QF[
        (first_S + intents.platforms) if platform_S is None else first_S + platform_S + 1
    ]
    place_S = _draw(rng, tastes.items, base_S + low_S, base_S + high_S) - base_S
    return np.where(low_S < high_S, intents.item_I[np.minimum(place_S, len(intents.item_I) - 1)], -1)


def _draw(
    rng: np.random.Generator, sums: NDArray[np.float64], low_S: NDArray[np.int64], high_S: NDArray[np.int64]
) -> NDArray[np.int64]:
    """A place in [low, high) with odds by the differences of `sums`; anything where the range is empty."""
    start_S = sums[low_S]
    target_S = start_S + rng.random(len(low_S)) * (sums[high_S] - start_S)
    place_S = np.searchsorted(sums, target_S, side="right") - 1
    clipped: NDArray[np.int64] = np.clip(place_S, low_S, np.maximum(low_S, high_S - 1))
    return clipped
