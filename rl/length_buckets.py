"""Groups by the length of their prompts, which is that of the histories in them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthBuckets:
    """Bucket b, of `bounds[b]` = (least, most) prompt tokens, holds the groups where `bucket_N` is b."""

    bounds: tuple[tuple[int, int], ...]
    bucket_N: npt.NDArray[np.int64]


def quarters(prompt_tokens_N: npt.NDArray[np.int64]) -> LengthBuckets:
    """Quarters of the groups from the shortest prompts to the longest.

    Prompts of one length are never parted, so quarters may differ in size, and there may be fewer.

    Example:
        Lengths 1, 2, 3, 4, 5, 5, 5, 5 give the buckets 1–2, 3–4 and 5–5.
    """
    most_B = np.unique(np.quantile(prompt_tokens_N, (0.25, 0.5, 0.75, 1), method="inverted_cdf"))
    bucket_N = np.searchsorted(most_B, prompt_tokens_N)
    least = [int(prompt_tokens_N[bucket_N == bucket].min()) for bucket in range(len(most_B))]
    return LengthBuckets(
        bounds=tuple(zip(least, (int(most) for most in most_B), strict=True)), bucket_N=bucket_N
    )
