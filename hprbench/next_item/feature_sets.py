"""The rankers that are compared, and which of them a learned combination may read.

Whatever kind of feature personas have, the history has too, of the whole and of what is new in it.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from hprbench.next_item.affinity import Matrix
from hprbench.next_item.neighbours import (
    HistoryNeighbours,
    PersonaNeighbours,
    history_votes,
    persona_votes,
    pool_of_sessions,
    pool_of_users,
)
from hprbench.next_item.personas import Members, PersonaFit, Way
from hprbench.next_item.rankers import Nearest, OwnCount, OwnHistory, OwnRecency, Popularity, Profile, Ranker
from hprbench.next_item.split import FloatArray, Split

FLOORS = {
    "popularity": "popularity",
    "own history": "own history + popularity",
    "tfidf": "TF-IDF of the history",
}
"""Feature → what it is called as a ranker of its own."""

PLAIN = ("popularity", "own count", "tfidf")
"""What the floors know."""

WAYS: tuple[Way, ...] = ("best", "next", "active")

VOTES = "votes"
"""How names of neighbours' votes begin."""

LEAST_VOTE = 0.01
"""Added to votes before their logarithm is taken."""


def history_rankers(split: Split, affinities: Mapping[str, Matrix]) -> dict[str, Ranker]:
    """All that know the history alone. By affinity: the whole history, and four ways of weighing what is new.

    The last are there so that personas are not praised for what nearness in time does.
    """
    rankers: dict[str, Ranker] = {
        "popularity": Popularity(split=split),
        "own history": OwnHistory(split=split),
        "own count": OwnCount(split=split),
        "in the basket": OwnRecency(split=split, running=True),
        "last baskets": OwnRecency(split=split, running=False),
    }
    for name, affinity in affinities.items():
        rankers |= {
            name: Profile(split=split, affinity=affinity),
            f"{name}, recent": Profile(split=split, affinity=affinity, halflife=3),
            f"{name}, last session": Profile(split=split, affinity=affinity, halflife=0),
            f"{name}, last 5": Profile(split=split, affinity=affinity, last=5),
            f"{name}, last 1": Profile(split=split, affinity=affinity, last=1),
            f"{name}, nearest": Nearest(split=split, affinity=affinity),
        }
    users, sessions = pool_of_users(split), pool_of_sessions(split)
    return rankers | {
        f"{VOTES}, {name}": HistoryNeighbours(votes=votes)
        for name, votes in {
            "users": history_votes(split, users),
            "users, recent": history_votes(split, users, halflife=3),
            "sessions, last session": history_votes(split, sessions, halflife=0),
            "sessions, last 5": history_votes(split, sessions, last=5),
        }.items()
    }


def persona_rankers(
    split: Split, members: Sequence[Members], affinities: Mapping[str, Matrix]
) -> dict[str, Ranker]:
    """All that know which event is of which persona, by affinity and way of taking personas together; and
    votes of others' personas."""
    votes = persona_votes(split, members)
    fits: dict[str, Ranker] = {
        f"{name}, {way} persona": PersonaFit(split=split, members=members, affinity=affinity, way=way)
        for name, affinity in affinities.items()
        for way in WAYS
    }
    return fits | {
        f"{VOTES}, {way} persona": PersonaNeighbours(split=split, members=members, votes=votes, way=way)
        for way in WAYS
    }


def with_logs(features: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """`features`, and of votes, which are shares, their logarithms too: odds go by factors."""
    logs = {
        f"log {name}": np.log(values + LEAST_VOTE)
        for name, values in features.items()
        if name.startswith(VOTES)
    }
    return {**features, **logs}
