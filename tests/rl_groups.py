"""Judged groups out of responses, for tests of batches and losses."""

from collections.abc import Sequence
from dataclasses import dataclass

from records.config import FilterConfig
from records.prompt import Prompt, Rollout, RolloutGroup, Score, ScoredGroup
from rl.filters import JudgedGroup, judge


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """Token ids, their log-probs under the rollout policy, and the reward; None: scoring failed."""

    ids: Sequence[int]
    logprobs: Sequence[float]
    reward: float | None


def rollout_of(
    prompt_id: str,
    index: int,
    ids: Sequence[int],
    logprobs: Sequence[float] | None = None,
    finish_reason: str = "stop",
    text: str = "",
) -> Rollout:
    """Sample number `index` of a prompt; log-probs are −1 where none are given."""
    return Rollout(
        prompt_id=prompt_id,
        sample_idx=index,
        seed=index,
        token_ids=tuple(ids),
        logprobs=(-1.0,) * len(ids) if logprobs is None else tuple(logprobs),
        text=text,
        finish_reason=finish_reason,
        policy_version=0,
        gen_seconds=0.0,
    )


def judged_group(name: str, prompt_ids: Sequence[int], responses: Sequence[Response]) -> JudgedGroup:
    """The group as scorers and filters with their default settings leave it."""
    prompt = Prompt(
        prompt_id=name,
        user_id=name,
        task="tags",
        tags=("pet",),
        history_lines=1,
        token_ids=tuple(prompt_ids),
    )
    rollouts = tuple(
        rollout_of(name, index, response.ids, response.logprobs) for index, response in enumerate(responses)
    )
    scores = tuple(
        Score(
            format_ok=response.reward is not None,
            format_reason="",
            reward=float("nan") if response.reward is None else response.reward,
            atomic=0.0,
            summary=None,
            error="the judge is gone" if response.reward is None else "",
        )
        for response in responses
    )
    group = RolloutGroup(group_id=name, round=0, attempt=0, prompt=prompt, rollouts=rollouts)
    scored = ScoredGroup(group=group, scores=scores)
    return JudgedGroup(scored=scored, verdict=judge(scored, FilterConfig()))
