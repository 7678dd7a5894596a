"""How good a response is, where responses are ranked."""

from dataclasses import dataclass
from math import isfinite


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityScore:
    """What a scorer says of one response: its `quality` (higher is better), or why it is `invalid`, or the
    `error` that kept it from being scored. Of the three there is exactly one.

    An invalid response is ranked behind all valid ones. One whose scoring failed is left out of its group: it
    may be as good as any.

    Raises:
        ValueError: it says none of the three, or several, or a quality that is no number.
    """

    quality: float | None = None
    invalid: str = ""
    error: str = ""

    def __post_init__(self) -> None:
        if (self.quality is not None) + bool(self.invalid) + bool(self.error) != 1:
            raise ValueError(f"{self}: a response has a quality, a reason why it is invalid, or an error")
        if self.quality is not None and not isfinite(self.quality):
            raise ValueError(f"{self}: a quality is a finite number; what has none is invalid or an error")
