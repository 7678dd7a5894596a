"""What speaks for a claim and what against it, memory by memory."""

from collections.abc import Sequence
from dataclasses import dataclass

from records.persona import IntentMemory, Persona, Statement
from rewards.personas.claims import NOW, Claim, family
from rewards.personas.facts import Facts, holds, month
from rewards.personas.subject import Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimEvidence:
    """A claim, and whether it holds of the memories `cited` alone and of the persona's (`whole`), None where
    these cannot tell; and the persona's memories, the cited ones first, that by themselves support and
    contradict it, in order of their numbers."""

    claim: Claim
    cited: bool | None
    whole: bool | None
    supports: tuple[int, ...]
    contradicts: tuple[int, ...]


def evidence(statement: Statement, persona: Persona, subject: Subject) -> list[ClaimEvidence]:
    """The evidence of each claim of a statement; empty where it claims nothing that can be checked."""
    mine = persona.memories
    cited, whole = subject.facts(statement.memories), subject.facts(mine)
    numbers = dict.fromkeys([*sorted(statement.memories), *sorted(mine)])
    known = [subject.memories[number] for number in numbers if number in subject.memories]
    return [
        ClaimEvidence(
            claim=claim,
            cited=holds(claim, cited),
            whole=holds(claim, whole),
            supports=_where(claim, known, whole, wanted=True),
            contradicts=_where(claim, known, whole, wanted=False),
        )
        for claim in subject.claims(statement.text)
    ]


def _where(claim: Claim, memories: Sequence[IntentMemory], whole: Facts, *, wanted: bool) -> tuple[int, ...]:
    return tuple(memory.number for memory in memories if says(claim, memory, whole) is wanted)


def says(claim: Claim, memory: IntentMemory, whole: Facts) -> bool | None:
    """Whether one memory supports (True) or contradicts (False) a claim about `whole`, or neither (None).

    `wants`: it wants one of the names, by that family of actions; nothing contradicts. `about`, `where`,
    `when`, `spends`: as the claim is true of it alone. `since` and `until` a month: it began in that month;
    before, or after it, it contradicts. Still going on: the last one supports. `often` is of all memories
    together: each is one of those counted.
    """
    if claim.kind == "wants":
        kind, *names = claim.arguments
        mine = memory.wants if kind == "looks" else memory.acted_on
        named = {name.casefold() for name in mine} & {name.casefold() for name in names}
        return True if named and (kind in ("looks", family(memory.action))) else None
    if claim.kind in ("since", "until"):
        (told,) = claim.arguments
        if told == NOW:
            return True if whole.count and memory.start == whole.last else None
        begun = month(memory.start)
        if begun == told:
            return True
        return False if (begun < told) == (claim.kind == "since") else None
    if claim.kind == "often":
        return True
    # Of a memory without a category, a source or a sum that is None.
    return holds(claim, Facts([memory], whole.setting))
