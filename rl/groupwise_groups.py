"""Groups whose responses have a quality or a reason why not, and what of them trains."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from records.prompt import RolloutGroup
from records.quality import QualityScore
from rl.groupwise import INVALID, choices, levels

TRUNCATED = "truncated"
"""Why a response that hit the length limit is invalid, whatever its scorer says of it."""

SCORE_ERROR = "score_error"
"""Stands among a group's reasons for responses whose scoring failed."""

NO_VALID, TOO_FEW = GROUP_REASONS = ("no_valid", "too_few")
"""Why a group trains nothing: none of its responses is valid; fewer than two are left to compare."""


class QualityScorers(Protocol):
    """Scores every response of every group, in order."""

    def score(self, groups: Sequence[RolloutGroup]) -> Sequence[Sequence[QualityScore]]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedGroup:
    """A group with the score of each response and its level (`rl.groupwise.levels`; INVALID for all that has
    no quality), levels_G."""

    group: RolloutGroup
    scores: tuple[QualityScore, ...]
    levels_G: npt.NDArray[np.int64]

    @property
    def compared(self) -> list[int]:
        """The responses that stand in the group: all but those whose scoring failed."""
        return [index for index, score in enumerate(self.scores) if not score.error]

    @property
    def dropped(self) -> str:
        """Why the group trains nothing; "" if it does."""
        if choices(self.levels_G[self.compared]):
            return ""
        return NO_VALID if np.all(self.levels_G == INVALID) else TOO_FEW

    @property
    def reasons(self) -> Counter[str]:
        """Why its responses are not valid."""
        return Counter(
            SCORE_ERROR if score.error else score.invalid for score in self.scores if score.quality is None
        )


def ranked(group: RolloutGroup, scores: Sequence[QualityScore], tie_within: float) -> RankedGroup:
    """The group in the order of its scores; what hit the length limit is invalid.

    Raises:
        ValueError: there is not one score a response.
    """
    if len(scores) != len(group.rollouts):
        raise ValueError(f"group {group.group_id}: {len(group.rollouts)} responses and {len(scores)} scores")
    judged = tuple(
        QualityScore(invalid=TRUNCATED) if rollout.truncated and not score.error else score
        for rollout, score in zip(group.rollouts, scores, strict=True)
    )
    qualities_G = np.array([np.nan if s.quality is None else s.quality for s in judged], dtype=np.float64)
    return RankedGroup(group=group, scores=judged, levels_G=levels(qualities_G, tie_within))


def reasons_told(groups: Sequence[RankedGroup]) -> str:
    """Why groups train nothing and responses are not valid, counted, the most frequent first."""
    dropped = Counter(group.dropped for group in groups if group.dropped)
    reasons = sum((group.reasons for group in groups), Counter[str]())
    return f"groups dropped: {_told(dropped)}; responses not valid: {_told(reasons)}"


def _told(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.most_common()) or "none"
