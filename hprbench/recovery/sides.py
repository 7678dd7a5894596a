"""Induced personas against true sides, user by user.

A memory belongs to the first persona that names it, or to none. Memories that are truly noise have no side.

Suffixes: `_P` personas, `_K` true sides.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hprbench.recovery.partitions import adjusted_rand, contingency, f1_of_groups, matched_f1, pair_purity
from hprbench.recovery.truth import MemoryTruth
from records.persona import PersonaSet

NONE = -1
"""In place of a persona."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SideScores:
    """How well one user's sides are found. None: there is nothing to say it of.

    `rand` is the adjusted Rand index over memories with a side that stand in a persona (two at least);
    `rand_all` that over all memories of the level, where each one that no persona holds, and each that has no
    side, is a group by itself. `f1` is the matched F1, all sides alike, `f1_by_size` by their memories; a
    persona's memories without a side count against it, and a side's memories in no persona against that.
    `together`: of pairs of memories of one side that stand in personas the share in one persona, `by_chance`
    that of all pairs. Personas that are fewer than the sides can keep these whole, and lose all the others.
    """

    sides: int
    rand: float | None
    rand_all: float | None
    f1: float | None
    f1_by_size: float | None
    together: float | None
    by_chance: float | None


def persona_of(found: PersonaSet, truth: Sequence[MemoryTruth]) -> list[int]:
    """The place of each memory's persona in the set, or NONE.

    ValueError when a persona names a memory that the user lacks.
    """
    place = {memory.number: NONE for memory in truth}
    for number in range(len(found.personas) - 1, -1, -1):
        for memory in found.personas[number].memories:
            if memory not in place:
                raise ValueError(
                    f"{found.user_id}: persona {number + 1} names memory {memory}, which the user lacks"
                )
            place[memory] = number
    return [place[memory.number] for memory in truth]


def side_scores(personas: Sequence[int], truth: Sequence[MemoryTruth], level: str) -> SideScores:
    """Scores of one user; `personas` as `persona_of` has it, `level` one of `truth.LEVELS`."""
    # On a level without everyday life its memories are neither right nor wrong anywhere.
    of_level = [
        (persona, memory)
        for persona, memory in zip(personas, truth, strict=True)
        if memory.is_noise or memory.sides[level] is not None
    ]
    sided = [(persona, memory.sides[level]) for persona, memory in of_level if not memory.is_noise]
    told = [(persona, side) for persona, side in sided if persona != NONE]
    alone = [
        (
            ("alone", at) if persona == NONE else persona,
            ("alone", at) if memory.is_noise else memory.sides[level],
        )
        for at, (persona, memory) in enumerate(of_level)
    ]
    sides = len({side for _, side in sided})
    f1 = f1_by_size = None
    if sided:
        count_PK = contingency([persona for persona, _ in sided], [side for _, side in sided])
        order = list(dict.fromkeys(persona for persona, _ in sided))
        kept = [place for place, persona in enumerate(order) if persona != NONE]
        in_persona = Counter(persona for persona, _ in of_level)
        size_P = np.array([in_persona[order[place]] for place in kept], dtype=np.int64)
        size_K = count_PK.sum(axis=0)
        f1_PK = f1_of_groups(count_PK[kept], size_P, size_K)
        f1, f1_by_size = (matched_f1(f1_PK, weight_K) for weight_K in (np.ones(sides), size_K.astype(float)))
    held, side_of = zip(*told, strict=True) if told else ((), ())
    together = pair_purity(side_of, held)
    return SideScores(
        sides=sides,
        rand=adjusted_rand(held, side_of) if len(told) > 1 else None,
        rand_all=adjusted_rand(*zip(*alone, strict=True)) if len(alone) > 1 else None,
        f1=f1,
        f1_by_size=f1_by_size,
        together=together,
        # Of the same users as `together`, or the two could not be compared.
        by_chance=None if together is None else pair_purity([0] * len(told), held),
    )
