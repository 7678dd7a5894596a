"""Teachers of persona sets: clusters of several kinds, some of whose sets are brief and some thorough.

A model that imitates all of them writes sets of every kind. Which is better no demonstration says; the
quality of what it writes does, by which groupwise DPO ranks.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from induce.embedding import Embedder
from induce.inducers import ClusterInducer, Inducer
from induce.lessons import as_shown
from induce.plain import PlainInducer
from induce.population import Population
from induce.scoring import PersonaCase
from records.induction import ClusterConfig
from records.persona import Persona, PersonaSet


def teachers_of(
    worths: Sequence[float], config: ClusterConfig, embedder: Embedder, population: Population
) -> dict[str, Inducer]:
    """A teacher for every worth, by name, and the plain one, which finds many narrow personas."""
    careful: dict[str, Inducer] = {
        f"worth {worth:g}": ClusterInducer(replace(config, worth=worth), embedder, population)
        for worth in worths
    }
    return {**careful, "plain": PlainInducer(config, embedder)}


def shown_sets(teacher: Inducer, cases: Mapping[str, PersonaCase]) -> list[PersonaSet]:
    """What `teacher` finds in the memories that lines show, told as the lines bear it out
    (`lessons.as_shown`); a set a user, some without personas."""
    shown = {
        user: [memory for memory in case.memories if memory.number in case.lines.line_of]
        for user, case in cases.items()
    }
    return [as_shown(one, cases[one.user_id].lines, cases[one.user_id].memories)[0] for one in teacher(shown)]


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
