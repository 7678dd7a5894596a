"""A linear combination of rankers, fitted on the training part.

Each user's last event before the cut is held out, with negatives of its own; weights are those under which
it is most likely to be the one chosen of its candidates (conditional logit, McFadden 1974; the listwise
softmax loss of learning to rank): L = −(1/U) Σ_u log softmax_C(x_uC · w)_target + λ|w|²/2.

Array suffixes: U users, C candidates (the target first), F features.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

from hprbench.next_item.rankers import Ranker, score_all
from hprbench.next_item.split import FloatArray, IntArray

PENALTY = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Combination:
    """Weights of features that were put on a common scale."""

    names: tuple[str, ...]
    scale_F: FloatArray
    weights_F: FloatArray

    def scores(self, features: Mapping[str, FloatArray]) -> FloatArray:
        """Scores U × C of features U × C by name; other features are not looked at."""
        return np.asarray(_stacked(features, self.names) / self.scale_F @ self.weights_F)


def features_of(rankers: Mapping[str, Ranker], candidates_UC: IntArray) -> dict[str, FloatArray]:
    """What every ranker says of all candidates, U × C by name."""
    return {name: score_all(ranker, candidates_UC) for name, ranker in rankers.items()}


def fit_combination(
    features: Mapping[str, FloatArray], names: tuple[str, ...], *, penalty: float = PENALTY
) -> Combination:
    """Weights under which column 0 is most likely the one chosen.

    A feature's scale is its standard deviation within users; one that never differs within a user has no
    weight. The loss is convex, and the start fixed, so that the same features give the same weights.
    """
    values_UCF = _stacked(features, names)
    values_UCF -= values_UCF.mean(axis=1, keepdims=True)  # what is alike for all candidates says nothing
    spread_F = values_UCF.std(axis=(0, 1))
    scale_F = np.where(spread_F > 1e-9, spread_F, 1.0)
    values_UCF /= scale_F

    def loss(weights_F: FloatArray) -> tuple[float, FloatArray]:
        scores_UC = values_UCF @ weights_F
        log_share_UC = scores_UC - logsumexp(scores_UC, axis=1, keepdims=True)
        expected_F = np.einsum("uc,ucf->f", np.exp(log_share_UC), values_UCF)
        gradient_F = (expected_F - values_UCF[:, 0].sum(axis=0)) / len(values_UCF) + penalty * weights_F
        value = -log_share_UC[:, 0].mean() + penalty / 2 * weights_F @ weights_F
        return float(value), gradient_F

    found = minimize(loss, np.zeros(len(names)), jac=True, method="L-BFGS-B", options={"maxiter": 500})
    return Combination(names=names, scale_F=scale_F, weights_F=found.x)


def _stacked(features: Mapping[str, FloatArray], names: tuple[str, ...]) -> FloatArray:
    return np.stack([features[name] for name in names], axis=-1)
