"""What must make a true persona set worse: each gives a spoilt one, or None where it cannot.

`stranger` is the persona set of another user.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from records.persona import Persona, PersonaSet, Statement
from rewards.personas.claims import MOST_NAMES, OFTEN, SPENDS, WHEN, Claim, render
from rewards.personas.facts import holds
from rewards.personas.subject import Subject

Perturbation: TypeAlias = Callable[[PersonaSet, Subject, PersonaSet, np.random.Generator], PersonaSet | None]


def shuffled_memories(
    personas: PersonaSet, subject: Subject, stranger: PersonaSet, rng: np.random.Generator
) -> PersonaSet | None:
    """Memories dealt out anew among the personas; each keeps its number of them."""
    if len(personas.personas) < 2:
        return None
    pool = [number for persona in personas.personas for number in persona.memories]
    dealt = iter(rng.permutation(pool).tolist())
    return _with(
        personas,
        [
            replace(one, memories=tuple(dict.fromkeys(next(dealt) for _ in one.memories)))
            for one in personas.personas
        ],
    )


def swapped_evidence(
    personas: PersonaSet, subject: Subject, stranger: PersonaSet, rng: np.random.Generator
) -> PersonaSet | None:
    """Every statement cites what a statement of the next persona cites."""
    mine = personas.personas
    if len(mine) < 2:
        return None
    spoilt = []
    for place, one in enumerate(mine):
        others = mine[(place + 1) % len(mine)].description
        picks = rng.integers(len(others), size=len(one.description))
        said = zip(one.description, picks, strict=True)
        description = tuple(replace(old, memories=others[pick].memories) for old, pick in said)
        spoilt.append(replace(one, description=description))
    return _with(personas, spoilt)


def false_claims(
    personas: PersonaSet, subject: Subject, stranger: PersonaSet, rng: np.random.Generator
) -> PersonaSet | None:
    """One claim more a persona, which is false of its memories: of times, rates, or another's category."""
    categories = sorted({memory.category for memory in subject.memories.values() if memory.category})
    pool = [Claim(kind="about", arguments=(name,)) for name in categories]
    for kind, table in (("often", OFTEN), ("when", WHEN), ("spends", SPENDS)):
        pool += [Claim(kind=kind, arguments=(key,)) for key in table]
    spoilt = []
    for one in personas.personas:
        facts = subject.facts(one.memories)
        false = [claim for claim in pool if holds(claim, facts) is False]
        lie = Statement(text=render((false[rng.integers(len(false))],)), memories=one.memories)
        spoilt.append(replace(one, description=(*one.description, lie)))
    return _with(personas, spoilt)


def strangers_words(
    personas: PersonaSet, subject: Subject, stranger: PersonaSet, rng: np.random.Generator
) -> PersonaSet | None:
    """Every persona says, too, what is said of one of a stranger's: no rule chooses what is false."""
    if not stranger.personas:
        return None
    spoilt = []
    for one in personas.personas:
        other = stranger.personas[rng.integers(len(stranger.personas))]
        lies = tuple(Statement(text=said.text, memories=one.memories) for said in other.description)
        spoilt.append(replace(one, description=(*one.description, *lies)))
    return _with(personas, spoilt)


def duplicates(
    personas: PersonaSet, subject: Subject, stranger: PersonaSet, rng: np.random.Generator
) -> PersonaSet | None:
    """Every persona once more, under another label."""
    copies = [replace(one, label=f"{one.label} again") for one in personas.personas]
    return _with(personas, [*personas.personas, *copies])


def one_line(
    personas: PersonaSet, subject: Subject, stranger: PersonaSet, rng: np.random.Generator
) -> PersonaSet | None:
    """Only the first statement of each description."""
    return _with(personas, [replace(one, description=one.description[:1]) for one in personas.personas])


def trivial(
    personas: PersonaSet, subject: Subject, stranger: PersonaSet, rng: np.random.Generator
) -> PersonaSet | None:
    """One persona of all memories, of which only where it was and since when is said."""
    whole = subject.facts(subject.own)
    claims = [Claim(kind="since", arguments=(f"{whole.first.year:04}-{whole.first.month:02}",))]
    claims += [Claim(kind="where", arguments=(source,)) for source, _ in whole.sources.most_common(1)]
    said = tuple(Statement(text=render((claim,)), memories=subject.own) for claim in claims)
    return _with(personas, [Persona(label="Customer", description=said, memories=subject.own)])


