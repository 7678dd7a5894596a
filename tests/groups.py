"""Scored groups for unit tests."""

from collections.abc import Sequence

from records.prompt import Prompt, Rollout, RolloutGroup, Score, ScoredGroup


def scored_group(
    rewards: Sequence[float | None], *, tokens: int = 3, prompt: int = 1, name: str = "g"
) -> ScoredGroup:
    """A group of whole responses of so many `tokens` to a prompt of so many; None is a bad format."""
    asked = Prompt(
        prompt_id="p", user_id="u", task="tags", tags=("pet",), history_lines=1, token_ids=(1,) * prompt
    )
    rollouts = tuple(
        Rollout(
            prompt_id="p",
            sample_idx=index,
            seed=index,
            token_ids=(1,) * tokens,
            logprobs=(-1.0,) * tokens,
            text="",
            finish_reason="stop",
            policy_version=0,
            gen_seconds=0.0,
        )
        for index in range(len(rewards))
    )
    scores = tuple(
        Score(
            format_ok=reward is not None,
            format_reason="" if reward is not None else "no_answer",
            reward=reward or 0.0,
            atomic=reward or 0.0,
            summary=None,
        )
        for reward in rewards
    )
    group = RolloutGroup(group_id=name, round=0, attempt=0, prompt=asked, rollouts=rollouts)
    return ScoredGroup(group=group, scores=scores)
