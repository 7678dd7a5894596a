"""How good the persona sets are that a model writes: answers parsed, and held against the user's memories."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from induce.answers import parse_personas
from induce.embedding import Embedder
from induce.lines import MemoryLines
from induce.population import Population
from induce.texts import vectors_of
from lm.answers import Malformed
from records.induction import InduceConfig
from records.persona import IntentMemory, PersonaSet
from records.quality import QualityScore
from rewards.personas.subject import Subject, Vectors, background_of
from rewards.personas.total import Quality, quality

_KEPT = 512
"""Users whose vectors and facts are kept."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PersonaCase:
    """One user as answers are judged by: all `memories`, noise too, and the `lines` that the model reads."""

    memories: tuple[IntentMemory, ...]
    lines: MemoryLines


class PersonaScorer:
    """Scores persona sets by rules and embeddings, without a language model (`rewards.personas.total`).

    A user's memories are embedded once, so they have to be the same in all calls. `population` is what a user
    with one persona is held against.

    Example:
        scores = PersonaScorer(InduceConfig(), SentenceEmbedder(), population).score(texts, case)
    """

    def __init__(self, config: InduceConfig, embedder: Embedder, population: Population) -> None:
        self.config, self.embedder, self.population = config, embedder, population
        self._subjects: dict[str, Subject] = {}

    def score(self, texts: Sequence[str], case: PersonaCase) -> list[QualityScore]:
        """The total of each answer about a user, or why it is no valid one."""
        return [self._score(text, case) for text in texts]

    def quality(self, personas: PersonaSet, memories: Sequence[IntentMemory]) -> Quality:
        """All numbers of a set; of one without personas 0, with the reason."""
        if not personas.personas:
            return Quality(error=f"none: {personas.error or 'no persona'}")
        return quality(personas, self.subject(memories), self.config.quality)

    def answered(self, text: str, case: PersonaCase) -> Quality:
        """The same of an answer; of a malformed one 0, with the reason."""
        parsed = parse_personas(text, case.lines)
        if isinstance(parsed, Malformed):
            return Quality(error=parsed.reason)
        return self.quality(parsed.personas, case.memories)

    def _score(self, text: str, case: PersonaCase) -> QualityScore:
        found = self.answered(text, case)
        if not found.error:
            return QualityScore(quality=found.total)
        # The number of the persona at fault, behind a colon, would make every reason one of its own.
        return QualityScore(invalid=found.error.partition(":")[0])

    @cached_property
    def _background_D(self) -> Vectors | None:
        texts = self.population.texts
        return background_of(self.embedder(texts)) if texts else None

    def subject(self, memories: Sequence[IntentMemory]) -> Subject:
        """The user whose `memories` these are, as sets are scored by."""
        user = memories[0].user_id
        if user not in self._subjects:
            if len(self._subjects) >= _KEPT:
                self._subjects.clear()
            vectors_ND = vectors_of(memories, self.embedder, self.config.clusters.most_embedded)
            self._subjects[user] = Subject(memories, vectors_ND, background_D=self._background_D)
        return self._subjects[user]
