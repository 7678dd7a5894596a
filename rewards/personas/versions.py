"""Versions of the three qualities side by side: by rules, by embeddings, and by a judging language model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import nan

import numpy.typing as npt

from records.induction import QualityConfig
from rewards.personas.alignment import alignment_by_embedding
from rewards.personas.judge import Agreement, Case, PersonaJudge, RuleJudge, agreements
from rewards.personas.total import quality

MEASURES = {
    "cohesion": ("embedding", "category", "llm"),
    "alignment": ("rules", "embedding", "llm"),
    "truthfulness": ("rules", "llm"),
}
"""Quality → its versions; the first is the one that counts in the total."""

Embed = Callable[[Sequence[str]], npt.ArrayLike]
"""Texts → their vectors, N×D."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """`values`: quality → version → a value a set, nan where a version says nothing of it (no categories, no
    statement about things, no verdict that can be read). `failed` counts sets without a verdict."""

    values: Mapping[str, Mapping[str, Sequence[float]]]
    failed: int = 0

    def agreement(self) -> dict[str, dict[tuple[str, str], Agreement]]:
        """How far every two versions of each quality agree."""
        return {name: agreements(of_quality) for name, of_quality in self.values.items()}


def versions(
    cases: Sequence[Case], embed: Embed, config: QualityConfig, judge: PersonaJudge | None = None
) -> Versions:
    """Every version of the qualities of valid sets; `judge`, if there is one, is the language model."""
    values: dict[str, dict[str, list[float]]] = {
        name: {version: [] for version in of_quality if judge is not None or version != "llm"}
        for name, of_quality in MEASURES.items()
    }
    by_rules = RuleJudge(config).judge(cases)
    # All at once: a model is idle over one user's few sentences.
    texts = sorted({said.text for one, _ in cases for mine in one.personas for said in mine.description})
    told = dict(zip(texts, embed(texts), strict=True))  # type: ignore[arg-type]
    for (personas, subject), verdict in zip(cases, by_rules, strict=True):
        score = quality(personas, subject, config)
        embedded = alignment_by_embedding(personas.personas, subject, told, config)
        has_categories = any(memory.category for memory in subject.memories.values())
        values["cohesion"]["embedding"].append(score.cohesion)
        values["cohesion"]["category"].append(verdict.cohesion if has_categories else nan)
        values["alignment"]["rules"].append(score.alignment)
        values["alignment"]["embedding"].append(nan if embedded is None else embedded)
        values["truthfulness"]["rules"].append(score.truthfulness)
    asked = judge.judge(cases) if judge is not None else []
    for said in asked:
        for name in MEASURES:
            values[name]["llm"].append(nan if said.error else getattr(said, name))
    return Versions(values=values, failed=sum(bool(said.error) for said in asked))
