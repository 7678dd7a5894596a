"""Summary quality: four qualities, weighted, by a judge."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from rewards.case import Case, Opinion, no_opinion

QUALITIES = ("completeness", "consistency", "conciseness", "aesthetics")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgment:
    """The four qualities of one summary, each in [0, 1], and what spoke against more.

    `error` names why there are none: the judge did not answer, or not in a way that can be read.
    """

    completeness: float = 0.0
    consistency: float = 0.0
    conciseness: float = 0.0
    aesthetics: float = 0.0
    reasons: tuple[str, ...] = ()
    error: str = ""


class Judge(Protocol):
    """Judges summaries of well-formed composite answers, given the truth about the tags asked for."""

    def judge(self, cases: Sequence[Case]) -> list[Judgment]: ...

    def stats(self) -> dict[str, Any]:
        """What it did so far, as plain numbers."""
        ...


class SummaryScorer:
    """Weighted mean of the four qualities that `judge` finds.

    `weights`: quality → weight, relative to each other.
    """

    def __init__(self, judge: Judge, weights: Mapping[str, float]) -> None:
        self.judge = judge
        self.weights = dict(weights)

    def score(self, cases: Sequence[Case]) -> list[Opinion]:
        """One opinion a case, in order."""
        return [self._opinion(judgment) for judgment in self.judge.judge(cases)]

    def _opinion(self, judgment: Judgment) -> Opinion:
        if judgment.error:
            return no_opinion(judgment.error)
        total = sum(self.weights.values())
        value = sum(weight * getattr(judgment, name) for name, weight in self.weights.items()) / total
        return Opinion(value=value, reasons=judgment.reasons)
