"""A group of memories → what is said of it: claims that hold, each with memories that show it.

Nothing is said that is not true of the group's memories, and of the cited ones alone, by
`rewards.personas.facts.holds`.
"""

from collections.abc import Iterator, Sequence
from datetime import date

from induce.labelling import apart, done, labels, main_category, ranked, terms_of
from induce.population import Population
from records.persona import IntentMemory, Persona, Statement
from rewards.personas.claims import MOST_NAMES, NOW, WHEN, Claim, family, render
from rewards.personas.facts import Facts, Setting, holds, month

LEAST_OF_HABIT = 3
"""Memories from which on days and hours are told of: what was once was at some hour, and no habit."""

LEAST_OF_FAMILY = 1 / 4
"""Share of the memories from which on a second family of actions is told of."""

Memories = Sequence[IntentMemory]


def personas_of(
    groups: Sequence[Memories], everything: Memories, setting: Setting, population: Population, most: int
) -> tuple[Persona, ...]:
    """A persona for each of a user's `groups`, with a label that tells it from the others; the rest as
    `describe`."""
    return tuple(
        Persona(
            label=label,
            description=describe(group, everything, setting, population, most),
            memories=tuple(memory.number for memory in group),
        )
        for label, group in zip(apart(labels(groups, population)), groups, strict=True)
    )


def describe(
    group: Memories, everything: Memories, setting: Setting, population: Population, most: int
) -> tuple[Statement, ...]:
    """What is true of `group`, one claim a statement: what is wanted first, then how often, when and where.

    Args:
        group: memories of one persona, in time order; at least one.
        everything: all intents of the user. What is said about sources must set the group apart in them.
        setting: of the whole log.
        population: what names are telling against.
        most: memories that a statement cites, at most; at least 3, as many as it can hold names.

    A claim is left out where no `most` memories of the group bear it out by themselves. Statements cite in
    time order.
    """
    facts = Facts(group, setting)
    statements = []
    for claim, candidates in _claims(group, everything, facts, population, most):
        if holds(claim, facts) is not True:
            continue
        for cited in candidates:
            if cited and len(cited) <= most and holds(claim, Facts(cited, setting)) is True:
                numbers = tuple(sorted(memory.number for memory in cited))
                statements.append(Statement(text=render((claim,)), memories=numbers))
                break
    return tuple(statements)


def _claims(
    group: Memories, everything: Memories, facts: Facts, population: Population, most: int
) -> Iterator[tuple[Claim, Iterator[Memories]]]:
    """Claims that may hold, and choices of memories to cite for each, the best first."""
    yield from _wants(group, facts, population, most)
    terms = terms_of(group)
    category = main_category(terms)
    if category is not None:
        named = [memory for memory in group if memory.category.casefold() == category.casefold()]
        yield Claim(kind="about", arguments=(category,)), iter([_spread(named, most)])
    sources = {memory.source.casefold() for memory in everything if memory.source.strip()}
    if len(sources) > 1:
        for source in sorted({memory.source for memory in group if memory.source.strip()}):
            there = [memory for memory in group if memory.source.casefold() == source.casefold()]
            # Written in two ways, it is said once, as it is written first.
            if there[0].source == source:
                yield Claim(kind="where", arguments=(source,)), iter([_spread(there, most)])
    yield Claim(kind="often", arguments=(facts.often,)), _windows(_first_of_days(group), most)
    for time in WHEN:
        claim = Claim(kind="when", arguments=(time,))
        if len(group) >= LEAST_OF_HABIT and holds(claim, facts):
            then = [memory for memory in group if holds(claim, Facts([memory], facts.setting))]
            yield claim, iter([_spread(then, most)])
    yield Claim(kind="since", arguments=(month(facts.first),)), iter([group[:1]])
    yield from _until(group, facts)
    if facts.spends is not None:
        yield Claim(kind="spends", arguments=(facts.spends,)), _windows(_by_value(group), most)


def _wants(
    group: Memories, facts: Facts, population: Population, most: int
) -> Iterator[tuple[Claim, Iterator[Memories]]]:
    for kind, count in sorted(facts.families.items(), key=lambda item: (-item[1], item[0])):
        mine = [done(memory) for memory in group if family(memory.action) == kind]
        terms = terms_of(mine)
        is_told = count >= LEAST_OF_FAMILY * len(group)
        if not is_told or not terms.names:
            continue
        best = ranked(terms.names, terms.memories, population.names, population.users)[:MOST_NAMES]
        claim = Claim(kind="wants", arguments=(kind, *(terms.written[name] for name in best)))
        yield claim, iter([_covering(mine, best, most)])


def _covering(memories: Memories, names: Sequence[str], most: int) -> Memories:
    """At most `most` memories that want one of `names`, every name by turns, the latest first."""
    queues = [
        [memory for memory in memories if name in {want.casefold() for want in memory.wants}]
        for name in names
    ]
    chosen: dict[int, IntentMemory] = {}
    while any(queues) and len(chosen) < most:
        for queue in queues:
            if queue and len(chosen) < most:
                memory = queue.pop()
                chosen.setdefault(memory.number, memory)
    return list(chosen.values())


def _until(group: Memories, facts: Facts) -> Iterator[tuple[Claim, Iterator[Memories]]]:
    now = Claim(kind="until", arguments=(NOW,))
    is_now = holds(now, facts)
    if is_now is None:
        return  # the log is too short to tell
    claim = now if is_now else Claim(kind="until", arguments=(month(facts.last),))
    yield claim, iter([group[-1:]])


def _first_of_days(group: Memories) -> Memories:
    """The first memory of each day."""
    found: dict[date, IntentMemory] = {}
    for memory in group:
        found.setdefault(memory.start.date(), memory)
    return list(found.values())


def _spread(memories: Memories, most: int) -> Memories:
    """At most `most` of `memories`, the first and the last among them, evenly apart."""
    if len(memories) <= most:
        return memories
    return [memories[round(place * (len(memories) - 1) / (most - 1))] for place in range(most)]


def _windows(memories: Memories, most: int) -> Iterator[Memories]:
    """Stretches of `memories` to cite: all if they are few enough, else the middle one of `most` and those
    further and further from it, then shorter ones in the same way."""
    for size in range(min(most, len(memories)), 0, -1):
        starts = range(len(memories) - size + 1)
        middle = (len(memories) - size) // 2
        for start in sorted(starts, key=lambda start: (abs(start - middle), start))[:_MOST_WINDOWS]:
            yield memories[start : start + size]


_MOST_WINDOWS = 50
"""Stretches of one length that are tried: a large user is not searched for the one month that fits."""


def _by_value(group: Memories) -> Memories:
    """The memories whose worth is known, the least first."""
    known = [memory for memory in group if memory.value == memory.value]
    return sorted(known, key=lambda memory: (memory.value, memory.number))
