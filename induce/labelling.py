"""What sets a group of memories apart, as a few names."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from induce.population import Population
from records.persona import IntentMemory
from rewards.personas.facts import MOST

MOST_IN_LABEL = 2
"""Names in a label, beside a category; one more where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Names and categories of a group of memories, casefolded → memories with it; and how each is written:
    as most of the memories do."""

    memories: int
    names: Counter[str]
    categories: Counter[str]
    written: dict[str, str]


def done(memory: IntentMemory) -> IntentMemory:
    """The memory of what its action was done to, without what was only seen."""
    return replace(memory, wants=memory.acted_on) if memory.only_seen else memory


def terms_of(memories: Sequence[IntentMemory]) -> Terms:
    """Count every memory once for each of its names, and for its category."""
    names, categories, spellings = Counter[str](), Counter[str](), dict[str, Counter[str]]()
    for memory in memories:
        names.update({name.casefold() for name in memory.wants if name.strip()})
        if memory.category.strip():
            categories[memory.category.casefold()] += 1
        for text in {*memory.wants, memory.category}:
            spellings.setdefault(text.casefold(), Counter())[text] += 1
    written = {
        term: min(counts, key=lambda text: (-counts[text], text)) for term, counts in spellings.items()
    }
    return Terms(memories=len(memories), names=names, categories=categories, written=written)


def ranked(counts: Counter[str], of: int, everywhere: Counter[str], users: int) -> list[str]:
    """The terms of a class, the most telling first, by class-based TF-IDF (Grootendorst 2022).

    A term's share of the class's `of` memories × log(1 + users / users who have it). A term that the
    population has never seen counts as one user's. Terms of several memories come before those of one, which
    chance may have brought, however rare they are. Ties go by the alphabet.
    """

    def score(term: str) -> float:
        return counts[term] / of * math.log(1 + max(users, 1) / max(everywhere[term], 1))

    return sorted(counts, key=lambda term: (counts[term] == 1, -score(term), term))


def labels(groups: Sequence[Sequence[IntentMemory]], population: Population) -> list[str]:
    """A short label for each group of a user's memories: "Baby: Wet Wipes, Milk Powder".

    First the category that more than half of them have; then their most telling names, those first that no
    other group of the user wants more often. Two may be the same, see `apart`.
    """
    terms = [terms_of(group) for group in groups]
    return [_label(number, terms, population) for number in range(len(terms))]


def _label(number: int, terms: Sequence[Terms], population: Population) -> str:
    mine = terms[number]
    telling = ranked(mine.names, mine.memories, population.names, population.users)
    elsewhere = [
        name
        for name in telling
        if any(
            other.names[name] / other.memories > mine.names[name] / mine.memories
            for place, other in enumerate(terms)
            if place != number
        )
    ]
    own = [name for name in telling if name not in set(elsewhere)] + elsewhere
    category = main_category(mine)
    names = [mine.written[name] for name in own[: MOST_IN_LABEL + (category is None)]]
    listed = ", ".join(names)
    if category is None and not names:
        others = ranked(mine.categories, mine.memories, population.categories, population.users)
        listed = ", ".join(mine.written[other] for other in others[:MOST_IN_LABEL])
    # What comes out of a log may hold line breaks; a label is one line.
    return " ".join(": ".join(part for part in (category, listed) if part).split())


def apart(labels: Sequence[str], taken: Sequence[str] = ()) -> list[str]:
    """`labels`, with a number where one of `taken`, or one before, reads the same but for case.

    Example:
        apart(["Baby", "baby", "Tools"], ["tools"]) == ["Baby", "baby (2)", "Tools (2)"]
    """
    seen = {label.casefold() for label in taken}
    found = []
    for label in labels:
        told, count = label, 1
        while told.casefold() in seen:
            count += 1
            told = f"{label} ({count})".strip()
        seen.add(told.casefold())
        found.append(told)
    return found


def main_category(terms: Terms) -> str | None:
    """The category of more than half of the memories, if there is one, as they write it."""
    for category, count in terms.categories.items():
        if count > MOST * terms.memories:
            return terms.written[category]
    return None
