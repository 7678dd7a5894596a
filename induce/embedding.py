"""Texts as unit vectors.

Suffixes: N texts, D width of a vector.
"""

import hashlib
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from induce.vector_cache import Steps, VectorCache, Vectors, from_steps, to_steps
from lm.sentences import SHIPPED, encoder_directory, load_encoder
from records.files import read_json

BATCH = 32
"""Texts a forward pass: on a CPU core larger ones fall out of its cache."""


class Embedder(Protocol):
    """Tells what texts mean, as directions: unit vectors, alike where meanings are.

    A text's vector is the same whatever it is asked for with. An empty text has one, too.
    """

    def __call__(self, texts: Sequence[str]) -> Vectors:
        """N texts → N×D float32."""
        ...


class SentenceEmbedder:
    """Sentence embeddings, each distinct text once, kept in `cache` if there is one.

    Texts of one number of tokens make a batch, so nothing is padded: a row is computed by the same
    operations whatever stands beside it, and its numbers do not move. They are put on a grid
    (`vector_cache.STEP`) nevertheless, for machines whose kernels go by the shape of the batch.
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
        self.width = int(read_json(self.directory / "config.json")["hidden_size"])
        self.computed = 0
        """Texts that went through the model so far."""
        self._encoder: Any = None
        folder = cache / _digest(self.directory) if cache else None
        self._cache = VectorCache(folder, self.width, most) if folder else None

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

    def _encode(self, texts: list[str]) -> Steps:
        if self._encoder is None:
            self._encoder = load_encoder(self.directory, self.device)
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
            vectors = self._encoder.encode(
                [texts[i] for i in rows],
                batch_size=BATCH,
                normalize_embeddings=True,
                show_progress_bar=False,
            )
            steps_MD[rows] = to_steps(np.asarray(vectors, dtype=np.float32))
        return steps_MD


def _digest(directory: Path) -> str:
    """Of everything in a model's directory, so that another model never answers for this one."""
    whole = hashlib.sha256()
    for path in sorted(directory.rglob("*")):
        if path.is_file() and path.suffix != ".md":
            whole.update(path.relative_to(directory).as_posix().encode())
            with path.open("rb") as stream:
                whole.update(hashlib.file_digest(stream, "sha256").digest())
    return whole.hexdigest()[:16]
