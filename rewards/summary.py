"""Summary quality: four qualities, weighted, by a judge."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
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


@dataclass(slots=True, kw_only=True)
class Tally:
    """What a judge did since its tally was begun; those of judges that took each other's place add up.

    Fields are numbers, counters and lists.
    """

    judged: int = 0

    def add(self, other: "Tally") -> None:
        """Count what `other`, of a judge of the same kind, counted."""
        for one in fields(self):
            value = getattr(self, one.name)
            value += getattr(other, one.name)
            setattr(self, one.name, value)

    def stats(self) -> dict[str, Any]:
        """The same for people to read, as plain numbers."""
        return {"judge": "rules", "judged": self.judged}


class Judge(Protocol):
    """Judges summaries of well-formed composite answers, given the truth about the tags asked for.

    `tally`: what it did; whoever takes it away leaves an empty one.
    """

    tally: Tally

    def judge(self, cases: Sequence[Case]) -> list[Judgment]: ...


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
