"""Where curves go."""

from collections.abc import Mapping, Sequence
from typing import Protocol


class Log(Protocol):
    """Live curves, as `launch` writes them for TensorBoard and the report."""

    def scalars(self, step: int, values: Mapping[str, float]) -> None: ...

    def histogram(self, step: int, name: str, values: Sequence[float]) -> None: ...

    def text(self, step: int, name: str, text: str) -> None: ...
