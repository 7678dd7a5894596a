"""Teachers of persona sets: clusters of several kinds, some of whose sets are brief and some thorough.

A model that imitates all of them writes sets of every kind. Which is better no demonstration says; the
quality of what it writes does, by which groupwise DPO ranks.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeAlias

import numpy as np

from induce.describing import personas_of
from induce.embedding import Embedder
from induce.lessons import as_shown
from induce.lines import MemoryLines
from induce.plain import PlainInducer
from induce.population import Population
from induce.scoring import PersonaCase
from records.induction import ClusterConfig
from records.persona import IntentMemory, Persona, PersonaSet
from rewards.personas.facts import setting_of

Teacher: TypeAlias = Callable[[Mapping[str, PersonaCase]], list[PersonaSet]]
"""Finds what it teaches about users, in the memories that their lines show; a set a user, told as the lines
bear it out (`lessons.as_shown`), some without personas."""


def teachers_of(
    cuts: Sequence[int], config: ClusterConfig, embedder: Embedder, population: Population
) -> dict[str, Teacher]:
    """By name: a teacher that cuts the lines, for each of `cuts`, and the plain inducer."""
    plain = PlainInducer(config, embedder)

    def by_plain(cases: Mapping[str, PersonaCase]) -> list[PersonaSet]:
        found = plain({user: shown(case) for user, case in cases.items()})
        return [_as_shown(one, cases[one.user_id]) for one in found]

    def by_cut(cut: int, cases: Mapping[str, PersonaCase]) -> list[PersonaSet]:
        return [_cut_set(cut, case, population, config.citations) for case in cases.values()]

    return {**{f"cut {cut}": partial(by_cut, cut) for cut in cuts}, "plain": by_plain}


def shown(case: PersonaCase) -> list[IntentMemory]:
    """The memories that lines show."""
    return [memory for memory in case.memories if memory.number in case.lines.line_of]


def stretches(lines: MemoryLines, cut: int) -> list[list[int]]:
    """Line numbers, in stretches that begin where a line is less near than `cut` to what stands before it."""
    found: list[list[int]] = []
    for line in lines.lines:
        if line.near is None or line.near < cut:
            found.append([])
        found[-1].append(line.number)
    return found


def _cut_set(cut: int, case: PersonaCase, population: Population, most: int) -> PersonaSet:
    seen = shown(case)
    parts = [set(case.lines.memories_of(part)) for part in stretches(case.lines, cut)]
    groups = [[memory for memory in seen if memory.number in part] for part in parts]
    personas = personas_of(groups, seen, setting_of(seen), population, most)
    return _as_shown(PersonaSet(user_id=case.lines.user_id, personas=personas), case)


def _as_shown(one: PersonaSet, case: PersonaCase) -> PersonaSet:
    return as_shown(one, case.lines, case.memories)[0]


def drawn(
    sets: Sequence[Sequence[PersonaSet]], count: int, silence: float, seed: int
) -> Iterator[PersonaSet]:
    """`count` sets to learn from, out of one list a teacher, all of the same users in the same order.

    Users come in a new order an epoch, teachers by turns, so that after as many epochs as there are teachers
    each of them has taught every user once; sets without personas are passed over. Of each set sentences are
    left out (`silenced`).
    """
    rng = np.random.default_rng([seed, len(sets)])
    users, found, epoch = len(sets[0]), 0, 0
    if not any(one.personas for mine in sets for one in mine):
        return
    while found < count:
        for place in rng.permutation(users):
            one = sets[(place + epoch) % len(sets)][place]
            rate = rng.uniform(0, 2 * silence)
            if one.personas and found < count:
                yield silenced(one, rate, rng)
                found += 1
        epoch += 1


def silenced(personas: PersonaSet, rate: float, rng: np.random.Generator) -> PersonaSet:
    """The set without each of its sentences by a probability of `rate`; a persona keeps one at least."""
    return replace(personas, personas=tuple(_silenced(persona, rate, rng) for persona in personas.personas))


def _silenced(persona: Persona, rate: float, rng: np.random.Generator) -> Persona:
    chances = rng.random(len(persona.description))
    said = [one for one, chance in zip(persona.description, chances, strict=True) if chance >= rate]
    return replace(persona, description=tuple(said or persona.description[:1]))
