"""Reward scorers as Ray actors: one that dies or hangs is replaced, and its group scored again."""

import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayActorError

from actors.supervision import ActorError, wait_for, wait_for_all
from actors.tasks import LIVES
from records.config import ScorerConfig
from records.prompt import Prompt, RolloutGroup, Score, ScoredGroup
from rewards.build import judge_client, reward_model
from rewards.case import Reference
from rewards.total import failed_score

_LOOK_S = 1.0
"""Seconds between looks at how long each scorer has been at work."""

SPENT = "spent"
"""Folder beside the replies: what the judge of each seat has used of its budget since the pool began."""


def scorer_gpus(config: ScorerConfig) -> float:
    """Ray GPUs of a scorer: a sliver, as it shares one, where embeddings are computed there."""
    return 0.01 if config.embeddings and config.embeddings_device != "cpu" else 0.0


class Scorer:
    """Holds the reward model and the references (true values by user); runs inside its actor's process.

    `seat` is its number in the pool: whoever takes it over goes on with what is left of its judge's budget.
    """

    def __init__(
        self, references: Mapping[str, Reference], config: ScorerConfig, replies: str, seat: int
    ) -> None:
        self.references = references
        self.model, self.judge = reward_model(config, Path(replies), Path(replies) / SPENT / str(seat))

    def score(self, prompts: Sequence[Prompt], texts: Sequence[str]) -> list[Score]:
        """Score responses, in order."""
        return self.model.score(prompts, texts, [self.references[prompt.user_id] for prompt in prompts])

    def stats(self) -> dict[str, Any]:
        """What the judge did so far."""
        return self.judge.stats()


class ScorerPool:
    """The scorers of a run, each with one group at a time. They start in the background.

    `replies` is where a judging language model's replies are kept. `lost` names the scorers that died or
    hung, each with its group. `start_s` bounds the start of a scorer, `config.timeout_s` its work on a group.

    Raises:
        UserError: the settings of the judging language model are at fault.
    """

    def __init__(
        self, references: Mapping[str, Reference], config: ScorerConfig, start_s: float, replies: Path
    ) -> None:
        if config.judge == "llm":
            judge_client(config, replies)  # said here, rather than by an actor later
        shutil.rmtree(replies / SPENT, ignore_errors=True)
        self.config = config
        self.start_s = start_s
        self.lost: list[str] = []
        self._arguments = (ray.put(dict(references)), config, str(replies.absolute()))
        self._actors: dict[str, Any] = {}
        self._seats: dict[str, int] = {}
        self._up: set[str] = set()
        for seat in range(config.actors):
            self._start(seat)

    def score(self, groups: Sequence[RolloutGroup]) -> list[ScoredGroup]:
        """Score every rollout of every group, in order.

        A group whose scorer raises, or that ends or stalls LIVES scorers, has an error on every rollout.

        Raises:
            UserError: the input is at fault, such as a key that the judge's server refuses.
            ActorError: a scorer cannot start.
        """
        scored: dict[int, list[Score]] = {}
        queue, tries = list(reversed(range(len(groups)))), [0] * len(groups)
        idle = list(reversed(self._actors))
        pending: dict[Any, tuple[str, int, float]] = {}

        def replace(name: str, place: int, cause: str) -> None:
            self.lost.append(f"{name} with group {groups[place].group_id}: {cause}")
            ray.kill(self._actors.pop(name))
            idle.append(self._start(self._seats[name]))
            if tries[place] < LIVES:
                queue.append(place)
            else:
                scored[place] = _failed(groups[place], f"{cause}, {LIVES} times")

        while queue or pending:
            while queue and idle:
                name, place = idle.pop(), queue.pop()
                tries[place] += 1
                pending[self._send(name, groups[place])] = (name, place, time.monotonic())
            ready, _ = ray.wait(list(pending), timeout=_LOOK_S)
            for ref in ready:
                name, place, _ = pending.pop(ref)
                try:
                    scored[place] = wait_for(ref, name, self.config.timeout_s)
                except ActorError as error:
                    if isinstance(error.__cause__, RayActorError):
                        if getattr(error.__cause__, "actor_init_failed", False):
                            raise
                        replace(name, place, "it died")
                        continue
                    scored[place] = _failed(groups[place], str(error))
                self._up.add(name)
                idle.append(name)
            for ref, (name, place, since) in list(pending.items()):
                limit = self.config.timeout_s + (0 if name in self._up else self.start_s)
                if time.monotonic() - since > limit:
                    del pending[ref]
                    replace(name, place, f"no answer within {limit:g} s (scorer.timeout_s)")
        return [ScoredGroup(group=group, scores=tuple(scored[place])) for place, group in enumerate(groups)]

    def stats(self) -> list[dict[str, Any]]:
        """What the judge of each scorer did so far."""
        refs = [actor.stats.remote() for actor in self._actors.values()]
        return wait_for_all(refs, list(self._actors), self.start_s)

    def close(self) -> None:
        """End the scorers' processes."""
        for actor in self._actors.values():
            ray.kill(actor)

    def _send(self, name: str, group: RolloutGroup) -> Any:
        prompts = [group.prompt] * len(group.rollouts)
        return self._actors[name].score.remote(prompts, [rollout.text for rollout in group.rollouts])

    def _start(self, seat: int) -> str:
        name = f"scorer {len(self._seats)}"
        self._seats[name] = seat
        gpus = scorer_gpus(self.config)
        actor = ray.remote(Scorer).options(num_cpus=self.config.cpus_per_actor, num_gpus=gpus)
        self._actors[name] = actor.remote(*self._arguments, seat)
        return name


def _failed(group: RolloutGroup, cause: str) -> list[Score]:
    return [failed_score(cause)] * len(group.rollouts)
