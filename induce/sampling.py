"""A bounded part of many weighted points that stands for all of them.

Suffixes: U points, D width of a vector.
"""

import numpy as np
import numpy.typing as npt

from induce.ward import Floats


def stand_ins(vectors_UD: npt.NDArray[np.floating], weights_U: Floats, most: int) -> Floats:
    """What each point stands for in a sample of at most `most`: U weights with the same sum, 0: not in it.

    Points are lined up along their main direction, and every (sum/most)-th unit of weight picks the point
    that it lies on (systematic sampling, probability proportional to weight). So every stretch of the line
    is there by its weight, heavy points for certain; nothing is left to chance.
    """
    if len(weights_U) <= most:
        return np.asarray(weights_U, dtype=np.float64)
    centred = vectors_UD - np.average(vectors_UD, axis=0, weights=weights_U)
    main = np.linalg.eigh((centred * weights_U[:, None]).T @ centred)[1][:, -1]
    # A direction has two signs, and libraries choose either.
    main = main * np.sign(main[np.abs(main).argmax()])
    order = np.argsort(np.round(centred @ main, 6), kind="stable")
    reach = np.cumsum(weights_U[order])
    step = reach[-1] / most
    picked = np.searchsorted(reach, (np.arange(most) + 0.5) * step)
    sampled_U: Floats = np.bincount(order[picked], minlength=len(weights_U)) * step
    return sampled_U
