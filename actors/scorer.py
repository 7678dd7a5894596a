"""Reward scorers as Ray actors."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ray

from actors.group_pool import GroupPool, Seat
from actors.placement import ANYWHERE, Places, scorer_gpus
from actors.work import worked
from records.config import ScorerConfig
from records.prompt import Prompt, RolloutGroup, Score, ScoredGroup
from rewards.build import empty_tally, judge_client, reward_model
from rewards.case import Reference
from rewards.summary import Tally
from rewards.total import failed_score

SPENT = "spent"
"""Folder beside the replies: what the judge of each seat has used of its budget since the pool began."""


class Scorer:
    """Holds the reward model; runs inside its actor's process.

    `seat` is its number in the pool: whoever takes it over goes on with what is left of its judge's budget.
    """

    def __init__(self, config: ScorerConfig, replies: str, seat: int) -> None:
        self.config = config
        self.model, self.judge = reward_model(config, Path(replies), Path(replies) / SPENT / str(seat))

    @worked
    def score(self, prompt: Prompt, texts: Sequence[str], reference: Reference) -> tuple[list[Score], Tally]:
        """Score responses to one prompt, in order, by the true values of its user; and what the judge did
        since the last answer, which whoever asks adds up: this process may die."""
        scores = self.model.score([prompt] * len(texts), texts, [reference] * len(texts))
        did, self.judge.tally = self.judge.tally, empty_tally(self.config)
        return scores, did


class ScorerPool(GroupPool[ScoredGroup]):
    """The reward scorers of a run (`actors.group_pool`): a group that nobody could score has an error on
    every rollout.

    `references` are the true values by user; a user's must be there when a group of it is submitted.
    `replies` is where a judging language model's replies are kept.

    Raises:
        UserError: the settings of the judging language model are at fault.
    """

    def __init__(
        self,
        references: Mapping[str, Reference],
        config: ScorerConfig,
        start_s: float,
        replies: Path,
        places: Places = ANYWHERE,
    ) -> None:
        if config.judge == "llm":
            judge_client(config, replies)  # said here, rather than by an actor later
        shutil.rmtree(replies / SPENT, ignore_errors=True)
        self.config = config
        self.references = references
        self._arguments = (config, str(replies.absolute()))
        self._tallies = [empty_tally(config) for _ in range(config.actors)]
        super().__init__(config.actors, start_s, config.timeout_s, places)

    def stats(self) -> list[dict[str, Any]]:
        """What the judges of each seat did for groups that came back, whoever sat there."""
        return [tally.stats() for tally in self._tallies]

    def _actor(self, number: int, place: dict[str, Any]) -> Any:
        actor = ray.remote(Scorer).options(
            num_cpus=self.config.cpus_per_actor, num_gpus=scorer_gpus(self.config), **place
        )
        return actor.remote(*self._arguments, number)

    def _send(self, seat: Seat, group: RolloutGroup) -> Any:
        texts = [rollout.text for rollout in group.rollouts]
        return seat.actor.score.remote(group.prompt, texts, self.references[group.prompt.user_id])

    def _taken(self, seat: Seat, group: RolloutGroup, answer: Any) -> ScoredGroup:
        scores, did = answer
        self._tallies[seat.number].add(did)
        return ScoredGroup(group=group, scores=tuple(scores))

    def _failed(self, group: RolloutGroup, cause: str) -> ScoredGroup:
        return ScoredGroup(group=group, scores=(failed_score(cause),) * len(group.rollouts))
