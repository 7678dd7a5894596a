"""What scorers are asked, what they say, and the one interface they all have."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from lm.answers import Answer, Malformed, parse_answer
from records.prompt import COMPOSITE_TASK, Prompt

Reference: TypeAlias = Mapping[str, Sequence[str]]
"""True values by tag; an empty sequence is NA."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A response: what it was asked, how it reads, and the truth about the tags asked for, and no others."""

    prompt: Prompt
    answer: Answer | Malformed
    gold: Reference

    @property
    def is_composite(self) -> bool:
        return self.prompt.task == COMPOSITE_TASK


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What one scorer says of one case: a value in [0, 1] and what spoke against more, as short codes.

    `error` names why there is no value (NaN then): a reason to drop the sample, never a zero.
    """

    value: float
    reasons: tuple[str, ...] = ()
    error: str = ""


class Scorer(Protocol):
    """Scores cases side by side. It may raise: `total.RewardModel` finds the case at fault."""

    def score(self, cases: Sequence[Case]) -> list[Opinion]: ...


def read_case(prompt: Prompt, text: str, gold: Reference) -> Case:
    """The case of one response.

    Raises:
        KeyError: `gold` lacks a tag that was asked for.
    """
    answer = parse_answer(
        text,
        tags=prompt.tags,
        summary=prompt.task == COMPOSITE_TASK,
        history_lines=prompt.history_lines,
    )
    return Case(prompt=prompt, answer=answer, gold={name: tuple(gold[name]) for name in prompt.tags})


def answer_of(case: Case) -> Answer:
    """The answer of a case that passed the format gate.

    Raises:
        ValueError: it did not.
    """
    if isinstance(case.answer, Malformed):
        raise ValueError(f"a malformed response has no answer to score ({case.answer.reason})")
    return case.answer


def no_opinion(cause: str) -> Opinion:
    """The opinion of a scorer that failed."""
    return Opinion(value=math.nan, error=cause)
