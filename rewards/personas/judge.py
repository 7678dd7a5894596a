"""Judges of persona sets: offline rules and a language model, to be held against the embedding versions."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import numpy as np

from lm.chat import ChatReply, Client, Progress
from records.induction import QualityConfig
from records.persona import Persona, PersonaSet
from rewards.agreement import krippendorff_alpha, same_order, spearman
from rewards.personas.alignment import alignment
from rewards.personas.claims import parse
from rewards.personas.facts import holds
from rewards.personas.judge_question import GRADES, MAX_STATEMENTS, answer_of, question
from rewards.personas.subject import Subject, fault_of
from rewards.personas.truthfulness import truthfulness

Case: TypeAlias = tuple[PersonaSet, Subject]
"""A persona set and the user it is of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a judge finds, each in [0, 1]. `error` names why it found nothing: the set is not valid (as
    `fault_of` says), or the judge did not answer so that it can be read; then the numbers mean nothing."""

    cohesion: float = 0.0
    alignment: float = 0.0
    truthfulness: float = 0.0
    error: str = ""


class PersonaJudge(Protocol):
    """Judges persona sets."""

    def judge(self, cases: Sequence[Case]) -> list[Verdict]:
        """One verdict a case, in order."""
        ...


class RuleJudge:
    """Offline and deterministic: alignment and truthfulness by claims, cohesion by categories."""

    def __init__(self, config: QualityConfig) -> None:
        self.config = config

    def judge(self, cases: Sequence[Case]) -> list[Verdict]:
        """One verdict a case, in order."""
        return [self._verdict(*case) for case in cases]

    def _verdict(self, personas: PersonaSet, subject: Subject) -> Verdict:
        error = fault_of(personas, subject)
        if error:
            return Verdict(error=error)
        return Verdict(
            cohesion=purity(personas.personas, subject),
            alignment=alignment(personas.personas, subject),
            truthfulness=truthfulness(personas.personas, subject, self.config),
        )


def purity(personas: Sequence[Persona], subject: Subject) -> float:
    """Share of all memories of personas that are of their persona's most common category, none being one."""
    counts = [
        Counter(subject.memories[number].category.casefold() for number in one.memories) for one in personas
    ]
    held = sum(count.total() for count in counts)
    return sum(max(count.values()) for count in counts if count) / held if held else 0.0


@dataclass(slots=True, kw_only=True)
class JudgeTally:
    """What a judging language model did: sets judged, replies that cannot be read by reason, and grades of
    coherence, `repeats` of each persona of which every reply can be read."""

    judged: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    grades: list[list[int]] = field(default_factory=list)

    def stats(self) -> dict[str, Any]:
        """The counts, and how far repeated grades agree (Krippendorff's alpha; None for one repeat)."""
        return {
            "judged": self.judged,
            "failed": dict(sorted(self.failed.items())),
            "agreement": krippendorff_alpha(self.grades) if self.grades else None,
        }


