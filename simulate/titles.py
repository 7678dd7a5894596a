"""Noisy titles: what a platform writes around the name of an entity.

A title is `front adjective ENTITY gift pack brand tail`; every slot but the entity may be empty, and a kind
of event has its own odds for each slot. A gift mark is no marketing: it stays next to the entity.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

GIFT = " Gift Wrap"

_BRACKETS = (
    "[Hot Sale]", "【Official Store】", "(Free Shipping)", "[Limited Offer]", "【Flagship】", "(In Stock)",
)  # fmt: skip
_BRANDS = (
    "Norvik", "Alumo", "Brightwell", "Casaro", "Delmora", "Everhall", "Fjordly", "Grelan", "Hartwin", "Isomi",
    "Jolanda", "Kestrio", "Lumero", "Mavenly", "Nuvita", "Orlando & Sons", "Pelham", "Quorra", "Ridgeon",
    "Solvane", "Tavira", "Umbrelo", "Velmont", "Wexley", "Yarrow", "Zelkova",
)  # fmt: skip

SLOTS: dict[str, tuple[str, ...]] = {
    "front": ("", *(f"{bracket} " for bracket in _BRACKETS), "best ", "cheap "),
    "adjective": ("", "Premium ", "New ", "Bestselling ", "2026 New ", "Classic "),
    "pack": ("", " 80 pcs", " 2 x 500 ml", " Size L", " Size M", " 3 Pack", " 250 g", " Set of 2"),
    "brand": ("", *(f" by {brand}" for brand in _BRANDS)),
    "tail": ("", *(f" {bracket}" for bracket in _BRACKETS), " | Free Returns", " near me"),
}
"""The texts of each slot; the empty one leads."""

KINDS: tuple[str, ...] = ("product", "light", "query", "bare")
"""Shop titles; dishes and trips; what a user types; names of venues."""

_BRACKETED = range(1, len(_BRACKETS) + 1)
_ODDS: dict[str, dict[str, tuple[float, range]]] = {
    "product": {
        "front": (0.35, _BRACKETED),
        "adjective": (0.3, range(1, 6)),
        "pack": (0.3, range(1, 8)),
        "brand": (0.35, range(1, len(_BRANDS) + 1)),
        "tail": (0.3, range(1, len(_BRACKETS) + 2)),
    },
    "light": {"front": (0.12, _BRACKETED), "adjective": (0.06, range(2, 4)), "tail": (0.08, _BRACKETED)},
    "query": {"front": (0.3, range(7, 9)), "tail": (0.12, range(8, 9))},
    "bare": {},
}
"""Kind → slot → (probability of not being empty, which texts, equally likely)."""


def _edges() -> dict[str, NDArray[np.float64]]:
    """Slot → cumulative odds of its texts, one row a kind."""
    table = {}
    for slot, texts in SLOTS.items():
        odds = np.zeros((len(KINDS), len(texts)))
        for row, kind in enumerate(KINDS):
            share, which = _ODDS[kind].get(slot, (0.0, range(0)))
            odds[row, list(which)] = share / max(1, len(which))
            odds[row, 0] = 1.0 - share
        table[slot] = np.cumsum(odds, axis=1)[:, :-1]
    return table


_EDGES = _edges()


def draw_noise(rng: np.random.Generator, kind_E: NDArray[np.int64]) -> NDArray[np.int8]:
    """Text numbers of the slots for E events of the given kinds; shape (E, slots)."""
    u = rng.random((len(kind_E), len(SLOTS)))
    return np.stack(
        [(u[:, i, None] >= _EDGES[slot][kind_E]).sum(axis=1) for i, slot in enumerate(SLOTS)], axis=1
    ).astype(np.int8)


def render(
    titles: tuple[str, ...],
    entity_E: NDArray[np.int64],
    query_E: NDArray[np.bool_],
    gift_E: NDArray[np.bool_],
    noise: NDArray[np.int8],
) -> pl.Series:
    """The content of E events: entity and noise put together, queries in lower case."""
    texts = pl.Series([*titles, *(title.lower() for title in titles)])
    slot = {name: pl.Series(SLOTS[name]).gather(noise[:, i]) for i, name in enumerate(SLOTS)}
    parts = {
        "front": slot["front"],
        "adjective": slot["adjective"],
        "entity": texts.gather(entity_E + len(titles) * query_E),
        "gift": pl.Series(["", GIFT]).gather(gift_E.astype(np.int8)),
        "pack": slot["pack"],
        "brand": slot["brand"],
        "tail": slot["tail"],
    }
    return pl.DataFrame(parts).select(pl.concat_str(pl.all())).to_series()
