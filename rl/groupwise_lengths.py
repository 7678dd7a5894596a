"""Whether quality rides on length: a scorer that likes long answers teaches to write long."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from rl.groupwise_groups import RankedGroup

WINDOW = 10
"""Iterations that a warning looks back on."""

WARN_AT, WARN_Z = 0.5, 3.0
"""A warning needs a correlation beyond WARN_AT, and further from 0 than WARN_Z standard errors of chance."""


class LengthWatch:
    """Correlation of length (tokens) and quality of valid responses within their groups.

    Both are taken as differences from their group's mean, as responses of one group alone are compared. One
    that is given the `state` of another goes on as that would.
    """

    def __init__(self, state: Sequence[Sequence[float]] = ()) -> None:
        self._sums = [list(sums) for sums in state]

    @property
    def state(self) -> list[list[float]]:
        """Sums over the last iterations, as JSON takes them: Σxy, Σxx, Σyy, and degrees of freedom."""
        return [list(sums) for sums in self._sums]

    def add(self, groups: Sequence[RankedGroup]) -> float:
        """Take in an iteration; returns its own correlation, NaN where lengths or qualities are alike."""
        sums = np.zeros(4)
        for group in groups:
            pairs = [
                (float(len(rollout.token_ids)), score.quality)
                for rollout, score in zip(group.group.rollouts, group.scores, strict=True)
                if score.quality is not None
            ]
            if len(pairs) > 1:
                lengths_M, qualities_M = np.array(pairs).T
                x_M, y_M = lengths_M - lengths_M.mean(), qualities_M - qualities_M.mean()
                sums += x_M @ y_M, x_M @ x_M, y_M @ y_M, len(pairs) - 1
        self._sums = [*self._sums, sums.tolist()][-WINDOW:]
        return _correlation(sums)

    def warning(self) -> str:
        """What is to be told of the last iterations; "" if nothing is."""
        sums = np.sum(self._sums, axis=0)
        correlation, freedom = _correlation(sums), sums[3]
        if not abs(correlation) > max(WARN_AT, WARN_Z / np.sqrt(max(freedom, 1.0))):
            return ""
        way, taught = ("rises", "long") if correlation > 0 else ("falls", "short")
        return (
            f"quality {way} with length: within groups their correlation is {correlation:.2f} over the last "
            f"{len(self._sums)} iterations. Training on it teaches to write {taught}; look at what the "
            "quality is made of before you trust it"
        )


def _correlation(sums: npt.NDArray[np.float64]) -> float:
    xy, xx, yy, _ = sums
    return float(xy / np.sqrt(xx * yy)) if xx > 0 and yy > 0 else float("nan")