def vague(
    personas: PersonaSet, subject: Subject, stranger: PersonaSet, rng: np.random.Generator
) -> PersonaSet | None:
    """One persona of all memories that names nothing: what is true of its rhythm, its times and its sums."""
    whole = subject.facts(subject.own)
    claims = [
        Claim(kind=kind, arguments=(key,))
        for kind, table in (("often", OFTEN), ("when", WHEN), ("spends", SPENDS))
        for key in table
    ]
    true = [claim for claim in claims if holds(claim, whole)]
    said = tuple(Statement(text=render((claim,)), memories=subject.own) for claim in true)
    return (
        _with(personas, [Persona(label="Customer", description=said, memories=subject.own)]) if said else None
    )


def single_memories(
    personas: PersonaSet, subject: Subject, stranger: PersonaSet, rng: np.random.Generator
) -> PersonaSet | None:
    """A persona a memory, each with all that is true of it."""
    return _with(personas, [_told((number,), subject) for number in subject.own])


def split(
    personas: PersonaSet, subject: Subject, stranger: PersonaSet, rng: np.random.Generator
) -> PersonaSet | None:
    """Every persona of several memories cut in two at random, each half with what is true of it."""
    parts = []
    for one in personas.personas:
        mixed, half = rng.permutation(one.memories).tolist(), len(one.memories) // 2
        parts += [tuple(sorted(part)) for part in (mixed[:half], mixed[half:]) if part]
    return _with(personas, [_told(part, subject) for part in parts])


def all_in_one(
    personas: PersonaSet, subject: Subject, stranger: PersonaSet, rng: np.random.Generator
) -> PersonaSet | None:
    """One persona of all memories, with what is true of them."""
    return _with(personas, [_told(subject.own, subject)]) if len(personas.personas) > 1 else None


def half_left_out(
    personas: PersonaSet, subject: Subject, stranger: PersonaSet, rng: np.random.Generator
) -> PersonaSet | None:
    """Every second memory in no persona; statements cite what is left, and are otherwise as they were."""
    spoilt = []
    for one in personas.personas:
        kept = one.memories[::2]
        said = tuple(
            replace(old, memories=tuple(set(old.memories) & set(kept)) or kept) for old in one.description
        )
        spoilt.append(replace(one, memories=kept, description=said))
    return _with(personas, spoilt)


def _told(numbers: tuple[int, ...], subject: Subject) -> Persona:
    """A persona of these memories that says what holds of them: what, its category, how often, since when."""
    facts = subject.facts(numbers)
    spelled = {name.casefold(): name for memory in facts.memories for name in memory.wants}
    verb, counts = max(facts.names.items(), key=lambda one: one[1].total())
    names = tuple(spelled[name] for name, _ in counts.most_common(MOST_NAMES))
    claims = [Claim(kind="wants", arguments=(verb, *names))] if names else []
    claims += [Claim(kind="about", arguments=(name,)) for name, _ in facts.categories.most_common(1)]
    claims += [Claim(kind="often", arguments=(facts.often,))]
    claims += [Claim(kind="since", arguments=(f"{facts.first.year:04}-{facts.first.month:02}",))]
    said = tuple(Statement(text=render((one,)), memories=numbers) for one in claims if holds(one, facts))
    label = f"{', '.join(names) or facts.memories[0].text} {numbers[0]}"
    return Persona(label=label, description=said, memories=numbers)


def _with(personas: PersonaSet, spoilt: Sequence[Persona]) -> PersonaSet:
    return replace(personas, personas=tuple(spoilt))


LOWERS: dict[str, tuple[str, Perturbation]] = {
    "shuffled_memories": ("cohesion", shuffled_memories),
    "swapped_evidence": ("alignment", swapped_evidence),
    "false_claims": ("truthfulness", false_claims),
    "strangers_words": ("truthfulness", strangers_words),
    "duplicates": ("total", duplicates),
    "one_line": ("total", one_line),
    "trivial": ("total", trivial),
    "vague": ("total", vague),
    "single_memories": ("total", single_memories),
    "split": ("total", split),
    "all_in_one": ("total", all_in_one),
    "half_left_out": ("total", half_left_out),
}
"""Perturbation → the number of `Quality` that it must lower."""