class LLMJudge:
    """Asks `client` `repeats` times about every persona of every set, all in one batch.

    Alignment is the mean over personas of the share of statements that the model does not call unsupported,
    truthfulness that of the share it does not call false, times statements / `telling_claims` where there are
    fewer; both are means over replies. Cohesion is the mean grade of coherence on [0, 1], weighted by
    memories. A model can be taken in: a statement of the grammar of which the rules refute a claim is neither
    supported nor true whatever it says, and the same text again counts for nothing. A set with a persona of
    which no reply can be read has an error; where some can, they decide. An invalid set is not asked about.
    `progress` is called with (replies, requests).
    """

    def __init__(
        self, client: Client, config: QualityConfig, *, repeats: int = 1, progress: Progress | None = None
    ) -> None:
        self.client, self.config, self.repeats, self.progress = client, config, repeats, progress
        self.tally = JudgeTally()

    def judge(self, cases: Sequence[Case]) -> list[Verdict]:
        """One verdict a case, in order."""
        faults = [fault_of(*case) for case in cases]
        requests = [
            question(persona, subject, repeat)
            for (personas, subject), fault in zip(cases, faults, strict=True)
            for persona in ([] if fault else personas.personas)
            for repeat in range(self.repeats)
        ]
        replies = iter(self.client.complete(requests, self.progress) if requests else ())
        verdicts = []
        for (personas, subject), fault in zip(cases, faults, strict=True):
            if fault:
                verdicts.append(Verdict(error=fault))
                continue
            heard = [[next(replies) for _ in range(self.repeats)] for _ in personas.personas]
            verdicts.append(self._verdict(personas.personas, subject, heard))
        return verdicts

    def _verdict(
        self, personas: Sequence[Persona], subject: Subject, heard: Sequence[Sequence[ChatReply]]
    ) -> Verdict:
        found, causes = [], []
        for persona, replies in zip(personas, heard, strict=True):
            read = [answer_of(reply, len(persona.description)) for reply in replies]
            failed = [one for one in read if isinstance(one, str)]
            answers = [one for one in read if not isinstance(one, str)]
            self.tally.failed.update(cause.partition(":")[0] for cause in failed)
            if not answers:
                causes += failed[:1]
                continue
            if not failed:
                self.tally.grades.append([one["coherence"] for one in answers])
            found.append(self._of_persona(persona, subject, answers))
        if causes:
            return Verdict(error=f"judge: {causes[0]}")
        self.tally.judged += 1
        cohesions_P, alignments_P, truths_P = np.asarray(found, dtype=np.float64).T
        sizes_P = [len(persona.memories) for persona in personas]
        return Verdict(
            cohesion=float(np.average(cohesions_P, weights=sizes_P)),
            alignment=float(alignments_P.mean()),
            truthfulness=float(truths_P.mean()),
        )

    def _of_persona(
        self, persona: Persona, subject: Subject, answers: Sequence[Mapping[str, Any]]
    ) -> tuple[float, float, float]:
        unsupported, false = refuted(persona, subject)
        low, high = GRADES
        coherence = np.mean([(one["coherence"] - low) / (high - low) for one in answers])
        said = len(persona.description)
        supported = np.mean([said - len(unsupported.union(one["unsupported"])) for one in answers]) / said
        true = np.mean([said - len(false.union(one["false"])) for one in answers])
        return float(coherence), float(supported), float(true) / max(said, self.config.telling_claims)


def refuted(persona: Persona, subject: Subject) -> tuple[set[int], set[int]]:
    """Numbers of statements that need no model to be unsupported, and to be false.

    A claim of theirs, by the grammar, does not hold of the cited memories, or of the persona's; or their text
    stood before, or stands beyond the MAX_STATEMENTS that are sent.
    """
    unsupported, false = set[int](), set[int]()
    before = set[str]()
    mine = subject.facts(persona.memories)
    for number, said in enumerate(persona.description, start=1):
        claims = parse(said.text)
        cited = subject.facts(said.memories)
        idle = said.text in before or number > MAX_STATEMENTS
        if idle or any(holds(claim, cited) is False for claim in claims):
            unsupported.add(number)
        if idle or any(holds(claim, mine) is False for claim in claims):
            false.add(number)
        before.add(said.text)
    return unsupported, false


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How far two versions of a number agree over `sets` persona sets: Spearman's rank correlation, and the
    share of pairs of sets in the same order (`rewards.agreement`); None where they do not vary."""

    sets: int
    spearman: float | None
    same_order: float | None


def agreements(versions: Mapping[str, Sequence[float]]) -> dict[tuple[str, str], Agreement]:
    """The agreement of every two versions of one number of the same sets, by their names; sets of which one
    of the two is nan (no verdict) are left out."""
    names = list(versions)
    found = {}
    for place, one in enumerate(names):
        for other in names[place + 1 :]:
            pairs_2S = np.asarray([versions[one], versions[other]], dtype=np.float64)
            both_2S = pairs_2S[:, ~np.isnan(pairs_2S).any(axis=0)]
            found[one, other] = Agreement(
                sets=both_2S.shape[1], spearman=spearman(*both_2S), same_order=same_order(*both_2S)
            )
    return found
