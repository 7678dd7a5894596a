"""Shared accounts: whether personas part the people behind one.

Clusters of topics part any two bundles of topics to some degree, and the people of a shared account want
different things. So users who are alone have an invented other person: sides of their own drawn by chance
that make up as many memories. What shared accounts are better by, if anything, has to do with people.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hprbench.recovery.partitions import adjusted_rand, pair_purity
from hprbench.recovery.sides import NONE
from hprbench.recovery.truth import MemoryTruth, Side
from simulate.frames import HOUSEMATE, OWN

LEAST = 3
"""Memories that each person has at least; with fewer an account is neither shared nor a single person's."""

INVENTED_SHARE = 0.25
"""Share of memories of an invented person, at least: what a housemate of the simulator has in the middle."""

MIXED = 0.2
"""A persona in which others than its main person have a larger share mixes people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleScores:
    """How well personas part people, over memories that stand in a persona and are no noise.

    `rand`: adjusted Rand index of persona and person. `same_person`: of pairs of memories in one persona
    the share of one person; `by_chance`: that of all pairs. `split`: each person is the main one of some
    persona, and no persona mixes people.
    """

    rand: float
    same_person: float | None
    by_chance: float | None
    split: bool


def people_of(truth: Sequence[MemoryTruth]) -> list[str]:
    """Who acted by memory, "" for noise."""
    return [memory.actor for memory in truth]


def is_shared(truth: Sequence[MemoryTruth]) -> bool | None:
    """Whether two people use the account; None where one of them hardly does."""
    counted = Counter(people_of(truth))
    if not counted[HOUSEMATE]:
        return False
    return True if min(counted[OWN], counted[HOUSEMATE]) >= LEAST else None


def invented_people(truth: Sequence[MemoryTruth], rng: np.random.Generator) -> list[str] | None:
    """As `people_of` of a user who is alone, with an invented housemate; None where nothing can be parted.

    Sides (no everyday life: a simulated housemate has none) are drawn until they have INVENTED_SHARE.
    """
    count = Counter(side for memory in truth if (side := memory.sides["telling"]) is not None)
    wanted = INVENTED_SHARE * sum(not memory.is_noise for memory in truth)
    taken: set[Side] = set()
    for place in rng.permutation(len(count)):
        if sum(count[side] for side in taken) >= wanted:
            break
        taken.add(list(count)[place])
    people = [
        "" if memory.is_noise else HOUSEMATE if memory.sides["telling"] in taken else OWN for memory in truth
    ]
    counted = Counter(people)
    return people if min(counted[OWN], counted[HOUSEMATE]) >= LEAST else None


def people_scores(personas: Sequence[int], people: Sequence[str]) -> PeopleScores | None:
    """Scores of one user, `personas` as `persona_of` has it; None without two memories to compare."""
    told = [(p, who) for p, who in zip(personas, people, strict=True) if p != NONE and who]
    if len(told) < 2:
        return None
    placed, acting = zip(*told, strict=True)
    counted = [Counter(who for p, who in told if p == persona) for persona in dict.fromkeys(placed)]
    mains = [who.most_common(1)[0] for who in counted]
    pure = all(1 - most / who.total() <= MIXED for (_, most), who in zip(mains, counted, strict=True))
    return PeopleScores(
        rand=adjusted_rand(placed, acting),
        same_person=pair_purity(placed, acting),
        by_chance=pair_purity([0] * len(acting), acting),
        split=pure and {who for who, _ in mains} == set(filter(None, people)),
    )
