"""Texts as numbers: work is done once a distinct text, and rows are grouped by integers."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

Codes = NDArray[np.int64]
_T = TypeVar("_T")
TextFunction = Callable[[Sequence[str]], list[str]]


def coded(values: pl.Series, function: TextFunction) -> tuple[Codes, list[str]]:
    """`function` of every text, as codes into the sorted distinct results: codes order as texts do.

    Raises:
        ValueError: the function did not give one result a text.
    """
    (codes,), texts = coded_together([(values, function)])
    return codes, texts


def coded_together(columns: Sequence[tuple[pl.Series, TextFunction]]) -> tuple[list[Codes], list[str]]:
    """`coded` for several columns whose results share one list of texts."""
    mapped = []
    for values, function in columns:
        numbers, distinct = numbered(values)
        mapped.append((numbers, _results(distinct, function)))
    texts = sorted({text for _, results in mapped for text in results})
    place = {text: number for number, text in enumerate(texts)}
    codes = [
        np.array([place[text] for text in results], dtype=np.int64)[numbers] for numbers, results in mapped
    ]
    return codes, texts


def as_category(column: str) -> pl.Expr:
    """A column of repeating texts as categories; what is written of them depends on the texts alone."""
    # Under a name of their own they are freed with the last series; those shared by default would be kept.
    return pl.col(column).cast(pl.Categorical(pl.Categories(column, "semantize")))


def counted(values: pl.Series, function: Callable[[Sequence[str]], list[int]]) -> Codes:
    """`function` of every text, a number each, called once with the distinct ones."""
    numbers, distinct = numbered(values)
    return np.array(_results(distinct, function), dtype=np.int64)[numbers]


def numbered(values: pl.Series) -> tuple[Codes, list[str]]:
    """For every value (missing: "") the number of its distinct text, and the distinct texts."""
    texts = values
    if not isinstance(values.dtype, pl.Categorical) or values.null_count():
        # Categories of their own are freed with the series; those shared by default would grow for ever.
        texts = values.cast(pl.String).fill_null("").cast(pl.Categorical(pl.Categories.random()))
    distinct = texts.unique()
    physical = distinct.to_physical().to_numpy()
    table = np.zeros(int(physical.max(initial=0)) + 1, dtype=np.int64)
    table[physical] = np.arange(len(distinct))
    return table[texts.to_physical().to_numpy()], distinct.cast(pl.String).to_list()


def _results(texts: list[str], function: Callable[[Sequence[str]], list[_T]]) -> list[_T]:
    results = function(texts)
    if len(results) != len(texts):
        raise ValueError(f"{len(texts)} texts gave {len(results)} results")
    return results
