"""Scorers of persona sets as Ray actors."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ray

from actors.group_pool import GroupPool, Seat
from actors.placement import ANYWHERE, Places
from actors.work import worked
from induce.embedding import SentenceEmbedder
from induce.population import Population
from induce.scoring import PersonaCase, PersonaScorer
from records.config import ScorerConfig
from records.induction import InduceConfig
from records.prompt import RolloutGroup
from records.quality import QualityScore


class PersonaScorerActor:
    """Scores what is written about one user; runs inside its actor's process. `vectors` is the folder of
    embeddings, which all scorers of a run share."""

    def __init__(self, config: InduceConfig, population: Population, vectors: str, device: str) -> None:
        self.scorer = persona_scorer(config, population, Path(vectors), device)

    @worked
    def score(self, texts: Sequence[str], case: PersonaCase) -> list[QualityScore]:
        """The quality of each answer, in order."""
        return self.scorer.score(texts, case)


def persona_scorer(
    config: InduceConfig, population: Population, vectors: Path, device: str = "cpu"
) -> PersonaScorer:
    """The scorer of a run's persona sets, whose embeddings are kept in `vectors`.

    Raises:
        UserError: there is no such embedding model.
    """
    clusters = config.clusters
    embedder = SentenceEmbedder(clusters.embeddings, cache=vectors, most=clusters.cached_texts, device=device)
    return PersonaScorer(config, embedder, population)


class PersonaScorerPool(GroupPool[tuple[QualityScore, ...]]):
    """The scorers of persona sets (`actors.group_pool`; `rl.groupwise_groups.QualityScorers`): responses of a
    group that nobody could score have an error each.

    `cases` are users by id; a user's must be there when a group of it is submitted. Of `config` count the
    number of actors, their CPUs, their time, and where embeddings are computed.
    """

    def __init__(
        self,
        cases: Mapping[str, PersonaCase],
        induce: InduceConfig,
        population: Population,
        vectors: Path,
        config: ScorerConfig,
        start_s: float,
        places: Places = ANYWHERE,
    ) -> None:
        self.cases, self.config = cases, config
        device = config.embeddings_device
        self._arguments = [ray.put(one) for one in (induce, population, str(vectors.absolute()), device)]
        super().__init__(config.actors, start_s, config.timeout_s, places)

    def _actor(self, number: int, place: dict[str, Any]) -> Any:
        gpus = 0.0 if self.config.embeddings_device == "cpu" else 0.01
        options = {"num_cpus": self.config.cpus_per_actor, "num_gpus": gpus, **place}
        return ray.remote(PersonaScorerActor).options(**options).remote(*self._arguments)

    def _send(self, seat: Seat, group: RolloutGroup) -> Any:
        texts = [rollout.text for rollout in group.rollouts]
        return seat.actor.score.remote(texts, self.cases[group.prompt.user_id])

    def _taken(self, seat: Seat, group: RolloutGroup, answer: Any) -> tuple[QualityScore, ...]:
        return tuple(answer)

    def _failed(self, group: RolloutGroup, cause: str) -> tuple[QualityScore, ...]:
        return (QualityScore(error=cause),) * len(group.rollouts)
