"""From a response to its score: format gates, then atomic accuracy, then summary quality."""

import math
from collections.abc import Mapping, Sequence

from lm.answers import Malformed, parse_answer
from records.prompt import COMPOSITE_TASK, Prompt, Score
from rewards.atomic import atomic_accuracy
from rewards.judge import RuleJudge

Reference = Mapping[str, Sequence[str]]
"""True values by tag; an empty sequence is NA."""


def score_response(prompt: Prompt, text: str, gold: Reference, judge: RuleJudge) -> Score:
    """Score one response: 0 unless well formed; in [0, 1] for tags, in [0, 2] with a summary.

    Tags and summary are held against the tags asked for alone.
    """
    composite = prompt.task == COMPOSITE_TASK
    answer = parse_answer(text, tags=prompt.tags, summary=composite, history_lines=prompt.history_lines)
    if isinstance(answer, Malformed):
        return Score(
            format_ok=False,
            format_reason=answer.reason,
            reward=0.0,
            atomic=0.0,
            summary=0.0 if composite else None,
        )
    predicted = {name: tag.values for name, tag in answer.tags.items()}
    atomic = atomic_accuracy(predicted, gold, prompt.tags)
    asked = {name: gold[name] for name in prompt.tags}
    summary = judge.judge(answer, asked) if composite else None
    return Score(
        format_ok=True,
        format_reason="",
        reward=atomic + (summary or 0.0),
        atomic=atomic,
        summary=summary,
    )


def failed_score(cause: str) -> Score:
    """The score of a response whose scoring failed: to be dropped, never a zero."""
    return Score(
        format_ok=False,
        format_reason="",
        reward=float("nan"),
        atomic=float("nan"),
        summary=None,
        error=cause,
    )


def score_batch(
    prompts: Sequence[Prompt], texts: Sequence[str], golds: Sequence[Reference], judge: RuleJudge
) -> list[Score]:
    """Score responses one by one; one that raises, or whose reward is no number, is marked
    `error` with the cause, the rest stand."""
    scores = []
    for prompt, text, gold in zip(prompts, texts, golds, strict=True):
        try:
            score = score_response(prompt, text, gold, judge)
        except Exception as error:  # whatever a scorer raises must not take the batch with it
            score = failed_score(f"{type(error).__name__}: {error}")
        if not (score.error or math.isfinite(score.reward)):
            score = failed_score(f"the reward is {score.reward}")
        scores.append(score)
    return scores
