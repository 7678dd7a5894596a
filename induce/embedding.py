"""Texts as unit vectors.

Suffixes: N texts, D width of a vector.
"""

from collections.abc import Sequence
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from induce.vector_cache import Steps, VectorCache, Vectors, from_steps, to_steps, width_in
from lm.sentences import SHIPPED, encoder_directory, load_encoder, one_thread
from records.files import directory_digest

BATCH = 8
"""Texts a forward pass, always so many: kernels go by the shape of a batch. More of them gain little on a CPU
core, and fill up longer batches with what is thrown away."""


class Embedder(Protocol):
    """Tells what texts mean, as directions: unit vectors, alike where meanings are.

    A text's vector is the same whatever it is asked for with. An empty text has one, too.
    """

    def __call__(self, texts: Sequence[str]) -> Vectors:
        """N texts → N×D float32."""
        ...


class SentenceEmbedder:
    """Sentence embeddings, each distinct text once, kept in `cache` if there is one.

    Texts of one number of tokens make batches of one size, filled up with copies: a row is computed by the
    same operations whatever stands beside it, and its numbers do not move. On a CPU one thread does it: two
    add up in another order, and beside other work wait for each other. Vectors are kept on a grid
    (`vector_cache.STEP`).
    The model is loaded when the first text is not in the cache.

    Args:
        model: SHIPPED or a directory in sentence-transformers' layout.
        cache: folder of vectors; those of one model lie in a folder named by its digest.
        most: vectors that are kept in memory and in `cache`.

    Raises:
        UserError: there is no such model.

    Example:
        vectors_ND = SentenceEmbedder(cache=Path("runs/mine/vectors"))(["Wet Wipes", "Milk Powder"])
    """

    def __init__(
        self, model: str = SHIPPED, *, cache: Path | None = None, most: int = 500_000, device: str = "cpu"
    ) -> None:
        self.directory = encoder_directory(model, "induce.clusters.embeddings")
        self.device = device
        self.computed = 0
        """Texts that went through the model so far."""
        self._folder = cache / directory_digest(self.directory) if cache else None
        self._most = most

    def __call__(self, texts: Sequence[str]) -> Vectors:
        distinct = sorted(set(texts))
        known = self._cache.get(distinct) if self._cache else {}
        new = [text for text in distinct if text not in known]
        if new:
            steps_MD = self._encode(new)
            if self._cache:
                self._cache.put(new, steps_MD)
            known.update(zip(new, steps_MD, strict=True))
        steps_ND = np.stack([known[text] for text in texts]) if texts else np.empty((0, self.width), np.int16)
        return from_steps(steps_ND)

    @cached_property
    def width(self) -> int:
        """D. What configs of models call it goes by their kind, so the model is asked where no vector is."""
        kept = width_in(self._folder) if self._folder else None
        return kept or int(self._encoder.get_embedding_dimension())

    @cached_property
    def _cache(self) -> VectorCache | None:
        return VectorCache(self._folder, self.width, self._most) if self._folder else None

    @cached_property
    def _encoder(self) -> Any:
        return load_encoder(self.directory, self.device)

    def _encode(self, texts: list[str]) -> Steps:
        self.computed += len(texts)
        longest = self._encoder.max_seq_length
        # Characters beyond this make no token that is read; a text of a megabyte would be split in vain.
        cut = (text[: 32 * longest] for text in texts)
        # Half a surrogate pair, which broken logs hold, is no text to a tokenizer.
        texts = [text.encode("utf-8", "replace").decode() for text in cut]
        pieces = self._encoder.tokenizer(texts, truncation=True, max_length=longest)["input_ids"]
        order = sorted(range(len(texts)), key=lambda i: len(pieces[i]))
        steps_MD = np.empty((len(texts), self.width), dtype=np.int16)
        for _, same in groupby(order, key=lambda i: len(pieces[i])):
            rows = list(same)
            full = rows + rows[-1:] * (-len(rows) % BATCH)
            with one_thread():
                vectors = self._encoder.encode(
                    [texts[i] for i in full],
                    batch_size=BATCH,
                    normalize_embeddings=True,
                    show_progress_bar=False,
                )
            steps_MD[rows] = to_steps(np.asarray(vectors[: len(rows)], dtype=np.float32))
        return steps_MD


class Prepared:
    """Vectors of texts embedded beforehand, each distinct one once; that of an empty text is 0."""

    def __init__(self, embedder: Embedder, texts: Sequence[str]) -> None:
        distinct = sorted({text for text in texts if text})
        vectors_UD = embedder(distinct)
        self._vectors_UD = np.vstack([vectors_UD, np.zeros_like(vectors_UD, shape=(1, vectors_UD.shape[1]))])
        self._place = {text: place for place, text in enumerate([*distinct, ""])}

    def __call__(self, texts: Sequence[str]) -> Vectors:
        return self._vectors_UD[[self._place[text] for text in texts]]
