"""Formulas that describe a behaviour log, on plain arrays: entropy, burstiness, Zipf slope, quantiles.

Nothing here knows events or files. A number that the data do not determine is None, never NaN.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

TOP_ITEMS = 200
"""Ranks that a Zipf exponent is fitted to: the head, where counts are large and the law is looked for."""

_BINS_PER_DECADE = 500  # a bin is 0.46 % wide, so a quantile read from its middle is within 0.24 %
_DECADES_MS = 13  # from 1 ms to three centuries; longer gaps share the last bin
GAP_BINS = _BINS_PER_DECADE * _DECADES_MS
"""Length of the histograms that `gap_histogram` makes."""


def burstiness(mean_U: ArrayLike, std_U: ArrayLike) -> NDArray[np.float64]:
    """B = (σ − μ) / (σ + μ) of times between events: −1 a clock, 0 a Poisson process, towards 1 bursts.

    Goh and Barabási, "Burstiness and memory in complex systems", EPL 81 (2008) 48002, eq. 1. NaN where both
    are 0. Over n gaps σ/μ is at most √(n − 1), all time lying in one of them, which bounds B too: users of a
    few events look regular whatever they do (Kim and Jo, Phys. Rev. E 94 (2016) 032311).
    """
    mean, std = np.asarray(mean_U, dtype=np.float64), np.asarray(std_U, dtype=np.float64)
    total = std + mean
    return np.divide(std - mean, total, out=np.full_like(total, np.nan), where=total > 0)


def entropy(counts: ArrayLike) -> float:
    """Shannon entropy in nats of the distribution that `counts` are proportional to; 0 for no counts."""
    values = np.asarray(counts, dtype=np.float64)
    values = values[values > 0]
    if not len(values):
        return 0.0
    share = values / values.sum()
    return float(-(share * np.log(share)).sum()) + 0.0  # no minus zero


def normalised_entropy(counts: ArrayLike, states: int) -> float | None:
    """Entropy of `counts` divided by that of `states` equally likely ones: 0 one state, 1 all alike.

    None without counts or with fewer than two states.
    """
    if states < 2 or not np.any(np.asarray(counts) > 0):
        return None
    return entropy(counts) / math.log(states)


def zipf_exponent(counts: ArrayLike, top: int = TOP_ITEMS) -> float | None:
    """Exponent s of frequency ∝ rank^−s over the `top` most frequent: least squares on the logs.

    Zipf, "Human Behavior and the Principle of Least Effort" (1949); fitted as a straight line through log
    frequency over log rank. None with fewer than three items. Ties share no rank: they are ranked in a row.
    """
    head = np.sort(np.asarray(counts, dtype=np.float64))[::-1][:top]
    head = head[head > 0]
    if len(head) < 3:
        return None
    rank = np.log(np.arange(1, len(head) + 1))
    rank -= rank.mean()
    return float(-(rank * np.log(head)).sum() / (rank * rank).sum()) + 0.0


def divergence(left: ArrayLike, right: ArrayLike) -> float | None:
    """Jensen–Shannon divergence of two distributions over the same states in bits, 0 equal to 1 disjoint.

    Lin, "Divergence measures based on the Shannon entropy", IEEE Trans. Inf. Theory 37 (1991). None where
    one of them is empty.
    """
    p, q = np.asarray(left, dtype=np.float64), np.asarray(right, dtype=np.float64)
    if p.sum() <= 0 or q.sum() <= 0:
        return None
    p, q = p / p.sum(), q / q.sum()
    return max(0.0, (entropy((p + q) / 2) - (entropy(p) + entropy(q)) / 2) / math.log(2))


def gap_histogram(gap_E: NDArray[np.int64]) -> NDArray[np.int64]:
    """Counts of gaps (ms, all positive) in GAP_BINS logarithmic bins; histograms of parts add up."""
    bins = (np.log10(gap_E.astype(np.float64)) * _BINS_PER_DECADE).astype(np.int64)
    return np.bincount(np.minimum(bins, GAP_BINS - 1), minlength=GAP_BINS)


def gap_quantile(counts: NDArray[np.int64], q: float) -> float | None:
    """Quantile `q` in seconds of the gaps behind a histogram of `gap_histogram`, within 0.24 %."""
    total = int(counts.sum())
    if not total:
        return None
    place = int(np.searchsorted(np.cumsum(counts), max(1.0, q * total)))
    return float(10 ** ((place + 0.5) / _BINS_PER_DECADE) / 1000)


def gap_density(counts: NDArray[np.int64], bins_per_decade: int = 10) -> tuple[list[float], list[float]]:
    """Coarser for drawing: middles of bins in seconds, and the share of gaps a bin; empty ends cut off."""
    coarse = counts.reshape(-1, _BINS_PER_DECADE // bins_per_decade).sum(axis=1)
    (filled,) = np.nonzero(coarse)
    if not len(filled):
        return [], []
    places = np.arange(filled[0], filled[-1] + 1)
    share = coarse[places] / coarse.sum()
    return (10 ** ((places + 0.5) / bins_per_decade) / 1000).tolist(), share.tolist()


def survival(values_U: NDArray[np.int64], points: int = 150) -> tuple[list[int], list[float]]:
    """Complementary distribution P(X ≥ x) at up to `points` of the values that occur, both ends in detail."""
    if not len(values_U):
        return [], []
    value, first = np.unique(np.sort(values_U), return_index=True)
    share = 1 - first / len(values_U)
    from_head = _log_places(len(value), points // 2)
    keep = np.union1d(from_head, len(value) - 1 - from_head)
    return value[keep].tolist(), share[keep].tolist()


def rank_frequency(counts: NDArray[np.int64], points: int = 150) -> tuple[list[int], list[int]]:
    """Ranks from 1 and the counts at them, at up to `points` ranks, evenly in log rank."""
    ordered = np.sort(counts)[::-1]
    keep = _log_places(len(ordered), points)
    return (keep + 1).tolist(), ordered[keep].tolist()


def _log_places(length: int, points: int) -> NDArray[np.int64]:
    if not length:
        return np.zeros(0, dtype=np.int64)
    return np.unique(np.geomspace(1, length, min(points, length)).round().astype(np.int64)) - 1
