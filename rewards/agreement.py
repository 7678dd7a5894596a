"""How far repeated judgments agree, and whether length decides them."""

import numpy as np
import numpy.typing as npt


def krippendorff_alpha(grades_UR: npt.ArrayLike) -> float | None:
    """Krippendorff's alpha for interval data: U units, each graded R times (Krippendorff 2011, eq. for no
    missing data). 1 is full agreement, 0 that of chance; None where nothing differs, or R < 2.

    Example:
        krippendorff_alpha([[1, 1], [3, 3]]) == 1.0
    """
    grades = np.asarray(grades_UR, dtype=float)
    if grades.ndim != 2 or grades.shape[1] < 2 or grades.shape[0] < 2:
        return None
    repeats, all_of_them = grades.shape[1], grades.size
    # The mean square of differences over all pairs is the same as twice the unbiased variance.
    observed = float(np.mean(grades.var(axis=1, ddof=1))) if repeats > 1 else 0.0
    expected = float(grades.var()) * all_of_them / (all_of_them - 1)
    return None if expected == 0 else 1 - observed / expected


def correlation(one: npt.ArrayLike, other: npt.ArrayLike) -> float | None:
    """Pearson's correlation; None for fewer than three values or where one of the two does not vary."""
    x, y = np.asarray(one, dtype=float), np.asarray(other, dtype=float)
    if len(x) < 3 or not x.std() or not y.std():
        return None
    return float(np.corrcoef(x, y)[0, 1])


def spearman(one: npt.ArrayLike, other: npt.ArrayLike) -> float | None:
    """Spearman's rank correlation, ties at their mean rank; None as `correlation`."""
    return correlation(_ranks(one), _ranks(other))


def same_order(one: npt.ArrayLike, other: npt.ArrayLike) -> float | None:
    """Share of pairs that both put in the same order, of those that both tell apart; None for none.

    Example:
        same_order([1, 2, 3], [1, 3, 2]) == 2 / 3
    """
    x, y = np.asarray(one, dtype=float), np.asarray(other, dtype=float)
    first, second = np.triu_indices(len(x), k=1)
    order = np.sign(x[first] - x[second]) * np.sign(y[first] - y[second])
    told = np.count_nonzero(order)
    return float(np.count_nonzero(order > 0) / told) if told else None


def _ranks(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    _, places, counts = np.unique(np.asarray(values, dtype=float), return_inverse=True, return_counts=True)
    ends = counts.cumsum()
    return np.asarray((ends - (counts - 1) / 2)[places], dtype=np.float64)
