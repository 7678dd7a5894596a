"""From a cosine, or a difference of two, to [0, 1]."""

import numpy as np
import numpy.typing as npt


def logistic(x: npt.ArrayLike, middle: float, spread: float) -> npt.NDArray[np.float64]:
    """1 / (1 + e^-((x - middle) / spread)): rising, one half at `middle`, .73 a `spread` above it."""
    scaled = (np.asarray(x, dtype=np.float64) - middle) / spread
    return np.asarray(1 / (1 + np.exp(-np.clip(scaled, -500, 500))))
