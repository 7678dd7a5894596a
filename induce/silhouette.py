"""Clusters as the literature makes them: Ward's, as many as have the highest silhouette.

Suffixes: N points, D width of a vector.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

FLOOR = 0.05
"""Mean silhouette (Rousseeuw 1987) at or below which everything is one cluster."""


def silhouette_clusters(
    vectors_ND: npt.NDArray[np.floating[Any]], *, most: int, floor: float = FLOOR
) -> npt.NDArray[np.int64]:
    """N: the number of each point's cluster, from 0, at most `most` of them.

    Ward's tree of Euclidean distances is cut into 2, 3, … clusters; the cut with the highest mean silhouette
    is taken, the coarser of equals. One cluster where none is above `floor`, or of fewer than three points.
    Time and memory: N².
    """
    from scipy.cluster.hierarchy import fcluster, ward
    from scipy.spatial.distance import pdist, squareform
    from sklearn.metrics import silhouette_score

    best, best_N = floor, np.zeros(len(vectors_ND), dtype=np.int64)
    if len(vectors_ND) < 3:
        return best_N
    distances = pdist(vectors_ND.astype(np.float64))
    tree, square = ward(distances), squareform(distances)
    for count in range(2, min(most, len(vectors_ND) - 1) + 1):
        cluster_N = fcluster(tree, count, criterion="maxclust").astype(np.int64) - 1
        if len(np.unique(cluster_N)) < 2:
            continue
        found = float(silhouette_score(square, cluster_N, metric="precomputed"))
        if found > best:
            best, best_N = found, cluster_N
    return best_N
