"""The rankers that are compared, and which of them a learned combination may read."""

from collections.abc import Mapping, Sequence
from typing import Literal

from hprbench.next_item.affinity import Matrix
from hprbench.next_item.personas import Members, PersonaFit
from hprbench.next_item.rankers import Nearest, OwnCount, OwnHistory, OwnRecency, Popularity, Profile, Ranker
from hprbench.next_item.split import Split

FLOORS = {
    "popularity": "popularity",
    "own history": "own history + popularity",
    "tfidf": "TF-IDF of the history",
}
"""Feature → what it is called as a ranker of its own."""

PLAIN = ("popularity", "own count", "tfidf")
"""What the floors know."""

WAYS: tuple[Literal["best", "next", "active"], ...] = ("best", "next", "active")


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
    return rankers


def persona_rankers(
    split: Split, members: Sequence[Members], affinities: Mapping[str, Matrix]
) -> dict[str, Ranker]:
    """All that know which event is of which persona, by affinity and way of taking personas together."""
    return {
        f"{name}, {way} persona": PersonaFit(split=split, members=members, affinity=affinity, way=way)
        for name, affinity in affinities.items()
        for way in WAYS
    }
