"""Lines in an order in which like stands beside like, so that what belongs together is a stretch of lines.

A small language model does not know which words mean the like; sentence embeddings do. Any cut of the tree of
lines is a cut of the order into stretches, and stretches that begin where likeness is below a number are one.

Suffixes: L lines, D width of a vector.
"""

import numpy as np

from induce.vector_cache import Vectors
from induce.ward import Floats, ward


def by_likeness(sums_LD: Vectors, weights_L: Floats) -> list[tuple[int, int]]:
    """Places of L lines in the new order, each with how alike it is to what stands before it, 0 to 9.

    Args:
        sums_LD: the unit vectors behind each line, added up.
        weights_L: how many these are.

    The order is that of the leaves of Ward's tree; of two sides the one with the earlier line comes first.
    Likeness between two lines is that of the sides that the tree has there: tenths of the mean cosine of
    their vectors, those below 0 counted as 0, and no more than within a side. The first line has 0.
    """
    count = len(weights_L)
    order, likeness, within = [[place] for place in range(count)], [0] * count, [9] * count
    sums, weights = np.array(sums_LD, dtype=np.float64), np.array(weights_L, dtype=np.float64)
    for keep, go in ward(sums / weights[:, None], weights).pairs.tolist():
        # Rounded, so that a tenth is one on every machine.
        cosine = round(float(sums[keep] @ sums[go] / (weights[keep] * weights[go])), 6)
        within[keep] = min(max(int(10 * cosine), 0), within[keep], within[go])
        likeness[order[go][0]] = within[keep]
        order[keep] += order[go]
        sums[keep] += sums[go]
        weights[keep] += weights[go]
    return [(place, likeness[place]) for place in (order[0] if count else [])]
