"""Gold labels: the value of every tag at the end, the events that show it, how hard it is to see.

Suffixes: `_R` rows, one a user and tag (user 0's 18 tags, then user 1's, …), `_P` pieces of evidence, `_E`
events.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from records.tags import TAG_NAMES
from simulate.block import Block
from simulate.population import COLUMN, MOST_HOBBIES
from simulate.sessions import Role

DIFFICULTIES = ("explicit", "implicit", "temporal", "trap")

_TAGS = len(TAG_NAMES)
_MOST_VALUES = 1000
_INTERESTS = COLUMN["interests"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gold:
    """R = users × 18 rows. `value_RV` numbers the world's values of the tag, most evident first, -1 past the
    last (all -1: NA). Row r has `pieces_R[r]` pieces of evidence; piece p is event `event_P[p]` of the
    block and shows value `place_P[p]` of its row. `difficulty_R` numbers DIFFICULTIES.
    """

    value_RV: NDArray[np.int16]
    pieces_R: NDArray[np.int64]
    event_P: NDArray[np.int64]
    place_P: NDArray[np.int64]
    difficulty_R: NDArray[np.int8]


def gold_of(block: Block) -> Gold:
    """The gold labels of a block; a tag without evidence in the log that decides it is NA.

    One clear sign decides, or two ambiguous ones that share the one value (cat or dog, cat or none).
    """
    rows = len(block.users.days_B) * _TAGS
    row_E = block.events.user_E.astype(np.int64) * _TAGS + block.events.tag_E
    home_E = block.events.user_E.astype(np.int64) * _TAGS + COLUMN["home_city"]
    shown = np.flatnonzero(block.events.role_E == Role.SHOWS)
    signs_R = np.bincount(row_E[shown], minlength=rows)
    shown = shown[_decided(block, row_E[shown], shown, rows)[row_E[shown]]]
    at_home = np.flatnonzero(block.events.home_role_E == Role.SHOWS)
    row_P = np.concatenate([row_E[shown], home_E[at_home]]).astype(np.int32)
    order = np.argsort(row_P, kind="stable")
    row_P, event_P = row_P[order], np.concatenate([shown, at_home])[order]
    pieces_R = np.bincount(row_P, minlength=rows)

    value_RV = np.full((rows, MOST_HOBBIES), -1, dtype=np.int16)
    value_RV[:, 0] = np.where(pieces_R > 0, block.life.final().ravel(), -1)
    place_P = np.zeros(len(row_P), dtype=np.int64)
    _interests(block, row_P, event_P, value_RV, place_P)

    clear_E = block.simulator.intents.clear_Q[block.simulator.intents.desire_N[block.events.item_E]]
    clear_R = np.bincount(row_E[shown], clear_E[shown], rows) + np.bincount(home_E[at_home], minlength=rows)
    unlike_E = block.life.final()[block.events.user_E, block.events.tag_E] != block.events.value_E
    others = np.flatnonzero((block.events.role_E >= Role.GIFT) & (block.events.tag_E >= 0) & unlike_E)
    former = np.flatnonzero(block.events.role_E == Role.FORMER)
    left = np.flatnonzero(block.events.home_role_E == Role.FORMER)
    others_R = np.bincount(row_E[others], minlength=rows)
    former_R = np.bincount(row_E[former], minlength=rows) + np.bincount(home_E[left], minlength=rows)
    config = block.simulator.config.gold
    trap_R = (others_R > 0) & (others_R >= config.contradiction * pieces_R)
    temporal_R = (former_R > 0) & (former_R >= config.contradiction * pieces_R)
    # NA is plain where nothing speaks of the tag, not where signs are left that decide nothing.
    plain_R = (clear_R >= config.explicit_events) | ((pieces_R == 0) & (signs_R == 0))
    difficulty_R = np.select([trap_R, temporal_R, plain_R], [3, 2, 0], default=1).astype(np.int8)
    return Gold(
        value_RV=value_RV, pieces_R=pieces_R, event_P=event_P, place_P=place_P, difficulty_R=difficulty_R
    )


def _decided(
    block: Block, row_P: NDArray[np.int64], event_P: NDArray[np.int64], rows: int
) -> NDArray[np.bool_]:
    """Which rows have evidence that leaves one value only."""
    intents = block.simulator.intents
    desire_P = intents.desire_N[block.events.item_E[event_P]]
    clear_P = intents.clear_Q[desire_P]
    decided_R = np.bincount(row_P[clear_P], minlength=rows) > 0
    # The other value that an ambiguous sign may stand for; two different others rule each other out.
    pair_P2 = intents.pair_Q2[desire_P[~clear_P]]
    mine_P = block.events.value_E[event_P[~clear_P]]
    other_P = np.where(pair_P2[:, 0] == mine_P, pair_P2[:, 1], pair_P2[:, 0])
    kinds = np.unique(row_P[~clear_P] * _MOST_VALUES + other_P) // _MOST_VALUES
    ruled: NDArray[np.bool_] = decided_R | (np.bincount(kinds, minlength=rows) > 1)
    return ruled


def _interests(
    block: Block,
    row_P: NDArray[np.int32],
    event_P: NDArray[np.int64],
    value_RV: NDArray[np.int16],
    place_P: NDArray[np.int64],
) -> None:
    """Order each user's hobbies by their evidence, most first; those without any are not in the log."""
    mine = np.flatnonzero(row_P % _TAGS == _INTERESTS)
    user = row_P[mine] // _TAGS
    hobbies = len(block.simulator.world.hobbies)
    value = block.events.value_E[event_P[mine]]
    count_BH = np.bincount(user * hobbies + value, minlength=len(block.users.days_B) * hobbies)
    count_BH = count_BH.reshape(-1, hobbies)
    ranked_BV = np.argsort(-count_BH, axis=1, kind="stable")[:, :MOST_HOBBIES]
    ranked_BV[np.take_along_axis(count_BH, ranked_BV, axis=1) == 0] = -1
    value_RV[_INTERESTS::_TAGS] = ranked_BV
    place_P[mine] = (ranked_BV[user] == value[:, None]).argmax(axis=1)
