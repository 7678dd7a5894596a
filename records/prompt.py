"""Prompts, responses and what became of them."""

from dataclasses import dataclass

TAGS_TASK = "tags"
COMPOSITE_TASK = "composite"
TASKS = (TAGS_TASK, COMPOSITE_TASK)
"""What DF-GRPO asks: each task may have thresholds of its own."""
PERSONAS_TASK = "personas"
"""What induction asks; `history_lines` are then lines of memories."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One question about one user, as token ids.

    `task` is tags, composite (tags and a summary) or personas; `history_lines` is how many lines can be
    cited.
    """

    prompt_id: str
    user_id: str
    task: str
    tags: tuple[str, ...]
    history_lines: int
    token_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """One sampled response.

    `logprobs` are those of the sampled tokens under the rollout policy (tempered, inside the
    nucleus: the distribution actually sampled), natural log, one a token; `truncated` means that
    it hit the length limit; `policy_version` is the version of the weights that generated it.
    """

    prompt_id: str
    sample_idx: int
    seed: int
    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    text: str
    finish_reason: str
    policy_version: int
    gen_seconds: float

    @property
    def truncated(self) -> bool:
        return self.finish_reason == "length"


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutGroup:
    """The G samples of one prompt, asked for in one round; `attempt` counts engines lost at them."""

    group_id: str
    round: int
    attempt: int
    prompt: Prompt
    rollouts: tuple[Rollout, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What the scorers say of one response.

    `reward` = `atomic` (in [0, 1]) + `summary` (in [0, 1], composite only). A badly formatted
    response has `format_ok` false with a reason and reward 0. `error` names why scoring failed: a
    reason to drop the sample, never a zero. `reasons` say what cost reward: tag:NAME, claim:NAME.
    """

    format_ok: bool
    format_reason: str
    reward: float
    atomic: float
    summary: float | None
    error: str = ""
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredGroup:
    """A group with the score of each rollout, in the same order."""

    group: RolloutGroup
    scores: tuple[Score, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How responses are drawn; `max_tokens` is the length limit of a response."""

    temperature: float
    top_p: float
    max_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """`samples` responses to `prompt`; sample i draws from the seed `seed + i`."""

    prompt: Prompt
    samples: int
    seed: int
