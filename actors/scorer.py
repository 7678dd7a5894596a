"""Reward scorers as Ray actors."""

from collections.abc import Mapping, Sequence

import ray

from actors.supervision import wait_for_all
from records.config import ScorerConfig
from records.prompt import Prompt, RolloutGroup, Score, ScoredGroup
from rewards.judge import RuleJudge
from rewards.scorer import Reference, score_batch


class Scorer:
    """Holds the references (true values by user); runs inside its actor's process."""

    def __init__(self, references: Mapping[str, Reference], summary_weights: Mapping[str, float]) -> None:
        self.references = references
        self.judge = RuleJudge(summary_weights)

    def score(self, prompts: Sequence[Prompt], texts: Sequence[str]) -> list[Score]:
        """Score responses, in order."""
        golds = [self.references[prompt.user_id] for prompt in prompts]
        return score_batch(prompts, texts, golds, self.judge)


class ScorerPool:
    """The scorers of a run; groups go to them by position. They start in the background."""

    def __init__(self, references: Mapping[str, Reference], config: ScorerConfig, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        actor = ray.remote(Scorer).options(num_cpus=config.cpus_per_actor)
        shared = ray.put(dict(references))
        self.scorers = [actor.remote(shared, dict(config.summary_weights)) for _ in range(config.actors)]

    def score(self, groups: Sequence[RolloutGroup]) -> list[ScoredGroup]:
        """Score every rollout of every group, in order."""
        count = len(self.scorers)
        pending = []
        for index, scorer in enumerate(self.scorers):
            mine = groups[index::count]
            prompts = [group.prompt for group in mine for _ in group.rollouts]
            texts = [rollout.text for group in mine for rollout in group.rollouts]
            pending.append(scorer.score.remote(prompts, texts))
        scored: list[ScoredGroup | None] = [None] * len(groups)
        names = [f"scorer {index}" for index in range(count)]
        for index, answers in enumerate(wait_for_all(pending, names, self.timeout_s)):
            scores = iter(answers)
            for place in range(index, len(groups), count):
                group = groups[place]
                scored[place] = ScoredGroup(group=group, scores=tuple(next(scores) for _ in group.rollouts))
        return [group for group in scored if group is not None]

    def close(self) -> None:
        """End the scorers' processes."""
        for scorer in self.scorers:
            ray.kill(scorer)
