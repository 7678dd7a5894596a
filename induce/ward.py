"""Ward's hierarchical clustering of weighted points, by nearest-neighbour chains.

Libraries give every point the same weight; a point here stands for everything behind a text.

Suffixes: U points, D width of a vector.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """U − 1 merges of clusters named by their least point, cheapest first.

    `pairs`: (U−1)×2, the greater name goes into the lesser; `costs`: U−1, by how much a merge raises the
    weighted sum of squared distances to centres.
    """

    pairs: Ints
    costs: Floats

    def labels(self, clusters: int) -> Ints:
        """U: the cluster of every point, from 0 by least point, where the tree is cut into `clusters`."""
        parent = np.arange(len(self.pairs) + 1)
        for keep, go in self.pairs[: len(parent) - clusters]:
            parent[go] = keep
        # A name only ever goes into a lesser one, so a parent's own parent is settled before it is asked for.
        for point in range(len(parent)):
            parent[point] = parent[parent[point]]
        labels: Ints = np.unique(parent, return_inverse=True)[1].astype(np.int64)
        return labels


def ward(vectors_UD: npt.NDArray[np.floating], weights_U: Floats) -> Tree:
    """Merge, again and again, the two clusters whose union costs least: w·v/(w + v)·‖a − b‖² (Ward 1963).

    Costs of unions follow by Lance and Williams's recurrence; chains of nearest neighbours (Murtagh 1983)
    find the same tree in U² steps. Of equal costs the one with the least points is taken.
    """
    points = np.asarray(vectors_UD, dtype=np.float64)
    weights = np.array(weights_U, dtype=np.float64)
    count = len(points)
    norms = (points**2).sum(1)
    cost = np.maximum(norms[:, None] + norms - 2 * (points @ points.T), 0)
    # Products of matrices may differ by a rounding on either side of the diagonal, and a chain that is not
    # told the same from both ends runs in circles.
    cost = np.minimum(cost, cost.T)
    cost *= weights[:, None] * weights / (weights[:, None] + weights)
    np.fill_diagonal(cost, np.inf)
    heights = np.zeros(count)
    pairs, costs = np.zeros((max(count - 1, 0), 2), dtype=np.int64), np.zeros(max(count - 1, 0))
    alive = np.ones(count, dtype=bool)
    chain: list[int] = []
    for merge in range(count - 1):
        if not chain:
            chain.append(int(alive.argmax()))
        while True:
            here = chain[-1]
            near = int(cost[here].argmin())
            # On a tie the chain turns back, or it would run in circles.
            if len(chain) > 1 and cost[here, chain[-2]] <= cost[here, near]:
                break
            chain.append(near)
        keep, go = sorted((chain.pop(), chain.pop()))
        # Nothing merges more cheaply than its parts did; by a rounding it might.
        heights[keep] = max(cost[keep, go], heights[keep], heights[go])
        pairs[merge], costs[merge] = (keep, go), heights[keep]
        both = weights[keep] + weights[go]
        new = (weights[keep] + weights) * cost[keep] + (weights[go] + weights) * cost[go]
        new = np.maximum(new - weights * cost[keep, go], 0) / (both + weights)
        new[~alive] = new[keep] = new[go] = np.inf
        cost[keep], cost[:, keep], cost[go], cost[:, go] = new, new, np.inf, np.inf
        weights[keep], alive[go] = both, False
    # Chains find merges out of order.
    order = np.argsort(costs, kind="stable")
    return Tree(pairs=pairs[order], costs=costs[order])
