"""Columns of texts and lists of the tuned pandas peer."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Array = NDArray[Any]
TEXT = pa.large_string()


def take(texts: Sequence[str] | Array | pd.Index, codes: Array) -> pd.Series:
    """The text of every code."""
    return pd.Series(texts, dtype="str").take(codes).reset_index(drop=True)


def arrow(texts: pd.Series) -> pa.Array:
    """A column of texts as one Arrow array."""
    return pa.chunked_array(pa.array(texts, TEXT)).combine_chunks()


def together(beginnings: pa.Array, ends: pa.Array) -> pa.Array:
    """Texts put together, row by row."""
    return pc.binary_join_element_wise(beginnings, ends, pa.scalar("", TEXT))


def lists(values: pa.Array, lengths: Array) -> pa.Array:
    """Runs of `lengths` values each, a list a row."""
    return pa.LargeListArray.from_arrays(np.append(0, np.cumsum(lengths)), values)


def joined(texts: pa.Array, lengths: Array, separator: str) -> pa.Array:
    """Runs of `lengths` texts each, joined."""
    return pc.binary_join(lists(texts, lengths), pa.scalar(separator, TEXT))
