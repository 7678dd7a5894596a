"""Made-up users of whom it is known what they want: memories, their embeddings, and true persona sets."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

from records.persona import IntentMemory

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
"""A Thursday."""


def memory(
    number: int,
    wants: Sequence[str] = ("Milk",),
    day: float = 0,
    *,
    category: str = "Baby",
    action: str = "Order",
    source: str = "Shop",
    value: float = float("nan"),
    noise: str = "",
) -> IntentMemory:
    """A memory that begins `day` days after START and takes an hour."""
    start = START + timedelta(days=day)
    return IntentMemory(
        user_id="u", number=number, start=start, end=start + timedelta(hours=1), source=source, action=action,
        wants=tuple(wants), category=category, event_ids=(f"e{number}",), value=value, noise=noise,
    )  # fmt: skip


def unit(*rows: Sequence[float]) -> npt.NDArray[np.float32]:
    """Rows of length 1."""
    given = np.asarray(rows, dtype=np.float32)
    return given / np.linalg.norm(given, axis=1, keepdims=True)
