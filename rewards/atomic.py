"""Atomic accuracy: are the tags right?"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from records.tags import TAG
from rewards.aliases import plain_name
from rewards.case import Case, Opinion, answer_of
from rewards.similarity import SameName, Similarity


class TagScorer:
    """How right values of one tag are."""

    def __init__(self, similarity: Similarity | None = None) -> None:
        self.similarity = similarity or SameName()

    def prepare(self, values: Iterable[tuple[str, Sequence[str]]]) -> None:
        """Hear of (tag, values) that will be scored, so that open ones are read in one batch."""
        self.similarity.prepare(
            plain_name(tag, value) for tag, given in values if TAG[tag].is_open for value in given
        )

    def score(self, tag: str, predicted: Sequence[str], gold: Sequence[str]) -> float:
        """How right `predicted` is for `tag`, in [0, 1]; an empty sequence is NA, a value like any other.

        Closed tags compare exactly. Open values are equal under their usual names (`aliases`), else as alike
        as `similarity` says. Lists are matched one to one as well as they can be, and score
        2·similarity of pairs / (|predicted| + |gold|), which is F1 where values are either equal or not; what
        is given twice counts as a wrong one: else repeating would be free, and a policy drifts where it is.
        """
        if not predicted or not gold:
            return float(not predicted and not gold)
        if not TAG[tag].is_open:
            return float(list(predicted) == list(gold))
        ours, theirs = ([plain_name(tag, value) for value in values] for values in (predicted, gold))
        if TAG[tag].max_values == 1:
            return self.similarity(tag, ours[0], theirs[0])
        alike = np.array([[self.similarity(tag, one, other) for other in theirs] for one in ours])
        rows, columns = linear_sum_assignment(alike, maximize=True)
        return 2 * float(alike[rows, columns].sum()) / (len(ours) + len(theirs))


class AtomicScorer:
    """Weighted mean of tag scores over the tags asked for; reasons are the tags that are not right.

    `weights`: tag → weight, 1 where it is missing; if all tags asked for weigh nothing, they weigh the same.
    """

    def __init__(self, tags: TagScorer, weights: Mapping[str, float]) -> None:
        self.tags = tags
        self.weights = dict(weights)

    def score(self, cases: Sequence[Case]) -> list[Opinion]:
        """One opinion a case, in order."""
        given = [(name, tag.values) for case in cases for name, tag in answer_of(case).tags.items()]
        self.tags.prepare([*given, *(entry for case in cases for entry in case.gold.items())])
        return [self._opinion(case) for case in cases]

    def _opinion(self, case: Case) -> Opinion:
        given = answer_of(case).tags
        right = [self.tags.score(name, given[name].values, case.gold[name]) for name in case.prompt.tags]
        weights = [self.weights.get(name, 1.0) for name in case.prompt.tags]
        if not sum(weights):
            weights = [1.0] * len(right)
        value = sum(w * score for w, score in zip(weights, right, strict=True)) / sum(weights)
        wrong = (name for name, score in zip(case.prompt.tags, right, strict=True) if score < 1)
        return Opinion(value=value, reasons=tuple(f"tag:{name}" for name in wrong))
