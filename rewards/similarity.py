"""How alike two names of a thing are."""

from collections.abc import Iterable, Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt

from lm.sentences import encoder_directory, load_encoder


class Similarity(Protocol):
    """Tells how alike two values of an open tag are, in [0, 1]."""

    def prepare(self, values: Iterable[str]) -> None:
        """Hear of values that will be compared, so that they can be read in one batch."""

    def __call__(self, tag: str, one: str, other: str) -> float: ...


class SameName:
    """1 for the same name, else 0."""

    def prepare(self, values: Iterable[str]) -> None:
        """Nothing is to be read."""

    def __call__(self, tag: str, one: str, other: str) -> float:
        return float(one == other)


class Embeddings:
    """Cosine of sentence embeddings from a floor of each tag on; below it values are different things.

    `floors`: tag → floor; a tag without one is compared by name. Every distinct value is embedded once.

    Raises:
        UserError: there is no such model.
    """

    def __init__(self, model: str, floors: Mapping[str, float], *, device: str = "cpu") -> None:
        self.floors = dict(floors)
        self._encoder = load_encoder(encoder_directory(model, "scorer.embeddings"), device)
        self._vectors: dict[str, npt.NDArray[np.float32]] = {}

    def prepare(self, values: Iterable[str]) -> None:
        """Embed those of `values` that are new, as one batch."""
        new = sorted(set(values) - self._vectors.keys())
        if new:
            rows = self._encoder.encode(new, normalize_embeddings=True, show_progress_bar=False)
            self._vectors.update(zip(new, np.asarray(rows, dtype=np.float32), strict=True))

    def __call__(self, tag: str, one: str, other: str) -> float:
        if one == other or tag not in self.floors:
            return float(one == other)
        self.prepare((one, other))
        # Which values share a batch moves the last digits, and scores must not depend on it.
        cosine = round(float(self._vectors[one] @ self._vectors[other]), 2)
        return min(1.0, cosine) if cosine >= self.floors[tag] else 0.0
