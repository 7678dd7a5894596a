"""A user's personas brought up to date with new memories, instead of being made anew.

personas ── events ──> memories as they are numbered now
intents in none ── a group foreign to the nearest ──> a persona more    ── near a persona ──> join it
personas that changed ──> told anew, under their old names
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from induce.clustering import cluster, nearest
from induce.describing import describe
from induce.inducers import ClusterInducer
from induce.labelling import apart, labels
from induce.population import text_of
from induce.splitting import Group, foreignness, groups_of, within_sides
from induce.texts import embedded, joined_by_names, weight
from records.persona import IntentMemory, Persona, PersonaSet, Statement
from rewards.personas.claims import parse
from rewards.personas.facts import Facts, Setting, holds, setting_of

OUTGROWN = 4
"""Personas are made anew where there are so many times the intents that they were made of: what one visit
showed says little of fifty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """A set brought up to date, and how many of its personas are as they were, changed, new, or gone (none of
    their memories is left)."""

    personas: PersonaSet
    kept: int = 0
    changed: int = 0
    new: int = 0
    gone: int = 0


def renumbered(old: Sequence[IntentMemory], new: Sequence[IntentMemory]) -> dict[int, int]:
    """Number of an old memory → that of the new one which has most of its events (ties: the first); those
    whose events are gone are left out."""
    place = {event: memory.number for memory in new for event in memory.event_ids}
    found = {}
    for memory in old:
        counts = Counter(place[event] for event in memory.event_ids if event in place)
        if counts:
            found[memory.number] = min(counts, key=lambda number: (-counts[number], number))
    return found


