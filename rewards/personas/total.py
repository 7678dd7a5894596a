"""The total: one number for a persona set, in which no quality can be bought with another."""

from dataclasses import dataclass

from records.induction import QualityConfig
from records.persona import PersonaSet
from rewards.personas.alignment import alignment
from rewards.personas.cohesion import cohesion
from rewards.personas.extras import coverage, overlap
from rewards.personas.subject import Subject, fault_of
from rewards.personas.truthfulness import truthfulness

QUALITY_VERSION = 3
"""Raised when a set's numbers change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """What a persona set is worth; all but `count` in [0, 1], of an invalid one 0, with the reason in
    `error`."""

    cohesion: float = 0.0
    alignment: float = 0.0
    truthfulness: float = 0.0
    coverage: float = 0.0
    overlap: float = 0.0
    count: int = 0
    total: float = 0.0
    error: str = ""


def total(cohesion: float, alignment: float, truthfulness: float, coverage: float, overlap: float) -> float:
    """(cohesion x alignment x truthfulness)^(1/3) x coverage x (1 - overlap).

    A product: a quality near 0 leaves next to nothing, whatever the others are. Doubling one gains as much as
    doubling any other; leaving out half of the memories, or saying everything twice, costs half or more.
    """
    return float((cohesion * alignment * truthfulness) ** (1 / 3) * coverage * (1 - overlap))


def quality(personas: PersonaSet, subject: Subject, config: QualityConfig) -> Quality:
    """The quality of a set by rules and embeddings of memories, without a language model."""
    error = fault_of(personas, subject)
    mine = personas.personas
    if error:
        return Quality(error=error, count=len(mine))
    cohesive, aligned = cohesion(mine, subject, config), alignment(mine, subject)
    true = truthfulness(mine, subject, config)
    covered, repeated = coverage(mine, subject), overlap(mine, subject, config)
    return Quality(
        cohesion=cohesive,
        alignment=aligned,
        truthfulness=true,
        coverage=covered,
        overlap=repeated,
        count=len(mine),
        total=total(cohesive, aligned, true, covered, repeated),
    )
