"""Ranked groups out of responses, for tests of groupwise DPO."""

from collections.abc import Sequence

from records.prompt import Prompt, RolloutGroup
from records.quality import QualityScore
from rl.groupwise_groups import RankedGroup, ranked
from tests.rl_groups import rollout_of

Said = float | str | None
"""What a scorer says: a quality, why a response is invalid, or None: its scoring failed."""


def score_of(said: Said) -> QualityScore:
    """The score that says it."""
    if said is None:
        return QualityScore(error="the scorer is gone")
    return QualityScore(invalid=said) if isinstance(said, str) else QualityScore(quality=said)


def ranked_group(
    name: str,
    prompt_ids: Sequence[int],
    responses: Sequence[tuple[Sequence[int], Said]],
    *,
    tie_within: float = 0.0,
    finish_reason: str = "stop",
) -> RankedGroup:
    """A group of responses, each token ids and what its scorer says."""
    prompt = Prompt(
        prompt_id=name,
        user_id=f"user of {name}",
        task="personas",
        tags=(),
        history_lines=1,
        token_ids=tuple(prompt_ids),
    )
    rollouts = tuple(
        rollout_of(name, index, ids, finish_reason=finish_reason) for index, (ids, _) in enumerate(responses)
    )
    group = RolloutGroup(group_id=name, round=0, attempt=0, prompt=prompt, rollouts=rollouts)
    return ranked(group, [score_of(said) for _, said in responses], tie_within)
