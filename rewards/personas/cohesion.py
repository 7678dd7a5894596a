"""Cohesion: are the memories of a persona more like each other than like the rest of the user's?"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from records.induction import QualityConfig
from records.persona import Persona
from rewards.personas.curve import logistic
from rewards.personas.subject import Subject


def cohesion(personas: Sequence[Persona], subject: Subject, config: QualityConfig) -> float:
    """Mean over personas, weighted by their memories, of logistic(within - between), in [0, 1].

    `within` is the mean cosine of a persona's pairs of different memories, `between` the mean cosine of its
    memories and those of the user's other personas that are not its own; where there are none (one persona,
    or copies of it) `between` is the mean cosine to the population's memories, `subject.background_D`. For a
    persona of one memory, which has no pairs, the difference is 0, as in a silhouette: it neither holds
    together nor falls apart, so that cutting everything into single memories gains nothing.
    """
    margins_P, sizes_P = margins(personas, subject)
    curve_P = logistic(margins_P, config.cohesion_middle, config.cohesion_spread)
    return float(curve_P @ sizes_P / sizes_P.sum()) if sizes_P.any() else 0.0


def margins(
    personas: Sequence[Persona], subject: Subject
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """within - between, and the number of memories, of each of P personas. Work: P x N x D."""
    # What has no vector is neither near nor far.
    members_PN = subject.members(personas) & (subject.squares_N > 0)
    sizes_P = members_PN.sum(axis=1).astype(np.float64)
    held_N = members_PN.any(axis=0)
    others_P = held_N.sum() - sizes_P
    sums = np.vstack((members_PN, held_N)).astype(np.float32) @ subject.vectors_ND
    sums_PD, held_D = sums[:-1], sums[-1]
    # The square of a sum of unit vectors is the sum of all their cosines, each with itself included.
    squares_P = np.einsum("pd,pd->p", sums_PD, sums_PD).astype(np.float64)
    within_P = (squares_P - members_PN @ subject.squares_N) / np.maximum(sizes_P * (sizes_P - 1), 1)
    to_others_P = (sums_PD @ held_D - squares_P) / np.maximum(sizes_P * others_P, 1)
    to_background_P = sums_PD @ subject.background_D / np.maximum(sizes_P, 1)
    between_P = np.where(others_P > 0, to_others_P, to_background_P)
    return np.where(sizes_P > 1, within_P - between_P, 0.0), sizes_P
