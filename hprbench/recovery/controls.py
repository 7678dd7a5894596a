"""Persona sets to hold against induced ones: what is had for nothing, and the most that can be had.

Personas here have memories and a name, and no description.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from hprbench.recovery.truth import MemoryTruth
from records.persona import IntentMemory, Persona, PersonaSet

Memories = Mapping[str, Sequence[IntentMemory]]


def one_persona(memories: Memories) -> list[PersonaSet]:
    """All memories that are not marked as noise in one."""
    return [
        _set(user, [m.number for m in given if not m.noise], lambda _: "all")
        for user, given in memories.items()
    ]


def by_category(memories: Memories) -> list[PersonaSet]:
    """A persona for each category of the log, which is what names and categories tell without any model."""
    found = []
    for user, given in memories.items():
        category = {memory.number: memory.category for memory in given if not memory.noise}
        found.append(_set(user, list(category), category.__getitem__))
    return found


def shuffled(sets: Sequence[PersonaSet], *, seed: int) -> list[PersonaSet]:
    """The same numbers and sizes of personas, memories dealt out by chance."""
    found = []
    for place, one in enumerate(sets):
        numbers = [number for persona in one.personas for number in persona.memories]
        dealt = np.random.default_rng([seed, place]).permutation(numbers).tolist()
        ends = np.cumsum([0, *(len(persona.memories) for persona in one.personas)]).tolist()
        personas = tuple(
            Persona(label=persona.label, description=(), memories=tuple(sorted(dealt[low:high])))
            for persona, low, high in zip(one.personas, ends, ends[1:], strict=False)
        )
        found.append(PersonaSet(user_id=one.user_id, personas=personas, error=one.error))
    return found


def true_sides(truth: Mapping[str, Sequence[MemoryTruth]], level: str, *, most: int) -> list[PersonaSet]:
    """The largest `most` − 1 true sides of each user, all the others in one: a set of `most` personas that
    knows the truth."""
    found = []
    for user, given in truth.items():
        side = {memory.number: memory.sides[level] for memory in given if memory.sides[level] is not None}
        ranked = [name for name, _ in Counter(side.values()).most_common()]
        own = set(ranked if len(ranked) <= most else ranked[: most - 1])
        names = {number: str(name) if name in own else "others" for number, name in side.items()}
        found.append(_set(user, list(side), names.__getitem__))
    return found


def _set(user: str, numbers: Sequence[int], name: Callable[[int], str]) -> PersonaSet:
    groups: dict[str, list[int]] = {}
    for number in numbers:
        groups.setdefault(name(number), []).append(number)
    personas = tuple(
        Persona(label=label, description=(), memories=tuple(mine)) for label, mine in groups.items()
    )
    return PersonaSet(user_id=user, personas=personas, error="" if personas else "no_memories")
