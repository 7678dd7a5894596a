"""What the memories of a whole population are measured against: how many users want what."""

import heapq
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from induce.vector_cache import digest
from records.persona import IntentMemory

MOST_TEXTS = 1_000
"""Texts of memories that stand for all of a population's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """Users, and for each name and category, casefolded, those among them who have an intent of it; and
    texts of memories, the MOST_TEXTS with the least digests, which are as good as drawn by chance.

    Noise does not count. Parts of a population add up: `population_of(a) + population_of(b)`.
    """

    users: int = 0
    names: Counter[str] = field(default_factory=Counter)
    categories: Counter[str] = field(default_factory=Counter)
    texts: tuple[str, ...] = ()

    def __add__(self, other: "Population") -> "Population":
        return Population(
            users=self.users + other.users,
            names=self.names + other.names,
            categories=self.categories + other.categories,
            texts=_least({*self.texts, *other.texts}),
        )


def population_of(users: Iterable[Sequence[IntentMemory]]) -> Population:
    """The population made of `users`, the memories of each."""
    count, names, categories, texts = 0, Counter[str](), Counter[str](), set[str]()
    for memories in users:
        intents = [memory for memory in memories if not memory.noise]
        count += 1
        texts.update(map(text_of, intents))
        names.update({name.casefold() for memory in intents for name in memory.wants})
        categories.update({memory.category.casefold() for memory in intents if memory.category})
    return Population(users=count, names=names, categories=categories, texts=_least(texts - {""}))


def text_of(memory: IntentMemory) -> str:
    """What is embedded of a memory; "" where its names and category hold no letter and no digit."""
    return memory.text if any(char.isalnum() for char in memory.text) else ""


def _least(texts: set[str]) -> tuple[str, ...]:
    return tuple(heapq.nsmallest(MOST_TEXTS, texts, key=digest))
