"""How alike two items are, three ways, each a symmetric matrix I × I with ones on the diagonal.

Array suffixes: I items, D dimensions, S sessions of all users.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from hprbench.next_item.split import Split

Matrix: TypeAlias = NDArray[np.float32]
Encoder: TypeAlias = Callable[[Sequence[str]], NDArray[np.float32]]
"""Titles → rows of unit length, titles × D."""


def of_titles(titles: Sequence[str]) -> Matrix:
    """Cosine of the titles' TF-IDF vectors, words alone; titles without a word are like nothing."""
    words_ID = TfidfVectorizer().fit_transform(titles)
    return _with_ones((words_ID @ words_ID.T).toarray())


def of_embeddings(titles: Sequence[str], encode: Encoder) -> Matrix:
    """Cosine of the titles' sentence embeddings."""
    rows_ID = encode(titles)
    return _with_ones(rows_ID @ rows_ID.T)


def of_sessions(split: Split) -> Matrix:
    """Cosine of the sessions in which two items are: how often together, over √(how often each).

    Sessions are those of all histories of the split, so that nothing after anybody's cut is in it.
    """
    rows, columns, first = [], [], 0
    for history in split.histories:
        rows.append(history.sessions_E + first)
        columns.append(history.items_E)
        first += int(history.sessions_E.max()) + 1
    row_E, column_E = np.concatenate(rows), np.concatenate(columns)
    shape = (first, len(split.items))
    once_SI = sparse.csr_matrix((np.ones(len(row_E), dtype=np.float32), (row_E, column_E)), shape=shape)
    once_SI.data[:] = 1.0  # a thing twice in a basket is in it once
    together = (once_SI.T @ once_SI).toarray()
    length_I = np.sqrt(np.maximum(1.0, together.diagonal()))
    return _with_ones(together / length_I[:, None] / length_I[None, :])


def _with_ones(matrix: NDArray[np.float32]) -> Matrix:
    found: Matrix = np.asarray(matrix, dtype=np.float32)
    np.fill_diagonal(found, 1.0)
    return found
