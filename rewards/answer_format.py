"""The format gate: an answer that follows the schema, or the one reason why it does not."""

from collections.abc import Sequence

from lm.answers import Malformed
from rewards.case import Case, Opinion


class FormatScorer:
    """1 for a well-formed answer, else 0 with the code of `lm.answers.Malformed`.

    A response has one reason at most: where it breaks off, everything else that is wrong with it follows.
    """

    def score(self, cases: Sequence[Case]) -> list[Opinion]:
        """One opinion a case, in order."""
        return [_gate(case) for case in cases]


def _gate(case: Case) -> Opinion:
    if isinstance(case.answer, Malformed):
        return Opinion(value=0.0, reasons=(case.answer.reason,))
    return Opinion(value=1.0)