class Updater:
    """Updates sets of any inducer with the settings, the embedder and the population of `inducer`.

    Intents that are in no persona, new ones and old, are clustered. A cluster of as many as a persona needs
    is a persona more where it is foreign by `worth` to the persona that it is most alike, and as alike in
    itself as the user's personas are, by the same measure. Of the others each joins the persona that it is
    most alike, if it is not foreign to it (as memories that were not clustered do). So a new interest does
    not dissolve in a broad persona one thing at a time, unless that is several times as large. A persona
    whose memories changed, or of which something is no longer true, is told anew by claims; its label stays,
    and so do sentences that are no claims, with what they cite. Personas keep their order, new ones come
    last. A user of whom OUTGROWN times as much is known as then is induced anew.
    """

    def __init__(self, inducer: ClusterInducer) -> None:
        self.inducer = inducer

    def __call__(
        self, before: PersonaSet, old: Sequence[IntentMemory], memories: Sequence[IntentMemory]
    ) -> Update:
        """`before`, which stood on the memories `old`, as of `memories`."""
        if not before.personas:
            (made,) = self.inducer({before.user_id: memories})
            return Update(personas=made, new=len(made.personas))
        number_of = renumbered(old, memories)
        by_number = {memory.number: memory for memory in memories if not memory.noise}
        renamed = [_cited_now(persona, number_of) for persona in before.personas]
        held = _each_once([[by_number[n] for n in one.memories if n in by_number] for one in renamed])
        left = [persona for persona, group in zip(renamed, held, strict=True) if group]
        groups = [group for group in held if group]
        gone = len(before.personas) - len(left)
        known = sum(not memory.noise for memory in old)
        if not groups or len(by_number) >= OUTGROWN * known:
            (made,) = self.inducer({before.user_id: memories})
            return Update(personas=made, new=len(made.personas), gone=len(before.personas))
        intents = list(by_number.values())
        groups, more = self._grown(groups, intents)
        setting = setting_of(memories)
        told = [
            self._told(persona, group, by_number, setting)
            for persona, group in zip(left, groups, strict=True)
        ]
        changed = sum(one is not persona for one, persona in zip(told, left, strict=True))
        names = apart(
            labels([*groups, *more], self.inducer.population)[len(groups) :], [one.label for one in told]
        )
        told += [
            Persona(
                label=label,
                description=describe(
                    group, intents, setting, self.inducer.population, self.inducer.config.citations
                ),
                memories=tuple(memory.number for memory in group),
            )
            for label, group in zip(names, more, strict=True)
        ]
        return Update(
            personas=replace(before, personas=tuple(told)),
            kept=len(left) - changed,
            changed=changed,
            new=len(more),
            gone=gone,
        )

    def _grown(
        self, groups: Sequence[Sequence[IntentMemory]], intents: Sequence[IntentMemory]
    ) -> tuple[list[list[IntentMemory]], list[list[IntentMemory]]]:
        """`groups`, and groups of memories in none that are personas too, each with what is near to it."""
        config = self.inducer.config
        held = {memory.number for group in groups for memory in group}
        loose, others = embedded([one for one in intents if one.number not in held], config.most_embedded)
        measured = [self._group(group) for group in groups]
        least = max(config.least_memories, config.least_share * len(intents))
        more = self._more(loose, measured, least)
        measured += [self._group(group) for group in more]
        taken = {memory.number for group in more for memory in group}
        loose = [memory for memory in loose if memory.number not in taken]
        vectors = self.inducer.embedder([text_of(memory) for memory in loose])
        joins = nearest(vectors, measured, self.inducer.background, config.worth)
        near = [[*group] for group in (*groups, *more)]
        for memory, place in zip(loose, joins.tolist(), strict=True):
            if place >= 0:
                near[place].append(memory)
        grown = joined_by_names(near, others)
        return grown[: len(groups)], grown[len(groups) :]

    def _more(
        self, loose: Sequence[IntentMemory], personas: Sequence[Group], least: float
    ) -> list[list[IntentMemory]]:
        """Groups of `loose` that are personas: of `least` memories or more, and foreign to all others."""
        inducer, config = self.inducer, self.inducer.config
        room = config.most_personas - len(personas)
        if len(loose) < least or room < 1:
            return []
        found = cluster(
            [text_of(memory) for memory in loose],
            [weight(memory) for memory in loose],
            inducer.embedder,
            background=inducer.background,
            config=config,
        )
        made = [
            [memory for memory, label in zip(loose, found, strict=True) if label == number]
            for number in range(found.max() + 1)
        ]
        large = [group for group in made if len(group) >= least]
        return [group for group in large if self._is_one(self._group(group), personas)][:room]

    def _is_one(self, group: Group, personas: Sequence[Group]) -> bool:
        """Whether a group is foreign to the persona that it is most alike, as sides of a split are, and as
        alike in itself as the user's personas are (one of a single text is wholly alike)."""
        background, worth = self.inducer.background, self.inducer.config.worth
        mean = group.total / group.weight
        alike = max(personas, key=lambda one: round(one.cross(mean), 6))
        within = within_sides(group, alike)
        if foreignness(1.0 if within is None else within, alike.cross(mean), background) < worth:
            return False
        usual = [one.within for one in personas if one.within is not None]
        if group.within is None or not usual:
            return True
        return foreignness(float(np.mean(usual)), group.within, background) < worth

    def _group(self, memories: Sequence[IntentMemory]) -> Group:
        weights: dict[str, float] = {}
        for memory in embedded(memories, self.inducer.config.most_embedded)[0]:
            weights[text_of(memory)] = weights.get(text_of(memory), 0.0) + weight(memory)
        texts = sorted(weights)
        values = np.array([weights[text] for text in texts])
        points = groups_of(self.inducer.embedder(texts), values, np.ones(len(texts)))
        if not points:  # a persona of memories that all lost their text
            width = self.inducer.embedder([""]).shape[1]
            return Group(points=(), total=np.zeros(width), weight=1.0, own=0.0, own_cosine=0.0, memories=0.0)
        return sum(points[1:], points[0])

    def _told(
        self,
        persona: Persona,
        group: Sequence[IntentMemory],
        intents: Mapping[int, IntentMemory],
        setting: Setting,
    ) -> Persona:
        """`persona` of the memories `group`: itself if it still is what it says, else told anew."""
        numbers = tuple(memory.number for memory in group)
        whole = Facts(group, setting)
        if numbers == persona.memories and all(_still(one, whole, intents) for one in persona.description):
            return persona
        free = tuple(one for one in persona.description if not parse(one.text) and one.memories)
        config = self.inducer.config
        told = describe(group, list(intents.values()), setting, self.inducer.population, config.citations)
        return replace(persona, description=(*free, *told), memories=numbers)


def _each_once(groups: Sequence[Sequence[IntentMemory]]) -> list[list[IntentMemory]]:
    """`groups` without what stands in one before: memories of two personas may have become one."""
    seen: set[int] = set()
    once = []
    for group in groups:
        once.append([memory for memory in group if memory.number not in seen])
        seen |= {memory.number for memory in group}
    return once


def _cited_now(persona: Persona, number_of: Mapping[int, int]) -> Persona:
    """`persona` by the numbers that its memories have now."""

    def now(numbers: Sequence[int]) -> tuple[int, ...]:
        return tuple(sorted({number_of[number] for number in numbers if number in number_of}))

    said = tuple(
        Statement(text=statement.text, memories=now(statement.memories)) for statement in persona.description
    )
    return replace(persona, description=said, memories=now(persona.memories))


def _still(statement: Statement, whole: Facts, intents: Mapping[int, IntentMemory]) -> bool:
    """Whether a sentence is still true of the persona's memories, and of those it cites; one that claims
    nothing that can be checked is as long as it cites any."""
    cited = Facts([intents[number] for number in statement.memories if number in intents], whole.setting)
    claims = parse(statement.text)
    return cited.count > 0 and all(
        holds(claim, facts) is True for claim in claims for facts in (whole, cited)
    )
