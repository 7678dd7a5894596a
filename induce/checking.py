"""What a language model says, held against the log: sentences that the user's memories refute are left out.

sentence ── claims ──> false of what it cites, or of the persona ──> left out, counted
                   └─> true, or nothing that memories can tell ──> stays ──> how far the log upholds the set
"""

from collections import Counter
from collections.abc import Collection, Hashable, Sequence
from dataclasses import replace

import numpy as np

from records.induction import QualityConfig
from records.persona import IntentMemory, PersonaSet, Statement
from rewards.personas.claims import gist_of, parse
from rewards.personas.facts import Facts, Setting, holds, setting_of
from rewards.personas.subject import Subject
from rewards.personas.truthfulness import truthfulness

UNSUPPORTED = "unsupported"
"""Left out: a claim of the sentence is false of what it cites, or that is none of the persona's memories."""
UNTRUE = "untrue"
"""Left out: a claim is false of the persona's memories."""
REPEATED = "repeated"
"""Left out: the persona says so already."""
UNSAID = "unsaid"
"""A persona of which no sentence is left; it is left out."""


def checked(personas: PersonaSet, memories: Sequence[IntentMemory]) -> tuple[PersonaSet, Counter[str]]:
    """`personas` without what the user's `memories` (noise too) refute, and what was left out, by reason.

    A sentence that is no claim, or of which memories cannot tell, stays; of what it cites those stay that are
    the persona's. A set of which no persona is left has the error UNSAID.
    """
    faults = Counter[str]()
    if not personas.personas:
        return personas, faults
    setting = setting_of(memories)
    by_number = {memory.number: memory for memory in memories}
    kept = []
    for persona in personas.personas:
        whole = _facts(persona.memories, by_number, setting)
        said: dict[Hashable, Statement] = {}
        for statement in persona.description:
            # What another persona rests on says nothing of this one.
            cited = tuple(number for number in statement.memories if number in persona.memories)
            if fault := _fault(statement, whole, _facts(cited, by_number, setting), said):
                faults[fault] += 1
            else:
                said[gist_of(statement.text)] = replace(statement, memories=cited)
        if said:
            kept.append(replace(persona, description=tuple(said.values())))
        else:
            faults[UNSAID] += 1
    return replace(personas, personas=tuple(kept), error="" if kept else UNSAID), faults


def upheld(
    personas: PersonaSet, memories: Sequence[IntentMemory], shown: Collection[int], config: QualityConfig
) -> float:
    """How far the log upholds a set: the truthfulness of what `checked` leaves × the share of the memories
    `shown` to the model that stand in it; in [0, 1]. No text is embedded for it.

    So an answer does not become better by what it leaves out.
    """
    left = checked(personas, memories)[0].personas
    held = {number for persona in left for number in persona.memories}
    if not held.intersection(shown):
        return 0.0
    subject = Subject(memories, np.zeros((len(memories), 1)))
    return truthfulness(left, subject, config) * len(held.intersection(shown)) / len(shown)


def _facts(numbers: Sequence[int], memories: dict[int, IntentMemory], setting: Setting) -> Facts:
    return Facts([memories[number] for number in numbers if number in memories], setting)


def _fault(statement: Statement, whole: Facts, cited: Facts, said: Collection[Hashable]) -> str:
    claims = parse(statement.text)
    if gist_of(statement.text) in said:
        return REPEATED
    if not cited.count or any(holds(claim, cited) is False for claim in claims):
        return UNSUPPORTED
    return UNTRUE if any(holds(claim, whole) is False for claim in claims) else ""
