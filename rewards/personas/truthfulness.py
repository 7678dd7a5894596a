"""Truthfulness: is every claim true of the persona's memories and of the whole log?"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from records.induction import QualityConfig
from records.persona import Persona
from rewards.personas.claims import Claim
from rewards.personas.facts import holds
from rewards.personas.subject import Subject

_OF_THE_LOG = ("since", "until", "where")
"""What a claim about all of a user's memories says of the log and not of the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """A persona's different claims, by what is known of them.

    `true`: true and telling, and new beside the others. `common`: true, but also of the user's other
    memories. `false`. `unknown`: what the log cannot tell; a statement without any checkable claim counts as
    one.
    """

    true: tuple[Claim, ...]
    common: tuple[Claim, ...]
    false: tuple[Claim, ...]
    unknown: int

    def share(self, telling: int) -> float:
        """true / max(true + false + unknown, `telling`): what is common neither earns nor costs, and few
        claims cannot make up for many."""
        told = len(self.true) + len(self.false) + self.unknown
        return len(self.true) / max(told, telling)


def truthfulness(personas: Sequence[Persona], subject: Subject, config: QualityConfig) -> float:
    """Mean over personas of true / max(true + false + unknown, `telling_claims`), in [0, 1].

    A claim is true if it holds of the persona's memories, and still holds when those memories are added that
    belong to it by the log but stand in no persona: the user's own whose wanted names are all among the
    persona's. So nothing becomes true by leaving out what speaks against it. A true claim that also holds of
    the rest of the user's memories (what all of them are like: the only shop, the whole span) tells nothing
    of this persona; it neither earns nor costs. Of a persona that holds all of them the same goes for
    `since`, `until` and `where`, which are the log's own. Nor does what is said twice, in whatever order and
    spelling, or follows from another true claim. A description that is empty or says only such things has 0.
    """
    held = {number for persona in personas for number in persona.memories}
    loose = [number for number in subject.own if number not in held]
    shares = [truth(persona, subject, loose).share(config.telling_claims) for persona in personas]
    return sum(shares) / len(shares) if shares else 0.0


def truth(persona: Persona, subject: Subject, loose: Iterable[int] = ()) -> Truth:
    """What is known of the persona's claims; `loose` are the user's own memories in no persona."""
    claims: dict[frozenset[tuple[str, str]], Claim] = {}
    unknown = 0
    for text in dict.fromkeys(statement.text for statement in persona.description):
        read = subject.claims(text)
        for claim in read:
            claims.setdefault(claim.gist, claim)
        unknown += not read
    facts = subject.facts(persona.memories)
    left_out = tuple(
        number
        for number in loose
        if (wants := subject.memories[number].wants)
        and all(name.casefold() in facts.all_names for name in wants)
    )
    whole = subject.facts(persona.memories + left_out)
    mine = set(persona.memories)
    rest = subject.facts(tuple([number for number in subject.own if number not in mine]))
    true, common, false = [], [], []
    for claim in claims.values():
        verdict = holds(claim, facts)
        if verdict and left_out:
            verdict = holds(claim, whole)
        if verdict is None:
            unknown += 1
        elif not verdict:
            false.append(claim)
        elif holds(claim, rest) if rest.count else claim.kind in _OF_THE_LOG:
            common.append(claim)
        else:
            true.append(claim)
    return Truth(true=_news(true), common=tuple(common), false=tuple(false), unknown=unknown)


def _news(true: Sequence[Claim]) -> tuple[Claim, ...]:
    """Of true claims those that say something new: neither part of what wider ones say, nor that was looked
    at what was bought or searched for."""
    said: set[tuple[str, str]] = set()
    news = set()
    for claim in sorted(true, key=lambda one: (one.arguments[0] == "looks", -len(one.gist))):
        if not claim.gist <= said:
            news.add(claim)
        said |= claim.gist
        if claim.kind == "wants":
            said |= {("looks", name.casefold()) for name in claim.names}
    return tuple(claim for claim in true if claim in news)
