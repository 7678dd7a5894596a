"""Teachers of persona sets, in the lines that a model reads: each cuts them into stretches in its own way.

A model that imitates all of them writes sets of every kind. Which is better no demonstration says; the
quality of what it writes does, by which groupwise DPO ranks.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeAlias

import numpy as np

from induce.answers import MOST_PERSONAS
from induce.describing import personas_of
from induce.lessons import as_shown
from induce.lines import MemoryLines
from induce.population import text_of
from induce.scoring import PersonaCase, PersonaScorer
from records.persona import IntentMemory, Persona, PersonaSet
from rewards.personas.facts import setting_of

Teacher: TypeAlias = Callable[[Mapping[str, PersonaCase]], list[PersonaSet]]
"""Finds what it teaches about users, in the memories that their lines show; a set a user, told as the lines
bear it out (`lessons.as_shown`), some without personas."""

NO_LINES = "no_lines"
"""Reason: nothing with a text is shown of the user."""

BEST_CUT = "best cut"
"""Name of the teacher that takes of several cuts the best."""

BEST_OF = range(7)
"""Cuts among which the best is looked for; narrower ones are next to never."""


def teachers_of(cuts: Sequence[int], scorer: PersonaScorer) -> dict[str, Teacher]:
    """By name: a teacher for each of `cuts`, and one that takes for each user what of BEST_OF has the highest
    total."""
    config, population = scorer.config, scorer.population

    def cut_set(case: PersonaCase, cut: int) -> PersonaSet:
        seen = shown(case)
        parts = [set(case.lines.memories_of(part)) for part in stretches(case.lines, cut)]
        groups = [[memory for memory in seen if memory.number in part] for part in parts]
        groups = sorted(filter(_is_told, groups), key=len, reverse=True)[:MOST_PERSONAS]
        if not groups:
            return PersonaSet(user_id=case.lines.user_id, personas=(), error=NO_LINES)
        setting, most = setting_of(case.memories), config.clusters.citations
        personas = personas_of(groups, seen, setting, population, most)
        found = PersonaSet(user_id=case.lines.user_id, personas=personas)
        return as_shown(found, case.lines, case.memories)[0]

    def best_set(case: PersonaCase) -> PersonaSet:
        found = [cut_set(case, cut) for cut in BEST_OF]
        return max(found, key=lambda one: scorer.quality(one, case.memories).total)

    def by(found: Callable[[PersonaCase], PersonaSet], cases: Mapping[str, PersonaCase]) -> list[PersonaSet]:
        return [found(case) for case in cases.values()]

    teachers = {f"cut {cut}": partial(by, partial(cut_set, cut=cut)) for cut in cuts}
    return {**teachers, BEST_CUT: partial(by, best_set)}


def _is_told(group: Sequence[IntentMemory]) -> bool:
    return any(map(text_of, group))


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
