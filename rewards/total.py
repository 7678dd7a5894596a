"""From responses to scores: format gates, then atomic accuracy, then summary quality."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from records.errors import UserError
from records.prompt import COMPOSITE_TASK, Prompt, Score
from rewards.case import Case, Opinion, Reference, Scorer, no_opinion, read_case


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardModel:
    """The three scorers of a response, side by side for a batch of them."""

    format: Scorer
    atomic: Scorer
    summary: Scorer

    def score(
        self, prompts: Sequence[Prompt], texts: Sequence[str], golds: Sequence[Reference]
    ) -> list[Score]:
        """One score a response, in order: in [0, 1] for tags, in [0, 2] with a summary, 0 unless well formed.

        Tags and summary are held against the tags asked for alone. Where a scorer raises, gives no number or
        says that it could not tell, that response is marked `error` with the cause; the others stand.

        Raises:
            UserError: the settings are at fault, such as a key that the judge's server refuses.
        """
        cases = [_tried(read_case, *one) for one in zip(prompts, texts, golds, strict=True)]
        well = [place for place, case in enumerate(cases) if isinstance(case, Case)]
        gates = self._opinions(self.format, cases, well)
        well = [place for place in well if gates[place].value]
        atomic = self._opinions(self.atomic, cases, well)
        composite = [place for place in well if prompts[place].task == COMPOSITE_TASK]
        summary = self._opinions(self.summary, cases, composite)
        return [
            failed_score(case)
            if isinstance(case, str)
            else _score(prompt, gates[place], atomic.get(place), summary.get(place))
            for place, (prompt, case) in enumerate(zip(prompts, cases, strict=True))
        ]

    def _opinions(
        self, scorer: Scorer, cases: Sequence[Case | str], places: Sequence[int]
    ) -> dict[int, Opinion]:
        asked = [case for place in places if isinstance(case := cases[place], Case)]
        return dict(zip(places, guarded(scorer, asked), strict=True))


def guarded(scorer: Scorer, cases: Sequence[Case]) -> list[Opinion]:
    """The opinions of a scorer that may raise: then each case is scored by itself, and those at fault have
    an error."""
    together = _tried(scorer.score, cases)
    if isinstance(together, list) and len(together) == len(cases):
        return [_checked(one) for one in together]
    if len(cases) > 1:
        return [opinion for case in cases for opinion in guarded(scorer, [case])]
    cause = together if isinstance(together, str) else f"{len(together)} opinions of one case"
    return [no_opinion(cause)] * len(cases)


def failed_score(cause: str) -> Score:
    """The score of a response whose scoring failed: to be dropped, never a zero."""
    return Score(
        format_ok=False,
        format_reason="",
        reward=math.nan,
        atomic=math.nan,
        summary=None,
        error=cause,
    )


def _tried(function: Callable[..., Any], *arguments: Any) -> Any:
    """What the function returns, or what it raised as text: it must not take the batch with it. What the
    user has to mend, such as a key that a server refuses, would fail every time and goes up."""
    try:
        return function(*arguments)
    except UserError:
        raise
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def _checked(opinion: Opinion) -> Opinion:
    if opinion.error or math.isfinite(opinion.value):
        return opinion
    return no_opinion(f"the value is {opinion.value}")


def _score(prompt: Prompt, gate: Opinion, atomic: Opinion | None, summary: Opinion | None) -> Score:
    is_composite = prompt.task == COMPOSITE_TASK
    error = next((one.error for one in (gate, atomic, summary) if one is not None and one.error), "")
    if error:
        return failed_score(error)
    if atomic is None:
        return Score(
            format_ok=False,
            format_reason=gate.reasons[0],
            reward=0.0,
            atomic=0.0,
            summary=0.0 if is_composite else None,
        )
    value = None if summary is None else summary.value
    return Score(
        format_ok=True,
        format_reason="",
        reward=atomic.value + (value or 0.0),
        atomic=atomic.value,
        summary=value,
        reasons=(*atomic.reasons, *(() if summary is None else summary.reasons)),
    )
